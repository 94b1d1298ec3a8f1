package arrowidx

import (
	"cmp"
	"context"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/simd"
)

// mostTaus is how many groups may be looked through for the largest threshold before every run of
// blocks; with more the scan lets all rows through to their group's own.
const mostTaus = 256

// groupFinds is what one query found in one shard: for every group a collector, or its nearest
// rows where all are scored. The rows of all groups stand in one list, heaps side by side.
type groupFinds struct {
	tau    []float32 // of a group: the smallest known upper bound of its k-th distance
	filled []int32   // places of a group that are taken
	upper  []float32 // places: a group's least upper bounds, a max-heap
	hits   []hit     // places: a group's nearest rows, a max-heap
	rows   []candidate
	limit  int // length of rows at which those above their tau are dropped
}

// bounded reports whether rows are found with bounds, which later distances decide.
func (w way) bounded() bool { return w == wayScan || w == wayTiles }

func (f *groupFinds) reset(g *grouped, w way) {
	f.tau, f.filled = grow(f.tau, g.n), grow(f.filled, g.n)
	clear(f.filled)
	for i := range f.tau {
		f.tau[i] = infinity
		if g.places[i] == g.places[i+1] {
			f.tau[i] = -infinity // nothing is wanted
		}
	}
	if w.bounded() {
		f.upper = grow(f.upper, g.wanted())
	} else {
		f.hits = grow(f.hits, g.wanted())
	}
	f.rows, f.limit = f.rows[:0], 1024+4*g.wanted()
}

// offer adds the row at a position whose distance lies in [low, up].
func (f *groupFinds) offer(g *grouped, pos int, low, up, est float32) {
	group := g.of[pos]
	if low > f.tau[group] {
		return
	}
	f.rows = append(f.rows, candidate{uint32(pos), low, est})
	f.bound(g, int(group), up)
	if len(f.rows) >= f.limit {
		f.prune(g, f.tau)
		f.limit = max(f.limit, 2*len(f.rows))
	}
}

// bound lowers the group's tau when up is among its least upper bounds.
func (f *groupFinds) bound(g *grouped, group int, up float32) {
	from, to := g.places[group], g.places[group+1]
	c := collector{k: to - from, tau: f.tau[group]}
	c.upper = f.upper[from : from+int(f.filled[group]) : to]
	c.bound(up)
	f.tau[group], f.filled[group] = c.tau, int32(len(c.upper))
}

// prune drops rows whose lower bound is above their group's tau.
func (f *groupFinds) prune(g *grouped, tau []float32) {
	kept := f.rows[:0]
	for _, r := range f.rows {
		if r.low <= tau[g.of[r.pos]] {
			kept = append(kept, r)
		}
	}
	f.rows = kept
}

// mergeBounds lowers thresholds to those of both; o saw other rows.
func (f *groupFinds) mergeBounds(g *grouped, o *groupFinds) {
	for group := range g.n {
		from := g.places[group]
		for _, up := range o.upper[from : from+int(o.filled[group])] {
			f.bound(g, group, up)
		}
	}
}

// nearest returns the group's nearest rows so far, to be pushed to in their own memory.
func (f *groupFinds) nearest(g *grouped, group int) nearest {
	from, to := g.places[group], g.places[group+1]
	to = min(to, from+g.k)
	return nearest{k: to - from, heap: f.hits[from : from+int(f.filled[group]) : to]}
}

func (f *groupFinds) push(g *grouped, group int, h hit) {
	b := f.nearest(g, group)
	b.push(h)
	f.filled[group] = int32(len(b.heap))
}

func (f *groupFinds) mergeHits(g *grouped, o *groupFinds) {
	for group := range g.n {
		for _, h := range o.nearest(g, group).heap {
			f.push(g, group, h)
		}
	}
}

// largest returns the largest threshold of all groups.
func (f *groupFinds) largest() float32 {
	if len(f.tau) > mostTaus {
		return infinity
	}
	return slices.Max(f.tau)
}

