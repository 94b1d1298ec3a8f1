package simd

import (
	"fmt"
	"math"
)

// planeWidths are the widths of the planes of an extra code, in the order they are stored.
var planeWidths = [...]int{8, 4, 2, 1}

// groupDims is the number of dimensions that an extra code packs together.
const groupDims = 64

// PackSigns writes the sign plane of one residual: bit i%8 of code[i/8] is set when r[i] > 0 (so it
// is clear for both zeros and NaN). It returns the stored sums (see Dot16) of r[i]^2 and |r[i]|.
// len(r) is a multiple of 64; code must hold at least len(r)/8 bytes. The same bits on every tier.
//
// Source of the code: RaBitQ, arXiv 2405.12497.
func PackSigns(code []byte, r []float32) (norm2, abs float32) {
	checkDims("PackSigns", len(r), len(code)*8)
	return float.packSigns(code[:len(r)/8], r)
}

// EncodeExtra quantises magnitudes to e bits, 1 <= e <= 8, with step 1/t, t >= 0:
// k[i] = min(trunc(t*|r[i]|), 2^e-1); a product that is NaN gives 2^e-1. It returns the stored sum
// (see Dot16) of (k[i]+0.5)*|r[i]| and, exactly, the sum of k[i]^2+k[i], from which
// sum (k[i]+0.5)^2 = sq + len(r)/4. len(r) is a multiple of 64; k must hold at least len(r) bytes.
// The same bits on every tier.
//
// Source of the code: extended RaBitQ, arXiv 2409.09913.
func EncodeExtra(k []byte, r []float32, t float32, e int) (dot float32, sq int64) {
	checkDims("EncodeExtra", len(r), len(k))
	checkExtra("EncodeExtra", e)
	return float.encodeExtra(k[:len(r)], r, t, 1<<e-1)
}

// PackExtra packs the magnitudes k of one row, e bits each, 1 <= e <= 8, into its extra code of
// d*e/8 bytes. The stored value is x[i] = k[i] where bit i%8 of signs[i/8] is set, else
// k[i] XOR (2^e-1), which makes the full code sign*2^e + x grow with the residual.
//
// The code is one plane for each width in {8, 4, 2, 1} that the binary form of e holds, widest
// first; the first plane takes the highest bits of x. A plane is a sequence of 64-dimension groups:
// width 8: byte k = dim k. Width 4, 32 bytes: byte k = dim k | dim k+32 << 4. Width 2, 16 bytes:
// byte k = dims k, k+16, k+32, k+48 at bits 0, 2, 4, 6. Width 1, 8 bytes: bit i = dim i.
//
// d is a multiple of 64; k holds at least d values, none above 2^e-1; signs at least d/8 bytes.
func PackExtra(dst []byte, k []byte, signs []byte, e, d int) {
	checkDims("PackExtra", d, min(len(k), len(signs)*8))
	checkExtra("PackExtra", e)
	checkRoom("PackExtra", len(dst), d*e/8)
	dst, k, signs = dst[:d*e/8], k[:d], signs[:d/8]
	shift := e
	for _, width := range planeWidths {
		if e&width == 0 {
			continue
		}
		shift -= width
		n := d * width / 8
		float.packPlane(dst[:n], k, signs, width, shift, 1<<e-1)
		dst = dst[n:]
	}
}

func checkDims(op string, d, room int) {
	if d < 0 || d%groupDims != 0 || d > room {
		panic(fmt.Sprintf("simd: %s: %d dimensions (a multiple of 64) do not fit room for %d",
			op, d, room))
	}
}

func checkExtra(op string, e int) {
	if e < 1 || e > 8 {
		panic(fmt.Sprintf("simd: %s: e = %d is outside 1..8", op, e))
	}
}

func absolute(v float32) float32 {
	return math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
}

func packSignsPure(code []byte, r []float32) (norm2, abs float32) {
	var squares, sizes [lanes]float32
	clear(code)
	for i, v := range r {
		if v > 0 {
			code[i/8] |= 1 << (i % 8)
		}
		squares[i%lanes] += float32(v * v)
		sizes[i%lanes] += absolute(v)
	}
	return fold16(&squares), fold16(&sizes)
}

func encodeExtraPure(k []byte, r []float32, t float32, limit int) (dot float32, sq int64) {
	var lane [lanes]float32
	for i, v := range r {
		size := absolute(v)
		code := int64(limit)
		if scaled := t * size; scaled < float32(limit) {
			code = int64(scaled)
		}
		k[i] = byte(code)
		lane[i%lanes] += float32((float32(code) + 0.5) * size)
		sq += code*code + code
	}
	return fold16(&lane), sq
}

// packPlanePure writes one plane: width bits of each value, from bit shift of x upwards.
func packPlanePure(dst, k, signs []byte, width, shift, flip int) {
	clear(dst)
	perByte := 8 / width
	group := groupDims / perByte
	for i, x := range k {
		if signs[i/8]>>(i%8)&1 == 0 {
			x ^= byte(flip)
		}
		part := x >> shift & byte(1<<width-1)
		base, dim := i/groupDims*group, i%groupDims
		if width == 1 {
			dst[base+dim/8] |= part << (dim % 8)
			continue
		}
		dst[base+dim%group] |= part << (dim / group * width)
	}
}
