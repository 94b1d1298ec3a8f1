package search

import (
	"context"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Rule tells which of the cells that a query considers are worth a visit, once its nearest cells
// have given a first k-th distance tau. The residual r, to its centroid c, of a row at a squared
// distance of at most tau from the query q has a cosine to q - c of at least
// (|q-c|^2 + |r|^2 - tau) / (2 |q-c| |r|); |r| is taken to be the mean in the cell. The greater
// that is, the fewer rows of a cell can be neighbours; and of two cells of one cosine the nearer
// holds more of them. So a cell is scored by the cosine plus Weight times the logarithm of its
// rank in routing's order, and looked into if that is at most Cut. Calibration chooses both
// (docs/decisions/0045).
type Rule struct{ Cut, Weight float32 }

// leaves reports whether the rule leaves any cell out.
func (r Rule) leaves() bool { return r.Weight > 0 || r.Cut < 1 }

// Score is the score of a cell: the smaller, the more neighbours are in it.
func (r Rule) Score(cosine float32, rank int) float32 {
	return cosine + float32(r.Weight*log2(rank+1))
}

// log2 is the logarithm of base 2 of n >= 1, linear between powers of two: exact to the last bit on
// every machine, and within .09 of the logarithm.
func log2(n int) float32 {
	whole := bits.Len32(uint32(n)) - 1
	return float32(whole) + float32(n-1<<whole)/float32(int(1)<<whole)
}

// Cosine returns the cosine that a row of mean residual length must have to the direction of the
// query to be within tau, a squared distance. far2 is that of the cell's centroid.
func Cosine(c *segment.Cells, far2 float32, cell int, tau float32) float32 {
	far2, length := max(far2, 0), c.MeanResidual[cell]
	if far2 == 0 || length == 0 {
		return -1
	}
	return (far2 + float32(length*length) - tau) / (2 * mem.Sqrt32(far2) * length)
}

// rankBuckets is the number of equal steps of distance by which ranks are counted.
const rankBuckets = 256

// ranks counts how many cells are nearer than a distance, to within a bucket.
type ranks struct {
	low, scale float32
	before     [rankBuckets]int32
}

// count counts finite distances.
func (k *ranks) count(order []float32) {
	low, high := mem.Infinity, -mem.Infinity
	for _, v := range order {
		if v < mem.Infinity {
			low, high = min(low, v), max(high, v)
		}
	}
	k.span(low, high)
	for _, v := range order {
		if v < mem.Infinity {
			k.before[k.bucket(v)]++
		}
	}
	k.sum()
}

// countOf counts the values of some cells.
func (k *ranks) countOf(values []float32, cells []uint32) {
	low, high := mem.Infinity, -mem.Infinity
	for _, cell := range cells {
		low, high = min(low, values[cell]), max(high, values[cell])
	}
	k.span(low, high)
	for _, cell := range cells {
		k.before[k.bucket(values[cell])]++
	}
	k.sum()
}

// countVisits counts the distances of visits.
func (k *ranks) countVisits(visits []Visit) {
	low, high := mem.Infinity, -mem.Infinity
	for i := range visits {
		low, high = min(low, visits[i].Order), max(high, visits[i].Order)
	}
	k.span(low, high)
	for i := range visits {
		k.before[k.bucket(visits[i].Order)]++
	}
	k.sum()
}

func (k *ranks) span(low, high float32) {
	clear(k.before[:])
	k.low, k.scale = low, 0
	if high > low {
		k.scale = (rankBuckets - 1) / (high - low)
	}
}

func (k *ranks) sum() {
	total := int32(0)
	for i, n := range k.before {
		k.before[i] = total
		total += n
	}
}

func (k *ranks) bucket(v float32) int {
	return min(max(int((v-k.low)*k.scale), 0), rankBuckets-1)
}

// of returns how many of the counted distances are in lower buckets than v.
func (k *ranks) of(v float32) int { return int(k.before[k.bucket(v)]) }

// A query under a rule goes through its cells in this order: routing's estimates tell which it
// considers; the first of these are measured and give the first threshold; of the others those are
// measured whose estimates do not speak against them, and of all measured ones those stay that the
// rule finds worth a visit.
const (
	// firstCells is the fewest cells among which the nearest are looked for, and firstTimes as many
	// more than it takes to hold the rows that the first threshold wants.
	firstCells = 12
	firstTimes = 3
	// planeMargin, over the root of the dimensions, is what the cosine of a cell may be less than the
	// codes of one bit say: one and a half of their standard deviations.
	planeMargin = 1.2
)

// considering is what a query considers.
type considering struct {
	cells  []uint32  // rising
	est    []float32 // of all cells, in routing's order
	margin float32   // of cosines by est
}

// chooseByRule chooses the cells of a probe, after its first threshold.
func (s *Searcher) chooseByRule(p *Probe, est []float32) {
	c := s.begin(p, est)
	s.noteStranger(p)
	tau := s.nearTau(p)
	t := &s.routes
	t.fresh = t.visitsOf(t.fresh[:0], p.Query, s.Run.Seg, s.unmeasured(p, &c, tau))
	kept, done, todo := t.all[:0], 0, t.fresh
	for len(p.Visits[done:])+len(todo) > 0 {
		var v Visit
		if len(todo) == 0 || done < len(p.Visits) && p.Visits[done].Cell < todo[0].Cell {
			v = p.Visits[done]
			done++
		} else {
			v = todo[0]
			todo = todo[1:]
		}
		switch {
		case v.Least == mem.Infinity: // looked into
			p.counts.probed++
		case tau == mem.Infinity || s.passes(v.Order, v.Cell, tau, c.est[v.Cell], 0):
			p.counts.probed++
			kept = append(kept, v)
		}
	}
	p.Visits, s.routes.all = kept, p.Visits
}

// begin finds what the query considers, and its first threshold from the nearest of that.
func (s *Searcher) begin(p *Probe, est []float32) (c considering) {
	r, t := s.Run, &s.routes
	c.margin = coarseMargin
	if est != nil {
		c.margin = planeMargin / mem.Sqrt32(float32(r.Seg.Cells.Padded))
	}
	c.cells, c.est = t.nearest(p, r.Seg, r.considers(), est)
	if r.P.Survey == nil { // which knows places
		s.ranks.countOf(c.est, c.cells)
	}
	p.Visits = p.Visits[:0]
	t.measure(p, r.Seg, s.firstOf(&c))
	held := 0
	for _, v := range p.Visits {
		held += r.InCell(int(v.Cell))
	}
	if held < r.collect() {
		p.Visits = p.Visits[:0]
		t.measure(p, r.Seg, c.cells)
		c.cells = nil
		t.Widen(p, r, r.collect())
	}
	s.firstThreshold(p)
	return c
}

// firstOf lists the considered cells that are measured first, rising.
func (s *Searcher) firstOf(c *considering) []uint32 {
	r, t := s.Run, &s.routes
	each := max(r.Eligible/r.Seg.Cells.N, 1)
	few := max(firstCells, firstTimes*(pilotShare*r.collect()/each+1))
	if few >= len(c.cells) {
		return c.cells
	}
	s.out, t.home = mem.Grow(s.out, len(c.cells)), mem.Grow(t.home, len(c.cells))
	for i, cell := range c.cells {
		s.out[i] = c.est[cell]
	}
	first := t.home[:simd.SelectLeast(t.home, s.out, few, few+few/4)]
	for i, at := range first {
		first[i] = c.cells[at]
	}
	return first
}

// unmeasured lists the considered cells that are not measured yet and may be worth a visit, rising.
func (s *Searcher) unmeasured(p *Probe, c *considering, tau float32) []uint32 {
	t, at := &s.routes, 0
	t.ids = t.ids[:0]
	for _, cell := range c.cells {
		for at < len(p.Visits) && p.Visits[at].Cell < cell {
			at++
		}
		if at < len(p.Visits) && p.Visits[at].Cell == cell {
			continue
		}
		if tau == mem.Infinity || s.passes(p.Norm2+c.est[cell], cell, tau, c.est[cell], c.margin) {
			t.ids = append(t.ids, cell)
		}
	}
	return t.ids
}

// passes reports whether the rule finds a cell worth a visit: at a squared distance, whose cosine
// may be less by the margin, and of the rank of a counted value.
func (s *Searcher) passes(far2 float32, cell uint32, tau, counted, margin float32) bool {
	cosine := Cosine(s.Run.Seg.Cells, far2, int(cell), tau) - margin
	return s.Run.rule.Score(cosine, s.ranks.of(counted)) <= s.Run.rule.Cut
}

// leaveOut drops the visits that are done and those that the rule does not find worth it.
func (s *Searcher) leaveOut(p *Probe) {
	r := s.Run
	tau := mem.Infinity
	switch {
	case !r.rule.leaves(), r.Seg.Metric == column.Dot: // no angle was calibrated
	case r.Filter != nil && (!r.reaches() || p.outside): // nor one for such queries
	default:
		tau = s.nearTau(p)
	}
	if tau < mem.Infinity && r.rule.Weight > 0 {
		s.ranks.countVisits(p.Visits)
	}
	kept := p.Visits[:0]
	for _, v := range p.Visits {
		switch {
		case v.Least == mem.Infinity: // done
			p.counts.probed++
		case tau == mem.Infinity || s.passes(v.Order, v.Cell, tau, v.Order, 0):
			p.counts.probed++
			kept = append(kept, v)
		}
	}
	p.Visits = kept
}

// nearTau is the rule's tau: the squared distance of the k-th nearest row so far as estimates tell
// it, for rules without weight as upper bounds do, infinite while there are fewer.
func (s *Searcher) nearTau(p *Probe) float32 {
	tau, k := p.candidates.Tau, p.candidates.K
	if s.Run.rule.Weight > 0 {
		s.out = mem.Grow(s.out, len(p.candidates.Rows))
		for i, c := range p.candidates.Rows {
			s.out[i] = c.Est
		}
		tau = mem.Infinity
		if k >= 1 && len(s.out) >= k {
			tau = simd.SelectKth(s.out, k-1)
		}
	}
	if s.Run.Seg.Metric == column.Cosine && tau < mem.Infinity {
		return 2 + 2*tau
	}
	return tau
}

// Considered is a cell that a query may look into, as routing and the first threshold see it.
type Considered struct {
	Cell  uint32
	Place uint32  // in routing's own order: searches that consider more cells consider this one
	Order float32 // cells are nearer the less it is
	Score float32 // by the rule
	Done  bool    // looked into for the first threshold, whatever the rule says
}

// Surveying makes a search one that calibrates. Of as many cells as Probes says those are surveyed
// and looked into that Rule may find worth it. Inner products have no rule: their cells are only
// surveyed, by Survey.
type Surveying struct {
	Epsilon float64 // width of bounds for first thresholds while cells are surveyed
	// Each is called for every query with its cells, rising by number, valid until it returns. Calls
	// come from several goroutines at once. Queries for which cells do not matter are left out.
	Each func(query int, cells []Considered)
}

// Survey surveys the cells of all queries and looks into none.
func Survey(ctx context.Context, seg *segment.Segment, p *SearchParams) error {
	w := Workspaces.Get().(*Workspace)
	out := SearchOut{Rows: make([]int64, p.NQ*p.K), Scores: make([]float32, p.NQ*p.K),
		Counts: make([]int64, p.NQ)}
	w.Run = Run{Seg: seg, P: p, out: &out, Col: seg.Source}
	r := &w.Run
	if p.Source != nil {
		r.Col = p.Source
	}
	if err := r.check(); err != nil {
		return err
	}
	threads := mem.Threads(p.Threads)
	w.count = p.NQ
	w.enlist(threads)
	w.probes = mem.Grow(w.probes, threads)
	err := mem.Parallel(ctx, "calibrate", threads, p.NQ, func(worker, i int) error {
		pr, s := &w.probes[worker], &w.searchers[worker]
		*pr = Probe{Query: &w.Queries[i], candidates: pr.candidates, wait: pr.wait[:0],
			Visits: pr.Visits}
		if err := pr.Prepare(r, i); err != nil || pr.Zero {
			return err
		}
		var est []float32
		if r.planeFirst() && seg.Metric != column.Dot {
			s.routes.Estimate(seg.Cells, []*Probe{pr}, &s.four)
			est = s.routes.Est[:seg.Cells.N]
		}
		s.survey(pr, est)
		p.Survey.Each(i, s.considered)
		return nil
	})
	w.putBack()
	return err
}

// chooseSurveyed surveys the cells of a probe and chooses among them. Those of the first threshold,
// which rests on other bounds, are looked into again by those of the search.
func (s *Searcher) chooseSurveyed(ctx context.Context, p *Probe, est []float32) error {
	r, t := s.Run, &s.routes
	s.survey(p, est)
	r.P.Survey.Each(p.number, s.considered)
	times := float32(r.Epsilon / r.P.Survey.Epsilon)
	p.widen(times)
	s.out = s.out[:0]
	for _, c := range p.candidates.Rows {
		s.out = append(s.out, c.Est+float32(times*(c.Est-c.Low)))
	}
	k := r.collect()
	p.candidates.Reset(k)
	if len(s.out) >= k {
		p.candidates.Tau = simd.SelectKth(s.out, k-1)
	}
	p.Visits = p.Visits[:0]
	for i, o := range s.considered {
		if t.fresh[i].Err *= times; o.Done {
			p.Visits = append(p.Visits, t.fresh[i])
		}
	}
	if err := s.scanVisits(ctx, p); err != nil {
		return err
	}
	p.counts.probed += int64(len(p.Visits))
	p.first, p.Visits = p.candidates.Tau, p.Visits[:0]
	for i, o := range s.considered {
		if !o.Done && o.Score <= r.rule.Cut {
			p.Visits = append(p.Visits, t.fresh[i])
		}
	}
	p.counts.probed += int64(len(p.Visits))
	return nil
}

// survey lists the cells that a query considers in s.considered, and their visits in
// s.routes.fresh, but for those that the rule finds not worth it whatever their distance is by the
// margin of estimates.
func (s *Searcher) survey(p *Probe, est []float32) {
	r, t := s.Run, &s.routes
	s.considered = s.considered[:0]
	if r.Seg.Metric == column.Dot {
		t.Route(p, r.Seg, r.probes, nil)
		s.out = s.out[:0]
		for _, v := range p.Visits {
			s.out = append(s.out, v.Order)
		}
		for i, place := range s.places() {
			v := &p.Visits[i]
			s.considered = append(s.considered,
				Considered{Cell: v.Cell, Place: place, Order: v.Order, Score: -1})
		}
		return
	}
	c := s.begin(p, est)
	if c.cells == nil { // all are measured
		t.ids = t.ids[:0]
		for _, v := range p.Visits {
			t.ids = append(t.ids, v.Cell)
		}
		c.cells = t.ids
	}
	tau, done := s.nearTau(p), 0
	s.out = s.out[:0]
	for _, cell := range c.cells {
		s.out = append(s.out, c.est[cell])
	}
	t.home = t.home[:0]
	for i, place := range s.places() {
		o := Considered{Cell: c.cells[i], Place: place, Score: r.rule.Score(-1, int(place))}
		for done < len(p.Visits) && p.Visits[done].Cell < o.Cell {
			done++
		}
		if done < len(p.Visits) && p.Visits[done].Cell == o.Cell {
			o.Done = p.Visits[done].Least == mem.Infinity
		} else if tau < mem.Infinity {
			o.Order = p.Norm2 + s.out[i]
			if s.scoreOf(&o, tau, c.margin); !(o.Score <= r.rule.Cut) {
				continue
			}
		}
		s.considered, t.home = append(s.considered, o), append(t.home, o.Cell)
	}
	t.fresh = t.visitsOf(t.fresh[:0], p.Query, r.Seg, t.home)
	for i := range s.considered {
		o := &s.considered[i]
		if o.Order = t.fresh[i].Order; o.Done {
			o.Score = -mem.Infinity
		} else if tau < mem.Infinity {
			s.scoreOf(o, tau, 0)
		}
	}
}

// scoreOf sets the score of a cell, whose cosine may be less by the margin.
func (s *Searcher) scoreOf(o *Considered, tau, margin float32) {
	cosine := Cosine(s.Run.Seg.Cells, o.Order, int(o.Cell), tau) - margin
	o.Score = s.Run.rule.Score(cosine, int(o.Place))
}

// placeBits is how many bits the number has of one of the equal steps of routing's values by which
// a survey places cells: two digits.
const placeBits = 12

// places returns the rank of every value of s.out; those of one step stay in their order. Steps are
// sorted digit by digit (Knuth, volume 3, 5.2.5).
func (s *Searcher) places() []uint32 {
	const digit, most = placeBits / 2, 1<<placeBits - 1
	n, low, high := len(s.out), mem.Infinity, -mem.Infinity
	for _, v := range s.out {
		low, high = min(low, v), max(high, v)
	}
	scale := float32(0)
	if high > low {
		scale = most / (high - low)
	}
	s.rows = mem.Grow(s.rows, 3*n)
	steps, half, places := s.rows[:n], s.rows[n:2*n], s.rows[2*n:]
	var lower, upper [1<<digit + 1]uint32
	for i, v := range s.out {
		step := uint32(min(max(int((v-low)*scale), 0), most))
		steps[i] = step
		lower[step%(1<<digit)+1]++
		upper[step>>digit+1]++
	}
	for i := range 1 << digit {
		lower[i+1] += lower[i]
		upper[i+1] += upper[i]
	}
	for i, step := range steps {
		at := &lower[step%(1<<digit)]
		half[*at] = uint32(i)
		*at++
	}
	for _, i := range half {
		at := &upper[steps[i]>>digit]
		places[i] = *at
		*at++
	}
	return places
}
