package arrowidx_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Of the rows that a scan of kind flat lets through, those whose estimate is above the threshold
// wait until it has fallen. Scored as they came they would be some three times as many.
func TestUnlikelyRowsWaitForTheThreshold(t *testing.T) {
	const n, d, nq, k = 20_000, 256, 40, 10
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 72), n+nq, d, 2000)
	col := arrowidxtest.Column(t, rows[:n*d], d, 1)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	require.NoError(t, err)
	defer ix.Close()
	_, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
		Queries: rows[n*d:], NQ: nq, K: k, Rerank: -1})
	t.Logf("%d coded, %d measured a query", plan.Coded/nq, plan.Reranked/nq)
	require.Less(t, plan.Coded/nq, int64(300))
}

// Rows in falling order of distance are the worst case: every one is let through and lowers the
// threshold. However many must wait, none is lost.
func TestRowsThatComeNearerAllTheTimeAreFound(t *testing.T) {
	const n, d, k = 12_000, 64, 7
	r := arrowidxtest.Rand(t, 71)
	query, rows := arrowidxtest.Sphere(r, d), arrowidxtest.Gaussian(r, n, d)
	order := make([]int, n)
	far := make([]float64, n)
	for i := range order {
		order[i] = i
		for j, q := range query {
			gap := float64(rows[i*d+j] - q)
			far[i] += gap * gap
		}
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(far[b], far[a]) })
	sorted := make([]float32, 0, n*d)
	for _, i := range order {
		sorted = append(sorted, rows[i*d:(i+1)*d]...)
	}
	col := arrowidxtest.Column(t, sorted, d, 1)
	defer col.Release()
	for _, bits := range []int{1, 5, 8} {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
			Kind: arrowidx.Flat, Metric: arrowidx.L2, Bits: bits})
		require.NoError(t, err)
		out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
			Queries: query, NQ: 1, K: k, Rerank: -1, Epsilon0: arrowidxtest.Sure})
		ix.Close()
		want := arrowidxtest.Nearest(arrowidx.L2, sorted, query, k, nil)
		require.Empty(t, arrowidxtest.Differs(want, out, 0, k))
		t.Logf("%d bits: %d coded", bits, plan.Coded)
	}
}

// Some thousand scattered rows are gathered, one query or many: side by side they are read in a
// fraction of the time that the blocks take which hold them. Rows that share blocks are scanned.
func TestScatteredRowsAreGathered(t *testing.T) {
	const n, d, nq, k = 60_000, 384, 40, 10
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 73), n+nq, d, 500)
	col := arrowidxtest.Column(t, rows[:n*d], d, 1)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	require.NoError(t, err)
	defer ix.Close()
	for _, step := range []int{n / 1150, 1} {
		allowed := make([]int64, 0, 1150)
		for i := range 1150 {
			allowed = append(allowed, int64(i*step))
		}
		p := arrowidx.SearchParams{Queries: rows[n*d:], NQ: nq, K: k, Rerank: -1, Rows: allowed}
		out, plan := arrowidxtest.Search(t, ix, p)
		p.Queries, p.NQ = p.Queries[:d], 1
		alone, one := arrowidxtest.Search(t, ix, p)
		require.Equal(t, out.Rows[:k], alone.Rows)
		require.Equal(t, step == 1, plan.Coded > 0, "%d apart: %d coded", step, plan.Coded)
		require.Equal(t, step == 1, one.Coded > 0, "%d apart: %d coded", step, one.Coded)
		if step == 1 {
			continue
		}
		may := func(row int) bool { return row%step == 0 && row/step < 1150 }
		for i := range nq {
			q := rows[(n+i)*d : (n+i+1)*d]
			want := arrowidxtest.Nearest(arrowidx.Cosine, rows[:n*d], q, k, may)
			require.Empty(t, arrowidxtest.Differs(want, out, i, k))
		}
	}
}
