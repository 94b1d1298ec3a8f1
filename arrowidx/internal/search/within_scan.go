package search

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// rangeBlocks is the rows of a shard of a range search in blocks (32,768 rows): what one task finds
// is measured and sorted before the next begins, so that little memory is unaccounted for and a
// cancelled search ends soon.
const rangeBlocks = 1024

// ranging is one call of Within.
type ranging struct {
	p       *WithinParams
	bound   bound
	ids     *column.IDs
	threads int
	params  []SearchParams // of each segment
	runs    []Run
	out     SearchOut      // has no place for rows
	unsure  []bool         // of the round: queries with estimates in some segment
	lists   [][][]topk.Hit // of the round, by query: sorted lists
	sure    int64

	most  int64        // bytes that may be held
	kept  int64        // bytes that a row costs after it was emitted
	held  atomic.Int64 // bytes charged
	found atomic.Int64 // rows found, of all queries
}

// sweep is one round of queries on one segment: the verb that a pipeline drives.
type sweep struct {
	*ranging
	*Workspace
	found [][]topk.Hit // query-major: queries x shards
	mu    sync.Mutex
}

// round answers queries [from, to).
func (g *ranging) round(ctx context.Context, from, to int, emit func(Range) error) error {
	n, before := to-from, g.held.Load()
	g.unsure, g.lists = make([]bool, n), make([][][]topk.Hit, n)
	for i := range g.runs {
		if r := &g.runs[i]; r.Eligible > 0 {
			if err := g.inSegment(ctx, r, from, n); err != nil {
				return err
			}
		}
	}
	begin := time.Now()
	err := mem.Parallel(ctx, "within", g.threads, n, func(_, i int) error {
		list, err := joinHits(ctx, g.lists[i], g.p.Limit)
		g.lists[i] = [][]topk.Hit{list}
		return err
	})
	if err != nil {
		return err
	}
	g.runs[0].plan.Rerank += time.Since(begin)
	total := int64(0)
	room := g.room()
	for i, lists := range g.lists {
		if !g.unsure[i] {
			g.sure++
		}
		if err := g.emit(ctx, from+i, lists[0], room, emit); err != nil {
			return err
		}
		total += int64(len(lists[0]))
		if g.p.Counts != nil {
			g.p.Counts[from+i] = int64(len(lists[0]))
		}
		g.lists[i] = nil
	}
	g.held.Store(before + total*g.kept)
	return nil
}

// room is memory for the largest piece of rows of the round.
func (g *ranging) room() Range {
	n := 0
	for _, lists := range g.lists {
		n = max(n, len(lists[0]))
	}
	n = min(n, RangePiece)
	return Range{Rows: make([]int64, n), Scores: make([]float32, n), Dists: make([]float64, n),
		IDs: g.ids}
}

// emit hands out the rows of a query, a piece at a time, in the memory of room.
func (g *ranging) emit(
	ctx context.Context, i int, hits []topk.Hit, room Range, emit func(Range) error,
) error {
	q := Query{Unit: 1}
	for first := 0; first < len(hits); first += RangePiece {
		if err := fault.FromContext(ctx, "within"); err != nil {
			return err
		}
		piece := hits[first:min(first+RangePiece, len(hits))]
		for j, h := range piece {
			room.Rows[j], room.Dists[j] = int64(h.Row), h.Dist
			room.Scores[j] = q.Score(g.bound.metric, h.Dist)
		}
		n := len(piece)
		err := emit(Range{i, first, room.Rows[:n], room.Scores[:n], room.Dists[:n], room.IDs})
		if err != nil {
			return err
		}
	}
	return nil
}

// plan sums up what was done on all segments.
func (g *ranging) plan() Plan {
	plan := g.runs[0].plan
	for i := range g.runs[1:] {
		plan.join(&g.runs[i+1].plan, false)
	}
	plan.Certified = g.sure
	return plan
}

// inSegment finds the rows of one segment for the n queries from number `from` on.
func (g *ranging) inSegment(ctx context.Context, r *Run, from, n int) error {
	w := Workspaces.Get().(*Workspace)
	err := g.search(ctx, w, r, from, n)
	w.putBack()
	return err
}

