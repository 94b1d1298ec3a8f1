package arrowidx_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// crowds returns n rows around points that the seed of the place alone decides.
func crowds(seed, place uint64, n, d int) []float32 {
	middles, r := rand.New(rand.NewPCG(place, 1)), rand.New(rand.NewPCG(seed, 2))
	const crowds = 200
	middle := make([]float64, crowds*d)
	for i := range middle {
		middle[i] = middles.NormFloat64()
	}
	rows := make([]float32, n*d)
	for i := range rows {
		at := i / d % crowds * d
		rows[i] = float32(middle[at+i%d] + 0.5*r.NormFloat64())
	}
	return rows
}

// foundAfter returns the share that a search finds of the nearest rows from number `from` on.
func foundAfter(
	t *testing.T, ix *arrowidx.Index, p arrowidx.SearchParams, from int64,
) (share float64, plan arrowidx.Plan) {
	t.Helper()
	truth, out, plan := besideTruth(t, ix, p)
	found, all := 0, 0
	for i, row := range truth.Rows {
		if row < from {
			continue
		}
		all++
		if at := i / p.K * p.K; slices.Contains(out.Rows[at:at+p.K], row) {
			found++
		}
	}
	require.Greater(t, all, p.NQ, "rows are nearest that were added")
	return float64(found) / float64(all), plan
}

// What the base has found bounds what can be nearest among rows added later: few of them are
// scored. Of rows unlike those of the base, which are nearest to queries like them, none is lost.
func TestAddedRowsAreSearchedWithinWhatTheBaseFound(t *testing.T) {
	const n, more, d, nq, k = 6000, 1500, 128, 100, 10
	const alike, elsewhere = 7, 8
	for _, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.L2, arrowidx.Dot} {
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
			for _, place := range []uint64{alike, elsewhere} {
				base := arrowidxtest.Column(t, crowds(1, alike, n, d), d, 1)
				o := arrowidx.BuildOptions{Kind: kind, Metric: metric, Seed: 5}
				ix, err := arrowidx.Build(t.Context(), base, o)
				require.NoError(t, err)
				p := arrowidx.SearchParams{Queries: crowds(2, place, nq, d), NQ: nq, K: k}
				_, before := arrowidxtest.Search(t, ix, p)
				col := arrowidxtest.Column(t, crowds(3, place, more, d), d, 1)
				_, err = ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
				require.NoError(t, err)
				share, after := foundAfter(t, ix, p, n)
				what := fmt.Sprint(metric, " ", kind, " ", place)
				require.GreaterOrEqual(t, share, .99, what)
				if place == alike { // otherwise 370 of a query are scored and at least k measured
					require.Less(t, after.Coded-before.Coded, int64(20*nq), what)
					most := k / 2
					if kind != arrowidx.Exact {
						most += 32 // those that do not fill a block are measured
					}
					require.Less(t, after.Reranked-before.Reranked, int64(most*nq), what)
				}
				ix.Close()
				col.Release()
				base.Release()
			}
		}
	}
}
