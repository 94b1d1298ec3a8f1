package arrowidx_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// BenchmarkFlatSearch times one query on one thread, and batches of 1,000 on all threads, with
// exact rerank: 5 bits, cosine, 384 dimensions.
func BenchmarkFlatSearch(b *testing.B) {
	const n, nq, d, k = 100_000, 1000, 384, 10
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(b, 50), n+nq, d, 500)
	queries := rows[n*d:]
	col := arrowidxtest.Column(b, rows[:n*d], d, 1)
	defer col.Release()
	ix, err := arrowidx.Build(b.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	require.NoError(b, err)
	defer ix.Close()
	b.Run("one", func(b *testing.B) {
		out := arrowidxtest.Outputs(1, k)
		var plan arrowidx.Plan
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			at := i % nq * d
			plan, err = ix.Search(b.Context(), &arrowidx.SearchParams{
				Queries: queries[at : at+d], NQ: 1, K: k, Rerank: -1, Threads: 1}, &out)
			require.NoError(b, err)
		}
		b.Log(describe(plan))
	})
	b.Run("batch", func(b *testing.B) {
		out := arrowidxtest.Outputs(nq, k)
		var plan arrowidx.Plan
		for b.Loop() {
			plan, err = ix.Search(b.Context(), &arrowidx.SearchParams{
				Queries: queries, NQ: nq, K: k, Rerank: -1}, &out)
			require.NoError(b, err)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/nq, "us/query")
		b.Log(describe(plan))
	})
}

// BenchmarkFlatBuild times coding with 5 bits, validation and mean included.
func BenchmarkFlatBuild(b *testing.B) {
	const n, d = 50_000, 384
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(b, 51), n, d, 500)
	col := arrowidxtest.Column(b, rows, d, 1)
	defer col.Release()
	for b.Loop() {
		ix, err := arrowidx.Build(b.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
		require.NoError(b, err)
		ix.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "us/row")
}

func describe(p arrowidx.Plan) string {
	return fmt.Sprintf("scanned %d coded %d reranked %d a query; prepare %v scan %v rerank %v",
		p.Scanned/p.Queries, p.Coded/p.Queries, p.Reranked/p.Queries, p.Prepare, p.Scan, p.Rerank)
}
