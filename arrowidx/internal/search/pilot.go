package search

import (
	"context"
	"math"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// The pilot scan of kind flat: runs of blocks spread over the index, a sample that gives each
// query its first threshold. Small indexes have fewer runs.
const (
	pilotRuns   = 16
	pilotBlocks = 8
	pilotSparse = 4 // one block in so many at most, but for the first run
	// pilotExtra is how many rows more than k are scored with all their bits.
	pilotExtra = 16
)

// pilotScan sets every probe's first threshold: the k-th smallest upper bound among the rows of
// least estimate in the sample.
func (s *Searcher) pilotScan(ctx context.Context, ps []*Probe) error {
	if len(ps) == 0 {
		return nil
	}
	rows := s.runs() * pilotBlocks * simd.BlockRows
	if rows == 0 {
		return nil
	}
	s.est = mem.Grow(s.est, 4*rows)
	for len(ps) > 0 {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		n := together(len(ps))
		s.scanSample(ps[:n])
		for i, p := range ps[:n] {
			s.boundSample(p, s.est[i*rows:(i+1)*rows])
		}
		ps = ps[n:]
	}
	return nil
}

// runs returns the number of runs of the sample.
func (s *Searcher) runs() int {
	blocks := s.Run.Seg.Codes.Count
	if blocks < pilotBlocks {
		return 0
	}
	return min(max(blocks/(pilotSparse*pilotBlocks), 1), pilotRuns)
}

// pilotBlock is the first block of a run.
func (s *Searcher) pilotBlock(run int) int { return run * s.Run.Seg.Codes.Count / s.runs() }

// scanSample writes the estimates of the sample for one or four probes to s.est, a query after the
// other; rows that may not be found are infinitely far.
func (s *Searcher) scanSample(ps []*Probe) {
	f := s.Run.Seg.Codes
	const lanes = pilotBlocks * simd.BlockRows
	s.masks = mem.Grow(s.masks, 4*pilotBlocks)
	s.out = mem.Grow(s.out, 4*lanes)
	for i, p := range ps {
		s.four[i] = p.Scan
		s.four[i].Tau = float32(math.Inf(1))
	}
	for run := range s.runs() {
		from := s.pilotBlock(run)
		words := s.Run.words[from : from+pilotBlocks]
		blocks := f.Blocks.Mem[from*f.Stride : (from+pilotBlocks)*f.Stride]
		if len(ps) == 4 {
			simd.Scan4(blocks, f.Padded, words, &s.four, s.masks, s.out)
		} else {
			simd.Scan(blocks, f.Padded, words, &s.four[0], s.masks[:pilotBlocks], s.out[:lanes])
		}
		for i := range ps {
			to := s.est[(i*s.runs()+run)*lanes : (i*s.runs()+run+1)*lanes]
			copy(to, s.out[i*lanes:(i+1)*lanes])
			for b, w := range words {
				for gone := ^w; gone != 0; gone &= gone - 1 {
					to[b*simd.BlockRows+bits.TrailingZeros32(gone)] = float32(math.Inf(1))
				}
			}
		}
	}
}

// pickLeast puts the n least estimates, and where they are, into s.pick.
func (s *Searcher) pickLeast(est []float32, n int) {
	s.pick.Reset(n)
	tau := mem.Infinity
	for i := simd.NextBelow(est, 0, tau); i < len(est); i = simd.NextBelow(est, i+1, tau) {
		s.pick.Push(topk.Hit{Dist: float64(est[i]), Row: uint32(i)})
		if s.pick.Full() {
			tau = float32(s.pick.Worst())
		}
	}
}

// boundSample scores the rows of least estimate and takes their upper bounds.
func (s *Searcher) boundSample(p *Probe, est []float32) {
	f := s.Run.Seg.Codes
	s.pickLeast(est, p.candidates.K+pilotExtra)
	const lanes = pilotBlocks * simd.BlockRows
	for i, h := range s.pick.Heap {
		run, at := int(h.Row)/lanes, int(h.Row)%lanes
		row := s.pilotBlock(run)*simd.BlockRows + at
		s.pick.Heap[i].Row = uint32(row)
		if f.Bits > 1 {
			simd.Fetch(f.ExtraOf(row))
		}
	}
	for _, h := range s.pick.Heap {
		row := int(h.Row)
		e, width := float32(h.Dist), float32(0)
		if f.Bits > 1 {
			e, width = p.Code(f, p.Origin, row)
		} else {
			fs := f.PlaneFactors(f.Block(row/simd.BlockRows), row%simd.BlockRows)
			width = fs.Err*p.Scan.Err + mem.Abs32(fs.Rescale)*p.Scan.TabErr
		}
		p.candidates.Bound(e + width + p.Slack)
	}
	p.first = p.candidates.Tau
}
