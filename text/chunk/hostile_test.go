package chunk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// check holds what every cutting promises.
func check(t testing.TB, text string, o Options) {
	t.Helper()
	chunks, headings := cut(t, []string{text}, nil, o)
	if o.Unit == Counted {
		o.Base = 2
	}
	at := 0
	for i, c := range chunks {
		piece := text[c.Start:c.End]
		require.NotEmpty(t, piece)
		require.True(t, utf8.ValidString(piece))
		require.Equal(t, piece, strings.TrimSpace(piece))
		require.Equal(t, utf8.RuneCountInString(text[:c.Start]), c.From)
		require.Equal(t, utf8.RuneCountInString(text[:c.End]), c.To)
		require.Less(t, c.Heading, len(headings))
		size := o.measure(piece)
		if size > o.Budget && len(piece) != graphemeEnd(piece, 0, len(piece)) {
			t.Logf("%q %+v", text, o)
		}
		if size > o.Budget {
			require.Equal(t, len(piece), graphemeEnd(piece, 0, len(piece)), "%q", piece)
		}
		if o.Unit != Estimated {
			require.Equal(t, size, c.Tokens)
		}
		require.Empty(t, strings.TrimSpace(text[min(at, c.Start):c.Start]), "lost")
		if i > 0 {
			before := chunks[i-1]
			require.Greater(t, c.Start, before.Start)
			require.Greater(t, c.End, before.End)
			require.False(t, o.Overlap == 0 && c.Start < before.End)
			wholeAt(t, text, c.Start)
		}
		at = max(at, c.End)
	}
	require.Empty(t, strings.TrimSpace(text[at:]), "lost at the end")
}

// wholeAt holds that no grapheme is cut at a place.
func wholeAt(t testing.TB, text string, at int) {
	t.Helper()
	from := at
	for from > 0 && text[from-1] != ' ' && text[from-1] != '\n' && at-from < 400 {
		from--
	}
	if at-from < 400 {
		for from < at {
			from = graphemeEnd(text, from, len(text))
		}
		require.Equal(t, at, from, "a grapheme is cut")
	}
}

func (o Options) measure(piece string) int {
	switch o.Unit {
	case Characters:
		return utf8.RuneCountInString(piece)
	case Counted:
		return int(byWords(piece))
	}
	return Estimate(piece)
}

var alphabet = []string{"a", "word ", "Sentence. ", "\n", "\n\n", "# H\n", "## H\n", "- ", "```\n",
	"|", "> ", "===\n", "---\n", "e\u0301", "👨‍👩‍👧", "🇩🇪", "東京。", "，", "한글", "\x00", "\r\n", "\u2028",
	"\t", "    ", "Args:\n", "::\n", ">>> x\n", "\u00a0", "\ufeff", "\u202e", "3.14 ", "…", "?!",
	"longwordwithoutanyspace"}

func TestEveryCuttingKeepsWhatItPromises(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 16))
		var b strings.Builder
		for range r.IntN(120) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		o := Options{Kind: Kind(r.IntN(5)), Unit: Unit(r.IntN(3)), Budget: 3 + r.IntN(40)}
		if r.IntN(2) == 0 {
			o.Overlap = r.IntN(o.Budget)
		}
		check(t, b.String(), o)
	}
}

func FuzzEveryTextIsCut(f *testing.F) {
	f.Add("# A\n\nOne. Two.\n\n- x\n", uint8(1), uint8(0), uint16(9), uint16(3))
	f.Add("a\u0301👨‍👩‍👧東京。\r\n===", uint8(2), uint8(1), uint16(4), uint16(0))
	f.Add("```\n\x00\n~~~", uint8(4), uint8(2), uint16(5), uint16(4))
	f.Fuzz(func(t *testing.T, text string, kind, unit uint8, budget, overlap uint16) {
		o := Options{Kind: Kind(kind % 5), Unit: Unit(unit % 3), Budget: 3 + int(budget)}
		o.Overlap = int(overlap) % o.Budget
		if !utf8.ValidString(text) {
			_, err := New(context.Background(), column{text}, nil, o, nil)
			require.ErrorContains(t, err, "is not UTF-8")
			return
		}
		check(t, text, o)
	})
}

