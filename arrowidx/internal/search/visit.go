package search

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// cellPass is the most queries that visit cells together: their tables stay in the second-level
	// cache, and what they find is independent of who else is in the pass.
	cellPass = 128
	// pilotShare is how many rows for each of the k wanted the nearest cells must hold that set a
	// query's first threshold.
	pilotShare = 16
)

// pair is a query's visit of a cell.
type pair struct {
	query int32
	visit int32
}

// visitor is one worker's memory for visiting cells in order.
type visitor struct {
	begin []uint32 // per cell: where its pairs begin
	pairs []pair
	left  []pair
	busy  []uint32 // cells that have pairs, rising
	which []int    // visits of the nearest cells
}

// routeGroup chooses the cells of every probe and finds its first threshold.
func (s *Searcher) routeGroup(ctx context.Context, ps []*Probe) error {
	r := s.Run
	c := r.Seg.Cells
	t := &s.routes
	plane := r.planeFirst()
	lanes := c.Plane.Count * simd.BlockRows
	for len(ps) > 0 {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		n := together(len(ps))
		if plane {
			t.Estimate(c, ps[:n], &s.four)
		}
		for i, p := range ps[:n] {
			var est []float32
			if plane {
				est = t.Est[i*lanes : i*lanes+c.N]
			}
			if r.P.Survey == nil {
				s.chooseCells(p, est)
			} else if err := s.chooseSurveyed(ctx, p, est); err != nil {
				return err
			}
		}
		ps = ps[n:]
	}
	return nil
}

// chooseCells chooses the cells of a probe and finds its first threshold, which leaves some of them
// out again or, under a filter, asks for more. est are the estimates of the plane, if it is used.
func (s *Searcher) chooseCells(p *Probe, est []float32) {
	r, t := s.Run, &s.routes
	switch {
	case r.amid() && s.chooseAmid(p, est):
		return
	case r.reaches():
		order := t.pilotVisits(p, r)
		s.firstThreshold(p)
		s.reachCells(p, order)
	case r.Filter == nil && r.rule.Weight > 0:
		s.chooseByRule(p, est)
		return
	case r.Filter == nil:
		t.Route(p, r.Seg, r.probes, est)
		t.Widen(p, r, r.collect())
		s.firstThreshold(p)
		s.noteStranger(p)
	default:
		t.Route(p, r.Seg, r.probes, est)
		t.keepHome(p)
		t.visitShare(p, r)
		s.firstThreshold(p)
		if r.P.Probes == 0 && s.outsideFilter(p) {
			t.addAll(p, r)
		}
	}
	s.leaveOut(p)
}

// noteStranger counts the query if its nearest cell is further away than is usual.
func (s *Searcher) noteStranger(p *Probe) {
	if which := s.visitor.which; s.Run.usual > 0 && len(which) > 0 &&
		p.Visits[which[0]].Order > s.Run.usual {
		p.counts.strange++
	}
}

// stretch is blocks of rows, or of copies, in a cell that a query looks into as a whole.
type stretch struct {
	visit    int // the cell's
	from, to int
	begin    int // of its estimates
	copies   bool
}

// firstThreshold looks into the query's nearest cells, which are then done: first without a
// threshold, which the rows of least estimate then set by all their bits, and again for what lies
// below it. Copies there count as rows where they are looked at.
func (s *Searcher) firstThreshold(p *Probe) {
	watch := time.Now()
	r := s.Run
	s.nearestVisits(p, pilotShare*r.collect())
	p.candidates.Reset(r.collect())
	s.estimateNearest(p)
	s.pickLeast(s.est, p.candidates.K+pilotExtra)
	switch {
	case r.twins != nil:
		s.codeBoth(p)
	case r.Seg.Codes.Bits > 1:
		s.codePicked(p)
	default:
		s.boundPicked(p)
	}
	p.first = p.candidates.Tau
	for i := range s.stretches {
		s.scanRest(p, &s.stretches[i])
	}
	s.score(p)
	for _, i := range s.visitor.which {
		p.Visits[i].Least = mem.Infinity
	}
	p.counts.first += int64(time.Since(watch))
}

