package arrowidx_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
)

// contentOf copies what an index says that its rows are.
func contentOf(t *testing.T, ix *arrowidx.Index) (names []string, rows [][]float32) {
	t.Helper()
	require.NoError(t, ix.Content(func(ids *arrowidx.IDs, col *arrowidx.Column) error {
		for i := range col.Len() {
			names = append(names, ids.Plain(int64(i)))
			rows = append(rows, append([]float32(nil), col.Row(i, make([]float32, col.Dim()))...))
		}
		return nil
	}))
	return names, rows
}

func TestContentIsTheSameFromMemoryAndFromAMappedFile(t *testing.T) {
	values := []float32{3, 1, 4, 1, 5, 9}
	col, err := arrowidx.MatrixColumn(values, 3, 2)
	require.NoError(t, err)
	ix, err := arrowidx.Build(context.Background(), col,
		arrowidx.BuildOptions{Kind: arrowidx.Flat, Metric: arrowidx.L2, Keep: arrowidx.KeepCopy})
	require.NoError(t, err)
	defer ix.Close()
	names, rows := contentOf(t, ix)
	assert.Equal(t, []string{"0", "1", "2"}, names)
	assert.Equal(t, [][]float32{{3, 1}, {4, 1}, {5, 9}}, rows)

	path := filepath.Join(t.TempDir(), "a.rvx")
	require.NoError(t, ix.Save(context.Background(), path, true))
	mapped, err := arrowidx.Open(context.Background(), path, arrowidx.OpenOptions{Map: true})
	require.NoError(t, err)
	defer mapped.Close()
	again, same := contentOf(t, mapped)
	assert.Equal(t, names, again)
	assert.Equal(t, rows, same)

	require.NoError(t, os.Truncate(path, 100))
	err = mapped.Content(func(*arrowidx.IDs, *arrowidx.Column) error { return nil })
	assert.Equal(t, fault.PersistError, fault.KindOf(err))
}

func TestContentIsRefusedWhereThereIsNone(t *testing.T) {
	col, err := arrowidx.MatrixColumn([]float32{3, 1, 4, 1}, 2, 2)
	require.NoError(t, err)
	ix, err := arrowidx.Build(context.Background(), col,
		arrowidx.BuildOptions{Kind: arrowidx.Flat, Metric: arrowidx.L2, Keep: arrowidx.KeepNone})
	require.NoError(t, err)
	visit := func(*arrowidx.IDs, *arrowidx.Column) error {
		t.Error("visited")
		return nil
	}
	err = ix.Content(visit)
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
	assert.ErrorContains(t, err, "keeps no vectors")
	ix.Close()
	assert.Equal(t, fault.IndexClosed, fault.KindOf(ix.Content(visit)))
}

func TestAFileMaySayAnotherProvenanceThanItsIndex(t *testing.T) {
	col, err := arrowidx.MatrixColumn([]float32{3, 1, 4, 1}, 2, 2)
	require.NoError(t, err)
	ix, err := arrowidx.Build(context.Background(), col,
		arrowidx.BuildOptions{Kind: arrowidx.Flat, Metric: arrowidx.L2, Provenance: "built"})
	require.NoError(t, err)
	defer ix.Close()
	path := filepath.Join(t.TempDir(), "a.rvx")
	for said, want := range map[string]string{"": "built", "saved": "saved"} {
		require.NoError(t, ix.SaveAs(context.Background(), path,
			arrowidx.SaveOptions{Vectors: true, Provenance: said}))
		again, err := arrowidx.Load(context.Background(), path)
		require.NoError(t, err)
		assert.Equal(t, want, again.Provenance())
		again.Close()
		assert.Equal(t, "built", ix.Provenance())
	}
	err = ix.SaveAs(context.Background(), path, arrowidx.SaveOptions{Provenance: "\xff"})
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
}
