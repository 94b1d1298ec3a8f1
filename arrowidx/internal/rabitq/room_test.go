package rabitq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/simd"
)

// fillRow writes numbers that tell the row.
func fillRow(r *Room, row int) {
	signs := make([]byte, r.Padded/8)
	for j := range signs {
		signs[j] = byte(row*7 + j)
	}
	r.PutPlane(row, signs, Factors{Add: float32(row), Rescale: -float32(row), Err: 0.5})
	for j := range r.ExtraOf(row) {
		r.ExtraOf(row)[j] = byte(row*3 + j)
	}
}

// sameRow compares a row of codes with the one of another number in others.
func sameRow(t *testing.T, want *Codes, row int, got *Codes, at int) {
	t.Helper()
	a, b := want.Block(row/simd.BlockRows), got.Block(at/simd.BlockRows)
	for j := range want.Padded / 8 {
		require.Equal(t, a[j*simd.BlockRows+row%simd.BlockRows], b[j*simd.BlockRows+at%simd.BlockRows])
	}
	require.Equal(t, want.PlaneFactors(a, row%simd.BlockRows), got.PlaneFactors(b, at%simd.BlockRows))
	require.Equal(t, want.ExtraOf(row), got.ExtraOf(at))
}

// Codes that a room hands out do not change when rows come behind them, and the last user of the
// room frees it.
func TestCodesOfARoomStay(t *testing.T) {
	const dim, bits = 100, 5
	r, err := NewRoom(4, dim, bits)
	require.NoError(t, err)
	ref, err := NewRoom(4, dim, bits)
	require.NoError(t, err)
	for row := range 100 {
		fillRow(ref, row)
	}
	for row := range 70 {
		fillRow(r, row)
	}
	var whole, rest Codes
	r.Whole(&whole, 2)
	r.Rest(&rest, 2, 6)
	require.Equal(t, []int{64, 2, 6, 1}, []int{whole.Rows, whole.Count, rest.Rows, rest.Count})
	for row := 70; row < 100; row++ {
		fillRow(r, row)
	}
	for row := range 64 {
		sameRow(t, &ref.Codes, row, &whole, row)
	}
	for row := range 6 {
		sameRow(t, &ref.Codes, 64+row, &rest, row)
	}
	require.Zero(t, rest.Block(0)[6], "the lane of a row that came later")
	require.EqualValues(t, 2*r.Stride+64*r.Row, whole.Bytes(), "what lies behind is not counted")
	require.EqualValues(t, r.Stride+6*r.Row, rest.Bytes())

	larger, err := NewRoom(8, dim, bits)
	require.NoError(t, err)
	r.Radius = 0.75
	larger.Take(r, 70)
	require.EqualValues(t, 0.75, larger.Radius)
	for row := range 70 {
		sameRow(t, &ref.Codes, row, &larger.Codes, row)
	}

	require.EqualValues(t, 3, r.refs.Load())
	r.Release()
	whole.Free()
	require.NotNil(t, r.Blocks.Mem, "the rest lies there")
	rest.Free()
	rest.Free()
	require.Nil(t, r.Blocks.Mem)
	require.Nil(t, r.Extra.Mem)
}
