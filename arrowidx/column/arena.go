package column

import (
	"context"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// arenaLeast and arenaMost are between how many bytes an arena has. It has twice the room
	// of the one before; what is not written to takes no memory of the machine.
	arenaLeast = mem.HeapSlab
	arenaMost  = 64 << 20
)

// Arena is room for the vectors of rows that are added, one behind the other, so that segments of
// such rows that are joined need no other copy of them. Only the one change under way writes to it,
// and only behind the rows that any version has.
type Arena struct {
	Col   *Column // owns the memory; nil: none yet
	rows  int     // that it has room for
	used  int
	bytes int64 // of the one before
}

// Hold copies the rows of a column and returns them as a column of their own.
func (a *Arena) Hold(ctx context.Context, col *Column, threads int) (*Column, error) {
	wide := !col.FitsFloat32()
	if a.Col == nil || a.Col.Dims != col.Dims || wide && !a.Col.isWide ||
		col.Rows > a.rows-a.used {
		if err := a.renew(col, wide); err != nil {
			return nil, err
		}
	}
	d, n := col.Dims, col.Rows
	to := Numbers(&a.Col.own, a.Col.isWide, a.used*d, (a.used+n)*d)
	if err := col.CopyAll(ctx, "add", to, threads); err != nil {
		return nil, err
	}
	held := a.Col.part(a.used, n)
	a.used += n
	a.Col.written.Store(NumberBytes(a.Col.isWide) * int64(a.used*d))
	return held, nil
}

// renew begins new memory that has room for the column.
func (a *Arena) renew(col *Column, wide bool) error {
	row := NumberBytes(wide) * int64(col.Dims)
	bytes := max(min(2*a.bytes, arenaMost), arenaLeast, row*int64(col.Rows))
	a.Drop()
	room := int(bytes / row)
	mem, err := mem.NewSlab("add", int64(room)*row)
	if err != nil {
		return err
	}
	a.Col = &Column{Dims: col.Dims, isWide: wide, own: mem, written: &atomic.Int64{}}
	a.Col.Refs.Store(1)
	a.rows, a.used, a.bytes = room, 0, bytes
	return nil
}

// Drop gives the memory up; segments keep what they use of it.
func (a *Arena) Drop() {
	if a.Col != nil {
		a.Col.Release()
		a.Col = nil
	}
}

// part returns rows of the matrix that a column owns as a column that shares its memory.
func (c *Column) part(from, n int) *Column {
	c.Retain()
	v := &Column{Rows: n, Dims: c.Dims, isWide: c.isWide, parents: []*Column{c}}
	v.Refs.Store(1)
	if n > 0 {
		data := Numbers(&c.own, c.isWide, from*c.Dims, (from+n)*c.Dims)
		v.Pieces = []Chunk{{n: n, data: data}}
	}
	return v
}

// follows reports whether the rows of a chunk lie right behind those of another, as a longer slice
// of the same memory would.
func (ck *Chunk) follows(before *Chunk, dim int) bool {
	if ck.data.kind != before.data.kind || ck.arr != nil || before.arr != nil ||
		ck.pager != nil || before.pager != nil || ck.starts != nil || before.starts != nil {
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
