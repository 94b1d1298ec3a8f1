package arrowidxtest

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// listBuilder is what the builders of all list types have in common.
type listBuilder interface {
	array.Builder
	Append(bool)
	ValueBuilder() array.Builder
}

// Layouts returns the rows of d numbers in every Arrow type that holds vectors, by name. Rows that
// are not valid (nil: all are) take no room in lists of their own lengths.
func Layouts(rows []float32, d int, valid []bool) map[string]arrow.Array {
	mem, out := memory.DefaultAllocator, map[string]arrow.Array{}
	for name, number := range map[string]arrow.DataType{
		"float32": arrow.PrimitiveTypes.Float32, "float64": arrow.PrimitiveTypes.Float64,
		"float16": arrow.FixedWidthTypes.Float16,
	} {
		for list, b := range map[string]listBuilder{
			"fixed": array.NewFixedSizeListBuilder(mem, int32(d), number),
			"list":  array.NewListBuilder(mem, number),
			"large": array.NewLargeListBuilder(mem, number),
		} {
			for i := 0; i*d < len(rows); i++ {
				there := valid == nil || valid[i]
				b.Append(there)
				if there || list == "fixed" {
					appendNumbers(b.ValueBuilder(), rows[i*d:(i+1)*d])
				}
			}
			out[list+" "+name] = b.NewArray()
			b.Release()
		}
	}
	return out
}

func appendNumbers(b array.Builder, numbers []float32) {
	for _, v := range numbers {
		switch b := b.(type) {
		case *array.Float32Builder:
			b.Append(v)
		case *array.Float64Builder:
			b.Append(float64(v))
		case *array.Float16Builder:
			b.Append(float16.New(v))
		}
	}
}

// ColumnOf makes a column of the arrays.
func ColumnOf(t testing.TB, arrays ...arrow.Array) *arrowidx.Column {
	t.Helper()
	col, err := arrowidx.NewColumn(arrays)
	if err != nil {
		t.Fatal(err)
	}
	return col
}

// EveryIDs returns n ids of every kind, by the kind's name.
func EveryIDs(t testing.TB, n int) map[string]*arrowidx.IDs {
	t.Helper()
	mem := memory.DefaultAllocator
	signed, unsigned := array.NewInt64Builder(mem), array.NewUint64Builder(mem)
	text := array.NewStringBuilder(mem)
	for i := range n {
		signed.Append(math.MinInt64 + int64(i)*997)
		unsigned.Append(math.MaxUint64 - uint64(i)*991)
		text.Append(fmt.Sprintf("row-%d-é", i))
	}
	out := map[string]*arrowidx.IDs{"positions": arrowidx.PositionIDs(n)}
	for _, b := range []array.Builder{signed, unsigned, text} {
		a := b.NewArray()
		ids, err := arrowidx.NewIDs(a)
		if err != nil {
			t.Fatal(err)
		}
		out[ids.Kind().String()] = ids
		a.Release()
		b.Release()
	}
	return out
}

// Bytes is the file of an index.
func Bytes(t testing.TB, ix *arrowidx.Index, vectors bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := ix.Encode(t.Context(), &b, vectors); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Part is the answer of queries [from, from+n) of a batch asked for k rows each.
func Part(out arrowidx.SearchOut, from, n, k int) arrowidx.SearchOut {
	return arrowidx.SearchOut{
		Rows: out.Rows[from*k : (from+n)*k], Scores: out.Scores[from*k : (from+n)*k],
		Counts: out.Counts[from : from+n],
	}
}

// Unequal names the first place where two answers differ in the smallest bit, "" when there is
// none.
func Unequal(a, b arrowidx.SearchOut) string {
	if len(a.Rows) != len(b.Rows) || len(a.Counts) != len(b.Counts) {
		return fmt.Sprintf("answers of %d and %d places", len(a.Rows), len(b.Rows))
	}
	for i := range a.Rows {
		x, y := math.Float32bits(a.Scores[i]), math.Float32bits(b.Scores[i])
		if a.Rows[i] != b.Rows[i] || x != y {
			return fmt.Sprintf("place %d: row %d (%v) and row %d (%v)", i, a.Rows[i], a.Scores[i],
				b.Rows[i], b.Scores[i])
		}
	}
	for i := range a.Counts {
		if a.Counts[i] != b.Counts[i] {
			return fmt.Sprintf("query %d: %d and %d rows", i, a.Counts[i], b.Counts[i])
		}
	}
	return ""
}

func first(out arrowidx.SearchOut, _ arrowidx.Plan) arrowidx.SearchOut { return out }