// groupSearcher is one worker's memory.
type groupSearcher struct {
	searcher
	g      *grouped
	probes [groupPass]probe
	list   []*probe
	finds  []*groupFinds // of the probes in list
	which  []int         // number of each in the round
	cells  []cellVisit
	counts counts

	packed    []byte // rows of bits
	both, any []uint32
}

// cellVisit is a cell of kind ivf as a query sees it.
type cellVisit struct {
	place
	cell int
}

func (s *groupSearcher) enter(g *grouped) {
	s.g, s.run, s.counts = g, &g.run, counts{}
}

func (s *groupSearcher) release() {
	s.g, s.run = nil, nil
	for i := range s.probes {
		s.probes[i].query = nil
	}
	clear(s.finds)
}

// scanShard looks at one shard of rows for queries [lo, hi) of the round.
func (s *groupSearcher) scanShard(ctx context.Context, lo, hi, shard int) error {
	g := s.g
	from, to := g.shard(shard, len(g.words))
	for kind := wayZero; kind <= wayTiles; kind++ {
		s.list, s.finds, s.which = s.list[:0], s.finds[:0], s.which[:0]
		for i := lo; i < hi; i++ {
			if g.queries[i].way != kind {
				continue
			}
			p := &s.probes[len(s.list)]
			p.query, p.where, p.wait = &g.queries[i], g.queries[i].origin, p.wait[:0]
			s.list = append(s.list, p)
			s.finds, s.which = append(s.finds, &g.finds[i*g.shards+shard]), append(s.which, i)
		}
		if len(s.list) == 0 {
			continue
		}
		var err error
		first, last := from*simd.BlockRows, min(to*simd.BlockRows, g.ix.rows)
		switch {
		case g.ix.metric.Binary():
			err = s.compareGroups(ctx, first, last)
		case kind == wayTiles:
			err = s.tileGroups(ctx, first, last)
		case kind == wayZero || kind == wayMeasure:
			err = s.measureGroups(ctx, from, to, kind == wayZero)
		case g.slots != nil:
			err = s.eachCell(ctx, shard, kind == wayScan)
		case kind == wayScan:
			err = s.scanGroups(ctx, 0, len(s.list), g.words, from, to)
		default:
			err = s.codeGroups(ctx, 0, len(s.list), g.words, from, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// measureGroups pushes every row of blocks [from, to) with its distance: 0 to zero vectors.
func (s *groupSearcher) measureGroups(ctx context.Context, from, to int, zero bool) error {
	g := s.g
	for b := from; b < to; b++ {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		for w := g.words[b]; w != 0; w &= w - 1 {
			row := b*simd.BlockRows + bits.TrailingZeros32(w)
			group := int(g.groups[row])
			if zero {
				for _, f := range s.finds {
					f.push(g, group, hit{0, uint32(row)})
				}
				continue
			}
			s.turnTo(row)
			for i, p := range s.list {
				s.counts.reranked++
				s.finds[i].push(g, group, hit{s.distance(p.query), uint32(row)})
			}
		}
	}
	return nil
}

// codeGroups pushes every row of blocks [from, to) with the estimate of its whole code, for the
// queries [lo, hi) of the list at their places.
func (s *groupSearcher) codeGroups(
	ctx context.Context, lo, hi int, words []uint32, from, to int,
) error {
	g := s.g
	for b := from; b < to; b++ {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		for w := words[b]; w != 0; w &= w - 1 {
			slot := b*simd.BlockRows + bits.TrailingZeros32(w)
			for i := lo; i < hi; i++ {
				p := s.list[i]
				pos := slot - p.where.shift
				e, _ := p.code(g.ix.codes, p.where, pos)
				s.counts.coded++
				h := hit{float64(e), g.ix.rowAt(uint32(pos))}
				s.finds[i].push(g, int(g.of[pos]), h)
			}
		}
	}
	return nil
}

// scanGroups scans the plane of blocks [from, to) for the queries [lo, hi) of the list at their
// places, four at a time, and scores what lies below the thresholds of its group.
func (s *groupSearcher) scanGroups(
	ctx context.Context, lo, hi int, words []uint32, from, to int,
) error {
	f := s.g.ix.codes
	step := max(1, segmentBytes/f.stride)
	for ; from < to; from += step {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		end := min(from+step, to)
		if part := words[from:end]; anyBit(part) {
			s.scanRun(lo, hi, from, part, f.blocks.mem[from*f.stride:end*f.stride])
		}
	}
	return nil
}

func (s *groupSearcher) scanRun(lo, hi, first int, words []uint32, blocks []byte) {
	n, padded := len(words), s.g.ix.codes.padded
	s.masks, s.est = grow(s.masks, 4*n), grow(s.est, 4*n*simd.BlockRows)
	s.counts.scanned += int64((hi - lo) * countBits(words))
	for lo < hi {
		m := 1
		if hi-lo >= 4 {
			m = 4
		}
		for i := range m {
			p := s.list[lo+i]
			p.found.tau = s.finds[lo+i].largest()
			s.four[i] = p.threshold(p.where)
		}
		if m == 4 {
			simd.Scan4(blocks, padded, words, &s.four, s.masks, s.est)
		} else {
			simd.Scan(blocks, padded, words, &s.four[0], s.masks[:n], s.est[:n*simd.BlockRows])
		}
		for i := range m {
			s.gatherGroups(lo+i, first, s.masks[i*n:(i+1)*n], s.est[i*n*simd.BlockRows:])
		}
		for i := range m {
			s.scoreGroups(lo + i)
		}
		lo += m
	}
}

// gatherGroups lists the rows whose lower bounds are below the thresholds of their groups, and
// asks for their extra bits.
func (s *groupSearcher) gatherGroups(i, first int, masks []uint32, est []float32) {
	g, p, found := s.g, s.list[i], s.finds[i]
	f := g.ix.codes
	for b, m := range masks {
		if m == 0 {
			continue
		}
		block := f.block(first + b)
		for ; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			e := est[b*simd.BlockRows+lane]
			fs := f.planeFactors(block, lane)
			width := float32(fs.err*p.where.err) + float32(abs32(fs.rescale)*p.scan.TabErr) + p.slack
			pos := (first+b)*simd.BlockRows + lane - p.where.shift
			if f.bits == 1 {
				found.offer(g, pos, e-width, e+width, e)
			} else if e-width <= found.tau[g.of[pos]] {
				simd.Fetch(f.extraOf(pos))
				p.wait = append(p.wait, candidate{pos: uint32(pos), low: e - width})
			}
		}
	}
}

// scoreGroups scores the listed rows with all their bits. Thresholds may have fallen below some.
func (s *groupSearcher) scoreGroups(i int) {
	g, p, found := s.g, s.list[i], s.finds[i]
	for _, c := range p.wait {
		if c.low > found.tau[g.of[c.pos]] {
			continue
		}
		e, width := p.code(g.ix.codes, p.where, int(c.pos))
		s.counts.coded++
		found.offer(g, int(c.pos), e-width-p.slack, e+width+p.slack, e)
	}
	p.wait = p.wait[:0]
}

// eachCell looks into all cells of a shard, for each query nearest ones first, so that thresholds
// fall early: with bounds if scan is set, by the whole code of every row otherwise.
func (s *groupSearcher) eachCell(ctx context.Context, shard int, scan bool) error {
	g := s.g
	from, to := g.cellsOf(shard)
	c := g.ix.cells
	for i, p := range s.list {
		s.cells = s.cells[:0]
		for cell := from; cell < to; cell++ {
			s.cells = append(s.cells, cellVisit{p.in(g.ix.cells, g.ix.metric.Larger(), cell), cell})
		}
		slices.SortFunc(s.cells, func(a, b cellVisit) int {
			return cmp.Or(cmp.Compare(a.add, b.add), cmp.Compare(a.cell, b.cell))
		})
		s.counts.probed += int64(len(s.cells))
		look := s.codeGroups
		if scan {
			look = s.scanGroups
		}
		for _, v := range s.cells {
			p.where = v.place
			err := look(ctx, i, i+1, g.slots, int(c.block[v.cell]), int(c.block[v.cell+1]))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// tileGroups offers rows [from, to) with float32 distances and bounds that contain their rounding.
func (s *groupSearcher) tileGroups(ctx context.Context, from, to int) error {
	g, d := s.g, s.g.ix.dim
	step := max(1, exactTile/(4*d))
	s.read, s.out = grow(s.read, step*d), grow(s.out, step*len(s.list))
	s.flatQueries(s.list)
	for from < to {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		end := min(g.col.tileEnd(from, step), to)
		n := end - from
		s.measureTile(s.list, from, n)
		for i := range s.list {
			s.offerGroups(i, s.out[i*n:(i+1)*n], from)
		}
		from = end
	}
	return nil
}

// offerGroups offers the rows from `from` on whose distances to a query are in values.
func (s *groupSearcher) offerGroups(i int, values []float32, from int) {
	g, p, found := s.g, s.list[i], s.finds[i]
	gamma, lost, length := p.gamma(g.ix), exactVanished(g.ix.dim), float32(p.norm)
	larger, cosine := g.ix.metric.Larger(), g.ix.metric == Cosine
	unit := cosine && g.lens != nil
	s.counts.scanned += int64(len(values))
	for j, dist := range values {
		row := from + j
		if !g.admits(row) {
			continue
		}
		if !larger {
			low, up := p.blur.around(dist*(1-gamma)-lost, dist*(1+gamma)+lost)
			found.offer(g, row, low, up, dist)
			continue
		}
		norm := float32(1)
		if !unit {
			norm = g.ix.norms.floats()[row]
		}
		slack := gamma*norm*length + lostProducts(g.ix.dim, norm, length)
		if cosine {
			if slack = gamma; norm == 0 {
				dist, slack = 0, 0
			} else {
				dist /= norm * length
			}
		}
		found.offer(g, row, dist-slack, dist+slack, dist)
	}
}

// finish measures the candidates of one chunk of a query's groups and writes the answers.
func (s *groupSearcher) finish(ctx context.Context, i, chunk int) error {
	g := s.g
	q, p := &g.queries[i], &s.probes[0]
	p.query, p.counts = q, counts{}
	sure := true
	for group := chunk * g.n / g.chunks; group < (chunk+1)*g.n/g.chunks; group++ {
		if g.places[group] == g.places[group+1] {
			continue
		}
		if !q.way.bounded() {
			best := g.finds[i*g.shards].nearest(g, group)
			g.put(i, group, best.sorted())
			continue
		}
		hits, closed, err := s.nearestOf(ctx, p, &g.joined[i], group)
		if err != nil {
			return err
		}
		sure = sure && closed
		g.put(i, group, hits)
	}
	g.unsure[i*g.chunks+chunk] = !sure || q.way == wayCode
	return nil
}

// nearestOf returns the rows of a group that are nearest among those with bounds, and whether
// nothing better can be outside them.
func (s *groupSearcher) nearestOf(
	ctx context.Context, p *probe, from *groupRows, group int,
) (hits []hit, closed bool, err error) {
	g := s.g
	p.found.rows = from.rows[from.begin[group]:from.begin[group+1]]
	p.best.reset(min(g.k, g.places[group+1]-g.places[group]))
	if g.col == nil || g.p.Estimates && g.ix.kind != Exact {
		return g.estimates(p), false, nil
	}
	p.counts = counts{}
	if err := s.rerank(ctx, p); err != nil {
		return nil, false, err
	}
	s.counts.reranked += p.counts.reranked
	return p.best.sorted(), p.counts.certified > 0, nil
}