// hostile texts, by how long they are.
var hostile = map[string]func(n int) string{
	"one word":      func(n int) string { return strings.Repeat("a", n) },
	"one line":      func(n int) string { return strings.Repeat("a ", n/2) },
	"blanks":        func(n int) string { return "a" + strings.Repeat(" ", n) + "b" },
	"blank lines":   func(n int) string { return "a" + strings.Repeat("\n", n) + "b" },
	"stops":         func(n int) string { return strings.Repeat(".", n) },
	"abbreviations": func(n int) string { return strings.Repeat("e.g. Dr. ", n/9) },
	"numbers":       func(n int) string { return strings.Repeat("1. ", n/3) },
	"headings":      func(n int) string { return strings.Repeat("# a\n", n/4) },
	"deep headings": func(n int) string {
		return strings.Repeat("# a\n## b\n### c\n#### d\n", n/22)
	},
	"quotes":          func(n int) string { return strings.Repeat(">", n) },
	"lists":           func(n int) string { return strings.Repeat("- ", n/2) },
	"items":           func(n int) string { return strings.Repeat("- a\n", n/4) },
	"fences":          func(n int) string { return strings.Repeat("```\na\n", n/6) },
	"open fence":      func(n int) string { return "```\n" + strings.Repeat("a\n\n", n/3) },
	"table":           func(n int) string { return strings.Repeat("| a |\n", n/6) },
	"adornments":      func(n int) string { return strings.Repeat("====\n", n/5) },
	"rules":           func(n int) string { return strings.Repeat("== ==\na\n\n", n/9) },
	"literals":        func(n int) string { return strings.Repeat("a::\n\n  b\n", n/9) },
	"marks":           func(n int) string { return "a" + strings.Repeat("\u0301", n/2) },
	"emoji":           func(n int) string { return strings.Repeat("👨‍", n/7) },
	"flags":           func(n int) string { return strings.Repeat("🇩", n/4) },
	"ideographs":      func(n int) string { return strings.Repeat("東", n/3) },
	"other direction": func(n int) string { return strings.Repeat("שלום \u202e", n/12) },
	"carriage":        func(n int) string { return strings.Repeat("a\r", n/2) },
	"zeros":           func(n int) string { return strings.Repeat("\x00", n) },
	"front matter":    func(n int) string { return strings.Repeat("---\n", n/4) },
	"equals":          func(n int) string { return "a\n" + strings.Repeat("=", n) },
}

// These would take minutes if time grew with the square of the bytes.
func TestHostileTextsAreCut(t *testing.T) {
	for name, text := range hostile {
		for kind := Plain; kind <= Code; kind++ {
			check(t, text(3000), Options{Kind: kind, Unit: Unit(kind % 3), Budget: 30, Overlap: 7})
		}
		for _, kind := range []Kind{Markdown, Docstring} {
			_, err := New(context.Background(), column{text(1 << 17)}, nil,
				Options{Kind: kind, Budget: 30, Overlap: 7}, nil)
			require.NoError(t, err, name)
		}
	}
}

// BenchmarkHostile shows what one byte costs at two lengths.
func BenchmarkHostile(b *testing.B) {
	for name, text := range hostile {
		for _, n := range []int{1 << 18, 1 << 22} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				s := text(n)
				b.SetBytes(int64(n))
				for b.Loop() {
					_, err := New(context.Background(), column{s}, nil,
						Options{Kind: Markdown, Budget: 30, Overlap: 7, Threads: 1}, nil)
					require.NoError(b, err)
				}
			})
		}
	}
}

func TestAHundredThousandNestedHeadings(t *testing.T) {
	text := strings.Repeat("a b\n", 100_000)
	marks := make([]Mark, 100_000)
	for i := range marks {
		marks[i] = Mark{Start: 4 * i, End: 4*i + 1, Level: 1 + i%maxLevel}
	}
	chunks, headings := cut(t, []string{text}, marks, Options{Budget: 10})
	require.Len(t, headings, 100_000)
	require.Len(t, chunks, 100_000)
	for _, c := range chunks {
		depth := 0
		for h := c.Heading; h >= 0; h = headings[h].Parent {
			depth++
		}
		require.LessOrEqual(t, depth, maxLevel)
	}
}

func TestWhiteSpaceIsUnicodes(t *testing.T) {
	for r := range rune(0x3100) {
		if utf8.ValidRune(r) {
			require.Equal(t, unicode.IsSpace(r), classOf(r)&space != 0, "%x", r)
		}
	}
}
