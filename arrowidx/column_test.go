package arrowidx_test

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// lists makes arrays of the same rows in every supported type; null rows get no room in the lists.
func lists(rows []float32, d int, valid []bool) map[string]arrow.Array {
	mem := memory.DefaultAllocator
	out := map[string]arrow.Array{"fixed float32": arrowidxtest.FixedSizeList(rows, d, valid)}
	f64 := array.NewListBuilder(mem, arrow.PrimitiveTypes.Float64)
	f16 := array.NewFixedSizeListBuilder(mem, int32(d), arrow.FixedWidthTypes.Float16)
	f32 := array.NewLargeListBuilder(mem, arrow.PrimitiveTypes.Float32)
	for i := 0; i*d < len(rows); i++ {
		ok := valid == nil || valid[i]
		f64.Append(ok)
		f16.Append(ok)
		f32.Append(ok)
		for _, v := range rows[i*d : (i+1)*d] {
			f16.ValueBuilder().(*array.Float16Builder).Append(float16.New(v))
			if ok {
				f64.ValueBuilder().(*array.Float64Builder).Append(float64(v))
				f32.ValueBuilder().(*array.Float32Builder).Append(v)
			}
		}
	}
	out["list float64"] = f64.NewArray()
	out["fixed float16"] = f16.NewArray()
	out["large list float32"] = f32.NewArray()
	return out
}

// small whole numbers are the same in all three float types.
func wholeRows(t *testing.T, n, d int) []float32 {
	r := arrowidxtest.Rand(t, 60)
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(r.IntN(41) - 20)
	}
	return rows
}

func TestEveryArrowTypeAndSliceGivesTheSameRows(t *testing.T) {
	const n, d = 50, 6
	rows := wholeRows(t, n, d)
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = i%7 != 3
	}
	for _, v := range [][]bool{nil, valid} {
		for name, a := range lists(rows, d, v) {
			const from, to = 4, 41
			slice := array.NewSlice(a, from, to)
			tail := array.NewSlice(a, to, n)
			col, err := arrowidx.NewColumn([]arrow.Array{slice, tail})
			require.NoError(t, err, name)
			require.Equal(t, n-from, col.Len())
			require.Equal(t, d, col.Dim())
			buf, all := make([]float32, d), make([]float32, (n-from)*d)
			col.CopyTo(all)
			for i := range n - from {
				want := rows[(from+i)*d : (from+i+1)*d]
				require.Equal(t, v == nil || v[from+i], col.Valid(i), name)
				if !col.Valid(i) {
					want = make([]float32, d)
				} else {
					require.Equal(t, want, col.Row(i, buf), "%s row %d", name, i)
				}
				require.Equal(t, want, all[i*d:(i+1)*d], "%s copied row %d", name, i)
			}
			col.Release()
		}
	}
}

func TestEqualColumnsHaveEqualHashesHoweverChunked(t *testing.T) {
	rows := wholeRows(t, 60, 5)
	hash := func(rows []float32, chunks int) [16]byte {
		col := arrowidxtest.Column(t, rows, 5, chunks)
		defer col.Release()
		return hashOf(t, col)
	}
	want := hash(rows, 1)
	require.Equal(t, want, hash(rows, 4))
	rows[299]++
	require.NotEqual(t, want, hash(rows, 1))
}

func TestBorrowedColumnIsNotCopied(t *testing.T) {
	a := arrowidxtest.FixedSizeList(wholeRows(t, 30, 4), 4, nil)
	values := a.ListValues().(*array.Float32).Float32Values()
	col, err := arrowidx.NewColumn([]arrow.Array{a})
	require.NoError(t, err)
	defer col.Release()
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
		require.NoError(t, err)
		require.Same(t, &values[0], ix.SourceFloats(), "the index reads the array's own memory")
		ix.Close()
	}
}

func TestBadColumnsAreRefusedWithTheirPlace(t *testing.T) {
	mem := memory.DefaultAllocator
	ragged := array.NewListBuilder(mem, arrow.PrimitiveTypes.Float32)
	for _, n := range []int{3, 3, 2} {
		ragged.Append(true)
		ragged.ValueBuilder().(*array.Float32Builder).AppendValues(make([]float32, n), nil)
	}
	text := array.NewStringBuilder(mem)
	text.Append("[1, 2]")
	ints := array.NewListBuilder(mem, arrow.PrimitiveTypes.Int32)
	ints.Append(true)
	short := shortChild(10, 4, 7)
	for _, c := range []struct {
		name string
		a    arrow.Array
		kind arrowidx.ErrorKind
		row  int64
	}{
		{"ragged", ragged.NewArray(), arrowidx.InvalidVector, 2},
		{"text", text.NewArray(), arrowidx.ColumnError, -1},
		{"integers", ints.NewArray(), arrowidx.ColumnError, -1},
		{"child too short", short, arrowidx.ColumnError, -1},
		{"too wide", arrowidxtest.FixedSizeList(make([]float32, 65_537), 65_537, nil),
			arrowidx.LimitExceeded, -1},
	} {
		_, err := arrowidx.NewColumn([]arrow.Array{c.a})
		require.Equal(t, c.kind, arrowidx.KindOf(err), "%s: %v", c.name, err)
		var e *arrowidx.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, c.row, e.Row, c.name)
	}
	_, err := arrowidx.NewColumn([]arrow.Array{
		arrowidxtest.FixedSizeList(make([]float32, 6), 3, nil),
		arrowidxtest.FixedSizeList(make([]float32, 6), 2, nil),
	})
	require.Equal(t, arrowidx.DimensionMismatch, arrowidx.KindOf(err))
}

