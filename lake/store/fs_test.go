package store_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/laketest"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

func newFS(t testing.TB) (*store.FS, string) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	b, err := store.NewFS("files", dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b, dir
}

// ruvec1 is a file of rows with a header that says what it is told.
func ruvec1(count uint64, dim uint32, ids []uint64, vectors []float32) []byte {
	b := append([]byte("ruvec1\x00\x00"), make([]byte, 16)...)
	binary.LittleEndian.PutUint64(b[8:], count)
	binary.LittleEndian.PutUint32(b[16:], dim)
	for i, id := range ids {
		d := len(vectors) / len(ids)
		b = binary.LittleEndian.AppendUint64(b, id)
		b = append(b, arrow.Float32Traits.CastToBytes(vectors[i*d:(i+1)*d])...)
	}
	return b
}

// saveRvx saves an index of the rows.
func saveRvx(t testing.TB, path string, ids *arrowidx.IDs, col *arrowidx.Column,
	o arrowidx.BuildOptions, vectors bool,
) {
	o.IDs = ids
	ix, err := arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	defer ix.Close()
	require.NoError(t, ix.Save(t.Context(), path, vectors))
}

func TestRuvecFilesConform(t *testing.T) {
	laketest.Run(t, func(t *testing.T) laketest.Harness {
		b, dir := newFS(t)
		return laketest.Harness{
			Backend: b, IDs: []arrow.Type{arrow.UINT64}, DataRef: "file://" + dir + "/a.ruvec1",
			Put: func(t testing.TB, collection string, r laketest.Rows) {
				err := b.Write(t.Context(), collection, idsOf(t, r.IDs), matrix(t, r.Vectors, r.Dim))
				require.NoError(t, err)
			},
		}
	})
}

func TestIndexFilesConform(t *testing.T) {
	laketest.Run(t, func(t *testing.T) laketest.Harness {
		b, dir := newFS(t)
		return laketest.Harness{
			Backend: b, DataRef: "file://" + dir + "/a.rvx",
			Put: func(t testing.TB, collection string, r laketest.Rows) {
				saveRvx(t, filepath.Join(dir, collection+".rvx"), idsOf(t, r.IDs),
					matrix(t, r.Vectors, r.Dim), arrowidx.BuildOptions{Metric: arrowidx.L2}, true)
			},
		}
	})
}

// A writer that knows nothing of us: in place, with whatever time the system gives the file.
func TestFilesWrittenInPlaceAreNeverMixed(t *testing.T) {
	laketest.Run(t, func(t *testing.T) laketest.Harness {
		b, dir := newFS(t)
		return laketest.Harness{
			Backend: b, IDs: []arrow.Type{arrow.UINT64}, Torn: true,
			Put: func(t testing.TB, collection string, r laketest.Rows) {
				ids := idsOf(t, r.IDs)
				numbers := make([]uint64, ids.Len())
				for i := range numbers {
					numbers[i] = ids.Number(int64(i))
				}
				data := ruvec1(uint64(ids.Len()), uint32(r.Dim), numbers, r.Vectors)
				require.NoError(t, os.WriteFile(filepath.Join(dir, collection+".ruvec1"), data, 0o600))
			},
		}
	})
}
