package arrowidx_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// asked is an index of every kind with a few queries, and the distances that float64 finds.
type asked struct {
	ix      *arrowidx.Index
	rows    []float32
	queries []float32
	d       int
}

func newAsked(t *testing.T, kind arrowidx.Kind) asked {
	const n, d = 4000, 12
	r := arrowidxtest.Rand(t, 911)
	rows := arrowidxtest.Gaussian(r, n, d)
	o := arrowidx.BuildOptions{Kind: kind, Metric: arrowidx.L2}
	if kind == arrowidx.IVF {
		o.Cells = 8
	}
	col := arrowidxtest.Column(t, rows, d, 1)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return asked{ix, rows, rows[:5*d], d}
}

// nearest is the row nearest to query i but for the row that it is, by float64.
func (a asked) distance(i int, row int64) float64 {
	sum := 0.0
	for j := range a.d {
		x := float64(a.queries[i*a.d+j]) - float64(a.rows[int(row)*a.d+j])
		sum += x * x
	}
	return math.Sqrt(sum)
}

func kinds() []arrowidx.Kind {
	return []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF}
}

func TestTheZeroValueOfASearchClosesTheBounds(t *testing.T) {
	for _, kind := range kinds() {
		a := newAsked(t, kind)
		zero := arrowidx.SearchParams{Queries: a.queries, K: 3}
		got := arrowidxtest.Outputs(5, 3)
		plan, err := a.ix.Search(t.Context(), &zero, &got)
		require.NoError(t, err)
		require.True(t, plan.Exact, kind)
		require.EqualValues(t, 5, plan.Queries, "as many as the numbers make")
		require.Zero(t, zero.NQ, "the caller's parameters stay")
		for i := range 5 {
			require.EqualValues(t, i, got.Rows[3*i])
			for j, row := range got.Rows[3*i : 3*i+3] {
				require.InDelta(t, a.distance(i, row), got.Scores[3*i+j], 1e-5)
			}
		}
		for _, rerank := range []int{-1, -7} {
			same, _ := arrowidxtest.Search(t, a.ix, arrowidx.SearchParams{
				Queries: a.queries, NQ: 5, K: 3, Rerank: rerank})
			require.Equal(t, got.Rows, same.Rows)
			require.Equal(t, got.Scores, same.Scores)
		}
	}
}

func TestEstimatesAreAskedForByName(t *testing.T) {
	for _, kind := range kinds() {
		a := newAsked(t, kind)
		p := arrowidx.SearchParams{Queries: a.queries, K: 3, Estimates: true}
		out := arrowidxtest.Outputs(5, 3)
		plan, err := a.ix.Search(t.Context(), &p, &out)
		require.NoError(t, err)
		require.Equal(t, kind == arrowidx.Exact, plan.Exact)
		if kind != arrowidx.Exact {
			require.Zero(t, plan.Reranked)
		}
		p.Rerank = 10
		_, err = a.ix.Search(t.Context(), &p, &out)
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "both at once")
	}
}

