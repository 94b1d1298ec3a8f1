package arrowidx_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// everyScore asks an index by every verb, with measured scores and with estimates, and returns all
// scores by verb.
func everyScore(t *testing.T, ix *arrowidx.Index, queries []float32, nq int) map[string][]float32 {
	const k = 20
	all := map[string][]float32{}
	for name, rerank := range map[string]int{"measured": -1, "estimated": 0, "some": k} {
		p := arrowidx.SearchParams{Queries: queries, NQ: nq, K: k, Rerank: rerank, Estimates: rerank == 0}
		out, _ := arrowidxtest.Search(t, ix, p)
		all[name+" batch"] = out.Scores
		for i := range nq {
			p.Queries, p.NQ = queries[i*len(queries)/nq:(i+1)*len(queries)/nq], 1
			out, _ = arrowidxtest.Search(t, ix, p)
			all[name+" search"] = append(all[name+" search"], out.Scores...)
		}
		p.Queries, p.NQ = queries, nq
		if !ix.Info().Changed {
			groups := make([]uint32, ix.Len())
			for i := range groups {
				groups[i] = uint32(i % 3)
			}
			out = arrowidxtest.Outputs(3*nq, k)
			_, err := ix.SearchGroups(t.Context(), &p, groups, 3, &out)
			require.NoError(t, err)
			all[name+" groups"] = out.Scores
		}
	}
	everywhere := math.Inf(1)
	p := arrowidx.WithinParams{Queries: queries, NQ: nq, MaxDistance: &everywhere}
	if ix.Metric().Larger() {
		everywhere, p.MaxDistance, p.MinSimilarity = math.Inf(-1), nil, &everywhere
	}
	all["within"] = slices.Concat(within(t, ix, p).scores...)
	if !ix.Info().Vectors {
		return all
	}
	out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
		NQ: 2, K: k, Like: arrowidxtest.Positions(3, 4), Rerank: -1})
	all["like"] = out.Scores
	out, _ = arrowidxtest.Search(t, ix, arrowidx.SearchParams{
		Queries: queries, NQ: nq, K: k, Diversity: 0.3, Estimates: true})
	all["diversity"] = out.Scores
	graph := arrowidx.NeighborsOut{SearchOut: arrowidxtest.Outputs(ix.Len(), 3),
		Of: make([]int64, ix.Len())}
	_, err := ix.Neighbors(t.Context(), arrowidx.NeighborsParams{K: 3}, &graph)
	require.NoError(t, err)
	all["neighbors"] = graph.Scores
	return all
}

// TestNoScoreLeavesWhatItsMetricCanBe asks with rows that are equal, opposite and far away, whose
// estimates lie on both sides of the limits.
func TestNoScoreLeavesWhatItsMetricCanBe(t *testing.T) {
	const n, d, nq = 300, 6, 9
	limits := map[arrowidx.Metric][2]float64{
		arrowidx.Cosine: {-1, 1}, arrowidx.Dot: {-math.MaxFloat32, math.MaxFloat32},
		arrowidx.L2: {0, math.MaxFloat32}, arrowidx.SqEuclidean: {0, math.MaxFloat32},
	}
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for metric, limit := range limits {
			for _, length := range []float32{1, 2e18} { // the greatest are near what float32 squares
				r := arrowidxtest.Rand(t, 70)
				rows := arrowidxtest.Gaussian(r, n, d)
				queries := append([]float32{}, rows[:nq*d]...)
				for i := range d {
					queries[i], queries[d+i] = -rows[20*d+i], 2*rows[21*d+i]
				}
				for i := range rows {
					rows[i] *= length / 4
				}
				for i := range queries {
					queries[i] *= length / 4
				}
				for _, bits := range []int{1, 2, 5, 9} {
					o := arrowidx.BuildOptions{Kind: kind, Metric: metric, Bits: bits, Cells: 5}
					if kind == arrowidx.Exact {
						o.Bits, o.Cells = 0, 0
					}
					limitedScores(t, rows, queries, nq, o, limit)
				}
			}
		}
	}
}

// limitedScores checks all scores of an index as it was built, and with rows added.
func limitedScores(
	t *testing.T, rows, queries []float32, nq int, o arrowidx.BuildOptions, limit [2]float64,
) {
	d := len(queries) / nq
	col := arrowidxtest.Column(t, rows, d, 2)
	defer col.Release()
	more := arrowidxtest.Column(t, queries, d, 1)
	defer more.Release()
	ix, err := arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	defer ix.Close()
	for range 2 {
		found := 0
		for verb, scores := range everyScore(t, ix, queries, nq) {
			for _, score := range scores {
				if score == score { // NaN: no row
					found++
				}
				require.False(t, float64(score) < limit[0] || float64(score) > limit[1],
					"%s %s of %d bits, %s: %v", o.Kind, o.Metric, o.Bits, verb, score)
			}
		}
		require.Greater(t, found, 1000)
		_, err := ix.Add(t.Context(), nil, more, arrowidx.AddOptions{})
		require.NoError(t, err)
	}
}
