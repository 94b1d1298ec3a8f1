package text

import (
	"fmt"
	rand "math/rand/v2"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

func termsOf(text string) []string {
	var w Words
	w.Reset(text)
	var found []string
	for w.Next() {
		found = append(found, string(w.Term()))
	}
	return found
}

func TestTermsAreRunsOfLettersMarksAndDigitsInLowerCase(t *testing.T) {
	for text, want := range map[string][]string{
		"":                             nil,
		" \t\n.,;--__":                 nil,
		"Refund took 3 weeks!":         {"refund", "took", "3", "weeks"},
		"don't min_similarity=0.5":     {"don", "t", "min", "similarity", "0", "5"},
		"ÉCOLE e\u0301cole":            {"école", "école"},
		"ΑΒΓ Straße":                   {"αβγ", "straße"},
		"ﬁne Ⅷ ２００ ①":                  {"fine", "viii", "200", "1"},
		"हिन्दी العربيةُ":              {"हिन्दी", "العربيةُ"},
		"한국어 말":                        {"한국어", "말"},
		"東京ラーメン x":                     {"東", "京", "ラ", "ー", "メ", "ン", "x"},
		"py東c":                         {"py", "東", "c"},
		"ｶﾞ":                           {"ガ"},
		"กินข้าว":                      {"กิ", "น", "ข้", "า", "ว"},
		"co\u00adoperate re\u200cread": {"cooperate", "reread"},
		"กี\u2060\u0e48":               {"กี่"},
		"❤\ufe0f \u0301x":              {"x"},
		"a\xffb\xc3":                   {"a", "b"},
		"\u200dab\u200d":               {"ab"},
		"İSTANBUL":                     {"istanbul"},
		"a\u0338=\u0338b":              {"a\u0338", "b"},
	} {
		require.Equal(t, want, termsOf(text), "%q", text)
	}
}

func TestALongRunIsCutIntoTermsOfSoManyCharacters(t *testing.T) {
	for _, letter := range []string{"a", "é", "𝔞"} {
		lower := norm.NFKC.String(letter)
		got := termsOf(strings.Repeat(letter, 2*MaxTerm+3))
		require.Equal(t, []string{strings.Repeat(lower, MaxTerm), strings.Repeat(lower, MaxTerm),
			strings.Repeat(lower, 3)}, got)
	}
	marks := termsOf("ก" + strings.Repeat("\u0e31", 10*MaxTerm))
	require.Len(t, []rune(marks[0]), MaxTerm, "marks of one character do not make it endless")
}

// plainTerms does the same with the whole text in memory, and character by character.
func plainTerms(text string) []string {
	var found []string
	var term []rune
	open := true // whether the term goes on: one of a script without spaces takes marks only
	end := func() {
		if len(term) > 0 {
			found = append(found, string(term))
		}
		term, open = nil, true
	}
	for b := norm.NFKC.String(text); b != ""; {
		r, size := utf8.DecodeRuneInString(b)
		b = b[size:]
		switch mark := unicode.IsMark(r); {
		case r == '\u00ad' || r == '\u200c' || r == '\u200d' || r == '\u2060':
		case mark && len(term) > 0 && len(term) < MaxTerm:
			term = append(term, r)
		case mark && len(term) == 0:
		case mark: // one too many belongs to no term
			end()
		case !unicode.IsLetter(r) && !unicode.IsNumber(r):
			end()
		case unicode.In(r, withoutSpaces...):
			end()
			term, open = append(term, r), false
		default:
			if !open || len(term) == MaxTerm {
				end()
			}
			term = append(term, unicode.ToLower(r))
		}
	}
	end()
	return found
}

// alphabet has what is special: cases, marks that compose, several scripts, joiners, bad bytes.
var alphabet = []string{"a", "B", "z", "9", " ", " ", ".", "_", "\n", "é", "e\u0301", "\u0301",
	"\u0338", "ß", "İ", "Σ", "ﬁ", "Ⅷ", "東", "ラ", "ｶ", "ﾞ", "ก", "\u0e48", "ह", "\u093f", "한", "ᄒ",
	"ᅡ", "ᆫ", "\u00ad", "\u200d", "\u200b", "😀", "\ufe0f", "\xff", "\xe6\x9d", "\xc3"}

func randomText(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(alphabet[r.IntN(len(alphabet))])
	}
	return b.String()
}

func TestTermsDoNotDependOnTheWindow(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		text := randomText(r, r.IntN(40))
		require.Equal(t, plainTerms(text), termsOf(text), "seed %d: %q", seed, text)
	}
	for i := range 12 {
		text := strings.Repeat("x", window-20+i) + randomText(r, 2*window)
		if i%2 == 0 {
			text = strings.Repeat(" ", window-20+i) + randomText(r, 2*window)
		}
		want, got := plainTerms(text), termsOf(text)
		require.Equal(t, len(want), len(got), "seed %d, text %d", seed, i)
		for j := range want {
			require.Equal(t, want[j], got[j], "seed %d, text %d, term %d", seed, i, j)
		}
	}
}

func TestCuttingKeepsItsMemory(t *testing.T) {
	var w Words
	allocs := func(text string) float64 {
		return testing.AllocsPerRun(10, func() {
			w.Reset(text)
			for w.Next() {
				_ = w.Term()
			}
		})
	}
	for _, text := range []string{"Plain words of ASCII, some 40 of them", "ÉCOLE 東京 กินข้าว",
		strings.Repeat("mixed é ", 3*window/8), strings.Repeat("a", 3*window)} {
		require.Zero(t, allocs(text), "%.20q", text)
	}
	require.LessOrEqual(t, allocs(strings.Repeat("ﬁne e\u0301 ", 4*window/9)), 5.0)
}

func FuzzNoTextBreaksTheCutting(f *testing.F) {
	for _, seed := range []string{
		"Plain text", "e\u0301\u0301", "東ー\u3099", "\xff\xfe", "กี\u2060\u0e48",
	} {
		f.Add(seed, 0)
		f.Add(seed, window-3)
	}
	f.Fuzz(func(t *testing.T, text string, before int) {
		text = strings.Repeat("y ", min(max(before, 0), 2*window)/2) + text
		terms := termsOf(text)
		require.Equal(t, plainTerms(text), terms)
		for _, term := range terms {
			first, _ := utf8.DecodeRuneInString(term)
			require.True(t, utf8.ValidString(term) && term != "" && !unicode.IsMark(first), "%q", term)
			require.LessOrEqual(t, utf8.RuneCountInString(term), MaxTerm)
		}
	})
}

func BenchmarkWords(b *testing.B) {
	for name, text := range map[string]string{
		"ascii": strings.Repeat("The refund took three weeks. ", 40),
		"mixed": strings.Repeat("Die Rückerstattung dauerte drei Wochen. ", 40),
		"han":   strings.Repeat("退款花了三个星期。", 60),
	} {
		b.Run(fmt.Sprint(name), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var w Words
			for b.Loop() {
				w.Reset(text)
				for w.Next() {
				}
			}
		})
	}
}
