package simd

import (
	"math"
	"math/rand"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// randomFlips makes the sign words of a rotation.
func randomFlips(r *rand.Rand, d int) []uint32 {
	signs := make([]uint32, rotateRounds*d)
	for i := range signs {
		signs[i] = r.Uint32() << 31
	}
	return signs
}

// denseRotation multiplies the four rounds out as matrices in float64: signs, an orthonormal
// Hadamard matrix on the segment, and the Kac step with its factor 1/sqrt(2).
func denseRotation(d int, signs []uint32) *mat.Dense {
	w := 1
	for 2*w <= d {
		w *= 2
	}
	total := eye(d)
	for round := range rotateRounds {
		flip, hadamard := eye(d), eye(d)
		from := 0
		if round%2 == 1 {
			from = d - w
		}
		for i := range d {
			if signs[round*d+i] != 0 {
				flip.Set(i, i, -1)
			}
		}
		for i := range w {
			for j := range w {
				value := 1 / math.Sqrt(float64(w))
				for common := i & j; common != 0; common &= common - 1 {
					value = -value
				}
				hadamard.Set(from+i, from+j, value)
			}
		}
		for _, factor := range []*mat.Dense{flip, hadamard, kac(d, w)} {
			var next mat.Dense
			next.Mul(factor, total)
			total = &next
		}
	}
	return total
}

func eye(d int) *mat.Dense {
	m := mat.NewDense(d, d, nil)
	for i := range d {
		m.Set(i, i, 1)
	}
	return m
}

// kac is the step between the halves; nothing when the segment is the whole row.
func kac(d, w int) *mat.Dense {
	m := eye(d)
	if d == w {
		return m
	}
	for i := range d / 2 {
		j := i + d/2
		m.Set(i, i, math.Sqrt2/2)
		m.Set(i, j, math.Sqrt2/2)
		m.Set(j, i, math.Sqrt2/2)
		m.Set(j, j, -math.Sqrt2/2)
	}
	return m
}

func TestRotateIsTheDenseOrthonormalMatrix(t *testing.T) {
	r := newRand(t)
	for _, d := range []int{64, 128, 192, 320, 448} {
		signs := randomFlips(r, d)
		want := denseRotation(d, signs)
		var gram mat.Dense
		gram.Mul(want.T(), want)
		if !mat.EqualApprox(&gram, eye(d), 1e-12) {
			t.Fatalf("d=%d: the oracle itself is not orthonormal", d)
		}
		for _, tier := range Available() {
			x := make([]float32, d*d) // row i is unit vector i
			for i := range d {
				x[i*d+i] = 1
			}
			withTier(t, tier, func() { Rotate(x, d, d, signs) })
			for i := range d {
				for j := range d {
					if diff := math.Abs(float64(x[i*d+j]) - want.At(j, i)); diff > 1e-6 {
						t.Fatalf("%s d=%d: entry %d of unit vector %d is %v, want %v",
							tier, d, j, i, x[i*d+j], want.At(j, i))
					}
				}
			}
		}
	}
}

func TestRotateGivesTheBitsOfPureGoAtEveryWidth(t *testing.T) {
	r := newRand(t)
	dims := []int{2048, 4096, 6144, 8192, 16384, 32768, 65536, 40000 &^ 63}
	for d := 64; d <= 1600; d += 64 {
		dims = append(dims, d)
	}
	for _, d := range dims {
		rows := 1 + r.Intn(3)
		signs := randomFlips(r, d)
		x := gaussian(r, rows*d)
		want := slices.Clone(x)
		withTier(t, Pure, func() { Rotate(want, rows, d, signs) })
		for _, tier := range assembled(t) {
			m := &memory{t: t, offset: 4 * r.Intn(16)}
			got := given(m, x)
			withTier(t, tier, func() { Rotate(got, rows, d, signs) })
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
					t.Fatalf("%s d=%d row %d: entry %d is %v, pure Go gives %v",
						tier, d, i/d, i%d, got[i], want[i])
				}
			}
			for _, check := range m.checks {
				check()
			}
		}
	}
}

func TestRotateKeepsLengthsAndProducts(t *testing.T) {
	r := newRand(t)
	for _, d := range []int{64, 384, 1024, 1536, 4096} {
		signs := randomFlips(r, d)
		x := gaussian(r, 2*d)
		norm, dot := Norm64(x[:d]), Dot64(x[:d], x[d:])
		Rotate(x, 2, d, signs)
		if got := Norm64(x[:d]); math.Abs(got-norm) > 1e-5*norm {
			t.Errorf("d=%d: square norm %v became %v", d, norm, got)
		}
		if got := Dot64(x[:d], x[d:]); math.Abs(got-dot) > 1e-5*norm {
			t.Errorf("d=%d: product %v became %v", d, dot, got)
		}
	}
}

func TestRotateRefusesShapesThatDoNotFit(t *testing.T) {
	x, signs := make([]float32, 128), make([]uint32, 4*128)
	for name, call := range map[string]func(){
		"d not a multiple of 64": func() { Rotate(x, 1, 100, signs) },
		"d of zero":              func() { Rotate(x, 1, 0, signs) },
		"too few values":         func() { Rotate(x, 2, 128, signs) },
		"too few signs":          func() { Rotate(x, 1, 128, signs[:511]) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the call was accepted")
				}
			}()
			call()
		})
	}
}
