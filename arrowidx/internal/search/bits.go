package search

import (
	"context"
	"fmt"
	"math/bits"

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

// pack makes query i ready, which is packed bits: every row is compared.
func (q *Query) pack(r *Run, i int) {
	width := r.Seg.Dim / 8
	q.Vec, q.wide, q.Zero, q.packed = nil, nil, false, r.P.Bits[i*width:(i+1)*width]
	q.Unit, q.first, q.strategy = 1, mem.Infinity, comparePacked
}

// tiling is a worker's memory for rows of packed bits, a tile at a time.
type tiling struct {
	packed []byte
	both   []uint32 // bits set in row and query, or that differ
	any    []uint32 // bits set in row or query
}

// nextTile returns where the tile of rows ends that begins at `from`: with a block, but where a
// chunk ends inside one.
func (s *Searcher) nextTile(from, end int) int {
	width := s.Run.Seg.Dim / 8
	step := max(simd.BlockRows, min(bitsTile/width, bitsTileRows)&^(simd.BlockRows-1))
	s.packed = mem.Grow(s.packed, step*width)
	s.both, s.any = mem.Grow(s.both, step), mem.Grow(s.any, step)
	return min(s.Run.Col.TileEnd(from, step-from%simd.BlockRows), end)
}

// countBits compares n rows with a query: their bits, that jaccard and hamming want, go to s.both
// and s.any.
func (s *Searcher) countBits(q *Query, rows []byte, n int) {
	if s.Run.Seg.Metric == column.Jaccard {
		simd.AndOrPopcount(s.both, s.any, rows, n, len(q.packed), q.packed)
	} else {
		simd.XorPopcount(s.both, rows, n, len(q.packed), q.packed)
	}
}

// jaccard is the distance of rows that share `both` bits of `any`.
func jaccard(both, any uint32) float64 {
	if any == 0 {
		return 0
	}
	return 1 - float64(both)/float64(any)
}

// compareAll pushes rows [from, end) that may be found for every probe.
func (s *Searcher) compareAll(ctx context.Context, ps []*Probe, from, end int) error {
	for from < end {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		to := s.nextTile(from, end)
		s.compareTile(ps, from, to)
		from = to
	}
	return nil
}

// compareTile compares rows [from, to), which lie in one chunk, with every query.
func (s *Searcher) compareTile(ps []*Probe, from, to int) {
	admitted := s.Run.admitted(from, to)
	if admitted == 0 {
		return
	}
	rows := s.Run.Col.PackedRows(from, to-from, s.packed)
	if admitted*bitsSparse < to-from {
		for row, width := from, s.Run.Seg.Dim/8; row < to; row++ {
			if s.Run.admits(row) {
				at := (row - from) * width
				s.compare(ps, rows[at:at+width], row, 1)
			}
		}
		return
	}
	s.compare(ps, rows, from, to-from)
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
func (s *Searcher) compare(ps []*Probe, rows []byte, from, n int) {
	for _, p := range ps {
		s.countBits(p.Query, rows, n)
		if s.Run.Seg.Metric == column.Jaccard {
			s.offerJaccard(&p.best, from, n)
		} else {
			s.offerHamming(&p.best, from, n)
		}
		p.counts.scanned += int64(n)
	}
}

// offerHamming offers rows in rising order: of equal distances the first k stay.
func (s *Searcher) offerHamming(best *topk.Heap, from, n int) {
	limit := ^uint32(0)
	if best.Full() {
		limit = uint32(best.Worst())
	}
	for i, v := range s.both[:n] {
		if v >= limit || !s.Run.admits(from+i) {
			continue
		}
		best.Push(topk.Hit{Dist: float64(v), Row: uint32(from + i)})
		if best.Full() {
			limit = uint32(best.Worst())
		}
	}
}

// jaccardLeeway makes a product tell most rows off: quotients of counts up to 65,536 that differ do
// so by far more than float64 rounds.
const jaccardLeeway = 1 - 1e-12

// offerJaccard is offerHamming for 1 - both/any.
func (s *Searcher) offerJaccard(best *topk.Heap, from, n int) {
	least := -1.0
	if best.Full() {
		least = (1 - best.Worst()) * jaccardLeeway
	}
	for i, v := range s.both[:n] {
		if float64(v) < least*float64(s.any[i]) || !s.Run.admits(from+i) {
			continue
		}
		best.Push(topk.Hit{Dist: jaccard(v, s.any[i]), Row: uint32(from + i)})
		if best.Full() {
			least = (1 - best.Worst()) * jaccardLeeway
		}
	}
}

// compareGroups pushes rows [from, end) with their distances in bits for every query of the list.
func (s *groupSearcher) compareGroups(ctx context.Context, from, end int) error {
	for from < end {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		to := s.nextTile(from, end)
		rows := s.g.Col.PackedRows(from, to-from, s.packed)
		for i, p := range s.list {
			s.countBits(p.Query, rows, to-from)
			s.pushTile(s.finds[i], from, to-from)
		}
		s.counts.scanned += int64((to - from) * len(s.list))
		from = to
	}
	return nil
}

// pushTile pushes n rows, the first of which is number from, for one query of the list.
func (s *groupSearcher) pushTile(found *groupFinds, from, n int) {
	g, isJaccard := s.g, s.g.Seg.Metric == column.Jaccard
	for j, v := range s.both[:n] {
		row := from + j
		if !g.admits(row) {
			continue
		}
		dist := float64(v)
		if isJaccard {
			dist = jaccard(v, s.any[j])
		}
		found.push(g, int(g.Groups[row]), topk.Hit{Dist: dist, Row: uint32(row)})
	}
}

// compareRange returns the rows [from, end) within the threshold, for each query of packed bits.
func (s *sweep) compareRange(
	w *Searcher, ps []*Probe, lists [][]topk.Hit, from, end int,
) ([][]topk.Hit, error) {
	for from < end {
		if err := fault.FromContext(s.Ctx, "within"); err != nil {
			return nil, err
		}
		to := w.nextTile(from, end)
		if s.Run.admitted(from, to) > 0 {
			rows := s.Run.Col.PackedRows(from, to-from, w.packed)
			for i, p := range ps {
				w.countBits(p.Query, rows, to-from)
				p.counts.scanned += int64(to - from)
				if s.Run.Seg.Metric == column.Jaccard {
					lists[i] = s.addJaccard(lists[i], p, w, from, to-from)
				} else {
					lists[i] = s.addHamming(lists[i], p, w, from, to-from)
				}
			}
		}
		from = to
	}
	return lists, nil
}

// addHamming appends those of n counted rows that are within the threshold: most are told off by
// their bits.
func (s *sweep) addHamming(hits []topk.Hit, p *Probe, w *Searcher, from, n int) []topk.Hit {
	limit := uint32(min(s.bound.value, 1<<31))
	for j, v := range w.both[:n] {
		if v <= limit && s.Run.admits(from+j) {
			hits = s.add(hits, p, float64(v), from+j)
		}
	}
	return hits
}

// addJaccard is addHamming for shares of bits, told off with the leeway of offerJaccard.
func (s *sweep) addJaccard(hits []topk.Hit, p *Probe, w *Searcher, from, n int) []topk.Hit {
	least := -1.0
	if s.bound.value < 1 {
		least = (1 - float64(mem.NextUp(s.bound.value))) * jaccardLeeway
	}
	for j, v := range w.both[:n] {
		if float64(v) >= least*float64(w.any[j]) && s.Run.admits(from+j) {
			hits = s.add(hits, p, jaccard(v, w.any[j]), from+j)
		}
	}
	return hits
}
