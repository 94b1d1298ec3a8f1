package arrowidx_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// What a build does takes time, what it does not takes none, and together no more than all of it.
func TestABuildTellsWhatEachStageTook(t *testing.T) {
	const n, d = 3000, 40
	col := arrowidxtest.Column(t, frozenRows(n*d), d, 3)
	defer col.Release()
	for _, c := range []struct {
		kind   arrowidx.Kind
		copies arrowidx.CopyPolicy
		does   [6]bool // read, train, assign, encode, calibrate, copies
	}{
		{arrowidx.Exact, arrowidx.CopyAll, [6]bool{true, false, false, true, false, false}},
		{arrowidx.Flat, arrowidx.CopyAll, [6]bool{true, false, false, true, false, false}},
		{arrowidx.IVF, arrowidx.CopyNone, [6]bool{true, true, true, true, true, false}},
		{arrowidx.IVF, arrowidx.CopyWhereItPays, [6]bool{true, true, true, true, true, false}},
		{arrowidx.IVF, arrowidx.CopyAll, [6]bool{true, true, true, true, true, true}},
	} {
		kind := c.kind
		begin := time.Now()
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
			Kind: kind, Cells: 4, Copies: c.copies})
		require.NoError(t, err)
		whole := time.Since(begin).Seconds()
		s := ix.Info().Stages
		require.NotNil(t, s, "%s", kind)
		sum := 0.0
		for i, took := range []float64{
			s.Read, s.Train, s.Assign, s.Encode, s.Calibrate, s.Copies,
		} {
			require.Equal(t, c.does[i], took > 0, "%s, stage %d: %v", kind, i, took)
			sum += took
		}
		require.LessOrEqual(t, sum, whole, "%s", kind)

		again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
		require.NoError(t, err)
		require.Nil(t, again.Info().Stages, "a file does not tell how long its build took")
		again.Close()
		_, err = ix.Delete(arrowidxtest.Positions(5), false)
		require.NoError(t, err)
		require.Equal(t, s, ix.Info().Stages, "a change leaves what the build took")
		ix.Close()
	}
}
