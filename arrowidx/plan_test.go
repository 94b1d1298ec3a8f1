package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// What a plan says happened, and what rerank, recall and bits ask for.

const planRows, planDim, planQueries = 30_000, 48, 25

// planned is an index with its queries.
func planned(t *testing.T, o arrowidx.BuildOptions) fixture {
	o.Kind = arrowidx.Flat
	return newFixture(t, planRows, planDim, planQueries, o)
}

func (f fixture) ask(
	t *testing.T, k int, change func(*arrowidx.SearchParams),
) (arrowidx.SearchOut, arrowidx.Plan) {
	t.Helper()
	p := arrowidx.SearchParams{Queries: f.queries, NQ: planQueries, K: k, Rerank: -1}
	if change != nil {
		change(&p)
	}
	return arrowidxtest.Search(t, f.ix, p)
}

// recall is the share of the true k nearest among the rows found.
func (f fixture) recall(metric arrowidx.Metric, out arrowidx.SearchOut, k int) float64 {
	found := 0
	for i := range planQueries {
		truth := map[int64]bool{}
		for _, h := range arrowidxtest.Nearest(metric, f.rows, f.queries[i*f.d:(i+1)*f.d], k, nil) {
			truth[h.Row] = true
		}
		for _, row := range out.Rows[i*k : (i+1)*k] {
			if truth[row] {
				found++
			}
		}
	}
	return float64(found) / float64(planQueries*k)
}

func TestRerankOfNMeasuresNRows(t *testing.T) {
	f := planned(t, arrowidx.BuildOptions{Bits: 3})
	const k = 10
	last := 0.0
	for _, n := range []int{10, 20, 50, 200, 1000} {
		out, plan := f.ask(t, k, func(p *arrowidx.SearchParams) { p.Rerank = n })
		require.EqualValues(t, n*planQueries, plan.Reranked, "rerank %d", n)
		require.True(t, plan.Exact)
		recall := f.recall(arrowidx.Cosine, out, k)
		require.GreaterOrEqual(t, recall, last, "more rows measured find no fewer")
		last = recall
		for i := range planQueries {
			require.EqualValues(t, k, out.Counts[i])
			for j := range k {
				at := i*k + j
				row, q := out.Rows[at], f.queries[i*f.d:(i+1)*f.d]
				truth := arrowidxtest.Score(arrowidx.Cosine, f.rows[int(row)*f.d:int(row+1)*f.d], q)
				require.InDelta(t, truth, out.Scores[at], 1e-6, "scores are distances")
			}
		}
	}
	require.Greater(t, last, 0.99)
}

func TestRerankOfFewerThanKStillFindsK(t *testing.T) {
	f := planned(t, arrowidx.BuildOptions{})
	for _, rerank := range []int{1, 3, 9} {
		out, plan := f.ask(t, 10, func(p *arrowidx.SearchParams) { p.Rerank = rerank })
		for _, n := range out.Counts {
			require.EqualValues(t, 10, n, "rerank %d", rerank)
		}
		require.EqualValues(t, 10*planQueries, plan.Reranked, "what is returned is measured")
	}
}

func TestCertifiedQueriesAreRightAndUncertifiedOnesAreCounted(t *testing.T) {
	f := planned(t, arrowidx.BuildOptions{Bits: 2})
	const k = 10
	truth, plan := f.ask(t, k, func(p *arrowidx.SearchParams) { p.Epsilon0 = arrowidxtest.Sure })
	require.EqualValues(t, planQueries, plan.Certified)
	require.Equal(t, 1.0, f.recall(arrowidx.Cosine, truth, k))
	certified := []int64{}
	for _, n := range []int{10, 100, 1000, 3000} {
		var sum int64
		for i := range planQueries {
			q := f.queries[i*f.d : (i+1)*f.d]
			out, plan := arrowidxtest.Search(t, f.ix, arrowidx.SearchParams{
				Queries: q, NQ: 1, K: k, Rerank: n, Estimates: n == 0, Epsilon0: arrowidxtest.Sure})
			sum += plan.Certified
			if plan.Certified == 1 {
				diff := arrowidxtest.Unequal(arrowidxtest.Part(truth, i, 1, k), out)
				require.Empty(t, diff, "query %d was certified at rerank %d", i, n)
			}
		}
		certified = append(certified, sum)
	}
	require.IsNonDecreasing(t, certified, "more rows measured close no fewer bounds")
	require.Less(t, certified[0], int64(planQueries), "ten rows of 2 bits prove nothing")
	_, plan = f.ask(t, k, func(p *arrowidx.SearchParams) { p.Estimates = true })
	require.Zero(t, plan.Certified, "estimates prove nothing")
}

func TestMoreBitsEstimateBetter(t *testing.T) {
	const k, n = 10, 6000
	f := fixture{n: n, d: planDim}
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 210), n+planQueries, f.d, 40)
	f.rows, f.queries = rows[:n*f.d], rows[n*f.d:]
	for _, metric := range arrowidxtest.Metrics {
		recalls := []float64{}
		for bits := 1; bits <= 9; bits++ {
			f.ix, _ = build(t, f.rows, f.d, arrowidx.BuildOptions{
				Kind: arrowidx.Flat, Bits: bits, Metric: metric, Seed: 1}, false)
			out, plan := f.ask(t, k, func(p *arrowidx.SearchParams) { p.Estimates = true })
			require.Zero(t, plan.Reranked)
			require.False(t, plan.Exact)
			require.Equal(t, bits, plan.Bits)
			recalls = append(recalls, f.recall(metric, out, k))
		}
		t.Logf("%s: recall of estimates by bits %.3f", metric, recalls)
		for i := 1; i < len(recalls); i++ {
			require.Greater(t, recalls[i], recalls[i-1]-0.02, "%s, %d bits", metric, i+1)
		}
		require.Greater(t, recalls[4], recalls[0]+0.2, metric)
		require.Greater(t, recalls[7], 0.95, metric)
	}
}

