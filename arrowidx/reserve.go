package arrowidx

import (
	"context"
	"sync/atomic"
)

const (
	// reserveLeast and reserveMost are between how many bytes a reserve has. It has twice the room
	// of the one before; what is not written to takes no memory of the machine.
	reserveLeast = heapSlab
	reserveMost  = 64 << 20
)

// reserve is room for the vectors of rows that are added, one behind the other, so that segments of
// such rows that are joined need no other copy of them. Only the one change under way writes to it,
// and only behind the rows that any version has.
type reserve struct {
	col   *Column // owns the memory; nil: none yet
	room  int     // rows
	used  int
	bytes int64 // of the reserve before
}

// hold copies the rows of a column and returns them as a column of their own.
func (r *reserve) hold(ctx context.Context, col *Column, threads int) (*Column, error) {
	wide := !col.fitsFloat32()
	if r.col == nil || r.col.dim != col.dim || wide && !r.col.wide ||
		col.rows > r.room-r.used {
		if err := r.renew(col, wide); err != nil {
			return nil, err
		}
	}
	d, n := col.dim, col.rows
	to := r.col.own.numbers(r.col.wide, r.used*d, (r.used+n)*d)
	if err := col.copyAll(ctx, "add", to, threads); err != nil {
		return nil, err
	}
	held := r.col.part(r.used, n)
	r.used += n
	r.col.written.Store(numberBytes(r.col.wide) * int64(r.used*d))
	return held, nil
}

// renew begins a new reserve that has room for the column.
func (r *reserve) renew(col *Column, wide bool) error {
	row := numberBytes(wide) * int64(col.dim)
	bytes := max(min(2*r.bytes, reserveMost), reserveLeast, row*int64(col.rows))
	r.drop()
	room := int(bytes / row)
	mem, err := newSlab("add", int64(room)*row)
	if err != nil {
		return err
	}
	r.col = &Column{dim: col.dim, wide: wide, own: mem, written: &atomic.Int64{}}
	r.col.refs.Store(1)
	r.room, r.used, r.bytes = room, 0, bytes
	return nil
}

// drop gives the reserve up; segments keep what they use of it.
func (r *reserve) drop() {
	if r.col != nil {
		r.col.Release()
		r.col = nil
	}
}

// part returns rows of the matrix that a column owns as a column that shares its memory.
func (c *Column) part(from, n int) *Column {
	c.Retain()
	v := &Column{rows: n, dim: c.dim, wide: c.wide, parents: []*Column{c}}
	v.refs.Store(1)
	if n > 0 {
		data := c.own.numbers(c.wide, from*c.dim, (from+n)*c.dim)
		v.chunks = []chunk{{n: n, data: data}}
	}
	return v
}

// follows reports whether the rows of a chunk lie right behind those of another, as a longer slice
// of the same memory would.
func (ck *chunk) follows(before *chunk, dim int) bool {
	if ck.data.kind != before.data.kind || ck.arr != nil || before.arr != nil ||
		ck.starts != nil || before.starts != nil {
		return false
	}
	switch end := before.n * dim; ck.data.kind {
	case elemFloat32:
		longer := before.data.f32[:cap(before.data.f32)]
		return end < len(longer) && &longer[end] == &ck.data.f32[0]
	case elemFloat64:
		longer := before.data.f64[:cap(before.data.f64)]
		return end < len(longer) && &longer[end] == &ck.data.f64[0]
	}
	return false
}
