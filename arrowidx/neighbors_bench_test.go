package arrowidx_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// BenchmarkNeighbors times the 15 nearest other rows of every row on all threads, beside what
// asking for the rows one at a time takes (1,000 of them, on all threads and on one): cosine, 384
// dimensions, recall target 0.95.
func BenchmarkNeighbors(b *testing.B) {
	const d, k, asked = 384, 15, 1000
	for _, c := range []struct {
		kind arrowidx.Kind
		n    int
	}{{arrowidx.IVF, 100_000}, {arrowidx.Flat, 100_000}, {arrowidx.Exact, 10_000}} {
		rows := arrowidxtest.Clustered(arrowidxtest.Rand(b, 52), c.n, d, 500)
		col := arrowidxtest.Column(b, rows, d, 1)
		defer col.Release()
		ix, err := arrowidx.Build(b.Context(), col, arrowidx.BuildOptions{Kind: c.kind})
		require.NoError(b, err)
		defer ix.Close()
		b.Run(fmt.Sprintf("%s/graph", c.kind), func(b *testing.B) {
			out := arrowidxtest.GraphOf(c.n, k)
			var plan arrowidx.Plan
			begin := processorTime()
			for b.Loop() {
				plan, err = ix.Neighbors(b.Context(), arrowidx.NeighborsParams{K: k}, &out)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*c.n), "us/row")
			b.ReportMetric(float64(processorTime()-begin)/float64(b.N*c.n), "cpu-us/row")
			b.Log(describe(plan), plan.Route)
		})
		for threads := range 2 {
			b.Run(fmt.Sprintf("%s/one at a time, threads %d", c.kind, threads),
				func(b *testing.B) {
					out := arrowidxtest.Outputs(1, k+1)
					begin := processorTime()
					for b.Loop() {
						for i := range asked {
							at := i * (c.n / asked) * d
							_, err = ix.Search(b.Context(), &arrowidx.SearchParams{
								Queries: rows[at : at+d], NQ: 1, K: k + 1, Rerank: -1,
								Threads: threads}, &out)
							require.NoError(b, err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*asked), "us/row")
					b.ReportMetric(float64(processorTime()-begin)/float64(b.N*asked), "cpu-us/row")
				})
		}
	}
}

// processorTime returns the microseconds that all threads of the process have computed.
func processorTime() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return used.Utime.Nano()/1000 + used.Stime.Nano()/1000
}
