package arrowidx

import (
	"encoding/binary"
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// extraLoad[e] is the factor c for which codes trunc(c*sqrt(D)*|r_i|/|r|) of e bits have the largest
// expected cosine with r when r is Gaussian (Extended RaBitQ's t, found once for all rows). The
// numbers are frozen: they decide bytes of index files.
var extraLoad = [9]float64{0, 1.0043, 1.7064, 2.9833, 5.3152, 9.6096, 17.5847, 32.5072, 60.6100}

// encodeSweeps is the number of times a code's scale is fitted to the row after the first try.
const encodeSweeps = 2

// factors turn the inner product v = <y, q'> of a code with a rotated query into an estimate
// add + g_add + rescale*v of the distance, whose standard deviation is at most err*|q'|.
// (RaBitQ section 3.2; factors of err are for epsilon0 = 1.)
type factors struct{ add, rescale, err float32 }

const factorsBytes = 12

func (f factors) put(b []byte) {
	binary.LittleEndian.PutUint32(b, math.Float32bits(f.add))
	binary.LittleEndian.PutUint32(b[4:], math.Float32bits(f.rescale))
	binary.LittleEndian.PutUint32(b[8:], math.Float32bits(f.err))
}

func getFactors(b []byte) factors {
	return factors{
		add:     math.Float32frombits(binary.LittleEndian.Uint32(b)),
		rescale: math.Float32frombits(binary.LittleEndian.Uint32(b[4:])),
		err:     math.Float32frombits(binary.LittleEndian.Uint32(b[8:])),
	}
}

// coder turns rotated residuals into codes. One goroutine at a time.
//
// A code of B = 1+e bits is u_i = s_i*2^e + x_i with s_i = [r_i > 0]; its vector is
// y_i = u_i - (2^B-1)/2. The plane holds s; the extra bits hold x.
type coder struct {
	padded int
	extra  int  // e
	inner  bool // inner product (cosine, dot) rather than squared L2
	signs  []byte
	k      []byte
}

func newCoder(padded, bits int, metric Metric) *coder {
	return &coder{
		padded: padded, extra: bits - 1, inner: metric.Larger(),
		signs: make([]byte, padded/8), k: make([]byte, padded),
	}
}

// encode codes the residual r of a row. For inner products, meanDot is <x, mean> of the row; it is
// not used otherwise. The sign bits are left in c.signs; the extra bits and their factors are
// written to extra (simd.ExtraBytes + factorsBytes long) when there are any. It returns the
// factors of the plane and |r|^2.
func (c *coder) encode(r []float32, meanDot float32, extra []byte) (factors, float32) {
	norm2, abs := simd.PackSigns(c.signs, r)
	l := float64(norm2)
	// y of one bit is s - 1/2: <r, y> = |r|_1 / 2 and |y|^2 = D/4.
	plane := c.factors(l, float64(abs)/2, float64(c.padded)/4, meanDot)
	if c.extra == 0 {
		return plane, norm2
	}
	quarter := float64(c.padded) / 4
	var t float64
	if norm2 > 0 {
		t = extraLoad[c.extra] * math.Sqrt(float64(c.padded)) / math.Sqrt(l)
	}
	dot, sq := simd.EncodeExtra(c.k, r, clampFloat(t), c.extra)
	for range encodeSweeps {
		if dot == 0 {
			break
		}
		t = (float64(sq) + quarter) / float64(dot)
		dot, sq = simd.EncodeExtra(c.k, r, clampFloat(t), c.extra)
	}
	n := simd.ExtraBytes(c.padded, c.extra)
	simd.PackExtra(extra[:n], c.k, c.signs, c.extra, c.padded)
	c.factors(l, float64(dot), float64(sq)+quarter, meanDot).put(extra[n:])
	return plane, norm2
}

// clampFloat keeps a row's scale inside float32: residuals near the smallest normal number would
// ask for more.
func clampFloat(t float64) float32 { return float32(min(t, math.MaxFloat32)) }

// factors derives a code's factors from l = |r|^2, dot = <r,y> and y = |y|^2. Products are
// rounded before they are added to, on every machine.
func (c *coder) factors(l, dot, y float64, meanDot float32) factors {
	f := factors{add: float32(l)}
	kappa := 2.0
	if c.inner {
		f.add, kappa = -meanDot, 1
	}
	if dot == 0 || l == 0 {
		return f
	}
	f.rescale = float32(-kappa * (l / dot))
	spread := l / dot * (y / dot) // 1 / cos^2 of the angle between r and y
	if spread > 1 {
		f.err = float32(kappa * math.Sqrt(l) * math.Sqrt((spread-1)/float64(c.padded-1)))
	}
	return f
}
