package chunk

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

// sectionsOf are the chunks of a text as "path: letters", with room for every section.
func sectionsOf(t testing.TB, text string, kind Kind) []string {
	t.Helper()
	chunks, headings := cut(t, []string{text}, nil, Options{Budget: 1000, Kind: kind})
	var all []string
	for _, c := range chunks {
		all = append(all, path([]string{text}, c, headings)+": "+text[c.Start:c.End])
	}
	return all
}

func TestMarkdownHeadings(t *testing.T) {
	require.Equal(t, []string{": Before", "A: # A\nx", "A > B: ## B ##\ny", "A > B > C#: #### C#\nz",
		"D: # D"}, sectionsOf(t, "Before\n# A\nx\n## B ##\ny\n#### C#\nz\n   # D", Markdown))
	require.Equal(t, []string{"A: A\n===\nx", "A > B\nb: B\nb\n---\ny\n\n---\nz"},
		sectionsOf(t, "A\n===\nx\n\nB\nb\n---\ny\n\n---\nz", Markdown))
	for _, none := range []string{"#no", "####### seven", "    # code", "> # quoted", "- item\n---",
		"> quote\n---", "```\n# fenced\n```", "~~~\n# open", "\\# x", "a\n--- -", "|a|\n# x|"[:3]} {
		require.Equal(t, []string{": " + strings.TrimSpace(none)}, sectionsOf(t, none, Markdown), none)
	}
	require.Equal(t, []string{": #"}, sectionsOf(t, "#", Markdown), "a title without letters")
}

func TestHeadingsWithoutATextStayWithTheOneBelow(t *testing.T) {
	require.Equal(t, []string{"A > B > C: # A\n\n## B\n### C\ntext", "A > D: ## D", "E: # E"},
		sectionsOf(t, "# A\n\n## B\n### C\ntext\n## D\n# E\n", Markdown))
}

func TestATitleGoesWithWhatItIsAbove(t *testing.T) {
	text := "# Title\n\n" + strings.Repeat("Six words are in this one. ", 5)
	got := pieces(t, text, Options{Budget: 36, Unit: Counted, Kind: Markdown})
	require.Equal(t, "# Title\n\n"+strings.Repeat("Six words are in this one. ", 4)[:107], got[0])
}

func TestFrontMatterFencesAndTablesStayAsTheyAre(t *testing.T) {
	text := "---\ntitle: x\n---\nBody.\n\n```go\nfunc a() {}\n\nfunc b() {}\n```\nEnd.\n\n" +
		"| a | b |\n|--|--|\n| c | d |\nlast"
	got := pieces(t, text, Options{Budget: 26, Unit: Characters, Kind: Markdown})
	require.Equal(t, []string{"---\ntitle: x\n---\nBody.", "```go\nfunc a() {}",
		"func b() {}\n```\nEnd.", "| a | b |\n|--|--|", "| c | d |\nlast"}, got)
	whole := pieces(t, text, Options{Budget: 40, Unit: Characters, Kind: Markdown})
	require.Contains(t, whole, "```go\nfunc a() {}\n\nfunc b() {}\n```\nEnd.")
	require.Contains(t, whole, "| a | b |\n|--|--|\n| c | d |\nlast")
}

func TestListItemsAreKeptWhole(t *testing.T) {
	list := "- one two\n  three\n- four five six\n\n1. seven\n2) eight nine ten\n• eleven"
	for _, kind := range []Kind{Plain, Markdown} {
		require.Equal(t, []string{"- one two\n  three", "- four five six", "1. seven",
			"2) eight nine ten", "• eleven"},
			pieces(t, list, Options{Budget: 18, Unit: Characters, Kind: kind}))
	}
}

func TestTitlesOfReStructuredText(t *testing.T) {
	text := "=====\n Top\n=====\n\nIntro::\n\n   Code\n   ----\n\nPart\n----\nText.\n\n" +
		"Deep\n~~~~\nx\n\n" +
		"Next\n----\n== ==\na  b\n== ==\n1  2\n\n3  4\n== ==\n"
	require.Equal(t, []string{"Top: =====\n Top\n=====\n\nIntro::\n\n   Code\n   ----",
		"Top > Part: Part\n----\nText.", "Top > Part > Deep: Deep\n~~~~\nx",
		"Top > Next: Next\n----\n== ==\na  b\n== ==\n1  2\n\n3  4\n== =="}, sectionsOf(t, text, RST))
	for _, none := range []string{"Too long a title\n--", "a\n\n----\n\nb", "  In\n----", "----",
		"---\n---",
		".. note::\n\n   Title\n   -----"} {
		require.Equal(t, []string{": " + strings.TrimSpace(none)}, sectionsOf(t, none, RST), none)
	}
}

func TestSectionsOfDocstrings(t *testing.T) {
	numpy := "Sum up.\n\n    Parameters\n    ----------\n    x : int\n\n    Examples\n    --------\n" +
		"    >>> f(1)\n    2\n"
	require.Equal(t, []string{": Sum up.",
		"Parameters: Parameters\n    ----------\n    x : int",
		"Examples: Examples\n    --------\n    >>> f(1)\n    2"}, sectionsOf(t, numpy, Docstring))
	google := "Sum up.\n\nArgs:\n    x: a number.\n\nReturns:\n    More.\n\nNote: this is none."
	require.Equal(t, []string{": Sum up.", "Args: Args:\n    x: a number.",
		"Returns: Returns:\n    More.\n\nNote: this is none."}, sectionsOf(t, google, Docstring))
}