// estimateNearest scans the nearest cells without a threshold.
func (s *Searcher) estimateNearest(p *Probe) {
	r, c, k := s.Run, s.Run.Seg.Cells, s.Run.twins
	s.est, s.stretches = s.est[:0], s.stretches[:0]
	for _, i := range s.visitor.which {
		cell := p.Visits[i].Cell
		s.stretches = append(s.stretches,
			stretch{visit: i, from: int(c.Block[cell]), to: int(c.Block[cell+1])})
		if k != nil && k.Size(int(cell)) > 0 {
			s.stretches = append(s.stretches, stretch{
				visit: i, from: int(k.Block[cell]), to: int(k.Block[cell+1]), copies: true})
		}
	}
	for i := range s.stretches {
		u := &s.stretches[i]
		u.begin = len(s.est)
		var next []byte
		if i+1 < len(s.stretches) {
			codes, _ := r.codesOf(&s.stretches[i+1])
			next = codes.Soon(s.stretches[i+1].from, s.stretches[i+1].to)
		}
		codes, words := r.codesOf(u)
		s.scanAll(p, p.Visits[u.visit].Place, codes, words, u.from, next)
		if u.copies && r.Seg.Deleted > 0 {
			s.hideDeleted(int(p.Visits[u.visit].Cell), s.est[u.begin:])
		}
	}
}

// codesOf returns the codes that a stretch is of, and its words.
func (r *Run) codesOf(u *stretch) (*rabitq.Codes, []uint32) {
	if u.copies {
		return r.twins.Codes, r.twins.Words[u.from:u.to]
	}
	return r.Seg.Codes, r.slots[u.from:u.to]
}

// picked returns the stretch that estimate number i is from, and its slot.
func (s *Searcher) picked(i int) (u *stretch, slot int) {
	n := len(s.stretches) - 1
	for s.stretches[n].begin > i {
		n--
	}
	u = &s.stretches[n]
	return u, u.from*simd.BlockRows + i - u.begin
}

// codePicked scores the picked rows by all their bits.
func (s *Searcher) codePicked(p *Probe) {
	f := s.Run.Seg.Codes
	for _, h := range s.pick.Heap {
		u, slot := s.picked(int(h.Row))
		simd.Fetch(f.ExtraOf(slot - p.Visits[u.visit].shift))
	}
	for _, h := range s.pick.Heap {
		u, slot := s.picked(int(h.Row))
		where := p.Visits[u.visit].Place
		pos := slot - where.shift
		e, width := p.Code(f, where, pos)
		p.counts.coded++
		if p.candidates.Offer(pos, e-width-p.Slack, e+width+p.Slack, e) {
			s.Run.Seg.FetchRowAt(uint32(pos))
		}
		s.est[h.Row] = mem.Infinity // it is done
	}
}

// boundPicked takes the upper bounds of the picked rows, which have no more bits than the plane.
func (s *Searcher) boundPicked(p *Probe) {
	f := s.Run.Seg.Codes
	for _, h := range s.pick.Heap {
		u, slot := s.picked(int(h.Row))
		fs := f.PlaneFactors(f.Block(slot/simd.BlockRows), slot%simd.BlockRows)
		width := float32(fs.Err*p.Visits[u.visit].Err) +
			float32(mem.Abs32(fs.Rescale)*p.Scan.TabErr)
		p.candidates.Bound(float32(h.Dist) + width + p.Slack)
	}
	p.first = p.candidates.Tau
	p.candidates.Reset(s.Run.collect())
	p.candidates.Tau = p.first
}

// scanRest finds what a stretch has below the first threshold that is not scored yet: it is scanned
// again with the threshold, and what codePicked or codeBoth has scored, whose estimates are
// infinite, drops out. Nothing of it is then left to be found.
func (s *Searcher) scanRest(p *Probe, u *stretch) {
	at, n := &p.Visits[u.visit], u.to-u.from
	f, words := s.Run.codesOf(u)
	if u.copies {
		s.Run.fetchPositions(int(at.Cell))
	}
	s.masks, s.out = mem.Grow(s.masks, n), mem.Grow(s.out, n*simd.BlockRows)
	s.four[0] = p.threshold(at.Place)
	simd.Scan(f.Span(u.from, u.to), f.Padded, words, &s.four[0], s.masks, s.out, nil)
	est := s.est[u.begin : u.begin+n*simd.BlockRows]
	s.dropDone(est)
	p.counts.scanned += int64(mem.CountBits(words))
	s.score(p)
	if u.copies {
		s.keepTwins(p, at, u.from, s.masks, est)
	} else {
		s.keepSurvivors(p, at.Place, u.from, s.masks, est)
	}
}

