package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// FuzzRuvec reads any bytes as a ruvec1 file: they are rows, which written again are the same
// bytes, or a named error. It does not wait for the file to settle.
func FuzzRuvec(f *testing.F) {
	head := []byte("ruvec1\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00")
	rows := "\x01\x00\x00\x00\x00\x00\x00\x00abcd\x02\x00\x00\x00\x00\x00\x00\x00efgh"
	f.Add(append(head[:24:24], rows...))
	f.Add(head)
	f.Add(append(head[:14:14], "\x00\x10\x02\x00\x00\x00\x00\x00\x00\x00"...))
	f.Add([]byte("ruvec1"))
	dir := f.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(f, err)
	path := filepath.Join(dir, "a.ruvec1")
	f.Fuzz(func(t *testing.T, data []byte) {
		require.NoError(t, os.WriteFile(path, data, 0o600))
		s, err := openIn(root, "a.ruvec1", path)
		require.NoError(t, err)
		r, err := ruvecRows(t.Context(), s)
		if err != nil {
			requireNamed(t, err)
			return
		}
		ids, col, err := backend.Read(t.Context(), &backend.Pulled{Rows: r}, backend.Limits{})
		if err != nil {
			requireNamed(t, err)
			return
		}
		defer col.Release()
		vectors := make([]float32, col.Len()*col.Dim())
		col.CopyTo(vectors)
		requireSame(t, data, ids, vectors, col.Dim())
	})
}

func requireNamed(t *testing.T, err error) {
	kind := fault.KindOf(err)
	require.Contains(t, []fault.Kind{fault.BackendError, fault.LimitExceeded}, kind, "%v", err)
}

func requireSame(t *testing.T, data []byte, ids *arrowidx.IDs, vectors []float32, dim int) {
	path := filepath.Join(t.TempDir(), "again")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, ruvecWrite(t.Context(), f, ids, vectors, dim))
	require.NoError(t, f.Close())
	again, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(again[20:24], data[20:24]) // is ignored
	require.Equal(t, data, again)
}
