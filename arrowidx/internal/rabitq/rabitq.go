// Package rabitq turns vectors into codes of 1 to 9 bits per dimension whose inner products with a
// query can be estimated with bounds: RaBitQ (Gao and Long, SIGMOD 2024) for the plane of signs,
// Extended RaBitQ (Gao et al., SIGMOD 2025) for the extra bits. Names follow the papers: r is a
// row's residual, q' the rotated query, y a code's vector, f_add, f_rescale and f_error are
// [Factors], epsilon0 is the width of bounds.
//
// Reading order: rotate.go (the random rotation, 2024 section 3.1), rabitq.go (codes and their
// factors, section 3.2), codes.go (how the codes of an index lie in memory),
// room.go (codes of rows that come one after the other).
package rabitq

import (
	"encoding/binary"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// ExtraLoad[e] is the factor c for which codes trunc(c*sqrt(D)*|r_i|/|r|) of e bits have the
// largest expected cosine with r when r is Gaussian (Extended RaBitQ's t, found once for all
// rows). The numbers are frozen: they decide bytes of index files.
var ExtraLoad = [9]float64{0, 1.0043, 1.7064, 2.9833, 5.3152, 9.6096, 17.5847, 32.5072, 60.6100}

// Factors turn the inner product v = <y, q'> of a code with a rotated query into an estimate
// add + g_add + rescale*v of the distance, whose standard deviation is at most err*|q'|.
// (RaBitQ section 3.2; factors of err are for epsilon0 = 1.)
type Factors struct{ Add, Rescale, Err float32 }

// FactorsBytes is the length of stored factors.
const FactorsBytes = 12

// Put stores the factors in the first FactorsBytes of b, little-endian.
func (f Factors) Put(b []byte) {
	binary.LittleEndian.PutUint32(b, math.Float32bits(f.Add))
	binary.LittleEndian.PutUint32(b[4:], math.Float32bits(f.Rescale))
	binary.LittleEndian.PutUint32(b[8:], math.Float32bits(f.Err))
}

// GetFactors reads what Put stored.
func GetFactors(b []byte) Factors {
	return Factors{
		Add:     math.Float32frombits(binary.LittleEndian.Uint32(b)),
		Rescale: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])),
		Err:     math.Float32frombits(binary.LittleEndian.Uint32(b[8:])),
	}
}

// Coder turns rotated residuals into codes. One goroutine at a time.
//
// A code of B = 1+e bits is u_i = s_i*2^e + x_i with s_i = [r_i > 0]; its vector is
// y_i = u_i - (2^B-1)/2. The plane holds s; the extra bits hold x.
type Coder struct {
	padded int
	extra  int  // e
	inner  bool // inner product (cosine, dot) rather than squared L2
	Signs  []byte
	k      []byte
}

// NewCoder makes a coder of `bits` bits per dimension, 1 to 9.
func NewCoder(padded, bits int, metric column.Metric) *Coder {
	return &Coder{
		padded: padded, extra: bits - 1, inner: metric.Larger(),
		Signs: make([]byte, padded/8), k: make([]byte, padded),
	}
}

// Fits reports whether it is what NewCoder makes of the same.
func (c *Coder) Fits(padded, bits int, metric column.Metric) bool {
	return c.padded == padded && c.extra == bits-1 && c.inner == metric.Larger()
}

// Encode codes the residual r = x - c of a row to its centroid (nil: the origin). For inner
// products, meanDot is <x, mean> of the row; it is not used otherwise. The sign bits are left in
// c.Signs; the extra bits and their factors are written to extra (simd.ExtraBytes + FactorsBytes
// long) when there are any. It returns the factors of the plane and |r|^2.
func (c *Coder) Encode(
	r []float32, meanDot float32, centroid []float32, extra []byte,
) (Factors, float32) {
	norm2, abs := simd.PackSigns(c.Signs, r)
	l := float64(norm2)
	// y of one bit is s - 1/2: <r, y> = |r|_1 / 2 and |y|^2 = D/4.
	plane := c.factors(l, float64(abs)/2, float64(c.padded)/4, meanDot)
	var whole Factors
	if c.extra > 0 {
		dot, sq := c.fit(r, l)
		simd.PackExtra(extra[:len(extra)-FactorsBytes], c.k, c.Signs, c.extra, c.padded)
		whole = c.factors(l, dot, sq, meanDot)
	}
	if centroid != nil {
		c.moveTo(centroid, r, &plane, &whole)
	}
	if c.extra > 0 {
		whole.Put(extra[len(extra)-FactorsBytes:])
	}
	return plane, norm2
}

// moveTo adds to f_add what the product <y, q'> has of the centroid: <r, q' - c> is estimated by
// (L/R) (<y, q'> - <c, y>), and inner products also have <r, c> (RaBitQ section 3.2).
func (c *Coder) moveTo(centroid, r []float32, plane, whole *Factors) {
	var k []byte
	if c.extra > 0 {
		k = c.k
	}
	one, all := simd.DotSigned(c.Signs, k, centroid)
	own := 0.0
	if c.inner {
		own = float64(simd.Dot16(r, centroid))
	}
	// Products are rounded before they are added to.
	plane.Add = float32(float64(plane.Add) - own - float64(float64(plane.Rescale)*float64(one)/2))
	whole.Add = float32(float64(whole.Add) - own - float64(float64(whole.Rescale)*float64(all)))
}

// fit writes codes k = trunc(t*|r|) to c.k with the best of three scales t and returns <r, y> and
// |y|^2: the scale that is best for Gaussian rows, the one that just reaches the row's largest
// number (better from 3 extra bits on), and the least-squares scale |y|^2/<r, y> of the better of
// the two codes. Best is the largest <r, y>^2 / |y|^2, the square of the code's cosine with r.
func (c *Coder) fit(r []float32, l float64) (dot, sq float64) {
	if l == 0 {
		simd.EncodeExtra(c.k, r, 0, c.extra)
		return 0, float64(c.padded) / 4
	}
	load := ExtraLoad[c.extra] * math.Sqrt(float64(c.padded)) / math.Sqrt(l)
	full := 0.99999 * float64(int(1)<<c.extra) / float64(simd.MaxAbs(r))
	var best, t, last float32
	var merit float64
	attempt := func(scale float64) {
		t = mem.ClampFloat(scale)
		d, s := c.try(r, t)
		last = t
		if m := d / s * d; m > merit {
			merit, best, dot, sq = m, t, d, s
		}
	}
	attempt(load)
	if c.extra >= 3 {
		attempt(full)
	}
	if dot > 0 {
		attempt(sq / dot)
	}
	if last != best {
		dot, sq = c.try(r, best)
	}
	return dot, sq
}

func (c *Coder) try(r []float32, t float32) (dot, sq float64) {
	d, s := simd.EncodeExtra(c.k, r, t, c.extra)
	return float64(d), float64(s) + float64(c.padded)/4
}

// factors derives a code's factors from l = |r|^2, dot = <r,y> and y = |y|^2. Products are
// rounded before they are added to, on every machine.
func (c *Coder) factors(l, dot, y float64, meanDot float32) Factors {
	f := Factors{Add: float32(l)}
	kappa := 2.0
	if c.inner {
		f.Add, kappa = -meanDot, 1
	}
	if dot == 0 || l == 0 {
		return f
	}
	f.Rescale = float32(-kappa * (l / dot))
	secant2 := l / dot * (y / dot) // 1 / cos^2 of the angle between r and y
	if secant2 > 1 {
		f.Err = float32(kappa * math.Sqrt(l) * math.Sqrt((secant2-1)/float64(c.padded-1)))
	}
	return f
}
