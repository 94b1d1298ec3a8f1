package arrowidx

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// batchQueries is the most queries of one round of a large batch, and batchBytes about the
	// memory that their candidates may take.
	batchQueries = 512
	batchBytes   = 256 << 20
	// groupQueries is the number of queries that share a pass over the rows.
	groupQueries = 32
	// shardBlocks is the rows of a shard in blocks (131,072 rows). Shards are fixed, so that what
	// a query finds in one does not depend on the number of threads; each begins with the first
	// threshold again, so fewer are cheaper.
	shardBlocks = 4096
	// fetchAhead is how many rows ahead of the one being measured are asked for.
	fetchAhead = 4
	// fewRows are measured at once, whatever k is, and fewBlocks are not worth a scan.
	fewRows   = 64
	fewBlocks = 32
	// lookEvery is how many rows are measured between two looks at the context.
	lookEvery = 1024
)

// way is how a query's rows are looked at.
type way uint8

const (
	wayZero    way = iota // a zero vector under cosine or dot: rows in order, score 0
	wayMeasure            // distance of every eligible row
	wayCode               // whole code of every eligible row
	wayScan               // plane with bounds, then survivors (flat)
	wayTiles              // float32 tiles with bounds (exact)
	wayGather             // float32 distance of every eligible row with bounds
)

// workspace is the memory of one search, reused by the next. Its three stages are functions made
// once, so that a search allocates nothing.
type workspace struct {
	run       run
	ctx       context.Context
	queries   []query
	probes    []probe // query-major: queries x shards
	searchers []searcher
	lists     [][]*probe
	peak      int64 // bytes that it ever had

	from, n, group, groups, shards int // of the batch being answered
	preparing, routing             func(worker, i int) error
	scanning, finishing            func(worker, i int) error
}

func newWorkspace() *workspace {
	w := &workspace{}
	w.preparing = func(worker, g int) error {
		return w.run.prepare(w.ctx, w, worker, g*w.group, min((g+1)*w.group, w.n))
	}
	w.routing = func(worker, g int) error {
		return w.run.route(w.ctx, w, worker, g*w.group, min((g+1)*w.group, w.n))
	}
	w.scanning = func(worker, i int) error {
		lo := i % w.groups * w.group
		return w.run.scanShard(w.ctx, w, worker, lo, min(lo+w.group, w.n), i/w.groups)
	}
	w.finishing = func(worker, i int) error {
		probes := w.probes[i*w.shards : (i+1)*w.shards]
		return w.run.finish(w.ctx, &w.searchers[worker], probes, w.from+i)
	}
	return w
}

