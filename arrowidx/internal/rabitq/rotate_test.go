package rabitq_test

import (
	"math"
	rand "math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// rotationDims are powers of two, and numbers that are not.
var rotationDims = []int{64, 128, 192, 320, 512, 704, 1024, 1536}

func TestARotationIsFrozenByItsSeed(t *testing.T) {
	for _, d := range rotationDims {
		a, b, c := rabitq.NewRotation(d, 1), rabitq.NewRotation(d, 1), rabitq.NewRotation(d, 2)
		require.Equal(t, a, b)
		require.NotEqual(t, a.Signs, c.Signs)
		require.Len(t, a.Signs, 4*d)
		ones := 0
		for _, s := range a.Signs {
			require.Zero(t, s&^(1<<31), "a sign is bit 31 or nothing")
			ones += int(s >> 31)
		}
		require.InDelta(t, 2*d, ones, 5*math.Sqrt(float64(4*d))/2, "d=%d: signs are fair", d)
	}
}

func TestPackedSignsAreTheGeneratorsWords(t *testing.T) {
	for _, d := range rotationDims {
		for seed := range uint64(3) {
			r := rabitq.NewRotation(d, seed)
			packed := r.Pack()
			require.Len(t, packed, d/2)
			require.Equal(t, r, rabitq.UnpackRotation(d, packed))
			g := mem.Generator{State: seed}
			for i := 0; i < len(packed); i += 8 {
				word := g.Next()
				for j := range 8 {
					require.Equal(t, byte(word>>(8*j)), packed[i+j], "d=%d byte %d", d, i+j)
				}
			}
		}
	}
}

// matrix is the map that a rotation is, column by column.
func matrix(r *rabitq.Rotation) []float32 {
	m := make([]float32, r.Dim*r.Dim)
	for i := range r.Dim {
		m[i*r.Dim+i] = 1
	}
	r.Apply(m, r.Dim)
	return m
}

func TestARotationIsOrthonormal(t *testing.T) {
	for _, d := range []int{64, 128, 192, 320} {
		m := matrix(rabitq.NewRotation(d, uint64(d)))
		for i := range d {
			for j := range i + 1 {
				want := 0.0
				if i == j {
					want = 1
				}
				require.InDelta(t, want, simd.Dot64(m[i*d:(i+1)*d], m[j*d:(j+1)*d]), 1e-5,
					"d=%d columns %d and %d", d, i, j)
			}
		}
	}
}

func TestTheTransposeUndoesARotation(t *testing.T) {
	const seed = 310
	r := rand.New(rand.NewPCG(seed, 0))
	for _, d := range []int{64, 192, 320} {
		rot := rabitq.NewRotation(d, 5)
		m := matrix(rot)
		x := arrowidxtest.Sphere(r, d)
		y := append([]float32(nil), x...)
		rot.Apply(y, 1)
		for i := range d { // row i of the matrix of columns is the inverse's
			require.InDelta(t, x[i], simd.Dot64(m[i*d:(i+1)*d], y), 1e-5, "seed %d d=%d", seed, d)
		}
	}
}

func TestARotationKeepsLengthsAndDistances(t *testing.T) {
	const seed = 311
	r := rand.New(rand.NewPCG(seed, 0))
	for _, d := range rotationDims {
		rot := rabitq.NewRotation(d, 77)
		const rows = 20
		before, after := []float32{}, []float32{}
		for range rows {
			before = append(before, arrowidxtest.Sphere(r, d)...)
		}
		after = append(after, before...)
		rot.Apply(after, rows)
		for i := range rows {
			for j := range i + 1 {
				a := simd.L2Sq64(before[i*d:(i+1)*d], before[j*d:(j+1)*d])
				b := simd.L2Sq64(after[i*d:(i+1)*d], after[j*d:(j+1)*d])
				require.InDelta(t, a, b, 1e-5, "seed %d d=%d", seed, d)
			}
			require.InDelta(t, 1, simd.Norm64(after[i*d:(i+1)*d]), 1e-5)
		}
	}
}

// A row along one axis, the worst for sign codes, is spread over all dimensions.
func TestARotationSpreadsEveryAxis(t *testing.T) {
	for _, d := range rotationDims {
		rot := rabitq.NewRotation(d, 1)
		for _, axis := range []int{0, 1, d/2 - 1, d / 2, d - 1} {
			x := make([]float32, d)
			x[axis] = 1
			rot.Apply(x, 1)
			large := float64(simd.MaxAbs(x)) * math.Sqrt(float64(d))
			require.Less(t, large, 6.0, "d=%d axis %d: the largest number, in deviations", d, axis)
			sum := 0.0
			for _, v := range x {
				sum += math.Pow(math.Abs(float64(v)), 4)
			}
			kurtosis := sum * float64(d)
			require.Less(t, kurtosis, 6.0, "d=%d axis %d: a Gaussian's is 3", d, axis)
		}
	}
}

func TestRowsAreRotatedOneByOne(t *testing.T) {
	const seed, rows = 312, 9
	r := rand.New(rand.NewPCG(seed, 0))
	for _, d := range rotationDims {
		rot := rabitq.NewRotation(d, 3)
		all := []float32{}
		for range rows {
			all = append(all, arrowidxtest.Sphere(r, d)...)
		}
		alone := append([]float32(nil), all...)
		rot.Apply(all, rows)
		for i := range rows {
			rot.Apply(alone[i*d:(i+1)*d], 1)
		}
		require.Equal(t, alone, all, "seed %d d=%d: equal in every bit", seed, d)
	}
}

func TestDimensionsArePaddedToWholeWords(t *testing.T) {
	for dim, want := range map[int]int{
		1: 64, 63: 64, 64: 64, 65: 128, 1000: 1024, column.MaxDim: column.MaxDim,
	} {
		require.Equal(t, want, rabitq.PaddedDim(dim))
	}
}
