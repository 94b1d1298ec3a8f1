package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

func TestGroupsOfPackedBitsGetTheirNearestRows(t *testing.T) {
	r := arrowidxtest.Rand(t, 211)
	const k, n, rows = 4, 6, 900
	for _, w := range []int{1, 9, 64} {
		data, queries := bitRows(r, rows, w), bitRows(r, 11, w)
		groups, mask := make([]uint32, rows), make([]byte, rows)
		for i := range groups {
			groups[i], mask[i] = uint32(r.IntN(n+1)), byte(r.IntN(3))
			if groups[i] == n {
				groups[i] = arrowidx.NoGroup
			}
		}
		col := arrowidxtest.ColumnOf(t, packed(data, w, nil))
		for _, metric := range bitMetrics {
			ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
			out := arrowidxtest.Outputs(11*n, k)
			_, err := ix.SearchGroups(t.Context(), &arrowidx.SearchParams{
				Bits: queries, NQ: 11, K: k, Rerank: -1, Mask: mask}, groups, n, &out)
			require.NoError(t, err)
			for i := range 11 {
				for group := range n {
					want := nearestBits(metric, data, queries[i*w:(i+1)*w], k, func(row int) bool {
						return mask[row] != 0 && groups[row] == uint32(group)
					})
					require.Empty(t, arrowidxtest.Differs(want, out, i*n+group, k))
				}
			}
			ix.Close()
		}
		col.Release()
	}
}

// More queries than one round has.
func TestGroupsOfALargeBatchAreThoseOfItsQueries(t *testing.T) {
	g := newGrouping(arrowidxtest.Rand(t, 212), 300, 5, 530, 3)
	ix := g.build(t, arrowidx.Exact, 0, arrowidx.L2)
	out, plan := g.search(t, ix, g.params(2))
	g.check(t, arrowidx.L2, out, 2, nil)
	require.EqualValues(t, 530, plan.Certified)
}
