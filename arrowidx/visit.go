package arrowidx

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/simd"
)

var infinity = float32(math.Inf(1))

const (
	// cellGroup is the most queries that visit cells together: their tables stay in the
	// second-level cache, and what they find is independent of who else is in the group.
	cellGroup = 128
	// waveShare is how many rows for each of the k wanted the nearest cells must hold that set a
	// query's first threshold.
	waveShare = 16
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
	slots []int    // first slot of each run of estimates in a first wave
	which []int    // visit of each
}

// routeGroup chooses the cells of every probe and finds its first threshold.
func (s *searcher) routeGroup(ctx context.Context, ps []*probe) error {
	r := s.run
	c := r.ix.cells
	t := &s.routes
	plane := usesPlane(c, r.probes) && !r.reaches()
	lanes := c.plane.count * simd.BlockRows
	for len(ps) > 0 {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		n := 1
		if len(ps) >= 4 {
			n = 4
		}
		if plane {
			t.estimate(c, ps[:n], &s.four)
		}
		for i, p := range ps[:n] {
			var est []float32
			if plane {
				est = t.est[i*lanes : i*lanes+c.n]
			}
			switch {
			case r.reaches():
				t.begin(p, r)
			case r.filter == nil:
				t.route(p, r.ix, r.probes, est)
				t.widen(p, r, r.collect())
			default:
				t.route(p, r.ix, r.probes, est)
				t.keepHome(p)
				t.spread(p, r)
			}
			s.firstCells(p)
		}
		ps = ps[n:]
	}
	return nil
}

// firstCells looks into the query's nearest cells: first without a threshold, which the rows of
// least estimate then set by all their bits, and again for what lies below it.
func (s *searcher) firstCells(p *probe) {
	r, v := s.run, &s.visitor
	s.nearestVisits(p, waveShare*r.collect())
	p.found.reset(r.collect())
	s.est = s.est[:0]
	v.slots = v.slots[:0]
	for _, i := range v.which {
		at := &p.visits[i]
		from, to := int(r.ix.cells.block[at.cell]), int(r.ix.cells.block[at.cell+1])
		s.scanAll(p, at.place, from, to)
		v.slots = append(v.slots, from*simd.BlockRows)
	}
	s.pickLeast(s.est, p.found.k+waveExtra)
	if r.ix.codes.bits > 1 {
		s.codePicked(p)
	} else {
		s.boundPicked(p)
	}
	p.first = p.found.tau
	begin := 0
	for _, i := range v.which {
		begin = s.rest(p, &p.visits[i], begin)
	}
	switch {
	case r.reaches():
		s.reach(p)
	case r.filter != nil && r.p.Probes == 0 && s.apart(p):
		s.routes.addAll(p, r)
	}
	p.counts.probed += int64(len(p.visits) - p.leaveOut(r))
}

// leaveOut drops the visits that are not worth it once the first threshold is known, and returns
// how many. The residual r, to its centroid c, of a row at a squared distance of at most tau from
// the query has a cosine to q - c of at least (|q-c|^2 + |r|^2 - tau) / (2 |q-c| |r|). Calibration
// found the cosine that few neighbours exceed; |r| is taken to be the mean in the cell.
func (p *probe) leaveOut(r *run) int {
	if r.cut >= 1 || r.ix.metric == Dot || p.found.tau == infinity ||
		r.filter != nil && (!r.reaches() || p.apart) {
		return 0
	}
	tau, dropped := p.squared(r.ix.metric), 0
	for i := range p.visits {
		v := &p.visits[i]
		if v.least < infinity && r.ix.cells.cosine(v.order, int(v.cell), tau) > r.cut {
			v.least = infinity
			dropped++
		}
	}
	return dropped
}

// squared returns the query's threshold as a squared distance.
func (p *probe) squared(metric Metric) float32 {
	if metric == Cosine {
		return 2 + 2*p.found.tau
	}
	return p.found.tau
}

// codePicked scores the picked rows by all their bits.
func (s *searcher) codePicked(p *probe) {
	f, v := s.run.ix.codes, &s.visitor
	for _, h := range s.pick.heap {
		where, slot := v.pickedAt(p, s.run.ix.cells, int(h.row))
		simd.Fetch(f.extraOf(slot - where.shift))
	}
	for _, h := range s.pick.heap {
		where, slot := v.pickedAt(p, s.run.ix.cells, int(h.row))
		pos := slot - where.shift
		e, width := p.code(f, where, pos)
		p.counts.coded++
		p.found.offer(pos, e-width-p.slack, e+width+p.slack, e)
		s.est[h.row] = infinity // it is done
	}
}

