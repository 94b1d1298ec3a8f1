package chunk

import (
	"context"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// column is texts in memory.
type column []string

func (c column) Len() int        { return len(c) }
func (c column) At(i int) string { return c[i] }

// byWords counts words and signs, and two for what every text has besides.
func byWords(text string) int64 {
	n, in := int64(2), false
	for _, r := range text {
		switch {
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			if !in {
				n++
			}
			in = true
		case unicode.IsSpace(r):
			in = false
		default:
			n, in = n+1, false
		}
	}
	return n
}

// cut cuts texts, counting by words where the options say so.
func cut(t testing.TB, texts []string, marks []Mark, o Options) ([]Chunk, []Heading) {
	t.Helper()
	if o.Unit == Counted {
		o.Base = 2
	}
	c, err := New(context.Background(), column(texts), marks, o, nil)
	require.NoError(t, err)
	for rounds := 0; len(c.Asked()) > 0; rounds++ {
		require.Less(t, rounds, 60)
		var counts []int64
		for _, s := range c.Asked() {
			counts = append(counts, byWords(texts[s.Text][s.Start:s.End]))
		}
		require.NoError(t, c.Tell(context.Background(), counts))
	}
	return c.Chunks()
}

// pieces are the letters of the chunks of one text.
func pieces(t testing.TB, text string, o Options) []string {
	t.Helper()
	chunks, _ := cut(t, []string{text}, nil, o)
	var all []string
	for _, c := range chunks {
		all = append(all, text[c.Start:c.End])
	}
	return all
}

// path is the titles above a chunk.
func path(texts []string, c Chunk, headings []Heading) string {
	var titles []string
	for h := c.Heading; h >= 0; h = headings[h].Parent {
		title := headings[h]
		titles = append([]string{texts[title.Text][title.Start:title.End]}, titles...)
	}
	return strings.Join(titles, " > ")
}

func TestSmallTextsAreOneChunk(t *testing.T) {
	for _, unit := range []Unit{Estimated, Characters, Counted} {
		o := Options{Budget: 100, Unit: unit}
		require.Equal(t, []string{"One. Two.\n\n- a\n- b"}, pieces(t, " One. Two.\n\n- a\n- b \n", o))
		require.Empty(t, pieces(t, " \n\t\u2028\u00a0", o))
		require.Empty(t, pieces(t, "", o))
	}
}

func TestBlocksAreKeptWholeWhereTheyFit(t *testing.T) {
	o := Options{Budget: 12, Unit: Counted, Kind: Markdown} // ten words
	require.Equal(t, []string{"One two three four. Five six.", "Seven eight. Nine ten eleven."},
		pieces(t, "One two three four. Five six.\n\nSeven eight. Nine ten eleven.", o))
	require.Equal(t, []string{"One two three four. Five six.",
		"Seven eight nine. Ten eleven.", "Twelve thirteen."},
		pieces(t, "One two three four. Five six. Seven eight nine. Ten eleven. Twelve thirteen.",
			Options{Budget: 10, Unit: Counted}))
}
