package simd

import (
	"fmt"
	"slices"
)

// lanes is the number of virtual lanes of a stored sum: lane i takes the elements i, i+16, ...
const lanes = 16

// callFloats is callBytes counted in float32 values.
const callFloats = callBytes / 4

// floatKernels holds one implementation of every function of the float group. Arguments have been
// checked by the exported functions; the implementations do not check again.
type floatKernels struct {
	rotate      func(x []float32, rows, d int, signs []uint32)
	center      func(dst, x []float32, scale float32, mean []float32)
	scale       func(dst, x []float32, s float32)
	packSigns   func(code []byte, r []float32) (norm2, abs float32)
	encodeExtra func(k []byte, r []float32, t float32, limit int) (dot float32, sq int64)
	packPlane   func(dst, k, signs []byte, width, shift, flip int)
	maxAbs      func(x []float32) float32
	dot16       func(x, y []float32) float32
	norm16      func(x []float32) float32
	dot16Four   func(out *[4]float32, x, a, b, c, d []float32)
	dotRows     func(out, rows []float32, n, stride, d int, q []float32)
	l2Rows      func(out, rows []float32, n, stride, d int, q []float32)
	dotTile     func(out, rows []float32, n, stride, d int, q []float32, nq, qstride int)
	l2Tile      func(out, rows []float32, n, stride, d int, q []float32, nq, qstride int)
	dot64       func(x, y []float32) float64
	l2Sq64      func(x, y []float32) float64
	norm64      func(x []float32) float64
	addScaled   func(sum []float64, x []float32, s float64)
	wideDot     func(x, y []float64) float64
	wideNorm    func(x []float64) float64
	wideL2Sq    func(x, y []float64) float64
	narrow      func(dst []float32, x []float64, scale float64, mean []float64)
	dotBlock    blockKernel // nil where sums of one pair are as fast
	l2Block     blockKernel
	f16ToF32    func(dst []float32, src []uint16)
	f64ToF32    func(dst []float32, src []float64)
	int8ToF32   func(dst []float32, src []int8)
	uint8ToF32  func(dst []float32, src []uint8)
}

// pureFloat is the Go implementation: the specification that every other tier is tested against.
var pureFloat = floatKernels{
	rotate:      rotatePure,
	center:      centerPure,
	scale:       scalePure,
	packSigns:   packSignsPure,
	encodeExtra: encodeExtraPure,
	packPlane:   packPlanePure,
	maxAbs:      largestPure,
	dot16:       dot16Pure,
	norm16:      norm16Pure,
	dot16Four:   dot16FourPure,
	dotRows:     dotRowsPure,
	l2Rows:      l2RowsPure,
	dotTile:     dotTilePure,
	l2Tile:      l2TilePure,
	dot64:       dot64Pure,
	l2Sq64:      l2Sq64Pure,
	norm64:      norm64Pure,
	addScaled:   addScaledPure,
	wideDot:     wideDotPure,
	wideNorm:    wideNormPure,
	wideL2Sq:    wideL2SqPure,
	narrow:      narrowPure,
	f16ToF32:    f16ToF32Pure,
	f64ToF32:    f64ToF32Pure,
	int8ToF32:   int8ToF32Pure,
	uint8ToF32:  uint8ToF32Pure,
}

// float is the implementation in use; useFloat replaces it when a tier is chosen.
var float = pureFloat

func init() { register(useFloat) }

// Center writes dst[i] = x[i]*scale - mean[i] for every i below len(x), with the product rounded
// to float32 before the subtraction, so that the result is the same on every tier. Any length;
// dst and mean must hold at least len(x) values, and dst may be x. Safe for concurrent use on
// disjoint outputs, as are all functions of this group.
func Center(dst, x []float32, scale float32, mean []float32) {
	checkRoom("Center", min(len(dst), len(mean)), len(x))
	float.center(dst[:len(x)], x, scale, mean[:len(x)])
}

// Scale writes dst[i] = x[i]*s for every i below len(x); the same bits on every tier. Any length;
// dst must hold at least len(x) values and may be x.
func Scale(dst, x []float32, s float32) {
	checkRoom("Scale", len(dst), len(x))
	float.scale(dst[:len(x)], x, s)
}

// MaxAbs returns the largest magnitude in x, 0 when x is empty; NaN is passed over. The same bits
// on every tier. Any length.
func MaxAbs(x []float32) float32 {
	return float.maxAbs(x)
}

