package search

import (
	"math"
	"math/bits"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Copies in a visited cell are scanned like its rows. One that passes becomes the candidate of its
// row, which is scored by the row's whole code around the centroid of the row's own cell. A row may
// come up twice, so that a query remembers which rows it has scored.

// seen is the positions of rows that a query has scored: a table of open addressing.
type seen struct {
	slots []uint32 // position + 1; 0: free
	n     int
}

// fewSeen is the room for positions at first, twice what they need.
const fewSeen = 256

// reset forgets all positions. The table begins small again, or every query would clear what one
// large one left.
func (t *seen) reset() {
	t.slots, t.n = mem.Grow(t.slots, fewSeen), 0
	clear(t.slots)
}

// home returns where a position is looked for first: the leading bits of a product, as many as the
// table needs (Fibonacci hashing; Knuth, volume 3, 6.4).
func (t *seen) home(pos uint32) int {
	return int(uint64(pos) * 0x9e3779b97f4a7c15 >> (64 - bits.Len(uint(len(t.slots)-1))))
}

// slot returns where a position is or would be.
func (t *seen) slot(pos uint32) int {
	mask := len(t.slots) - 1
	at := t.home(pos)
	for t.slots[at] != 0 && t.slots[at] != pos+1 {
		at = (at + 1) & mask
	}
	return at
}

func (t *seen) has(pos uint32) bool { return t.slots[t.slot(pos)] != 0 }

// add reports whether a position is new.
func (t *seen) add(pos uint32) bool {
	at := t.slot(pos)
	if t.slots[at] != 0 {
		return false
	}
	t.slots[at] = pos + 1
	if t.n++; 2*t.n > len(t.slots) {
		old := slices.Clone(t.slots)
		t.slots = mem.Grow(t.slots, 2*len(old))
		clear(t.slots)
		for _, v := range old {
			if v != 0 {
				t.slots[t.slot(v-1)] = v
			}
		}
	}
	return true
}

// twin is a copy that may be scored.
type twin struct {
	pos  uint32 // of its row
	cell uint32 // of its row
	low  float32
}

// codeBoth scores the picked rows and copies by all their bits.
func (s *Searcher) codeBoth(p *Probe) {
	f, k := s.Run.Seg.Codes, s.Run.twins
	for _, h := range s.pick.Heap {
		if u, slot := s.picked(int(h.Row)); u.copies {
			simd.Fetch(k.PosBytes[4*(slot-k.Shift(int(p.Visits[u.visit].Cell))):][:4])
		}
	}
	p.twins = p.twins[:0]
	p.seen.reset()
	for _, h := range s.pick.Heap {
		u, slot := s.picked(int(h.Row))
		at := &p.Visits[u.visit]
		if u.copies {
			pos := k.Pos[slot-k.Shift(int(at.Cell))]
			p.twins = append(p.twins, twin{pos, s.Run.fetchCode(pos), 0})
		} else {
			pos := slot - at.shift
			simd.Fetch(f.ExtraOf(pos))
			p.twins = append(p.twins, twin{uint32(pos), at.Cell, 0})
		}
	}
	for i, h := range s.pick.Heap {
		s.est[h.Row] = mem.Infinity // it is done
		s.scoreTwin(p, p.twins[i])
	}
	p.twins = p.twins[:0]
}

// scanCopies scans the copies in a cell that the query visits. It asks for next meanwhile.
func (s *Searcher) scanCopies(p *Probe, v *Visit, next []byte) {
	k := s.Run.twins
	from, to := int(k.Block[v.Cell]), int(k.Block[v.Cell+1])
	if from == to {
		return
	}
	f, words := k.Codes, k.Words[from:to]
	s.masks = mem.Grow(s.masks, len(words))
	s.est = mem.Grow(s.est, len(words)*simd.BlockRows)
	s.Run.fetchPositions(int(v.Cell))
	s.four[0] = p.threshold(v.Place)
	simd.Scan(f.Span(from, to), f.Padded, words, &s.four[0], s.masks, s.est, next)
	p.counts.scanned += int64(k.Size(int(v.Cell)))
	s.score(p)
	s.keepTwins(p, v, from, s.masks, s.est)
}

// scanCopiesFor is scanCopies for all queries that visit a cell, four at a time. The last ask for
// next.
func (s *Searcher) scanCopiesFor(ps []*Probe, pairs []pair, cell uint32, next []byte) {
	k := s.Run.twins
	from, to := int(k.Block[cell]), int(k.Block[cell+1])
	if from == to {
		return
	}
	blocks, words := k.Codes.Span(from, to), k.Words[from:to]
	s.Run.fetchPositions(int(cell))
	for len(pairs) > 0 {
		some := pairs[:together(len(pairs))]
		pairs = pairs[len(some):]
		for i, pr := range some {
			p := ps[pr.query]
			s.four[i] = p.threshold(p.Visits[pr.visit].Place)
		}
		var soon []byte
		if len(pairs) == 0 {
			soon = next
		}
		s.scanBlocks(len(some), blocks, words, soon)
		for i, pr := range some {
			p := ps[pr.query]
			p.counts.scanned += int64(k.Size(int(cell)))
			s.score(p)
			s.keepTwins(p, &p.Visits[pr.visit], from, s.masksOf(i, words), s.estOf(i, words))
		}
	}
}

// copiesSoon is the copies in a cell, to be asked for.
func (r *Run) copiesSoon(cell uint32) []byte {
	return r.twins.Codes.Soon(int(r.twins.Block[cell]), int(r.twins.Block[cell+1]))
}

// fetchPositions asks for the positions of the copies in a cell.
func (r *Run) fetchPositions(cell int) {
	simd.Fetch(r.twins.PosBytes[4*r.twins.First[cell] : 4*r.twins.First[cell+1]])
}

// fetchCode asks for the whole code of the row at a position and returns its cell. The plane of a
// row whose cell is not visited is read here alone.
func (r *Run) fetchCode(pos uint32) (cell uint32) {
	c, f := r.Seg.Cells, r.Seg.Codes
	cell = uint32(c.Of(int(pos)))
	block := f.Block((int(pos) + c.Shift(int(cell))) / simd.BlockRows)
	simd.Fetch(block[:f.Stride-simd.FactorBytes])
	simd.Fetch(f.ExtraOf(int(pos)))
	return cell
}

// keepTwins is keepSurvivors for copies, in the cell of a visit. It passes over rows that were
// scored.
func (s *Searcher) keepTwins(p *Probe, v *Visit, first int, masks []uint32, est []float32) {
	k := s.Run.twins
	f, shift := k.Codes, k.Shift(int(v.Cell))
	for b, m := range masks {
		if m == 0 {
			continue
		}
		block := f.Block(first + b)
		for ; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			pos := k.Pos[(first+b)*simd.BlockRows+lane-shift]
			if p.seen.has(pos) {
				continue
			}
			width := p.planeWidth(f.PlaneFactors(block, lane), v.Place)
			low := est[b*simd.BlockRows+lane] - width
			p.twins = append(p.twins, twin{pos, s.Run.fetchCode(pos), low})
		}
	}
}

