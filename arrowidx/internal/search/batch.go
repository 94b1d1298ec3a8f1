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

// roundOf returns how many queries a round may have whose candidates and answers take so many bytes
// each, at least so many but where memory is limited.
//
// Errors: LimitExceeded when there is no memory for one query.
func (r *Run) roundOf(each int64, least int) (int, error) {
	share := r.Seg.Share
	if share == 0 {
		return int(min(max(batchBytes/each, int64(least)), batchQueries)), nil
	}
	each += queryBytes + probeBytes + 32*int64(r.Seg.Dim)
	if c := r.Seg.Cells; c != nil && r.Filter != nil {
		each += visitBytes * int64(c.N)
	} else if c != nil {
		each += visitBytes * int64(min(r.probes, c.N))
	}
	if each > share {
		return 0, fault.New(fault.LimitExceeded, "search",
			fmt.Sprintf("a query for %d rows takes %d bytes, memory= of the index leaves %d", r.K, each,
				share), "ask for fewer rows, or load the index with more memory")
	}
	return int(min(share/each, batchQueries)), nil
}

// passQueries is the number of queries that share a pass over the rows.
const passQueries = 32

// shardBlocks is the rows of a shard in blocks (131,072 rows). Shards are fixed, so that what
// a query finds in one does not depend on the number of threads; each begins with the first
// threshold again, so fewer are cheaper.
const shardBlocks = 4096

// FewRows are measured at once, whatever k is, and fewBlocks are not worth a scan.
const FewRows = 64

const fewBlocks = 32

// LookEvery is how many rows are measured between two looks at the context.
const LookEvery = 1024

// looks is LookEvery, or less where rows may have to be read and unpacked first: a power of two.
func (r *Run) looks() int {
	if r.Col.Paged() {
		return 16
	}
	return LookEvery
}

// strategy is how a query's rows are looked at.
type strategy uint8

const (
	scoreZero     strategy = iota // a zero vector under cosine or dot: rows in order, score 0
	measureEvery                  // distance of every eligible row
	codeEvery                     // whole code of every eligible row
	scanPlane                     // plane with bounds, then survivors (flat)
	scanTiles                     // float32 tiles with bounds (exact)
	comparePacked                 // packed bits of every eligible row (hamming, jaccard)
	gatherRows                    // float32 distance of every eligible row with bounds
)

// bounded reports whether rows are found with bounds, which later distances decide.
func (w strategy) bounded() bool { return w == scanPlane || w == scanTiles || w == gatherRows }

// Workspace is the memory of one search, reused by the next.
type Workspace struct {
	pipeline
	Run       Run
	Queries   []Query
	probes    []Probe // query-major: queries x shards
	searchers []Searcher
	lists     [][]*Probe
	Peak      int64 // bytes that it ever had
}

// NewWorkspace makes the memory of one search, empty.
func NewWorkspace() *Workspace { return &Workspace{} }

// nearest is Search: the k nearest rows of every query.
type nearest struct{ *Workspace }

// batch answers queries [from, to).
func (w nearest) batch(ctx context.Context, from, to, threads int) error {
	r, pass := &w.Run, passQueries
	if r.slots != nil {
		// Every thread has some, four at a time.
		pass = min(cellPass, ((to-from+threads-1)/threads+3)&^3)
	}
	w.span(from, to, pass, (len(r.words)+shardBlocks-1)/shardBlocks)
	if r.Seg.Codes == nil { // vectors alone: there is no sample to scan and there are no cells
		w.tasks[routing] = 0
	}
	if w.shards > 1 {
		w.tasks[joining] = w.count
	}
	w.probes = mem.Grow(w.probes, w.count*w.shards)
	w.enlist(threads)
	if err := w.stages(ctx, threads); err != nil {
		return err
	}
	for i := range w.count {
		sure := int64(0)
		for _, p := range w.shardsOf(i) {
			r.tally(&p.counts)
			sure += p.counts.certified
		}
		if r.join != nil && sure == 0 {
			r.join.unsure[from+i] = true
		}
	}
	return nil
}

// enlist makes room for the queries of the round and for what its workers need.
func (w *Workspace) enlist(threads int) {
	w.Queries = mem.Grow(w.Queries, w.count)
	w.searchers = mem.Grow(w.searchers, threads)
	w.lists = mem.Grow(w.lists, threads)
	for i := range w.searchers {
		w.searchers[i].Run = &w.Run
	}
}

// shardsOf returns the probes of a query, a shard each.
func (w nearest) shardsOf(i int) []Probe { return w.probes[i*w.shards : (i+1)*w.shards] }

// tally adds what a probe did to the plan.
func (r *Run) tally(c *counts) {
	r.plan.Probed += c.probed
	r.strange += c.strange
	r.plan.Scanned += c.scanned
	r.plan.Coded += c.coded
	r.plan.Reranked += c.reranked
	r.plan.Certified += c.certified
	r.plan.First += time.Duration(c.first)
}

// prepare makes queries [lo, hi) of the round ready.
func (w nearest) prepare(_, lo, hi int) error {
	r := &w.Run
	for i := lo; i < hi; i++ {
		q := &w.Queries[i]
		if err := r.ready(q, w.from+i); err != nil {
			return err
		}
		shards := w.shardsOf(i)
		for s := range shards {
			p := &shards[s]
			p.Query, p.counts, p.outside, p.where = q, counts{}, false, Place{}
			p.best.Reset(r.K)
			p.candidates.Reset(r.collect())
			p.wait, p.later = p.wait[:0], p.later[:0]
		}
	}
	return nil
}

