package arrowidx_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/simd"
)

var bitMetrics = []arrowidx.Metric{arrowidx.Hamming, arrowidx.Jaccard}

// bitRows are n rows of w bytes, few bits set, a third of them copies of others: many ties.
func bitRows(r *rand.Rand, n, w int) []byte {
	rows := make([]byte, n*w)
	for i := range rows {
		rows[i] = byte(r.Uint32() & r.Uint32())
	}
	for i := 0; i < n; i += 3 {
		copy(rows[i*w:(i+1)*w], rows[r.IntN(n)*w:])
	}
	if n > 5 {
		clear(rows[5*w : 6*w])
	}
	return rows
}

// packed is the rows as a FixedSizeBinary array; valid nil: all.
func packed(rows []byte, w int, valid []bool) arrow.Array {
	b := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator,
		&arrow.FixedSizeBinaryType{ByteWidth: w})
	defer b.Release()
	for i := 0; i*w < len(rows); i++ {
		if valid != nil && !valid[i] {
			b.AppendNull()
		} else {
			b.Append(rows[i*w : (i+1)*w])
		}
	}
	return b.NewArray()
}

// bitLayouts are the same rows in every type that bits come in.
func bitLayouts(rows []byte, w int, valid []bool) map[string]arrow.Array {
	out := map[string]arrow.Array{"fixed size binary": packed(rows, w, valid)}
	small := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	large := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.LargeBinary)
	fixed := array.NewFixedSizeListBuilder(memory.DefaultAllocator, int32(w),
		arrow.PrimitiveTypes.Uint8)
	list := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Uint8)
	builders := map[string]array.Builder{"binary": small, "large binary": large,
		"fixed list": fixed, "list": list}
	for i := 0; i*w < len(rows); i++ {
		row := rows[i*w : (i+1)*w]
		if valid != nil && !valid[i] {
			for _, b := range builders {
				b.AppendNull()
			}
			continue
		}
		small.Append(row)
		large.Append(row)
		fixed.Append(true)
		fixed.ValueBuilder().(*array.Uint8Builder).AppendValues(row, nil)
		list.Append(true)
		list.ValueBuilder().(*array.Uint8Builder).AppendValues(row, nil)
	}
	for name, b := range builders {
		out[name] = b.NewArray()
		b.Release()
	}
	return out
}

// bitScore compares two rows one bit after the other.
func bitScore(metric arrowidx.Metric, a, b []byte) float64 {
	differ, both, any := 0, 0, 0
	for i := range a {
		for j := range 8 {
			x, y := a[i]>>j&1, b[i]>>j&1
			differ += int(x ^ y)
			both += int(x & y)
			any += int(x | y)
		}
	}
	switch {
	case metric == arrowidx.Hamming:
		return float64(differ)
	case any == 0:
		return 0
	}
	return 1 - float64(both)/float64(any)
}

func nearestBits(
	metric arrowidx.Metric, rows []byte, q []byte, k int, admit func(row int) bool,
) []arrowidxtest.Hit {
	var all []arrowidxtest.Hit
	w := len(q)
	for i := 0; i*w < len(rows); i++ {
		if admit == nil || admit(i) {
			all = append(all, arrowidxtest.Hit{Row: int64(i),
				Score: bitScore(metric, rows[i*w:(i+1)*w], q)})
		}
	}
	slices.SortStableFunc(all, func(a, b arrowidxtest.Hit) int {
		return cmp.Compare(a.Score, b.Score)
	})
	return all[:min(k, len(all))]
}

// requireBits compares answers with the oracle's, scores to the last bit.
func requireBits(
	t testing.TB, what string, metric arrowidx.Metric, rows, queries []byte, w, k int,
	admit func(row int) bool, out arrowidx.SearchOut,
) {
	t.Helper()
	for i := 0; i*w < len(queries); i++ {
		want := nearestBits(metric, rows, queries[i*w:(i+1)*w], k, admit)
		require.EqualValues(t, len(want), out.Counts[i], "%s, query %d", what, i)
		for j, h := range want {
			require.Equal(t, h.Row, out.Rows[i*k+j], "%s, query %d, place %d", what, i, j)
			require.Equal(t, float32(h.Score), out.Scores[i*k+j], what)
		}
	}
}

func buildBits(
	t testing.TB, col *arrowidx.Column, o arrowidx.BuildOptions,
) *arrowidx.Index {
	t.Helper()
	ix, err := arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	return ix
}

func TestBitsAreAnsweredAsOneBitAfterTheOther(t *testing.T) {
	r := arrowidxtest.Rand(t, 500)
	for _, w := range []int{1, 2, 7, 8, 9, 16, 48, 63, 64, 65, 128, 200} {
		n := 1 + r.IntN(400)
		rows := bitRows(r, n, w)
		queries := append(bitRows(r, 6, w), rows[:w]...)
		for name, a := range bitLayouts(rows, w, nil) {
			col := arrowidxtest.ColumnOf(t, a)
			for _, metric := range bitMetrics {
				ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
				require.Equal(t, arrowidx.Exact, ix.Kind())
				require.Equal(t, 8*w, ix.Dim())
				require.EqualValues(t, n*w, ix.Info().BorrowedBytes, name)
				require.Equal(t, w, ix.Info().RowBytes)
				for _, k := range []int{1, 10, n, n + 3} {
					out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
						Bits: queries, NQ: 7, K: k, Rerank: -1})
					requireBits(t, fmt.Sprint(name, w, metric), metric, rows, queries, w, k, nil, out)
					require.True(t, plan.Exact)
					require.EqualValues(t, 7, plan.Certified)
					require.EqualValues(t, 7*n, plan.Scanned)
				}
				ix.Close()
			}
			col.Release()
		}
	}
}