// boundPicked takes the upper bounds of the picked rows, which have no more bits than the plane.
func (s *searcher) boundPicked(p *probe) {
	f := s.run.ix.codes
	for _, h := range s.pick.heap {
		where, slot := s.visitor.pickedAt(p, s.run.ix.cells, int(h.row))
		fs := f.planeFactors(f.block(slot/simd.BlockRows), slot%simd.BlockRows)
		width := float32(fs.err*where.err) + float32(abs32(fs.rescale)*p.scan.TabErr)
		p.found.bound(float32(h.dist) + width + p.slack)
	}
	p.first = p.found.tau
	p.found.reset(s.run.collect())
	p.found.tau = p.first
}

// rest finds the rows of a cell below the first threshold that are not scored yet. The estimates
// of its blocks begin at s.est[begin]; it returns where they end. The cell is then done.
func (s *searcher) rest(p *probe, at *visit, begin int) int {
	f := s.run.ix.codes
	from, to := int(s.run.ix.cells.block[at.cell]), int(s.run.ix.cells.block[at.cell+1])
	n := to - from
	s.masks, s.out = grow(s.masks, n), grow(s.out, n*simd.BlockRows)
	words := s.run.slots[from:to]
	s.four[0] = p.threshold(at.place)
	simd.Scan(f.blocks.mem[from*f.stride:to*f.stride], f.padded, words, &s.four[0], s.masks, s.out)
	est := s.est[begin : begin+n*simd.BlockRows]
	for b, m := range s.masks {
		for left := m; left != 0; left &= left - 1 {
			if lane := bits.TrailingZeros32(left); est[b*simd.BlockRows+lane] == infinity {
				s.masks[b] &^= 1 << lane
			}
		}
	}
	p.counts.scanned += int64(countBits(words))
	s.gather(p, at.place, from, s.masks, est)
	s.score(p)
	at.least = infinity
	return begin + n*simd.BlockRows
}

// nearestVisits lists the visits of least order in s.visitor.which until they hold enough rows.
func (s *searcher) nearestVisits(p *probe, enough int) {
	v := &s.visitor
	v.which = v.which[:0]
	last, lastCell := float32(math.Inf(-1)), -1
	for held := 0; held < enough && len(v.which) < len(p.visits); {
		best := -1
		for i := range p.visits {
			o := p.visits[i].order
			if o < last || o == last && int(p.visits[i].cell) <= lastCell {
				continue
			}
			if best < 0 || o < p.visits[best].order {
				best = i
			}
		}
		last, lastCell = p.visits[best].order, int(p.visits[best].cell)
		v.which = append(v.which, best)
		held += s.run.inCell(lastCell)
	}
}

// scanAll appends the estimates of blocks [from, to) to s.est; rows that may not be found are
// infinitely far.
func (s *searcher) scanAll(p *probe, at place, from, to int) {
	f, n := s.run.ix.codes, to-from
	words := s.run.slots[from:to]
	s.masks = grow(s.masks, n)
	begin := len(s.est)
	s.est = slices.Grow(s.est, n*simd.BlockRows)[:begin+n*simd.BlockRows]
	est := s.est[begin:]
	s.four[0] = p.scan
	s.four[0].Add, s.four[0].Err, s.four[0].Tau = at.add, at.err, infinity
	simd.Scan(f.blocks.mem[from*f.stride:to*f.stride], f.padded, words, &s.four[0], s.masks, est)
	for b, w := range words {
		if w == math.MaxUint32 {
			continue
		}
		for lane := range simd.BlockRows {
			if w>>lane&1 == 0 {
				est[b*simd.BlockRows+lane] = infinity
			}
		}
	}
}

// pickedAt returns where an estimate of the first wave comes from.
func (v *visitor) pickedAt(p *probe, c *cells, at int) (where place, slot int) {
	i := 0
	for ; ; i++ {
		cell := p.visits[v.which[i]].cell
		n := int(c.block[cell+1]-c.block[cell]) * simd.BlockRows
		if at < n {
			return p.visits[v.which[i]].place, v.slots[i] + at
		}
		at -= n
	}
}

