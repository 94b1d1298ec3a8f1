package column

import (
	"context"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

const (
	// arenaLeast and arenaMost are between how many bytes an arena has. It has four times the room
	// of the one before; what is not written to takes no memory of the machine.
	arenaLeast = mem.HeapSlab
	arenaMost  = 64 << 20
	// arenaShare of the bytes of the rows that an arena is added to is its room at first, at most
	// arenaFirst: large memory comes in large pages, which cost a third of the time of small ones.
	arenaShare = 32
	arenaFirst = 8 << 20
)

// Arena is room for the vectors of rows that are added, one behind the other, so that segments of
// such rows that are joined need no other copy of them. Only the one change under way writes to it,
// and only behind the rows that any version has.
type Arena struct {
	Col    *Column // owns the memory; nil: none yet
	rows   int     // that it has room for
	used   int
	bytes  int64 // of the one before
	beside int64 // bytes of the rows that it is added to
}

// AddTo has the room at first be in proportion to rows of so many numbers.
func (a *Arena) AddTo(rows, dim int) { a.beside = 4 * int64(rows) * int64(dim) }

// Hold copies the rows of a column and returns them as a column of their own.
func (a *Arena) Hold(ctx context.Context, col *Column, threads int) (*Column, error) {
	at, err := a.put(ctx, col, threads)
	if err != nil {
		return nil, err
	}
	return a.Col.part(at, col.Rows), nil
}

// put copies the rows of a column and returns which row of the memory is the first.
func (a *Arena) put(ctx context.Context, col *Column, threads int) (int, error) {
	wide := !col.FitsFloat32()
	if a.Col == nil || a.Col.Dims != col.Dims || wide && !a.Col.isWide ||
		col.Rows > a.rows-a.used {
		if err := a.renew(col, wide); err != nil {
			return 0, err
		}
	}
	d, n, at := col.Dims, col.Rows, a.used
	to := Numbers(&a.Col.own, a.Col.isWide, at*d, (at+n)*d)
	if err := col.CopyAll(ctx, "add", to, threads); err != nil {
		return 0, err
	}
	a.used += n
	a.Col.written.Store(NumberBytes(a.Col.isWide) * int64(a.used*d))
	return at, nil
}

// renew begins new memory that has room for the column.
func (a *Arena) renew(col *Column, wide bool) error {
	row := NumberBytes(wide) * int64(col.Dims)
	bytes := max(min(4*a.bytes, arenaMost), arenaLeast, min(a.beside/arenaShare, arenaFirst),
		row*int64(col.Rows))
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

// Line is rows of an arena, one after the other, of which columns are cut. It is its one writer's.
type Line struct {
	pieces []Chunk
	owners []*Column // of the piece of the same number
}

// Extend copies the rows of a column behind those of the line.
func (a *Arena) Extend(ctx context.Context, l *Line, col *Column, threads int) error {
	at, err := a.put(ctx, col, threads)
	if err != nil {
		return err
	}
	d, start := col.Dims, 0
	if last := len(l.pieces) - 1; last >= 0 {
		p := &l.pieces[last]
		if start = p.Start + p.n; l.owners[last] == a.Col {
			p.data, p.n = Numbers(&a.Col.own, a.Col.isWide, (at-p.n)*d, (at+col.Rows)*d), p.n+col.Rows
			return nil
		}
	}
	a.Col.Retain()
	l.owners = append(l.owners, a.Col)
	data := Numbers(&a.Col.own, a.Col.isWide, at*d, (at+col.Rows)*d)
	l.pieces = append(l.pieces, Chunk{Start: start, n: col.Rows, data: data})
	return nil
}

// Any reports whether the line has rows.
func (l *Line) Any() bool { return len(l.pieces) > 0 }

// Drop gives the rows up; columns keep what they show of them.
func (l *Line) Drop() {
	for _, col := range l.owners {
		col.Release()
	}
	*l = Line{}
}

// Cut is a column of rows of a line, made as one object with what it mostly consists of.
type Cut struct {
	Column
	piece [1]Chunk
	owner [1]*Column
}

// Cut makes c the column of n rows of the line.
func (l *Line) Cut(c *Cut, from, n int) {
	c.Refs.Store(1)
	c.Pieces, c.parents = c.piece[:0], c.owner[:0]
	for i := range l.pieces {
		p, d := &l.pieces[i], l.owners[i].Dims
		lo, hi := max(from-p.Start, 0), min(from+n-p.Start, p.n)
		if lo >= hi {
			continue
		}
		l.owners[i].Retain()
		c.parents = append(c.parents, l.owners[i])
		c.Pieces = append(c.Pieces, Chunk{Start: c.Rows, n: hi - lo, data: p.data.slice(lo*d, hi*d)})
		c.Rows, c.Dims, c.isWide = c.Rows+hi-lo, d, c.isWide || l.owners[i].isWide
	}
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
