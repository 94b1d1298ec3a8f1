package build

import (
	"cmp"
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Columns that are not in memory are read in the order of rows, each pass once. What is stored is
// the same, bit for bit: every row is made ready and coded by itself, and sums are taken in the
// order of cells.

// risingOrder returns the places of rows in the order of rows.
func risingOrder(rows []uint32) []uint32 {
	places := make([]uint32, len(rows))
	for i := range places {
		places[i] = uint32(i)
	}
	slices.SortFunc(places, func(a, b uint32) int { return cmp.Compare(rows[a], rows[b]) })
	return places
}

// encodeRising is encode in the order of rows. Their lengths are kept by position, and summed up
// like those of encode.
func (b *CellsBuild) encodeRising(ctx context.Context, f *rabitq.Codes, c *segment.Cells) error {
	positions := make([]uint32, b.Seg.Rows)
	for pos, row := range c.Rows {
		positions[row] = uint32(pos)
	}
	lengths := make([]float32, len(c.Rows))
	step := TileRows(b.Padded)
	workers := make([]*Encoder, b.Threads)
	err := mem.Parallel(ctx, "build", b.Threads, (b.Seg.Rows+step-1)/step, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = NewEncoder(b.Seg, f, c, b.Skip, b.Seg.Rows)
		}
		from, to := i*step, min((i+1)*step, b.Seg.Rows)
		workers[w].Run(b.Col, from, to)
		for r := from; r < to; r++ {
			if cell := b.owner[r]; cell != NoCell {
				pos := int(positions[r])
				slot := int(c.Block[cell])*simd.BlockRows + pos - int(c.First[cell])
				norm2 := workers[w].Put(r-from, pos, slot, c.Centroid(int(cell)))
				lengths[pos] = mem.Sqrt32(norm2)
			}
		}
		b.O.Progress.encoded.Add(int64(to - from))
		return nil
	})
	b.owner = nil
	if err != nil {
		return err
	}
	c.Radius, c.MeanResidual = make([]float32, c.N), make([]float32, c.N)
	for i := range c.N {
		sum := 0.0
		for from := int(c.First[i]); from < int(c.First[i+1]); from += step {
			part := 0.0
			for _, v := range lengths[from:min(from+step, int(c.First[i+1]))] {
				c.Radius[i] = max(c.Radius[i], v)
				part += float64(v)
			}
			sum += part
		}
		c.MeanResidual[i] = min(float32(sum/float64(max(c.Size(i), 1))), c.Radius[i])
	}
	return nil
}
