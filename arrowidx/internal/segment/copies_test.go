package segment

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
)

func TestALayoutGivesEveryCellWholeBlocks(t *testing.T) {
	var l Layout
	l.LayOut([]uint32{33, 0, 1, 64})
	require.Equal(t, []uint32{0, 33, 33, 34, 98}, l.First)
	require.Equal(t, []uint32{0, 2, 2, 3, 5}, l.Block)
	require.Equal(t, 5, l.Blocks())
	require.Equal(t, []uint32{33, 0, 1, 64}, l.Sizes())
	require.Equal(t, 64, l.Size(3))
	require.Equal(t, []uint32{1<<32 - 1, 1, 1, 1<<32 - 1, 1<<32 - 1}, l.Occupied())
	require.Zero(t, l.Shift(0))
	require.Equal(t, 2*32-33, l.Shift(2), "slot minus position")
}

func TestCopiesLieCellByCell(t *testing.T) {
	k := NewCopies([]uint32{2, 0, 1}, []uint32{7, 9, 3})
	require.Equal(t, []uint32{3, 1}, k.Words)
	require.Len(t, k.PosBytes, 12)
	require.EqualValues(t, 9, k.PosBytes[4])
	var err error
	k.Codes, err = rabitq.NewCodes(3, k.Blocks(), 64, 1)
	require.NoError(t, err)
	defer k.Codes.Free()
	require.EqualValues(t, 2*(2*64*2+384)+4*(4+4+2+3), k.Bytes())
}

func TestATargetLooksAtCopiesWhereItWasCalibratedWithThem(t *testing.T) {
	seg := &Segment{
		Points: []CalibrationPoint{
			{Target: 0.9, Probes: 10}, {Target: 0.99, Probes: 90},
			{Target: 0.9, Probes: 11, Vectors: true}, {Target: 0.99, Probes: 91, Vectors: true},
		},
		CopyPoints: []CalibrationPoint{{Target: 0.99, Probes: 20, Vectors: true}},
	}
	ask := func(recall float64, vectors bool) (int, bool) {
		p, copies := seg.PlainPoint(recall, vectors)
		return p.Probes, copies
	}
	check := func(recall float64, vectors bool, probes int, copies bool) {
		t.Helper()
		n, looks := ask(recall, vectors)
		require.Equal(t, probes, n)
		require.Equal(t, copies, looks)
	}
	check(0.99, true, 91, false) // no copies: no matter what settings say
	seg.Copies = &Copies{}
	check(0.99, true, 20, true)
	check(0.95, true, 20, true) // the least target that is at least the asked one
	check(0.9, true, 11, false)
	check(0.99, false, 90, false)
	check(0.995, true, 1, false) // exact
}
