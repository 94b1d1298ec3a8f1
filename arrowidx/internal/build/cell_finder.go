package build

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Finder finds the nearest centroids of rotated rows. One goroutine at a time.
type Finder struct {
	plane     *segment.CentroidPlane
	centroids []float32
	norm2     []float32 // square lengths of the centroids
	four      [4]simd.ScanQuery
	tables    []byte
	masks     []uint32
	est       []float32
	near      []uint32
	sums      []float32 // products with near ones
	dots      []float32 // products with all centroids, where the plane leaves too many
	// The centroids as int8, where they are at hand: they take the place of these products.
	codes    []int8
	step     []float32
	widest   float32 // of the steps
	longest  float32 // of the square lengths; below 0: not known yet
	products []int32
	code     []int8 // of the row
}

// NewFinder makes a finder. norm2 are the square lengths of the centroids; plane, centroids and
// norm2 are read as they are when Nearest is called, so that k-means moves them between rounds.
func NewFinder(p *segment.CentroidPlane, centroids, norm2 []float32) *Finder {
	f := &Finder{}
	f.setUp(p, centroids, norm2)
	return f
}

// setUp makes it a finder of other centroids with the memory that it has.
func (f *Finder) setUp(p *segment.CentroidPlane, centroids, norm2 []float32) {
	f.plane, f.centroids, f.norm2 = p, centroids, norm2
	f.codes, f.step = nil, nil
	if p == nil {
		return
	}
	f.tables, f.masks = mem.Grow(f.tables, 4*4*p.Padded), mem.Grow(f.masks, 4*p.Count)
	f.est = mem.Grow(f.est, 4*p.Count*simd.BlockRows)
	f.near = mem.Grow(f.near, (p.Count+1)*simd.BlockRows)
}

// useCodes has the finder of cells use their centroids as int8.
func (f *Finder) useCodes(c *segment.Cells) {
	f.codes, f.step, f.widest, f.longest = c.Coarse, c.Step, 0, -1
}

// Nearest writes the nearest centroid of each of n rows to out, the smaller one of equals. The
// plane's bounds leave a few centroids, among which the stored sum decides, so that the result
// is the same on every machine.
func (f *Finder) Nearest(rows []float32, n int, out []uint32) {
	d := f.plane.Padded
	f.each(rows, n, func(i int, est []float32, width float32) {
		out[i] = f.decide(rows[i*d:(i+1)*d], est, width)
	})
}

// each calls `next` for every row with estimates of its distances from the centroids, less what
// those share, and how far these are from the truth at most.
func (f *Finder) each(rows []float32, n int, next func(i int, est []float32, width float32)) {
	p, d := f.plane, f.plane.Padded
	lanes, ahead := p.Count*simd.BlockRows, simd.Further(p.Blocks.Mem)
	for at := 0; at < n; at += 4 {
		some := min(4, n-at)
		for i := range some {
			x := rows[(at+i)*d : (at+i+1)*d]
			f.four[i] = segment.PlaneQuery(x, f.tables[4*d*i:4*d*(i+1)], segment.AssignEpsilon)
		}
		if some == 4 {
			simd.Scan4(p.Blocks.Mem, d, p.Alive, &f.four, f.masks, f.est, ahead)
		}
		for i := range some {
			est := f.est[i*lanes : (i+1)*lanes]
			if some < 4 {
				est = f.est[:lanes]
				simd.Scan(p.Blocks.Mem, d, p.Alive, &f.four[i], f.masks[:p.Count], est, ahead)
			}
			next(at+i, est[:p.Rows], p.Width(&f.four[i]))
		}
	}
}

// decide measures the centroids that may be nearest by their estimates. Where those are many, as
// with few dimensions, float32 products of any order of additions leave fewer: with a bound for
// their rounding no centroid is lost that the stored sum would choose.
func (f *Finder) decide(x, est []float32, width float32) uint32 {
	best := uint32(max(simd.ArgMin(est), 0))
	least := f.measure(x, best)
	near := f.near[:simd.SelectBelow(f.near, est, least+width)]
	if len(near) > manyNear && len(near) > len(est)/16 {
		near = f.nearOfAll(x, least)
	}
	f.sums = mem.Grow(f.sums, len(near))
	simd.Dot16Of(f.sums, x, f.centroids, near)
	for i, c := range near {
		if v := f.norm2[c] - 2*f.sums[i]; v < least || v == least && c < best {
			least, best = v, c
		}
	}
	return best
}

// manyNear is the number of centroids from which on it pays to multiply with all of them.
const manyNear = 32

// nearOfAll lists the centroids that may be as near as least.
func (f *Finder) nearOfAll(x []float32, least float32) []uint32 {
	if f.codes != nil {
		f.code = mem.Grow(f.code, len(x))
		if step := simd.QuantizeInt8(f.code, x); step > 0 {
			return f.nearByCodes(x, step, least)
		}
	}
	return f.nearByProduct(x, least)
}

// nearByCodes is nearByProduct by int8 products, a fifth of the time. Rounding to codes moves the
// row and a centroid by half a step in every dimension at most.
func (f *Finder) nearByCodes(x []float32, step, least float32) []uint32 {
	n, d := len(f.norm2), len(x)
	if f.longest < 0 {
		for i, v := range f.norm2 {
			f.longest, f.widest = max(f.longest, v), max(f.widest, f.step[i])
		}
	}
	f.products, f.dots = mem.Grow(f.products, n), mem.Grow(f.dots, n)
	simd.DotInt8Tile(f.products, f.codes, n, d, f.code, 1)
	simd.ScaleAdd(f.dots, f.products, f.step, f.norm2, -2*step)
	half := 0.501 * math.Sqrt(float64(d))
	row, centroid := math.Sqrt(float64(simd.Norm16(x))), math.Sqrt(float64(f.longest))
	moved, codes := half*float64(step), half*float64(f.widest)
	// Sums and their scaling are rounded, too: see nearByProduct.
	gamma := float64(d/8+16) / (1 << 22)
	width := 2*(moved*centroid+(row+moved)*codes) + gamma*(row+centroid)*centroid
	return f.near[:simd.SelectBelow(f.near, f.dots, least+float32(1.0001*width))]
}

// nearByProduct lists the centroids that rounding allows to be as near as least.
func (f *Finder) nearByProduct(x []float32, least float32) []uint32 {
	n, d := len(f.norm2), len(x)
	f.dots = mem.Grow(f.dots, n)
	simd.DotRows(f.dots, f.centroids, n, d, d, x)
	longest := float32(0)
	for i, v := range f.dots {
		longest = max(longest, f.norm2[i])
		f.dots[i] = f.norm2[i] - 2*v
	}
	// Both sums err by less than (d/8+16) 2^-24 |x| |c|, and are doubled.
	gamma := float32(d/8+16) / (1 << 22)
	return f.near[:simd.SelectBelow(f.near, f.dots, least+gamma*mem.Sqrt32(simd.Norm16(x)*longest))]
}

// measure returns the square distance of row and centroid less that of the row from the origin.
func (f *Finder) measure(x []float32, c uint32) float32 {
	d := len(x)
	return f.norm2[c] - 2*simd.Dot16(x, f.centroids[int(c)*d:(int(c)+1)*d])
}
