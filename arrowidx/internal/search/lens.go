package search

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

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
