package lake_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/lake"
)

// BenchmarkFederated searches the same 100,000 rows of 128 dimensions as one collection and as
// several, k = 10; recall is that of the ten against exact answers.
func BenchmarkFederated(b *testing.B) {
	const n, dim, queries = 100_000, 128, 100
	r := arrowidxtest.Rand(b, 1)
	rows := arrowidxtest.Clustered(r, n+queries, dim, 100)
	asked := rows[n*dim:]
	for _, shards := range []int{1, 2, 4, 16} {
		f := newFake("f")
		for i := range shards {
			from, end := i*n/shards*dim, (i+1)*n/shards*dim
			f.put(fmt.Sprintf("c%02d", i), dim, int64(from/dim), rows[from:end])
		}
		o := lake.Defaults()
		o.Kind = arrowidx.Flat
		l := open(b, o, f)
		found := func(recall float64, i int) map[string]bool {
			q := federated(asked[i*dim:(i+1)*dim], 10)
			q.Recall = recall
			got, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
			require.NoError(b, err)
			ids := map[string]bool{}
			for _, h := range got.Of(0) {
				ids[h.ID.String()] = true
			}
			return ids
		}
		hit := 0
		for i := range queries {
			exact := found(1, i)
			for id := range found(0, i) {
				if exact[id] {
					hit++
				}
			}
		}
		b.Run(fmt.Sprintf("shards=%d", shards), func(b *testing.B) {
			for i := range b.N {
				found(0, i%queries)
			}
			b.ReportMetric(float64(hit)/(10*queries), "recall@10")
		})
	}
}
