package simd

// WideDot returns the dot product of x and y over len(x) elements in the lanes of Dot64, every
// product rounded before it is added. The same bits on every tier. Any length; y must hold at
// least len(x) values.
func WideDot(x, y []float64) float64 {
	checkRoom("WideDot", len(y), len(x))
	return float.wideDot(x, y[:len(x)])
}

// WideL2Sq returns the sum of (x[i]-y[i])^2 over len(x) elements in the lanes of Dot64, the
// square rounded before it is added. The same bits on every tier. Any length; y must hold at least
// len(x) values.
func WideL2Sq(x, y []float64) float64 {
	checkRoom("WideL2Sq", len(y), len(x))
	return float.wideL2Sq(x, y[:len(x)])
}

// WideNorm returns the sum of the squares of x: WideDot(x, x). The same bits on every tier.
func WideNorm(x []float64) float64 {
	return float.wideNorm(x)
}

// Narrow writes dst[i] = x[i]*scale - mean[i] for every i below len(x), computed in float64 with
// the product rounded before the subtraction, and rounded to float32 at last. The same bits on
// every tier. Any length; dst and mean must hold at least len(x) values.
func Narrow(dst []float32, x []float64, scale float64, mean []float64) {
	checkRoom("Narrow", min(len(dst), len(mean)), len(x))
	float.narrow(dst[:len(x)], x, scale, mean[:len(x)])
}

func wideDotPure(x, y []float64) float64 {
	var lane [lanes]float64
	y = y[:len(x)]
	for i, v := range x {
		lane[i%lanes] += float64(v * y[i])
	}
	return fold16x64(&lane)
}

func wideNormPure(x []float64) float64 { return wideDotPure(x, x) }

func wideL2SqPure(x, y []float64) float64 {
	var lane [lanes]float64
	y = y[:len(x)]
	for i, v := range x {
		diff := v - y[i]
		lane[i%lanes] += float64(diff * diff)
	}
	return fold16x64(&lane)
}

func narrowPure(dst []float32, x []float64, scale float64, mean []float64) {
	for i, v := range x {
		dst[i] = float32(float64(v*scale) - mean[i])
	}
}
