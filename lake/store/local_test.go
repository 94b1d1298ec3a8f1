package store_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/laketest"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// idsOf and matrix make what stores are given.
func idsOf(t testing.TB, a arrow.Array) *arrowidx.IDs {
	ids, err := arrowidx.NewIDs(a)
	require.NoError(t, err)
	return ids
}

func matrix(t testing.TB, values []float32, dim int) *arrowidx.Column {
	col, err := arrowidx.MatrixColumn(values, len(values)/dim, dim)
	require.NoError(t, err)
	return col
}

func newLocal(t testing.TB) *store.Local {
	b, err := store.NewLocal("mem")
	require.NoError(t, err)
	return b
}

func TestLocalConforms(t *testing.T) {
	laketest.Run(t, func(t *testing.T) laketest.Harness {
		b := newLocal(t)
		return laketest.Harness{
			Backend: b, DataRef: "local://mem/a",
			Put: func(t testing.TB, collection string, r laketest.Rows) {
				err := b.Put(t.Context(), collection, idsOf(t, r.IDs), matrix(t, r.Vectors, r.Dim))
				require.NoError(t, err)
			},
		}
	})
}