func (g *ranging) search(ctx context.Context, w *Workspace, r *Run, from, n int) error {
	w.Run = *r
	shards := (len(r.words) + rangeBlocks - 1) / rangeBlocks
	if c := r.Seg.Cells; c != nil {
		shards = max(shards, (int(c.Block[c.N])+rangeBlocks-1)/rangeBlocks)
	}
	w.span(from, from+n, passQueries, shards)
	w.tasks[routing] = 0
	w.probes = mem.Grow(w.probes, g.threads*w.pass)
	w.enlist(g.threads)
	s := &sweep{ranging: g, Workspace: w, found: make([][]topk.Hit, n*shards)}
	err := w.drive(ctx, s, "within", g.threads, &w.Run.plan)
	r.plan = w.Run.plan
	return err
}

// prepare makes queries [lo, hi) of the round ready: how their rows are looked at, and how far.
func (s *sweep) prepare(_, lo, hi int) error {
	r := &s.Run
	for i := lo; i < hi; i++ {
		q := &s.Queries[i]
		if r.Seg.Metric.Binary() {
			q.pack(r, s.from+i)
			continue
		}
		if err := q.Prepare(r, s.from+i); err != nil {
			return err
		}
		if err := r.choose(q, s.from+i); err != nil {
			return err
		}
		if q.strategy == codeEvery || q.strategy == measureEvery && r.planePays(q) {
			q.strategy = scanPlane // what the plane leaves out is not within the threshold either
		}
		q.first = s.bound.farthest(q)
		if r.Col == nil && !q.Zero {
			s.unsure[i] = true
		}
	}
	return nil
}

// planePays reports whether the plane of the rows that may be found costs less than measuring them:
// a block of it costs about as much as one row.
func (r *Run) planePays(q *Query) bool {
	return r.Seg.Codes != nil && r.Seg.Cells == nil && !q.far && r.Eligible > FewRows
}

// route and join are left out: thresholds stay, and shards are merged with those of the other
// segments.
func (s *sweep) route(_, _, _ int) error { return nil }

func (s *sweep) join(_, _ int) error { return nil }

// scan finds the rows of one shard for queries [lo, hi) of the round.
func (s *sweep) scan(worker, lo, hi, shard int) error {
	probes := s.probes[worker*s.pass : (worker+1)*s.pass]
	for kind := scoreZero; kind <= comparePacked; kind++ {
		list, numbers := s.Workspace.lists[worker][:0], [passQueries]int{}
		for j := lo; j < hi; j++ {
			q := &s.Queries[j]
			if q.strategy != kind || q.first == -mem.Infinity {
				continue
			}
			p := &probes[len(list)]
			p.Query, p.counts, p.wait = q, counts{}, p.wait[:0]
			p.candidates.Reset(0) // no row lowers the threshold
			p.candidates.Tau, p.candidates.Limit = q.first, math.MaxInt
			numbers[len(list)] = j
			list = append(list, p)
		}
		s.Workspace.lists[worker] = list
		if len(list) == 0 {
			continue
		}
		lists, err := s.look(&s.searchers[worker], list, kind, shard)
		if err != nil {
			return err
		}
		for j, hits := range lists {
			if err := s.keep(hits, numbers[j]*s.shards+shard); err != nil {
				return err
			}
		}
		s.mu.Lock()
		for _, p := range list {
			s.Run.tally(&p.counts)
		}
		s.mu.Unlock()
	}
	return nil
}

// finish hands the lists of a query to what merges those of all segments.
func (s *sweep) finish(_, i int) error {
	for _, list := range s.found[i*s.shards : (i+1)*s.shards] {
		if len(list) > 0 {
			s.ranging.lists[i] = append(s.ranging.lists[i], list)
		}
	}
	return nil
}

// look returns the hits of each query in a shard; all queries are looked at the same way.
func (s *sweep) look(w *Searcher, ps []*Probe, kind strategy, shard int) ([][]topk.Hit, error) {
	lists := make([][]topk.Hit, len(ps))
	from := shard * rangeBlocks
	to := min(from+rangeBlocks, len(s.Run.words))
	var err error
	switch {
	case kind == scanPlane && s.Run.slots != nil:
		s.visits(w, ps, shard)
		err = w.scanCells(s.Ctx, ps)
	case from >= to:
		return lists, nil
	case kind == scoreZero || kind == measureEvery:
		return lists, s.everyRow(w, ps, lists, from, to)
	case kind == comparePacked:
		return s.compareRange(w, ps, lists, from*simd.BlockRows,
			min(to*simd.BlockRows, s.Run.Seg.Rows))
	case kind == scanPlane:
		err = w.scanCodes(s.Ctx, ps, from, to)
	default:
		err = w.exactScan(s.Ctx, ps, from*simd.BlockRows, min(to*simd.BlockRows, s.Run.Seg.Rows))
	}
	for i := 0; err == nil && i < len(ps); i++ {
		lists[i], err = s.measure(w, ps[i])
	}
	return lists, err
}

