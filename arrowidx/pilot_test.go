package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// A pilot scan spares small flat indexes most whole codes: without one, every row of the first 64
// KiB of codes is scored by all its bits.
func TestSmallFlatIndexesHaveAFirstThresholdToo(t *testing.T) {
	const d, nq, k = 64, 20, 10
	for _, n := range []int{1100, 2000, 8000, 16_000} {
		f := newFixture(t, n, d, nq, arrowidx.BuildOptions{Kind: arrowidx.Flat})
		out, plan := arrowidxtest.Search(t, f.ix, arrowidx.SearchParams{
			Queries: f.queries, NQ: nq, K: k, Rerank: -1})
		require.EqualValues(t, n*nq, plan.Scanned)
		require.Less(t, plan.Coded, int64(min(n/4, 1024)*nq), "%d rows", n)
		sure, _ := arrowidxtest.Search(t, f.ix, arrowidx.SearchParams{
			Queries: f.queries, NQ: nq, K: k, Rerank: -1, Epsilon0: arrowidxtest.Sure})
		for i := range nq {
			q := f.queries[i*d : (i+1)*d]
			want := arrowidxtest.Nearest(arrowidx.Cosine, f.rows, q, k, nil)
			require.Empty(t, arrowidxtest.Differs(want, sure, i, k), "%d rows", n)
			require.EqualValues(t, k, out.Counts[i])
		}
		t.Logf("%d rows: %d coded a query", n, plan.Coded/nq)
	}
}
