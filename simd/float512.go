//go:build amd64 && !purego

package simd

//go:generate go -C _gen run ./float512

var (
	avx512Passes = rotatePasses{hadamardHeadAVX512, radix2AVX512, radix4AVX512, radix8AVX512}

	dotRowKernels512 = rowKernels{dotRows4AVX512, dotRows1AVX512, dotTileAVX512, 4}
	l2RowKernels512  = rowKernels{l2Rows4AVX512, l2Rows1AVX512, l2TileAVX512, 4}
)

// avx512Float is the float group on AVX-512. What is bound by memory, or runs once a row of a
// build beside much dearer work, stays as it is on AVX2.
func avx512Float() floatKernels {
	f := avx2Float
	f.rotate = avx512Passes.rotate
	f.packSigns = packSignsWithAVX512
	f.encodeExtra = encodeExtraWithAVX512
	f.dot16 = dot16WithAVX512
	f.norm16 = func(x []float32) float32 { return dot16WithAVX512(x, x) }
	f.dot16Four = dot16FourWithAVX512
	f.dotRows, f.dotTile = dotRowKernels512.rows, dotRowKernels512.tile
	f.l2Rows, f.l2Tile = l2RowKernels512.rows, l2RowKernels512.tile
	return f
}

func dot16WithAVX512(x, y []float32) (sum float32) {
	var acc [lanes]float32
	for len(x) > 0 {
		n := min(callFloats, len(x))
		sum = dot16AVX512(&acc, &x[0], &y[0], n)
		x, y = x[n:], y[n:]
	}
	return sum
}

func dot16FourWithAVX512(out *[4]float32, x, a, b, c, d []float32) {
	if n := len(x); n > 0 && n <= callFloats && n%lanes == 0 {
		dot16FourAVX512(out, &x[0], &a[0], &b[0], &c[0], &d[0], n)
		return
	}
	for i, y := range [][]float32{a, b, c, d} {
		out[i] = dot16WithAVX512(x, y)
	}
}

func packSignsWithAVX512(code []byte, r []float32) (norm2, abs float32) {
	var sums [2][lanes]float32
	for len(r) > 0 {
		n := min(callFloats, len(r))
		norm2, abs = packSignsAVX512(&code[0], &r[0], n, &sums)
		code, r = code[n/8:], r[n:]
	}
	return norm2, abs
}

func encodeExtraWithAVX512(k []byte, r []float32, t float32, limit int) (dot float32, sq int64) {
	var acc [lanes]float32
	scale := [2]float32{t, float32(limit)}
	for len(r) > 0 {
		n := min(callFloats, len(r))
		var part int64
		dot, part = encodeAVX512(&k[0], &r[0], &scale, n, &acc)
		sq += part
		k, r = k[n:], r[n:]
	}
	return dot, sq
}
