package search

import (
	"context"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// exactTile is the bytes of rows that one pass of kind exact covers for all queries of a group.
const exactTile = 64 << 10

// exactScan offers every row of [from, to) that the filter admits to the queries' candidates, with
// float32 distances and bounds that contain their rounding. It works on passes of queries, so
// that a tile of rows is read from memory once.
func (s *Searcher) exactScan(ctx context.Context, ps []*Probe, from, to int) error {
	s.flatQueries(ps)
	for from < to {
		if err := fault.FromContext(ctx, "search"); err != nil {
			return err
		}
		n := s.tileRows(from, to)
		if anyBit(s.Run.words[from/simd.BlockRows : (from+n-1)/simd.BlockRows+1]) {
			s.measureTile(ps, from, n)
			s.offerTile(ps, n, from)
		}
		from += n
	}
	return nil
}

// tileRows is how many rows from `from` on make a tile, none of them from `to` on.
func (s *Searcher) tileRows(from, to int) int {
	step := max(1, exactTile/(4*s.Run.Seg.Dim))
	return min(s.Run.Col.TileEnd(from, step), to) - from
}

// measureTile writes the distances of the n rows from `from` to s.out, query by query.
func (s *Searcher) measureTile(ps []*Probe, from, n int) {
	d := s.Run.Seg.Dim
	s.read = mem.Grow(s.read, n*d)
	s.out = mem.Grow(s.out, n*len(ps))
	rows := s.Run.see(from, n, s.read, &s.WideRows)
	if s.Run.Seg.Metric.Larger() {
		simd.DotTile(s.out, rows, n, d, d, s.matrix, len(ps), d)
	} else {
		simd.L2Tile(s.out, rows, n, d, d, s.matrix, len(ps), d)
	}
}

// offerTile offers the n rows from `from` to every query.
func (s *Searcher) offerTile(ps []*Probe, n, from int) {
	if !s.Run.Seg.Metric.Larger() {
		for i, p := range ps {
			s.offerSquares(p, s.out[i*n:(i+1)*n], from)
		}
		return
	}
	norms := s.norms(from, n)
	shortest, longest := norms[0], norms[0]
	for _, v := range norms {
		shortest, longest = min(shortest, v), max(longest, v)
	}
	for i, p := range ps {
		s.offerProducts(p, s.out[i*n:(i+1)*n], norms, shortest, longest, from)
	}
}

// flatQueries lays the queries' numbers side by side for the tile kernels, negated for inner
// products, so that smaller results are better.
func (s *Searcher) flatQueries(ps []*Probe) {
	d := s.Run.Seg.Dim
	s.matrix = mem.Grow(s.matrix, len(ps)*d)
	for i, q := range ps {
		to := s.matrix[i*d : (i+1)*d]
		if s.Run.Seg.Metric.Larger() {
			simd.Scale(to, q.Vec, -1)
		} else {
			copy(to, q.Vec)
		}
	}
}

// lostProducts bounds what an inner product of d numbers loses below float32's smallest number: in
// the products, and in a row and a query of these lengths.
func lostProducts(d int, norm, length float32) float32 {
	return mem.ExactVanished(d) * (1 + norm + length)
}

// leastProduct is the product of lengths (a query's and the longest row's) below which float32
// inner products lose too much: the shortest row may be 2^-63 of the longest, and products of
// less than about 2^-113 come near float32's smallest number.
const leastProduct = 1.0 / (1 << 50)

// offerSquares offers squared distances with the bounds of their rounding.
func (s *Searcher) offerSquares(p *Probe, values []float32, from int) {
	c, gamma, lost := &p.candidates, p.gamma(s.Run.Seg), mem.ExactVanished(s.Run.Seg.Dim)
	p.counts.scanned += int64(len(values))
	for i := -1; ; {
		i = simd.NextBelow(values, i+1, mem.NextUp((p.blur.widened(c.Tau)+lost)*(1+2*gamma)))
		if i == len(values) {
			return
		}
		if v := values[i]; s.Run.admits(from + i) {
			low, up := p.blur.around(v*(1-gamma)-lost, v*(1+gamma)+lost)
			c.Offer(from+i, low, up, v)
		}
	}
}

// offerProducts offers negated inner products, for cosine over both lengths. Rows are let through
// by a limit that the longest and the shortest row of the tile allow, then judged by their own.
func (s *Searcher) offerProducts(
	p *Probe, values, norms []float32, shortest, longest float32, from int,
) {
	c, gamma, length := &p.candidates, p.gamma(s.Run.Seg), float32(p.Norm)
	cosine, d := s.Run.Seg.Metric == column.Cosine, s.Run.Seg.Dim
	p.counts.scanned += int64(len(values))
	for i := -1; ; {
		limit := c.Tau + 2*gamma*longest*length + 2*lostProducts(d, longest, length)
		if cosine {
			limit = cosineLimit(c.Tau+2*gamma, shortest, longest, length)
		}
		i = simd.NextBelow(values, i+1, mem.NextUp(limit))
		if i == len(values) {
			return
		}
		dist, slack := values[i], gamma*norms[i]*length+lostProducts(d, norms[i], length)
		if cosine {
			if slack = gamma; norms[i] == 0 {
				dist, slack = 0, 0
			} else {
				dist /= norms[i] * length
			}
		}
		if dist-slack <= c.Tau && s.Run.admits(from+i) {
			c.Offer(from+i, dist-slack, dist+slack, dist)
		}
	}
}

// cosineLimit is the largest negated inner product that can belong to a negated cosine of tau.
func cosineLimit(tau, shortest, longest, length float32) float32 {
	switch {
	case math.IsInf(float64(tau), 1):
		return tau
	case tau < 0:
		return tau * shortest * length
	}
	return tau * longest * length
}

// admits reports whether the row may be found.
func (r *Run) admits(row int) bool {
	return r.words[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0
}

// see returns rows [from, from+n), which must lie in one chunk, as scans see them: a view of the
// column's memory where possible, else dst.
func (r *Run) see(from, n int, dst []float32, w *segment.WideRows) []float32 {
	if r.Lens == nil {
		return r.Col.Tile(from, n, dst)
	}
	d := r.Seg.Dim
	w.Row = mem.Grow(w.Row, d)
	for i := range n {
		r.Lens.Put(dst[i*d:(i+1)*d], r.Col.WideRow(from+i, w.Row), from+i, w)
	}
	return dst[:n*d]
}

// norms returns the lengths of n rows as scans see them.
func (s *Searcher) norms(from, n int) []float32 {
	if s.Run.Lens == nil || s.Run.Seg.Metric != column.Cosine {
		return s.Run.Seg.Norms.Floats()[from : from+n]
	}
	for len(s.Ones) < n {
		s.Ones = append(s.Ones, 1)
	}
	return s.Ones[:n]
}

// tileable reports whether float32 inner products with the query keep enough of the least of them.
func (r *Run) tileable(q *Query) bool {
	if r.Lens != nil && r.Seg.Metric == column.Cosine {
		return true
	}
	longest := float64(r.Seg.Longest)
	return q.Norm*longest >= leastProduct && (r.Lens == nil || longest >= segment.ShortestEven)
}

// blur is by how much rounding of points may have changed a distance d between them: near + share*d
// at most.
type blur struct{ near, share float64 }

const (
	// rounding bounds the relative error of a number rounded to float32, with room for that of the
	// bound itself, and vanished what a row or query loses below float32's smallest number.
	rounding = 1.0 / (1 << 23)
	vanished = 1.0 / (1 << 140)
	// ajar is more than the arithmetic of a bound rounds.
	ajar = 1.0 / (1 << 22)
)

// around turns bounds of the square of the distance of rounded points into those of the true one.
// Where that may be zero the lower one is as far below it as the upper one is above.
func (b blur) around(low, up float32) (float32, float32) {
	if b == (blur{}) {
		return low, up
	}
	l := math.Sqrt(max(float64(low), 0))
	l -= l*b.share + b.near
	u := math.Sqrt(max(float64(up), 0))
	u += u*b.share + b.near
	above := float32(u * u * (1 + ajar))
	if l <= 0 {
		return -above, above
	}
	return float32(l * l * (1 - ajar)), above
}

// widened returns the largest square of a distance of rounded points that may truly be at most tau.
func (b blur) widened(tau float32) float32 {
	if b == (blur{}) || tau < 0 || tau == mem.Infinity {
		return tau
	}
	t := (math.Sqrt(float64(tau)) + b.near) / (1 - b.share)
	return float32(t * t * (1 + ajar))
}

// pairing is a worker's memory for float64 sums of rows with queries, a tile at a time.
type pairing struct {
	rows64, queries64 [][]float32
	room              simd.TileRoom
	sums, lengths64   []float64
}

// pairRows is how many rows a tile of float64 sums has.
const pairRows = 24

// tilesPay reports whether rows are measured for all queries at once.
func (r *Run) tilesPay(ps []*Probe) bool {
	return len(ps) >= tileQueries && !r.Col.Paged() &&
		!slices.ContainsFunc(ps, func(p *Probe) bool { return p.wide != nil })
}

// measureTiles measures rows for all probes, whose numbers are float32: the same distances as one
// by one.
func (s *Searcher) measureTiles(ps []*Probe, rows []uint32) {
	r, t, d := s.Run, &s.pairing, s.Run.Seg.Dim
	metric := r.Seg.Metric
	s.read = mem.Grow(s.read, pairRows*d)
	t.queries64 = t.queries64[:0]
	for _, p := range ps {
		t.queries64 = append(t.queries64, p.Vec)
	}
	t.sums, t.lengths64 = mem.Grow(t.sums, pairRows*len(ps)), mem.Grow(t.lengths64, pairRows)
	for n := 0; len(rows) > 0; rows = rows[n:] {
		n = min(pairRows, len(rows))
		t.rows64 = t.rows64[:0]
		for i, row := range rows[:n] {
			t.rows64 = append(t.rows64, r.Col.Row(int(row), s.read[i*d:(i+1)*d]))
			if metric == column.Cosine {
				t.lengths64[i] = math.Sqrt(simd.Norm64(t.rows64[i]))
			}
		}
		if metric.Larger() {
			simd.Dot64Tile(t.sums, t.rows64, t.queries64, &t.room)
		} else {
			simd.L2Sq64Tile(t.sums, t.rows64, t.queries64, &t.room)
		}
		for j, p := range ps {
			sums := t.sums[j*n : (j+1)*n]
			for i, sum := range sums {
				sums[i] = p.ofSum(metric, sum, t.lengths64[i])
			}
			p.best.PushRows(sums, rows[:n])
			p.counts.reranked += int64(n)
		}
	}
	clear(t.rows64) // they are the caller's
	clear(t.queries64)
}

// turnTo makes a row the one that distance measures.
func (s *Searcher) turnTo(row int) { s.At, s.X, s.Wide = row, nil, nil }

// distance measures the row in float64 from a query, in its engine units. What does not depend on
// the query is read and measured for the first one alone.
func (s *Searcher) distance(q *Query) float64 {
	metric := s.Run.Seg.Metric
	if q.wide == nil {
		if s.X == nil {
			s.readRow(metric)
		}
		return q.exact(metric, s.X, s.length)
	}
	if s.Wide == nil {
		s.readWideRow(metric)
	}
	return q.exactWide(metric, s.Wide, s.wideLength)
}

// readRow reads the row, and its length where distances need that.
func (s *Searcher) readRow(metric column.Metric) {
	s.One = mem.Grow(s.One, s.Run.Seg.Dim)
	s.X = s.Run.Col.Row(s.At, s.One)
	if metric == column.Cosine {
		s.length = math.Sqrt(simd.Norm64(s.X))
	}
}

// readWideRow is readRow for numbers of float64; for cosine they are scaled as Evened does.
func (s *Searcher) readWideRow(metric column.Metric) {
	s.WideRows.Row = mem.Grow(s.WideRows.Row, s.Run.Seg.Dim)
	s.Wide = s.Run.Col.WideRow(s.At, s.WideRows.Row)
	if metric == column.Cosine {
		s.Even = mem.Grow(s.Even, len(s.Wide))
		s.Wide, s.wideLength = column.Evened(s.Wide, s.Even)
	}
}
