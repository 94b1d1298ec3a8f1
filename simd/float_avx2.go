//go:build amd64 && !purego

package simd

//go:generate go -C _gen run ./float sums
//go:generate go -C _gen run ./float plain
//go:generate go -C _gen run ./float rotate
//go:generate go -C _gen run ./float encode
//go:generate go -C _gen run ./float dot
//go:generate go -C _gen run ./float l2
//go:generate go -C _gen run ./float wide
//go:generate go -C _gen run ./float block

// vector is the number of float32 values in a register: the elementwise kernels take multiples of
// it and leave the rest to the Go implementation.
const vector = 8

// avx2Float is the float group on AVX2, FMA and F16C.
var avx2Float = floatKernels{
	rotate:      avx2Passes.rotate,
	center:      centerWithAVX2,
	scale:       scaleWithAVX2,
	packSigns:   packSignsWithAVX2,
	encodeExtra: encodeExtraWithAVX2,
	packPlane:   packPlaneWithAVX2,
	maxAbs:      largestWithAVX2,
	dot16:       dot16WithAVX2,
	norm16:      norm16WithAVX2,
	dot16Four:   dot16FourWithAVX2,
	dotRows:     dotRowKernels.rows,
	l2Rows:      l2RowKernels.rows,
	dotTile:     dotRowKernels.tile,
	l2Tile:      l2RowKernels.tile,
	dot64:       dot64WithAVX2,
	l2Sq64:      l2Sq64WithAVX2,
	norm64:      norm64WithAVX2,
	addScaled:   addScaledWithAVX2,
	wideDot:     wideDotWithAVX2,
	wideNorm:    wideNormWithAVX2,
	wideL2Sq:    wideL2SqWithAVX2,
	narrow:      narrowWithAVX2,
	dotBlock:    dotBlockWithAVX2,
	l2Block:     l2BlockWithAVX2,
	f16ToF32:    f16ToF32WithAVX2,
	f64ToF32:    f64ToF32WithAVX2,
	int8ToF32:   int8ToF32WithAVX2,
	uint8ToF32:  uint8ToF32WithAVX2,
}

// useFloat points the float group at a tier.
func useFloat(t Tier) {
	float = pureFloat
	if t != Pure {
		float = avx2Float
	}
	if t == AVX512 {
		float = avx512Float()
	}
}

// elementwise hands the whole vectors of n values over in pieces that are short enough for one
// assembly call, and returns how many values that were.
func elementwise(n int, call func(from, n int)) int {
	whole := n &^ (vector - 1)
	for from := 0; from < whole; from += callFloats {
		call(from, min(callFloats, whole-from))
	}
	return whole
}

func centerWithAVX2(dst, x []float32, scale float32, mean []float32) {
	done := elementwise(len(x), func(from, n int) {
		centerAVX2(&dst[from], &x[from], &mean[from], scale, n)
	})
	centerPure(dst[done:], x[done:], scale, mean[done:])
}

func scaleWithAVX2(dst, x []float32, s float32) {
	done := elementwise(len(x), func(from, n int) { scaleAVX2(&dst[from], &x[from], s, n) })
	scalePure(dst[done:], x[done:], s)
}

func addScaledWithAVX2(sum []float64, x []float32, s float64) {
	done := elementwise(len(x), func(from, n int) { addScaledAVX2(&sum[from], &x[from], s, n) })
	addScaledPure(sum[done:], x[done:], s)
}

func f16ToF32WithAVX2(dst []float32, src []uint16) {
	done := elementwise(len(src), func(from, n int) { f16ToF32AVX2(&dst[from], &src[from], n) })
	f16ToF32Pure(dst[done:], src[done:])
}

func f64ToF32WithAVX2(dst []float32, src []float64) {
	done := elementwise(len(src), func(from, n int) { f64ToF32AVX2(&dst[from], &src[from], n) })
	f64ToF32Pure(dst[done:], src[done:])
}

func int8ToF32WithAVX2(dst []float32, src []int8) {
	done := elementwise(len(src), func(from, n int) { int8ToF32AVX2(&dst[from], &src[from], n) })
	int8ToF32Pure(dst[done:], src[done:])
}

func uint8ToF32WithAVX2(dst []float32, src []uint8) {
	done := elementwise(len(src), func(from, n int) { uint8ToF32AVX2(&dst[from], &src[from], n) })
	uint8ToF32Pure(dst[done:], src[done:])
}

func largestWithAVX2(x []float32) float32 {
	var best float32
	for len(x) >= lanes {
		n := min(callFloats, len(x)&^(lanes-1))
		best = max(best, largestAVX2(&x[0], n))
		x = x[n:]
	}
	return max(best, largestPure(x))
}

func dot16WithAVX2(x, y []float32) (sum float32) {
	var acc [lanes]float32
	for len(x) > 0 {
		n := min(callFloats, len(x))
		sum = dot16AVX2(&acc, &x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	return sum
}

func dot16FourWithAVX2(out *[4]float32, x, a, b, c, d []float32) {
	if n := len(x); n > 0 && n <= callFloats && n%lanes == 0 {
		dot16FourAVX2(out, &x[0], &a[0], &b[0], &c[0], &d[0], n)
		return
	}
	for i, y := range [][]float32{a, b, c, d} {
		out[i] = dot16WithAVX2(x, y)
	}
}

func norm16WithAVX2(x []float32) float32 { return dot16WithAVX2(x, x) }

func dot64WithAVX2(x, y []float32) float64 {
	if n := len(x); n > 0 && n <= callFloats {
		return dot64AVX2(nil, &x[0], &y[0], n)
	}
	return dot64InPieces(x, y)
}

func dot64InPieces(x, y []float32) (sum float64) {
	var acc [lanes]float64
	for len(x) > 0 {
		n := min(callFloats, len(x))
		sum = dot64AVX2(&acc, &x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	return sum
}

func l2Sq64WithAVX2(x, y []float32) float64 {
	if n := len(x); n > 0 && n <= callFloats {
		return l2Sq64AVX2(nil, &x[0], &y[0], n)
	}
	return l2Sq64InPieces(x, y)
}

func l2Sq64InPieces(x, y []float32) (sum float64) {
	var acc [lanes]float64
	for len(x) > 0 {
		n := min(callFloats, len(x))
		sum = l2Sq64AVX2(&acc, &x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	return sum
}

func norm64WithAVX2(x []float32) float64 {
	if n := len(x); n > 0 && n <= callFloats {
		return norm64AVX2(nil, &x[0], n)
	}
	return norm64InPieces(x)
}

func norm64InPieces(x []float32) (sum float64) {
	var acc [lanes]float64
	for len(x) > 0 {
		n := min(callFloats, len(x))
		sum = norm64AVX2(&acc, &x[0], n)
		x = x[n:]
	}
	return sum
}
