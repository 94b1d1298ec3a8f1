package arrowidx_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// pieces cuts an array into slices of random lengths, empty ones among them.
func pieces(r *rand.Rand, a arrow.Array) []arrow.Array {
	var out []arrow.Array
	for from := 0; from < a.Len(); {
		to := min(from+r.IntN(9), a.Len())
		out = append(out, array.NewSlice(a, int64(from), int64(to)))
		from = to
	}
	return out
}

// holes says at random which rows are there; the first few are not.
func holes(r *rand.Rand, n int) []bool {
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = i > 3 && r.IntN(4) > 0
	}
	return valid
}

func TestHashesTellRowsAndNotChunks(t *testing.T) {
	r := arrowidxtest.Rand(t, 290)
	const n, d = 60, 3
	rows := wholeRows(t, n, d)
	seen := map[[16]byte]string{}
	note := func(name string, col *arrowidx.Column) [16]byte {
		defer col.Release()
		hash := hashOf(t, col)
		other, ok := seen[hash]
		require.False(t, ok, "%s and %s have one hash", name, other)
		seen[hash] = name
		return hash
	}
	for _, valid := range [][]bool{nil, holes(r, n)} {
		for _, name := range []string{"fixed float32", "list float64", "large float16",
			"fixed int8"} {
			a := arrowidxtest.Layouts(rows, d, valid)[name]
			if valid != nil {
				name += " with nulls"
			}
			want := note(name, arrowidxtest.ColumnOf(t, a))
			for range 20 {
				col := arrowidxtest.ColumnOf(t, pieces(r, a)...)
				require.Equal(t, want, hashOf(t, col), name)
				col.Release()
			}
		}
	}
	rows[17] = math.Nextafter32(rows[17], 99)
	note("one number changed", arrowidxtest.Column(t, rows, d, 1))
	note("other dimensions", arrowidxtest.Column(t, rows, d*2, 1))
	note("one row less", arrowidxtest.Column(t, rows[:(n-1)*d], d, 1))
}

func TestWhatLiesUnderANullSaysNothing(t *testing.T) {
	r := arrowidxtest.Rand(t, 291)
	const n, d = 50, 4
	rows := wholeRows(t, n, d)
	valid := holes(r, n)
	file := func() ([16]byte, []byte) {
		col := arrowidxtest.ColumnOf(t, arrowidxtest.FixedSizeList(rows, d, valid))
		defer col.Release()
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
			Kind: arrowidx.Flat, Nulls: arrowidx.SkipNulls})
		require.NoError(t, err)
		defer ix.Close()
		return hashOf(t, col), arrowidxtest.Bytes(t, ix, true)
	}
	hash, want := file()
	for i, there := range valid {
		if !there {
			rows[i*d+r.IntN(d)] = float32(math.NaN())
		}
	}
	again, have := file()
	require.Equal(t, hash, again)
	require.Equal(t, want, have)
}

func TestEveryLayoutInPiecesGivesItsRows(t *testing.T) {
	r := arrowidxtest.Rand(t, 292)
	const n, d = 80, 5
	rows := wholeRows(t, n, d)
	for round := range 10 {
		valid := holes(r, n)
		for i := range rows {
			if round == 5 { // from here on the numbers are those of uint8 and no longer of int8
				rows[i] = 12 * float32(math.Abs(float64(rows[i])))
			}
		}
		layouts := arrowidxtest.Layouts(rows, d, valid)
		require.Len(t, layouts, 12, "three lists of four number types")
		for name, a := range layouts {
			col := arrowidxtest.ColumnOf(t, pieces(r, a)...)
			require.Equal(t, []int{n, d}, []int{col.Len(), col.Dim()}, name)
			all, buf := make([]float32, n*d), make([]float32, d)
			col.CopyTo(all)
			nulls := 0
			for i := range n {
				require.Equal(t, valid[i], col.Valid(i), "%s row %d", name, i)
				if !valid[i] {
					nulls++
					require.Equal(t, make([]float32, d), all[i*d:(i+1)*d], name)
					continue
				}
				require.Equal(t, rows[i*d:(i+1)*d], col.Row(i, buf), "%s row %d", name, i)
				require.Equal(t, rows[i*d:(i+1)*d], all[i*d:(i+1)*d], "%s row %d", name, i)
			}
			require.Equal(t, nulls, col.NullCount(), name)
			_, whole := col.Contiguous()
			require.False(t, whole, "pieces are no matrix")
			col.Release()
		}
	}
}

