package column

import (
	"slices"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Pick is some rows of a column, rising; nil means all.
type Pick struct {
	Col   *Column // nil: all rows are null
	Rows  []uint32
	Alive []uint32 // rows that can be found, one bit a row: others become null; nil: all can
}

// nowhere is where a row that is null begins in a chunk of picked rows.
const nowhere = -1

// Join returns the picked rows one after the other, where they lie: nothing is copied, and
// the columns are retained. The columns have the same dimensions; the last is not nil where any is.
func Join(picks []Pick) *Column {
	c := &Column{}
	c.Refs.Store(1)
	for _, p := range picks {
		if p.Col == nil {
			c.addNulls(len(p.Rows), picks[len(picks)-1].Col.Pieces[0].data.kind)
			continue
		}
		c.keepAlive(p.Col)
		c.addPagers(p.Col)
		c.Dims, c.Bits = max(c.Dims, p.Col.Dims), c.Bits || p.Col.Bits
		c.isWide = c.isWide || p.Col.isWide
		if p.Rows == nil {
			for _, ck := range p.Col.Pieces {
				c.addWhole(ck)
			}
			c.nulls += p.Col.nulls
			continue
		}
		c.addPicked(p)
	}
	return c
}

// keepAlive retains the columns that own what another column shows.
func (c *Column) keepAlive(shown *Column) {
	owners := shown.parents
	if owners == nil {
		owners = []*Column{shown}
	}
	for _, p := range owners {
		if !slices.Contains(c.parents, p) {
			p.Retain()
			c.parents = append(c.parents, p)
		}
	}
}

// addWhole appends a chunk, to the last one if it lies right behind it.
func (c *Column) addWhole(ck Chunk) {
	ck.Start = c.Rows
	c.Rows += ck.n
	if n := len(c.Pieces); n > 0 && ck.n > 0 && ck.follows(&c.Pieces[n-1], c.Dims) {
		last := &c.Pieces[n-1]
		last.n += ck.n
		if last.data.kind == elemFloat64 {
			last.data.f64 = last.data.f64[:last.n*c.Dims]
		} else {
			last.data.f32 = last.data.f32[:last.n*c.Dims]
		}
		return
	}
	c.Pieces = append(c.Pieces, ck)
}

// addNulls appends a chunk of null rows.
func (c *Column) addNulls(n int, kind elemKind) {
	ck := Chunk{Start: c.Rows, n: n, data: elements{kind: kind}, starts: make([]int64, n),
		nullAny: true}
	for i := range ck.starts {
		ck.starts[i] = nowhere
	}
	c.Pieces = append(c.Pieces, ck)
	c.Rows += n
	c.nulls += n
}

// addPicked appends a chunk of rows for every chunk of the column that some of the rows lie in.
func (c *Column) addPicked(p Pick) {
	from := p.Col
	for rows := p.Rows; len(rows) > 0; {
		ck := from.ChunkOf(int(rows[0]))
		n := 0
		for n < len(rows) && int(rows[n]) < ck.Start+ck.n {
			n++
		}
		part := Chunk{
			Start: c.Rows, n: n, data: ck.data, starts: make([]int64, n), BadElem: ck.BadElem,
			badOff: ck.badOff, pager: ck.pager,
		}
		for i, row := range rows[:n] {
			at := int(row) - ck.Start
			part.starts[i] = int64(ck.at(at, from.Dims))
			if ck.isNull(at) || p.Alive != nil && !mem.BitOf(p.Alive, int(row)) {
				part.starts[i], part.nullAny = nowhere, true
				c.nulls++
			}
		}
		c.Pieces = append(c.Pieces, part)
		c.Rows += n
		rows = rows[n:]
	}
}

// MemoryBytes returns the memory that the column owns and the memory of others that it keeps alive,
// apart from that of columns that were seen before, in both cases.
func (c *Column) MemoryBytes(seen map[*Column]bool) (own, borrowed int64) {
	for i := range c.Pieces {
		if c.parents != nil {
			own += int64(8 * len(c.Pieces[i].starts))
		}
	}
	for _, p := range c.parents {
		o, b := p.MemoryBytes(seen)
		own, borrowed = own+o, borrowed+b
	}
	switch {
	case c.parents != nil, seen[c], c.Paged():
	case c.written != nil:
		own += c.written.Load()
	case len(c.own.Mem) > 0:
		own += int64(len(c.own.Mem))
	default:
		borrowed += c.Bytes()
	}
	seen[c] = true
	return own, borrowed
}