// ready makes query i ready: how its rows are looked at, and what that takes.
func (r *Run) ready(q *Query, i int) error {
	if r.Seg.Metric.Binary() {
		q.pack(r, i)
		return nil
	}
	if err := q.measure(r, i); err != nil {
		return err
	}
	if err := r.choose(q, i); err != nil {
		return err
	}
	if r.join != nil {
		q.first = r.join.farthest(i)
	}
	switch q.strategy = r.filtered(q); {
	case q.strategy == scanPlane || q.strategy == codeEvery:
		epsilon := r.Epsilon
		if r.P.Survey != nil {
			epsilon = r.P.Survey.Epsilon
		}
		q.rotate(r.Seg)
		q.setTables(r.Seg, float32(epsilon))
	case q.strategy == gatherRows && r.sketches():
		q.rotate(r.Seg)
	}
	return nil
}

// route finds the first thresholds of queries [lo, hi) and, for kind ivf, their cells. Queries that
// have a threshold from other segments need no sample.
func (w nearest) route(worker, lo, hi int) error {
	r, scan := &w.Run, w.lists[worker][:0]
	for i := lo; i < hi; i++ {
		q := &w.Queries[i]
		if q.strategy == scanPlane && (r.slots != nil || q.first == mem.Infinity) {
			scan = append(scan, &w.probes[i*w.shards])
		}
	}
	w.lists[worker] = scan
	s := &w.searchers[worker]
	if r.slots != nil {
		return s.routeGroup(w.Ctx, scan)
	}
	err := s.pilotScan(w.Ctx, scan)
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
		if r.Eligible < seg.Rows/4 || r.Eligible <= r.fewOfTiles() ||
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

// few is how many rows are measured at once: twice as many where queries share tiles of inner
// products, unless a filter has the rows side by side already.
func (r *Run) few() int {
	if r.P.NQ >= tileQueries && r.Filter == nil && r.Seg.Metric.Larger() {
		return max(r.K, 2*FewRows)
	}
	return max(r.K, FewRows)
}

// fewOfTiles is few for kind exact, whose float32 tiles pay sooner.
func (r *Run) fewOfTiles() int {
	switch {
	case r.P.NQ < tileQueries:
		return r.K
	case r.Seg.Metric.Larger():
		return r.few()
	}
	return max(r.K, FewRows/2)
}

// filtered is the strategy for a query's rows where they are few or a filter leaves some, from that
// which choose found.
func (r *Run) filtered(q *Query) strategy {
	switch {
	case !r.mayGather(q):
		return q.strategy
	case r.Eligible <= r.few():
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
	case r.reaches() || r.sparse() || r.scattered():
		return false
	}
	return r.Eligible > fewBlocks*simd.BlockRows && r.collect() < r.Eligible/8
}

// scan looks at one shard of rows for queries [lo, hi) of the round.
func (w nearest) scan(worker, lo, hi, shard int) error {
	s, seg := &w.searchers[worker], w.Run.Seg
	from := shard * shardBlocks
	to := min(from+shardBlocks, len(w.Run.words))
	first, last := from*simd.BlockRows, min(to*simd.BlockRows, seg.Rows)
	for kind := measureEvery; kind <= gatherRows; kind++ {
		list := w.lists[worker][:0]
		for i := lo; i < hi; i++ {
			if p := &w.probes[i*w.shards+shard]; p.strategy == kind {
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
			err = s.measureAll(w.Ctx, list, from, to)
		case codeEvery:
			err = s.codes(w.Ctx, list, from, to)
		case scanPlane:
			err = s.scan(w.Ctx, list, from, to)
		case gatherRows:
			err = s.nearRows(w.Ctx, list, from, to)
		case comparePacked:
			err = s.compareAll(w.Ctx, list, first, last)
		default:
			err = s.exactScan(w.Ctx, list, first, last)
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

// join puts what a query found in its shards into the first of them.
func (w nearest) join(_, i int) error {
	shards := w.shardsOf(i)
	p, others := &shards[0], shards[1:]
	for j := range others {
		if p.strategy.bounded() {
			p.candidates.Merge(&others[j].candidates)
			continue
		}
		for _, h := range others[j].best.Heap {
			p.best.Push(h)
		}
	}
	return nil
}

// finish measures what bounds left undecided and writes a query's answer.
func (w nearest) finish(worker, i int) error {
	r, p := &w.Run, &w.probes[i*w.shards]
	i += w.from
	switch p.strategy {
	case scoreZero:
		r.put(i, p.Query, r.firstRows(p))
		p.counts.certified++
		return nil
	case measureEvery, codeEvery, comparePacked:
		if p.strategy != codeEvery {
			p.counts.certified++
		}
		r.put(i, p.Query, p.best.Sorted())
		return nil
	}
	p.candidates.Prune()
	if r.Col == nil || r.P.Estimates && r.Seg.Kind != segment.Exact {
		r.put(i, p.Query, r.estimates(p))
		return nil
	}
	if err := w.searchers[worker].rerank(w.Ctx, p); err != nil {
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
