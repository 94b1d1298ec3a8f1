package rabitq_test

import (
	"math"
	rand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/format"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/simd"
)

// coded is a residual with its code, decoded by the rules of the format alone.
type coded struct {
	r     []float32
	bits  int
	plane rabitq.Factors
	whole rabitq.Factors
	signs []byte
	extra []byte
}

func code(r []float32, bits int, metric column.Metric, meanDot float32) coded {
	c := rabitq.NewCoder(len(r), bits, metric)
	extra := make([]byte, simd.ExtraBytes(len(r), bits-1)+rabitq.FactorsBytes)
	out := coded{r: r, bits: bits, extra: extra}
	if bits == 1 {
		out.extra = nil
	}
	out.plane, _ = c.Encode(r, meanDot, nil, out.extra)
	out.signs = c.Signs
	if bits > 1 {
		out.whole = rabitq.GetFactors(out.extra[len(out.extra)-rabitq.FactorsBytes:])
	}
	return out
}

func (c *coded) sign(i int) int { return int(c.signs[i/8] >> (i % 8) & 1) }

// value reads the e bits of x_i from the planes of the format: widths 8, 4, 2 and 1, highest first.
func (c *coded) value(i int) int {
	d, e := len(c.r), c.bits-1
	x, at := 0, 0
	group, k := i/64, i%64
	for _, w := range []int{8, 4, 2, 1} {
		if e&w == 0 {
			continue
		}
		plane := c.extra[at+8*w*group : at+8*w*(group+1)]
		at += d * w / 8
		v := 0
		switch w {
		case 8:
			v = int(plane[k])
		case 4:
			v = int(plane[k%32]>>(4*(k/32))) & 15
		case 2:
			v = int(plane[k%16]>>(2*(k/16))) & 3
		case 1:
			v = int(plane[k/8]>>(k%8)) & 1
		}
		x = x<<w | v
	}
	return x
}

// vector is y_i = u_i - (2^B - 1)/2.
func (c *coded) vector() []float64 {
	y := make([]float64, len(c.r))
	for i := range y {
		u := c.sign(i)
		if c.bits > 1 {
			u = c.sign(i)<<(c.bits-1) | c.value(i)
		}
		y[i] = float64(u) - float64(int(1)<<c.bits-1)/2
	}
	return y
}

func (c *coded) signVector() []float64 {
	y := make([]float64, len(c.r))
	for i := range y {
		y[i] = float64(c.sign(i)) - 0.5
	}
	return y
}

func product(r []float32, y []float64) (dot, yy, rr float64) {
	for i, v := range r {
		dot += float64(v) * y[i]
		yy += y[i] * y[i]
		rr += float64(v) * float64(v)
	}
	return dot, yy, rr
}

// wantFactors are the formulas of the format.
func wantFactors(r []float32, y []float64, metric column.Metric, meanDot float64) [3]float64 {
	dot, yy, l := product(r, y)
	kappa, add := 2.0, l
	if metric.Larger() {
		kappa, add = 1, -meanDot
	}
	spread := math.Sqrt(max(l*yy/(dot*dot)-1, 0) / float64(len(r)-1))
	return [3]float64{add, -kappa * l / dot, kappa * math.Sqrt(l) * spread}
}

func gaussians(r *rand.Rand, d int, size float64) []float32 {
	x := make([]float32, d)
	for i := range x {
		x[i] = float32(r.NormFloat64() * size)
	}
	return x
}

func TestFactorsAreTheFormulasOfTheFormat(t *testing.T) {
	const seed = 320
	r := rand.New(rand.NewPCG(seed, 0))
	for _, d := range []int{64, 128, 192, 1024} {
		for bits := 1; bits <= 9; bits++ {
			for _, metric := range []column.Metric{
				column.Cosine, column.Dot, column.L2, column.SqEuclidean,
			} {
				meanDot := float32(r.NormFloat64())
				c := code(gaussians(r, d, 0.05), bits, metric, meanDot)
				compare := func(have rabitq.Factors, y []float64, name string) {
					want := wantFactors(c.r, y, metric, float64(meanDot))
					for i, v := range [2]float32{have.Add, have.Rescale} {
						require.InEpsilon(t, want[i], v, 2e-6, "seed %d d=%d %d bits %s: %s factor %d",
							seed, d, bits, metric, name, i)
					}
					// 1/cos^2 - 1 is a small difference of sums in float32.
					unit := want[0]
					if metric.Larger() {
						_, _, unit = product(c.r, y)
					}
					require.InDelta(t, want[2]*want[2], float64(have.Err)*float64(have.Err),
						4*2e-6*unit/float64(d-1), "seed %d d=%d %d bits %s: %s", seed, d, bits,
						metric, name)
				}
				compare(c.plane, c.signVector(), "plane")
				if bits > 1 {
					compare(c.whole, c.vector(), "whole")
				}
			}
		}
	}
}

func TestSignsAreThoseOfTheResidual(t *testing.T) {
	const seed = 321
	r := rand.New(rand.NewPCG(seed, 0))
	x := gaussians(r, 192, 1)
	x[0], x[64], x[191] = 0, float32(math.Copysign(0, -1)), 0
	c := code(x, 4, column.L2, 0)
	for i, v := range x {
		require.Equal(t, v > 0, c.sign(i) == 1, "seed %d, dimension %d holds %v", seed, i, v)
	}
}

