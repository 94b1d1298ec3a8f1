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

// Under a filter whose rows calibration knows the angle for, cells are chosen in two steps with the
// first threshold between them: pilotVisits, Searcher.firstThreshold, reachCells. Both choose by
// one order of all cells, least first, which is infinite for cells that are out of the question.

// pilotVisits chooses the query's nearest cells that hold enough rows for a first threshold, and
// returns the order for reachCells. It is the router's memory: nothing else may be routed until
// then.
func (t *Router) pilotVisits(p *Probe, r *Run) (order []float32) {
	t.coarseAll(p, r.Seg.Cells, false)
	order = t.Values
	t.nearHome()
	if placed := &r.Filter.Cells; placed.Known == nil { // else counting would place all cells
		for cell, n := range placed.InCell {
			if n == 0 {
				order[cell] = mem.Infinity
			}
		}
	}
	p.Visits = p.Visits[:0]
	t.measure(p, r.Seg, t.Holding(r, order, min(pilotShare*r.collect(), r.Eligible)))
	return order
}

// Holding lists cells of least order that hold at least so many rows that may be found, rising; all
// of finite order if they hold less.
func (t *Router) Holding(r *Run, order []float32, enough int) []uint32 {
	n := len(order)
	for want := max(8, min(n, enough*n/r.Eligible)); ; want *= 2 {
		near, held := t.LeastOf(order, want), 0
		kept := near[:0]
		for _, cell := range near {
			if order[cell] < mem.Infinity {
				kept = append(kept, cell)
				held += r.InCell(int(cell))
			}
		}
		if held >= enough || want >= n || len(kept) < len(near) {
			return kept
		}
	}
}

// reachCells adds the cells that may hold nearer rows than the first threshold says: at most so
// many that they hold as many rows that may be found as a search without a filter looks at. Where
// the query is outside the filter that number is no guide, nor is the angle at which neighbours
// lie: then all cells are added.
func (s *Searcher) reachCells(p *Probe, order []float32) {
	r := s.Run
	held := 0
	for _, v := range p.Visits {
		held += r.InCell(int(v.Cell))
		order[v.Cell] = mem.Infinity // visited
	}
	enough := max(r.probes*r.Seg.Usable/r.Seg.Cells.N, r.collect())
	if p.outside = s.outsideFilter(p); p.outside {
		enough = r.Eligible
	} else {
		s.cutOrder(p, order)
	}
	if enough -= held; enough <= 0 {
		return
	}
	s.routes.measure(p, r.Seg, s.routes.Holding(r, order, enough))
	sortVisits(p.Visits)
}

// cutOrder leaves out the cells that the rule does not find worth a visit, by the coarse distances
// of their centroids.
func (s *Searcher) cutOrder(p *Probe, order []float32) {
	tau := s.nearTau(p)
	s.ranks.count(order)
	for cell, v := range order {
		if v < mem.Infinity && !s.passes(p.Norm2+v, uint32(cell), tau, v, coarseMargin) {
			order[cell] = mem.Infinity
		}
	}
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
	t.ids = t.ids[:0]
	for cell := range r.Seg.Cells.N {
		known := len(visited) > 0 && int(visited[0].Cell) == cell
		if known {
			visited = visited[1:]
		} else if r.InCell(cell) > 0 {
			t.ids = append(t.ids, uint32(cell))
		}
	}
	t.measure(p, r.Seg, t.ids)
	sortVisits(p.Visits)
}

// outsideFilter reports whether the filter leaves out the rows around the query, by three standard
// deviations of a filter that knows nothing of it. Calibration does not tell where the neighbours
// of such a query are.
func (s *Searcher) outsideFilter(p *Probe) bool { return s.lacks(p, s.routes.home, 3) }