// scoreBoth is score for searches that look at copies.
func (s *Searcher) scoreBoth(p *Probe) {
	for _, c := range p.wait {
		if c.Low <= p.candidates.Tau && p.seen.add(c.Pos) {
			s.scoreOne(p, c)
		}
	}
	p.wait = p.wait[:0]
	for _, t := range p.twins {
		if t.low <= p.candidates.Tau {
			s.scoreTwin(p, t)
		}
	}
	p.twins = p.twins[:0]
}

// scoreTwin scores the row of a copy with all its bits, unless it was scored or is deleted.
func (s *Searcher) scoreTwin(p *Probe, t twin) {
	c := s.Run.Seg.Cells
	if !p.seen.add(t.pos) || !mem.BitOf(s.Run.slots, int(t.pos)+c.Shift(int(t.cell))) {
		return
	}
	where := p.where
	p.where = s.placeIn(p, t.cell)
	s.scoreOne(p, topk.Candidate{Pos: t.pos})
	p.where = where
}

// placeIn returns the place of a cell, measured before where it is among the visits.
func (s *Searcher) placeIn(p *Probe, cell uint32) Place {
	low, high := 0, len(p.Visits)
	for low < high {
		if mid := (low + high) / 2; p.Visits[mid].Cell < cell {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(p.Visits) && p.Visits[low].Cell == cell {
		return p.Visits[low].Place
	}
	return p.in(s.Run.Seg.Cells, s.Run.Seg.Metric.Larger(), int(cell))
}

// hide makes the estimates of lanes that words leave out infinitely far.
func hide(words []uint32, est []float32) {
	for b, w := range words {
		if w == math.MaxUint32 {
			continue
		}
		for lane := range simd.BlockRows {
			if w>>lane&1 == 0 {
				est[b*simd.BlockRows+lane] = mem.Infinity
			}
		}
	}
}

// hideDeleted makes the estimates of copies in a cell infinitely far whose rows are deleted.
func (s *Searcher) hideDeleted(cell int, est []float32) {
	k, seg := s.Run.twins, s.Run.Seg
	for i, pos := range k.Pos[k.First[cell]:k.First[cell+1]] {
		if !seg.IsAlive(int(seg.Cells.Rows[pos])) {
			est[i] = mem.Infinity
		}
	}
}

// dropDone clears the mask bits of rows whose estimates say that they are scored (infinity).
func (s *Searcher) dropDone(est []float32) {
	for b, m := range s.masks {
		for left := m; left != 0; left &= left - 1 {
			if lane := bits.TrailingZeros32(left); est[b*simd.BlockRows+lane] == mem.Infinity {
				s.masks[b] &^= 1 << lane
			}
		}
	}
}
