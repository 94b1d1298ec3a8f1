package chunk

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func sentencesOf(text string) []string {
	var all []string
	for start := 0; start < len(text); {
		end := sentenceEnd(text, start, len(text))
		all = append(all, text[start:end])
		start = afterSpaces(text, end, len(text))
	}
	return all
}

func TestSentences(t *testing.T) {
	for _, want := range [][]string{
		{"One two.", "Three four!", "Five?", "Six"},
		{"Dr. Who met Mr. Smith at 5 p.m. today.", "He left."},
		{"It costs 3.14 at example.org, e.g. there.", "Fig. 3 shows No. 7."},
		{"The U.S. Army and J. R. R. Tolkien."},
		{"Wait... what?", "Yes."},
		{"Wait… there is more.", "Go on…", "Then."},
		{"\"Stop!\" he said.", "\"Now.\"", "(He ran.)", "Away."},
		{"He said “Go.”", "She went."},
		{"यह है।", "वह है॥", "अब"},
		{"هل هذا؟", "نعم."},
		{"1. First item.", "In 2019.", "Then."},
		{"What?!", "No."},
		{"vs. others, etc., and so on.", "End."},
		{"Really?", "yes."},
		{"like\nspace.", "B."},
		{"No end"},
		{"Das ist z.B. gut, d.h. Dr. Maier kommt.", "Gut."},
	} {
		require.Equal(t, want, sentencesOf(strings.Join(want, " ")))
	}
	require.Equal(t, []string{"今日は。", "「はい！」", "元気？", "3．5"},
		sentencesOf("今日は。「はい！」元気？3．5"))
}

func TestGraphemesStayWhole(t *testing.T) {
	for _, one := range []string{"a", "é", "e\u0301", "👨\u200d👩\u200d👧\u200d👦", "👍🏽",
		"🏴\U000E0067\U000E0062\U000E007F",
		"🇩🇪", "한", "\u1112\u1161\u11ab", "क्ष", "நி", "กำ", "\r\n", "\u0600\u0661", "✊🏿", "1\ufe0f\u20e3",
		"❤\ufe0f\u200d🔥", "ก็", "\u00a9\ufe0f", "각", "\uac00\u11a8", "ᄀᄀ가", "x\u200d"} {
		text := one + one
		if one == "ᄀᄀ가" || one == "한" || one == "각" || one == "\uac00\u11a8" || one == "क्ष" {
			text = one + "-"
		}
		require.Equal(t, len(one), graphemeEnd(text, 0, len(text)), "%q", text)
		require.Equal(t, len(one), graphemeEnd(one, 0, len(one)), "%q", one)
	}
	for two, first := range map[string]int{"ab": 1, "a\n": 1, "\n\u0301": 1, "🇩🇪🇫": 8, "東京": 3,
		"각가": 3, "\uac01\u1161": 3, "🙂🙂": 4, "🇦\u200d🇧🇨": 7, "a\u200db": 4, "\x00\u0301": 1} {
		require.Equal(t, first, graphemeEnd(two, 0, len(two)), "%q", two)
	}
	endless := "a" + strings.Repeat("\u0301", 1000)
	require.Equal(t, 1+2*(longestGrapheme-1), graphemeEnd(endless, 0, len(endless)))
}

func TestEstimatesAreAddedUp(t *testing.T) {
	for text, want := range map[string]int{"": 0, "  \n": 0, "word": 1, "longer": 2, "a b": 2,
		"2024": 2, "a,b": 3, "東京": 2, "да": 1, "🙂": 3, "e.g.": 4} {
		require.Equal(t, want, Estimate(text), "%q", text)
	}
	text := "Some wordy text 2025, да 東京 🙂 underscore_names."
	for i := range text {
		require.GreaterOrEqual(t, Estimate(text[:i])+Estimate(text[i:]), Estimate(text))
	}
}

func TestCharactersAreCountedEightBytesAtATime(t *testing.T) {
	text := "aé東🙂\u0301plain text, да" + strings.Repeat("é🙂x", 9)
	for i := range text {
		for j := range text {
			if i <= j {
				require.Equal(t, utf8.RuneCountInString(text[i:j]), characters(text[i:j]))
			}
		}
	}
}
