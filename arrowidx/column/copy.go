package column

import (
	"context"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// CopyTo writes all rows as float32 (Len x Dim, row-major); null rows are written as zeros, null
// numbers in other rows as NaN. dst must have room for Len*Dim numbers.
func (c *Column) CopyTo(dst []float32) {
	c.copyRows(elements{kind: elemFloat32, f32: dst}, 0, c.Rows)
}

// CopyWide is CopyTo for float64: no number is rounded.
func (c *Column) CopyWide(dst []float64) {
	c.copyRows(elements{kind: elemFloat64, f64: dst}, 0, c.Rows)
}

// Plain reports whether the column is one float32 matrix in memory without nulls.
func (c *Column) Plain() bool {
	if len(c.Pieces) != 1 || c.nulls != 0 {
		return false
	}
	ck := &c.Pieces[0]
	return ck.starts == nil && ck.BadElem == nil && ck.data.kind == elemFloat32 && ck.pager == nil
}

// Wide reports whether the column holds float64.
func (c *Column) Wide() bool { return c.isWide }

// copyRows writes rows [from, end) to a matrix of float32 or float64 for the whole column; null
// rows are zeros.
func (c *Column) copyRows(to elements, from, end int) {
	if to.kind == elemFloat64 {
		c.copyWide(to.f64, from, end)
		return
	}
	dst, d := to.f32, c.Dims
	for from < end {
		to := min(c.TileEnd(from, 1024), end)
		out := dst[from*d : to*d]
		copy(out, c.Tile(from, to-from, out))
		ck := c.ChunkOf(from)
		for r := from; (c.nulls > 0 || ck.BadElem != nil) && r < to; r++ {
			if !c.Valid(r) {
				clear(dst[r*d : (r+1)*d])
				continue
			}
			nullsToNaN(ck, r-ck.Start, dst[r*d:(r+1)*d])
		}
		from = to
	}
}

// CopyAll is copyRows for all rows, on several threads.
func (c *Column) CopyAll(ctx context.Context, op string, dst elements, threads int) error {
	const step = 4096
	if c.Rows <= step {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		return mem.Guarded(op, func() error {
			c.copyRows(dst, 0, c.Rows)
			return nil
		})
	}
	return mem.Parallel(ctx, op, threads, (c.Rows+step-1)/step, func(_, i int) error {
		c.copyRows(dst, i*step, min((i+1)*step, c.Rows))
		return nil
	})
}

// copyWide is copyRows for float64.
func (c *Column) copyWide(dst []float64, from, end int) {
	for r := from; r < end; r++ {
		out := dst[r*c.Dims : (r+1)*c.Dims]
		if c.nulls > 0 && !c.Valid(r) {
			clear(out)
			continue
		}
		copy(out, c.WideRow(r, out))
		ck := c.ChunkOf(r)
		nullsToNaN(ck, r-ck.Start, out)
	}
}

// FitsFloat32 reports whether float32 holds every number of the rows that are not null, so that a
// copy as float32 loses nothing.
func (c *Column) FitsFloat32() bool {
	if !c.isWide {
		return true
	}
	row, narrow := make([]float64, c.Dims), make([]float32, c.Dims)
	for r := range c.Rows {
		if c.Valid(r) && !Narrows(narrow, c.WideRow(r, row)) {
			return false
		}
	}
	return true
}
