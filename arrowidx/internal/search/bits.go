package search

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// bitsTile is about the bytes of rows that stay in the first cache while all queries of a
	// group are compared with them, and bitsTileRows the most rows of a tile: whole blocks.
	bitsTile     = 16 << 10
	bitsTileRows = 2048
	// bitsSparse is the part of a tile's rows below which admitted rows are compared one by one.
	bitsSparse = 8
)

// checkQueries refuses queries of another form or number than the index needs.
func checkQueries(seg *segment.Segment, p *SearchParams) error {
	binary := seg.Metric.Binary()
	switch {
	case p.NQ > 0 && binary && p.Bits == nil && (p.Queries != nil || p.Wide != nil):
		numbers := "float32"
		if p.Wide != nil {
			numbers = "float64"
		}
		return fault.New(fault.MetricError, "search",
			fmt.Sprintf("the queries are %s numbers, the index holds packed bits (metric %s)",
				numbers, seg.Metric), "pack the queries like the rows")
	case p.Bits != nil && !binary:
		return fault.New(fault.MetricError, "search",
			fmt.Sprintf("the queries are packed bits, the index holds numbers (metric %s)",
				seg.Metric), "give numbers, or build with metric hamming or jaccard")
	case seg.Dim == 0:
		return nil
	case binary && len(p.Bits) != p.NQ*(seg.Dim/8):
		return fault.New(fault.DimensionMismatch, "search",
			fmt.Sprintf("%d bytes for %d queries of %d bits (%d bytes)", len(p.Bits), p.NQ, seg.Dim,
				seg.Dim/8), "pack the queries like the rows")
	case !binary && len(p.Queries)+len(p.Wide) != p.NQ*seg.Dim || p.Queries != nil && p.Wide != nil:
		return fault.New(fault.DimensionMismatch, "search",
			fmt.Sprintf("%d numbers for %d queries of %d dimensions", len(p.Queries)+len(p.Wide),
				p.NQ, seg.Dim),
			"queries need the dimensions of the indexed vectors")
	}
	return nil
}

// answerBits compares all rows that may be found with the queries, a round of bounded size at a
// time: groups of queries by shards of rows, then the hits of a query's shards are joined.
func (r *Run) answerBits(ctx context.Context, threads int) error {
	begin := time.Now()
	shards := (len(r.words) + shardBlocks - 1) / shardBlocks
	round := min(max(batchBytes/(16*r.K*shards), 1), batchQueries)
	b := bitsBatch{run: r, shards: shards, scans: make([]bitsScan, threads)}
	for from := 0; from < r.P.NQ; from += round {
		b.from, b.n = from, min(round, r.P.NQ-from)
		groups := (b.n + groupQueries - 1) / groupQueries
		b.best = mem.Grow(b.best, b.n*shards)
		err := mem.Parallel(ctx, "search", threads, groups*shards, func(worker, i int) error {
			return b.scan(ctx, &b.scans[worker], i%groups*groupQueries, i/groups)
		})
		if err != nil {
			return err
		}
		for i := range b.n {
			r.put(from+i, &Query{Unit: 1}, b.joined(i))
		}
	}
	for i := range b.scans {
		r.plan.Scanned += b.scans[i].scanned
	}
	r.plan.Certified = int64(r.P.NQ)
	r.plan.Scan += time.Since(begin)
	return nil
}

// bitsBatch is one round of queries.
type bitsBatch struct {
	run    *Run
	from   int // first query
	n      int
	shards int
	best   []topk.Heap // query-major: queries x shards
	scans  []bitsScan
}

// joined returns the nearest hits of a query in all shards, in order.
func (b *bitsBatch) joined(i int) []topk.Hit {
	all := b.best[i*b.shards : (i+1)*b.shards]
	for _, other := range all[1:] {
		for _, h := range other.Heap {
			all[0].Push(h)
		}
	}
	return all[0].Sorted()
}

