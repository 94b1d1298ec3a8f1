package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// The rows that a descent looks at may be luckier than the others, and short lists end before many
// neighbours are found: with 32 rows a list, and passes until luck is no matter, the target is one
// for rows that were not looked at.
func TestATargetOfAGraphHoldsForRowsThatWereNotLookedAt(t *testing.T) {
	t.Parallel()
	const n, d, k, step = 9000, 48, 15, 11
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 720), n, d, 1)
	edges := kthScores(arrowidx.Cosine, rows, d, k, step)
	for _, kind := range descentKinds {
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: kind}, false)
		for _, recall := range []float64{0.9, 0.98} {
			out, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{K: k, Recall: recall})
			require.Equal(t, byDescent, plan.Plane, "%s %v", kind, recall)
			require.GreaterOrEqual(t, graphRecall(arrowidx.Cosine, edges, k, step, out), recall, kind)
		}
	}
}
