package search

import (
	"context"
	"math"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// stretchBytes is the codes that all queries of a pass scan before the next are touched: they
	// stay in the first-level caches between queries, and thresholds fall once a stretch.
	stretchBytes = 64 << 10
)

// The pilot scan of kind flat: runs of blocks spread over the index, a sample that gives each
// query its first threshold. Small indexes have fewer runs.
const (
	pilotRuns   = 16
	pilotBlocks = 8
	pilotSparse = 4 // one block in so many at most, but for the first run
	// pilotExtra is how many rows more than k are scored with all their bits.
	pilotExtra = 8
	// pilotMore rows more than that may be scored, where they are found sooner.
	pilotMore = 2
)

const (
	// laterShare is how many times the candidates that a query keeps may wait for settle.
	laterShare = 2
	// patience widens the bounds of rows that wait, up to those of patientEpsilon: they are judged
	// by the least threshold of all, and without it recall falls by some .2 points.
	patience       = 0.25
	patientEpsilon = 2.4
	// settleAhead is how many rows ahead of the one being scored settle asks for.
	settleAhead = 6
)

// Probe is one query's search of one shard of rows.
type Probe struct {
	*Query
	candidates topk.Candidates // rows with bounds
	wait       []topk.Candidate
	later      []topk.Candidate // kind flat: see sift
	where      Place            // of the rows that wait
	Visits     []Visit          // kind ivf: cells to look into, rising
	outside    bool             // under a filter: it leaves out the rows around the query
	best       topk.Heap        // rows with distances, where every eligible row is scored
	counts     counts
	seen       seen   // with copies: rows that were scored
	twins      []twin // copies that wait
}

// counts is what a plan sums up over probes; first are nanoseconds.
type counts struct{ probed, scanned, coded, reranked, certified, strange, first int64 }

