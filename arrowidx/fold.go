package arrowidx

import (
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/simd"
)

// fold makes a segment of kind ivf of another one and rows added to it: codes of rows in cells are
// copied, added rows are coded around the centroid of their cell.
type fold struct {
	*compaction
	seg   *segment
	base  *segment
	moved []uint32   // row of the new segment of every row of the base; noCell: deleted
	added [][]uint32 // rows of the new segment that go to each old cell, rising
	from  []int      // old cell of every new one: cells that are left empty are dropped
}

// foldCells is mergeFlat for a base of kind ivf: parts[1:] know the cells of their rows.
func foldCells(ctx context.Context, parts []*segment, threads int) (*segment, error) {
	base := parts[0]
	f := &fold{compaction: newCompaction(parts), base: base}
	f.seg = base.like(f.rows, gatherIDs(f.names))
	f.seg.kind = IVF
	f.fill(f.seg)
	f.seg.owner = nil
	err := f.keepVectors(ctx, f.seg, threads)
	if err == nil && f.seg.dim > 0 {
		err = f.cells(ctx, threads)
	}
	if err != nil {
		f.seg.release()
		return nil, err
	}
	return f.seg, nil
}

// cells lays the cells out anew and fills them.
func (f *fold) cells(ctx context.Context, threads int) error {
	c := &cells{padded: f.base.cells.padded}
	f.order(c)
	f.seg.tuning = tunedBelow(f.base.tuning, c.n)
	codes, err := newCodes(len(c.rows), c.blocks(), f.seg.dim, f.seg.bits)
	if err != nil {
		return err
	}
	c.radius, c.spread = make([]float32, c.n), make([]float32, c.n)
	workers := make([]*encoder, threads)
	err = parallel(ctx, "compact", threads, c.n, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = newEncoder(f.seg, codes, c, nil, 1)
		}
		f.cell(workers[w], i)
		return nil
	})
	if err == nil {
		err = c.routing(f.seg.metric, f.seg.mean, f.seg.rot)
	}
	if err != nil {
		codes.free()
		return err
	}
	codes.radius = min(c.reach, 4)
	f.seg.codes, f.seg.cells, f.seg.slots = codes, c, c.occupied()
	return nil
}

// order lists the rows of every cell: those of the base that are left, then added ones.
func (f *fold) order(c *cells) {
	old := f.base.cells
	f.moved = make([]uint32, f.base.rows)
	for i := range f.moved {
		f.moved[i] = noCell
	}
	f.each(0, 0, f.rows, func(from, row int) {
		if f.base.isAlive(from) {
			f.moved[from] = uint32(row)
		}
	})
	f.added = make([][]uint32, old.n)
	for i, p := range f.parts[1:] {
		f.each(i+1, 0, f.rows, func(from, row int) {
			f.added[p.owner[from]] = append(f.added[p.owner[from]], uint32(row))
		})
	}
	c.rows = make([]uint32, 0, f.seg.usable)
	var sizes []uint32
	for i := range old.n {
		before := len(c.rows)
		for _, row := range old.rows[old.first[i]:old.first[i+1]] {
			if f.moved[row] != noCell {
				c.rows = append(c.rows, f.moved[row])
			}
		}
		c.rows = append(c.rows, f.added[i]...)
		if size := len(c.rows) - before; size > 0 || f.seg.usable == 0 && i == 0 {
			f.from = append(f.from, i)
			c.centroids = append(c.centroids, old.centroid(i)...)
			sizes = append(sizes, uint32(size))
		}
	}
	c.n = len(sizes)
	c.place(sizes)
}

// tunedBelow returns settings for an index that has so many cells left.
func tunedBelow(points []CalibrationPoint, cells int) []CalibrationPoint {
	out := slices.Clone(points)
	for i := range out {
		out[i].Probes = min(out[i].Probes, cells)
	}
	return out
}

// cell fills one cell.
func (f *fold) cell(e *encoder, i int) {
	old, c, was := f.base.cells, e.cells, f.from[i]
	pos, slot := int(c.first[i]), int(c.block[i])*simd.BlockRows
	oldPos, oldSlot := int(old.first[was]), int(old.block[was])*simd.BlockRows
	copied := 0
	for n, row := range old.rows[oldPos:old.first[was+1]] {
		if f.moved[row] != noCell {
			e.codes.copyRow(f.base.codes, oldPos+n, oldSlot+n, pos+copied, slot+copied)
			copied++
		}
	}
	sum := float64(old.spread[was]) * float64(copied)
	largest := old.radius[was]
	for n, row := range f.added[was] {
		col, at := f.vector(int(row))
		e.take(col, at, 0)
		e.ix.rot.apply(e.rotated, 1)
		length := sqrt32(e.put(0, pos+copied+n, slot+copied+n, c.centroid(i)))
		largest = max(largest, length)
		sum += float64(length)
	}
	c.radius[i] = largest
	c.spread[i] = min(float32(sum/float64(max(c.size(i), 1))), largest)
}

// vector returns where the vector of an added row is.
func (f *fold) vector(row int) (*Column, int) {
	i := len(f.parts) - 1
	for f.first[i] > row {
		i--
	}
	at := row - f.first[i]
	if f.kept[i] != nil {
		at = int(f.kept[i][at])
	}
	p := f.parts[i]
	if p.source != nil {
		return p.source, at
	}
	return p.raw, at
}
