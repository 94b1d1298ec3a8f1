package arrowidx

import (
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// assignEpsilon is the width of the bounds, in standard deviations, by which a code of one bit
// rules a centroid out. A row that this sends to its second nearest cell is no worse coded.
const assignEpsilon = 1.6

// centroidPlane holds centroids as codes of one bit around the origin, to rule most of them out
// before any is measured. Immutable.
type centroidPlane struct {
	codes
	alive   []uint32 // a bit for every centroid
	err     float32  // largest f_error
	rescale float32  // largest |f_rescale|
}

// newCentroidPlane codes n centroids of padded numbers for distances (order L2) or inner products
// (order Dot).
func newCentroidPlane(centroids []float32, n, padded int, order Metric) (*centroidPlane, error) {
	p := &centroidPlane{
		codes: codes{padded: padded, bits: 1, rows: n, count: blocksOf(n),
			stride: simd.BlockStride(padded)},
	}
	var err error
	if p.blocks, err = newSlab("build", int64(p.count*p.stride)); err != nil {
		return nil, err
	}
	p.code(centroids, order)
	p.alive = make([]uint32, p.count)
	for b := range p.alive {
		p.alive[b] = lowBits(n - b*simd.BlockRows)
	}
	return p, nil
}

// code codes centroids anew.
func (p *centroidPlane) code(centroids []float32, order Metric) {
	coder := newCoder(p.padded, 1, order)
	p.err, p.rescale = 0, 0
	for i := range p.rows {
		fs, _ := coder.encode(centroids[i*p.padded:(i+1)*p.padded], 0, nil, nil)
		p.putPlane(i, coder.signs, fs)
		p.err, p.rescale = max(p.err, fs.err), max(p.rescale, -fs.rescale)
	}
}

// width bounds how far a query's estimates are from the truth.
func (p *centroidPlane) width(q *simd.ScanQuery) float32 {
	return float32(p.err*q.Err) + float32(p.rescale*q.TabErr)
}

// planeQuery makes a rotated vector ready for scans of planes whose estimates begin at zero:
// bounds are epsilon standard deviations wide. tables has 4 bytes a dimension.
func planeQuery(x []float32, tables []byte, epsilon float32) simd.ScanQuery {
	step, abs := simd.BuildTables(tables, x)
	length := float32(math.Sqrt(float64(simd.Norm16(x))))
	return simd.ScanQuery{
		Tables: tables, Step: step, Bias: -abs / 2, Err: epsilon * length,
		TabErr: epsilon * step * float32(math.Sqrt(float64(len(x))/4/12)),
		Tau:    float32(math.Inf(1)),
	}
}

// finder finds the nearest centroids of rotated rows. One goroutine at a time.
type finder struct {
	plane     *centroidPlane
	centroids []float32
	norm2     []float32 // square lengths of the centroids
	four      [4]simd.ScanQuery
	tables    []byte
	masks     []uint32
	est       []float32
	near      []uint32
	dots      []float32 // products with all centroids, where the plane leaves too many
}

func newFinder(p *centroidPlane, centroids, norm2 []float32) *finder {
	blocks := p.count
	return &finder{
		plane: p, centroids: centroids, norm2: norm2,
		tables: make([]byte, 4*4*p.padded), masks: make([]uint32, 4*blocks),
		est:  make([]float32, 4*blocks*simd.BlockRows),
		near: make([]uint32, blocks*simd.BlockRows+simd.BlockRows),
	}
}

// nearest writes the nearest centroid of each of n rows to out, the smaller one of equals. The
// plane's bounds leave a few centroids, among which the stored sum decides, so that the result
// is the same on every machine.
func (f *finder) nearest(rows []float32, n int, out []uint32) {
	p, d := f.plane, f.plane.padded
	lanes := p.count * simd.BlockRows
	for at := 0; at < n; at += 4 {
		some := min(4, n-at)
		for i := range some {
			x := rows[(at+i)*d : (at+i+1)*d]
			f.four[i] = planeQuery(x, f.tables[4*d*i:4*d*(i+1)], assignEpsilon)
		}
		if some == 4 {
			simd.Scan4(p.blocks.mem, d, p.alive, &f.four, f.masks, f.est)
		}
		for i := range some {
			est := f.est[i*lanes : (i+1)*lanes]
			if some < 4 {
				est = f.est[:lanes]
				simd.Scan(p.blocks.mem, d, p.alive, &f.four[i], f.masks[:p.count], est)
			}
			width := p.width(&f.four[i])
			out[at+i] = f.decide(rows[(at+i)*d:(at+i+1)*d], est[:p.rows], width)
		}
	}
}

// decide measures the centroids that may be nearest by their estimates. Where those are many, as
// with few dimensions, float32 products of any order of additions leave fewer: with a bound for
// their rounding no centroid is lost that the stored sum would choose.
func (f *finder) decide(x, est []float32, width float32) uint32 {
	best := uint32(max(simd.ArgMin(est), 0))
	least := f.measure(x, best)
	near := f.near[:simd.SelectBelow(f.near, est, least+width)]
	if len(near) > manyNear && len(near) > len(est)/16 {
		near = f.nearByProduct(x, least)
	}
	for _, c := range near {
		if v := f.measure(x, c); v < least || v == least && c < best {
			least, best = v, c
		}
	}
	return best
}

// manyNear is the number of centroids from which on it pays to multiply with all of them.
const manyNear = 32

// nearByProduct lists the centroids that rounding allows to be as near as least.
func (f *finder) nearByProduct(x []float32, least float32) []uint32 {
	n, d := len(f.norm2), len(x)
	f.dots = grow(f.dots, n)
	simd.DotRows(f.dots, f.centroids, n, d, d, x)
	longest := float32(0)
	for i, v := range f.dots {
		longest = max(longest, f.norm2[i])
		f.dots[i] = f.norm2[i] - 2*v
	}
	// Both sums err by less than (d/8+16) 2^-24 |x| |c|, and are doubled.
	gamma := float32(d/8+16) / (1 << 22)
	return f.near[:simd.SelectBelow(f.near, f.dots, least+gamma*sqrt32(simd.Norm16(x)*longest))]
}

// measure returns the square distance of row and centroid less that of the row from the origin.
func (f *finder) measure(x []float32, c uint32) float32 {
	d := len(x)
	return f.norm2[c] - 2*simd.Dot16(x, f.centroids[int(c)*d:(int(c)+1)*d])
}
