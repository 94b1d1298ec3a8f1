//go:build amd64 && !purego

package simd

func packSignsWithAVX2(code []byte, r []float32) (norm2, abs float32) {
	var sums [2][lanes]float32
	for len(r) > 0 {
		n := min(callFloats, len(r))
		norm2, abs = packSignsAVX2(&code[0], &r[0], n, &sums)
		code, r = code[n/8:], r[n:]
	}
	return norm2, abs
}

func encodeExtraWithAVX2(k []byte, r []float32, t float32, limit int) (dot float32, sq int64) {
	var acc [lanes]float32
	scale := [2]float32{t, float32(limit)}
	for len(r) > 0 {
		n := min(callFloats, len(r))
		var part int64
		dot, part = encodeAVX2(&k[0], &r[0], &scale, n, &acc)
		sq += part
		k, r = k[n:], r[n:]
	}
	return dot, sq
}

func packPlaneWithAVX2(dst, k, signs []byte, width, shift, flip int) {
	spread := uint64(flip) * 0x0101010101010101
	for len(k) > 0 {
		n := min(callBytes, len(k))
		switch width {
		case 8:
			packPlane8AVX2(&dst[0], &k[0], &signs[0], shift, spread, n)
		case 4:
			packPlane4AVX2(&dst[0], &k[0], &signs[0], shift, spread, n)
		case 2:
			packPlane2AVX2(&dst[0], &k[0], &signs[0], shift, spread, n)
		case 1:
			packPlane1AVX2(&dst[0], &k[0], &signs[0], shift, spread, n)
		}
		dst, k, signs = dst[n*width/8:], k[n:], signs[n/8:]
	}
}
