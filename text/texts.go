package text

import (
	"fmt"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Texts is a column of texts in the memory of Arrow arrays, which it keeps until Release. Safe for
// concurrent reading.
type Texts struct {
	chunks []chunk
	starts []int // of each chunk, and the number of rows
}

// chunk is one array; codes is nil where the texts are not a dictionary's.
type chunk struct {
	array arrow.Array
	texts textArray
	codes *array.Dictionary
}

// textArray is what the arrays of texts have in common.
type textArray interface {
	arrow.Array
	Value(int) string
}

// NewTexts borrows the arrays of a column: String, LargeString, StringView, or a dictionary of
// these. Their memory must not change until Release.
//
// Errors: ColumnError for arrays of other types, and for a row that names a text which its
// dictionary has not.
func NewTexts(chunks []arrow.Array) (*Texts, error) {
	t := &Texts{starts: []int{0}}
	for _, a := range chunks {
		c, err := newChunk(a, t.Len())
		if err != nil {
			t.Release()
			return nil, err
		}
		a.Retain()
		t.chunks = append(t.chunks, c)
		t.starts = append(t.starts, t.Len()+a.Len())
	}
	return t, nil
}

func newChunk(a arrow.Array, first int) (chunk, error) {
	c := chunk{array: a}
	values := a
	if d, ok := a.(*array.Dictionary); ok {
		c.codes = d
		values = d.Dictionary()
	}
	if c.texts = textsIn(values); c.texts == nil {
		return c, fault.New(fault.ColumnError, "words",
			fmt.Sprintf("a column of %s holds no texts", a.DataType()),
			"pass utf8, large_utf8, utf8_view or a dictionary of these")
	}
	if c.codes == nil {
		return c, nil
	}
	for i := range a.Len() {
		if a.IsValid(i) && !c.has(c.codes.GetValueIndex(i)) {
			return c, fault.At(fault.ColumnError, "words", int64(first+i), -1,
				fmt.Sprintf("row %d names text %d of a dictionary of %d", first+i,
					c.codes.GetValueIndex(i), c.texts.Len()), "the producer of this array is at fault")
		}
	}
	return c, nil
}

func (c *chunk) has(code int) bool { return code >= 0 && code < c.texts.Len() }

// textsIn returns an array of texts as what it is, nil for others.
func textsIn(a arrow.Array) textArray {
	switch a := a.(type) {
	case *array.String:
		return a
	case *array.LargeString:
		return a
	case *array.StringView:
		return a
	}
	return nil
}

// Release gives the arrays back. Texts that At returned are then nobody's.
func (t *Texts) Release() {
	for _, c := range t.chunks {
		c.array.Release()
	}
	t.chunks, t.starts = nil, []int{0}
}

// Len is the number of rows.
func (t *Texts) Len() int { return t.starts[len(t.starts)-1] }

// At returns the text of a row in the column's own memory; a null row is empty.
func (t *Texts) At(row int) string {
	c, i := t.chunkOf(row)
	text, _ := c.textOrNull(i)
	return text
}

// chunkOf returns the chunk of a row, and the row's place there.
func (t *Texts) chunkOf(row int) (*chunk, int) {
	c := sort.SearchInts(t.starts, row+1) - 1
	return &t.chunks[c], row - t.starts[c]
}

// textOrNull returns the text of a row of the chunk, and false where it is null.
func (c *chunk) textOrNull(i int) (string, bool) {
	if c.array.IsNull(i) {
		return "", false
	}
	if c.codes == nil {
		return c.texts.Value(i), true
	}
	code := c.codes.GetValueIndex(i)
	if c.texts.IsNull(code) {
		return "", false
	}
	return c.texts.Value(code), true
}
