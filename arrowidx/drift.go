package arrowidx

import (
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// drift compares the rows added with those that the index was built of.
type drift struct {
	built float64 // mean residual norm of the build; 0: not known
	sum   float64 // of the residual norms of rows added
	rows  int
}

// leastDrift is the mean residual norm below which rows of the build are one row but for rounding:
// nothing can be compared with it. The longest of them has a norm of 1/2 to 1.
const leastDrift = 1.0 / (1 << 20)

// ratio is the mean residual norm of rows added over that of the build, 0 if it is not known.
func (d drift) ratio() float64 {
	if d.rows == 0 || !(d.built > leastDrift) {
		return 0
	}
	return d.sum / float64(d.rows) / d.built
}

// measureDrift adds the residual norms of added rows: distances from the mean, for kind ivf from
// the nearest centroid, which it remembers.
func (t *tail) measureDrift(seg *segment, col *Column) error {
	base := t.parts[0]
	if base.metric.Binary() {
		t.drift.rows += col.rows
		return nil
	}
	if t.drift.rows == 0 {
		t.drift.built = base.residual()
	}
	t.drift.rows += col.rows
	if base.kind == Flat {
		t.drift.sum += seg.lengths
		return nil
	}
	if base.cells != nil {
		return t.assign(seg, col)
	}
	var room measured
	for r := range col.rows {
		if r%lookEvery == 0 {
			if err := cancelled(t.ctx, "add"); err != nil {
				return err
			}
		}
		t.drift.sum += base.awayIn(col, r, &room)
	}
	return nil
}

// assign finds the cell of every added row and adds how far the rows are from their centroids.
func (t *tail) assign(seg *segment, col *Column) error {
	base := t.parts[0]
	c, plane := base.cells, base.cells.plane
	if base.metric == Dot {
		var err error
		if plane, err = newCentroidPlane(c.centroids, c.n, c.padded, L2); err != nil {
			return err
		}
		defer plane.free()
	}
	near := newFinder(plane, c.centroids, c.norm2)
	seg.owner = make([]uint32, col.rows)
	e := newRotator(base, nil, col.rows)
	step := tileRows(e.padded)
	for from := 0; from < col.rows; from += step {
		if err := cancelled(t.ctx, "add"); err != nil {
			return err
		}
		to := min(from+step, col.rows)
		e.run(col, from, to)
		near.nearest(e.rotated, to-from, seg.owner[from:to])
		for i := range to - from {
			x := e.of(i)
			simd.Center(x, x, 1, c.centroid(int(seg.owner[from+i])))
			t.drift.sum += math.Sqrt(float64(simd.Norm16(x)))
		}
	}
	return nil
}

// awayIn is away for a row of a column.
func (ix *segment) awayIn(col *Column, row int, room *measured) float64 {
	if !col.wide {
		room.one = grow(room.one, ix.dim)
		return ix.away(col.Row(row, room.one))
	}
	room.row, room.even = grow(room.row, ix.dim), grow(room.even, ix.dim)
	x, scale := col.wideRow(row, room.row), float64(ix.scale)
	if ix.metric == Cosine {
		var length float64
		x, length = evened(x, room.even)
		if scale = 0; length > 0 {
			scale = 1 / length
		}
	}
	sum := 0.0
	for j, v := range x {
		gap := v*scale - float64(ix.mean[j])
		sum += gap * gap
	}
	return math.Sqrt(sum)
}

// away returns how far a row is from the mean, in units of the build. Rows of kind exact may be so
// much longer than those of the build that only float64 holds it.
func (ix *segment) away(x []float32) float64 {
	norm2, dot := simd.Norm64(x), simd.Dot64(x, ix.mean)
	scale := float64(ix.scale)
	if ix.metric == Cosine {
		scale = 0
		if norm2 > 0 {
			scale = 1 / math.Sqrt(norm2)
		}
	}
	return math.Sqrt(max(scale*scale*norm2-2*scale*dot+simd.Norm64(ix.mean), 0))
}

// residual returns the mean residual norm of the rows that the segment was built of, from a sample
// of them where it is not stored, 0 where it cannot be known.
func (ix *segment) residual() float64 {
	if c := ix.cells; c != nil {
		sum := 0.0
		for i, s := range c.spread {
			sum += float64(s) * float64(c.size(i))
		}
		return sum / float64(max(len(c.rows), 1))
	}
	if ix.lengths > 0 {
		return ix.lengths / float64(max(ix.usable+ix.deleted, 1))
	}
	if ix.source == nil {
		return 0
	}
	const sample = 4096
	var room measured
	sum, n := 0.0, 0
	for r := 0; r < ix.rows; r += max(1, ix.rows/sample) {
		if ix.isAlive(r) {
			sum += ix.awayIn(ix.source, r, &room)
			n++
		}
	}
	return sum / float64(max(n, 1))
}
