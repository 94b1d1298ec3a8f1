//go:build arm64 && !purego

package simd

// neonFloat is the float group on NEON. What it does not name stays plain Go.
var neonFloat = func() floatKernels {
	k := pureFloat
	k.dot16, k.norm16 = dot16WithNEON, norm16WithNEON
	k.dot16Four = dot16FourWithNEON
	k.dot64, k.norm64, k.l2Sq64 = dot64WithNEON, norm64WithNEON, l2Sq64WithNEON
	k.dotRows, k.dotTile = dotRowKernels.rows, dotRowKernels.tile
	k.l2Rows, k.l2Tile = l2RowKernels.rows, l2RowKernels.tile
	return k
}()

// useFloat points the float group at a tier.
func useFloat(t Tier) {
	float = pureFloat
	if t == NEON {
		float = neonFloat
	}
}

// dot16NEON adds the products of n values, a multiple of 16 and not zero, to the lanes of a stored
// sum. So do the kernels after it.
//
//go:noescape
func dot16NEON(lanes *[lanes]float32, x, y *float32, n int)

//go:noescape
func dot64NEON(lanes *[lanes]float64, x, y *float32, n int)

//go:noescape
func norm64NEON(lanes *[lanes]float64, x *float32, n int)

//go:noescape
func l2Sq64NEON(lanes *[lanes]float64, x, y *float32, n int)

// pieces hands the whole vectors of n values over in pieces that are short enough for one assembly
// call, and returns how many values that were.
func pieces(n int, call func(from, n int)) int {
	whole := n &^ (lanes - 1)
	for from := 0; from < whole; from += callFloats {
		call(from, min(callFloats, whole-from))
	}
	return whole
}

func dot16WithNEON(x, y []float32) float32 {
	var lane [lanes]float32
	done := pieces(len(x), func(from, n int) { dot16NEON(&lane, &x[from], &y[from], n) })
	for i, v := range x[done:] {
		lane[i] += float32(v * y[done+i])
	}
	return fold16(&lane)
}

func dot16FourWithNEON(out *[4]float32, x, a, b, c, d []float32) {
	for i, y := range [][]float32{a, b, c, d} {
		out[i] = dot16WithNEON(x, y)
	}
}

func norm16WithNEON(x []float32) float32 { return dot16WithNEON(x, x) }

func dot64WithNEON(x, y []float32) float64 {
	var lane [lanes]float64
	done := pieces(len(x), func(from, n int) { dot64NEON(&lane, &x[from], &y[from], n) })
	for i, v := range x[done:] {
		lane[i] += float64(float64(v) * float64(y[done+i]))
	}
	return fold16x64(&lane)
}

func norm64WithNEON(x []float32) float64 {
	var lane [lanes]float64
	done := pieces(len(x), func(from, n int) { norm64NEON(&lane, &x[from], n) })
	for i, v := range x[done:] {
		lane[i] += float64(float64(v) * float64(v))
	}
	return fold16x64(&lane)
}

func l2Sq64WithNEON(x, y []float32) float64 {
	var lane [lanes]float64
	done := pieces(len(x), func(from, n int) { l2Sq64NEON(&lane, &x[from], &y[from], n) })
	for i, v := range x[done:] {
		diff := float64(v) - float64(y[done+i])
		lane[i] += float64(diff * diff)
	}
	return fold16x64(&lane)
}