func TestCodesGrowWithTheNumbersTheyStandFor(t *testing.T) {
	const seed = 322
	r := rand.New(rand.NewPCG(seed, 0))
	for bits := 2; bits <= 9; bits++ {
		c := code(gaussians(r, 256, 0.1), bits, column.Dot, 0)
		y := c.vector()
		for i := range y {
			require.LessOrEqual(t, math.Abs(y[i]), float64(int(1)<<bits-1)/2)
			require.False(t, math.Signbit(y[i]) != (c.r[i] <= 0), "a code has its number's sign")
			for j := range i {
				if c.r[i] > c.r[j] {
					require.GreaterOrEqual(t, y[i], y[j], "seed %d, %d bits", seed, bits)
				}
			}
		}
	}
}

// cosine2 is the square of the cosine between a residual and a code's vector.
func cosine2(r []float32, y []float64) float64 {
	dot, yy, rr := product(r, y)
	return dot * dot / (yy * rr)
}

// plain is the code of e extra bits at the scale that is best for Gaussian rows.
func plain(r []float32, bits int) []float64 {
	_, _, l := product(r, make([]float64, len(r)))
	t := rabitq.ExtraLoad[bits-1] * math.Sqrt(float64(len(r))) / math.Sqrt(l)
	y := make([]float64, len(r))
	for i, v := range r {
		k := min(math.Trunc(t*math.Abs(float64(v))), float64(int(1)<<(bits-1)-1))
		y[i] = math.Copysign(k+0.5, float64(v))
	}
	return y
}

func TestTheFittedScaleIsNoWorseThanTheConstantOne(t *testing.T) {
	const seed = 323
	r := rand.New(rand.NewPCG(seed, 0))
	better := 0
	for _, d := range []int{64, 192, 1024} {
		for bits := 2; bits <= 9; bits++ {
			for i := range 20 {
				x := gaussians(r, d, 0.1)
				if i%3 == 0 { // one dimension sticks out
					x[r.IntN(d)] *= 8
				}
				c := code(x, bits, column.L2, 0)
				fitted, constant := cosine2(x, c.vector()), cosine2(x, plain(x, bits))
				require.GreaterOrEqual(t, fitted, constant-1e-6, "seed %d d=%d %d bits", seed, d, bits)
				if fitted > constant+1e-6 {
					better++
				}
			}
		}
	}
	require.Greater(t, better, 240, "and better for most rows")
}

func TestEveryBitBringsACodeCloserToItsRow(t *testing.T) {
	const seed, d = 324, 384
	r := rand.New(rand.NewPCG(seed, 0))
	var sum [10]float64
	for range 50 {
		x := gaussians(r, d, 0.1)
		for bits := 1; bits <= 9; bits++ {
			c := code(x, bits, column.L2, 0)
			sum[bits] += 1 - cosine2(x, c.vector())
		}
	}
	require.InDelta(t, 1-2/math.Pi, sum[1]/50, 0.01, "one bit of a Gaussian: cos^2 is 2/pi")
	for bits := 2; bits <= 9; bits++ {
		require.Less(t, sum[bits], 0.45*sum[bits-1], "seed %d: %d bits", seed, bits)
	}
}

func TestAZeroResidualHasNoErrorAndNoDirection(t *testing.T) {
	for bits := 1; bits <= 9; bits++ {
		for _, metric := range []column.Metric{column.Dot, column.L2} {
			c := code(make([]float32, 64), bits, metric, 0.25)
			want := rabitq.Factors{}
			if metric == column.Dot {
				want.Add = -0.25
			}
			require.Equal(t, want, c.plane, "%d bits", bits)
			if bits > 1 {
				require.Equal(t, want, c.whole, "%d bits", bits)
			}
		}
	}
}

func TestResidualsOfEverySizeHaveFiniteFactors(t *testing.T) {
	const seed = 325
	r := rand.New(rand.NewPCG(seed, 0))
	for exponent := -60; exponent <= 1; exponent++ {
		for bits := 1; bits <= 9; bits++ {
			c := code(gaussians(r, 64, math.Ldexp(0.1, exponent)), bits, column.L2, 0)
			require.True(t, format.Sound(c.plane), "2^%d: %+v", exponent, c.plane)
			require.True(t, format.Sound(c.whole), "2^%d, %d bits: %+v", exponent, bits, c.whole)
			if bits > 1 {
				require.LessOrEqual(t, c.whole.Err, c.plane.Err, "2^%d, %d bits", exponent, bits)
			}
		}
	}
}

func TestFactorsSurviveTheirBytes(t *testing.T) {
	want := rabitq.Factors{Add: -1.5, Rescale: -3e-20, Err: math.SmallestNonzeroFloat32}
	b := make([]byte, rabitq.FactorsBytes)
	want.Put(b)
	require.Equal(t, want, rabitq.GetFactors(b))
}

func TestPlaneFactorsLieWithTheirRows(t *testing.T) {
	f, err := rabitq.NewCodes(70, rabitq.BlocksOf(70), 100, 3)
	require.NoError(t, err)
	defer f.Free()
	require.Equal(t, 3, f.Count)
	signs := make([]byte, f.Padded/8)
	for row := range 70 {
		for j := range signs {
			signs[j] = byte(row + j)
		}
		f.PutPlane(row, signs, rabitq.Factors{
			Add: float32(row), Rescale: float32(-row), Err: float32(row) / 2,
		})
	}
	for row := range 70 {
		block, lane := f.Block(row/32), row%32
		require.Equal(t, rabitq.Factors{Add: float32(row), Rescale: float32(-row), Err: float32(row) / 2},
			f.PlaneFactors(block, lane))
		for j := range signs {
			require.Equal(t, byte(row+j), block[j*32+lane], "row %d byte %d", row, j)
		}
	}
}
