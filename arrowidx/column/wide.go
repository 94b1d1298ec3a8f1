package column

import (
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// WideRow returns the row's numbers as float64: a view of the column's own memory where it holds
// float64, else dst[:dim] filled with converted numbers. A null row's numbers are zeros or
// unspecified.
func (c *Column) WideRow(row int, dst []float64) []float64 {
	ck := c.ChunkOf(row)
	at := row - ck.Start
	if ck.starts != nil {
		if ck.starts[at] == nowhere || ck.isNull(at) {
			dst = dst[:c.Dims]
			clear(dst)
			return dst
		}
	}
	if ck.pager != nil {
		return ck.pagedWide(at, c.Dims, dst)
	}
	from := ck.at(at, c.Dims)
	return ck.data.wide(from, from+c.Dims, dst)
}

// NumberBytes returns the bytes of a number of float32 or float64.
func NumberBytes(wide bool) int64 {
	if wide {
		return 8
	}
	return 4
}

// wide returns numbers [from, to) as float64: a view, or dst filled with converted numbers.
func (e *elements) wide(from, to int, dst []float64) []float64 {
	if e.lazy != nil {
		e.lazy.Touch(e.bytes(from, to))
	}
	if e.kind == elemFloat64 {
		return e.f64[from:to]
	}
	dst = dst[:to-from]
	switch e.kind {
	case elemFloat16:
		var part [128]float32 // arrow's own conversion is wrong for subnormal halves
		for at := 0; at < len(dst); at += len(part) {
			n := min(len(part), len(dst)-at)
			simd.F16ToF32(part[:n], e.f16[from+at:from+at+n])
			Widen(dst[at:at+n], part[:n])
		}
	case elemInt8:
		for i, v := range e.i8[from:to] {
			dst[i] = float64(v)
		}
	case elemUint8, elemBits:
		for i, v := range e.u8[from:to] {
			dst[i] = float64(v)
		}
	default:
		Widen(dst, e.f32[from:to])
	}
	return dst
}

// Widen writes float32 numbers as float64.
func Widen(dst []float64, x []float32) {
	for i, v := range x {
		dst[i] = float64(v)
	}
}

// Narrows reports whether float32 holds every number of x, and writes them to dst until one is not.
func Narrows(dst []float32, x []float64) bool {
	for i, v := range x {
		dst[i] = float32(v)
		if float64(dst[i]) != v {
			return false
		}
	}
	return true
}

// Evened returns a row and its length, scaled by a power of two where squares would overflow or
// vanish: the row is then in buf. The length of a row of zeros is 0, of one that is not finite NaN.
func Evened(x, buf []float64) ([]float64, float64) {
	norm2 := simd.WideNorm(x)
	if norm2 > 0x1p-900 && norm2 < 0x1p900 {
		return x, math.Sqrt(norm2)
	}
	largest := LargestOf(x)
	if largest == 0 || largest-largest != 0 {
		return x, largest - largest
	}
	_, exp := math.Frexp(largest)
	buf = buf[:len(x)]
	for i, v := range x {
		buf[i] = math.Ldexp(v, -exp)
	}
	return buf, math.Sqrt(simd.WideNorm(buf))
}

// LargestOf returns the largest magnitude, NaN or infinity where a number is.
func LargestOf(x []float64) float64 {
	largest := 0.0
	for _, v := range x {
		if v = math.Abs(v); !(v <= largest) {
			largest = v
		}
		if largest != largest {
			break
		}
	}
	return largest
}
