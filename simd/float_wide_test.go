package simd

import (
	"math"
	"testing"
)

// other is a second float64 input of a call.
func (in *inputs) other() []float64 {
	y := make([]float64, len(in.y))
	for i, v := range in.y {
		y[i] = float64(v) * (1 + 0x1p-40)
	}
	return y
}

func init() {
	exactKernels = append(exactKernels, []exactKernel{
		{"WideDot", 1, func(m *memory, in *inputs) []uint64 {
			return bits64(WideDot(given(m, in.wide), given(m, in.other())))
		}},
		{"WideNorm", 1, func(m *memory, in *inputs) []uint64 {
			return bits64(WideNorm(given(m, in.wide)))
		}},
		{"WideL2Sq", 1, func(m *memory, in *inputs) []uint64 {
			return bits64(WideL2Sq(given(m, in.wide), given(m, in.other())))
		}},
		{"Narrow", 1, func(m *memory, in *inputs) []uint64 {
			dst := room[float32](m, len(in.wide))
			Narrow(dst, given(m, in.wide), in.s64, given(m, in.other()))
			return bits32(dst...)
		}},
	}...)
}

func TestSumsOverFloat64SeeWhatFloat32CannotHold(t *testing.T) {
	x, y := make([]float64, 67), make([]float64, 67)
	for i := range x {
		x[i], y[i] = 1e9+1e-3*float64(i), 1e9
	}
	want := 0.0
	for i := range x {
		want += (x[i] - y[i]) * (x[i] - y[i])
	}
	for _, tier := range append([]Tier{Pure}, assembled(t)...) {
		withTier(t, tier, func() {
			if got := WideL2Sq(x, y); math.Abs(got-want) > 1e-12*want {
				t.Errorf("%s: WideL2Sq is %v, want %v", tier, got, want)
			}
			dst := make([]float32, len(x))
			Narrow(dst, x, 1, y)
			for i, v := range dst {
				if v != float32(x[i]-y[i]) {
					t.Errorf("%s: number %d is %v, want %v", tier, i, v, float32(x[i]-y[i]))
				}
			}
		})
	}
}