func TestLinesOfCodeArePartedWhereNothingIsIndented(t *testing.T) {
	code := "def a():\n    x = 1\n\n    y = 2\n\ndef b():\n    pass\n"
	require.Equal(t, []string{"def a():\n    x = 1\n\n    y = 2", "def b():\n    pass"},
		pieces(t, code, Options{Budget: 40, Unit: Characters, Kind: Code}))
}

func TestEveryLineEndIsOne(t *testing.T) {
	for _, end := range []string{"\n", "\r", "\r\n", "\v", "\f", "\u0085", "\u2028", "\u2029"} {
		text := strings.Join([]string{"# A", "x y", "", "z", "", "- i", "- j"}, end)
		chunks, _ := cut(t, []string{text}, nil, Options{Budget: 4, Unit: Characters, Kind: Markdown})
		var got []string
		for _, c := range chunks {
			got = append(got, text[c.Start:c.End])
		}
		require.Equal(t, []string{"# A", "x y", "z", "- i", "- j"}, got, "%q", end)
	}
}

func TestMarksAreHeadingsAndPlacesThatNothingGoesOver(t *testing.T) {
	texts := []string{"plain é", "é Top é body. Sub more. Page"}
	marks := []Mark{{1, 2, 5, 3}, {1, 14, 17, 7}, {1, 24, 24, 0}}
	chunks, headings := cut(t, texts, marks, Options{Budget: 50})
	var got []string
	for _, c := range chunks {
		got = append(got, path(texts, c, headings)+": "+texts[c.Text][c.Start:c.End])
	}
	require.Equal(t, []string{": plain é", ": é", "Top: Top é body.", "Top > Sub: Sub more.",
		"Top > Sub: Page"}, got)
	require.Equal(t, Span{Text: 1, Start: 3, End: 6, From: 2, To: 5}, headings[0].Span)
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	good := Options{Budget: 5}
	for says, bad := range map[string]struct {
		o     Options
		marks []Mark
		text  string
	}{
		"budget = 0":                       {o: Options{}},
		"budget = 1073741825":              {o: Options{Budget: MaxBudget + 1}},
		"overlap = 5":                      {o: Options{Budget: 5, Overlap: 5}},
		"overlap = -1":                     {o: Options{Budget: 5, Overlap: -1}},
		"kind or unit":                     {o: Options{Budget: 5, Kind: 9}},
		"2 tokens are in every chunk":      {o: Options{Budget: 2, Base: 2, Unit: Counted}},
		"heading 0 is in text 7 of 1":      {o: good, marks: []Mark{{7, 0, 0, 1}}},
		"heading 0 has level 99":           {o: good, marks: []Mark{{0, 0, 0, 99}}},
		"heading 0 is [2, 1)":              {o: good, marks: []Mark{{0, 2, 1, 1}}, text: "abc"},
		"ends at character 4 of 3":         {o: good, marks: []Mark{{0, 2, 4, 1}}, text: "éé\n"},
		"heading 1 begins before":          {o: good, marks: []Mark{{0, 0, 2, 1}, {0, 1, 2, 1}}},
		"not UTF-8 at byte 3 (character 2": {o: good, text: "é.\xffx"},
	} {
		_, err := New(context.Background(), column{bad.text}, bad.marks, bad.o, nil)
		require.ErrorContains(t, err, says)
		require.Equal(t, fault.InvalidArgument, fault.KindOf(err), says)
	}
}

func TestCountsAreChecked(t *testing.T) {
	c, err := New(context.Background(), column{"One.\n\nTwo."}, nil,
		Options{Budget: 5, Unit: Counted}, nil)
	require.NoError(t, err)
	require.Len(t, c.Asked(), 2)
	asked, chunks, headings := c.Counts()
	require.Equal(t, []int{2, 0, 0}, []int{asked, chunks, headings})
	require.ErrorContains(t, c.Tell(context.Background(), []int64{1}), "1 counts of 2 spans")
	require.ErrorContains(t, c.Tell(context.Background(), []int64{1, -1}), "span 1 has -1 tokens")
	require.NoError(t, c.Tell(context.Background(), []int64{2, 2}))
	require.Len(t, c.Asked(), 1, "what was put together is counted")
	require.NoError(t, c.Tell(context.Background(), []int64{6}))
	require.Len(t, c.Asked(), 2, "and cut if that was too much")
	require.NoError(t, c.Tell(context.Background(), []int64{2, 2}))
	all, _ := c.Chunks()
	require.Len(t, all, 2)
	require.Empty(t, c.Asked())
}

func TestLineEndsBetweenPartsCountWhereTheCallerSaysSo(t *testing.T) {
	text := "One.\n\nTwo.\n\n\n  Three."
	for each, want := range map[int]int{0: 3, 1: 9, 2: 15} {
		c, err := New(context.Background(), column{text}, nil,
			Options{Budget: 50, Unit: Counted, Break: each}, nil)
		require.NoError(t, err)
		require.NoError(t, c.Tell(context.Background(), []int64{1, 1, 1}))
		chunks, _ := c.Chunks()
		require.Equal(t, want, chunks[0].Tokens, "before it is counted")
		require.NoError(t, c.Tell(context.Background(), []int64{11}))
		chunks, _ = c.Chunks()
		require.Equal(t, 11, chunks[0].Tokens)
	}
}

func TestCuttingIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := New(ctx, column{strings.Repeat("One. ", 100000)}, nil, Options{Budget: 5}, nil)
	require.Equal(t, fault.Cancelled, fault.KindOf(err))
	c, err := New(context.Background(), column{"One.\n\nTwo."}, nil,
		Options{Budget: 5, Unit: Counted}, nil)
	require.NoError(t, err)
	require.Equal(t, fault.Cancelled, fault.KindOf(c.Tell(ctx, []int64{1, 1})))
}
