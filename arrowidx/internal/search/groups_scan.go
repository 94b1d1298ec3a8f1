package search

import (
	"context"
	"math"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// mostTaus is how many groups may be looked through for the largest threshold before every run of
// blocks; with more the scan lets all rows through to their group's own.
const mostTaus = 256

// groupFinds is what one query found in one shard: for every group its candidates, or its nearest
// rows where all are scored. The rows of all groups stand in one list, heaps side by side.
type groupFinds struct {
	tau    []float32  // of a group: the smallest known upper bound of its k-th distance
	filled []int32    // places of a group that are taken
	upper  []float32  // places: a group's least upper bounds, a max-heap
	hits   []topk.Hit // places: a group's nearest rows, a max-heap
	rows   []topk.Candidate
	limit  int // length of rows at which those above their tau are dropped

	widest int     // a group that had the largest threshold
	tauMax float32 // which was this
}

func (f *groupFinds) reset(g *Grouped, w strategy) {
	f.tau, f.filled = mem.Grow(f.tau, g.n), mem.Grow(f.filled, g.n)
	clear(f.filled)
	for i := range f.tau {
		f.tau[i] = mem.Infinity
		if g.places[i] == g.places[i+1] {
			f.tau[i] = -mem.Infinity // nothing is wanted
		}
	}
	if w.bounded() {
		f.upper = mem.Grow(f.upper, g.wanted())
	} else {
		f.hits = mem.Grow(f.hits, g.wanted())
	}
	f.rows, f.limit = f.rows[:0], 1024+4*g.wanted()
	f.widest, f.tauMax = 0, float32(math.NaN()) // not looked for yet
}

// offer adds the row at a position whose distance lies in [low, up].
func (f *groupFinds) offer(g *Grouped, pos int, low, up, est float32) {
	group := g.Of[pos]
	if low > f.tau[group] {
		return
	}
	f.rows = append(f.rows, topk.Candidate{Pos: uint32(pos), Low: low, Est: est})
	f.bound(g, int(group), up)
	if len(f.rows) >= f.limit {
		f.prune(g, f.tau)
		f.limit = max(f.limit, 2*len(f.rows))
	}
}

// bound lowers the group's tau when up is among its least upper bounds.
func (f *groupFinds) bound(g *Grouped, group int, up float32) {
	from, to := g.places[group], g.places[group+1]
	c := topk.Candidates{K: to - from, Tau: f.tau[group]}
	c.Upper = f.upper[from : from+int(f.filled[group]) : to]
	c.Bound(up)
	f.tau[group], f.filled[group] = c.Tau, int32(len(c.Upper))
}

// prune drops rows whose lower bound is above their group's tau.
func (f *groupFinds) prune(g *Grouped, tau []float32) {
	kept := f.rows[:0]
	for _, r := range f.rows {
		if r.Low <= tau[g.Of[r.Pos]] {
			kept = append(kept, r)
		}
	}
	f.rows = kept
}

// mergeBounds lowers thresholds to those of both; o saw other rows.
func (f *groupFinds) mergeBounds(g *Grouped, o *groupFinds) {
	for group := range g.n {
		from := g.places[group]
		for _, up := range o.upper[from : from+int(o.filled[group])] {
			f.bound(g, group, up)
		}
	}
}

// nearest returns the group's nearest rows so far, to be pushed to in their own memory.
func (f *groupFinds) nearest(g *Grouped, group int) topk.Heap {
	from, to := g.places[group], g.places[group+1]
	to = min(to, from+g.K)
	return topk.Heap{K: to - from, Heap: f.hits[from : from+int(f.filled[group]) : to]}
}

func (f *groupFinds) push(g *Grouped, group int, h topk.Hit) {
	b := f.nearest(g, group)
	b.Push(h)
	f.filled[group] = int32(len(b.Heap))
}

func (f *groupFinds) mergeHits(g *Grouped, o *groupFinds) {
	for group := range g.n {
		for _, h := range o.nearest(g, group).Heap {
			f.push(g, group, h)
		}
	}
}

// largest returns the largest threshold of all groups. Thresholds only fall, so that it stands
// while that of the group which had it does.
func (f *groupFinds) largest() float32 {
	if len(f.tau) > mostTaus {
		return mem.Infinity
	}
	if f.tau[f.widest] != f.tauMax {
		f.tauMax = slices.Max(f.tau)
		f.widest = slices.Index(f.tau, f.tauMax)
	}
	return f.tauMax
}

// groupSearcher is one worker's memory.
type groupSearcher struct {
	Searcher
	g      *Grouped
	probes [groupPass]Probe
	list   []*Probe
	finds  []*groupFinds // of the probes in list
	which  []int         // number of each in the round
	places []Place       // of the cells of a shard
	order  []uint64      // of these, to be sorted: the distance as rising has it, and the number
	counts counts
}

func (s *groupSearcher) enter(g *Grouped) {
	s.g, s.Run, s.counts = g, &g.Run, counts{}
}

func (s *groupSearcher) release() {
	s.g, s.Run = nil, nil
	for i := range s.probes {
		s.probes[i].Query = nil
	}
	clear(s.finds)
}

// scanShard looks at one shard of rows for queries [lo, hi) of the round.
func (s *groupSearcher) scanShard(ctx context.Context, lo, hi, shard int) error {
	g := s.g
	from, to := g.shard(shard, len(g.words))
	for kind := scoreZero; kind <= comparePacked; kind++ {
		s.list, s.finds, s.which = s.list[:0], s.finds[:0], s.which[:0]
		for i := lo; i < hi; i++ {
			if g.queries[i].strategy != kind {
				continue
			}
			p := &s.probes[len(s.list)]
			p.Query, p.where, p.wait = &g.queries[i], g.queries[i].Origin, p.wait[:0]
			s.list = append(s.list, p)
			s.finds, s.which = append(s.finds, &g.finds[i*g.shards+shard]), append(s.which, i)
		}
		if len(s.list) == 0 {
			continue
		}
		var err error
		first, last := from*simd.BlockRows, min(to*simd.BlockRows, g.Seg.Rows)
		switch {
		case kind == comparePacked:
			err = s.compareGroups(ctx, first, last)
		case kind == scanTiles:
			err = s.tileGroups(ctx, first, last)
		case kind == scoreZero || kind == measureEvery:
			err = s.measureGroups(ctx, from, to, kind == scoreZero)
		case g.slots != nil:
			err = s.eachCell(ctx, shard, kind == scanPlane)
		case kind == scanPlane:
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
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		for w := g.words[b]; w != 0; w &= w - 1 {
			row := b*simd.BlockRows + bits.TrailingZeros32(w)
			group := int(g.Groups[row])
			if zero {
				for _, f := range s.finds {
					f.push(g, group, topk.Hit{Dist: 0, Row: uint32(row)})
				}
				continue
			}
			s.turnTo(row)
			for i, p := range s.list {
				s.counts.reranked++
				s.finds[i].push(g, group, topk.Hit{Dist: s.distance(p.Query), Row: uint32(row)})
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
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		for w := words[b]; w != 0; w &= w - 1 {
			slot := b*simd.BlockRows + bits.TrailingZeros32(w)
			for i := lo; i < hi; i++ {
				p := s.list[i]
				pos := slot - p.where.shift
				e, _ := p.Code(g.Seg.Codes, p.where, pos)
				s.counts.coded++
				h := topk.Hit{Dist: float64(e), Row: g.Seg.RowAt(uint32(pos))}
				s.finds[i].push(g, int(g.Of[pos]), h)
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
	f := s.g.Seg.Codes
	step := max(1, stretchBytes/f.Stride)
	for ; from < to; from += step {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		end := min(from+step, to)
		if part := words[from:end]; anyBit(part) {
			s.scanStretch(lo, hi, from, part, f.Span(from, end),
				simd.Further(f.Soon(from, to)))
		}
	}
	return nil
}

// scanStretch scans one stretch of blocks for the queries [lo, hi) of the list. The first ask for
// next.
func (s *groupSearcher) scanStretch(lo, hi, first int, words []uint32, blocks, next []byte) {
	s.counts.scanned += int64((hi - lo) * mem.CountBits(words))
	for lo < hi {
		m := together(hi - lo)
		for i := range m {
			p := s.list[lo+i]
			p.candidates.Tau = s.finds[lo+i].largest()
			s.four[i] = p.threshold(p.where)
		}
		s.scanBlocks(m, blocks, words, next)
		next = nil
		for i := range m {
			s.keepGroupSurvivors(lo+i, first, s.masksOf(i, words), s.estOf(i, words))
		}
		for i := range m {
			s.scoreGroups(lo + i)
		}
		lo += m
	}
}

// keepGroupSurvivors is keepSurvivors with the thresholds of the rows' groups, and scoreGroups is
// score. They are loops of their own, because a scan lets through what the largest threshold does,
// and asking for the extra bits of rows that their own group then refuses costs more than the rows
// that stay.
func (s *groupSearcher) keepGroupSurvivors(i, first int, masks []uint32, est []float32) {
	g, p, found := s.g, s.list[i], s.finds[i]
	f := g.Seg.Codes
	for b, m := range masks {
		if m == 0 {
			continue
		}
		block := f.Block(first + b)
		for ; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			e := est[b*simd.BlockRows+lane]
			fs := f.PlaneFactors(block, lane)
			width := p.planeWidth(fs, p.where)
			pos := (first+b)*simd.BlockRows + lane - p.where.shift
			if f.Bits == 1 {
				found.offer(g, pos, e-width, e+width, e)
			} else if e-width <= found.tau[g.Of[pos]] {
				simd.Fetch(f.ExtraOf(pos))
				p.wait = append(p.wait, topk.Candidate{Pos: uint32(pos), Low: e - width})
			}
		}
	}
}

// scoreGroups scores the listed rows with all their bits. Thresholds may have fallen below some.
func (s *groupSearcher) scoreGroups(i int) {
	g, p, found := s.g, s.list[i], s.finds[i]
	for _, c := range p.wait {
		if c.Low > found.tau[g.Of[c.Pos]] {
			continue
		}
		e, width := p.Code(g.Seg.Codes, p.where, int(c.Pos))
		s.counts.coded++
		found.offer(g, int(c.Pos), e-width-p.Slack, e+width+p.Slack, e)
	}
	p.wait = p.wait[:0]
}

// eachCell looks into all cells of a shard, for each query nearest ones first, so that thresholds
// fall early: with bounds if scan is set, by the whole code of every row otherwise.
func (s *groupSearcher) eachCell(ctx context.Context, shard int, scan bool) error {
	g := s.g
	from, to := g.cellsOf(shard)
	c, t := g.Seg.Cells, &s.routes
	t.ids, t.products = t.ids[:0], mem.Grow(t.products, to-from)
	for cell := from; cell < to; cell++ {
		t.ids = append(t.ids, uint32(cell))
	}
	for i, p := range s.list {
		s.places, s.order = s.places[:0], s.order[:0]
		simd.Dot16Of(t.products, p.Rotated, c.Centroids, t.ids)
		for cell := from; cell < to; cell++ {
			at := p.place(c, g.Seg.Metric.Larger(), cell, t.products[cell-from])
			s.order = append(s.order, uint64(rising(at.Add))<<32|uint64(len(s.places)))
			s.places = append(s.places, at)
		}
		slices.Sort(s.order)
		s.counts.probed += int64(len(s.order))
		for _, v := range s.order {
			at := int(uint32(v))
			p.where = s.places[at]
			first, end := int(c.Block[from+at]), int(c.Block[from+at+1])
			if err := s.lookInto(ctx, i, first, end, scan); err != nil {
				return err
			}
		}
	}
	return nil
}

// rising turns numbers into integers in the same order.
func rising(x float32) uint32 {
	b := math.Float32bits(x + 0) // -0 is 0
	if b>>31 != 0 {
		return ^b
	}
	return b | 1<<31
}

// lookInto looks into the blocks of one cell for one query of the list.
func (s *groupSearcher) lookInto(ctx context.Context, i, from, to int, scan bool) error {
	if scan {
		return s.scanGroups(ctx, i, i+1, s.g.slots, from, to)
	}
	return s.codeGroups(ctx, i, i+1, s.g.slots, from, to)
}

// tileGroups offers rows [from, to) with float32 distances and bounds that contain their rounding.
func (s *groupSearcher) tileGroups(ctx context.Context, from, to int) error {
	s.flatQueries(s.list)
	for from < to {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		n := s.tileRows(from, to)
		s.measureTile(s.list, from, n)
		for i := range s.list {
			s.offerGroups(i, s.out[i*n:(i+1)*n], from)
		}
		from += n
	}
	return nil
}

// offerGroups offers the rows from `from` on whose distances to a query are in values.
func (s *groupSearcher) offerGroups(i int, values []float32, from int) {
	g, p, found := s.g, s.list[i], s.finds[i]
	gamma, lost, length := p.gamma(g.Seg), mem.ExactVanished(g.Seg.Dim), float32(p.Norm)
	larger, cosine := g.Seg.Metric.Larger(), g.Seg.Metric == column.Cosine
	unit := cosine && g.Lens != nil
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
			norm = g.Seg.Norms.Floats()[row]
		}
		slack := gamma
		switch {
		case !cosine:
			slack = gamma*norm*length + lostProducts(g.Seg.Dim, norm, length)
		case norm == 0:
			dist, slack = 0, 0
		default:
			dist /= norm * length
		}
		if dist-slack <= found.tau[g.Of[row]] { // most are not
			found.offer(g, row, dist-slack, dist+slack, dist)
		}
	}
}

// finish measures the candidates of one chunk of a query's groups and writes the answers.
func (s *groupSearcher) finish(ctx context.Context, i, chunk int) error {
	g := s.g
	q, p := &g.queries[i], &s.probes[0]
	p.Query, p.counts = q, counts{}
	sure := true
	for group := chunk * g.n / g.chunks; group < (chunk+1)*g.n/g.chunks; group++ {
		if g.places[group] == g.places[group+1] {
			continue
		}
		if !q.strategy.bounded() {
			best := g.finds[i*g.shards].nearest(g, group)
			g.put(i, group, best.Sorted())
			continue
		}
		hits, closed, err := s.nearestOf(ctx, p, &g.joined[i], group)
		if err != nil {
			return err
		}
		sure = sure && closed
		g.put(i, group, hits)
	}
	g.unsure[i*g.chunks+chunk] = !sure || q.strategy == codeEvery
	return nil
}

// nearestOf returns the rows of a group that are nearest among those with bounds, and whether
// nothing better can be outside them.
func (s *groupSearcher) nearestOf(
	ctx context.Context, p *Probe, from *groupRows, group int,
) (hits []topk.Hit, closed bool, err error) {
	g := s.g
	p.candidates.Rows = from.rows[from.begin[group]:from.begin[group+1]]
	p.best.Reset(min(g.K, g.places[group+1]-g.places[group]))
	if g.Col == nil || g.P.Estimates && g.Seg.Kind != segment.Exact {
		return g.estimates(p), false, nil
	}
	p.counts = counts{}
	if err := s.rerank(ctx, p); err != nil {
		return nil, false, err
	}
	s.counts.reranked += p.counts.reranked
	return p.best.Sorted(), p.counts.certified > 0, nil
}
