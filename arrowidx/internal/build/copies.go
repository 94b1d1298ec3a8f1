package build

import (
	"cmp"
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// nearCells is how many cells are compared as a row's second one, about: those that one bit says
// are nearest.
const nearCells = 16

// Copier finds second cells of rows and codes copies there.
type Copier struct {
	seg     *segment.Segment
	col     *column.Column
	threads int
	plane   *segment.CentroidPlane
}

// NewCopier makes a copier of the rows of a segment of kind ivf, which lie in a column.
func NewCopier(seg *segment.Segment, col *column.Column, threads int) (*Copier, error) {
	c := seg.Cells
	plane, err := segment.NewCentroidPlane(c.Centroids, c.N, c.Padded, column.L2)
	return &Copier{seg, col, threads, plane}, err
}

// Free gives the memory back.
func (b *Copier) Free() { b.plane.Free() }

// Find returns the second cells of the rows at positions, and the loss of each: how much worse it
// is than the row's own cell would be without any loss. Where there is one cell, it is NoCell.
//
// A copy helps where the row's own cell fails: for queries that lie away from the row along its
// residual r. A second residual r' along r would fail for the same queries, so that the second cell
// is that of the least |r'|^2 + (r r' / |r|)^2; the loss is that over |r|^2.
func (b *Copier) Find(
	ctx context.Context, positions []uint32,
) (cells []uint32, losses []float32, err error) {
	c := b.seg.Cells
	cells, losses = make([]uint32, len(positions)), make([]float32, len(positions))
	type worker struct {
		*Rotator
		*Finder
		rows, own []uint32
		residual  []float32
	}
	workers := make([]worker, b.threads)
	step := TileRows(c.Padded)
	tiles := (len(positions) + step - 1) / step
	err = mem.Parallel(ctx, "build", b.threads, tiles, func(i, t int) error {
		w := &workers[i]
		if w.Rotator == nil {
			w.Rotator = NewRotator(b.seg, nil, len(positions))
			w.Finder = NewFinder(b.plane, c.Centroids, c.Norm2)
			w.residual = make([]float32, c.Padded)
		}
		from, to := t*step, min((t+1)*step, len(positions))
		w.rows, w.own = w.rows[:0], w.own[:0]
		for _, pos := range positions[from:to] {
			w.rows = append(w.rows, c.Rows[pos])
			w.own = append(w.own, uint32(c.Of(int(pos))))
		}
		w.List(b.col, w.rows)
		w.each(w.Rotated, to-from, func(i int, est []float32, _ float32) {
			x := w.Of(i)
			cells[from+i], losses[from+i] = w.second(x, w.residual, w.own[i], est)
		})
		return nil
	})
	return cells, losses, err
}

// second returns the second cell of a row, and its loss, by estimates of distances from centroids.
// residual is scratch memory.
func (f *Finder) second(x, residual []float32, own uint32, est []float32) (uint32, float32) {
	d := len(x)
	at := func(c uint32) []float32 { return f.centroids[int(c)*d : (int(c)+1)*d] }
	simd.Center(residual, x, 1, at(own))
	norm2, length2, along := simd.Norm16(x), simd.Norm16(residual), simd.Dot16(residual, x)
	best, least := uint32(NoCell), mem.Infinity
	near := simd.SelectLeast(f.near, est, nearCells+1, nearCells+nearCells/4)
	for _, c := range f.near[:near] {
		if c == own {
			continue
		}
		loss := norm2 + f.norm2[c] - 2*simd.Dot16(x, at(c))
		if length2 > 0 {
			parallel := along - simd.Dot16(residual, at(c))
			loss += float32(parallel * parallel / length2)
		}
		if loss < least {
			best, least = c, loss
		}
	}
	return best, least / max(length2, leastLength2)
}

// leastLength2 keeps losses finite: below, a row lies on its centroid but for rounding.
const leastLength2 = 1.0 / (1 << 20)

// Keep chooses the rows whose copies are kept: as many in a cell as have losses of at most limit,
// rounded to whole blocks, those of least loss. The cells of all others become NoCell.
func (b *Copier) Keep(cells []uint32, losses []float32, limit float32) {
	first := make([]uint32, b.seg.Cells.N+1)
	positions := make([]uint32, len(cells))
	GroupByCell(cells, first, positions)
	for i := range b.seg.Cells.N {
		own, n := positions[first[i]:first[i+1]], 0
		for _, pos := range own {
			if losses[pos] <= limit {
				n++
			}
		}
		n = min((n+simd.BlockRows/2)/simd.BlockRows, len(own)/simd.BlockRows) * simd.BlockRows
		slices.SortStableFunc(own, func(a, b uint32) int { return cmp.Compare(losses[a], losses[b]) })
		for _, pos := range own[n:] {
			cells[pos] = NoCell
		}
	}
}

// Make codes copies in the cells that are given for every position; NoCell: none.
func (b *Copier) Make(ctx context.Context, cells []uint32) (*segment.Copies, error) {
	c := b.seg.Cells
	n := 0
	for _, cell := range cells {
		if cell != NoCell {
			n++
		}
	}
	k := segment.NewCopies(listByCell(cells, c.N, n))
	var err error
	if k.Codes, err = rabitq.NewCodes(n, k.Blocks(), b.seg.Dim, 1); err != nil {
		return nil, err
	}
	workers := make([]*Encoder, b.threads)
	rows := make([][]uint32, b.threads)
	err = mem.Parallel(ctx, "build", b.threads, c.N, func(i, cell int) error {
		if workers[i] == nil {
			workers[i] = NewEncoder(b.seg, k.Codes, c, nil, b.seg.Rows)
		}
		rows[i] = workers[i].copies(b.col, k, cell, rows[i])
		return nil
	})
	if err != nil {
		k.Codes.Free()
		return nil, err
	}
	return k, nil
}

// RowBits is the bits of codes per dimension where rows have copies and nothing else was asked for:
// a bit less makes room for the copies.
const RowBits = 4

// Recode codes all rows anew, with so many bits per dimension, in the cells where they are.
func (b *Copier) Recode(ctx context.Context, bits int) error {
	seg := b.seg
	codes, err := rabitq.NewCodes(seg.Usable, seg.Cells.Blocks(), seg.Dim, bits)
	if err != nil {
		return err
	}
	again := CellsBuild{Seg: seg, Col: b.col, O: &Options{Progress: &Progress{}},
		Threads: b.threads, Padded: seg.Cells.Padded}
	if err := again.encode(ctx, codes, seg.Cells); err != nil {
		codes.Free()
		return err
	}
	codes.Radius = seg.Codes.Radius
	seg.Codes.Free()
	seg.Codes, seg.Bits = codes, bits
	return nil
}

// copies codes the copies in a cell. rows is scratch memory, which it returns.
func (e *Encoder) copies(
	col *column.Column, k *segment.Copies, cell int, rows []uint32,
) []uint32 {
	step := TileRows(e.Padded)
	for at, end := int(k.First[cell]), int(k.First[cell+1]); at < end; at += step {
		rows = rows[:0]
		for _, pos := range k.Pos[at:min(at+step, end)] {
			rows = append(rows, e.Cells.Rows[pos])
		}
		e.List(col, rows)
		for i := range rows {
			e.Put(i, at+i, at+i+k.Shift(cell), e.Cells.Centroid(cell))
		}
	}
	return rows
}
