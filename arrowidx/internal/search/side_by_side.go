package search

import (
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/sketch"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// CopyBytes is the most memory that the vectors of a filter's rows may take side by side.
const CopyBytes = 16 << 20

// sideBySide holds the vectors of a filter's rows one behind the other, in the order of its list.
// A filter that is used again makes it: rows that lie scattered in memory cost four times what the
// same rows cost in a line. It changes no answer, since the numbers are the same.
type sideBySide struct {
	uses    atomic.Int64
	made    sync.Once
	from    *column.Column // where the vectors come from; no other column is answered for
	Vectors []float32      // eligible x dim
	inverse []float32      // cosine: the inverse of each length, NaN where it is out of range

	outlined sync.Once
	Sketch   *sketch.Sketch // kinds that code: once the filter is used often
}

// SideBySide returns the vectors of the filter's rows side by side, nil if they are not at hand
// or not worth it.
func (r *Run) SideBySide() *sideBySide {
	f := r.Filter
	if !r.copies() || r.uses < 2 && r.P.NQ < tileQueries {
		return nil
	}
	f.Side.made.Do(func() { f.layOut(r) })
	if f.Side.from != r.Col {
		return nil
	}
	return &f.Side
}

// copies reports whether the filter's vectors may be copied: they are the index's own, few, and
// listed. A column that a search brings along may be another the next time; one that is not in
// memory may fail to be read.
func (r *Run) copies() bool {
	f, most := r.Filter, CopyBytes
	if share := r.Seg.Share; share > 0 {
		most = int(min(share/8, CopyBytes))
	}
	return f != nil && f.Rows != nil && r.P.Source == nil && !r.Col.Paged() &&
		4*len(f.Rows)*r.Seg.Dim <= most
}

// sketches reports whether gathered rows are looked at by their sketches first.
func (r *Run) sketches() bool {
	often := r.uses >= sketch.Uses || r.P.NQ >= 4*sketch.Uses
	return often && r.copies() && r.Seg.Codes != nil &&
		r.Seg.Dim >= sketch.LeastDim && len(r.Filter.Rows) > 4*r.collect()+FewRows
}

// outline returns the sketch of the filter's rows, of a run that sketches.
func (r *Run) outline(side *sideBySide) *sketch.Sketch {
	side.outlined.Do(func() {
		side.Sketch = sketch.New(r.Seg, side.from, r.Filter.Rows)
		r.Filter.Bytes.Add(side.Sketch.Bytes())
	})
	return side.Sketch
}

// layOut copies the vectors of the filter's rows side by side.
func (f *Filter) layOut(r *Run) {
	d := r.Seg.Dim
	f.Side.Vectors = make([]float32, len(f.Rows)*d)
	if r.Seg.Metric == column.Cosine {
		f.Side.inverse = make([]float32, len(f.Rows))
	}
	var wide segment.WideRows
	for i, row := range f.Rows {
		if ahead := i + gatherAhead; ahead < len(f.Rows) {
			r.fetchRow(f.Rows[ahead])
		}
		own := f.Side.Vectors[i*d : (i+1)*d]
		if x := r.see(int(row), 1, own, &wide); &x[0] != &own[0] {
			copy(own, x)
		}
		if r.Seg.Metric == column.Cosine {
			r.measureLengths(own, int(row), f.Side.inverse[i:i+1])
		}
	}
	f.Side.from = r.Col
	f.Bytes.Add(4 * int64(len(f.Side.Vectors)+len(f.Side.inverse)))
}

// Sketched is one worker's memory for queries against sketches, four at a time.
type Sketched struct {
	Z      []int8
	dots   []int32
	values []float32
	spare  []float32
	Step   [4]float32
	Width  [4]float32
}

// nearSketched offers the rows of a list that their int8 forms leave in, measured in float32.
// They begin at place `at` of the filter's list.
func (s *Searcher) nearSketched(ps []*Probe, side *sideBySide, rows []uint32, at int) {
	const group = 4
	k, n, w := side.Sketch, len(rows), &s.Sketched
	w.Z, w.dots = mem.Grow(w.Z, group*k.Padded), mem.Grow(w.dots, group*n)
	w.values, w.spare = mem.Grow(w.values, n), mem.Grow(w.spare, n)
	codes := k.Codes[at*k.Padded : (at+n)*k.Padded]
	for from := 0; from < len(ps); from += group {
		m := min(group, len(ps)-from)
		for i := range m {
			s.SketchQuery(k, ps[from+i], i)
		}
		simd.DotInt8Tile(w.dots[:m*n], codes, n, k.Padded, w.Z[:m*k.Padded], m)
		for i := range m {
			s.offerSketched(ps[from+i], from+i, i, side, rows, at)
		}
	}
}

// SketchQuery makes the int8 form of a query, number i of its group, and the half width of its
// bounds.
func (s *Searcher) SketchQuery(k *sketch.Sketch, p *Probe, i int) {
	w, seg := &s.Sketched, s.Run.Seg
	z := w.Z[i*k.Padded : (i+1)*k.Padded]
	w.Step[i] = simd.QuantizeInt8(z, p.Rotated)
	w.Width[i] = Width(k, seg, sketch.Lacking(p.Rotated, z, w.Step[i]), mem.Sqrt32(p.Norm2))
}

// Width is half that of the bounds around a query's estimates, for |q-q'| and |q|: infinite where
// they do not hold.
func Width(k *sketch.Sketch, seg *segment.Segment, lack, length float32) float32 {
	width := (length+lack)*k.Lack + lack*k.Longest
	middle := mem.Sqrt32(seg.MeanSq)
	product := (length + middle) * (k.Longest + middle)
	if !seg.Metric.Larger() {
		width *= 2
		product = (length + k.Longest + middle) * (length + k.Longest + middle)
	}
	if !(product > sketch.Low && product < sketch.High) {
		return mem.Infinity
	}
	return width*(1+1e-5) + 4*mem.ExactGamma(seg.Dim)*product
}

// offerSketched offers the rows whose bounds leave them among the nearest.
func (s *Searcher) offerSketched(
	p *Probe, query, i int, side *sideBySide, rows []uint32, at int,
) {
	k, n, w, d := side.Sketch, len(rows), &s.Sketched, s.Run.Seg.Dim
	tau := mem.Infinity
	if w.Width[i] < mem.Infinity && p.candidates.K < n {
		scale := -w.Step[i]
		if !s.Run.Seg.Metric.Larger() {
			scale *= 2
		}
		simd.ScaleAdd(w.values, w.dots[i*n:(i+1)*n], k.Step[at:at+n], k.Add[at:at+n], scale)
		copy(w.spare, w.values)
		tau = mem.NextUp(simd.SelectKth(w.spare, p.candidates.K-1) + 2*w.Width[i])
	} else {
		clear(w.values)
	}
	s.rows = s.rows[:0]
	for j := simd.NextBelow(w.values, 0, tau); j < n; j = simd.NextBelow(w.values, j+1, tau) {
		s.rows = append(s.rows, uint32(j))
	}
	left := len(s.rows)
	s.out, s.lengths = mem.Grow(s.out, left), mem.Grow(s.lengths, left)
	for j, place := range s.rows {
		own := at + int(place)
		s.products(s.out[j:j+1], side.Vectors[own*d:(own+1)*d], query)
		if side.inverse != nil {
			s.lengths[j] = side.inverse[own]
		}
		s.rows[j] = rows[place]
	}
	s.offerRows(p, s.out[:left], s.rows)
	p.counts.scanned += int64(n - left)
}
