package arrowidx

import (
	"context"
	"fmt"
	"math/bits"
	"time"

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
func (ix *segment) checkQueries(p *SearchParams) error {
	binary := ix.metric.Binary()
	switch {
	case p.NQ > 0 && binary && p.Bits == nil && (p.Queries != nil || p.Wide != nil):
		numbers := "float32"
		if p.Wide != nil {
			numbers = "float64"
		}
		return newError(MetricError, "search",
			fmt.Sprintf("the queries are %s numbers, the index holds packed bits (metric %s)",
				numbers, ix.metric), "pack the queries like the rows")
	case p.Bits != nil && !binary:
		return newError(MetricError, "search",
			fmt.Sprintf("the queries are packed bits, the index holds numbers (metric %s)",
				ix.metric), "give numbers, or build with metric hamming or jaccard")
	case ix.dim == 0:
		return nil
	case binary && len(p.Bits) != p.NQ*(ix.dim/8):
		return newError(DimensionMismatch, "search",
			fmt.Sprintf("%d bytes for %d queries of %d bits (%d bytes)", len(p.Bits), p.NQ, ix.dim,
				ix.dim/8), "pack the queries like the rows")
	case !binary && len(p.Queries)+len(p.Wide) != p.NQ*ix.dim || p.Queries != nil && p.Wide != nil:
		return newError(DimensionMismatch, "search",
			fmt.Sprintf("%d numbers for %d queries of %d dimensions", len(p.Queries)+len(p.Wide),
				p.NQ, ix.dim),
			"queries need the dimensions of the indexed vectors")
	}
	return nil
}

// answerBits compares all rows that may be found with the queries, a round of bounded size at a
// time: groups of queries by shards of rows, then the hits of a query's shards are joined.
func (r *run) answerBits(ctx context.Context, threads int) error {
	begin := time.Now()
	shards := (len(r.words) + shardBlocks - 1) / shardBlocks
	round := min(max(batchBytes/(16*r.k*shards), 1), batchQueries)
	b := bitsBatch{run: r, shards: shards, scans: make([]bitsScan, threads)}
	for from := 0; from < r.p.NQ; from += round {
		b.from, b.n = from, min(round, r.p.NQ-from)
		groups := (b.n + groupQueries - 1) / groupQueries
		b.best = grow(b.best, b.n*shards)
		err := parallel(ctx, "search", threads, groups*shards, func(worker, i int) error {
			return b.scan(ctx, &b.scans[worker], i%groups*groupQueries, i/groups)
		})
		if err != nil {
			return err
		}
		for i := range b.n {
			r.put(from+i, &query{unit: 1}, b.joined(i))
		}
	}
	for i := range b.scans {
		r.plan.Scanned += b.scans[i].scanned
	}
	r.plan.Certified = int64(r.p.NQ)
	r.plan.Scan += time.Since(begin)
	return nil
}

// bitsBatch is one round of queries.
type bitsBatch struct {
	run    *run
	from   int // first query
	n      int
	shards int
	best   []nearest // query-major: queries x shards
	scans  []bitsScan
}

// joined returns the nearest hits of a query in all shards, in order.
func (b *bitsBatch) joined(i int) []hit {
	all := b.best[i*b.shards : (i+1)*b.shards]
	for _, other := range all[1:] {
		for _, h := range other.heap {
			all[0].push(h)
		}
	}
	return all[0].sorted()
}

// scan compares up to groupQueries queries from lo on with the rows of a shard.
func (b *bitsBatch) scan(ctx context.Context, s *bitsScan, lo, shard int) error {
	r := b.run
	w := r.ix.dim / 8
	s.run, s.width = r, w
	s.queries = s.queries[:0]
	for i := lo; i < min(lo+groupQueries, b.n); i++ {
		at := (b.from + i) * w
		best := &b.best[i*b.shards+shard]
		best.reset(r.k)
		s.queries = append(s.queries, bitsQuery{r.p.Bits[at : at+w], best})
	}
	step := max(simd.BlockRows, min(bitsTile/w, bitsTileRows)&^(simd.BlockRows-1))
	s.read = grow(s.read, step*w)
	s.both, s.any = grow(s.both, step), grow(s.any, step)
	end := min((shard+1)*shardBlocks*simd.BlockRows, r.ix.rows)
	for from := shard * shardBlocks * simd.BlockRows; from < end; {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		// Tiles end with blocks, but where a chunk ends inside one.
		limit := step - from%simd.BlockRows
		to := min(r.col.tileEnd(from, limit), end)
		s.tile(from, to)
		from = to
	}
	return nil
}

// bitsQuery is one query in one shard.
type bitsQuery struct {
	bits []byte
	best *nearest
}

// bitsScan is the memory of one worker.
type bitsScan struct {
	run     *run
	width   int
	queries []bitsQuery
	read    []byte
	both    []uint32 // bits set in row and query, or that differ
	any     []uint32 // bits set in row or query
	scanned int64
}

// tile compares rows [from, to), which lie in one chunk, with every query.
func (s *bitsScan) tile(from, to int) {
	admitted := s.run.admitted(from, to)
	if admitted == 0 {
		return
	}
	rows := s.run.col.packedRows(from, to-from, s.read)
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
func (r *run) admitted(from, to int) int {
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
	jaccard := s.run.ix.metric == Jaccard
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
func (s *bitsScan) offerHamming(best *nearest, from, n int) {
	limit := ^uint32(0)
	if best.full() {
		limit = uint32(best.worst())
	}
	for i, v := range s.both[:n] {
		if v >= limit || !s.run.admits(from+i) {
			continue
		}
		best.push(hit{float64(v), uint32(from + i)})
		if best.full() {
			limit = uint32(best.worst())
		}
	}
}

// offerJaccard is offerHamming for 1 - both/any. Quotients of counts up to 65,536 that differ do so
// by far more than float64 rounds, so a product with a little room tells most rows off.
func (s *bitsScan) offerJaccard(best *nearest, from, n int) {
	const room = 1 - 1e-12
	least := -1.0
	if best.full() {
		least = (1 - best.worst()) * room
	}
	for i, v := range s.both[:n] {
		if float64(v) < least*float64(s.any[i]) || !s.run.admits(from+i) {
			continue
		}
		dist := 0.0
		if s.any[i] > 0 {
			dist = 1 - float64(v)/float64(s.any[i])
		}
		best.push(hit{dist, uint32(from + i)})
		if best.full() {
			least = (1 - best.worst()) * room
		}
	}
}
