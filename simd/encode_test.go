package simd

import (
	"bytes"
	"math"
	"slices"
	"testing"
)

// unpackExtra reads an extra code back, value by value, as the layout is written down.
func unpackExtra(code []byte, e, d int) []int {
	x := make([]int, d)
	for _, w := range []int{8, 4, 2, 1} {
		if e&w == 0 {
			continue
		}
		for i := range x {
			group, k := code[i/64*8*w:], i%64
			var part byte
			switch w {
			case 8:
				part = group[k]
			case 4:
				part = group[k%32] >> (k / 32 * 4) & 15
			case 2:
				part = group[k%16] >> (k / 16 * 2) & 3
			case 1:
				part = group[k/8] >> (k % 8) & 1
			}
			x[i] = x[i]<<w | int(part)
		}
		code = code[d*w/8:]
	}
	return x
}

func TestPackExtraRoundTripsForEveryWidth(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		for e := 1; e <= 8; e++ {
			for _, d := range []int{64, 128, 192, 1024} {
				k, signs := make([]byte, d), make([]byte, d/8)
				r.Read(k)
				r.Read(signs)
				for i := range k {
					k[i] &= byte(1<<e - 1)
				}
				code := bytes.Repeat([]byte{canary}, d*e/8+1)
				withTier(t, tier, func() { PackExtra(code, k, signs, e, d) })
				if code[d*e/8] != canary {
					t.Fatalf("%s e=%d d=%d: wrote behind the code", tier, e, d)
				}
				for i, x := range unpackExtra(code, e, d) {
					want := int(k[i])
					if signs[i/8]>>(i%8)&1 == 0 {
						want = 1<<e - 1 - want
					}
					if x != want {
						t.Fatalf("%s e=%d d=%d: value %d is %d, want %d", tier, e, d, i, x, want)
					}
				}
			}
		}
	}
}

// The first plane holds the highest bits, so the first planes alone are a coarser code.
func TestPackExtraPutsTheHighestBitsFirst(t *testing.T) {
	k, signs := make([]byte, 64), bytes.Repeat([]byte{0xff}, 8)
	for i := range k {
		k[i] = 0b100
	}
	want := append(bytes.Repeat([]byte{0b10101010}, 16), make([]byte, 8)...)
	for _, tier := range Available() {
		code := make([]byte, 24)
		withTier(t, tier, func() { PackExtra(code, k, signs, 3, 64) })
		if !bytes.Equal(code, want) {
			t.Errorf("%s: code is %x, want %x", tier, code, want)
		}
	}
}

func TestTheFullCodeGrowsWithTheResidual(t *testing.T) {
	const d = 64
	r := make([]float32, d)
	for i := range r {
		r[i] = (float32(i) - 31.5) / 8
	}
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for e := 1; e <= 8; e++ {
				signs, k, code := make([]byte, d/8), make([]byte, d), make([]byte, d*e/8)
				PackSigns(signs, r)
				EncodeExtra(k, r, float32(int(1)<<e)/4, e)
				PackExtra(code, k, signs, e, d)
				last := -1
				for i, x := range unpackExtra(code, e, d) {
					u := int(signs[i/8]>>(i%8)&1)<<e + x
					if u < last {
						t.Fatalf("%s e=%d: code %d of dimension %d is below %d", tier, e, u, i, last)
					}
					last = u
				}
			}
		})
	}
}

func TestPackSignsMarksOnlyPositiveValues(t *testing.T) {
	r := make([]float32, 64)
	copy(r, []float32{1, -1, 0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, 3, -4})
	for _, tier := range Available() {
		code := bytes.Repeat([]byte{0xff}, 8)
		withTier(t, tier, func() {
			norm2, abs := PackSigns(code, r)
			if norm2 != 27 || abs != 9 {
				t.Errorf("%s: sums are %v and %v, want 27 and 9", tier, norm2, abs)
			}
		})
		if want := []byte{0b01010001, 0, 0, 0, 0, 0, 0, 0}; !bytes.Equal(code, want) {
			t.Errorf("%s: signs are %08b, want %08b", tier, code, want)
		}
	}
}

func TestEncodeExtraTruncatesCapsAndSums(t *testing.T) {
	r := make([]float32, 64)
	copy(r, []float32{0.99, -1, 2.5, -100, float32(math.Inf(1)), 0})
	for _, tier := range Available() {
		k := make([]byte, 64)
		withTier(t, tier, func() {
			_, sq := EncodeExtra(k, r, 1, 3)
			if want := []byte{0, 1, 2, 7, 7, 0}; !bytes.Equal(k[:6], want) || sq != 2+6+56+56 {
				t.Errorf("%s: codes are %v, sum %d, want %v and 120", tier, k[:6], sq, want)
			}
			r[4] = 0
			if dot, _ := EncodeExtra(k, r, 1, 3); dot != 0.5*0.99+1.5+6.25+750 {
				t.Errorf("%s: dot is %v, want 758.245", tier, dot)
			}
			r[4] = float32(math.Inf(1))
		})
	}
}

func TestEncodeExtraCountsExactlyInWideRows(t *testing.T) {
	const d = 3 * callFloats
	r, k := make([]float32, d), make([]byte, d)
	for i := range r {
		r[i] = 300
	}
	for _, tier := range Available() {
		withTier(t, tier, func() {
			if _, sq := EncodeExtra(k, r, 1, 8); sq != d*(255*255+255) {
				t.Errorf("%s: sum is %d, want %d", tier, sq, int64(d)*(255*255+255))
			}
		})
	}
}

// A code of e bits must point where the residual points: over many Gaussian residuals the median
// loss 1/cos^2-1 is between 0.5 and 1.1 times the mean loss of the best scale, computed by
// quadrature. (The median, because a rare capped value is most of a row's loss at many bits.)
func TestEncodedVectorsPointAlongTheResidual(t *testing.T) {
	r := newRand(t)
	scales := []float64{1.0043, 1.7064, 2.9833, 5.3152, 9.6096, 17.5847, 32.5072, 60.6100}
	losses := []float64{0.134875, 0.0388959, 0.0116777, 0.00350747, 0.00104113, 0.000304425,
		8.76939e-05, 2.49197e-05}
	const d, rows = 1024, 300
	x, k := gaussian(r, rows*d), make([]byte, d)
	for e := 1; e <= 8; e++ {
		all := make([]float64, rows)
		for row := range rows {
			v := x[row*d : (row+1)*d]
			scale := float32(scales[e-1] * math.Sqrt(d) / math.Sqrt(Norm64(v)))
			dot, sq := EncodeExtra(k, v, scale, e)
			all[row] = (float64(sq)+d/4)*Norm64(v)/float64(dot)/float64(dot) - 1
		}
		slices.Sort(all)
		loss := all[rows/2]
		if !(loss > 0.5*losses[e-1] && loss < 1.1*losses[e-1]) {
			t.Errorf("e=%d: median loss %g, expected about %g", e, loss, losses[e-1])
		}
	}
}