// Searcher is one worker's scratch memory.
type Searcher struct {
	Run  *Run
	read []float32 // converted rows
	segment.Measured
	length, wideLength float64  // of X and of Wide, for cosine
	rows               []uint32 // rows of a piece
	// Of rows gathered: the inverse of their lengths.
	lengths []float32
	out     []float32 // results of tile kernels
	matrix  []float32 // queries side by side
	masks   []uint32
	est     []float32
	four    [4]simd.ScanQuery // here, because arguments of kernels escape
	pick    topk.Heap         // least estimates of a pilot scan
	routes  Router
	ranks   ranks
	// While calibrating: the cells of a query.
	considered []Considered
	stretches  []stretch // what sets the first threshold
	visitor
	Sketched
	tiling
	pairing
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
	step := max(1, stretchBytes/f.Stride)
	for from < to {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		end := min(from+step, to)
		words := s.Run.words[from:end]
		if anyBit(words) {
			s.scanStretch(ps, f.Span(from, end), words, from, simd.Further(f.Soon(from, to)))
		}
		from = end
	}
	for _, p := range ps {
		s.settle(p)
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

// scanStretch scans one stretch of blocks, four queries at a time. The first ask for next.
func (s *Searcher) scanStretch(
	ps []*Probe, blocks []byte, words []uint32, first int, next []byte,
) {
	for _, p := range ps {
		p.counts.scanned += int64(mem.CountBits(words))
	}
	for len(ps) > 0 {
		some := ps[:together(len(ps))]
		for i, p := range some {
			s.four[i] = p.threshold(p.Origin)
		}
		s.scanBlocks(len(some), blocks, words, next)
		next = nil
		for i, p := range some {
			s.sift(p, first, s.masksOf(i, words), s.estOf(i, words))
		}
		for _, p := range some {
			s.score(p)
		}
		ps = ps[len(some):]
	}
}

// scanBlocks scans blocks of codes for the first n (one or four) queries of s.four; masksOf and
// estOf are what it found. One and four give equal bits, so that it does not matter which queries
// are together. It asks for next meanwhile.
func (s *Searcher) scanBlocks(n int, blocks []byte, words []uint32, next []byte) {
	padded := s.Run.Seg.Codes.Padded
	s.masks = mem.Grow(s.masks, n*len(words))
	s.est = mem.Grow(s.est, n*len(words)*simd.BlockRows)
	if n == 4 {
		simd.Scan4(blocks, padded, words, &s.four, s.masks, s.est, next)
	} else {
		simd.Scan(blocks, padded, words, &s.four[0], s.masks, s.est, next)
	}
}

// masksOf returns the rows of the scanned blocks that were let through for query i.
func (s *Searcher) masksOf(i int, words []uint32) []uint32 {
	return s.masks[i*len(words) : (i+1)*len(words)]
}

// estOf returns the estimates of the rows of the scanned blocks for query i.
func (s *Searcher) estOf(i int, words []uint32) []float32 {
	return s.est[i*len(words)*simd.BlockRows:]
}

// threshold returns the scan of the query at a place with everything at most tau let through.
func (p *Probe) threshold(at Place) simd.ScanQuery {
	sq := p.Scan
	sq.Add, sq.Err = at.Add, at.Err
	sq.Tau = mem.NextUp(p.candidates.Tau + p.Slack)
	return sq
}

// planeWidth is half the width of the bounds of a row's estimate from the plane, at a place.
func (q *Query) planeWidth(fs rabitq.Factors, at Place) float32 {
	return float32(fs.Err*at.Err) + float32(mem.Abs32(fs.Rescale)*q.Scan.TabErr) + q.Slack
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
			width := p.planeWidth(fs, at)
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
	if s.Run.twins != nil {
		s.scoreBoth(p)
		return
	}
	for _, c := range p.wait {
		if c.Low <= p.candidates.Tau {
			s.scoreOne(p, c)
		}
	}
	p.wait = p.wait[:0]
}

// scoreOne scores a row with all its bits.
func (s *Searcher) scoreOne(p *Probe, c topk.Candidate) {
	e, width := p.Code(s.Run.Seg.Codes, p.where, int(c.Pos))
	p.counts.coded++
	if p.candidates.Offer(int(c.Pos), e-width-p.Slack, e+width+p.Slack, e) {
		s.Run.Seg.FetchRowAt(c.Pos)
	}
}

// sift is keepSurvivors for kind flat, whose scan begins with a loose threshold, so that most of
// the rows that it lets through are out of the question at its end. Those whose estimate is within
// the threshold make it fall and are scored next; those that only the width of their bounds lets
// through wait for settle.
func (s *Searcher) sift(p *Probe, first int, masks []uint32, est []float32) {
	f := s.Run.Seg.Codes
	if f.Bits == 1 {
		s.keepSurvivors(p, p.Origin, first, masks, est)
		return
	}
	p.where = p.Origin
	wider := min(patience, max(patientEpsilon/p.epsilon-1, 0))
	for b, m := range masks {
		if m == 0 {
			continue
		}
		block := f.Block(first + b)
		for ; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			e := est[b*simd.BlockRows+lane]
			width := p.planeWidth(f.PlaneFactors(block, lane), p.Origin)
			pos := (first+b)*simd.BlockRows + lane
			c := topk.Candidate{Pos: uint32(pos), Low: e - width}
			if e > p.candidates.Tau {
				c.Low -= float32(wider * width)
				p.later = append(p.later, c)
				continue
			}
			simd.Fetch(f.ExtraOf(pos))
			p.wait = append(p.wait, c)
		}
	}
	if most := p.candidates.Limit * laterShare; len(p.later) >= most {
		if p.prune(); 2*len(p.later) > most {
			s.settle(p)
		}
	}
}

// prune drops the rows that wait in vain.
func (p *Probe) prune() {
	kept := p.later[:0]
	for _, c := range p.later {
		if c.Low <= p.candidates.Tau {
			kept = append(kept, c)
		}
	}
	p.later = kept
}

// settle scores the rows that still may be among the nearest.
func (s *Searcher) settle(p *Probe) {
	f := s.Run.Seg.Codes
	p.prune()
	p.where = p.Origin
	for i, c := range p.later {
		if i+settleAhead < len(p.later) {
			pos := int(p.later[i+settleAhead].Pos)
			simd.Fetch(f.Block(pos / simd.BlockRows)[:f.Stride-simd.FactorBytes])
			simd.Fetch(f.ExtraOf(pos))
		}
		if c.Low <= p.candidates.Tau {
			s.scoreOne(p, c)
		}
	}
	p.later = p.later[:0]
}

// measureAll measures every eligible row of blocks [from, to) for all probes.
func (s *Searcher) measureAll(ctx context.Context, ps []*Probe, from, to int) error {
	for from < to {
		var rows []uint32
		rows, _, from = s.piece(from, to)
		if s.Run.tilesPay(ps) {
			if err := fault.FromContext(ctx, "search"); err != nil {
				return err
			}
			s.measureTiles(ps, rows)
			continue
		}
		for i, row := range rows {
			if i&(s.Run.looks()-1) == 0 {
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
		blocks := f.Span(from, from+pilotBlocks)
		var next []byte
		if run+1 < s.runs() {
			next = f.Soon(s.pilotBlock(run+1), s.pilotBlock(run+1)+pilotBlocks)
		}
		if len(ps) == 4 {
			simd.Scan4(blocks, f.Padded, words, &s.four, s.masks, s.out, next)
		} else {
			simd.Scan(blocks, f.Padded, words, &s.four[0], s.masks[:pilotBlocks], s.out[:lanes], next)
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

// pickLeast puts the n least estimates, a few more at most, and where they are, into s.pick.
// Infinite ones are none.
func (s *Searcher) pickLeast(est []float32, n int) {
	s.rows = mem.Grow(s.rows, len(est))
	s.pick.Reset(n)
	for _, i := range s.rows[:simd.SelectLeast(s.rows, est, n, n+pilotMore)] {
		if est[i] < mem.Infinity {
			s.pick.Heap = append(s.pick.Heap, topk.Hit{Dist: float64(est[i]), Row: i})
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
