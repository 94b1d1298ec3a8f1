package arrowidx_test

import (
	"context"
	"math"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// fixture is an index large enough for several shards, pilot scans and tiles of four queries.
type fixture struct {
	n, d    int
	rows    []float32
	queries []float32
	ix      *arrowidx.Index
}

func newFixture(t *testing.T, n, d, nq int, o arrowidx.BuildOptions) fixture {
	f := fixture{n: n, d: d}
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 70), n+nq, d, 100)
	f.rows, f.queries = rows[:n*d], rows[n*d:]
	f.ix, _ = build(t, f.rows, d, o, false)
	return f
}

func TestAnAnswerIsTheSameAloneInAnyBatchAndForAnyThreadCount(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		f := newFixture(t, 300_000, 24, 70, arrowidx.BuildOptions{Kind: kind, Bits: 3})
		for _, rerank := range []int{-1, 0, 30} {
			p := arrowidx.SearchParams{Queries: f.queries, NQ: 70, K: 10, Rerank: rerank,
				Estimates: rerank == 0, Threads: 1}
			want, _ := arrowidxtest.Search(t, f.ix, p)
			for _, threads := range []int{2, 7} {
				p.Threads = threads
				got, _ := arrowidxtest.Search(t, f.ix, p)
				require.Equal(t, want, got, "%v rerank %d, %d threads", kind, rerank, threads)
			}
			for _, size := range []int{1, 3, 33} {
				for from := 0; from+size <= 70; from += size {
					q := f.queries[from*f.d : (from+size)*f.d]
					got, _ := arrowidxtest.Search(t, f.ix, arrowidx.SearchParams{
						Queries: q, NQ: size, K: 10, Rerank: rerank, Estimates: rerank == 0})
					require.Equal(t, want.Rows[from*10:(from+size)*10], got.Rows)
					require.Equal(t, want.Scores[from*10:(from+size)*10], got.Scores)
				}
			}
		}
	}
}

