package arrowidx

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
)

// listsWithNull makes rows of 3 numbers 0, 1, 2 and so on of one list type, of which number
// `null` is null (none when negative) and holds `below` in memory.
func listsWithNull(t *testing.T, fixed bool, rows, null int, below float32) *Column {
	t.Helper()
	values := make([]float32, 3*rows)
	valid := make([]bool, len(values))
	for i := range values {
		values[i], valid[i] = float32(i), i != null
	}
	if null >= 0 {
		values[null] = below
	}
	mem := memory.DefaultAllocator
	var build array.Builder
	var numbers *array.Float32Builder
	if fixed {
		l := array.NewFixedSizeListBuilder(mem, 3, arrow.PrimitiveTypes.Float32)
		build, numbers = l, l.ValueBuilder().(*array.Float32Builder)
		for range rows {
			l.Append(true)
		}
	} else {
		l := array.NewListBuilder(mem, arrow.PrimitiveTypes.Float32)
		build, numbers = l, l.ValueBuilder().(*array.Float32Builder)
		for i := range rows {
			l.Append(true)
			numbers.AppendValues(values[3*i:3*i+3], valid[3*i:3*i+3])
		}
	}
	if fixed {
		numbers.AppendValues(values, valid)
	}
	defer build.Release()
	lists := build.NewArray()
	defer lists.Release()
	col, err := column.NewColumn([]arrow.Array{lists})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(col.Release)
	return col
}

func TestNullNumbersAreNaNInCopies(t *testing.T) {
	for _, fixed := range []bool{true, false} {
		for null := range 9 {
			col := listsWithNull(t, fixed, 3, null, 77)
			if _, whole := col.Contiguous(); whole {
				t.Fatalf("fixed %v: a column with a null number lies there as a matrix", fixed)
			}
			got := make([]float32, 9)
			col.CopyTo(got)
			for i, v := range got {
				if i == null && !math.IsNaN(float64(v)) || i != null && v != float32(i) {
					t.Errorf("fixed %v, number %d null: number %d is %v", fixed, null, i, v)
				}
			}
		}
	}
}

func TestNullNumbersChangeTheHash(t *testing.T) {
	for _, fixed := range []bool{true, false} {
		hash := func(null int, under float32) [16]byte {
			sum, err := listsWithNull(t, fixed, 3, null, under).Hash(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			return sum
		}
		seen := map[[16]byte]int{hash(-1, 0): -1}
		for null := range 9 {
			// The memory is that of the whole column: only the bitmap differs.
			sum := hash(null, float32(null))
			if other, known := seen[sum]; known {
				t.Errorf("fixed %v: nulls at %d and %d have one hash", fixed, null, other)
			}
			seen[sum] = null
		}
	}
}

func TestNullNumbersAreRefusedByRowAndColumn(t *testing.T) {
	for _, fixed := range []bool{true, false} {
		for null := range 9 {
			col := listsWithNull(t, fixed, 3, null, 1)
			_, err := Build(context.Background(), col, BuildOptions{Kind: Exact})
			var e *Error
			if !errors.As(err, &e) || e.Kind != InvalidVector {
				t.Fatalf("fixed %v, number %d null: %v", fixed, null, err)
			}
			if int(e.Row) != null/3 || int(e.Column) != null%3 {
				t.Errorf("number %d null: named row %d, column %d", null, e.Row, e.Column)
			}
		}
	}
}

func TestARowWithoutNumbersIsNamedWhereverItIs(t *testing.T) {
	for empty := range 3 {
		l := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
		defer l.Release()
		for row := range 3 {
			l.Append(true)
			if row != empty {
				l.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{1, 2}, nil)
			}
		}
		lists := l.NewArray()
		defer lists.Release()
		_, err := column.NewColumn([]arrow.Array{lists})
		var e *Error
		if !errors.As(err, &e) || e.Kind != InvalidVector || int(e.Row) != empty {
			t.Errorf("row %d is empty: %v", empty, err)
		}
	}
}
