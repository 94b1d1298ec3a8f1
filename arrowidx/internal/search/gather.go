package search

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/sketch"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// tileQueries is how many queries are worth a copy of the rows side by side.
	tileQueries = 4
	// sideTile is the bytes of rows side by side that one pass covers: half of a usual second-level
	// cache, from which they come fast enough for four queries at a time.
	sideTile = 512 << 10
	// rowCost and blockCost are what a row or a block takes beside its bytes, in bytes.
	rowCost   = 256
	blockCost = 256
	// scatteredShare is how many rows a block must hold on average for a scan of blocks to pay.
	scatteredShare = 2
	// fetchBytes is how much of a row is asked for ahead; the processor foresees the rest.
	fetchBytes = 2 << 10
	// gatherAhead is how many rows ahead of the one being measured are asked for.
	gatherAhead = 4
)

// Rows are read as float32 where what becomes of them cannot leave float32's range: exponents of
// distances' units, and of lengths under cosine.
const (
	unitExponent   = 60
	lengthExponent = 40
)

// scaledAway bounds what a distance loses that is scaled to below float32's normal numbers.
const scaledAway = 4 * math.SmallestNonzeroFloat32

// sparse reports whether the vectors of the eligible rows are fewer bytes than the codes of the
// blocks that hold them.
func (r *Run) sparse() bool {
	if r.Filter == nil || r.Seg.Codes == nil {
		return r.Filter != nil
	}
	row := int64(max(4*r.Seg.Dim, r.Col.RowBytes())) + rowCost
	block := int64(r.Seg.Codes.Stride) + blockCost
	return int64(r.Eligible)*row <= int64(r.Filter.Busy)*block
}

// scattered reports whether rows that are few hardly share blocks and may be copied side by side:
// read by a filter's second query, or by many queries at once, they cost a fraction of a scan.
func (r *Run) scattered() bool {
	return r.Filter != nil && r.copies() && r.Eligible < scatteredShare*r.Filter.Busy
}

// fewest is how many rows are looked at one by one, whatever the filter.
func (r *Run) fewest() int {
	if r.reaches() {
		return 2048
	}
	return max(1024, r.Seg.Rows/50)
}

// inRange reports whether float32 distances of the query have the bounds that nearRows gives them.
func (r *Run) inRange(q *Query) bool {
	seg := r.Seg
	if seg.Metric == column.Cosine {
		return exponentWithin(q.Norm, lengthExponent)
	}
	if seg.Kind == segment.Exact {
		return seg.Metric != column.Dot || r.tileable(q)
	}
	return exponentWithin(q.Unit, unitExponent) && exponentWithin(float64(seg.Scale), unitExponent/2)
}

func exponentWithin(x float64, limit int) bool {
	_, exp := math.Frexp(x)
	return x > 0 && exp > -limit && exp < limit
}

// nearRows offers every eligible row of blocks [from, to) to the queries' candidates, with float32
// distances and bounds that contain their rounding.
func (s *Searcher) nearRows(ctx context.Context, ps []*Probe, from, to int) error {
	d := s.Run.Seg.Dim
	side := s.Run.SideBySide()
	step := max(1, exactTile/(4*d))
	if side != nil {
		step = max(1, sideTile/(4*d))
	}
	s.read = mem.Grow(s.read, step*d)
	s.out = mem.Grow(s.out, step*len(ps))
	s.lengths = mem.Grow(s.lengths, step)
	s.flatQueries(ps)
	var outline *sketch.Sketch
	if side != nil && s.Run.sketches() {
		outline = s.Run.outline(side)
	}
	for from < to {
		var rows []uint32
		var at int
		rows, at, from = s.piece(from, to)
		if outline != nil {
			if err := fault.FromContext(ctx, "search"); err != nil {
				return err
			}
			s.nearSketched(ps, side, rows, at)
			continue
		}
		for i := 0; side == nil && i < min(gatherAhead, len(rows)); i++ {
			s.Run.fetchRow(rows[i])
		}
		for i := 0; i < len(rows); i += step {
			if err := fault.FromContext(ctx, "search"); err != nil {
				return err
			}
			n := min(step, len(rows)-i)
			if side != nil {
				s.measureAligned(ps, side, at+i, n)
			} else {
				s.measureGathered(ps, rows[i:], n)
			}
			for j, p := range ps {
				s.lowerTau(p, s.out[j*n:(j+1)*n])
				s.offerRows(p, s.out[j*n:(j+1)*n], rows[i:i+n])
			}
		}
	}
	return nil
}

func (r *Run) fetchRow(row uint32) {
	r.Col.Fetch(int(row), fetchBytes)
}