func TestSixteenReadersGetTheAnswersOfOne(t *testing.T) {
	f := newFixture(t, 20_000, 32, 16, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	p := arrowidx.SearchParams{Queries: f.queries, NQ: 16, K: 5, Rerank: -1}
	want, _ := arrowidxtest.Search(t, f.ix, p)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			out := arrowidxtest.Outputs(16, 5)
			for range 5 {
				_, err := f.ix.Search(context.Background(), &p, &out)
				if err != nil || !equal(want, out) {
					t.Errorf("another answer, error %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func equal(a, b arrowidx.SearchOut) bool {
	for i := range a.Rows {
		if a.Rows[i] != b.Rows[i] || a.Scores[i] != b.Scores[i] {
			return false
		}
	}
	return true
}

// k means k: filters of any selectivity give the best eligible rows, or all there are.
func TestFiltersGiveTheBestEligibleRows(t *testing.T) {
	const k = 10
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		f := newFixture(t, 30_000, 16, 4, arrowidx.BuildOptions{Kind: kind, Bits: 4})
		for _, keepEvery := range []int{1, 2, 10, 100, 1000, 10_000, 40_000} {
			mask, rows := make([]byte, f.n), []int64{}
			for i := keepEvery / 2; i < f.n; i += keepEvery {
				mask[i] = 1
				rows = append(rows, int64(i))
			}
			admit := func(i int) bool { return mask[i] != 0 }
			p := arrowidx.SearchParams{Queries: f.queries, NQ: 4, K: k, Rerank: -1, Epsilon0: 6}
			p.Mask = mask
			byMask, plan := arrowidxtest.Search(t, f.ix, p)
			require.EqualValues(t, len(rows), plan.Eligible)
			p.Mask, p.Rows = nil, rows
			byRows, _ := arrowidxtest.Search(t, f.ix, p)
			for i := range 4 {
				q := f.queries[i*f.d : (i+1)*f.d]
				want := arrowidxtest.Nearest(arrowidx.Cosine, f.rows, q, k, admit)
				require.Empty(t, arrowidxtest.Differs(want, byMask, i, k), "1 in %d", keepEvery)
				require.Empty(t, arrowidxtest.Differs(want, byRows, i, k), "1 in %d", keepEvery)
			}
		}
	}
}

func TestRecallMeetsTheTargetAtTheFixedEpsilons(t *testing.T) {
	const k, nq = 10, 100
	f := newFixture(t, 50_000, 128, nq, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	truth := make([][]arrowidxtest.Hit, nq)
	for i := range truth {
		truth[i] = arrowidxtest.Nearest(arrowidx.Cosine, f.rows, f.queries[i*f.d:(i+1)*f.d], k, nil)
	}
	for _, target := range []float64{0.90, 0.95, 0.99, 1} {
		out, plan := arrowidxtest.Search(t, f.ix, arrowidx.SearchParams{
			Queries: f.queries, NQ: nq, K: k, Rerank: -1, Recall: target})
		hit := 0
		for i := range truth {
			for _, h := range truth[i] {
				for _, row := range out.Rows[i*k : (i+1)*k] {
					if row == h.Row {
						hit++
					}
				}
			}
		}
		recall := float64(hit) / nq / k
		t.Logf("target %v: recall %.4f, %d measured a query", target, recall, plan.Reranked/nq)
		require.GreaterOrEqual(t, recall, target)
		require.EqualValues(t, nq, plan.Certified)
	}
}

func TestEstimatesNeedNoVectors(t *testing.T) {
	const k, nq = 10, 50
	f := newFixture(t, 20_000, 128, nq, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 8,
		Keep: arrowidx.KeepNone})
	out, plan := arrowidxtest.Search(t, f.ix, arrowidx.SearchParams{
		Queries: f.queries, NQ: nq, K: k, Rerank: -1})
	require.False(t, plan.Exact)
	require.Zero(t, plan.Reranked)
	for i := range nq {
		q := f.queries[i*f.d : (i+1)*f.d]
		for j := range k {
			row := out.Rows[i*k+j]
			truth := arrowidxtest.Score(arrowidx.Cosine, f.rows[row*128:(row+1)*128], q)
			require.InDelta(t, truth, out.Scores[i*k+j], 0.01, "8 bits estimate to about 1e-3")
		}
	}
}

func TestZeroVectorsHaveSimilarityZero(t *testing.T) {
	rows := []float32{1, 0, 0, 0, -1, 0, 3, 4}
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		ix, _ := build(t, rows, 2, arrowidx.BuildOptions{Kind: kind}, false)
		out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
			Queries: []float32{1, 0, 0, 0}, NQ: 2, K: 4, Rerank: -1})
		require.Equal(t, []int64{0, 3, 1, 2, 0, 1, 2, 3}, out.Rows)
		require.Equal(t, []float32{1, 0.6, 0, -1, 0, 0, 0, 0}, out.Scores)
		for _, s := range out.Scores {
			require.False(t, s == 0 && math.Signbit(float64(s)), "no negative zero")
		}
	}
}

func TestEdgesOfKAndEmptyIndexes(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 71), 5, 3)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		ix, _ := build(t, rows, 3, arrowidx.BuildOptions{Kind: kind}, false)
		out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
			Queries: rows[:3], NQ: 1, K: 9, Rerank: -1})
		require.EqualValues(t, 5, out.Counts[0])
		require.Equal(t, []int64{-1, -1, -1, -1}, out.Rows[5:])
		require.True(t, math.IsNaN(float64(out.Scores[5])))
		none, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: rows[:3], NQ: 1})
		require.Zero(t, none.Counts[0])
		masked, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
			Queries: rows[:3], NQ: 1, K: 2, Rerank: -1, Mask: make([]byte, 5)})
		require.Zero(t, masked.Counts[0])
		empty, _ := build(t, nil, 3, arrowidx.BuildOptions{Kind: kind}, false)
		out, _ = arrowidxtest.Search(t, empty, arrowidx.SearchParams{
			Queries: rows[:3], NQ: 1, K: 2, Rerank: -1})
		require.Zero(t, out.Counts[0])
	}
}

