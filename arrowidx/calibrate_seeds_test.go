package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Indexes of other seeds have other rotations and cells, but are calibrated alike: what they
// promise and what they read does not depend on luck.
func TestSeedsAreCalibratedAlike(t *testing.T) {
	if testing.Short() {
		t.Skip("builds of several seeds")
	}
	const seeds = 5
	p := newPromise(t, arrowidx.Cosine, 64, 359, clustered)
	for _, target := range promised {
		sum, least, fewest, most := 0.0, 1.0, int64(1)<<62, int64(0)
		for seed := range uint64(seeds) {
			ix, _ := build(t, p.rows, p.d, arrowidx.BuildOptions{
				Kind: arrowidx.IVF, Metric: p.metric, Bits: 5, Seed: seed + 1}, false)
			have, plan := recall(t, ix, p.queries, p.truth, arrowidx.SearchParams{Recall: target})
			ix.Close()
			sum, least = sum+have, min(least, have)
			fewest, most = min(fewest, plan.Scanned), max(most, plan.Scanned)
		}
		t.Logf("target %v: recall %.4f, least %.4f; %.2f times the rows at most", target, sum/seeds,
			least, float64(most)/float64(fewest))
		require.GreaterOrEqual(t, sum/seeds, target, "on average the target is reached")
		// At .9 the mean of 416 queries is uncertain by .7 points, of which caution adds 1.25 times.
		require.LessOrEqual(t, sum/seeds, target+0.02, "and hardly more than it")
		require.GreaterOrEqual(t, least, target-0.005)
		require.LessOrEqual(t, float64(most)/float64(fewest), 1.15)
	}
}
