package search

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// batchQueries is the most queries of one round of a large batch, and batchBytes about the
// memory that their candidates may take.
const batchQueries = 512

const batchBytes = 256 << 20

// groupQueries is the number of queries that share a pass over the rows.
const groupQueries = 32

// shardBlocks is the rows of a shard in blocks (131,072 rows). Shards are fixed, so that what
// a query finds in one does not depend on the number of threads; each begins with the first
// threshold again, so fewer are cheaper.
const shardBlocks = 4096

// FewRows are measured at once, whatever k is, and fewBlocks are not worth a scan.
const FewRows = 64

const fewBlocks = 32

// LookEvery is how many rows are measured between two looks at the context.
const LookEvery = 1024

// strategy is how a query's rows are looked at.
type strategy uint8

const (
	scoreZero    strategy = iota // a zero vector under cosine or dot: rows in order, score 0
	measureEvery                 // distance of every eligible row
	codeEvery                    // whole code of every eligible row
	scanPlane                    // plane with bounds, then survivors (flat)
	scanTiles                    // float32 tiles with bounds (exact)
	gatherRows                   // float32 distance of every eligible row with bounds
)

// bounded reports whether rows are found with bounds, which later distances decide.
func (w strategy) bounded() bool { return w == scanPlane || w == scanTiles }

// Workspace is the memory of one search, reused by the next. Its three stages are functions made
// once, so that a search allocates nothing.
type Workspace struct {
	Run       Run
	Ctx       context.Context
	Queries   []Query
	probes    []Probe // query-major: queries x shards
	searchers []Searcher
	lists     [][]*Probe
	Peak      int64 // bytes that it ever had

	from, n, group, groups, shards int // of the batch being answered
	preparing, routing             func(worker, i int) error
	scanning, finishing            func(worker, i int) error
}

// NewWorkspace makes the memory of one search, empty.
func NewWorkspace() *Workspace {
	w := &Workspace{}
	w.preparing = func(worker, g int) error {
		return w.Run.prepare(w.Ctx, w, worker, g*w.group, min((g+1)*w.group, w.n))
	}
	w.routing = func(worker, g int) error {
		return w.Run.route(w.Ctx, w, worker, g*w.group, min((g+1)*w.group, w.n))
	}
	w.scanning = func(worker, i int) error {
		lo := i % w.groups * w.group
		return w.Run.scanShard(w.Ctx, w, worker, lo, min(lo+w.group, w.n), i/w.groups)
	}
	w.finishing = func(worker, i int) error {
		probes := w.probes[i*w.shards : (i+1)*w.shards]
		return w.Run.finish(w.Ctx, &w.searchers[worker], probes, w.from+i)
	}
	return w
}

// batch answers queries [from, to): prepare and pilot scan, scan by (shard, group), finish.
func (r *Run) batch(ctx context.Context, w *Workspace, from, to, threads int) error {
	w.Ctx, w.from, w.n = ctx, from, to-from
	w.shards = (len(r.words) + shardBlocks - 1) / shardBlocks
	w.group = groupQueries
	if r.slots != nil {
		// Every thread has some, four at a time.
		w.group = min(cellGroup, ((w.n+threads-1)/threads+3)&^3)
	}
	w.groups = (w.n + w.group - 1) / w.group
	w.Queries = mem.Grow(w.Queries, w.n)
	w.probes = mem.Grow(w.probes, w.n*w.shards)
	w.searchers = mem.Grow(w.searchers, threads)
	w.lists = mem.Grow(w.lists, threads)
	for i := range w.searchers {
		w.searchers[i].Run = r
	}
	t0 := time.Now()
	if err := mem.Parallel(ctx, "search", threads, w.groups, w.preparing); err != nil {
		return err
	}
	prepared := time.Now()
	if err := mem.Parallel(ctx, "search", threads, w.groups, w.routing); err != nil {
		return err
	}
	t1 := time.Now()
	if err := mem.Parallel(ctx, "search", threads, w.groups*w.shards, w.scanning); err != nil {
		return err
	}
	t2 := time.Now()
	if err := mem.Parallel(ctx, "search", threads, w.n, w.finishing); err != nil {
		return err
	}
	for i := range w.n {
		sure := int64(0)
		for j := range w.shards {
			p := &w.probes[i*w.shards+j]
			r.count(&p.counts)
			sure += p.counts.certified
		}
		if r.join != nil && sure == 0 {
			r.join.unsure[from+i] = true
		}
	}
	r.plan.Prepare += prepared.Sub(t0)
	r.plan.Route += t1.Sub(prepared)
	r.plan.Scan += t2.Sub(t1)
	r.plan.Rerank += time.Since(t2)
	return nil
}

