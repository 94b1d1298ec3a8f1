package compact

import (
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// fold makes a segment of kind ivf of another one and rows added to it: codes of rows in cells are
// copied, added rows are coded around the centroid of their cell.
type fold struct {
	*compaction
	seg   *segment.Segment
	base  *segment.Segment
	moved []uint32 // row of the new segment of every row of the base, NoCell: deleted; nil: the same
	// Rows of the new segment that go to each old cell, rising, and where those of a cell begin.
	added, starts []uint32
	from          []int // old cell of every new one: cells that are left empty are dropped
}

// foldCells is mergeFlat for a base of kind ivf: segments[1:] know the cells of their rows.
func foldCells(
	ctx context.Context, segments []*segment.Segment, stay bool, threads int,
) (*segment.Segment, error) {
	base := segments[0]
	f := &fold{compaction: newCompaction(segments), base: base}
	f.stay = stay && f.whole()
	f.seg = like(base, f.rows, joinIDs(f.ids))
	f.seg.Kind = segment.IVF
	f.fill(f.seg)
	f.seg.Owner = nil
	err := f.keepVectors(ctx, f.seg, threads)
	if err == nil && f.seg.Dim > 0 {
		err = f.cells(ctx, threads)
	}
	if err != nil {
		f.seg.Release()
		return nil, err
	}
	return f.seg, nil
}

// cells lays the cells out anew and fills them.
func (f *fold) cells(ctx context.Context, threads int) error {
	c := &segment.Cells{Padded: f.base.Cells.Padded}
	f.order(c)
	f.seg.Points = pointsBelow(f.base.Points, c.N)
	codes, err := rabitq.NewCodes(len(c.Rows), c.Blocks(), f.seg.Dim, f.seg.Bits)
	if err != nil {
		return err
	}
	c.Radius, c.MeanResidual = make([]float32, c.N), make([]float32, c.N)
	workers := make([]*build.Encoder, threads)
	err = mem.Parallel(ctx, "compact", threads, c.N, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = build.NewEncoder(f.seg, codes, c, nil, simd.BlockRows)
		}
		f.cell(workers[w], i)
		return nil
	})
	if err == nil {
		if c.N == f.base.Cells.N {
			err = c.RoutingOf(f.base.Cells)
		} else {
			err = c.Routing(f.seg.Metric, f.seg.Mean, f.seg.Rot)
		}
	}
	if err != nil {
		codes.Free()
		return err
	}
	codes.Radius = min(c.Farthest, 4)
	f.seg.Codes, f.seg.Cells, f.seg.Slots = codes, c, c.Occupied()
	return nil
}

// order lists the rows of every cell: those of the base that are left, then added ones.
func (f *fold) order(c *segment.Cells) {
	old := f.base.Cells
	f.move()
	f.deal()
	c.Rows = make([]uint32, 0, f.seg.Usable)
	sizes := make([]uint32, 0, old.N)
	for i := range old.N {
		before := len(c.Rows)
		rows := old.Rows[old.First[i]:old.First[i+1]]
		if f.moved == nil {
			c.Rows = append(c.Rows, rows...)
		} else {
			for _, row := range rows {
				if f.moved[row] != build.NoCell {
					c.Rows = append(c.Rows, f.moved[row])
				}
			}
		}
		c.Rows = append(c.Rows, f.addedTo(i)...)
		if size := len(c.Rows) - before; size > 0 || f.seg.Usable == 0 && i == 0 {
			f.from = append(f.from, i)
			sizes = append(sizes, uint32(size))
		}
	}
	c.N = len(sizes)
	if c.Centroids = old.Centroids; c.N < old.N {
		c.Centroids = nil
		for _, i := range f.from {
			c.Centroids = append(c.Centroids, old.Centroid(i)...)
		}
	}
	c.LayOut(sizes)
}

// move numbers the rows of the base anew. Where none was deleted they keep their numbers.
func (f *fold) move() {
	if f.kept[0] == nil {
		return
	}
	f.moved = make([]uint32, f.base.Rows)
	for i := range f.moved {
		f.moved[i] = build.NoCell
	}
	f.each(0, 0, f.rows, func(from, row int) {
		if f.base.IsAlive(from) {
			f.moved[from] = uint32(row)
		}
	})
}

// deal lists the added rows by old cell.
func (f *fold) deal() {
	n := f.base.Cells.N
	f.starts = make([]uint32, n+1)
	for i, p := range f.segments[1:] {
		f.each(i+1, 0, f.rows, func(from, _ int) { f.starts[p.Owner[from]+1]++ })
	}
	for i := range n {
		f.starts[i+1] += f.starts[i]
	}
	f.added = make([]uint32, f.starts[n])
	next := slices.Clone(f.starts[:n])
	for i, p := range f.segments[1:] {
		f.each(i+1, 0, f.rows, func(from, row int) {
			f.added[next[p.Owner[from]]] = uint32(row)
			next[p.Owner[from]]++
		})
	}
}

// addedTo lists the added rows that go to an old cell.
func (f *fold) addedTo(cell int) []uint32 { return f.added[f.starts[cell]:f.starts[cell+1]] }

// pointsBelow returns settings for an index that has so many cells left.
func pointsBelow(points []segment.CalibrationPoint, cells int) []segment.CalibrationPoint {
	out := slices.Clone(points)
	for i := range out {
		out[i].Probes = min(out[i].Probes, cells)
	}
	return out
}

// cell fills one cell.
func (f *fold) cell(e *build.Encoder, i int) {
	old, c, was := f.base.Cells, e.Cells, f.from[i]
	pos, slot := int(c.First[i]), int(c.Block[i])*simd.BlockRows
	oldPos, oldSlot := int(old.First[was]), int(old.Block[was])*simd.BlockRows
	copied := old.Size(was)
	if f.moved == nil {
		copyLaidOut(e.Codes, f.base.Codes, oldPos, oldSlot, pos, slot, copied)
	} else {
		copied = 0
		for n, row := range old.Rows[oldPos:old.First[was+1]] {
			if f.moved[row] != build.NoCell {
				copyRow(e.Codes, f.base.Codes, oldPos+n, oldSlot+n, pos+copied, slot+copied)
				copied++
			}
		}
	}
	sum := float64(old.MeanResidual[was]) * float64(copied)
	largest := old.Radius[was]
	pos, slot = pos+copied, slot+copied
	for rows := f.addedTo(was); len(rows) > 0; {
		some := min(len(rows), simd.BlockRows)
		for n, row := range rows[:some] {
			col, at := f.vector(int(row))
			e.Take(col, at, n)
		}
		e.Seg.Rot.Apply(e.Rotated, some)
		for n := range some {
			length := mem.Sqrt32(e.Put(n, pos+n, slot+n, c.Centroid(i)))
			largest = max(largest, length)
			sum += float64(length)
		}
		rows, pos, slot = rows[some:], pos+some, slot+some
	}
	c.Radius[i] = largest
	c.MeanResidual[i] = min(float32(sum/float64(max(c.Size(i), 1))), largest)
}

// vector returns where the vector of an added row is.
func (f *fold) vector(row int) (*column.Column, int) {
	i := len(f.segments) - 1
	for f.first[i] > row {
		i--
	}
	at := row - f.first[i]
	if f.kept[i] != nil {
		at = int(f.kept[i][at])
	}
	p := f.segments[i]
	if p.Source != nil {
		return p.Source, at
	}
	return p.Raw, at
}
