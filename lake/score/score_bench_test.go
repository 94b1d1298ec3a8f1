package score

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// BenchmarkPassing reads and writes columns; the search is next to nothing. An operation is an
// output row.
func BenchmarkPassing(b *testing.B) {
	t := &testing.T{}
	var all []float32
	for i := range 10 {
		all = append(all, vectorAt(i)...)
	}
	c, err := arrowidx.MatrixColumn(all, 10, testDim)
	require.NoError(b, err)
	ix, err := arrowidx.Build(context.Background(), c, arrowidx.BuildOptions{})
	require.NoError(b, err)
	defer ix.Close()
	const rows, hits = 100_000, 10
	data := encode(t, mixed(), rows)
	path := filepath.Join(b.TempDir(), "out.parquet")
	b.SetBytes(rows * hits)
	for b.Loop() {
		o := Options{Out: path, K: hits}
		p, err := openBytes(t, data, ix, &o)
		require.NoError(b, err)
		require.NoError(b, p.Run(context.Background()))
		_, err = p.Finish()
		require.NoError(b, err)
		require.NoError(b, os.Remove(path))
	}
}
