package arrowidx

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// Few eligible rows are read one by one: their vectors as float32 with the bounds of rounding,
// which say which of them float64 must put in order, or their codes where vectors are not at hand.

const (
	// tileQueries is how many queries are worth a copy of the rows side by side.
	tileQueries = 4
	// rowCost and blockCost are what a row or a block takes beside its bytes, in bytes.
	rowCost   = 256
	blockCost = 256
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
func (r *run) sparse() bool {
	if r.filter == nil || r.ix.codes == nil {
		return r.filter != nil
	}
	row := int64(max(4*r.ix.dim, r.col.rowBytes())) + rowCost
	block := int64(r.ix.codes.stride) + blockCost
	return int64(r.eligible)*row <= int64(r.filter.busy)*block
}

// fewest is how many rows are looked at one by one, whatever the filter.
func (r *run) fewest() int {
	if r.reaches() {
		return 2048
	}
	return max(1024, r.ix.rows/50)
}

// inRange reports whether float32 distances of the query have the bounds that nearRows gives them.
func (r *run) inRange(q *query) bool {
	ix := r.ix
	if ix.metric == Cosine {
		return exponentWithin(q.norm, lengthExponent)
	}
	if ix.kind == Exact {
		return ix.metric != Dot || r.tileable(q)
	}
	return exponentWithin(q.unit, unitExponent) && exponentWithin(float64(ix.scale), unitExponent/2)
}

func exponentWithin(x float64, limit int) bool {
	_, exp := math.Frexp(x)
	return x > 0 && exp > -limit && exp < limit
}

// nearRows offers every eligible row of blocks [from, to) to the queries' collectors, with float32
// distances and bounds that contain their rounding.
func (s *searcher) nearRows(ctx context.Context, ps []*probe, from, to int) error {
	d := s.run.ix.dim
	step := max(1, exactTile/(4*d))
	s.read = grow(s.read, step*d)
	s.out = grow(s.out, step*len(ps))
	s.lengths = grow(s.lengths, step)
	s.flatQueries(ps)
	side := s.run.neighbouring()
	var outline *sketch
	if side != nil && s.run.sketches() {
		outline = s.run.outline(side)
	}
	for from < to {
		var rows []uint32
		var at int
		rows, at, from = s.piece(from, to)
		if outline != nil {
			if err := cancelled(ctx, "search"); err != nil {
				return err
			}
			s.nearSketched(ps, side, rows, at)
			continue
		}
		for i := 0; side == nil && i < min(gatherAhead, len(rows)); i++ {
			s.run.fetchRow(rows[i])
		}
		for i := 0; i < len(rows); i += step {
			if err := cancelled(ctx, "search"); err != nil {
				return err
			}
			n := min(step, len(rows)-i)
			if side != nil {
				s.measureAligned(ps, side, at+i, n)
			} else {
				s.measureGathered(ps, rows[i:], n)
			}
			for j, p := range ps {
				s.offerRows(p, s.out[j*n:(j+1)*n], rows[i:i+n])
			}
		}
	}
	return nil
}

func (r *run) fetchRow(row uint32) {
	b := r.col.memory(int(row))
	simd.Fetch(b[:min(len(b), fetchBytes)])
}

// measureAligned is measureGathered for n rows from place `at` of the filter's list on, whose
// vectors lie side by side.
func (s *searcher) measureAligned(ps []*probe, side *sideBySide, at, n int) {
	d := s.run.ix.dim
	if side.inverse != nil {
		copy(s.lengths, side.inverse[at:at+n])
	}
	x := side.vectors[at*d : (at+n)*d]
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
func (s *searcher) measureGathered(ps []*probe, rows []uint32, n int) {
	col, d := s.run.col, s.run.ix.dim
	together := len(ps) >= tileQueries
	for j := 0; j < n; {
		row := int(rows[j])
		end := col.tileEnd(row, n-j) - row
		run := 1
		for run < end && int(rows[j+run]) == row+run {
			run++
		}
		for k := j + gatherAhead; k < min(j+gatherAhead+run, len(rows)); k++ {
			s.run.fetchRow(rows[k])
		}
		own := s.read[j*d : (j+run)*d]
		x := s.run.see(row, run, own, &s.wideRows)
		s.run.measureLengths(x, row, s.lengths[j:j+run])
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
func (s *searcher) products(out, x []float32, query int) {
	d := s.run.ix.dim
	q := s.matrix[query*d : (query+1)*d]
	if s.run.ix.metric.Larger() {
		simd.DotRows(out, x, len(out), d, d, q)
	} else {
		simd.L2Rows(out, x, len(out), d, d, q)
	}
}

// tile is products for all queries.
func (s *searcher) tile(x []float32, n, queries int) {
	d := s.run.ix.dim
	if s.run.ix.metric.Larger() {
		simd.DotTile(s.out, x, n, d, d, s.matrix, queries, d)
	} else {
		simd.L2Tile(s.out, x, n, d, d, s.matrix, queries, d)
	}
}

// measureLengths writes the inverse lengths of rows from number row on.
func (r *run) measureLengths(x []float32, row int, inverse []float32) {
	ix := r.ix
	if ix.metric != Cosine {
		return
	}
	if r.lens != nil {
		for i := range inverse {
			inverse[i] = 1
		}
		return
	}
	for i := range inverse {
		var length float32
		if ix.kind == Exact {
			length = ix.norms.floats()[row+i]
		} else {
			row := x[i*ix.dim : (i+1)*ix.dim]
			simd.DotRows(inverse[i:i+1], row, 1, ix.dim, ix.dim, row)
			length = sqrt32(inverse[i])
		}
		inverse[i] = float32(math.NaN())
		if exponentWithin(float64(length), lengthExponent) {
			inverse[i] = 1 / length
		}
	}
}

// offerRows offers distances from measureGathered, in engine units.
func (s *searcher) offerRows(p *probe, values []float32, rows []uint32) {
	p.counts.scanned += int64(len(values))
	switch {
	case s.run.ix.metric == Cosine:
		s.offerCosines(p, values, rows)
		return
	case s.run.ix.metric == Dot:
		s.offerDots(p, values, rows)
		return
	}
	c, gamma, lost := &p.found, p.gamma(s.run.ix), exactVanished(s.run.ix.dim)
	unit, inverse := float32(p.unit), float32(1/p.unit)
	for i := -1; ; {
		i = simd.NextBelow(values, i+1, nextUp((p.blur.reach(c.tau*inverse)+lost)*(1+2*gamma)))
		if i == len(values) {
			return
		}
		v := values[i]
		low, up := p.blur.around(v*(1-gamma)-lost, v*(1+gamma)+lost)
		c.offer(int(rows[i]), low*unit-scaledAway, up*unit+scaledAway, v*unit)
	}
}

// offerDots offers negated inner products. Their rounding is bounded by the length of the row, or
// where that is not known by twice the power of two that scales rows.
func (s *searcher) offerDots(p *probe, values []float32, rows []uint32) {
	ix, c := s.run.ix, &p.found
	unit, inverse := float32(p.unit), float32(1/p.unit)
	each := p.gamma(ix) * float32(p.norm)
	longest := 2 / ix.scale
	if ix.kind == Exact {
		longest = ix.longest
	}
	lost := lostProducts(ix.dim, longest, float32(p.norm))
	for i := -1; ; {
		i = simd.NextBelow(values, i+1, nextUp(c.tau*inverse+2*(each*longest+lost)))
		if i == len(values) {
			return
		}
		v, slack := values[i], each*longest+lost
		if ix.kind == Exact {
			slack = each*ix.norms.floats()[rows[i]] + lost
		}
		c.offer(int(rows[i]), (v-slack)*unit-scaledAway, (v+slack)*unit+scaledAway, v*unit)
	}
}

// offerCosines offers negated cosines.
func (s *searcher) offerCosines(p *probe, values []float32, rows []uint32) {
	c, slack := &p.found, 2*p.gamma(s.run.ix)
	length := float32(1 / p.norm)
	for i, v := range values {
		dist := v * length * s.lengths[i]
		if dist-slack > c.tau {
			continue
		}
		if dist != dist {
			s.turnTo(int(rows[i]))
			dist = float32(s.distance(p.query))
		}
		c.offer(int(rows[i]), dist-slack, dist+slack, dist)
	}
}

// codeRows scores every eligible row of blocks [from, to) of a flat index by its whole code.
func (s *searcher) codeRows(ctx context.Context, ps []*probe, from, to int) error {
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
// position's slot is shift more. names are the rows at the positions, nil if they are the same.
func (s *searcher) codePositions(
	ctx context.Context, ps []*probe, positions []uint32, shift int, names []uint32,
) error {
	f := s.run.ix.codes
	last := -1
	for i, pos := range positions {
		if i%lookEvery == 0 {
			if err := cancelled(ctx, "search"); err != nil {
				return err
			}
		}
		if i+fetchAhead < len(positions) {
			ahead := int(positions[i+fetchAhead])
			if b := (ahead + shift) / simd.BlockRows; b != last {
				last = b
				simd.Fetch(f.block(b))
			}
			simd.Fetch(f.extraOf(ahead))
		}
		row := pos
		if names != nil {
			row = names[pos]
		}
		for _, p := range ps {
			e, _ := p.code(f, p.where, int(pos))
			p.counts.coded++
			p.best.push(hit{float64(e), row})
		}
	}
	return nil
}
