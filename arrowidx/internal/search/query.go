package search

import (
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Norms of scaled, centred queries (rows have norms below 2) from which on float32 estimates of
// squared distances lose the order of rows: beyond farAway rows are measured on the vectors if
// they are at hand, beyond tooFar codes alone cannot answer.
const (
	farAway = 64
	tooFar  = 1 << 10
)

// Query is one query made ready. Distances inside the engine are smaller-is-better and scaled:
// unit times the squared distance (l2, sqeuclidean) or minus the inner product (dot, cosine).
type Query struct {
	Vec  []float32 // as scans see it, d numbers
	wide []float64 // what rows are measured from; nil: Vec
	Norm float64   // its length
	// Of queries with wide: what rounding does to distances, and to inner products.
	blur    blur
	rounded bool
	own     []float64 // memory for wide
	narrow  []float32 // and for Vec
	packed  []byte    // instead of Vec, where rows are packed bits
	Unit    float64
	Zero    bool // a zero vector under cosine or dot: every score is 0
	far     bool // beyond farAway
	lost    bool // beyond tooFar

	// For codes (kind flat): q' = rotate(scaled query - mean).
	meanDot float32 // the scaled query's inner product with the mean
	Rotated []float32
	tables  []byte
	Scan    simd.ScanQuery // Tau is set by each scan
	z       []int8         // q' as int8, for cells and for codes of 2 to 5 bits
	zStep   float32
	offset  float32 // subtracted from a code's product: (2^B-1)/2 times the sum of q'
	epsilon float32
	Norm2   float32 // |q'|^2
	Length  float32 // of the scaled query before the mean is subtracted (cosine and dot)
	Origin  Place   // of a flat index; cells add to it
	zErr    float32 // epsilon0 * the standard deviation that int8 adds, per unit of rescale
	Slack   float32 // contains float32 rounding of estimates

	first    float32 // upper bound of the k-th distance, from the pilot scan or other segments
	strategy strategy
	number   int // of those that are asked together
}

// Place is where codes lie for a query: around which point they are residuals.
type Place struct {
	Add   float32 // g_add: part of the distance that all codes there share
	Err   float32 // epsilon0 * g_err: epsilon0 times the query's distance from that point
	shift int     // slot minus position of a row there
}

// Prepare validates query i and computes what every row needs.
func (q *Query) Prepare(r *Run, i int) error {
	if err := q.measure(r, i); err != nil || r.Seg.Codes == nil || q.Zero {
		return err
	}
	q.rotate(r.Seg)
	q.setTables(r.Seg, float32(r.Epsilon))
	return nil
}

// measure validates query i and computes what decides how rows are looked at.
func (q *Query) measure(r *Run, i int) error {
	// Whatever another index had here is gone but for the memory.
	*q = Query{Rotated: q.Rotated, tables: q.tables, z: q.z, own: q.own, narrow: q.narrow, number: i}
	if err := q.read(r, i); err != nil {
		return err
	}
	seg := r.Seg
	q.Zero = q.Norm == 0 && seg.Metric.Larger()
	q.Unit, q.first = 1, float32(math.Inf(1))
	if seg.Codes == nil || q.Zero || seg.Metric == column.Cosine { // cosine: nothing is far
		return nil
	}
	q.Rotated = mem.Grow(q.Rotated, seg.Codes.Padded)
	q.meanDot = q.center(seg)
	length := math.Sqrt(float64(simd.Norm16(q.Rotated)))
	q.far, q.lost = !(length < farAway), !(length < tooFar)
	return nil
}

// rotate turns the centred query. For cosine it is centred only here: where rows are few, nothing
// asks for it.
func (q *Query) rotate(seg *segment.Segment) {
	if seg.Metric == column.Cosine {
		q.Rotated = mem.Grow(q.Rotated, seg.Codes.Padded)
		q.meanDot = q.center(seg)
	}
	seg.Rot.Apply(q.Rotated, 1)
	q.Norm2 = simd.Norm16(q.Rotated)
}

// center writes the scaled query minus the mean to q.Rotated and returns the scaled query's inner
// product with the mean. It sets Unit.
func (q *Query) center(seg *segment.Segment) float32 {
	if q.wide != nil {
		return q.centerWide(seg)
	}
	scaled := q.Rotated[:seg.Dim]
	clear(q.Rotated[seg.Dim:])
	switch seg.Metric {
	case column.Cosine, column.Dot:
		_, exp := math.Frexp(q.Norm)
		own := float32(math.Ldexp(1, min(-exp, 126)))
		if seg.Metric == column.Dot {
			simd.Scale(scaled, q.Vec, own)
			q.Unit = float64(own) * float64(seg.Scale)
			q.Length = float32(q.Norm * float64(own))
		} else {
			build.Normalise(scaled, q.Vec, own)
			q.Length = 1
		}
	default:
		simd.Scale(scaled, q.Vec, seg.Scale)
		q.Unit = float64(seg.Scale) * float64(seg.Scale)
	}
	meanDot := simd.Dot16(scaled, seg.Mean)
	simd.Center(scaled, scaled, 1, seg.Mean)
	return meanDot
}

// centerWide is center for a query of float64.
func (q *Query) centerWide(seg *segment.Segment) float32 {
	l := seg.Lens()
	var factor float64
	switch seg.Metric {
	case column.Cosine:
		factor, q.Length = 1/q.Norm, 1
	case column.Dot:
		_, exp := math.Frexp(q.Norm)
		factor = math.Ldexp(1, min(-exp, 900))
		q.Unit = factor * float64(seg.Scale)
		q.Length = float32(q.Norm * factor)
	default:
		factor = float64(seg.Scale)
		q.Unit = factor * factor
	}
	simd.Narrow(q.Rotated[:seg.Dim], q.wide, factor, l.Mean)
	clear(q.Rotated[seg.Dim:])
	return float32(simd.WideDot(q.wide, l.Mean) * factor)
}

// setTables fills in everything that depends on the rotated query.
func (q *Query) setTables(seg *segment.Segment, epsilon float32) {
	f, norm2 := seg.Codes, q.Norm2
	length := float32(math.Sqrt(float64(norm2)))
	q.tables = mem.Grow(q.tables, f.Padded*4)
	step, abs := simd.BuildTables(q.tables, q.Rotated)
	add := norm2
	if seg.Metric.Larger() {
		add = seg.MeanSq - q.meanDot
	}
	tableErr := step * float32(math.Sqrt(float64(f.Padded)/4/12))
	q.epsilon = epsilon
	q.Origin = Place{Add: add, Err: epsilon * length}
	q.Scan = simd.ScanQuery{
		Tables: q.tables, Step: step, Bias: -abs / 2, Add: add,
		Err: epsilon * length, TabErr: epsilon * tableErr,
	}
	farthest := length + f.Radius
	q.Slack = farthest*farthest/(1<<17) + (1+seg.MeanSq)*(1+seg.MeanSq)/(1<<20)
	if !seg.Metric.Larger() {
		q.Slack = farthest * farthest / (1 << 17)
	}
	half := float32(int(1)<<f.Bits-1) / 2
	if seg.Cells != nil || f.Bits >= 2 && f.Bits <= 5 {
		q.z = mem.Grow(q.z, f.Padded)
		q.zStep = simd.QuantizeInt8(q.z, q.Rotated)
	}
	if f.Bits >= 2 && f.Bits <= 5 {
		sum := 0
		for _, z := range q.z {
			sum += int(z)
		}
		q.offset = half * q.zStep * float32(sum)
		q.zErr = epsilon * q.zStep * half * float32(math.Sqrt(float64(f.Padded)/12))
		return
	}
	var sum float64
	for _, v := range q.Rotated {
		sum += float64(v)
	}
	q.offset, q.zErr = half*float32(sum), 0
}

// widen makes the bounds of all rows so many times as wide.
func (q *Query) widen(times float32) {
	q.epsilon *= times
	q.zErr *= times
	q.Origin.Err *= times
	q.Scan.Err *= times
	q.Scan.TabErr *= times
}

// Code scores the row at a position with all its bits: an estimate of its distance and the half
// width of its bound.
func (q *Query) Code(f *rabitq.Codes, at Place, pos int) (est, width float32) {
	slot := pos + at.shift
	block, lane := f.Block(slot/simd.BlockRows), slot%simd.BlockRows
	f.LazyBlocks.Touch(block)
	if f.Bits == 1 {
		fs := f.PlaneFactors(block, lane)
		v := simd.DotCodeFloat(block, lane, nil, 0, f.Padded, q.Rotated) - q.offset
		return fs.Add + at.Add + float32(fs.Rescale*v), fs.Err * at.Err
	}
	extra := f.ExtraOf(pos)
	f.LazyExtra.Touch(extra)
	fs := rabitq.GetFactors(extra[f.Row-rabitq.FactorsBytes:])
	var v float32
	if f.Bits <= 5 {
		v = float32(simd.DotCode(block, lane, extra, f.Bits-1, f.Padded, q.z)) * q.zStep
	} else {
		v = simd.DotCodeFloat(block, lane, extra, f.Bits-1, f.Padded, q.Rotated)
	}
	// Products are rounded before they are added to, so that no machine finds other rows.
	est = fs.Add + at.Add + float32(fs.Rescale*(v-q.offset))
	return est, float32(fs.Err*at.Err) + float32(mem.Abs32(fs.Rescale)*q.zErr)
}

// in returns the place of a cell for the query.
func (q *Query) in(c *segment.Cells, larger bool, cell int) Place {
	return q.place(c, larger, cell, simd.Dot16(q.Rotated, c.Centroid(cell)))
}

// place is in where the product of query and centroid is known.
func (q *Query) place(c *segment.Cells, larger bool, cell int, dot float32) Place {
	// Rounding must not make the distance from the centroid smaller than it is by much.
	far2 := max(q.Norm2+c.Norm2[cell]-2*dot, 0) + (q.Norm2+c.Norm2[cell])/(1<<20)
	p := Place{
		Add: q.Origin.Add + c.Norm2[cell] - 2*dot, Err: q.epsilon * mem.Sqrt32(far2),
		shift: int(c.Block[cell])*simd.BlockRows - int(c.First[cell]),
	}
	if larger {
		p.Add = q.Origin.Add - dot
	}
	return p
}

// placeOf returns the place of the row at a position.
func (q *Query) placeOf(seg *segment.Segment, pos int) Place {
	if seg.Cells == nil {
		return q.Origin
	}
	return q.in(seg.Cells, seg.Metric.Larger(), seg.Cells.Of(pos))
}

// Score turns a distance in engine units into the metric's score. Estimates and rounding can lie
// outside what the metric can be: its limits are where they end.
func (q *Query) Score(metric column.Metric, dist float64) float32 {
	dist /= q.Unit
	switch metric {
	case column.Cosine, column.Dot:
		if dist == 0 {
			return 0 // never -0
		}
		most := math.MaxFloat32
		if metric == column.Cosine {
			most = 1
		}
		return float32(max(min(-dist, most), -most))
	case column.L2:
		dist = math.Sqrt(max(dist, 0))
	}
	return float32(min(max(dist, 0), math.MaxFloat32))
}

// Exact measures a row in float64, in engine units.
func (q *Query) Exact(metric column.Metric, x []float32) float64 {
	length := 0.0
	if metric == column.Cosine {
		length = math.Sqrt(simd.Norm64(x))
	}
	return q.exact(metric, x, length)
}

// exact is Exact for a row of a known length, which cosine alone reads.
func (q *Query) exact(metric column.Metric, x []float32, length float64) float64 {
	if metric.Larger() {
		return q.ofSum(metric, simd.Dot64(x, q.Vec), length)
	}
	return q.ofSum(metric, simd.L2Sq64(x, q.Vec), length)
}

// ofSum is exact for a row whose inner product with the query, or square of the distance, is known.
func (q *Query) ofSum(metric column.Metric, sum, length float64) float64 {
	switch metric {
	case column.Dot:
		return -sum * q.Unit
	case column.Cosine:
		if norm := length * q.Norm; norm != 0 {
			return -sum / norm
		}
		return 0
	}
	return sum * q.Unit
}

// exactWide is exact for numbers of float64.
func (q *Query) exactWide(metric column.Metric, x []float64, length float64) float64 {
	switch metric {
	case column.Dot:
		return -simd.WideDot(x, q.wide) * q.Unit
	case column.Cosine:
		if norm := length * q.Norm; norm != 0 {
			return -simd.WideDot(x, q.wide) / norm
		}
		return 0
	}
	return simd.WideL2Sq(x, q.wide) * q.Unit
}

func badQuery[T float32 | float64](vec []T, i int, norm2 float64) error {
	for j, v := range vec {
		if v-v == 0 {
			continue
		}
		what := "infinity"
		if v != v {
			what = "NaN"
		}
		return fault.At(fault.InvalidVector, "search", int64(i), int64(j),
			fmt.Sprintf("query %d, column %d holds %s", i, j, what), "repair or drop the query")
	}
	return fault.At(fault.InvalidVector, "search", int64(i), -1,
		fmt.Sprintf("query %d has norm %.3g, its square overflows float32 distances", i,
			math.Sqrt(norm2)), "scale the vectors down")
}

// read takes query i as scans and measurements want it: Vec is what scans compare with rows as
// they see them, wide what rows are measured from, nil where that is Vec.
func (q *Query) read(r *Run, i int) error {
	d := r.Seg.Dim
	q.wide, q.blur, q.rounded = nil, blur{}, false
	if r.P.Wide != nil {
		wide := r.P.Wide[i*d : (i+1)*d]
		q.narrow = mem.Grow(q.narrow, d)
		if r.Lens != nil || !column.Narrows(q.narrow, wide) || !q.plain(r, q.narrow) {
			return q.round(r, wide, i)
		}
		return nil
	}
	vec := r.P.Queries[i*d : (i+1)*d]
	if r.Lens == nil && q.plain(r, vec) {
		return nil
	}
	q.own = mem.Grow(q.own, d)
	column.Widen(q.own, vec)
	return q.round(r, q.own, i)
}

// plain takes a query of float32 as it is, unless its length is none that float32 can work with.
func (q *Query) plain(r *Run, vec []float32) bool {
	norm2 := simd.Norm64(vec)
	if !(norm2 <= build.MaxSquareNorm) {
		return false
	}
	q.Vec, q.Norm = vec, math.Sqrt(norm2)
	return r.Seg.Metric != column.Cosine || segment.IsEven(q.Norm)
}

// round takes a query of float64.
func (q *Query) round(r *Run, wide []float64, i int) error {
	metric, d := r.Seg.Metric, r.Seg.Dim
	norm2, largest := simd.WideNorm(wide), column.LargestOf(wide)
	if largest-largest != 0 || metric != column.Cosine && !(norm2 <= build.MaxSquareNorm) {
		return badQuery(wide, i, norm2)
	}
	q.own, q.narrow = mem.Grow(q.own, d), mem.Grow(q.narrow, d)
	q.wide, q.Vec, q.Norm, q.rounded = wide, q.narrow, math.Sqrt(norm2), true
	_, exp := math.Frexp(largest)
	if metric == column.Cosine || norm2 < 0x1p-900 {
		for j, v := range wide {
			q.own[j] = math.Ldexp(v, -exp)
		}
		q.Norm = math.Sqrt(simd.WideNorm(q.own))
	}
	switch {
	case metric == column.Cosine:
		q.wide = q.own
	case norm2 < 0x1p-900:
		q.Norm = math.Ldexp(q.Norm, exp)
	}
	if r.Lens == nil || metric.Larger() {
		simd.F64ToF32(q.Vec, q.wide)
	} else {
		simd.Narrow(q.Vec, q.wide, 1, r.Lens.Centre)
	}
	if !metric.Larger() {
		q.blur.near = rounding*math.Sqrt(simd.Norm64(q.Vec)) + vanished
		if r.Lens != nil {
			q.blur.near, q.blur.share = 2*q.blur.near, rounding
		}
	}
	return nil
}

// gamma is mem.ExactGamma with what rounding the query or rows to float32 adds to inner products.
func (q *Query) gamma(seg *segment.Segment) float32 {
	gamma := mem.ExactGamma(seg.Dim)
	if q.rounded {
		gamma += 4 * rounding
	}
	return gamma
}

// forget drops what belongs to the caller.
func (q *Query) forget() { q.Vec, q.wide, q.packed = nil, nil, nil }
