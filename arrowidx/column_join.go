package arrowidx

// pick is some rows of a column, rising; nil means all.
type pick struct {
	col  *Column
	rows []uint32
}

// nowhere is where a row that is null begins in a chunk of picked rows.
const nowhere = -1

// joinColumns returns the picked rows one after the other, where they lie: nothing is copied, and
// the columns are retained. The columns have the same dimensions.
func joinColumns(picks []pick) *Column {
	c := &Column{}
	c.refs.Store(1)
	for _, p := range picks {
		p.col.Retain()
		c.parents = append(c.parents, p.col)
		c.dim = max(c.dim, p.col.dim)
		if p.rows == nil {
			for _, ck := range p.col.chunks {
				ck.start = c.rows
				c.chunks = append(c.chunks, ck)
				c.rows += ck.n
			}
			c.nulls += p.col.nulls
			continue
		}
		c.addPicked(p.col, p.rows)
	}
	return c
}

// addPicked appends a chunk of rows for every chunk of the column that some of the rows lie in.
func (c *Column) addPicked(from *Column, rows []uint32) {
	for len(rows) > 0 {
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
			if ck.arr != nil && ck.nullAny && ck.arr.IsNull(at) {
				part.starts[i] = nowhere
			}
		}
		c.chunks = append(c.chunks, part)
		c.rows += n
		rows = rows[n:]
	}
}

// memoryBytes returns the memory that the column owns and the memory of others that it keeps alive.
func (c *Column) memoryBytes() (own, borrowed int64) {
	if c.parents != nil {
		for _, p := range c.parents {
			o, b := p.memoryBytes()
			own, borrowed = own+o, borrowed+b
		}
		for i := range c.chunks {
			own += int64(8 * len(c.chunks[i].starts))
		}
		return own, borrowed
	}
	if len(c.own.mem) > 0 {
		return int64(len(c.own.mem)), 0
	}
	return 0, c.Bytes()
}