func TestOnlyOneWholeFloat32ChunkIsAMatrix(t *testing.T) {
	const n, d = 12, 3
	rows := wholeRows(t, n, d)
	for name, a := range arrowidxtest.Layouts(rows, d, nil) {
		col := arrowidxtest.ColumnOf(t, array.NewSlice(a, 2, 9))
		m, ok := col.Contiguous()
		isMatrix := name == "fixed float32" || name == "list float32" || name == "large float32"
		require.Equal(t, isMatrix, ok, name)
		if ok {
			require.Equal(t, rows[2*d:9*d], m, name)
		}
		col.Release()
	}
}

func TestColumnsMayMixNumberTypes(t *testing.T) {
	const n, d = 40, 4
	rows := wholeRows(t, n, d)
	layouts := arrowidxtest.Layouts(rows, d, nil)
	col := arrowidxtest.ColumnOf(t, array.NewSlice(layouts["list int8"], 0, 0),
		array.NewSlice(layouts["fixed float16"], 0, 25),
		array.NewSlice(layouts["large float32"], 25, 30),
		array.NewSlice(layouts["list int8"], 30, n))
	defer col.Release()
	require.Equal(t, 3, col.Chunks())
	all := make([]float32, n*d)
	col.CopyTo(all)
	require.Equal(t, rows, all)
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: arrowidx.L2})
	require.NoError(t, err)
	defer ix.Close()
	one := arrowidxtest.Column(t, rows, d, 1)
	defer one.Release()
	plain, err := arrowidx.Build(t.Context(), one, arrowidx.BuildOptions{Metric: arrowidx.L2})
	require.NoError(t, err)
	defer plain.Close()
	require.Equal(t, arrowidxtest.Bytes(t, plain, true), arrowidxtest.Bytes(t, ix, true),
		"the numbers decide, not how they lie")
}

// The memory of a column goes when its last user does, and not before.
func TestArraysAreReleasedOnceByTheLastUser(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	for _, kind := range bothKinds {
		b := array.NewFixedSizeListBuilder(mem, 2, arrow.PrimitiveTypes.Float32)
		for i := range 30 {
			b.Append(true)
			b.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{1, float32(i)}, nil)
		}
		a := b.NewArray()
		b.Release()
		col := arrowidxtest.ColumnOf(t, a)
		a.Release()
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
		require.NoError(t, err)
		col.Release()
		require.Positive(t, mem.CurrentAlloc(), "the index holds the column")
		other, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, false))
		require.NoError(t, err)
		col.Retain()
		require.NoError(t, other.Attach(col))
		require.NoError(t, other.Attach(col), "attached twice, held once")
		col.Release()
		ix.Close()
		require.Positive(t, mem.CurrentAlloc(), "the other index holds it too")
		other.Close()
		mem.AssertSize(t, 0)
	}
}

// Rows too short beside the longest are bad rows: named, or skipped when asked for.
func TestRowsTooShortBesideOthersAreNamedOrSkipped(t *testing.T) {
	const n, d = 100, 2
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 293), n, d)
	short := map[int]bool{3: true, 64: true, 99: true}
	for i := range short {
		rows[i*d], rows[i*d+1] = 1e-30, -1e-30
	}
	rows[7*d], rows[7*d+1] = 0, 0 // zeros are fine
	col := arrowidxtest.Column(t, rows, d, 3)
	defer col.Release()
	for _, kind := range bothKinds {
		_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind,
			Metric: arrowidx.Dot})
		require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err))
		require.ErrorContains(t, err, "row 3 ")
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind,
			Bad: arrowidx.SkipBad, Metric: arrowidx.L2})
		require.NoError(t, err)
		require.Equal(t, 3, ix.Info().Bad)
		out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
			Queries: []float32{0, 0}, NQ: 1, K: n, Rerank: -1})
		want := arrowidxtest.Nearest(arrowidx.L2, rows, []float32{0, 0}, n,
			func(i int) bool { return !short[i] })
		require.Empty(t, arrowidxtest.Differs(want, out, 0, n))
		ix.Close()
	}
}