// scan compares up to groupQueries queries from lo on with the rows of a shard.
func (b *bitsBatch) scan(ctx context.Context, s *bitsScan, lo, shard int) error {
	r := b.run
	w := r.Seg.Dim / 8
	s.run, s.width = r, w
	s.queries = s.queries[:0]
	for i := lo; i < min(lo+groupQueries, b.n); i++ {
		at := (b.from + i) * w
		best := &b.best[i*b.shards+shard]
		best.Reset(r.K)
		s.queries = append(s.queries, bitsQuery{r.P.Bits[at : at+w], best})
	}
	from := shard * shardBlocks * simd.BlockRows
	return s.tiles(ctx, from, min(from+shardBlocks*simd.BlockRows, r.Seg.Rows))
}

// bitsQuery is one query in one shard.
type bitsQuery struct {
	bits []byte
	best *topk.Heap
}

// bitsScan is the memory of one worker.
type bitsScan struct {
	run     *Run
	width   int
	queries []bitsQuery
	read    []byte
	both    []uint32 // bits set in row and query, or that differ
	any     []uint32 // bits set in row or query
	scanned int64
}

// tiles compares rows [from, end) with every query, a tile at a time. Tiles end with blocks, but
// where a chunk ends inside one.
func (s *bitsScan) tiles(ctx context.Context, from, end int) error {
	step := max(simd.BlockRows, min(bitsTile/s.width, bitsTileRows)&^(simd.BlockRows-1))
	s.read = mem.Grow(s.read, step*s.width)
	s.both, s.any = mem.Grow(s.both, step), mem.Grow(s.any, step)
	for from < end {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		to := min(s.run.Col.TileEnd(from, step-from%simd.BlockRows), end)
		s.tile(from, to)
		from = to
	}
	return nil
}

// tile compares rows [from, to), which lie in one chunk, with every query.
func (s *bitsScan) tile(from, to int) {
	admitted := s.run.admitted(from, to)
	if admitted == 0 {
		return
	}
	rows := s.run.Col.PackedRows(from, to-from, s.read)
	if admitted*bitsSparse < to-from {
		for row := from; row < to; row++ {
			if s.run.admits(row) {
				at := (row - from) * s.width
				s.compare(rows[at:at+s.width], row, 1)
			}
		}
		return
	}
	s.compare(rows, from, to-from)
}

// admitted returns how many of the rows [from, to) may be found.
func (r *Run) admitted(from, to int) int {
	n := 0
	for block := from / simd.BlockRows; block*simd.BlockRows < to; block++ {
		word, first := r.words[block], block*simd.BlockRows
		if from > first {
			word &= ^uint32(0) << (from - first)
		}
		if rest := to - first; rest < simd.BlockRows {
			word &= 1<<rest - 1
		}
		n += bits.OnesCount32(word)
	}
	return n
}

// compare offers n rows, the first of which is number from, to every query.
func (s *bitsScan) compare(rows []byte, from, n int) {
	jaccard := s.run.Seg.Metric == column.Jaccard
	for _, q := range s.queries {
		if jaccard {
			simd.AndOrPopcount(s.both, s.any, rows, n, s.width, q.bits)
			s.offerJaccard(q.best, from, n)
		} else {
			simd.XorPopcount(s.both, rows, n, s.width, q.bits)
			s.offerHamming(q.best, from, n)
		}
	}
	s.scanned += int64(n) * int64(len(s.queries))
}

// offerHamming offers rows in rising order: of equal distances the first k stay.
func (s *bitsScan) offerHamming(best *topk.Heap, from, n int) {
	limit := ^uint32(0)
	if best.Full() {
		limit = uint32(best.Worst())
	}
	for i, v := range s.both[:n] {
		if v >= limit || !s.run.admits(from+i) {
			continue
		}
		best.Push(topk.Hit{Dist: float64(v), Row: uint32(from + i)})
		if best.Full() {
			limit = uint32(best.Worst())
		}
	}
}

