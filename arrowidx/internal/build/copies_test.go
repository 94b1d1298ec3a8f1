package build_test

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/simd"
)

// builtCells are rows of 64 numbers in cells.
func builtCells(t *testing.T, n, cells int) (*segment.Segment, *column.Column) {
	col := arrowidxtest.Column(t, arrowidxtest.Gaussian(rand.New(rand.NewPCG(5, 6)), n, 64), 64, 1)
	t.Cleanup(col.Release)
	o := build.Options{Kind: segment.IVF, Metric: column.L2, Cells: cells}
	require.NoError(t, o.Resolve(col))
	seg, _, err := build.NewSegment(t.Context(), col, &o)
	require.NoError(t, err)
	t.Cleanup(seg.Release)
	return seg, col
}

func allOf(n int) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(i)
	}
	return out
}

// lossOf is the loss of a row in a cell, by the definition.
func lossOf(x, own, other []float32) float64 {
	var r2, s2, rs float64
	for i := range x {
		r, s := float64(x[i]-own[i]), float64(x[i]-other[i])
		r2 += r * r
		s2 += s * s
		rs += r * s
	}
	return (s2 + rs*rs/r2) / r2
}

func TestSecondCellsAreThoseOfLeastLoss(t *testing.T) {
	const n = 900
	seg, col := builtCells(t, n, 12) // all cells are compared
	c := seg.Cells
	var cells [3][]uint32
	var losses [3][]float32
	for i, threads := range []int{1, 2, 7} {
		b, err := build.NewCopier(seg, col, threads)
		require.NoError(t, err)
		cells[i], losses[i], err = b.Find(t.Context(), allOf(n))
		require.NoError(t, err)
		require.Equal(t, cells[0], cells[i])
		require.Equal(t, losses[0], losses[i])
		b.Free()
	}
	turn := build.NewRotator(seg, nil, 1)
	for pos := range n {
		turn.List(col, c.Rows[pos:pos+1])
		own, best, least := c.Of(pos), -1, math.Inf(1)
		for other := range c.N {
			if other != own {
				if v := lossOf(turn.Of(0), c.Centroid(own), c.Centroid(other)); v < least {
					best, least = other, v
				}
			}
		}
		require.InDelta(t, least, losses[0][pos], 1e-3*least)
		if int(cells[0][pos]) != best { // as good but for rounding
			v := lossOf(turn.Of(0), c.Centroid(own), c.Centroid(int(cells[0][pos])))
			require.InDelta(t, least, v, 1e-3*least)
		}
	}
}

func TestRowsCodedAnewAreThoseOfABuildWithAsManyBits(t *testing.T) {
	const n = 900
	seg, col := builtCells(t, n, 12)
	require.Equal(t, 5, seg.Bits)
	radius, means := slices.Clone(seg.Cells.Radius), slices.Clone(seg.Cells.MeanResidual)
	for _, bits := range []int{4, 1, 7} {
		o := build.Options{Kind: segment.IVF, Metric: column.L2, Cells: 12, Bits: bits}
		require.NoError(t, o.Resolve(col))
		require.False(t, o.MayTakeFewerBits(), "they were said")
		want, _, err := build.NewSegment(t.Context(), col, &o)
		require.NoError(t, err)
		for _, threads := range []int{1, 3} {
			b, err := build.NewCopier(seg, col, threads)
			require.NoError(t, err)
			require.NoError(t, b.Recode(t.Context(), bits))
			b.Free()
			require.Equal(t, bits, seg.Bits)
			require.Equal(t, want.Codes.Bits, seg.Codes.Bits)
			require.Equal(t, want.Codes.Blocks.Mem, seg.Codes.Blocks.Mem)
			require.Equal(t, want.Codes.Extra.Mem, seg.Codes.Extra.Mem)
			require.Equal(t, want.Codes.Radius, seg.Codes.Radius)
			require.Equal(t, radius, seg.Cells.Radius)
			require.Equal(t, means, seg.Cells.MeanResidual)
		}
		want.Release()
	}
}

func TestRecodingThatIsCancelledLeavesTheCodes(t *testing.T) {
	seg, col := builtCells(t, 900, 12)
	before := seg.Codes
	b, err := build.NewCopier(seg, col, 2)
	require.NoError(t, err)
	defer b.Free()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, b.Recode(ctx, 4))
	require.Same(t, before, seg.Codes)
	require.Equal(t, 5, seg.Bits)
}

func TestKeptCopiesFillWholeBlocks(t *testing.T) {
	const n = 4000
	seg, col := builtCells(t, n, 8)
	b, err := build.NewCopier(seg, col, 2)
	require.NoError(t, err)
	defer b.Free()
	cells, losses, err := b.Find(t.Context(), allOf(n))
	require.NoError(t, err)
	sorted := slices.Sorted(slices.Values(losses))
	limit := sorted[n/2]
	kept := slices.Clone(cells)
	b.Keep(kept, losses, limit)
	for cell := range uint32(8) {
		wanted, count := 0, 0
		worst, left := float32(0), float32(math.Inf(1))
		for pos := range n {
			if cells[pos] != cell {
				continue
			}
			if losses[pos] <= limit {
				wanted++
			}
			if kept[pos] == cell {
				count++
				worst = max(worst, losses[pos])
			} else {
				require.EqualValues(t, uint32(build.NoCell), kept[pos])
				left = min(left, losses[pos])
			}
		}
		require.Zero(t, count%simd.BlockRows)
		require.InDelta(t, wanted, count, simd.BlockRows/2)
		require.LessOrEqual(t, worst, left, "those of least loss stay")
	}
}

func TestCopiesAreCodesAroundTheirCells(t *testing.T) {
	const n = 500
	seg, col := builtCells(t, n, 6)
	b, err := build.NewCopier(seg, col, 3)
	require.NoError(t, err)
	defer b.Free()
	cells, _, err := b.Find(t.Context(), allOf(n))
	require.NoError(t, err)
	cells[0], cells[7] = build.NoCell, build.NoCell
	k, err := b.Make(t.Context(), cells)
	require.NoError(t, err)
	defer k.Codes.Free()
	require.Len(t, k.Pos, n-2)
	require.Equal(t, k.Blocks(), k.Codes.Count)
	for cell := range 6 {
		last := -1
		for i := k.First[cell]; i < k.First[cell+1]; i++ {
			pos := int(k.Pos[i])
			require.Greater(t, pos, last)
			require.EqualValues(t, cell, cells[pos])
			last = pos
			slot := int(i) + k.Shift(cell)
			fs := k.Codes.PlaneFactors(k.Codes.Block(slot/simd.BlockRows), slot%simd.BlockRows)
			require.Negative(t, fs.Rescale)
			require.Positive(t, fs.Err)
		}
	}
	none := make([]uint32, n)
	for i := range none {
		none[i] = build.NoCell
	}
	empty, err := b.Make(t.Context(), none)
	require.NoError(t, err)
	require.Empty(t, empty.Pos)
	require.Zero(t, empty.Codes.Count)
	empty.Codes.Free()
}
