package arrowidx

import (
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// Norms of scaled, centred queries (rows have norms below 2) from which on float32 estimates of
// squared distances lose the order of rows: beyond farAway rows are measured on the vectors if
// they are at hand, beyond tooFar codes alone cannot answer.
const (
	farAway = 64
	tooFar  = 1 << 10
)

// query is one query made ready. Distances inside the engine are smaller-is-better and scaled:
// unit times the squared distance (l2, sqeuclidean) or minus the inner product (dot, cosine).
type query struct {
	vec  []float32 // as scans see it, d numbers
	wide []float64 // what rows are measured from; nil: vec
	norm float64   // its length
	// Of queries with wide: what rounding does to distances, and to inner products.
	blur    blur
	rounded bool
	own     []float64 // memory for wide
	narrow  []float32 // and for vec
	unit    float64
	zero    bool // a zero vector under cosine or dot: every score is 0
	far     bool // beyond farAway
	lost    bool // beyond tooFar

	// For codes (kind flat): q' = rotate(scaled query - mean).
	meanDot float32 // the scaled query's inner product with the mean
	rotated []float32
	tables  []byte
	scan    simd.ScanQuery // Tau is set by each scan
	z       []int8         // q' as int8, for cells and for codes of 2 to 5 bits
	zStep   float32
	offset  float32 // subtracted from a code's product: (2^B-1)/2 times the sum of q'
	epsilon float32
	norm2   float32 // |q'|^2
	length  float32 // of the scaled query before the mean is subtracted (cosine and dot)
	origin  place   // of a flat index; cells add to it
	zErr    float32 // epsilon0 * the standard deviation that int8 adds, per unit of rescale
	slack   float32 // contains float32 rounding of estimates

	first float32 // upper bound of the k-th distance from the first wave
	way   way
}

// place is where codes lie for a query: around which point they are residuals.
type place struct {
	add   float32 // g_add: part of the distance that all codes there share
	err   float32 // epsilon0 * g_err: epsilon0 times the query's distance from that point
	shift int     // slot minus position of a row there
}

// prepare validates query i and computes what every row needs.
func (q *query) prepare(r *run, i int) error {
	if err := q.measure(r, i); err != nil || r.ix.codes == nil || q.zero {
		return err
	}
	q.rotate(r.ix)
	q.setTables(r.ix, float32(r.epsilon))
	return nil
}

// measure validates query i and computes what decides how rows are looked at.
func (q *query) measure(r *run, i int) error {
	// Whatever another index had here is gone but for the memory.
	*q = query{rotated: q.rotated, tables: q.tables, z: q.z, own: q.own, narrow: q.narrow}
	if err := q.read(r, i); err != nil {
		return err
	}
	ix := r.ix
	q.zero = q.norm == 0 && ix.metric.Larger()
	q.unit, q.first = 1, float32(math.Inf(1))
	if ix.codes == nil || q.zero {
		return nil
	}
	q.rotated = grow(q.rotated, ix.codes.padded)
	q.meanDot = q.center(ix)
	length := math.Sqrt(float64(simd.Norm16(q.rotated)))
	q.far, q.lost = !(length < farAway), !(length < tooFar)
	return nil
}

// rotate turns the centred query.
func (q *query) rotate(ix *segment) {
	ix.rot.apply(q.rotated, 1)
	q.norm2 = simd.Norm16(q.rotated)
}

// center writes the scaled query minus the mean to q.rotated and returns the scaled query's inner
// product with the mean. It sets unit.
func (q *query) center(ix *segment) float32 {
	if q.wide != nil {
		return q.centerWide(ix)
	}
	scaled := q.rotated[:ix.dim]
	clear(q.rotated[ix.dim:])
	switch ix.metric {
	case Cosine, Dot:
		_, exp := math.Frexp(q.norm)
		own := float32(math.Ldexp(1, min(-exp, 126)))
		if ix.metric == Dot {
			simd.Scale(scaled, q.vec, own)
			q.unit = float64(own) * float64(ix.scale)
			q.length = float32(q.norm * float64(own))
		} else {
			normalise(scaled, q.vec, own)
			q.length = 1
		}
	default:
		simd.Scale(scaled, q.vec, ix.scale)
		q.unit = float64(ix.scale) * float64(ix.scale)
	}
	meanDot := simd.Dot16(scaled, ix.mean)
	simd.Center(scaled, scaled, 1, ix.mean)
	return meanDot
}

// setTables fills in everything that depends on the rotated query.
func (q *query) setTables(ix *segment, epsilon float32) {
	f, norm2 := ix.codes, q.norm2
	length := float32(math.Sqrt(float64(norm2)))
	q.tables = grow(q.tables, f.padded*4)
	step, abs := simd.BuildTables(q.tables, q.rotated)
	add := norm2
	if ix.metric.Larger() {
		add = ix.meanSq - q.meanDot
	}
	tableErr := step * float32(math.Sqrt(float64(f.padded)/4/12))
	q.epsilon = epsilon
	q.origin = place{add: add, err: epsilon * length}
	q.scan = simd.ScanQuery{
		Tables: q.tables, Step: step, Bias: -abs / 2, Add: add,
		Err: epsilon * length, TabErr: epsilon * tableErr,
	}
	reach := length + f.radius
	q.slack = reach*reach/(1<<17) + (1+ix.meanSq)*(1+ix.meanSq)/(1<<20)
	if !ix.metric.Larger() {
		q.slack = reach * reach / (1 << 17)
	}
	half := float32(int(1)<<f.bits-1) / 2
	if ix.cells != nil || f.bits >= 2 && f.bits <= 5 {
		q.z = grow(q.z, f.padded)
		q.zStep = simd.QuantizeInt8(q.z, q.rotated)
	}
	if f.bits >= 2 && f.bits <= 5 {
		sum := 0
		for _, z := range q.z {
			sum += int(z)
		}
		q.offset = half * q.zStep * float32(sum)
		q.zErr = epsilon * q.zStep * half * float32(math.Sqrt(float64(f.padded)/12))
		return
	}
	var sum float64
	for _, v := range q.rotated {
		sum += float64(v)
	}
	q.offset, q.zErr = half*float32(sum), 0
}

// code scores the row at a position with all its bits: an estimate of its distance and the half
// width of its bound.
func (q *query) code(f *codes, at place, pos int) (est, width float32) {
	slot := pos + at.shift
	block, lane := f.block(slot/simd.BlockRows), slot%simd.BlockRows
	if f.bits == 1 {
		fs := f.planeFactors(block, lane)
		v := simd.DotCodeFloat(block, lane, nil, 0, f.padded, q.rotated) - q.offset
		return fs.add + at.add + float32(fs.rescale*v), fs.err * at.err
	}
	extra := f.extraOf(pos)
	fs := getFactors(extra[f.row-factorsBytes:])
	var v float32
	if f.bits <= 5 {
		v = float32(simd.DotCode(block, lane, extra, f.bits-1, f.padded, q.z)) * q.zStep
	} else {
		v = simd.DotCodeFloat(block, lane, extra, f.bits-1, f.padded, q.rotated)
	}
	// Products are rounded before they are added to, so that no machine finds other rows.
	est = fs.add + at.add + float32(fs.rescale*(v-q.offset))
	return est, float32(fs.err*at.err) + float32(abs32(fs.rescale)*q.zErr)
}

// in returns the place of a cell for the query.
func (q *query) in(c *cells, larger bool, cell int) place {
	dot := simd.Dot16(q.rotated, c.centroid(cell))
	// Rounding must not make the distance from the centroid smaller than it is by much.
	far2 := max(q.norm2+c.norm2[cell]-2*dot, 0) + (q.norm2+c.norm2[cell])/(1<<20)
	p := place{
		add: q.origin.add + c.norm2[cell] - 2*dot, err: q.epsilon * sqrt32(far2),
		shift: int(c.block[cell])*simd.BlockRows - int(c.first[cell]),
	}
	if larger {
		p.add = q.origin.add - dot
	}
	return p
}

// placeOf returns the place of the row at a position.
func (q *query) placeOf(ix *segment, pos int) place {
	if ix.cells == nil {
		return q.origin
	}
	return q.in(ix.cells, ix.metric.Larger(), ix.cells.of(pos))
}

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// score turns a distance in engine units into the metric's score. Estimates and rounding can lie
// outside what the metric can be: its limits are where they end.
func (q *query) score(metric Metric, dist float64) float32 {
	dist /= q.unit
	switch metric {
	case Cosine, Dot:
		if dist == 0 {
			return 0 // never -0
		}
		most := math.MaxFloat32
		if metric == Cosine {
			most = 1
		}
		return float32(max(min(-dist, most), -most))
	case L2:
		dist = math.Sqrt(max(dist, 0))
	}
	return float32(min(max(dist, 0), math.MaxFloat32))
}

// exact measures a row in float64, in engine units.
func (q *query) exact(metric Metric, x []float32) float64 {
	switch metric {
	case Dot:
		return -simd.Dot64(x, q.vec) * q.unit
	case Cosine:
		norm := math.Sqrt(simd.Norm64(x)) * q.norm
		if norm == 0 {
			return 0
		}
		return -simd.Dot64(x, q.vec) / norm
	}
	return simd.L2Sq64(x, q.vec) * q.unit
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
		return errorAt(InvalidVector, "search", int64(i), int64(j),
			fmt.Sprintf("query %d, column %d holds %s", i, j, what), "repair or drop the query")
	}
	return errorAt(InvalidVector, "search", int64(i), -1,
		fmt.Sprintf("query %d has norm %.3g, its square overflows float32 distances", i,
			math.Sqrt(norm2)), "scale the vectors down")
}