func TestTheNumberOfQueriesFollowsFromThem(t *testing.T) {
	a := newAsked(t, arrowidx.IVF)
	least := 2.5
	counts := make([]int64, 5)
	_, err := a.ix.Within(t.Context(), &arrowidx.WithinParams{Queries: a.queries,
		MaxDistance: &least, Counts: counts}, func(arrowidx.Range) error { return nil })
	require.NoError(t, err)
	require.NotContains(t, counts, int64(0), "each finds itself")
	out := arrowidxtest.Outputs(10, 2)
	_, err = a.ix.SearchGroups(t.Context(), &arrowidx.SearchParams{Queries: a.queries, K: 2},
		slices.Repeat([]uint32{0, 1}, a.ix.Len()/2), 2, &out)
	require.NoError(t, err)
	require.Equal(t, slices.Repeat([]int64{2}, 10), out.Counts)
	like := arrowidxtest.Outputs(2, 1)
	_, err = a.ix.Search(t.Context(), &arrowidx.SearchParams{Like: arrowidxtest.Positions(1, 7), K: 1},
		&like)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 1}, like.Counts)
	require.NoError(t, a.ix.Calibrate(t.Context(), arrowidx.CalibrateParams{
		Queries: a.rows[:300*a.d]}))

	for _, wrong := range []func() error{
		func() error {
			_, err := a.ix.Search(t.Context(), &arrowidx.SearchParams{
				Queries: a.queries[:a.d+1], K: 1}, &out)
			return err
		},
		func() error {
			_, err := a.ix.Within(t.Context(), &arrowidx.WithinParams{Queries: a.queries[:5],
				MaxDistance: &least}, nil)
			return err
		},
		func() error {
			return a.ix.Calibrate(t.Context(), arrowidx.CalibrateParams{Queries: a.queries[:5]})
		},
	} {
		require.Equal(t, arrowidx.DimensionMismatch, arrowidx.KindOf(wrong()))
	}
	none, err := a.ix.Search(t.Context(), &arrowidx.SearchParams{K: 3}, &out)
	require.NoError(t, err)
	require.Zero(t, none.Queries)
}

func TestOneQueryNeedsNoArrays(t *testing.T) {
	for _, kind := range kinds() {
		a := newAsked(t, kind)
		query := a.queries[a.d : 2*a.d]
		hits, plan, err := a.ix.SearchOne(t.Context(), query, 4)
		require.NoError(t, err)
		require.Len(t, hits, 4)
		require.Equal(t, arrowidx.Hit{Row: 1, ID: "1", Score: 0}, hits[0])
		require.EqualValues(t, 1, plan.Queries)
		for _, h := range hits {
			require.InDelta(t, a.distance(1, h.Row), h.Score, 1e-5)
		}
		for _, k := range []int{a.ix.Len(), a.ix.Len() + 1, 1 << 60, math.MaxInt} {
			all, _, err := a.ix.SearchOne(t.Context(), query, k)
			require.NoError(t, err)
			require.Len(t, all, a.ix.Len(), "no more room is made than there are rows")
		}
		nothing, _, err := a.ix.SearchOne(t.Context(), query, 0)
		require.NoError(t, err)
		require.Empty(t, nothing)
		_, _, err = a.ix.SearchOne(t.Context(), query, -1)
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
		_, _, err = a.ix.SearchOne(t.Context(), query[:3], 1)
		require.Equal(t, arrowidx.DimensionMismatch, arrowidx.KindOf(err))
		a.ix.Close()
		_, _, err = a.ix.SearchOne(t.Context(), query, 1)
		require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(err))
	}
}

func TestAPlanReadsAsASentence(t *testing.T) {
	plan := arrowidx.Plan{Kind: arrowidx.IVF, Exact: true, Threads: 2, Bits: 5, Cells: 1000,
		Probed: 24, Rows: 1_250_000, Eligible: 1_000_000, Queries: 2, Scanned: 31_000, Coded: 410,
		Reranked: 61, Certified: 2, Recall: 0.95, Total: 1234567 * time.Nanosecond}
	require.Equal(t, "Searched 1,250,000 rows of kind ivf (5 bits a dimension) for 2 queries, "+
		"1,000,000 eligible; looked into 24 of 2,000 cells; scanned 31,000, scored 410 with all "+
		"bits, measured 61. Scores are exact; the bounds closed for 2 of 2 queries at recall 0.95. "+
		"It took 1.235ms on 2 threads.", plan.String())
	one := arrowidx.Plan{Kind: arrowidx.Exact, Rows: 1, Eligible: 1, Queries: 1, Threads: 1}
	require.Equal(t, "Searched 1 row of kind exact for 1 query; scanned 0, scored 0 with all bits, "+
		"measured 0. Scores are estimates; the bounds closed for 0 of 1 query. It took 0s on "+
		"1 thread.", one.String())
}
