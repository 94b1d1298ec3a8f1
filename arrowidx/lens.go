package arrowidx

import (
	"math"
	"sync"

	"github.com/ruvector/ruvector-arrow/simd"
)

// lens brings rows to float32 for scans where rounding them as they are would lose what tells them
// apart: squared distances are taken from points minus the mean of the build, computed in float64,
// so that an offset that all share costs no digits; rows under cosine come at length one, however
// short or long they are. Bounds contain what is rounded (blur), and what they leave in is measured
// in float64.
type lens struct {
	metric Metric
	mean   []float64 // as codes use it: of scaled rows
	centre []float64 // what is subtracted from rows and queries; zeros but for distances
	norms  []float32 // lengths of rows; nil where they are not stored
}

// wideRows is one worker's memory for rows as float64.
type wideRows struct{ row, even []float64 }

// Lengths under cosine of rows that float32 can scan as they are.
const (
	shortestEven = 1.0 / (1 << 60)
	longestEven  = 1 << 60
)

// isEven reports whether a row of such a length can be scanned as it is. A row of zeros can.
func isEven(length float64) bool {
	return length == 0 || length >= shortestEven && length <= longestEven
}

// lensOnce makes a segment's lens when it is first asked for.
type lensOnce struct {
	made sync.Once
	lens *lens
}

// lensFor returns how rows of a column come to float32, nil where they are scanned as they are.
func (ix *segment) lensFor(col *Column) *lens {
	if col == nil || ix.metric.Binary() || !col.wide && !ix.uneven {
		return nil
	}
	return ix.lens()
}

func (ix *segment) lens() *lens {
	once := &ix.held.lens
	once.made.Do(func() {
		l := &lens{metric: ix.metric, mean: make([]float64, ix.dim), centre: make([]float64, ix.dim)}
		widen(l.mean, ix.mean)
		if !ix.metric.Larger() {
			for i, v := range l.mean {
				l.centre[i] = v / float64(ix.scale)
			}
		}
		if ix.kind == Exact && ix.metric == Cosine {
			l.norms = ix.norms.floats()
		}
		once.lens = l
	})
	return once.lens
}

// put writes a row to dst.
func (l *lens) put(dst []float32, x []float64, row int, w *wideRows) {
	factor := 1.0
	if l.metric == Cosine {
		length := 0.0
		if l.norms != nil {
			length = float64(l.norms[row])
		}
		if length == 0 || !isEven(length) {
			w.even = grow(w.even, len(x))
			x, length = evened(x, w.even)
			if !(length > 0) {
				clear(dst)
				return
			}
		}
		factor = 1 / length
	}
	simd.Narrow(dst, x, factor, l.centre)
}

// see returns rows [from, from+n), which must lie in one chunk, as scans see them: a view of the
// column's memory where possible, else dst.
func (r *run) see(from, n int, dst []float32, w *wideRows) []float32 {
	if r.lens == nil {
		return r.col.tile(from, n, dst)
	}
	d := r.ix.dim
	w.row = grow(w.row, d)
	for i := range n {
		r.lens.put(dst[i*d:(i+1)*d], r.col.wideRow(from+i, w.row), from+i, w)
	}
	return dst[:n*d]
}

// norms returns the lengths of n rows as scans see them.
func (s *searcher) norms(from, n int) []float32 {
	if s.run.lens == nil || s.run.ix.metric != Cosine {
		return s.run.ix.norms.floats()[from : from+n]
	}
	for len(s.ones) < n {
		s.ones = append(s.ones, 1)
	}
	return s.ones[:n]
}

// tileable reports whether float32 inner products with the query keep enough of the least of them.
func (r *run) tileable(q *query) bool {
	if r.lens != nil && r.ix.metric == Cosine {
		return true
	}
	longest := float64(r.ix.longest)
	return q.norm*longest >= leastProduct && (r.lens == nil || longest >= shortestEven)
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

// reach returns the largest square of a distance of rounded points that may truly be at most tau.
func (b blur) reach(tau float32) float32 {
	if b == (blur{}) || tau < 0 || tau == infinity {
		return tau
	}
	t := (math.Sqrt(float64(tau)) + b.near) / (1 - b.share)
	return float32(t * t * (1 + ajar))
}

// measured is one worker's memory for measuring a row of the column in float64.
type measured struct {
	wideRows
	one  []float32 // the row as float32, where it must be converted
	x    []float32 // the row, nil: not read yet
	wide []float64
	at   int
	ones []float32
}

// turnTo makes a row the one that distance measures.
func (s *searcher) turnTo(row int) { s.at, s.x, s.wide = row, nil, nil }

// distance measures the row in float64 from a query, in its engine units.
func (s *searcher) distance(q *query) float64 {
	col, metric := s.run.col, s.run.ix.metric
	if q.wide == nil {
		if s.x == nil {
			s.one = grow(s.one, s.run.ix.dim)
			s.x = col.Row(s.at, s.one)
		}
		return q.exact(metric, s.x)
	}
	if s.wide == nil {
		s.wideRows.row = grow(s.wideRows.row, s.run.ix.dim)
		s.wide = col.wideRow(s.at, s.wideRows.row)
	}
	s.even = grow(s.even, len(s.wide))
	return q.exactWide(metric, s.wide, s.even)
}

// exactWide is exact for numbers of float64; even is room for the row.
func (q *query) exactWide(metric Metric, x, even []float64) float64 {
	switch metric {
	case Dot:
		return -simd.WideDot(x, q.wide) * q.unit
	case Cosine:
		x, length := evened(x, even)
		if norm := length * q.norm; norm != 0 {
			return -simd.WideDot(x, q.wide) / norm
		}
		return 0
	}
	return simd.WideL2Sq(x, q.wide) * q.unit
}

// length is that of a row of the column, not zero or infinite unless the row is.
func (m *measured) length(col *Column, row int) float32 {
	var length float64
	if !col.wide {
		m.one = grow(m.one, col.dim)
		length = math.Sqrt(simd.Norm64(col.Row(row, m.one)))
	} else {
		m.row, m.even = grow(m.row, col.dim), grow(m.even, col.dim)
		x := col.wideRow(row, m.row)
		y, scaled := evened(x, m.even)
		if length = scaled; scaled > 0 && &y[0] != &x[0] {
			_, exp := math.Frexp(largestOf(x))
			length = math.Ldexp(scaled, exp)
		}
	}
	if length == 0 {
		return 0
	}
	return max(float32(min(length, math.MaxFloat32)), math.SmallestNonzeroFloat32)
}
