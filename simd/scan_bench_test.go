package simd

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
	"time"
)

// benchTiers runs f under every available tier.
func benchTiers(b *testing.B, f func(b *testing.B)) {
	for _, tier := range Available() {
		b.Run(tier.String(), func(b *testing.B) { withTier(b, tier, func() { f(b) }) })
	}
}

// BenchmarkScan reports million rows a second (times queries) from the caches and from memory, on
// average and for the fastest call (which a busy machine disturbs least). No row passes, as for
// nearly all blocks of a search.
func BenchmarkScan(b *testing.B) {
	for _, nq := range []int{1, 4} {
		for _, d := range []int{384, 1024, 1536} {
			for _, place := range []struct {
				name  string
				bytes int
			}{{"L1", 14 << 10}, {"L2", 256 << 10}, {"DRAM", 128 << 20}} {
				name := fmt.Sprintf("queries=%d/d=%d/%s", nq, d, place.name)
				b.Run(name, func(b *testing.B) { benchScan(b, nq, d, place.bytes/BlockStride(d)) })
			}
		}
	}
}

func benchScan(b *testing.B, nq, d, n int) {
	c := randomScan(rand.New(rand.NewSource(1)), d, n)
	for i := range c.alive {
		c.alive[i] = ^uint32(0)
	}
	for i := range c.queries {
		c.queries[i].Tau = -1e30
	}
	masks, est := make([]uint32, nq*n), make([]float32, nq*n*BlockRows)
	benchTiers(b, func(b *testing.B) {
		best := time.Duration(math.MaxInt64)
		for b.Loop() {
			start := time.Now()
			if nq == 4 {
				Scan4(c.blocks, d, c.alive, &c.queries, masks, est, Further(c.blocks))
			} else {
				Scan(c.blocks, d, c.alive, &c.queries[0], masks, est, Further(c.blocks))
			}
			best = min(best, time.Since(start))
		}
		rows := float64(n * nq * BlockRows)
		b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
		b.ReportMetric(rows/best.Seconds()/1e6, "best-Mrows/s")
	})
}

// BenchmarkQuery measures what a query costs before the scan.
func BenchmarkQuery(b *testing.B) {
	for _, d := range []int{384, 1024, 1536} {
		q := randomQuery(rand.New(rand.NewSource(1)), d)
		tab, z := make([]byte, 4*d), make([]int8, d)
		b.Run(fmt.Sprintf("tables/d=%d", d), func(b *testing.B) {
			benchTiers(b, func(b *testing.B) {
				for b.Loop() {
					BuildTables(tab, q)
				}
			})
		})
		b.Run(fmt.Sprintf("int8/d=%d", d), func(b *testing.B) {
			benchTiers(b, func(b *testing.B) {
				for b.Loop() {
					QuantizeInt8(z, q)
				}
			})
		})
	}
}

// BenchmarkCode measures the full code product of one row.
func BenchmarkCode(b *testing.B) {
	const d = 1024
	r := rand.New(rand.NewSource(1))
	for _, e := range []int{1, 2, 3, 4, 8} {
		c := randomCode(b, r, d, e)
		if e <= 4 {
			b.Run(fmt.Sprintf("int8/e=%d", e), func(b *testing.B) {
				benchTiers(b, func(b *testing.B) {
					for b.Loop() {
						DotCode(c.block, 7, c.extra, e, d, c.z)
					}
				})
			})
		}
		b.Run(fmt.Sprintf("float/e=%d", e), func(b *testing.B) {
			benchTiers(b, func(b *testing.B) {
				for b.Loop() {
					DotCodeFloat(c.block, 7, c.extra, e, d, c.q)
				}
			})
		})
	}
}

// BenchmarkNextBelow measures the search through 4,096 values with no hit.
func BenchmarkNextBelow(b *testing.B) {
	v := make([]float32, 4096)
	benchTiers(b, func(b *testing.B) {
		for b.Loop() {
			NextBelow(v, 0, -1)
		}
	})
}
