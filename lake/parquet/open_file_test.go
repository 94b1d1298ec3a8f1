package parquet

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

func TestAnOpenFileIsReadAndClosed(t *testing.T) {
	m := made{elem: Float32, outer: pq.Repetitions.Optional, inner: pq.Repetitions.Required,
		groups: [][]row{{{1, 2}, {3, 4}}, {{5, 6}}}}
	path := filepath.Join(t.TempDir(), "a.parquet")
	require.NoError(t, os.WriteFile(path, m.bytes(t), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	f, err := OpenFile(t.Context(), file, "somewhere", Limits{})
	require.NoError(t, err)
	assert.Equal(t, "somewhere", f.Name())
	ids, err := f.IDs(t.Context(), "id")
	require.NoError(t, err)
	assert.Equal(t, []int64{0, 1, 2}, ids.(*array.Int64).Int64Values())
	for _, column := range []string{"v", "nothing", ""} {
		_, err = f.IDs(t.Context(), column)
		require.Equal(t, fault.ColumnError, fault.KindOf(err), "%q: %v", column, err)
		assert.Contains(t, err.Error(), "somewhere")
	}
	require.NoError(t, f.Close())
	_, err = file.Stat()
	require.ErrorIs(t, err, os.ErrClosed)

	_, err = OpenFile(t.Context(), file, "somewhere", Limits{})
	require.Equal(t, fault.PersistError, fault.KindOf(err), "%v", err)
	require.NoError(t, os.WriteFile(path, []byte("no parquet file at all"), 0o600))
	file, err = os.Open(path)
	require.NoError(t, err)
	_, err = OpenFile(t.Context(), file, "somewhere", Limits{})
	require.Equal(t, fault.PersistError, fault.KindOf(err), "%v", err)
	_, err = file.Stat()
	require.ErrorIs(t, err, os.ErrClosed, "closed on an error, too")
}
