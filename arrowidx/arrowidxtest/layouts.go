package arrowidxtest

import (
	"bytes"
	"fmt"
	"math"
	"slices"
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

// numberTypes are the types that a vector's numbers may have, each with whether it holds a number
// exactly.
var numberTypes = map[string]struct {
	arrow arrow.DataType
	holds func(v float32) bool
}{
	"float32": {arrow.PrimitiveTypes.Float32, func(float32) bool { return true }},
	"float64": {arrow.PrimitiveTypes.Float64, func(float32) bool { return true }},
	"float16": {arrow.FixedWidthTypes.Float16,
		func(v float32) bool { return float16.New(v).Float32() == v }},
	"int8": {arrow.PrimitiveTypes.Int8,
		func(v float32) bool { return v >= -128 && v <= 127 && v == float32(int8(v)) }},
	"uint8": {arrow.PrimitiveTypes.Uint8,
		func(v float32) bool { return v >= 0 && v <= 255 && v == float32(uint8(v)) }},
}

// Layouts returns the rows of d numbers in every Arrow type that holds vectors, by name, such as
// "fixed float32", "list int8" or "large uint8". Number types that do not hold all of the numbers
// exactly are left out. Rows that are not valid (nil: all are) take no room in lists of their own
// lengths.
func Layouts(rows []float32, d int, valid []bool) map[string]arrow.Array {
	mem, out := memory.DefaultAllocator, map[string]arrow.Array{}
	for name, number := range numberTypes {
		if slices.ContainsFunc(rows, func(v float32) bool { return !number.holds(v) }) {
			continue
		}
		for list, b := range map[string]listBuilder{
			"fixed": array.NewFixedSizeListBuilder(mem, int32(d), number.arrow),
			"list":  array.NewListBuilder(mem, number.arrow),
			"large": array.NewLargeListBuilder(mem, number.arrow),
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
		case *array.Int8Builder:
			b.Append(int8(v))
		case *array.Uint8Builder:
			b.Append(uint8(v))
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
