package arrowidx_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// BenchmarkAdd times Add of so many rows of 384 numbers at a time to an index of 100,000.
func BenchmarkAdd(b *testing.B) {
	const d, n = 384, 100_000
	r := arrowidxtest.Rand(b, 501)
	rows := arrowidxtest.Clustered(r, n, d, 100)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for _, batch := range []int{1, 100, 10_000} {
			b.Run(fmt.Sprintf("%s/%d", kind, batch), func(b *testing.B) {
				col := arrowidxtest.Column(b, rows, d, 1)
				ix, err := arrowidx.Build(b.Context(), col, arrowidx.BuildOptions{Kind: kind})
				col.Release()
				require.NoError(b, err)
				defer ix.Close()
				some := arrowidxtest.Column(b, rows[:batch*d], d, 1)
				defer some.Release()
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					_, err := ix.Add(b.Context(), nil, some, arrowidx.AddOptions{})
					require.NoError(b, err)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/row")
			})
		}
	}
}
