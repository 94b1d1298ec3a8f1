package search

import (
	"context"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// segmentBytes is the codes that all queries of a group scan before the next are touched: they
	// stay in the first-level caches between queries, and thresholds fall once a segment.
	segmentBytes = 64 << 10
)

// Probe is one query's search of one shard of rows.
type Probe struct {
	*Query
	candidates topk.Candidates // rows with bounds
	wait       []topk.Candidate
	where      Place     // of the rows that wait
	Visits     []Visit   // kind ivf: cells to look into, rising
	outside    bool      // under a filter: it leaves out the rows around the query
	best       topk.Heap // rows with distances, where every eligible row is scored
	counts     counts
}

// counts is what a plan sums up over probes.
type counts struct{ probed, scanned, coded, reranked, certified int64 }

// Searcher is one worker's scratch memory.
type Searcher struct {
	Run  *Run
	read []float32 // converted rows
	segment.Measured
	rows []uint32 // rows of a piece
	// Of rows gathered: the inverse of their lengths.
	lengths []float32
	out     []float32 // results of tile kernels
	matrix  []float32 // queries side by side
	masks   []uint32
	est     []float32
	four    [4]simd.ScanQuery // here, because arguments of kernels escape
	pick    topk.Heap         // least estimates of a pilot scan
	routes  Router
	visitor
	Sketched
}

// together is how many of n queries a kernel takes at once: four, or one.
func together(n int) int {
	if n >= 4 {
		return 4
	}
	return 1
}

// scanCodes scans blocks [from, to) for all probes: plane, bound, and for the rows that survive the
// whole code.
func (s *Searcher) scanCodes(ctx context.Context, ps []*Probe, from, to int) error {
	f := s.Run.Seg.Codes
	step := max(1, segmentBytes/f.Stride)
	for from < to {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		end := min(from+step, to)
		words := s.Run.words[from:end]
		if anyBit(words) {
			s.scanSegment(ps, f.Blocks.Mem[from*f.Stride:end*f.Stride], words, from)
		}
		from = end
	}
	return nil
}

func anyBit(words []uint32) bool {
	for _, w := range words {
		if w != 0 {
			return true
		}
	}
	return false
}

// scanSegment scans one segment, four queries at a time. Scan and Scan4 give equal bits, so that
// a query's group does not matter.
func (s *Searcher) scanSegment(ps []*Probe, blocks []byte, words []uint32, first int) {
	n, padded := len(words), s.Run.Seg.Codes.Padded
	for _, p := range ps {
		p.counts.scanned += int64(mem.CountBits(words))
	}
	s.masks = mem.Grow(s.masks, 4*n)
	s.est = mem.Grow(s.est, 4*n*simd.BlockRows)
	for len(ps) >= 4 {
		for i := range s.four {
			s.four[i] = ps[i].threshold(ps[i].Origin)
		}
		simd.Scan4(blocks, padded, words, &s.four, s.masks, s.est)
		for i, p := range ps[:4] {
			s.keepSurvivors(p, p.Origin, first, s.masks[i*n:(i+1)*n], s.est[i*n*simd.BlockRows:])
		}
		for _, p := range ps[:4] {
			s.score(p)
		}
		ps = ps[4:]
	}
	for _, p := range ps {
		s.four[0] = p.threshold(p.Origin)
		simd.Scan(blocks, padded, words, &s.four[0], s.masks[:n], s.est[:n*simd.BlockRows])
		s.keepSurvivors(p, p.Origin, first, s.masks[:n], s.est)
		s.score(p)
	}
}

// threshold returns the scan of the query at a place with everything at most tau let through.
func (p *Probe) threshold(at Place) simd.ScanQuery {
	sq := p.Scan
	sq.Add, sq.Err = at.Add, at.Err
	sq.Tau = mem.NextUp(p.candidates.Tau + p.Slack)
	return sq
}

// keepSurvivors lists the rows of blocks that a scan let through and asks for their extra bits,
// which lie scattered in memory: score finds them in the caches.
func (s *Searcher) keepSurvivors(p *Probe, at Place, first int, masks []uint32, est []float32) {
	f := s.Run.Seg.Codes
	p.where = at
	for b, m := range masks {
		if m == 0 {
			continue
		}
		block := f.Block(first + b)
		for ; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			e := est[b*simd.BlockRows+lane]
			fs := f.PlaneFactors(block, lane)
			width := float32(fs.Err*at.Err) + float32(mem.Abs32(fs.Rescale)*p.Scan.TabErr) + p.Slack
			pos := (first+b)*simd.BlockRows + lane - at.shift
			if f.Bits == 1 {
				p.candidates.Offer(pos, e-width, e+width, e)
				continue
			}
			simd.Fetch(f.ExtraOf(pos))
			p.wait = append(p.wait, topk.Candidate{Pos: uint32(pos), Low: e - width})
		}
	}
}

// score scores the survivors with all their bits. The threshold may have fallen below some.
func (s *Searcher) score(p *Probe) {
	for _, c := range p.wait {
		if c.Low > p.candidates.Tau {
			continue
		}
		e, width := p.Code(s.Run.Seg.Codes, p.where, int(c.Pos))
		p.counts.coded++
		p.candidates.Offer(int(c.Pos), e-width-p.Slack, e+width+p.Slack, e)
	}
	p.wait = p.wait[:0]
}

// measureAll measures every eligible row of blocks [from, to) for all probes.
func (s *Searcher) measureAll(ctx context.Context, ps []*Probe, from, to int) error {
	for from < to {
		var rows []uint32
		rows, _, from = s.piece(from, to)
		for i, row := range rows {
			if i%LookEvery == 0 {
				if err := fault.FromContext(ctx, "search"); err != nil {
					return err
				}
			}
			if i+column.FetchAhead < len(rows) {
				s.Run.fetchRow(rows[i+column.FetchAhead])
			}
			s.measureRow(ps, int(row))
		}
	}
	return nil
}

func (s *Searcher) measureRow(ps []*Probe, row int) {
	s.turnTo(row)
	for _, p := range ps {
		p.counts.reranked++
		p.best.Push(topk.Hit{Dist: s.distance(p.Query), Row: uint32(row)})
	}
}
