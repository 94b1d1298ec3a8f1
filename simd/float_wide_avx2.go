//go:build amd64 && !purego

package simd

// callWide is callBytes counted in float64 values.
const callWide = callBytes / 8

// wholeLanes hands the values that fill all lanes over in pieces that are short enough for one
// assembly call, and returns how many values that were.
func wholeLanes(n int, call func(from, n int)) int {
	whole := n &^ (lanes - 1)
	for from := 0; from < whole; from += callWide {
		call(from, min(callWide, whole-from))
	}
	return whole
}

func wideDotWithAVX2(x, y []float64) float64 {
	var lane [lanes]float64
	done := wholeLanes(len(x), func(from, n int) { wideDotAVX2(&lane, &x[from], &y[from], n) })
	for i, v := range x[done:] {
		lane[i] += float64(v * y[done+i])
	}
	return fold16x64(&lane)
}

func wideNormWithAVX2(x []float64) float64 {
	var lane [lanes]float64
	done := wholeLanes(len(x), func(from, n int) { wideNormAVX2(&lane, &x[from], n) })
	for i, v := range x[done:] {
		lane[i] += float64(v * v)
	}
	return fold16x64(&lane)
}

func wideL2SqWithAVX2(x, y []float64) float64 {
	var lane [lanes]float64
	done := wholeLanes(len(x), func(from, n int) { wideL2SqAVX2(&lane, &x[from], &y[from], n) })
	for i, v := range x[done:] {
		diff := v - y[done+i]
		lane[i] += float64(diff * diff)
	}
	return fold16x64(&lane)
}

func narrowWithAVX2(dst []float32, x []float64, scale float64, mean []float64) {
	done := elementwise(len(x), func(from, n int) {
		narrowAVX2(&dst[from], &x[from], &mean[from], scale, n)
	})
	narrowPure(dst[done:], x[done:], scale, mean[done:])
}
