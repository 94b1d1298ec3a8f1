package search

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// coarseMargin is added to the largest cosine that calibration allows a row where the cosine comes
// from int8 centroids.
const coarseMargin = 0.02

// homeCells is how many cells around a query tell whether a filter leaves out the rows there.
const homeCells = 32

// begin chooses the query's nearest cells that hold enough rows for a first threshold. In t.values
// it leaves the order of all cells, infinite for those that are known to hold no such row.
func (t *Router) begin(p *Probe, r *Run) {
	c := r.Seg.Cells
	t.coarseAll(p, c, false)
	t.nearHome()
	if p := &r.Filter.Cells; p.Known == nil {
		for cell, n := range p.InCell {
			if n == 0 {
				t.Values[cell] = mem.Infinity
			}
		}
	}
	p.Visits = p.Visits[:0]
	for _, cell := range t.Holding(r, min(waveShare*r.collect(), r.Eligible)) {
		p.Visits = append(p.Visits, p.VisitOf(r.Seg, cell))
	}
}

// Holding lists cells of least value in t.values that hold at least so many rows that may be
// found, rising; all of finite value if they hold less.
func (t *Router) Holding(r *Run, enough int) []uint32 {
	n := len(t.Values)
	for want := max(8, min(n, enough*n/r.Eligible)); ; want *= 2 {
		near, held := t.LeastOf(t.Values, want), 0
		kept := near[:0]
		for _, cell := range near {
			if t.Values[cell] < mem.Infinity {
				kept = append(kept, cell)
				held += r.InCell(int(cell))
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
func (s *Searcher) reach(p *Probe) {
	t, r := &s.routes, s.Run
	c, tau := r.Seg.Cells, p.squared(r.Seg.Metric)
	held, enough := 0, max(r.probes*r.Seg.Usable/c.N, r.collect())
	for _, v := range p.Visits {
		held += r.InCell(int(v.Cell))
		t.Values[v.Cell] = mem.Infinity
	}
	if p.apart = s.outsideFilter(p); p.apart {
		enough = r.Eligible
	} else {
		for cell, order := range t.Values {
			if order < mem.Infinity && Cosine(c, p.Norm2+order, cell, tau) > r.cut+coarseMargin {
				t.Values[cell] = mem.Infinity
			}
		}
	}
	if enough -= held; enough <= 0 {
		return
	}
	for _, cell := range t.Holding(r, enough) {
		p.Visits = append(p.Visits, p.VisitOf(r.Seg, cell))
	}
	sortVisits(p.Visits)
}

func sortVisits(visits []Visit) {
	slices.SortFunc(visits, func(a, b Visit) int { return cmp.Compare(a.Cell, b.Cell) })
}

// keepHome keeps the cells around the query from its visits without a filter.
func (t *Router) keepHome(p *Probe) {
	t.Values, t.ids = mem.Grow(t.Values, len(p.Visits)), mem.Grow(t.ids, len(p.Visits))
	for i, v := range p.Visits {
		t.Values[i], t.ids[i] = v.Order, v.Cell
	}
	t.nearHome()
	for i, j := range t.home {
		t.home[i] = t.ids[j]
	}
}

// nearHome lists the places of the least values, rising by value.
func (t *Router) nearHome() {
	t.home = append(t.home[:0], t.LeastOf(t.Values, homeCells)...)
	slices.SortFunc(t.home, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(t.Values[a], t.Values[b]), cmp.Compare(a, b))
	})
}

// addAll adds all cells with rows that may be found.
func (t *Router) addAll(p *Probe, r *Run) {
	visited := p.Visits
	for cell := range r.Seg.Cells.N {
		known := len(visited) > 0 && int(visited[0].Cell) == cell
		if known {
			visited = visited[1:]
		} else if r.InCell(cell) > 0 {
			p.Visits = append(p.Visits, p.VisitOf(r.Seg, uint32(cell)))
		}
	}
	sortVisits(p.Visits)
}

// outsideFilter reports whether the filter leaves out the rows around the query: whether, from the
// nearest cell on, of the rows that are within the first threshold far fewer may be found than of
// all rows, by three standard deviations of a filter that knows nothing of the query. Calibration
// does not tell where the neighbours of such a query are.
func (s *Searcher) outsideFilter(p *Probe) bool {
	r, f := s.Run, s.Run.Seg.Codes
	within, found := 0, 0
	for _, cell := range s.routes.home {
		v := p.VisitOf(r.Seg, cell)
		r.InCell(int(cell)) // or its slots may not be known
		from, to := int(r.Seg.Cells.Block[cell]), int(r.Seg.Cells.Block[cell+1])
		s.masks, s.out = mem.Grow(s.masks, to-from), mem.Grow(s.out, (to-from)*simd.BlockRows)
		q := &s.four[0]
		*q = p.Scan
		q.Add, q.Err, q.TabErr, q.Tau = v.Add, 0, 0, mem.NextUp(p.candidates.Tau)
		simd.Scan(f.Blocks.Mem[from*f.Stride:to*f.Stride], f.Padded, r.Seg.Slots[from:to], q, s.masks,
			s.out)
		within += mem.CountBits(s.masks)
		for i, w := range r.slots[from:to] {
			s.masks[i] &= w
		}
		found += mem.CountBits(s.masks)
		expected := float64(within) * float64(r.Eligible) / float64(r.Seg.Usable)
		if expected-float64(found) > 3*math.Sqrt(expected) {
			return true
		}
	}
	return false
}

// reaches reports whether cells are chosen by begin and reach: under a filter, where calibration
// knows the angle at which neighbours lie.
func (r *Run) reaches() bool {
	return r.Filter != nil && r.cut < 1 && r.Seg.Metric != column.Dot
}
