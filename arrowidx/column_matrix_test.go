package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// A matrix is the column that an Arrow array of its rows is, without a copy.
func TestAMatrixIsAColumnOfItsRows(t *testing.T) {
	const n, d = 300, 20
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 720), n, d, 10)
	col, err := arrowidx.MatrixColumn(rows, n, d)
	require.NoError(t, err)
	defer col.Release()
	same := arrowidxtest.Column(t, rows, d, 3)
	defer same.Release()
	require.Equal(t, same.Len(), col.Len())
	require.Equal(t, hashOf(t, same), hashOf(t, col))
	whole, ok := col.Contiguous()
	require.True(t, ok)
	require.Same(t, &rows[0], &whole[0])
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	require.NoError(t, err)
	defer ix.Close()
	out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
		Queries: rows[5*d : 6*d], NQ: 1, K: 1, Rerank: -1})
	require.EqualValues(t, 5, out.Rows[0])
}

func TestNumbersThatAreNoMatrixAreRefused(t *testing.T) {
	for _, c := range []struct{ numbers, n, d int }{
		{6, 2, 4}, {6, -1, -6}, {0, 0, 0}, {6, 6, 0}, {0, 1, 1}, {1, 1, arrowidx.MaxDim + 1},
		{1, arrowidx.MaxRows + 1, 1},
	} {
		_, err := arrowidx.MatrixColumn(make([]float32, c.numbers), c.n, c.d)
		require.Error(t, err, "%+v", c)
	}
	col, err := arrowidx.MatrixColumn(nil, 0, 3)
	require.NoError(t, err)
	require.Zero(t, col.Len())
	col.Release()
}
