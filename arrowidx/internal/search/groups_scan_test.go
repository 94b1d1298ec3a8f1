package search

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

func TestDistancesAsIntegersAreInTheSameOrder(t *testing.T) {
	values := []float32{-mem.Infinity, -math.MaxFloat32, -2, -1, -math.SmallestNonzeroFloat32, 0,
		math.SmallestNonzeroFloat32, 1, 1.5, math.MaxFloat32, mem.Infinity}
	for i, x := range values {
		for j, y := range values {
			require.Equal(t, i < j, rising(x) < rising(y), "%v and %v", x, y)
		}
	}
	zero := float32(0)
	require.Equal(t, rising(zero), rising(-zero))
	require.Equal(t, rising(0), rising(float32(math.Copysign(0, -1))), "equal distances are equal")
}

func TestTheLargestThresholdIsKnownWhileAnyFalls(t *testing.T) {
	r := rand.New(rand.NewPCG(800, 0))
	for _, n := range []int{1, 2, 7, mostTaus} {
		f := groupFinds{tau: make([]float32, n), tauMax: float32(math.NaN())}
		for i := range f.tau {
			f.tau[i] = mem.Infinity
		}
		for range 40 * n {
			require.Equal(t, slices.Max(f.tau), f.largest())
			at := &f.tau[r.IntN(n)]
			*at = min(*at, float32(r.IntN(40)-20))
		}
	}
	many := groupFinds{tau: make([]float32, mostTaus+1)}
	require.Equal(t, mem.Infinity, many.largest(), "too many groups to look through")
}