// scanCells visits every cell once for all probes that look into it, in the order of cells. What
// happens to a query does not depend on the others: its cells come in the same order, four
// queries and one give equal bits, and its rows are scored one visit late in any company.
func (s *searcher) scanCells(ctx context.Context, ps []*probe) error {
	v := &s.visitor
	v.invert(ps, s.run.ix.cells.n)
	for _, cell := range v.busy {
		pairs := v.pairs[v.begin[cell]:v.begin[cell+1]]
		from, to := int(s.run.ix.cells.block[cell]), int(s.run.ix.cells.block[cell+1])
		if err := s.scanCell(ctx, ps, pairs, from, to); err != nil {
			return err
		}
	}
	for _, p := range ps {
		s.score(p)
	}
	return nil
}

// invert sorts the visits of all probes by cell.
func (v *visitor) invert(ps []*probe, cells int) {
	v.begin = grow(v.begin, cells+1)
	clear(v.begin)
	total := 0
	for _, p := range ps {
		for i := range p.visits {
			v.begin[p.visits[i].cell+1]++
		}
		total += len(p.visits)
	}
	v.busy = v.busy[:0]
	for c := range cells {
		if v.begin[c+1] > 0 {
			v.busy = append(v.busy, uint32(c))
		}
		v.begin[c+1] += v.begin[c]
	}
	v.pairs = grow(v.pairs, total)
	for q, p := range ps {
		for i := range p.visits {
			at := &v.begin[p.visits[i].cell]
			v.pairs[*at] = pair{int32(q), int32(i)}
			*at++
		}
	}
	copy(v.begin[1:], v.begin[:cells])
	v.begin[0] = 0
}

// scanCell scans blocks [from, to) of a cell, a segment at a time.
func (s *searcher) scanCell(
	ctx context.Context, ps []*probe, pairs []pair, from, to int,
) error {
	f := s.run.ix.codes
	step := max(1, segmentBytes/f.stride)
	for ; from < to; from += step {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		end := min(from+step, to)
		words := s.run.slots[from:end]
		n := len(words)
		alive := int64(countBits(words))
		if alive == 0 {
			continue
		}
		blocks := f.blocks.mem[from*f.stride : end*f.stride]
		s.masks = grow(s.masks, 4*n)
		s.est = grow(s.est, 4*n*simd.BlockRows)
		left := s.worth(ps, pairs)
		for len(left) >= 4 {
			for i, pr := range left[:4] {
				p := ps[pr.query]
				s.four[i] = p.threshold(p.visits[pr.visit].place)
			}
			simd.Scan4(blocks, f.padded, words, &s.four, s.masks, s.est)
			for i, pr := range left[:4] {
				s.visited(ps[pr.query], pr, from, alive, s.masks[i*n:(i+1)*n],
					s.est[i*n*simd.BlockRows:])
			}
			left = left[4:]
		}
		for _, pr := range left {
			p := ps[pr.query]
			s.four[0] = p.threshold(p.visits[pr.visit].place)
			simd.Scan(blocks, f.padded, words, &s.four[0], s.masks[:n], s.est[:n*simd.BlockRows])
			s.visited(p, pr, from, alive, s.masks[:n], s.est)
		}
	}
	return nil
}

// worth lists the pairs whose cell may still hold a row below the query's threshold.
func (s *searcher) worth(ps []*probe, pairs []pair) []pair {
	v := &s.visitor
	v.left = v.left[:0]
	for _, pr := range pairs {
		p := ps[pr.query]
		if p.visits[pr.visit].least <= p.found.tau+p.slack {
			v.left = append(v.left, pr)
		}
	}
	return v.left
}

// visited scores what the visit before let through, whose codes have arrived in the caches, and
// lists what this one did.
func (s *searcher) visited(
	p *probe, pr pair, first int, alive int64, masks []uint32, est []float32,
) {
	p.counts.scanned += alive
	s.score(p)
	s.gather(p, p.visits[pr.visit].place, first, masks, est)
}

// codeCells scores every row that may be found by its whole code.
func (s *searcher) codeCells(ctx context.Context, ps []*probe) error {
	r, c := s.run, s.run.ix.cells
	for cell := range c.n {
		if r.inCell(cell) == 0 {
			continue
		}
		shift := int(c.block[cell])*simd.BlockRows - int(c.first[cell])
		from, to := int(c.block[cell]), int(c.block[cell+1])
		s.rows = appendRows(s.rows[:0], r.slots, from, to)
		for i := range s.rows {
			s.rows[i] -= uint32(shift)
		}
		for _, p := range ps {
			p.where = p.in(c, r.ix.metric.Larger(), cell)
			p.counts.probed++
		}
		if err := s.codePositions(ctx, ps, s.rows, shift, c.rows); err != nil {
			return err
		}
	}
	return nil
}