func TestBitsInChunksAndSlicesWithNullsAreFoundWhereTheyAre(t *testing.T) {
	r := arrowidxtest.Rand(t, 501)
	const n, w, k = 300, 9, 20
	rows, valid := bitRows(r, n, w), make([]bool, n)
	for i := range valid {
		valid[i] = i%7 != 2
	}
	queries := bitRows(r, 40, w)
	for name, a := range bitLayouts(rows, w, valid) {
		col := arrowidxtest.ColumnOf(t, array.NewSlice(a, 3, 50), array.NewSlice(a, 50, 50),
			array.NewSlice(a, 50, 211), array.NewSlice(a, 211, n))
		for _, metric := range bitMetrics {
			_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: metric})
			require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err))
			require.ErrorContains(t, err, "row 6 is null")
			for _, keep := range []arrowidx.Keep{arrowidx.KeepBorrow, arrowidx.KeepCopy} {
				ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric, Keep: keep,
					Nulls: arrowidx.SkipNulls})
				require.Equal(t, keep == arrowidx.KeepCopy, ix.Info().BorrowedBytes == 0)
				out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
					Bits: queries, NQ: 40, K: k, Rerank: -1})
				requireBits(t, name, metric, rows[3*w:], queries, w, k,
					func(row int) bool { return valid[row+3] }, out)
				loaded, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
				require.NoError(t, err)
				again, _ := arrowidxtest.Search(t, loaded, arrowidx.SearchParams{
					Bits: queries, NQ: 40, K: k, Rerank: -1})
				require.Empty(t, arrowidxtest.Unequal(out, again))
				loaded.Close()
				ix.Close()
			}
		}
		col.Release()
	}
}

func TestFiltersOnBitsAdmitTheRowsTheyName(t *testing.T) {
	r := arrowidxtest.Rand(t, 502)
	const n, w, k = 5000, 16, 10
	rows, queries := bitRows(r, n, w), bitRows(r, 35, w)
	col := arrowidxtest.ColumnOf(t, packed(rows, w, nil))
	defer col.Release()
	for _, metric := range bitMetrics {
		ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
		defer ix.Close()
		for _, share := range []float64{0, .001, .02, .3, 1} {
			mask, admitted := make([]byte, n), make([]int64, 0, n)
			for i := range mask {
				if r.Float64() < share {
					mask[i] = 1
					admitted = append(admitted, int64(i))
				}
			}
			for _, p := range []arrowidx.SearchParams{{Mask: mask}, {Rows: admitted}} {
				p.Bits, p.NQ, p.K, p.Rerank = queries, 35, k, -1
				out, plan := arrowidxtest.Search(t, ix, p)
				require.EqualValues(t, len(admitted), plan.Eligible)
				requireBits(t, fmt.Sprint(share), metric, rows, queries, w, k,
					func(row int) bool { return mask[row] != 0 }, out)
			}
		}
	}
}

func TestBitsOfSeveralShardsHaveTheSameAnswerOnEveryThreadAndInEveryBatch(t *testing.T) {
	r := arrowidxtest.Rand(t, 503)
	const n, w, k = 300_000, 2, 50
	rows := bitRows(r, n, w)
	queries := bitRows(r, 40, w)
	col := arrowidxtest.ColumnOf(t, packed(rows, w, nil))
	defer col.Release()
	for _, metric := range bitMetrics {
		ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric, Kind: arrowidx.Exact})
		p := arrowidx.SearchParams{Bits: queries, NQ: 40, K: k, Rerank: -1, Threads: 1}
		one, _ := arrowidxtest.Search(t, ix, p)
		p.Threads = 0
		all, _ := arrowidxtest.Search(t, ix, p)
		require.Empty(t, arrowidxtest.Unequal(one, all))
		p.Bits, p.NQ = queries[37*w:38*w], 1
		alone, _ := arrowidxtest.Search(t, ix, p)
		require.Empty(t, arrowidxtest.Unequal(arrowidxtest.Part(one, 37, 1, k), alone))
		requireBits(t, "alone", metric, rows, p.Bits, w, k, nil, alone)
		require.Empty(t, ix.Info().Advice)
		ix.Close()
	}
}

// bitModel is an index of bits and the rows that it must hold, by id.
type bitModel struct {
	ix     *arrowidx.Index
	metric arrowidx.Metric
	rows   map[int64][]byte
	layout string
	w      int
}