// measureAligned is measureGathered for n rows from place `at` of the filter's list on, whose
// vectors lie side by side.
func (s *Searcher) measureAligned(ps []*Probe, side *sideBySide, at, n int) {
	d := s.Run.Seg.Dim
	if side.inverse != nil {
		copy(s.lengths, side.inverse[at:at+n])
	}
	x := side.Vectors[at*d : (at+n)*d]
	if len(ps) >= tileQueries {
		s.tile(x, n, len(ps))
		return
	}
	for i := range ps {
		s.products(s.out[i*n:(i+1)*n], x, i)
	}
}

// measureGathered writes the distances of the first n rows from every query to s.out, and for
// cosine the inverse of their lengths to s.lengths, NaN where it is out of range. Rows beyond n are
// those to come.
func (s *Searcher) measureGathered(ps []*Probe, rows []uint32, n int) {
	col, d := s.Run.Col, s.Run.Seg.Dim
	together := len(ps) >= tileQueries
	for j := 0; j < n; {
		row := int(rows[j])
		end := col.TileEnd(row, n-j) - row
		run := 1
		for run < end && int(rows[j+run]) == row+run {
			run++
		}
		for k := j + gatherAhead; k < min(j+gatherAhead+run, len(rows)); k++ {
			s.Run.fetchRow(rows[k])
		}
		own := s.read[j*d : (j+run)*d]
		x := s.Run.see(row, run, own, &s.WideRows)
		s.Run.measureLengths(x, row, s.lengths[j:j+run])
		if together {
			if &x[0] != &own[0] {
				copy(own, x)
			}
			j += run
			continue
		}
		for i := range ps {
			s.products(s.out[i*n+j:i*n+j+run], x, i)
		}
		j += run
	}
	if together {
		s.tile(s.read, n, len(ps))
	}
}

// products writes the products of rows, or their squared distances, with one of the queries.
func (s *Searcher) products(out, x []float32, query int) {
	d := s.Run.Seg.Dim
	q := s.matrix[query*d : (query+1)*d]
	if s.Run.Seg.Metric.Larger() {
		simd.DotRows(out, x, len(out), d, d, q)
	} else {
		simd.L2Rows(out, x, len(out), d, d, q)
	}
}

// tile is products for all queries.
func (s *Searcher) tile(x []float32, n, queries int) {
	d := s.Run.Seg.Dim
	if s.Run.Seg.Metric.Larger() {
		simd.DotTile(s.out, x, n, d, d, s.matrix, queries, d)
	} else {
		simd.L2Tile(s.out, x, n, d, d, s.matrix, queries, d)
	}
}

// measureLengths writes the inverse lengths of rows from number row on.
func (r *Run) measureLengths(x []float32, row int, inverse []float32) {
	seg := r.Seg
	if seg.Metric != column.Cosine {
		return
	}
	if r.Lens != nil {
		for i := range inverse {
			inverse[i] = 1
		}
		return
	}
	for i := range inverse {
		var length float32
		if seg.Kind == segment.Exact {
			length = seg.Norms.Floats()[row+i]
		} else {
			row := x[i*seg.Dim : (i+1)*seg.Dim]
			simd.DotRows(inverse[i:i+1], row, 1, seg.Dim, seg.Dim, row)
			length = mem.Sqrt32(inverse[i])
		}
		inverse[i] = float32(math.NaN())
		if exponentWithin(float64(length), lengthExponent) {
			inverse[i] = 1 / length
		}
	}
}

// lowerTau lowers a query's threshold to the greatest distance that the k-th nearest of rows can
// have by values from measureGathered: offered one by one, three times as many rows would be below
// the threshold of their time.
func (s *Searcher) lowerTau(p *Probe, values []float32) {
	seg, c := s.Run.Seg, &p.candidates
	if len(values) < 2*c.K {
		return
	}
	s.est = mem.Grow(s.est, len(values))
	copy(s.est, values)
	if seg.Metric == column.Cosine {
		length := float32(1 / p.Norm)
		for i, v := range values {
			s.est[i] = v * length * s.lengths[i]
			if s.est[i] != s.est[i] {
				s.est[i] = mem.Infinity
			}
		}
	}
	s.masks = mem.Grow(s.masks, len(values))
	kth, gamma, lost := float32(math.Inf(-1)), p.gamma(seg), mem.ExactVanished(seg.Dim)
	for _, i := range s.masks[:simd.SelectLeast(s.masks, s.est, c.K, c.K+c.K/2)] {
		kth = max(kth, s.est[i])
	}
	up := kth + 2*gamma
	switch {
	case seg.Metric == column.Dot:
		longest := 2 / seg.Scale
		if seg.Kind == segment.Exact {
			longest = seg.Longest
		}
		lost = lostProducts(seg.Dim, longest, float32(p.Norm))
		up = (kth+gamma*float32(p.Norm)*longest+lost)*float32(p.Unit) + scaledAway
	case seg.Metric != column.Cosine:
		_, up = p.blur.around(kth*(1-gamma)-lost, kth*(1+gamma)+lost)
		up = up*float32(p.Unit) + scaledAway
	}
	c.Tau = min(c.Tau, mem.NextUp(up))
}

