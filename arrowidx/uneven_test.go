package arrowidx_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// TestRowsTooUnevenForOneCodeAreNamed adds rows much longer than those of the index: the error says
// which row of the index is in the way, or which of those added.
func TestRowsTooUnevenForOneCodeAreNamed(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
		for _, metric := range []arrowidx.Metric{arrowidx.Dot, arrowidx.L2, arrowidx.SqEuclidean} {
			ids := namesOf(t, arrowidx.IDInt64, []int64{70, 80, 90})
			ix, _ := build(t, []float32{1, 1, 1e-15, 2e-15, 2, 1}, 2,
				arrowidx.BuildOptions{Kind: kind, Metric: metric, IDs: ids}, true)
			add := func(rows ...float32) *arrowidx.Error {
				col := arrowidxtest.Column(t, rows, 2, 1)
				defer col.Release()
				names := namesOf(t, arrowidx.IDInt64, []int64{1, 2, 3}[:len(rows)/2])
				_, err := ix.Add(t.Context(), names, col, arrowidx.AddOptions{})
				require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err), "%v", err)
				require.Equal(t, 3, ix.Len())
				var e *arrowidx.Error
				require.True(t, errors.As(err, &e))
				return e
			}
			e := add(1, 0, 1e6, 0)
			require.Equal(t, int64(-1), e.Row)
			require.ErrorContains(t, e, "an added row has norm 1e+06, too long beside the row of id 80")
			require.ErrorContains(t, e, "nothing was added")
			_, err := ix.Delete(idArray(arrowidx.IDInt64, []int64{80}), false)
			require.NoError(t, err)
			col := arrowidxtest.Column(t, []float32{0, 5}, 2, 1)
			_, err = ix.Add(t.Context(), namesOf(t, arrowidx.IDInt64, []int64{9}), col,
				arrowidx.AddOptions{})
			require.NoError(t, err)
			col.Release()
			e = add(1, 0, 0, 1e-17, 1e6, 0)
			require.Equal(t, int64(1), e.Row)
			require.ErrorContains(t, e, "row 1 has norm 1e-17, too small beside the longest row's 1e+06")
			ix.Close()
		}
	}
}
