package arrowidx

import (
	"cmp"
	"slices"
)

// Under a filter the rows wanted lie farther from the query than without one, in cells that are not
// known before some of them have been found. So the nearest cells that hold enough of them are
// looked into first, and what they tell decides which others can hold nearer rows.

// coarseMargin is added to the largest cosine that calibration allows a row where the cosine comes
// from int8 centroids.
const coarseMargin = 0.02

// begin chooses the query's nearest cells that hold enough rows for a first threshold. In t.values
// it leaves the order of all cells, infinite for those that are known to hold no such row.
func (t *router) begin(p *probe, r *run) {
	c := r.ix.codes.cells
	t.coarseAll(p, c, false)
	if p := &r.filter.cells; p.known == nil {
		for cell, n := range p.inCell {
			if n == 0 {
				t.values[cell] = infinity
			}
		}
	}
	p.visits = p.visits[:0]
	for _, cell := range t.holding(r, min(waveShare*r.collect(), r.eligible)) {
		p.visits = append(p.visits, p.visitOf(r.ix, cell))
	}
}

// holding lists cells of least value in t.values that hold at least so many rows that may be
// found, rising; all of finite value if they hold less.
func (t *router) holding(r *run, enough int) []uint32 {
	n := len(t.values)
	for want := max(8, min(n, enough*n/r.eligible)); ; want *= 2 {
		near, held := t.leastOf(t.values, want), 0
		kept := near[:0]
		for _, cell := range near {
			if t.values[cell] < infinity {
				kept = append(kept, cell)
				held += r.inCell(int(cell))
			}
		}
		if held >= enough || want >= n || len(kept) < len(near) {
			return kept
		}
	}
}

// reach adds the cells that may hold nearer rows than the first threshold says, from the order that
// begin has left: at most so many that they hold as many rows that may be found as a search without
// a filter looks at, unless the nearest cells hold less than three quarters of their share. The
// rows are elsewhere then.
func (t *router) reach(p *probe, r *run) {
	c := r.ix.codes.cells
	tau := p.squared(r.ix.metric)
	held, room := 0, 0
	for _, v := range p.visits {
		held += r.inCell(int(v.cell))
		room += c.size(int(v.cell))
	}
	enough := max(r.probes*r.ix.usable/c.n, r.collect())
	if 4*int64(held)*int64(r.ix.usable) < 3*int64(r.eligible)*int64(room) {
		enough = r.eligible
	}
	for cell, order := range t.values {
		if order < infinity && c.cosine(p.norm2+order, cell, tau) > r.cut+coarseMargin {
			t.values[cell] = infinity
		}
	}
	for _, v := range p.visits {
		t.values[v.cell] = infinity
	}
	if enough -= held; enough <= 0 {
		return
	}
	for _, cell := range t.holding(r, enough) {
		p.visits = append(p.visits, p.visitOf(r.ix, cell))
	}
	slices.SortFunc(p.visits, func(a, b visit) int { return cmp.Compare(a.cell, b.cell) })
}

// reaches reports whether cells are chosen by begin and reach: under a filter, where calibration
// knows the angle at which neighbours lie.
func (r *run) reaches() bool {
	return r.filter != nil && r.cut < 1 && r.ix.metric != Dot
}
