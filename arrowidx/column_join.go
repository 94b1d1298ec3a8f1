package arrowidx

import "slices"

// pick is some rows of a column, rising; nil means all.
type pick struct {
	col   *Column // nil: all rows are null
	rows  []uint32
	alive []uint32 // rows that can be found, one bit a row: others become null; nil: all can
}

// nowhere is where a row that is null begins in a chunk of picked rows.
const nowhere = -1

// joinColumns returns the picked rows one after the other, where they lie: nothing is copied, and
// the columns are retained. The columns have the same dimensions; the last is not nil where any is.
func joinColumns(picks []pick) *Column {
	c := &Column{}
	c.refs.Store(1)
	for _, p := range picks {
		if p.col == nil {
			c.addNulls(len(p.rows), picks[len(picks)-1].col.chunks[0].data.kind)
			continue
		}
		c.keepAlive(p.col)
		c.dim, c.bits = max(c.dim, p.col.dim), c.bits || p.col.bits
		c.wide = c.wide || p.col.wide
		if p.rows == nil {
			for _, ck := range p.col.chunks {
				c.addWhole(ck)
			}
			c.nulls += p.col.nulls
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
func (c *Column) addWhole(ck chunk) {
	ck.start = c.rows
	c.rows += ck.n
	if n := len(c.chunks); n > 0 && ck.n > 0 && ck.follows(&c.chunks[n-1], c.dim) {
		last := &c.chunks[n-1]
		last.n += ck.n
		if last.data.kind == elemFloat64 {
			last.data.f64 = last.data.f64[:last.n*c.dim]
		} else {
			last.data.f32 = last.data.f32[:last.n*c.dim]
		}
		return
	}
	c.chunks = append(c.chunks, ck)
}

// addNulls appends a chunk of null rows.
func (c *Column) addNulls(n int, kind elemKind) {
	ck := chunk{start: c.rows, n: n, data: elements{kind: kind}, starts: make([]int64, n),
		nullAny: true}
	for i := range ck.starts {
		ck.starts[i] = nowhere
	}
	c.chunks = append(c.chunks, ck)
	c.rows += n
	c.nulls += n
}

// addPicked appends a chunk of rows for every chunk of the column that some of the rows lie in.
func (c *Column) addPicked(p pick) {
	from := p.col
	for rows := p.rows; len(rows) > 0; {
		ck := from.chunkOf(int(rows[0]))
		n := 0
		for n < len(rows) && int(rows[n]) < ck.start+ck.n {
			n++
		}
		part := chunk{
			start: c.rows, n: n, data: ck.data, starts: make([]int64, n), badElem: ck.badElem,
			badOff: ck.badOff,
		}
		for i, row := range rows[:n] {
			at := int(row) - ck.start
			part.starts[i] = int64(ck.at(at, from.dim))
			if ck.isNull(at) || p.alive != nil && !bitOf(p.alive, int(row)) {
				part.starts[i], part.nullAny = nowhere, true
				c.nulls++
			}
		}
		c.chunks = append(c.chunks, part)
		c.rows += n
		rows = rows[n:]
	}
}

// memoryBytes returns the memory that the column owns and the memory of others that it keeps alive,
// apart from that of columns that were seen before, in both cases.
func (c *Column) memoryBytes(seen map[*Column]bool) (own, borrowed int64) {
	for i := range c.chunks {
		if c.parents != nil {
			own += int64(8 * len(c.chunks[i].starts))
		}
	}
	for _, p := range c.parents {
		o, b := p.memoryBytes(seen)
		own, borrowed = own+o, borrowed+b
	}
	switch {
	case c.parents != nil, seen[c]:
	case c.written != nil:
		own += c.written.Load()
	case len(c.own.mem) > 0:
		own += int64(len(c.own.mem))
	default:
		borrowed += c.Bytes()
	}
	seen[c] = true
	return own, borrowed
}
