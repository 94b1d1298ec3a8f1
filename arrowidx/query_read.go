package arrowidx

import (
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// read takes query i as scans and measurements want it: vec is what scans compare with rows as
// they see them, wide what rows are measured from, nil where that is vec.
func (q *query) read(r *run, i int) error {
	d := r.ix.dim
	q.wide, q.blur, q.rounded = nil, blur{}, false
	if r.p.Wide != nil {
		wide := r.p.Wide[i*d : (i+1)*d]
		q.narrow = grow(q.narrow, d)
		if r.lens != nil || !narrows(q.narrow, wide) || !q.plain(r, q.narrow) {
			return q.round(r, wide, i)
		}
		return nil
	}
	vec := r.p.Queries[i*d : (i+1)*d]
	if r.lens == nil && q.plain(r, vec) {
		return nil
	}
	q.own = grow(q.own, d)
	widen(q.own, vec)
	return q.round(r, q.own, i)
}

// plain takes a query of float32 as it is, unless its length is none that float32 can work with.
func (q *query) plain(r *run, vec []float32) bool {
	norm2 := simd.Norm64(vec)
	if !(norm2 <= maxSquareNorm) {
		return false
	}
	q.vec, q.norm = vec, math.Sqrt(norm2)
	return r.ix.metric != Cosine || isEven(q.norm)
}

// round takes a query of float64.
func (q *query) round(r *run, wide []float64, i int) error {
	metric, d := r.ix.metric, r.ix.dim
	norm2, largest := simd.WideNorm(wide), largestOf(wide)
	if largest-largest != 0 || metric != Cosine && !(norm2 <= maxSquareNorm) {
		return badQuery(wide, i, norm2)
	}
	q.own, q.narrow = grow(q.own, d), grow(q.narrow, d)
	q.wide, q.vec, q.norm, q.rounded = wide, q.narrow, math.Sqrt(norm2), true
	_, exp := math.Frexp(largest)
	if metric == Cosine || norm2 < 0x1p-900 {
		for j, v := range wide {
			q.own[j] = math.Ldexp(v, -exp)
		}
		q.norm = math.Sqrt(simd.WideNorm(q.own))
	}
	switch {
	case metric == Cosine:
		q.wide = q.own
	case norm2 < 0x1p-900:
		q.norm = math.Ldexp(q.norm, exp)
	}
	if r.lens == nil || metric.Larger() {
		simd.F64ToF32(q.vec, q.wide)
	} else {
		simd.Narrow(q.vec, q.wide, 1, r.lens.centre)
	}
	if !metric.Larger() {
		q.blur.near = rounding*math.Sqrt(simd.Norm64(q.vec)) + vanished
		if r.lens != nil {
			q.blur.near, q.blur.share = 2*q.blur.near, rounding
		}
	}
	return nil
}

// gamma is exactGamma with what rounding the query or rows to float32 adds to inner products.
func (q *query) gamma(ix *segment) float32 {
	gamma := exactGamma(ix.dim)
	if q.rounded {
		gamma += 4 * rounding
	}
	return gamma
}

// forget drops what belongs to the caller.
func (q *query) forget() { q.vec, q.wide = nil, nil }

// centerWide is center for a query of float64.
func (q *query) centerWide(ix *segment) float32 {
	l := ix.lens()
	var factor float64
	switch ix.metric {
	case Cosine:
		factor, q.length = 1/q.norm, 1
	case Dot:
		_, exp := math.Frexp(q.norm)
		factor = math.Ldexp(1, min(-exp, 900))
		q.unit = factor * float64(ix.scale)
		q.length = float32(q.norm * factor)
	default:
		factor = float64(ix.scale)
		q.unit = factor * factor
	}
	simd.Narrow(q.rotated[:ix.dim], q.wide, factor, l.mean)
	clear(q.rotated[ix.dim:])
	return float32(simd.WideDot(q.wide, l.mean) * factor)
}