// everyRow adds the rows of blocks [from, to) to the lists of the queries: at distance 0 from zero
// vectors, else measured.
func (s *sweep) everyRow(w *Searcher, ps []*Probe, lists [][]topk.Hit, from, to int) error {
	for b := from; b < to; b++ {
		if err := fault.FromContext(s.Ctx, "within"); err != nil {
			return err
		}
		for word := s.Run.words[b]; word != 0; word &= word - 1 {
			row := b*simd.BlockRows + bits.TrailingZeros32(word)
			w.turnTo(row)
			for i, p := range ps {
				dist := 0.0
				if p.strategy == measureEvery {
					p.counts.reranked++
					dist = w.distance(p.Query)
				}
				lists[i] = s.add(lists[i], p, dist, row)
			}
		}
	}
	return nil
}

// visits lists the cells of a shard that may hold rows within the threshold.
func (s *sweep) visits(w *Searcher, ps []*Probe, shard int) {
	c, t := s.Run.Seg.Cells, &w.routes
	from, to := c.FirstFrom(shard*rangeBlocks), c.FirstFrom((shard+1)*rangeBlocks)
	t.ids = t.ids[:0]
	for cell := from; cell < to; cell++ {
		if s.Run.InCell(cell) > 0 {
			t.ids = append(t.ids, uint32(cell))
		}
	}
	for _, p := range ps {
		p.Visits = p.Visits[:0]
		t.fresh = t.visitsOf(t.fresh[:0], p.Query, s.Run.Seg, t.ids)
		for _, v := range t.fresh {
			if v.Least <= p.candidates.Tau+p.Slack {
				p.Visits = append(p.Visits, v)
				p.counts.probed++
			}
		}
	}
}

// measure turns the rows that bounds did not leave out into hits: by their distance where vectors
// are at hand, else by their estimate.
func (s *sweep) measure(w *Searcher, p *Probe) ([]topk.Hit, error) {
	r := &s.Run
	var hits []topk.Hit
	if r.Col == nil {
		for _, c := range p.candidates.Rows {
			e := c.Est
			if r.Seg.Bits == 1 { // scanned with rounded tables
				e, _ = p.Code(r.Seg.Codes, p.placeOf(r.Seg, int(c.Pos)), int(c.Pos))
			}
			hits = s.add(hits, p, float64(e), int(r.Seg.RowAt(c.Pos)))
		}
		return hits, nil
	}
	fit := r.newFit(rangeEpsilon, p.strategy)
	for i := range p.candidates.Rows {
		h, err := w.measureCandidate(s.Ctx, p, &fit, p.candidates.Rows, i)
		if err != nil {
			return nil, err
		}
		hits = s.add(hits, p, h.Dist, int(h.Row))
	}
	return hits, fit.judge()
}

// add appends a row of the segment if its score is within the threshold. Hits hold distances
// without the query's unit, which may differ between segments.
func (s *sweep) add(hits []topk.Hit, p *Probe, dist float64, row int) []topk.Hit {
	if !s.bound.admits(p.Score(s.bound.metric, dist)) {
		return hits
	}
	return append(hits, topk.Hit{Dist: dist / p.Unit, Row: uint32(row + s.Run.start)})
}

// keep sorts the hits of a query in a shard, cuts them at the limit and charges for them.
func (s *sweep) keep(hits []topk.Hit, at int) error {
	topk.SortHits(hits)
	if limit := s.p.Limit; limit > 0 && len(hits) > limit {
		hits = slices.Clone(hits[:limit])
	}
	s.ranging.found.Add(int64(len(hits)))
	if s.held.Add(int64(len(hits))*(hitBytes+s.kept)) > s.most {
		return fault.New(fault.LimitExceeded, "within",
			fmt.Sprintf("%d rows found so far for %d queries, which need more than %d bytes",
				s.ranging.found.Load(), s.p.NQ, s.most),
			"take the best few of each query (limit), a tighter threshold, fewer queries at once, "+
				"or allow more memory (max_bytes of Index.within)")
	}
	s.found[at] = hits
	return nil
}