func (r *Run) count(c *counts) {
	r.plan.Probed += c.probed
	r.plan.Scanned += c.scanned
	r.plan.Coded += c.coded
	r.plan.Reranked += c.reranked
	r.plan.Certified += c.certified
}

// prepare makes queries [lo, hi) of the batch ready.
func (r *Run) prepare(ctx context.Context, w *Workspace, worker, lo, hi int) error {
	from, shards := w.from, w.shards
	for i := lo; i < hi; i++ {
		q := &w.Queries[i]
		if err := q.measure(r, from+i); err != nil {
			return err
		}
		if err := r.choose(q, from+i); err != nil {
			return err
		}
		switch q.strategy = r.filtered(q); {
		case q.strategy == scanPlane || q.strategy == codeEvery:
			q.rotate(r.Seg)
			q.setTables(r.Seg, float32(r.Epsilon))
		case q.strategy == gatherRows && r.sketches():
			q.rotate(r.Seg)
		}
		for s := range shards {
			p := &w.probes[i*shards+s]
			p.Query, p.counts, p.outside, p.where = q, counts{}, false, Place{}
			p.best.Reset(r.K)
			p.candidates.Reset(r.collect())
			p.wait = p.wait[:0]
		}
	}
	return nil
}

// route finds the first thresholds of queries [lo, hi) and, for kind ivf, their cells.
func (r *Run) route(ctx context.Context, w *Workspace, worker, lo, hi int) error {
	scan := w.lists[worker][:0]
	for i := lo; i < hi; i++ {
		if w.Queries[i].strategy == scanPlane {
			scan = append(scan, &w.probes[i*w.shards])
		}
	}
	w.lists[worker] = scan
	s := &w.searchers[worker]
	if r.slots != nil {
		return s.routeGroup(ctx, scan)
	}
	err := s.pilotScan(ctx, scan)
	for _, p := range scan {
		p.candidates.Reset(r.collect())
		p.counts = counts{}
	}
	return err
}

// collect is the number of rows whose bounds set a query's threshold.
func (r *Run) collect() int {
	if r.P.Rerank > 0 {
		return min(max(r.K, r.P.Rerank), r.Eligible)
	}
	return r.K
}

// choose decides how the rows of a query are looked at, from numbers of rows alone.
func (r *Run) choose(q *Query, i int) error {
	seg := r.Seg
	measure := r.Col != nil && (!r.P.Estimates || seg.Kind == segment.Exact)
	// Without bounds (epsilon 0) a plane says nothing about which rows to leave out.
	few := r.Eligible <= r.fewest() || r.collect() >= r.Eligible/8 || r.Epsilon == 0
	switch {
	case q.Zero:
		q.strategy = scoreZero
	case seg.Kind == segment.Exact:
		q.strategy = scanTiles
		if r.Eligible < seg.Rows/4 ||
			seg.Metric.Larger() && !r.tileable(q) {
			q.strategy = measureEvery
		}
	case q.lost && r.Col == nil:
		return fault.At(fault.InvalidVector, "search", int64(i), -1,
			fmt.Sprintf("query %d has norm %.3g, too long beside the indexed rows for codes", i,
				q.Norm), "give the vectors (attach, or load with vectors=column), or scale the query")
	case q.far && r.Col != nil, measure && few:
		q.strategy = measureEvery
	case few:
		q.strategy = codeEvery
	default:
		q.strategy = scanPlane
	}
	return nil
}

// filtered is the strategy for a query's rows where they are few or a filter leaves some, from that
// which choose found.
func (r *Run) filtered(q *Query) strategy {
	switch {
	case !r.mayGather(q):
		return q.strategy
	case r.Eligible <= max(r.K, FewRows):
		return measureEvery
	case r.scanPays(q):
		return scanPlane
	case !r.inRange(q):
		return measureEvery
	}
	return gatherRows
}

// mayGather reports whether the eligible rows can be looked at by their vectors as float32: kinds
// with codes have vectors and bounds to close, kind exact has a filter that leaves out a sixteenth
// of the rows (with fewer left out, whole tiles are read faster).
func (r *Run) mayGather(q *Query) bool {
	if q.strategy == scoreZero || q.strategy == codeEvery || q.far {
		return false
	}
	if r.Seg.Kind == segment.Exact {
		return r.Filter != nil && r.Eligible <= r.Seg.Usable/16*15
	}
	return r.Col != nil && !r.P.Estimates && r.Epsilon != 0
}