// offerJaccard is offerHamming for 1 - both/any. Quotients of counts up to 65,536 that differ do so
// by far more than float64 rounds, so a product with a little leeway tells most rows off.
func (s *bitsScan) offerJaccard(best *topk.Heap, from, n int) {
	const leeway = 1 - 1e-12
	least := -1.0
	if best.Full() {
		least = (1 - best.Worst()) * leeway
	}
	for i, v := range s.both[:n] {
		if float64(v) < least*float64(s.any[i]) || !s.run.admits(from+i) {
			continue
		}
		dist := 0.0
		if s.any[i] > 0 {
			dist = 1 - float64(v)/float64(s.any[i])
		}
		best.Push(topk.Hit{Dist: dist, Row: uint32(from + i)})
		if best.Full() {
			least = (1 - best.Worst()) * leeway
		}
	}
}

// prepareBits makes a query of packed bits ready: every row is compared.
func (q *Query) prepareBits() { q.Vec, q.Unit, q.strategy = nil, 1, measureEvery }

// compareGroups pushes the rows [from, to) with their distances in bits from the queries of the
// list.
func (s *groupSearcher) compareGroups(ctx context.Context, from, to int) error {
	g := s.g
	w := g.Seg.Dim / 8
	step := max(simd.BlockRows, min(bitsTile/w, bitsTileRows))
	s.packed = mem.Grow(s.packed, step*w)
	s.both, s.any = mem.Grow(s.both, step), mem.Grow(s.any, step)
	for from < to {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		end := min(g.Col.TileEnd(from, step), to)
		n := end - from
		rows := g.Col.PackedRows(from, n, s.packed)
		for i := range s.list {
			at := (g.from + s.which[i]) * w
			s.compareTile(i, rows, g.P.Bits[at:at+w], from, n)
		}
		s.counts.scanned += int64(n * len(s.list))
		from = end
	}
	return nil
}

// compareTile pushes n rows, the first of which is number from, for one query of the list.
func (s *groupSearcher) compareTile(i int, rows, bits []byte, from, n int) {
	g, jaccard := s.g, s.g.Seg.Metric == column.Jaccard
	if jaccard {
		simd.AndOrPopcount(s.both, s.any, rows, n, len(bits), bits)
	} else {
		simd.XorPopcount(s.both, rows, n, len(bits), bits)
	}
	for j, v := range s.both[:n] {
		row := from + j
		if !g.admits(row) {
			continue
		}
		dist := float64(v)
		if jaccard {
			if dist = 0; s.any[j] > 0 {
				dist = 1 - float64(v)/float64(s.any[j])
			}
		}
		s.finds[i].push(g, int(g.Groups[row]), topk.Hit{Dist: dist, Row: uint32(row)})
	}
}

// scanBits finds the rows of one shard for one group of queries of packed bits.
func (s *sweep) scanBits(worker, i int) error {
	shard, lo := i/s.groups, i%s.groups*s.group
	lists, err := s.lookBits(&s.bits[worker], lo, shard)
	for j := 0; err == nil && j < len(lists); j++ {
		err = s.keep(lists[j], (lo+j)*s.shards+shard)
	}
	return err
}

// lookBits returns the hits of queries of packed bits, from number lo of the round on, in a shard.
func (s *sweep) lookBits(w *bitsScan, lo, shard int) ([][]topk.Hit, error) {
	r, n := &s.Run, min(s.group, s.n-lo)
	from := shard * rangeBlocks * simd.BlockRows
	end := min(from+rangeBlocks*simd.BlockRows, r.Seg.Rows)
	w.run, w.width, w.queries = r, r.Seg.Dim/8, w.queries[:0]
	all := make([]topk.Heap, n)
	for i := range all {
		all[i].Reset(end - from) // no row is dropped before it is compared with the threshold
		at := (s.from + lo + i) * w.width
		w.queries = append(w.queries, bitsQuery{r.P.Bits[at : at+w.width], &all[i]})
	}
	if err := w.tiles(s.Ctx, from, end); err != nil {
		return nil, err
	}
	lists, p := make([][]topk.Hit, n), &Probe{Query: &Query{Unit: 1}}
	for i := range all {
		for _, h := range all[i].Heap {
			lists[i] = s.add(lists[i], p, h.Dist, int(h.Row))
		}
	}
	return lists, nil
}
