package arrowidx

import (
	"context"
	"math"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/simd"
)

// The first wave of a flat scan: runs of blocks spread over the index, a sample that gives each
// query its first threshold. Small indexes have fewer runs.
const (
	waveRuns   = 16
	waveBlocks = 8
	waveSparse = 4 // one block in so many at most, but for the first run
	// waveExtra is how many rows more than k are scored with all their bits.
	waveExtra = 16
)

// firstWave sets every probe's first threshold: the k-th smallest upper bound among the rows of
// least estimate in the sample.
func (s *searcher) firstWave(ctx context.Context, ps []*probe) error {
	if len(ps) == 0 {
		return nil
	}
	rows := s.runs() * waveBlocks * simd.BlockRows
	if rows == 0 {
		return nil
	}
	s.est = grow(s.est, 4*rows)
	for len(ps) > 0 {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		n := 1
		if len(ps) >= 4 {
			n = 4
		}
		s.scanSample(ps[:n])
		for i, p := range ps[:n] {
			s.boundSample(p, s.est[i*rows:(i+1)*rows])
		}
		ps = ps[n:]
	}
	return nil
}

// runs returns the number of runs of the sample.
func (s *searcher) runs() int {
	blocks := s.run.ix.codes.count
	if blocks < waveBlocks {
		return 0
	}
	return min(max(blocks/(waveSparse*waveBlocks), 1), waveRuns)
}

// waveBlock is the first block of a run.
func (s *searcher) waveBlock(run int) int { return run * s.run.ix.codes.count / s.runs() }

// scanSample writes the estimates of the sample for one or four probes to s.est, a query after the
// other; rows that may not be found are infinitely far.
func (s *searcher) scanSample(ps []*probe) {
	f := s.run.ix.codes
	const lanes = waveBlocks * simd.BlockRows
	s.masks = grow(s.masks, 4*waveBlocks)
	s.out = grow(s.out, 4*lanes)
	for i, p := range ps {
		s.four[i] = p.scan
		s.four[i].Tau = float32(math.Inf(1))
	}
	for run := range s.runs() {
		from := s.waveBlock(run)
		words := s.run.words[from : from+waveBlocks]
		blocks := f.blocks.mem[from*f.stride : (from+waveBlocks)*f.stride]
		if len(ps) == 4 {
			simd.Scan4(blocks, f.padded, words, &s.four, s.masks, s.out)
		} else {
			simd.Scan(blocks, f.padded, words, &s.four[0], s.masks[:waveBlocks], s.out[:lanes])
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
func (s *searcher) pickLeast(est []float32, n int) {
	s.pick.reset(n)
	tau := infinity
	for i := simd.NextBelow(est, 0, tau); i < len(est); i = simd.NextBelow(est, i+1, tau) {
		s.pick.push(hit{float64(est[i]), uint32(i)})
		if s.pick.full() {
			tau = float32(s.pick.worst())
		}
	}
}

// boundSample scores the rows of least estimate and takes their upper bounds.
func (s *searcher) boundSample(p *probe, est []float32) {
	f := s.run.ix.codes
	s.pickLeast(est, p.found.k+waveExtra)
	const lanes = waveBlocks * simd.BlockRows
	for i, h := range s.pick.heap {
		run, at := int(h.row)/lanes, int(h.row)%lanes
		row := s.waveBlock(run)*simd.BlockRows + at
		s.pick.heap[i].row = uint32(row)
		if f.bits > 1 {
			simd.Fetch(f.extraOf(row))
		}
	}
	for _, h := range s.pick.heap {
		row := int(h.row)
		e, width := float32(h.dist), float32(0)
		if f.bits > 1 {
			e, width = p.code(f, p.origin, row)
		} else {
			fs := f.planeFactors(f.block(row/simd.BlockRows), row%simd.BlockRows)
			width = fs.err*p.scan.Err + abs32(fs.rescale)*p.scan.TabErr
		}
		p.found.bound(e + width + p.slack)
	}
	p.first = p.found.tau
}