// nearestVisits lists the visits of least order in s.visitor.which until they hold enough rows.
func (s *Searcher) nearestVisits(p *Probe, enough int) {
	v := &s.visitor
	v.which = v.which[:0]
	last, lastCell := float32(math.Inf(-1)), -1
	for held := 0; held < enough && len(v.which) < len(p.Visits); {
		best := -1
		for i := range p.Visits {
			o := p.Visits[i].Order
			if o < last || o == last && int(p.Visits[i].Cell) <= lastCell {
				continue
			}
			if best < 0 || o < p.Visits[best].Order {
				best = i
			}
		}
		last, lastCell = p.Visits[best].Order, int(p.Visits[best].Cell)
		v.which = append(v.which, best)
		if held += s.Run.InCell(lastCell); s.Run.twins != nil {
			held += s.Run.twins.Size(lastCell)
		}
	}
}

// scanAll appends the estimates of the blocks from number `from` on to s.est, a word each; lanes
// that words leave out are infinitely far.
func (s *Searcher) scanAll(
	p *Probe, at Place, f *rabitq.Codes, words []uint32, from int, next []byte,
) {
	n := len(words)
	s.masks = mem.Grow(s.masks, n)
	begin := len(s.est)
	s.est = slices.Grow(s.est, n*simd.BlockRows)[:begin+n*simd.BlockRows]
	est := s.est[begin:]
	s.four[0] = p.Scan
	s.four[0].Add, s.four[0].Err, s.four[0].Tau = at.Add, at.Err, mem.Infinity
	simd.Scan(f.Span(from, from+n), f.Padded, words, &s.four[0], s.masks, est, next)
	hide(words, est)
}

// scanCells visits every cell once for all probes that look into it, in the order of cells. What
// happens to a query does not depend on the others: its cells come in the same order, four
// queries and one give equal bits, and its rows are scored one visit late in any company.
func (s *Searcher) scanCells(ctx context.Context, ps []*Probe) error {
	if len(ps) == 1 {
		return s.scanVisits(ctx, ps[0])
	}
	v := &s.visitor
	v.invert(ps, s.Run.Seg.Cells.N)
	for i, cell := range v.busy {
		pairs := v.pairs[v.begin[cell]:v.begin[cell+1]]
		from, to := int(s.Run.Seg.Cells.Block[cell]), int(s.Run.Seg.Cells.Block[cell+1])
		var next []byte
		if i+1 < len(v.busy) {
			next = s.Run.cellSoon(v.busy[i+1])
		}
		soon := next
		if s.Run.twins != nil {
			soon = s.Run.copiesSoon(cell)
		}
		if err := s.scanCell(ctx, ps, pairs, from, to, soon); err != nil {
			return err
		}
		if s.Run.twins != nil {
			s.scanCopiesFor(ps, pairs, cell, next)
		}
	}
	for _, p := range ps {
		s.score(p)
	}
	return nil
}

// scanVisits is scanCells for one query.
func (s *Searcher) scanVisits(ctx context.Context, p *Probe) error {
	f, c := s.Run.Seg.Codes, s.Run.Seg.Cells
	step := max(1, stretchBytes/f.Stride)
	if len(p.Visits) > 0 {
		codes := s.Run.cellSoon(p.Visits[0].Cell)
		simd.Fetch(codes[:min(len(codes), cellAhead)])
	}
	for i := range p.Visits {
		v := &p.Visits[i]
		for from, to := int(c.Block[v.Cell]), int(c.Block[v.Cell+1]); from < to; from += step {
			if err := fault.FromContext(ctx, "search"); err != nil {
				return err
			}
			end := min(from+step, to)
			words := s.Run.slots[from:end]
			alive := int64(mem.CountBits(words))
			if alive == 0 || v.Least > p.candidates.Tau+p.Slack {
				continue
			}
			s.four[0] = p.threshold(v.Place)
			s.scanBlocks(1, f.Span(from, end), words, s.soon(p, i, end, min(end+step, to)))
			s.visited(p, v.Place, from, alive, s.masks, s.est)
		}
		if s.Run.twins != nil {
			s.scanCopies(p, v, s.nextCell(p, i))
		}
	}
	s.score(p)
	return nil
}

// soon is what is scanned after a stretch of visit i: blocks [from, to) of its cell, or those of
// the next cell.
func (s *Searcher) soon(p *Probe, i, from, to int) []byte {
	switch {
	case from < to:
		return s.Run.Seg.Codes.Soon(from, to)
	case s.Run.twins != nil:
		return s.Run.copiesSoon(p.Visits[i].Cell)
	}
	return s.nextCell(p, i)
}

