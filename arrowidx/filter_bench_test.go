package arrowidx_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/simd"
)

// BenchmarkFilters times one query on one thread beside a scan of the eligible rows gathered before
// ("gathered": float32 products of a matrix and the ten best of them) and the search without a
// filter: cosine, 384 dimensions, random masks.
func BenchmarkFilters(b *testing.B) {
	const n, nq, d, k = 100_000, 200, 384, 10
	r := arrowidxtest.Rand(b, 60)
	all := arrowidxtest.Clustered(r, n+nq, d, 500)
	rows, queries := all[:n*d], all[n*d:]
	shares := []float64{0.5, 0.1, 0.02, 0.01, 0.001, 0.0001}
	masks := make([][]byte, len(shares))
	for i, share := range shares {
		masks[i] = make([]byte, n)
		var chosen []float32
		for row := range n {
			if r.Float64() < share {
				masks[i][row] = 1
				chosen = append(chosen, rows[row*d:(row+1)*d]...)
			}
		}
		b.Run(fmt.Sprintf("gathered/%v", share), func(b *testing.B) {
			var times []time.Duration
			for i := 0; b.Loop(); i++ {
				begin := time.Now()
				scanGathered(chosen, queries[i%nq*d:(i%nq+1)*d], k)
				times = append(times, time.Since(begin))
			}
			reportMedian(b, times)
		})
	}
	col := arrowidxtest.Column(b, rows, d, 1)
	defer col.Release()
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, err := arrowidx.Build(b.Context(), col, arrowidx.BuildOptions{Kind: kind})
		require.NoError(b, err)
		for i := range len(shares) + 1 {
			name, mask := fmt.Sprintf("%s/all", kind), []byte(nil)
			if i < len(shares) {
				name, mask = fmt.Sprintf("%s/%v", kind, shares[i]), masks[i]
			}
			b.Run(name, func(b *testing.B) {
				out := arrowidxtest.Outputs(1, k)
				var plan arrowidx.Plan
				var times []time.Duration
				for i := 0; b.Loop(); i++ {
					begin := time.Now()
					plan, err = ix.Search(b.Context(), &arrowidx.SearchParams{
						Queries: queries[i%nq*d : (i%nq+1)*d], NQ: 1, K: k, Rerank: -1,
						Threads: 1, Mask: mask}, &out)
					if err != nil {
						b.Fatal(err)
					}
					times = append(times, time.Since(begin))
				}
				reportMedian(b, times)
				b.ReportMetric(float64(plan.Scanned), "scanned")
				b.ReportMetric(float64(plan.Reranked), "reranked")
			})
		}
		ix.Close()
	}
}

// reportMedian tells the median time, which other programs on the machine disturb least.
func reportMedian(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Nanoseconds())/1000, "median-us")
}

// scanGathered returns the k greatest products of the rows with the query.
func scanGathered(rows, query []float32, k int) []float32 {
	const tile = 64
	d := len(query)
	best, out := make([]float32, 0, k+1), make([]float32, tile)
	least := float32(-2)
	for n := len(rows) / d; n > 0; n -= tile {
		some := min(tile, n)
		simd.DotTile(out, rows, some, d, d, query, 1, d)
		rows = rows[some*d:]
		for _, v := range out[:some] {
			if v <= least {
				continue
			}
			at, _ := slices.BinarySearchFunc(best, v, func(a, b float32) int {
				if a > b {
					return -1
				}
				return 1
			})
			if best = slices.Insert(best, at, v); len(best) > k {
				best, least = best[:k], best[k-1]
			}
		}
	}
	return best
}
