package simd

import (
	"math"
	"math/rand"
	"slices"
	"testing"
)

// shapesOfValues are orders and distributions that break careless pivots.
var shapesOfValues = map[string]func(r *rand.Rand, n int) []float32{
	"gaussian": gaussian,
	"coarse":   coarse,
	"equal":    func(_ *rand.Rand, n int) []float32 { return make([]float32, n) },
	"rising": func(_ *rand.Rand, n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(i)
		}
		return v
	},
	"falling": func(_ *rand.Rand, n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(-i)
		}
		return v
	},
	"all bits": func(r *rand.Rand, n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			for v[i] = math.Float32frombits(r.Uint32()); v[i] != v[i]; {
				v[i] = math.Float32frombits(r.Uint32())
			}
		}
		return v
	},
	"ends": func(r *rand.Rand, n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = specials[r.Intn(4)]
		}
		return v
	},
}

func TestSelectKthIsTheValueAtItsPlaceInTheSortedOrder(t *testing.T) {
	r := newRand(t)
	for name, draw := range shapesOfValues {
		for _, n := range []int{1, 2, 31, 32, 33, 34, 64, 100, 1000, 4096, 20000} {
			v := draw(r, n)
			sorted := slices.Clone(v)
			slices.Sort(sorted)
			for _, k := range []int{0, 1, 9, n / 3, n / 2, n - 2, n - 1, r.Intn(n)} {
				if k < 0 || k >= n {
					continue
				}
				got := slices.Clone(v)
				if x := SelectKth(got, k); x != sorted[k] {
					t.Fatalf("%s: value %d of %d is %g, want %g", name, k, n, x, sorted[k])
				}
				slices.Sort(got)
				if !slices.Equal(got, sorted) {
					t.Fatalf("%s: value %d of %d: the values are not those that were given", name, k, n)
				}
			}
		}
	}
}

// An adversary that knows the sample can spoil every sampled round; the rounds after them must end.
func TestSelectKthEndsWhenEverySampleMisleads(t *testing.T) {
	r := newRand(t)
	for name, draw := range shapesOfValues {
		v := draw(r, 5000)
		sorted := slices.Clone(v)
		slices.Sort(sorted)
		for _, k := range []int{0, 17, 2500, 4999} {
			rest, rank, rounds := slices.Clone(v), k, 0
			for ; rank >= 0 && rest[0] != sorted[k] || !allEqual(rest); rounds++ {
				below := partition(rest, middlePivot(rest), false)
				if below == 0 || below == len(rest) {
					t.Fatalf("%s: the middle of the range splits nothing from %d values", name, len(rest))
				}
				if rank < below {
					rest = rest[:below]
				} else {
					rest, rank = rest[below:], rank-below
				}
			}
			if rounds > 33 || rest[0] != sorted[k] {
				t.Fatalf("%s: %d rounds give %g for value %d, want %g", name, rounds, rest[0], k, sorted[k])
			}
		}
	}
}

func allEqual(v []float32) bool {
	for _, x := range v {
		if x != v[0] {
			return false
		}
	}
	return true
}

func TestOrderedKeepsTheOrderOfFloats(t *testing.T) {
	v := []float32{float32(math.Inf(-1)), -math.MaxFloat32, -1, -1e-45, 0, 1e-45, 1,
		math.MaxFloat32, float32(math.Inf(1))}
	for i, x := range v {
		if fromOrdered(ordered(x)) != x {
			t.Errorf("%g comes back as %g", x, fromOrdered(ordered(x)))
		}
		if i > 0 && ordered(v[i-1]) >= ordered(x) {
			t.Errorf("%g is not ordered before %g", v[i-1], x)
		}
	}
	if ordered(float32(math.Copysign(0, -1))) != ordered(0) {
		t.Error("-0 is not ordered like 0")
	}
}

func TestSelectKthEndsWithNaNAmongTheValues(t *testing.T) {
	r := newRand(t)
	for _, share := range []int{1, 2, 50} {
		v := gaussian(r, 3000)
		for i := range v {
			if r.Intn(share) == 0 {
				v[i] = float32(math.NaN())
			}
		}
		for _, k := range []int{0, 1500, 2999} {
			SelectKth(slices.Clone(v), k)
		}
	}
}

func FuzzSelectKth(f *testing.F) {
	f.Add(int64(1), uint16(100), uint16(3), uint8(0))
	f.Add(int64(2), uint16(4096), uint16(64), uint8(3))
	f.Fuzz(func(t *testing.T, seed int64, size, rank uint16, few uint8) {
		r := rand.New(rand.NewSource(seed))
		v := gaussian(r, 1+int(size)%8192)
		for i := range v {
			if few > 0 {
				v[i] = float32(r.Intn(int(few)))
			}
		}
		k := int(rank) % len(v)
		sorted := slices.Clone(v)
		slices.Sort(sorted)
		if x := SelectKth(v, k); x != sorted[k] {
			t.Fatalf("value %d of %d is %g, want %g", k, len(v), x, sorted[k])
		}
	})
}