// shortChild is a FixedSizeList of n rows of d whose child has fewer values than that.
func shortChild(n, d, values int) arrow.Array {
	child := array.NewData(arrow.PrimitiveTypes.Float32, values, []*memory.Buffer{
		nil, memory.NewBufferBytes(make([]byte, 4*values))}, nil, 0, 0)
	data := array.NewData(arrow.FixedSizeListOf(int32(d), arrow.PrimitiveTypes.Float32), n,
		[]*memory.Buffer{nil}, []arrow.ArrayData{child}, 0, 0)
	return array.NewFixedSizeListData(data)
}

func TestBadNumbersAreNamedByRowAndColumn(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	for name, v := range map[string]float32{"NaN": nan, "infinity": inf} {
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
			for _, at := range []int{0, 17, 299} {
				rows := wholeRows(t, 60, 5)
				rows[at] = v
				col := arrowidxtest.Column(t, rows, 5, 2)
				_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
				var e *arrowidx.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, arrowidx.InvalidVector, e.Kind)
				require.Equal(t, [2]int64{int64(at / 5), int64(at % 5)}, [2]int64{e.Row, e.Column})
				require.Contains(t, e.Error(), name)
				col.Release()
			}
		}
	}
}

func TestNumbersOutOfRangeAreNamed(t *testing.T) {
	big := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float64)
	for _, v := range []float64{1, 1e300} {
		big.Append(true)
		big.ValueBuilder().(*array.Float64Builder).AppendValues([]float64{2, v}, nil)
	}
	for name, c := range map[string]struct {
		a        arrow.Array
		row, col int64
		text     string
	}{
		"outside float32": {big.NewArray(), 1, 1, "outside float32"},
		"square overflows": {
			arrowidxtest.FixedSizeList([]float32{1, 2, 1e20, 3}, 2, nil), 1, -1, "overflows"},
		"norms too apart": {
			arrowidxtest.FixedSizeList([]float32{1, 2, 1e-30, 0}, 2, nil), 1, -1, "too small"},
	} {
		col, err := arrowidx.NewColumn([]arrow.Array{c.a})
		require.NoError(t, err)
		_, err = arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: arrowidx.L2})
		var e *arrowidx.Error
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, arrowidx.InvalidVector, e.Kind, name)
		require.Equal(t, [2]int64{c.row, c.col}, [2]int64{e.Row, e.Column}, name)
		require.Contains(t, e.Msg, c.text, name)
		col.Release()
	}
}

func TestNullsAndBadRowsAreRefusedOrSkipped(t *testing.T) {
	const n, d = 40, 3
	rows := wholeRows(t, n, d)
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = i != 5 && i != 39
	}
	rows[7*d] = float32(math.NaN())
	for name, a := range lists(rows, d, valid) {
		col, err := arrowidx.NewColumn([]arrow.Array{a})
		require.NoError(t, err)
		_, err = arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{})
		var e *arrowidx.Error
		require.ErrorAs(t, err, &e, name)
		require.EqualValues(t, 5, e.Row)
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
			ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
				Kind: kind, Nulls: arrowidx.SkipNulls, Bad: arrowidx.SkipBad, Metric: arrowidx.L2})
			require.NoError(t, err)
			out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Queries: []float32{0, 0, 0}, NQ: 1, K: n, Rerank: -1})
			require.EqualValues(t, n-3, out.Counts[0])
			require.EqualValues(t, 3, plan.Nulls)
			for _, gone := range []int64{5, 7, 39} {
				require.NotContains(t, out.Rows, gone)
			}
			ix.Close()
		}
		col.Release()
	}
}

func TestNullNumbersInsideAVectorAreBad(t *testing.T) {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	b.Append(true)
	b.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{1, 2}, []bool{true, false})
	col, err := arrowidx.NewColumn([]arrow.Array{b.NewArray()})
	require.NoError(t, err)
	defer col.Release()
	_, err = arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{})
	var e *arrowidx.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, [2]int64{0, 1}, [2]int64{e.Row, e.Column})
}

func TestAFirstChunkOfNullListsHasNoAddress(t *testing.T) {
	null := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
	null.AppendNull()
	full := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
	full.Append(true)
	full.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{1, 2}, nil)
	col, err := arrowidx.NewColumn([]arrow.Array{null.NewArray(), full.NewArray()})
	require.NoError(t, err)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Nulls: arrowidx.SkipNulls})
	require.NoError(t, err)
	defer ix.Close()
	require.Nil(t, ix.SourceFloats())
	require.True(t, ix.Info().Vectors)
}