// lacks reports whether, from the first cell on, of the rows that are within the first threshold
// fewer may be found than of all rows, by so many times the root of how many should be.
func (s *Searcher) lacks(p *Probe, cells []uint32, deviations float64) bool {
	r, f := s.Run, s.Run.Seg.Codes
	within, found := 0, 0
	for _, cell := range cells {
		v := p.VisitOf(r.Seg, cell)
		r.placeCell(int(cell))
		from, to := int(r.Seg.Cells.Block[cell]), int(r.Seg.Cells.Block[cell+1])
		s.masks, s.out = mem.Grow(s.masks, to-from), mem.Grow(s.out, (to-from)*simd.BlockRows)
		q := &s.four[0]
		*q = p.Scan
		q.Add, q.Err, q.TabErr, q.Tau = v.Add, 0, 0, mem.NextUp(p.candidates.Tau)
		simd.Scan(f.Span(from, to), f.Padded, r.Seg.Slots[from:to], q, s.masks, s.out, nil)
		within += mem.CountBits(s.masks)
		for i, w := range r.slots[from:to] {
			s.masks[i] &= w
		}
		found += mem.CountBits(s.masks)
		expected := float64(within) * float64(r.Eligible) / float64(r.Seg.Usable)
		if expected-float64(found) > deviations*math.Sqrt(expected) {
			return true
		}
	}
	return false
}

// A filter of many rows seldom knows anything of a query. So cells are first chosen as without one
// (chooseAmid), among so many more as it leaves fewer rows. That holds unless of the rows within
// the first threshold fewer may be found than their share.
const (
	// manyShare: a filter that leaves one row in so many leaves many.
	manyShare = 16
	// amidTimes is how many times the cells are considered that hold as many rows as are looked at
	// without a filter: the rule is for neighbours that are nearer.
	amidTimes = 2
	// nearDeviations is fewer than outsideFilter allows, which is asked in case of doubt: it looks
	// at more cells.
	nearDeviations = 2.8
)

// amid reports whether the filter leaves so many rows that it is first taken to know nothing of
// queries.
func (r *Run) amid() bool {
	return r.reaches() && r.rule.Weight > 0 && r.Eligible >= r.Seg.Usable/manyShare
}

// considers is how many cells a query considers.
func (r *Run) considers() int {
	if r.Filter == nil {
		return r.probes
	}
	return min(amidTimes*r.probes*r.Seg.Usable/max(r.Eligible, 1), r.Seg.Cells.N)
}

// chooseAmid chooses the cells of a probe, after its first threshold. It returns false where the
// filter seems to know something of the query: then the probe must be begun again.
func (s *Searcher) chooseAmid(p *Probe, est []float32) bool {
	c := s.begin(p, est)
	if s.lacksNear(p) {
		return false
	}
	if c.cells != nil { // else all are measured
		s.addVisits(p, s.unmeasured(p, &c, s.nearTau(p)))
	}
	s.leaveOut(p)
	return true
}

// lacksNear reports whether fewer rows within the first threshold may be found than their share, in
// the cells that gave it.
func (s *Searcher) lacksNear(p *Probe) bool {
	r, t := s.Run, &s.routes
	t.home = t.home[:0]
	for _, i := range s.visitor.which {
		t.home = append(t.home, p.Visits[i].Cell)
	}
	left := 1 - float64(r.Eligible)/float64(r.Seg.Usable)
	return s.lacks(p, t.home, nearDeviations*math.Sqrt(left))
}

// addVisits adds visits of other cells, both rising by number.
func (s *Searcher) addVisits(p *Probe, cells []uint32) {
	n, t := len(p.Visits), &s.routes
	t.fresh = t.visitsOf(t.fresh[:0], p.Query, s.Run.Seg, cells)
	p.Visits = append(p.Visits, t.fresh...)
	mergeVisits(p.Visits, n, t.fresh)
}

// mergeVisits puts others, of other cells, among the first n visits; both rise by number.
func mergeVisits(visits []Visit, n int, others []Visit) {
	for at := len(visits) - 1; len(others) > 0; at-- {
		last := len(others) - 1
		if n > 0 && visits[n-1].Cell > others[last].Cell {
			n--
			visits[at] = visits[n]
			continue
		}
		visits[at], others = others[last], others[:last]
	}
}

// reaches reports whether cells are chosen by pilotVisits and reachCells: under a filter, where
// calibration knows the angle at which neighbours lie.
func (r *Run) reaches() bool {
	return r.Filter != nil && r.rule.leaves() && r.Seg.Metric != column.Dot
}
