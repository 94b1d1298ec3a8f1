package arrowidx

import (
	"math"
	rand "math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

func laidOut(sizes ...uint32) *segment.Cells {
	c := &segment.Cells{N: len(sizes)}
	c.LayOut(sizes)
	return c
}

func TestCellsAreAPowerOfTwoOneAndAHalfToFourTimesTheRoot(t *testing.T) {
	for padded, times := range map[int]float64{64: 3, 192: 3, 256: 4.2, 1024: 4.2} {
		for _, n := range []int{16, 100, 1000, 65_536, 1_000_000, 50_000_000} {
			k := segment.CellsFor(n, padded)
			require.Zero(t, k&(k-1), "%d rows", n)
			root := math.Sqrt(float64(n))
			require.LessOrEqual(t, float64(k), times*root)
			require.Greater(t, float64(k), times/2*root)
		}
		for n := range 40 {
			require.LessOrEqual(t, segment.CellsFor(n, padded), max(n, 1))
			require.GreaterOrEqual(t, segment.CellsFor(n, padded), 1)
		}
	}
	require.Equal(t, 4096, segment.CellsFor(1_000_000, 384))
}

func TestCellsHaveWholeBlocks(t *testing.T) {
	c := laidOut(0, 1, 32, 33, 0, 100, 64)
	require.Equal(t, []uint32{0, 0, 1, 33, 66, 66, 166, 230}, c.First)
	require.Equal(t, []uint32{0, 0, 1, 2, 4, 4, 8, 10}, c.Block)
	require.Equal(t, []uint32{0, 1, 32, 33, 0, 100, 64}, c.Sizes())
	words := c.Occupied()
	require.Len(t, words, 10)
	for i := range c.N {
		require.Equal(t, c.Size(i), mem.CountBits(words[c.Block[i]:c.Block[i+1]]), "cell %d", i)
	}
	require.Equal(t, []uint32{1, math.MaxUint32, math.MaxUint32, 1}, words[:4])
}

func TestEveryPositionHasItsCell(t *testing.T) {
	r := rand.New(rand.NewPCG(470, 1))
	t.Log("seed 470")
	for range 50 {
		sizes := make([]uint32, 1+r.IntN(40))
		for i := range sizes {
			sizes[i] = uint32(r.IntN(4) * r.IntN(40)) // many are empty
		}
		c := laidOut(sizes...)
		pos := 0
		for cell, size := range sizes {
			for range size {
				require.Equal(t, cell, c.Of(pos), "position %d of %v", pos, sizes)
				pos++
			}
		}
	}
}

func TestAMaskOfRowsIsAMaskOfSlots(t *testing.T) {
	r := rand.New(rand.NewPCG(471, 1))
	t.Log("seed 471")
	const n = 500
	for range 30 {
		owner := make([]uint32, n)
		c := &segment.Cells{N: 9, Rows: make([]uint32, n)}
		for i := range owner {
			owner[i] = uint32(r.IntN(c.N))
		}
		c.First = make([]uint32, c.N+1)
		build.GroupByCell(owner, c.First, c.Rows)
		c.LayOut(c.Sizes())
		words := make([]uint32, (n+31)/32)
		for i := range n {
			if r.IntN(3) == 0 {
				words[i/32] |= 1 << (i % 32)
			}
		}
		slots := c.Admit(words)
		require.Equal(t, mem.CountBits(words), mem.CountBits(slots))
		occupied := c.Occupied()
		for i, w := range slots {
			require.Zero(t, w&^occupied[i], "no slot without a row is admitted")
		}
		for pos, row := range c.Rows {
			cell := c.Of(pos)
			slot := int(c.Block[cell])*simd.BlockRows + pos - int(c.First[cell])
			require.Equal(t, words[row/32]>>(row%32)&1, slots[slot/32]>>(slot%32)&1, "row %d", row)
		}
	}
}

func TestRowsAreGroupedByCellInRisingOrder(t *testing.T) {
	owner := []uint32{2, 0, build.NoCell, 2, 1, 0, build.NoCell, 2}
	first, rows := make([]uint32, 5), make([]uint32, 6)
	build.GroupByCell(owner, first, rows)
	require.Equal(t, []uint32{0, 2, 3, 6, 6}, first)
	require.Equal(t, []uint32{1, 5, 4, 0, 3, 7}, rows)
	build.GroupByCell(nil, make([]uint32, 2), nil)
}

// builtCells is an index of kind ivf over rows of d numbers.
func builtCells(t *testing.T, rows []float32, d int, o BuildOptions) *Index {
	o.Kind = IVF
	ix := recallIndex(t, rows, d, o, nil)
	require.NotNil(t, ix.base().Cells)
	return ix
}

func TestEveryRowIsInOneCellNearItsCentroid(t *testing.T) {
	const n, d = 4000, 20
	rows := blobs(t, 472, n, d, 50)
	for _, metric := range []Metric{Cosine, Dot, L2, SqEuclidean} {
		ix := builtCells(t, rows, d, BuildOptions{Metric: metric, Bits: 3})
		c := ix.base().Cells
		seen := slices.Clone(c.Rows)
		slices.Sort(seen)
		for i, row := range seen {
			require.EqualValues(t, i, row, "every row once")
		}
		rotated := rotatedRows(ix, rows)
		far := 0
		for cell := range c.N {
			members := c.Rows[c.First[cell]:c.First[cell+1]]
			require.True(t, slices.IsSorted(members), "rows rise in a cell")
			largest := 0.0
			for _, row := range members {
				x := rotated[int(row)*c.Padded : (int(row)+1)*c.Padded]
				own := math.Sqrt(squared(x, c.Centroid(cell)))
				largest = max(largest, own)
				require.LessOrEqual(t, math.Sqrt(squared(x, make([]float32, c.Padded))),
					float64(c.Farthest)*1.0001, "row %d is within reach", row)
				if best, least := nearestOf(x, c.Centroids); best != cell {
					far++
					require.LessOrEqual(t, own, 1.02*math.Sqrt(least)+1e-6)
				}
			}
			require.InDelta(t, largest, c.Radius[cell], 1e-5, "%s, cell %d", metric, cell)
		}
		require.LessOrEqual(t, far, n/200, "%s", metric)
	}
}

// rotatedRows are the rows as they are coded: scaled, minus the mean, rotated.
func rotatedRows(ix *Index, rows []float32) []float32 {
	padded, n := ix.base().Codes.Padded, len(rows)/ix.base().Dim
	out := make([]float32, n*padded)
	for i := range n {
		x, norm := rows[i*ix.base().Dim:(i+1)*ix.base().Dim], 1.0
		if ix.base().Metric == Cosine {
			norm = math.Sqrt(squared(x, make([]float32, ix.base().Dim)))
		} else {
			norm = 1 / float64(ix.base().Scale)
		}
		for j, v := range x {
			out[i*padded+j] = float32(float64(v)/norm - float64(ix.base().Mean[j]))
		}
	}
	ix.base().Rot.Apply(out, n)
	return out
}
