package arrowidx

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/simd"
)

// Under a filter the rows wanted lie farther from the query than without one, in cells that are not
// known before some of them have been found. So the nearest cells that hold enough of them are
// looked into first, and what they tell decides which others can hold nearer rows.

// coarseMargin is added to the largest cosine that calibration allows a row where the cosine comes
// from int8 centroids.
const coarseMargin = 0.02

// homeCells is how many cells around a query tell whether a filter leaves out the rows there.
const homeCells = 32

// begin chooses the query's nearest cells that hold enough rows for a first threshold. In t.values
// it leaves the order of all cells, infinite for those that are known to hold no such row.
func (t *router) begin(p *probe, r *run) {
	c := r.ix.cells
	t.coarseAll(p, c, false)
	t.nearHome()
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
// a filter looks at, and all that are not too far away if the filter leaves out the rows around the
// query.
func (s *searcher) reach(p *probe) {
	t, r := &s.routes, s.run
	c, tau := r.ix.cells, p.squared(r.ix.metric)
	held, enough := 0, max(r.probes*r.ix.usable/c.n, r.collect())
	for _, v := range p.visits {
		held += r.inCell(int(v.cell))
		t.values[v.cell] = infinity
	}
	if p.apart = s.apart(p); p.apart {
		enough = r.eligible
	} else {
		for cell, order := range t.values {
			if order < infinity && c.cosine(p.norm2+order, cell, tau) > r.cut+coarseMargin {
				t.values[cell] = infinity
			}
		}
	}
	if enough -= held; enough <= 0 {
		return
	}
	for _, cell := range t.holding(r, enough) {
		p.visits = append(p.visits, p.visitOf(r.ix, cell))
	}
	sortVisits(p.visits)
}

func sortVisits(visits []visit) {
	slices.SortFunc(visits, func(a, b visit) int { return cmp.Compare(a.cell, b.cell) })
}

// keepHome keeps the cells around the query from its visits without a filter.
func (t *router) keepHome(p *probe) {
	t.values, t.ids = grow(t.values, len(p.visits)), grow(t.ids, len(p.visits))
	for i, v := range p.visits {
		t.values[i], t.ids[i] = v.order, v.cell
	}
	t.nearHome()
	for i, j := range t.home {
		t.home[i] = t.ids[j]
	}
}

// nearHome lists the places of the least values, rising by value.
func (t *router) nearHome() {
	t.home = append(t.home[:0], t.leastOf(t.values, homeCells)...)
	slices.SortFunc(t.home, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.values[a], t.values[b]), cmp.Compare(a, b))
	})
}

// addAll adds all cells with rows that may be found.
func (t *router) addAll(p *probe, r *run) {
	visited := p.visits
	for cell := range r.ix.cells.n {
		known := len(visited) > 0 && int(visited[0].cell) == cell
		if known {
			visited = visited[1:]
		} else if r.inCell(cell) > 0 {
			p.visits = append(p.visits, p.visitOf(r.ix, uint32(cell)))
		}
	}
	sortVisits(p.visits)
}

// apart reports whether the filter leaves out the rows around the query: whether, from the nearest
// cell on, of the rows that are within the first threshold far fewer may be found than of all rows,
// by three standard deviations of a filter that knows nothing of the query. Calibration does not
// tell where the neighbours of such a query are.
func (s *searcher) apart(p *probe) bool {
	r, f := s.run, s.run.ix.codes
	within, found := 0, 0
	for _, cell := range s.routes.home {
		v := p.visitOf(r.ix, cell)
		r.inCell(int(cell)) // or its slots may not be known
		from, to := int(r.ix.cells.block[cell]), int(r.ix.cells.block[cell+1])
		s.masks, s.out = grow(s.masks, to-from), grow(s.out, (to-from)*simd.BlockRows)
		q := &s.four[0]
		*q = p.scan
		q.Add, q.Err, q.TabErr, q.Tau = v.add, 0, 0, nextUp(p.found.tau)
		simd.Scan(f.blocks.mem[from*f.stride:to*f.stride], f.padded, r.ix.slots[from:to], q, s.masks,
			s.out)
		within += countBits(s.masks)
		for i, w := range r.slots[from:to] {
			s.masks[i] &= w
		}
		found += countBits(s.masks)
		expected := float64(within) * float64(r.eligible) / float64(r.ix.usable)
		if expected-float64(found) > 3*math.Sqrt(expected) {
			return true
		}
	}
	return false
}

// reaches reports whether cells are chosen by begin and reach: under a filter, where calibration
// knows the angle at which neighbours lie.
func (r *run) reaches() bool {
	return r.filter != nil && r.cut < 1 && r.ix.metric != Dot
}