// offerRows offers distances from measureGathered, in engine units.
func (s *Searcher) offerRows(p *Probe, values []float32, rows []uint32) {
	p.counts.scanned += int64(len(values))
	switch {
	case s.Run.Seg.Metric == column.Cosine:
		s.offerCosines(p, values, rows)
		return
	case s.Run.Seg.Metric == column.Dot:
		s.offerDots(p, values, rows)
		return
	}
	c, gamma, lost := &p.candidates, p.gamma(s.Run.Seg), mem.ExactVanished(s.Run.Seg.Dim)
	unit, inverse := float32(p.Unit), float32(1/p.Unit)
	for i := -1; ; {
		i = simd.NextBelow(values, i+1, mem.NextUp((p.blur.widened(c.Tau*inverse)+lost)*(1+2*gamma)))
		if i == len(values) {
			return
		}
		v := values[i]
		low, up := p.blur.around(v*(1-gamma)-lost, v*(1+gamma)+lost)
		c.Offer(int(rows[i]), low*unit-scaledAway, up*unit+scaledAway, v*unit)
	}
}

// offerDots offers negated inner products. Their rounding is bounded by the length of the row, or
// where that is not known by twice the power of two that scales rows.
func (s *Searcher) offerDots(p *Probe, values []float32, rows []uint32) {
	seg, c := s.Run.Seg, &p.candidates
	unit, inverse := float32(p.Unit), float32(1/p.Unit)
	each := p.gamma(seg) * float32(p.Norm)
	longest := 2 / seg.Scale
	if seg.Kind == segment.Exact {
		longest = seg.Longest
	}
	lost := lostProducts(seg.Dim, longest, float32(p.Norm))
	for i := -1; ; {
		i = simd.NextBelow(values, i+1, mem.NextUp(c.Tau*inverse+2*(each*longest+lost)))
		if i == len(values) {
			return
		}
		v, slack := values[i], each*longest+lost
		if seg.Kind == segment.Exact {
			slack = each*seg.Norms.Floats()[rows[i]] + lost
		}
		c.Offer(int(rows[i]), (v-slack)*unit-scaledAway, (v+slack)*unit+scaledAway, v*unit)
	}
}

// offerCosines offers negated cosines.
func (s *Searcher) offerCosines(p *Probe, values []float32, rows []uint32) {
	c, slack := &p.candidates, 2*p.gamma(s.Run.Seg)
	length := float32(1 / p.Norm)
	for i, v := range values {
		dist := v * length * s.lengths[i]
		if dist-slack > c.Tau {
			continue
		}
		if dist != dist {
			s.turnTo(int(rows[i]))
			dist = float32(s.distance(p.Query))
		}
		c.Offer(int(rows[i]), dist-slack, dist+slack, dist)
	}
}

// codeRows scores every eligible row of blocks [from, to) of a flat index by its whole code.
func (s *Searcher) codeRows(ctx context.Context, ps []*Probe, from, to int) error {
	for from < to {
		var rows []uint32
		rows, _, from = s.piece(from, to)
		if err := s.codePositions(ctx, ps, rows, 0, nil); err != nil {
			return err
		}
	}
	return nil
}

// codePositions scores the rows at positions by their whole codes, for every probe at its place; a
// position's slot is shift more. rowsAt are the rows at the positions, nil if they are the same.
func (s *Searcher) codePositions(
	ctx context.Context, ps []*Probe, positions []uint32, shift int, rowsAt []uint32,
) error {
	f := s.Run.Seg.Codes
	last := -1
	for i, pos := range positions {
		if i%LookEvery == 0 {
			if err := fault.FromContext(ctx, "search"); err != nil {
				return err
			}
		}
		if i+column.FetchAhead < len(positions) {
			ahead := int(positions[i+column.FetchAhead])
			if b := (ahead + shift) / simd.BlockRows; b != last {
				last = b
				simd.Fetch(f.Block(b))
			}
			simd.Fetch(f.ExtraOf(ahead))
		}
		row := pos
		if rowsAt != nil {
			row = rowsAt[pos]
		}
		for _, p := range ps {
			e, _ := p.Code(f, p.where, int(pos))
			p.counts.coded++
			p.best.Push(topk.Hit{Dist: float64(e), Row: row})
		}
	}
	return nil
}