// batch answers queries [from, to): prepare and first wave, scan by (shard, group), finish.
func (r *run) batch(ctx context.Context, w *workspace, from, to, threads int) error {
	w.ctx, w.from, w.n = ctx, from, to-from
	w.shards = (len(r.words) + shardBlocks - 1) / shardBlocks
	w.group = groupQueries
	if r.slots != nil {
		// Every thread has some, four at a time.
		w.group = min(cellGroup, ((w.n+threads-1)/threads+3)&^3)
	}
	w.groups = (w.n + w.group - 1) / w.group
	w.queries = grow(w.queries, w.n)
	w.probes = grow(w.probes, w.n*w.shards)
	w.searchers = grow(w.searchers, threads)
	w.lists = grow(w.lists, threads)
	for i := range w.searchers {
		w.searchers[i].run = r
	}
	t0 := time.Now()
	if err := parallel(ctx, "search", threads, w.groups, w.preparing); err != nil {
		return err
	}
	prepared := time.Now()
	if err := parallel(ctx, "search", threads, w.groups, w.routing); err != nil {
		return err
	}
	t1 := time.Now()
	if err := parallel(ctx, "search", threads, w.groups*w.shards, w.scanning); err != nil {
		return err
	}
	t2 := time.Now()
	if err := parallel(ctx, "search", threads, w.n, w.finishing); err != nil {
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

func (r *run) count(c *counts) {
	r.plan.Probed += c.probed
	r.plan.Scanned += c.scanned
	r.plan.Coded += c.coded
	r.plan.Reranked += c.reranked
	r.plan.Certified += c.certified
}

// prepare makes queries [lo, hi) of the batch ready.
func (r *run) prepare(ctx context.Context, w *workspace, worker, lo, hi int) error {
	from, shards := w.from, w.shards
	for i := lo; i < hi; i++ {
		q := &w.queries[i]
		if err := q.measure(r, from+i); err != nil {
			return err
		}
		if err := r.choose(q, from+i); err != nil {
			return err
		}
		switch q.way = r.filtered(q); {
		case q.way == wayScan || q.way == wayCode:
			q.rotate(r.ix)
			q.setTables(r.ix, float32(r.epsilon))
		case q.way == wayGather && r.sketches():
			q.rotate(r.ix)
		}
		for s := range shards {
			p := &w.probes[i*shards+s]
			p.query, p.counts, p.apart, p.where = q, counts{}, false, place{}
			p.best.reset(r.k)
			p.found.reset(r.collect())
			p.wait = p.wait[:0]
		}
	}
	return nil
}

// route finds the first thresholds of queries [lo, hi) and, for kind ivf, their cells.
func (r *run) route(ctx context.Context, w *workspace, worker, lo, hi int) error {
	scan := w.lists[worker][:0]
	for i := lo; i < hi; i++ {
		if w.queries[i].way == wayScan {
			scan = append(scan, &w.probes[i*w.shards])
		}
	}
	w.lists[worker] = scan
	s := &w.searchers[worker]
	if r.slots != nil {
		return s.routeGroup(ctx, scan)
	}
	err := s.firstWave(ctx, scan)
	for _, p := range scan {
		p.found.reset(r.collect())
		p.counts = counts{}
	}
	return err
}

// collect is the number of rows whose bounds set a query's threshold.
func (r *run) collect() int {
	if r.p.Rerank > 0 {
		return min(max(r.k, r.p.Rerank), r.eligible)
	}
	return r.k
}

// choose decides how the rows of a query are looked at, from numbers of rows alone.
func (r *run) choose(q *query, i int) error {
	ix := r.ix
	measure := r.col != nil && (!r.p.Estimates || ix.kind == Exact)
	// Without bounds (epsilon 0) a plane says nothing about which rows to leave out.
	few := r.eligible <= r.fewest() || r.collect() >= r.eligible/8 || r.epsilon == 0
	switch {
	case q.zero:
		q.way = wayZero
	case ix.kind == Exact:
		q.way = wayTiles
		if r.eligible < ix.rows/4 ||
			ix.metric.Larger() && !r.tileable(q) {
			q.way = wayMeasure
		}
	case q.lost && r.col == nil:
		return errorAt(InvalidVector, "search", int64(i), -1,
			fmt.Sprintf("query %d has norm %.3g, too long beside the indexed rows for codes", i,
				q.norm), "give the vectors (attach, or load with vectors=column), or scale the query")
	case q.far && r.col != nil, measure && few:
		q.way = wayMeasure
	case few:
		q.way = wayCode
	default:
		q.way = wayScan
	}
	return nil
}

// filtered is the way to look at a query's rows where they are few or a filter leaves some, from
// the way that choose found.
func (r *run) filtered(q *query) way {
	exact := r.ix.kind == Exact
	switch {
	case q.way == wayZero || q.way == wayCode || q.far,
		!exact && (r.col == nil || r.p.Estimates || r.epsilon == 0),
		exact && (r.filter == nil || r.eligible > r.ix.usable/16*15):
		return q.way
	case r.eligible <= max(r.k, fewRows):
		return wayMeasure
	case q.way == wayScan && r.reaches():
		return wayScan
	case exact || r.reaches() || r.sparse():
	case q.way == wayScan:
		return wayScan
	case r.eligible > fewBlocks*simd.BlockRows && r.collect() < r.eligible/8:
		return wayScan // few of all rows, but side by side
	}
	if !r.inRange(q) {
		return wayMeasure
	}
	return wayGather
}

// scanShard looks at one shard of rows for queries [lo, hi) of the batch.
func (r *run) scanShard(ctx context.Context, w *workspace, worker, lo, hi, shard int) error {
	s, shards := &w.searchers[worker], w.shards
	from := shard * shardBlocks
	to := min(from+shardBlocks, len(r.words))
	for kind := wayMeasure; kind <= wayGather; kind++ {
		list := w.lists[worker][:0]
		for i := lo; i < hi; i++ {
			if p := &w.probes[i*shards+shard]; p.way == kind {
				p.found.tau = p.first
				list = append(list, p)
			}
		}
		w.lists[worker] = list
		if len(list) == 0 {
			continue
		}
		var err error
		switch kind {
		case wayMeasure:
			err = s.measureAll(ctx, list, from, to)
		case wayCode:
			err = s.codes(ctx, list, from, to)
		case wayScan:
			err = s.scan(ctx, list, from, to)
		case wayGather:
			err = s.nearRows(ctx, list, from, to)
		default:
			err = s.exactScan(ctx, list, from*simd.BlockRows, min(to*simd.BlockRows, r.ix.rows))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// codes scores every row's code; the cells of kind ivf belong to the first shard.
func (s *searcher) codes(ctx context.Context, ps []*probe, from, to int) error {
	if s.run.slots == nil {
		for _, p := range ps {
			p.where = p.origin
		}
		return s.codeRows(ctx, ps, from, to)
	}
	if from > 0 {
		return nil
	}
	return s.codeCells(ctx, ps)
}

func (s *searcher) scan(ctx context.Context, ps []*probe, from, to int) error {
	if s.run.slots == nil {
		return s.scanCodes(ctx, ps, from, to)
	}
	if from > 0 {
		return nil
	}
	return s.scanCells(ctx, ps)
}

// finish joins a query's shards and writes its answer.
func (r *run) finish(ctx context.Context, s *searcher, shards []probe, i int) error {
	p := &shards[0]
	switch p.way {
	case wayZero:
		r.put(i, p.query, r.firstRows(p))
		p.counts.certified++
		return nil
	case wayMeasure, wayCode:
		for j := 1; j < len(shards); j++ {
			for _, h := range shards[j].best.heap {
				p.best.push(h)
			}
		}
		if p.way == wayMeasure {
			p.counts.certified++
		}
		r.put(i, p.query, p.best.sorted())
		return nil
	}
	for j := 1; j < len(shards); j++ {
		p.found.merge(&shards[j].found)
	}
	p.found.prune()
	if r.col == nil || r.p.Estimates && r.ix.kind != Exact {
		r.put(i, p.query, r.estimates(p))
		return nil
	}
	if err := s.rerank(ctx, p); err != nil {
		return err
	}
	r.put(i, p.query, p.best.sorted())
	return nil
}

// firstRows are the first k eligible rows at distance zero.
func (r *run) firstRows(p *probe) []hit {
	for b, w := range r.words {
		for ; w != 0 && !p.best.full(); w &= w - 1 {
			p.best.push(hit{0, uint32(b*simd.BlockRows + bits.TrailingZeros32(w))})
		}
		if p.best.full() {
			break
		}
	}
	return p.best.sorted()
}

// estimates are the k rows of least estimate. Codes of one bit were scanned with rounded tables and
// are scored once more without.
func (r *run) estimates(p *probe) []hit {
	for _, c := range p.found.rows {
		e := c.est
		if r.ix.bits == 1 {
			e, _ = p.code(r.ix.codes, p.placeOf(r.ix, int(c.pos)), int(c.pos))
		}
		p.best.push(hit{float64(e), r.ix.rowAt(c.pos)})
	}
	return p.best.sorted()
}

// rerank measures candidates on the vectors in order of their lower bounds until no other can be
// among the k nearest, or, when the caller said how many, that many in order of their estimates.
func (s *searcher) rerank(ctx context.Context, p *probe) error {
	r := s.run
	rows, closed := p.found.rows, true
	sorted := p.found.byBound(&s.out)
	if n := max(r.p.Rerank, r.k); r.p.Rerank > 0 && n < len(rows) && r.ix.kind != Exact &&
		p.way != wayGather {
		least := float32(math.Inf(1))
		p.found.byEstimate(r.ix.rowAt)
		for _, c := range rows[n:] {
			least = min(least, c.low)
		}
		defer func() {
			if p.best.full() && float64(least) > p.best.worst() {
				p.counts.certified++
			}
		}()
		rows, closed, sorted = rows[:n], false, n
	}
	fit := r.fit(r.epsilon, p.way)
	for i := range rows {
		if i == sorted {
			sortByBound(rows[i:])
			sorted = len(rows)
		}
		c := rows[i]
		if i%lookEvery == lookEvery-1 {
			if err := cancelled(ctx, "search"); err != nil {
				return err
			}
		}
		if ahead := i + fetchAhead; ahead < len(rows) {
			simd.Fetch(r.col.memory(int(r.rowAt(p, rows[ahead].pos))))
		}
		if closed && p.best.full() && float64(c.low) > p.best.worst() {
			break
		}
		row := r.rowAt(p, c.pos)
		s.turnTo(int(row))
		dist := s.distance(p.query)
		p.counts.reranked++
		if err := fit.add("search", c, dist, row); err != nil {
			return err
		}
		p.best.push(hit{dist, row})
	}
	if closed {
		p.counts.certified++
	}
	return fit.judge("search")
}

// rowAt returns the row of a candidate. Gathered rows are collected by their numbers.
func (r *run) rowAt(p *probe, pos uint32) uint32 {
	if p.way == wayGather {
		return pos
	}
	return r.ix.rowAt(pos)
}