// nextCell is the blocks of the cell that is visited after visit i.
func (s *Searcher) nextCell(p *Probe, i int) []byte {
	if i+1 < len(p.Visits) {
		return s.Run.cellSoon(p.Visits[i+1].Cell)
	}
	return nil
}

// invert sorts the visits of all probes by cell.
func (v *visitor) invert(ps []*Probe, cells int) {
	v.begin = mem.Grow(v.begin, cells+1)
	clear(v.begin)
	total := 0
	for _, p := range ps {
		for i := range p.Visits {
			v.begin[p.Visits[i].Cell+1]++
		}
		total += len(p.Visits)
	}
	v.busy = v.busy[:0]
	for c := range cells {
		if v.begin[c+1] > 0 {
			v.busy = append(v.busy, uint32(c))
		}
		v.begin[c+1] += v.begin[c]
	}
	v.pairs = mem.Grow(v.pairs, total)
	for q, p := range ps {
		for i := range p.Visits {
			at := &v.begin[p.Visits[i].Cell]
			v.pairs[*at] = pair{int32(q), int32(i)}
			*at++
		}
	}
	copy(v.begin[1:], v.begin[:cells])
	v.begin[0] = 0
}

// cellSoon returns the blocks of a cell, to be asked for.
func (r *Run) cellSoon(cell uint32) []byte {
	return r.Seg.Codes.Soon(int(r.Seg.Cells.Block[cell]), int(r.Seg.Cells.Block[cell+1]))
}

// scanCell scans blocks [from, to) of a cell, a stretch at a time. The last queries ask for the
// stretch to come, or for the next cell.
func (s *Searcher) scanCell(
	ctx context.Context, ps []*Probe, pairs []pair, from, to int, next []byte,
) error {
	f := s.Run.Seg.Codes
	step := max(1, stretchBytes/f.Stride)
	for ; from < to; from += step {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		end := min(from+step, to)
		words := s.Run.slots[from:end]
		alive := int64(mem.CountBits(words))
		if alive == 0 {
			continue
		}
		blocks := f.Span(from, end)
		for left := s.worth(ps, pairs); len(left) > 0; {
			some := left[:together(len(left))]
			for i, pr := range some {
				p := ps[pr.query]
				s.four[i] = p.threshold(p.Visits[pr.visit].Place)
			}
			var soon []byte
			if len(some) == len(left) {
				if soon = next; end < to {
					soon = f.Soon(end, min(end+step, to))
				}
			}
			s.scanBlocks(len(some), blocks, words, soon)
			for i, pr := range some {
				p := ps[pr.query]
				at := p.Visits[pr.visit].Place
				s.visited(p, at, from, alive, s.masksOf(i, words), s.estOf(i, words))
			}
			left = left[len(some):]
		}
	}
	return nil
}

// worth lists the pairs whose cell may still hold a row below the query's threshold.
func (s *Searcher) worth(ps []*Probe, pairs []pair) []pair {
	v := &s.visitor
	v.left = v.left[:0]
	for _, pr := range pairs {
		p := ps[pr.query]
		if p.Visits[pr.visit].Least <= p.candidates.Tau+p.Slack {
			v.left = append(v.left, pr)
		}
	}
	return v.left
}

// visited scores what the visit before let through, whose codes have arrived in the caches, and
// lists what this one did.
func (s *Searcher) visited(
	p *Probe, at Place, first int, alive int64, masks []uint32, est []float32,
) {
	p.counts.scanned += alive
	s.score(p)
	s.keepSurvivors(p, at, first, masks, est)
}

// codeCells scores every row that may be found by its whole code.
func (s *Searcher) codeCells(ctx context.Context, ps []*Probe) error {
	r, c := s.Run, s.Run.Seg.Cells
	for cell := range c.N {
		if r.InCell(cell) == 0 {
			continue
		}
		shift := int(c.Block[cell])*simd.BlockRows - int(c.First[cell])
		from, to := int(c.Block[cell]), int(c.Block[cell+1])
		s.rows = mem.AppendRows(s.rows[:0], r.slots, from, to)
		for i := range s.rows {
			s.rows[i] -= uint32(shift)
		}
		for _, p := range ps {
			p.where = p.in(c, r.Seg.Metric.Larger(), cell)
			p.counts.probed++
		}
		if err := s.codePositions(ctx, ps, s.rows, shift, c.Rows); err != nil {
			return err
		}
	}
	return nil
}