func namesOfBits(t testing.TB, names []int64) (*arrowidx.IDs, arrow.Array) {
	t.Helper()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(names, nil)
	a := b.NewArray()
	out, err := arrowidx.NewIDs(a)
	require.NoError(t, err)
	return out, a
}

// column notes the rows under their names and makes a column of them.
func (m *bitModel) column(t testing.TB, names []int64, rows []byte) *arrowidx.Column {
	t.Helper()
	for i, name := range names {
		m.rows[name] = slices.Clone(rows[i*m.w : (i+1)*m.w])
	}
	return arrowidxtest.ColumnOf(t, bitLayouts(rows, m.w, nil)[m.layout])
}

func (m *bitModel) upsert(t *testing.T, r *rand.Rand) {
	some := map[int64]bool{}
	for range 1 + r.IntN(200) {
		some[r.Int64N(500)] = true
	}
	names := slices.Sorted(maps.Keys(some))
	col := m.column(t, names, bitRows(r, len(names), m.w))
	defer col.Release()
	ids, _ := namesOfBits(t, names)
	_, err := m.ix.Upsert(t.Context(), ids, col, arrowidx.AddOptions{})
	require.NoError(t, err)
}

func (m *bitModel) remove(t *testing.T, r *rand.Rand) {
	var gone []int64
	for _, name := range slices.Sorted(maps.Keys(m.rows)) {
		if r.IntN(3) == 0 {
			gone = append(gone, name)
			delete(m.rows, name)
		}
	}
	_, a := namesOfBits(t, gone)
	n, err := m.ix.Delete(a, false)
	require.NoError(t, err)
	require.Equal(t, len(gone), n)
}

func TestIndexesOfBitsChangeLikeAModel(t *testing.T) {
	r := arrowidxtest.Rand(t, 504)
	for round := range 30 {
		m := bitModel{metric: bitMetrics[round%2], rows: map[int64][]byte{}, w: 6,
			layout: []string{"fixed list", "binary"}[round/2%2]}
		names := []int64{-1, -2, -3}
		col := m.column(t, names, bitRows(r, 3, m.w))
		ids, _ := namesOfBits(t, names)
		m.ix = buildBits(t, col, arrowidx.BuildOptions{Metric: m.metric, IDs: ids})
		col.Release()
		for range 40 {
			switch op := r.IntN(10); {
			case op < 5:
				m.upsert(t, r)
			case op < 8:
				m.remove(t, r)
			case op == 8:
				require.NoError(t, m.ix.Compact(t.Context(), 1))
			default:
				loaded, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, m.ix, true))
				require.NoError(t, err)
				m.ix.Close()
				m.ix = loaded
			}
			sameAsModel(t, r, m.ix, m.metric, m.rows, m.w)
		}
		m.ix.Close()
	}
}

// sameAsModel asks for all rows and compares their ids and distances with the model's.
func sameAsModel(
	t *testing.T, r *rand.Rand, ix *arrowidx.Index, metric arrowidx.Metric,
	model map[int64][]byte, w int,
) {
	t.Helper()
	require.Equal(t, len(model), ix.Len())
	q, k := bitRows(r, 1, w), len(model)+2
	out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Bits: q, NQ: 1, K: k, Rerank: -1})
	require.EqualValues(t, len(model), out.Counts[0])
	row := make([]byte, w)
	for i, at := range out.Rows[:len(model)] {
		require.NoError(t, ix.PackedRow(at, row))
		id := ix.IDs().Name(at)
		var number int64
		_, err := fmt.Sscan(fmt.Sprint(id), &number)
		require.NoError(t, err)
		require.Equal(t, model[number], row)
		require.Equal(t, float32(bitScore(metric, row, q)), out.Scores[i])
		if i > 0 {
			require.LessOrEqual(t, out.Scores[i-1], out.Scores[i])
			require.True(t, out.Scores[i-1] < out.Scores[i] || out.Rows[i-1] < at, "ties by row")
		}
	}
}

func TestRecallOfBitsIsWhole(t *testing.T) {
	r := arrowidxtest.Rand(t, 507)
	col := arrowidxtest.ColumnOf(t, packed(bitRows(r, 400, 8), 8, nil))
	defer col.Release()
	for _, metric := range bitMetrics {
		ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
		report, err := ix.MeasureRecall(t.Context(), arrowidx.RecallParams{K: 5, Sample: 50})
		require.NoError(t, err)
		require.EqualValues(t, 1, report.Mean)
		ix.Close()
	}
}

func TestEveryTierCountsTheSameBits(t *testing.T) {
	tier := simd.Active()
	defer func() { require.NoError(t, simd.SetTier(tier)) }()
	r := arrowidxtest.Rand(t, 508)
	rows, q := bitRows(r, 3000, 48), bitRows(r, 1, 48)
	col := arrowidxtest.ColumnOf(t, packed(rows, 48, nil))
	defer col.Release()
	for _, metric := range bitMetrics {
		for _, tier := range simd.Available() {
			require.NoError(t, simd.SetTier(tier))
			ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
			out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Bits: q, NQ: 1, K: 30})
			requireBits(t, tier.String(), metric, rows, q, 48, 30, nil, out)
			ix.Close()
		}
	}
}
