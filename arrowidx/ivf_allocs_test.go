package arrowidx_test

import (
	"context"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// A search of cells allocates nothing on the Go heap once its workspace has grown.
func TestAWarmSearchOfCellsAllocatesNothing(t *testing.T) {
	// A collection would empty the pool of workspaces, which then grow anew.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const n, d, nq, k = 6000, 32, 130, 10
	all := arrowidxtest.Clustered(arrowidxtest.Rand(t, 340), n+nq, d, 40)
	ctx := context.Background()
	for i, metric := range arrowidxtest.Metrics {
		bits := []int{1, 3, 5, 8}[i]
		ix, _ := build(t, all[:n*d], d, arrowidx.BuildOptions{
			Kind: arrowidx.IVF, Metric: metric, Bits: bits}, false)
		for _, size := range []int{1, 4, nq} {
			for _, rerank := range []int{-1, 0, 30} {
				p := arrowidx.SearchParams{Queries: all[n*d : (n+size)*d], NQ: size, K: k,
					Rerank: rerank, Estimates: rerank == 0, Threads: 1}
				out := arrowidxtest.Outputs(size, k)
				runs := 100 / size
				allocs := testing.AllocsPerRun(max(runs, 3), func() {
					if _, err := ix.Search(ctx, &p, &out); err != nil {
						t.Fatal(err)
					}
				})
				require.Zero(t, allocs, "%s, %d bits, %d queries, rerank %d", metric, bits, size,
					rerank)
			}
		}
		ix.Close()
	}
}
