package arrowidx_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// BenchmarkGroups compares one pass for all groups with a search among the rows of each.
func BenchmarkGroups(b *testing.B) {
	const rows, d, k = 200_000, 128, 10
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
		g := newGrouping(arrowidxtest.Rand(b, 210), rows, d, 16, 1)
		ix := g.build(b, kind, 0, arrowidx.Cosine)
		for _, n := range []int{1, 20, 1000} {
			g.n = n
			for i := range g.groups {
				g.groups[i] = uint32((i * 7919 >> 3) % n)
			}
			for _, nq := range []int{1, 16} {
				p := g.params(k)
				p.Epsilon0, p.NQ, p.Queries, p.Threads = 0, nq, g.queries[:nq*d], 1
				name := fmt.Sprintf("%s/groups=%d/queries=%d/", kind, n, nq)
				b.Run(name+"pass", func(b *testing.B) { g.benchmark(b, ix, p) })
				if n <= 20 {
					b.Run(name+"masks", func(b *testing.B) { g.benchmarkMasks(b, ix, p) })
				}
			}
		}
		ix.Close()
	}
}

func (g grouping) benchmark(b *testing.B, ix *arrowidx.Index, p arrowidx.SearchParams) {
	out := arrowidxtest.Outputs(p.NQ*g.n, p.K)
	var plan arrowidx.Plan
	for b.Loop() {
		var err error
		plan, err = ix.SearchGroups(b.Context(), &p, g.groups, g.n, &out)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(plan.Coded)/float64(p.NQ), "coded/query")
	b.ReportMetric(float64(plan.Reranked)/float64(p.NQ), "reranked/query")
}

func (g grouping) benchmarkMasks(b *testing.B, ix *arrowidx.Index, p arrowidx.SearchParams) {
	masks := make([][]byte, g.n)
	for i := range masks {
		masks[i] = make([]byte, g.rows)
	}
	for row, group := range g.groups {
		masks[group][row] = 1
	}
	out := arrowidxtest.Outputs(p.NQ, p.K)
	for b.Loop() {
		for _, mask := range masks {
			p.Mask = mask
			_, err := ix.Search(b.Context(), &p, &out)
			require.NoError(b, err)
		}
	}
}