func TestSearchErrorsNameTheirCause(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 72), 50, 3)
	ix, _ := build(t, rows, 3, arrowidx.BuildOptions{Kind: arrowidx.Flat}, false)
	nan := float32(math.NaN())
	q := rows[:3]
	for name, c := range map[string]struct {
		p    arrowidx.SearchParams
		kind arrowidx.ErrorKind
	}{
		"negative k": {arrowidx.SearchParams{Queries: q, K: -1}, arrowidx.InvalidArgument},
		"wrong dims": {arrowidx.SearchParams{Queries: rows[:4]}, arrowidx.DimensionMismatch},
		"NaN": {arrowidx.SearchParams{Queries: []float32{1, nan, 0}},
			arrowidx.InvalidVector},
		"infinity": {arrowidx.SearchParams{Queries: []float32{1, 0, float32(math.Inf(-1))}},
			arrowidx.InvalidVector},
		"short mask": {arrowidx.SearchParams{Queries: q, Mask: []byte{1}},
			arrowidx.InvalidArgument},
		"unknown row": {arrowidx.SearchParams{Queries: q, Rows: []int64{50}}, arrowidx.UnknownID},
		"bad recall":  {arrowidx.SearchParams{Queries: q, Recall: 2}, arrowidx.InvalidArgument},
		"nan epsilon0": {arrowidx.SearchParams{Queries: q, Epsilon0: math.NaN()},
			arrowidx.InvalidArgument},
	} {
		if c.p.NQ = 1; c.p.K == 0 {
			c.p.K = 1
		}
		out := arrowidxtest.Outputs(1, max(c.p.K, 0))
		_, err := ix.Search(t.Context(), &c.p, &out)
		require.Equal(t, c.kind, arrowidx.KindOf(err), "%s: %v", name, err)
	}
	ix.Close()
	out := arrowidxtest.Outputs(1, 1)
	_, err := ix.Search(t.Context(), &arrowidx.SearchParams{Queries: rows[:3], NQ: 1, K: 1}, &out)
	require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(err))
}

func TestChangedVectorsAreNoticed(t *testing.T) {
	const n, d = 20_000, 64
	r := arrowidxtest.Rand(t, 73)
	a := arrowidxtest.FixedSizeList(arrowidxtest.Clustered(r, n, d, 50), d, nil)
	values := a.ListValues().(*array.Float32).Float32Values()
	ix := buildFrom(t, a)
	copy(values, arrowidxtest.Gaussian(r, n, d))
	out := arrowidxtest.Outputs(1, 10)
	_, err := ix.Search(t.Context(), &arrowidx.SearchParams{
		Queries: arrowidxtest.Clustered(r, 1, d, 50), NQ: 1, K: 10, Rerank: -1}, &out)
	require.Equal(t, arrowidx.VectorsChanged, arrowidx.KindOf(err))
}

func TestIDsKeepTheirTypeAndAreFound(t *testing.T) {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues([]int64{math.MinInt64, math.MaxInt64, 1<<53 + 1}, nil)
	ids, err := arrowidx.NewIDs(b.NewArray())
	require.NoError(t, err)
	b.AppendValues([]int64{1<<53 + 1, 1 << 53, math.MinInt64}, nil)
	rows, err := ids.Lookup(b.NewArray())
	require.NoError(t, err)
	require.Equal(t, []int64{2, -1, 0}, rows)
	rows, err = uintIDs(t, 3).Lookup(uintIDs(t, 4).Array(memory.DefaultAllocator))
	require.NoError(t, err)
	require.Equal(t, []int64{0, 1, 2, -1}, rows)
	b.AppendValues([]int64{-1, -2}, nil)
	rows, err = uintIDs(t, 3).Lookup(b.NewArray())
	require.NoError(t, err)
	require.Equal(t, []int64{-1, -1}, rows, "-1 is not 2^64-1")
	_, err = stringIDs(t, 2).Lookup(uintIDs(t, 2).Array(memory.DefaultAllocator))
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
	b.AppendValues([]int64{4, 5, 4}, nil)
	_, err = arrowidx.NewIDs(b.NewArray())
	require.Equal(t, arrowidx.DuplicateID, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "row 2")
}

func buildFrom(t *testing.T, a *array.FixedSizeList) *arrowidx.Index {
	t.Helper()
	col, err := arrowidx.NewColumn([]arrow.Array{a})
	require.NoError(t, err)
	t.Cleanup(col.Release)
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix
}
