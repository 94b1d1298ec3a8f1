package store_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// filled are stores of every kind with a collection "a" of rows x 128.
func filled(t testing.TB, rows int) map[string]backend.Backend {
	const dim = 128
	values := make([]float32, rows*dim)
	for i := range values {
		values[i] = float32(i%1000) / 7
	}
	col := matrix(t, values, dim)
	local := newLocal(t)
	require.NoError(t, local.Put(t.Context(), "a", arrowidx.PositionIDs(rows), col))
	files, _ := newFS(t)
	require.NoError(t, files.Write(t.Context(), "a", arrowidx.PositionIDs(rows), col))
	indexes, dir := newFS(t)
	saveRvx(t, filepath.Join(dir, "a.rvx"), nil, col,
		arrowidx.BuildOptions{Metric: arrowidx.L2, Kind: arrowidx.Exact}, true)
	tables, dir := newParquet(t, store.ParquetOptions{IDs: "key"})
	keys := make([]int64, rows)
	for i := range keys {
		keys[i] = int64(i)
	}
	data := parquetBytes(t, int64s(keys...), vectorsOf(values, dim), max(rows/4, 1))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.parquet"), data, 0o600))
	return map[string]backend.Backend{
		"local": local, "ruvec1": files, "rvx": indexes, "parquet": tables,
	}
}

// An index of one piece is searched faster than one of many.
func TestWhatIsPulledIsOnePiece(t *testing.T) {
	for name, b := range filled(t, 30_000) {
		p, err := b.Pull(t.Context(), "a")
		require.NoError(t, err, name)
		_, col, err := backend.Read(t.Context(), p, backend.Limits{})
		require.NoError(t, err, name)
		assert.Equal(t, 1, col.Chunks(), name)
		_, ok := col.Contiguous()
		assert.True(t, ok, name)
		col.Release()
	}
}

func BenchmarkPull(bench *testing.B) {
	for name, b := range filled(bench, 200_000) {
		bench.Run(name, func(bench *testing.B) {
			bench.SetBytes(200_000 * 128 * 4)
			for bench.Loop() {
				require.NoError(bench, readWhole(bench, b, "a"))
			}
		})
	}
}

func BenchmarkStamp(bench *testing.B) {
	stores := filled(bench, 1000)
	folder, dir := newParquet(bench, store.ParquetOptions{IDs: "key"})
	many(bench, filepath.Join(dir, "a"), 500)
	stores["500 parquet files"] = folder
	time.Sleep(50 * time.Millisecond) // files are known once they have settled
	for name, b := range stores {
		bench.Run(name, func(bench *testing.B) {
			bench.ReportAllocs()
			for bench.Loop() {
				if _, err := b.Stamp(bench.Context(), "a"); err != nil {
					bench.Fatal(err)
				}
			}
		})
	}
}
