package arrowidx

import (
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// sketchUses is how often a filter is used before its rows are sketched: that costs what some
	// tens of searches cost, and every later one costs half.
	sketchUses = 8
	// sketchDim is the least dimension: below, int8 forms are not much shorter than the rows.
	sketchDim = 64
	// sketchLow and sketchHigh are between which products of lengths have the bounds below.
	sketchLow, sketchHigh = 1e-20, 1e36
)

// sketch holds rows as int8, to tell which few of them float32 must measure. Rows and queries are
// taken as codes take them: scaled, minus the mean, rotated, which makes all numbers of a row about
// as large. Its bounds are certain: for the int8 forms x' and q' of a row and a query, the inner
// product <x, q> differs from <x', q'> by <x-x', q'> + <x, q-q'>, so by at most
// |x-x'| |q'| + |x| |q-q'| (Cauchy-Schwarz).
type sketch struct {
	padded  int
	codes   []int8    // n x padded
	step    []float32 // of each row's numbers
	add     []float32 // l2: square length of each row; else minus its product with the mean
	lack    float32   // largest |x-x'|
	longest float32   // largest |x|
}

// newSketch sketches the listed rows.
func newSketch(ix *segment, col *Column, rows []uint32) *sketch {
	n, e := len(rows), newRotator(ix, nil, len(rows))
	k := &sketch{padded: e.padded, step: make([]float32, n), add: make([]float32, n)}
	k.codes = make([]int8, n*k.padded)
	for from := 0; from < n; from += tileRows(e.padded) {
		to := min(from+tileRows(e.padded), n)
		e.list(col, rows[from:to])
		for i := from; i < to; i++ {
			lack, length := k.put(i, e.of(i-from), ix.metric.Larger(), e.dots[i-from])
			k.lack, k.longest = max(k.lack, lack), max(k.longest, length)
		}
	}
	return k
}

// put sketches x as number i and returns upper bounds of |x-x'| and of |x|; product is that of the
// row with the mean.
func (k *sketch) put(
	i int, x []float32, larger bool, product float32,
) (lack, length float32) {
	norm2 := simd.Norm16(x)
	k.add[i] = norm2
	if larger {
		k.add[i] = -product
	}
	own := k.codes[i*k.padded : (i+1)*k.padded]
	k.step[i] = simd.QuantizeInt8(own, x)
	return lacking(x, own, k.step[i]), sqrt32(norm2)
}

// lacking returns an upper bound of the length of x minus its int8 form.
func lacking(x []float32, z []int8, step float32) float32 {
	var sums [4]float64
	z = z[:len(x)]
	for i := 0; i+4 <= len(x); i += 4 { // rows are padded to 64
		for j := range sums {
			gap := float64(x[i+j] - float32(z[i+j])*step)
			sums[j] += gap * gap
		}
	}
	length := math.Sqrt(sums[0] + sums[1] + sums[2] + sums[3])
	largest := float64(step) * 127 * math.Sqrt(float64(len(x)))
	return float32(length*(1+1e-6) + largest/(1<<23)) // and float32 rounding of each gap
}

func (k *sketch) bytes() int64 { return int64(len(k.codes) + 4*len(k.step) + 4*len(k.add)) }

// sketched is one worker's memory for queries against sketches, four at a time.
type sketched struct {
	z      []int8
	dots   []int32
	values []float32
	spare  []float32
	step   [4]float32
	width  [4]float32
}

// nearSketched offers the rows of a list that their int8 forms leave in, measured in float32.
// They begin at place `at` of the filter's list.
func (s *searcher) nearSketched(ps []*probe, side *sideBySide, rows []uint32, at int) {
	const group = 4
	k, n, w := side.sketch, len(rows), &s.sketched
	w.z, w.dots = grow(w.z, group*k.padded), grow(w.dots, group*n)
	w.values, w.spare = grow(w.values, n), grow(w.spare, n)
	codes := k.codes[at*k.padded : (at+n)*k.padded]
	for from := 0; from < len(ps); from += group {
		m := min(group, len(ps)-from)
		for i := range m {
			s.sketchQuery(k, ps[from+i], i)
		}
		simd.DotInt8Tile(w.dots[:m*n], codes, n, k.padded, w.z[:m*k.padded], m)
		for i := range m {
			s.offerSketched(ps[from+i], from+i, i, side, rows, at)
		}
	}
}

// sketchQuery makes the int8 form of a query, number i of its group, and the half width of its
// bounds.
func (s *searcher) sketchQuery(k *sketch, p *probe, i int) {
	w, ix := &s.sketched, s.run.ix
	z := w.z[i*k.padded : (i+1)*k.padded]
	w.step[i] = simd.QuantizeInt8(z, p.rotated)
	w.width[i] = k.width(ix, lacking(p.rotated, z, w.step[i]), sqrt32(p.norm2))
}

// width is half that of the bounds around a query's estimates, for |q-q'| and |q|: infinite where
// they do not hold.
func (k *sketch) width(ix *segment, lack, length float32) float32 {
	width := (length+lack)*k.lack + lack*k.longest
	middle := sqrt32(ix.meanSq)
	reach := (length + middle) * (k.longest + middle)
	if !ix.metric.Larger() {
		width *= 2
		reach = (length + k.longest + middle) * (length + k.longest + middle)
	}
	if !(reach > sketchLow && reach < sketchHigh) {
		return infinity
	}
	return width*(1+1e-5) + 4*exactGamma(ix.dim)*reach
}

// offerSketched offers the rows whose bounds leave them among the nearest.
func (s *searcher) offerSketched(
	p *probe, query, i int, side *sideBySide, rows []uint32, at int,
) {
	k, n, w, d := side.sketch, len(rows), &s.sketched, s.run.ix.dim
	tau := infinity
	if w.width[i] < infinity && p.found.k < n {
		scale := -w.step[i]
		if !s.run.ix.metric.Larger() {
			scale *= 2
		}
		simd.ScaleAdd(w.values, w.dots[i*n:(i+1)*n], k.step[at:at+n], k.add[at:at+n], scale)
		copy(w.spare, w.values)
		tau = nextUp(simd.SelectKth(w.spare, p.found.k-1) + 2*w.width[i])
	} else {
		clear(w.values)
	}
	s.rows = s.rows[:0]
	for j := simd.NextBelow(w.values, 0, tau); j < n; j = simd.NextBelow(w.values, j+1, tau) {
		s.rows = append(s.rows, uint32(j))
	}
	left := len(s.rows)
	s.out, s.lengths = grow(s.out, left), grow(s.lengths, left)
	for j, place := range s.rows {
		own := at + int(place)
		s.products(s.out[j:j+1], side.vectors[own*d:(own+1)*d], query)
		if side.inverse != nil {
			s.lengths[j] = side.inverse[own]
		}
		s.rows[j] = rows[place]
	}
	s.offerRows(p, s.out[:left], s.rows)
	p.counts.scanned += int64(n - left)
}