// scanPays reports whether the codes around the eligible rows cost less than the rows' vectors.
// Where choose found few rows they may still lie side by side, so that their blocks are few too.
func (r *Run) scanPays(q *Query) bool {
	switch {
	case r.Seg.Kind == segment.Exact:
		return false
	case q.strategy == scanPlane:
		return r.reaches() || !r.sparse()
	case r.reaches() || r.sparse():
		return false
	}
	return r.Eligible > fewBlocks*simd.BlockRows && r.collect() < r.Eligible/8
}

// scanShard looks at one shard of rows for queries [lo, hi) of the batch.
func (r *Run) scanShard(ctx context.Context, w *Workspace, worker, lo, hi, shard int) error {
	s, shards := &w.searchers[worker], w.shards
	from := shard * shardBlocks
	to := min(from+shardBlocks, len(r.words))
	for kind := measureEvery; kind <= gatherRows; kind++ {
		list := w.lists[worker][:0]
		for i := lo; i < hi; i++ {
			if p := &w.probes[i*shards+shard]; p.strategy == kind {
				p.candidates.Tau = p.first
				list = append(list, p)
			}
		}
		w.lists[worker] = list
		if len(list) == 0 {
			continue
		}
		var err error
		switch kind {
		case measureEvery:
			err = s.measureAll(ctx, list, from, to)
		case codeEvery:
			err = s.codes(ctx, list, from, to)
		case scanPlane:
			err = s.scan(ctx, list, from, to)
		case gatherRows:
			err = s.nearRows(ctx, list, from, to)
		default:
			err = s.exactScan(ctx, list, from*simd.BlockRows, min(to*simd.BlockRows, r.Seg.Rows))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// codes scores every row's code; the cells of kind ivf belong to the first shard.
func (s *Searcher) codes(ctx context.Context, ps []*Probe, from, to int) error {
	if s.Run.slots == nil {
		for _, p := range ps {
			p.where = p.Origin
		}
		return s.codeRows(ctx, ps, from, to)
	}
	if from > 0 {
		return nil
	}
	return s.codeCells(ctx, ps)
}

func (s *Searcher) scan(ctx context.Context, ps []*Probe, from, to int) error {
	if s.Run.slots == nil {
		return s.scanCodes(ctx, ps, from, to)
	}
	if from > 0 {
		return nil
	}
	return s.scanCells(ctx, ps)
}

// finish joins a query's shards and writes its answer.
func (r *Run) finish(ctx context.Context, s *Searcher, shards []Probe, i int) error {
	p := &shards[0]
	switch p.strategy {
	case scoreZero:
		r.put(i, p.Query, r.firstRows(p))
		p.counts.certified++
		return nil
	case measureEvery, codeEvery:
		for j := 1; j < len(shards); j++ {
			for _, h := range shards[j].best.Heap {
				p.best.Push(h)
			}
		}
		if p.strategy == measureEvery {
			p.counts.certified++
		}
		r.put(i, p.Query, p.best.Sorted())
		return nil
	}
	for j := 1; j < len(shards); j++ {
		p.candidates.Merge(&shards[j].candidates)
	}
	p.candidates.Prune()
	if r.Col == nil || r.P.Estimates && r.Seg.Kind != segment.Exact {
		r.put(i, p.Query, r.estimates(p))
		return nil
	}
	if err := s.rerank(ctx, p); err != nil {
		return err
	}
	r.put(i, p.Query, p.best.Sorted())
	return nil
}

// firstRows are the first k eligible rows at distance zero.
func (r *Run) firstRows(p *Probe) []topk.Hit {
	for b, w := range r.words {
		for ; w != 0 && !p.best.Full(); w &= w - 1 {
			p.best.Push(topk.Hit{Dist: 0, Row: uint32(b*simd.BlockRows + bits.TrailingZeros32(w))})
		}
		if p.best.Full() {
			break
		}
	}
	return p.best.Sorted()
}

// estimates are the k rows of least estimate. Codes of one bit were scanned with rounded tables and
// are scored once more without.
func (r *Run) estimates(p *Probe) []topk.Hit {
	for _, c := range p.candidates.Rows {
		e := c.Est
		if r.Seg.Bits == 1 {
			e, _ = p.Code(r.Seg.Codes, p.placeOf(r.Seg, int(c.Pos)), int(c.Pos))
		}
		p.best.Push(topk.Hit{Dist: float64(e), Row: r.Seg.RowAt(c.Pos)})
	}
	return p.best.Sorted()
}
