package simd

import "math"

// fold16 adds the lanes of a stored sum in the fixed order 8, 4, 2, 1.
func fold16(lane *[lanes]float32) float32 {
	for half := lanes / 2; half > 0; half /= 2 {
		for i := 0; i < half; i++ {
			lane[i] += lane[i+half]
		}
	}
	return lane[0]
}

// fold16x64 is fold16 for float64 lanes.
func fold16x64(lane *[lanes]float64) float64 {
	for half := lanes / 2; half > 0; half /= 2 {
		for i := 0; i < half; i++ {
			lane[i] += lane[i+half]
		}
	}
	return lane[0]
}

func centerPure(dst, x []float32, scale float32, mean []float32) {
	for i, v := range x {
		dst[i] = float32(v*scale) - mean[i]
	}
}

func scalePure(dst, x []float32, s float32) {
	for i, v := range x {
		dst[i] = v * s
	}
}

func largestPure(x []float32) float32 {
	var best float32
	for _, v := range x {
		if size := absolute(v); size > best {
			best = size
		}
	}
	return best
}

func dot16Pure(x, y []float32) float32 {
	var lane [lanes]float32
	y = y[:len(x)]
	for i, v := range x {
		lane[i%lanes] += float32(v * y[i])
	}
	return fold16(&lane)
}

func dot16FourPure(out *[4]float32, x, a, b, c, d []float32) {
	for i, y := range [][]float32{a, b, c, d} {
		out[i] = dot16Pure(x, y)
	}
}

func norm16Pure(x []float32) float32 {
	var lane [lanes]float32
	for i, v := range x {
		lane[i%lanes] += float32(v * v)
	}
	return fold16(&lane)
}

func dot64Pure(x, y []float32) float64 {
	var lane [lanes]float64
	y = y[:len(x)]
	for i, v := range x {
		lane[i%lanes] += float64(float64(v) * float64(y[i]))
	}
	return fold16x64(&lane)
}

func l2Sq64Pure(x, y []float32) float64 {
	var lane [lanes]float64
	y = y[:len(x)]
	for i, v := range x {
		diff := float64(v) - float64(y[i])
		lane[i%lanes] += float64(diff * diff)
	}
	return fold16x64(&lane)
}

func norm64Pure(x []float32) float64 {
	var lane [lanes]float64
	for i, v := range x {
		lane[i%lanes] += float64(float64(v) * float64(v))
	}
	return fold16x64(&lane)
}

func addScaledPure(sum []float64, x []float32, s float64) {
	for i, v := range x {
		sum[i] += float64(float64(v) * s)
	}
}

func f16ToF32Pure(dst []float32, src []uint16) {
	for i, h := range src {
		sign := uint32(h&0x8000) << 16
		exp, frac := h>>10&31, uint32(h&0x3ff)
		switch {
		case exp == 31 && frac != 0:
			dst[i] = math.Float32frombits(sign | 0x7fc00000 | frac<<13)
		case exp == 31:
			dst[i] = math.Float32frombits(sign | 0x7f800000)
		case exp != 0:
			dst[i] = math.Float32frombits(sign | (uint32(exp)+112)<<23 | frac<<13)
		default:
			tiny := float32(frac) * 0x1p-24
			dst[i] = math.Float32frombits(sign | math.Float32bits(tiny))
		}
	}
}

func f64ToF32Pure(dst []float32, src []float64) {
	for i, v := range src {
		dst[i] = float32(v)
	}
}

func int8ToF32Pure(dst []float32, src []int8) {
	for i, v := range src {
		dst[i] = float32(v)
	}
}

func uint8ToF32Pure(dst []float32, src []uint8) {
	for i, v := range src {
		dst[i] = float32(v)
	}
}