// A target that codes alone cannot promise is not answered with something worse.
func TestHigherTargetsWithoutVectorsFindNoLess(t *testing.T) {
	const k = 10
	f := planned(t, arrowidx.BuildOptions{Bits: 8, Keep: arrowidx.KeepNone})
	last := 0.0
	for _, target := range []float64{0.5, 0.9, 0.95, 0.99, 0.995, 1} {
		out, _ := f.ask(t, k, func(p *arrowidx.SearchParams) { p.Recall = target })
		recall := f.recall(arrowidx.Cosine, out, k)
		require.GreaterOrEqual(t, recall, last-0.005, "target %v", target)
		last = max(last, recall)
	}
	require.Greater(t, last, 0.95)
}

func TestATargetOfOneIsBruteForce(t *testing.T) {
	const k = 10
	f := planned(t, arrowidx.BuildOptions{Bits: 1})
	for _, target := range []float64{0.995, 1} {
		out, plan := f.ask(t, k, func(p *arrowidx.SearchParams) { p.Recall = target })
		require.Equal(t, 1.0, f.recall(arrowidx.Cosine, out, k))
		require.EqualValues(t, planQueries*planRows, plan.Reranked)
		require.EqualValues(t, planQueries, plan.Certified)
	}
}

func TestThePlanCountsWhatWasDone(t *testing.T) {
	f := planned(t, arrowidx.BuildOptions{Bits: 5})
	_, plan := f.ask(t, 10, nil)
	require.Equal(t, arrowidx.Flat, plan.Kind)
	require.EqualValues(t, planRows, plan.Rows)
	require.EqualValues(t, planRows, plan.Eligible)
	require.Zero(t, plan.Nulls)
	require.EqualValues(t, planQueries, plan.Queries)
	require.GreaterOrEqual(t, plan.Scanned, int64(planRows*planQueries), "every plane is read")
	require.Less(t, plan.Coded, plan.Scanned/4, "few rows survive the plane")
	require.Less(t, plan.Reranked, plan.Coded/2, "fewer survive the code")
	require.GreaterOrEqual(t, plan.Reranked, int64(10*planQueries))
	require.Equal(t, 1.9, plan.Epsilon0)
	require.Equal(t, 0.95, plan.Recall)
	require.LessOrEqual(t, plan.Prepare+plan.Scan+plan.Rerank, plan.Total)
	_, few := f.ask(t, 10, func(p *arrowidx.SearchParams) { p.Rows = []int64{4, 8} })
	require.EqualValues(t, 2, few.Eligible)
	require.Zero(t, few.Scanned, "two rows are measured, not scanned for")
	require.EqualValues(t, 2*planQueries, few.Reranked)
	_, none := f.ask(t, 0, nil)
	require.Zero(t, none.Scanned+none.Coded+none.Reranked)
}

func TestWiderBoundsMeasureMoreRows(t *testing.T) {
	f := planned(t, arrowidx.BuildOptions{Bits: 3})
	last := int64(0)
	for _, epsilon := range []float64{0.5, 1, 1.9, 3, 6} {
		_, plan := f.ask(t, 10, func(p *arrowidx.SearchParams) { p.Epsilon0 = epsilon })
		require.Equal(t, epsilon, plan.Epsilon0)
		require.Greater(t, plan.Reranked, last, "epsilon0 %v", epsilon)
		last = plan.Reranked
	}
}

// A column given with a search serves as the index's own would.
func TestASourceOfTheSearchReplacesTheIndexsOwn(t *testing.T) {
	f := planned(t, arrowidx.BuildOptions{Keep: arrowidx.KeepNone, Bits: 5})
	kept := planned(t, arrowidx.BuildOptions{Bits: 5})
	want, wantPlan := kept.ask(t, 10, nil)
	col := arrowidxtest.Column(t, f.rows, f.d, 3)
	defer col.Release()
	got, plan := f.ask(t, 10, func(p *arrowidx.SearchParams) { p.Source = col })
	require.Empty(t, arrowidxtest.Unequal(want, got))
	require.Equal(t, wantPlan.Reranked, plan.Reranked)
	_, plan = f.ask(t, 10, nil)
	require.False(t, plan.Exact, "the next search has no vectors")
	require.False(t, f.ix.Info().Vectors)
	wrong := arrowidxtest.Column(t, f.rows[:f.d*100], f.d, 1)
	defer wrong.Release()
	out := arrowidxtest.Outputs(1, 1)
	_, err := f.ix.Search(t.Context(), &arrowidx.SearchParams{
		Queries: f.queries[:f.d], NQ: 1, K: 1, Source: wrong}, &out)
	require.Equal(t, arrowidx.DimensionMismatch, arrowidx.KindOf(err))
}

func TestFirstThresholdsAreAPartOfRouting(t *testing.T) {
	f := newFixture(t, planRows, planDim, planQueries, arrowidx.BuildOptions{Kind: arrowidx.IVF})
	_, alone := f.ask(t, 10, func(p *arrowidx.SearchParams) { p.Threads = 1 })
	require.Positive(t, alone.First)
	require.LessOrEqual(t, alone.First, alone.Route)
	sum := alone
	sum.Follow(&alone)
	require.Equal(t, 2*alone.First, sum.First)
}
