package arrowidx

import (
	"context"
	"math"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// segmentBytes is the codes that all queries of a group scan before the next are touched: they
	// stay in the first-level caches between queries, and thresholds fall once a segment.
	segmentBytes = 64 << 10
)

// probe is one query's search of one shard of rows.
type probe struct {
	*query
	found  collector // rows with bounds
	wait   []candidate
	where  place   // of the rows that wait
	visits []visit // kind ivf: cells to look into, rising
	apart  bool    // under a filter: it leaves out the rows around the query
	best   nearest // rows with distances, where every eligible row is scored
	counts counts
}

// counts is what a plan sums up over probes.
type counts struct{ probed, scanned, coded, reranked, certified int64 }

// searcher is one worker's scratch memory.
type searcher struct {
	run  *run
	read []float32 // converted rows
	measured
	rows []uint32 // rows of a piece
	// Of rows gathered: the inverse of their lengths.
	lengths []float32
	out     []float32 // results of tile kernels
	matrix  []float32 // queries side by side
	masks   []uint32
	est     []float32
	four    [4]simd.ScanQuery // here, because arguments of kernels escape
	pick    nearest           // least estimates of a first wave
	routes  router
	visitor
	sketched
}

// scanCodes scans blocks [from, to) for all probes: plane, bound, and for the rows that survive the
// whole code.
func (s *searcher) scanCodes(ctx context.Context, ps []*probe, from, to int) error {
	f := s.run.ix.codes
	step := max(1, segmentBytes/f.stride)
	for from < to {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		end := min(from+step, to)
		words := s.run.words[from:end]
		if anyBit(words) {
			s.scanSegment(ps, f.blocks.mem[from*f.stride:end*f.stride], words, from)
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
func (s *searcher) scanSegment(ps []*probe, blocks []byte, words []uint32, first int) {
	n, padded := len(words), s.run.ix.codes.padded
	for _, p := range ps {
		p.counts.scanned += int64(countBits(words))
	}
	s.masks = grow(s.masks, 4*n)
	s.est = grow(s.est, 4*n*simd.BlockRows)
	for len(ps) >= 4 {
		for i := range s.four {
			s.four[i] = ps[i].threshold(ps[i].origin)
		}
		simd.Scan4(blocks, padded, words, &s.four, s.masks, s.est)
		for i, p := range ps[:4] {
			s.gather(p, p.origin, first, s.masks[i*n:(i+1)*n], s.est[i*n*simd.BlockRows:])
		}
		for _, p := range ps[:4] {
			s.score(p)
		}
		ps = ps[4:]
	}
	for _, p := range ps {
		s.four[0] = p.threshold(p.origin)
		simd.Scan(blocks, padded, words, &s.four[0], s.masks[:n], s.est[:n*simd.BlockRows])
		s.gather(p, p.origin, first, s.masks[:n], s.est)
		s.score(p)
	}
}

// threshold returns the scan of the query at a place with everything at most tau let through.
func (p *probe) threshold(at place) simd.ScanQuery {
	sq := p.scan
	sq.Add, sq.Err = at.add, at.err
	sq.Tau = nextUp(p.found.tau + p.slack)
	return sq
}

// gather lists the rows of blocks that a scan let through and asks for their extra bits, which lie
// scattered in memory: score finds them in the caches.
func (s *searcher) gather(p *probe, at place, first int, masks []uint32, est []float32) {
	f := s.run.ix.codes
	p.where = at
	for b, m := range masks {
		if m == 0 {
			continue
		}
		block := f.block(first + b)
		for ; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			e := est[b*simd.BlockRows+lane]
			fs := f.planeFactors(block, lane)
			width := float32(fs.err*at.err) + float32(abs32(fs.rescale)*p.scan.TabErr) + p.slack
			pos := (first+b)*simd.BlockRows + lane - at.shift
			if f.bits == 1 {
				p.found.offer(pos, e-width, e+width, e)
				continue
			}
			simd.Fetch(f.extraOf(pos))
			p.wait = append(p.wait, candidate{pos: uint32(pos), low: e - width})
		}
	}
}

// score scores the gathered rows with all their bits. The threshold may have fallen below some.
func (s *searcher) score(p *probe) {
	for _, c := range p.wait {
		if c.low > p.found.tau {
			continue
		}
		e, width := p.code(s.run.ix.codes, p.where, int(c.pos))
		p.counts.coded++
		p.found.offer(int(c.pos), e-width-p.slack, e+width+p.slack, e)
	}
	p.wait = p.wait[:0]
}

func abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// measureAll measures every eligible row of blocks [from, to) for all probes.
func (s *searcher) measureAll(ctx context.Context, ps []*probe, from, to int) error {
	for from < to {
		var rows []uint32
		rows, _, from = s.piece(from, to)
		for i, row := range rows {
			if i%lookEvery == 0 {
				if err := cancelled(ctx, "search"); err != nil {
					return err
				}
			}
			if i+fetchAhead < len(rows) {
				s.run.fetchRow(rows[i+fetchAhead])
			}
			s.measureRow(ps, int(row))
		}
	}
	return nil
}

func (s *searcher) measureRow(ps []*probe, row int) {
	s.turnTo(row)
	for _, p := range ps {
		p.counts.reranked++
		p.best.push(hit{s.distance(p.query), uint32(row)})
	}
}