// Dot16 returns the stored sum of x[i]*y[i] over len(x) elements: 16 lanes of float32, lane i
// taking the elements i, i+16, ..., every product rounded before it is added, the lanes folded
// 8, 4, 2, 1. The same bits on every tier. Any length; y must hold at least len(x) values.
func Dot16(x, y []float32) float32 {
	checkRoom("Dot16", len(y), len(x))
	return float.dot16(x, y[:len(x)])
}

// Dot16Of writes out[i] = Dot16(x, row which[i]) for the rows that lie one after the other in rows,
// of len(x) values each: the same bits, four rows at a time. Any length but zero; out must hold at
// least len(which) values.
func Dot16Of(out, x, rows []float32, which []uint32) {
	checkRoom("Dot16Of", len(out), len(which))
	d, n, rows := len(x), len(which), slices.Clip(rows)
	row := func(i int) []float32 { return rows[int(which[i])*d:][:d] }
	if n < 4 {
		for i := range n {
			out[i] = float.dot16(x, row(i))
		}
		return
	}
	for i := 0; i < n; i += 4 {
		at := min(i, n-4) // the last four may overlap those before
		four := (*[4]float32)(out[at:])
		float.dot16Four(four, x, row(at), row(at+1), row(at+2), row(at+3))
	}
}

// Norm16 returns the stored sum of the squares of x: Dot16(x, x). The same bits on every tier.
func Norm16(x []float32) float32 {
	return float.norm16(x)
}

// Dot64 returns the dot product of x and y over len(x) elements in float64: 16 lanes, lane i taking
// the elements i, i+16, ..., folded 8, 4, 2, 1. A product of two float32 values is exact in
// float64, so only the additions round. The same bits on every tier. Any length; y must hold at
// least len(x) values.
func Dot64(x, y []float32) float64 {
	checkRoom("Dot64", len(y), len(x))
	return float.dot64(x, y[:len(x)])
}

// L2Sq64 returns the sum of (x[i]-y[i])^2 over len(x) elements, difference, square and sum in
// float64 in the lanes of Dot64, the square rounded before it is added. The same bits on every
// tier. Any length; y must hold at least len(x) values.
func L2Sq64(x, y []float32) float64 {
	checkRoom("L2Sq64", len(y), len(x))
	return float.l2Sq64(x, y[:len(x)])
}

// Norm64 returns the sum of the squares of x in float64: Dot64(x, x). The same bits on every tier.
func Norm64(x []float32) float64 {
	return float.norm64(x)
}

// AddScaled adds float64(x[i])*s to sum[i] for every i below len(x), the product rounded to
// float64 before the addition; the same bits on every tier. Any length; sum must hold at least
// len(x) values.
func AddScaled(sum []float64, x []float32, s float64) {
	checkRoom("AddScaled", len(sum), len(x))
	float.addScaled(sum[:len(x)], x, s)
}

// F16ToF32 converts IEEE 754 binary16 values, given by their bits, to float32 for every i below
// len(src). Every value is exact; a NaN keeps its sign and payload and becomes quiet. Any length;
// dst must hold at least len(src) values.
func F16ToF32(dst []float32, src []uint16) {
	checkRoom("F16ToF32", len(dst), len(src))
	float.f16ToF32(dst[:len(src)], src)
}

// F64ToF32 rounds float64 values to the nearest float32, ties to even, for every i below len(src);
// values beyond the range of float32 become infinities. Any length; dst must hold at least
// len(src) values.
func F64ToF32(dst []float32, src []float64) {
	checkRoom("F64ToF32", len(dst), len(src))
	float.f64ToF32(dst[:len(src)], src)
}

// Int8ToF32 converts whole numbers of -128 to 127 to float32 for every i below len(src); every
// value is exact. Any length; dst must hold at least len(src) values.
func Int8ToF32(dst []float32, src []int8) {
	checkRoom("Int8ToF32", len(dst), len(src))
	float.int8ToF32(dst[:len(src)], src)
}

// Uint8ToF32 converts whole numbers of 0 to 255 to float32 for every i below len(src); every value
// is exact. Any length; dst must hold at least len(src) values.
func Uint8ToF32(dst []float32, src []uint8) {
	checkRoom("Uint8ToF32", len(dst), len(src))
	float.uint8ToF32(dst[:len(src)], src)
}

// checkRoom panics unless a slice of have elements holds the need that a call is about to touch.
func checkRoom(op string, have, need int) {
	if have < need {
		panic(fmt.Sprintf("simd: %s: %d elements where %d are needed", op, have, need))
	}
}
