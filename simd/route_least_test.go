package simd

import (
	"math"
	"math/rand"
	"slices"
	"testing"
)

// shapesOfLeast are those of shapesOfValues and what searches select from.
func shapesOfLeast() map[string]drawing {
	shapes := map[string]drawing{
		"few found": func(r *rand.Rand, n int) []float32 {
			return someInfinite(gaussian(r, n), func() bool { return r.Intn(20) > 0 })
		},
		"most found": func(r *rand.Rand, n int) []float32 {
			return someInfinite(gaussian(r, n), func() bool { return r.Intn(20) == 0 })
		},
		"near cell": func(r *rand.Rand, n int) []float32 { // a tight group far from the others
			v := gaussian(r, n)
			for i := range v {
				if v[i] *= 0.1; r.Intn(3) > 0 {
					v[i] += 100
				}
			}
			return v
		},
		"squared": func(r *rand.Rand, n int) []float32 {
			v := gaussian(r, n)
			for i := range v {
				v[i] *= v[i]
			}
			return v
		},
	}
	for name, draw := range shapesOfValues {
		shapes[name] = draw
	}
	return shapes
}

func someInfinite(v []float32, gone func() bool) []float32 {
	for i := range v {
		if gone() {
			v[i] = infinite(1)
		}
	}
	return v
}

// checkLeast fails unless near are the least values, and as many as promised.
func checkLeast(t *testing.T, near []uint32, v []float32, want, most int) {
	t.Helper()
	sorted := slices.Clone(v)
	slices.Sort(sorted)
	if len(near) < min(max(want, 0), len(v)) || want <= 0 && len(near) > 0 {
		t.Fatalf("%d of %d values, want at least %d", len(near), len(v), want)
	}
	if !slices.IsSorted(near) || len(slices.Compact(slices.Clone(near))) != len(near) {
		t.Fatalf("indexes %d do not rise", near)
	}
	chosen := make([]float32, 0, len(near))
	for _, i := range near {
		chosen = append(chosen, v[i])
	}
	slices.Sort(chosen)
	if !slices.Equal(chosen, sorted[:len(near)]) {
		t.Fatalf("not the %d least of %d values", len(near), len(v))
	}
	if n := len(near); n > 0 && n < len(v) && sorted[n] == sorted[n-1] {
		t.Fatalf("%d values of which some equal to %g, but not all", n, sorted[n])
	}
	if n := len(near); n > most && want > 0 && want < len(v) && sorted[n-1] != sorted[want-1] {
		t.Fatalf("%d of %d values, want %d to %d, which no tie prevents", n, len(v), want, most)
	}
}

func TestSelectLeastGivesSoManyOfTheLeastValues(t *testing.T) {
	r := newRand(t)
	for name, draw := range shapesOfLeast() {
		for _, n := range []int{0, 1, 2, 7, 8, 9, 31, 32, 33, 63, 320, 1000, 4096, callFloats + 37} {
			v := draw(r, n)
			near := make([]uint32, n)
			for _, want := range []int{-1, 0, 1, 3, 26, n / 30, n / 4, n / 2, n - 1, n, n + 1} {
				for _, most := range []int{want, want + want/4, n} {
					t.Logf("%s: %d to %d of %d", name, want, most, n)
					checkLeast(t, near[:SelectLeast(near, v, want, most)], v, want, most)
				}
			}
		}
	}
}

// A search selects some thirtieth of all cells, and twenty-six rows of some hundreds. Usual values
// take few passes on average (some draws one more), any values no more than they have bits.
func TestSelectLeastTakesFewPasses(t *testing.T) {
	r := newRand(t)
	passes := 0
	kernel := countUpToKernel
	countUpToKernel = func(v []float32, at [limits]float32) [limits]uint32 {
		passes++
		return kernel(v, at)
	}
	defer func() { countUpToKernel = kernel }()
	const draws, usually, atMost = 32, 4, linearRounds + 11 // 32 bits, three a pass
	usual := map[string]bool{"gaussian": true, "squared": true, "rising": true, "most found": true}
	for name, draw := range shapesOfLeast() {
		for _, n := range []int{160, 320, 1024, 4096} {
			near := make([]uint32, n)
			for _, want := range []int{26, n / 30, n / 8, n / 3} {
				sum := 0
				for range draws {
					passes = 0
					SelectLeast(near, draw(r, n), want, want+max(want/4, 1))
					if sum += passes; passes > atMost {
						t.Errorf("%s: %d of %d took %d passes", name, want, n, passes)
					}
				}
				if usual[name] && sum > usually*draws {
					t.Errorf("%s: %d of %d took %.1f passes", name, want, n, float64(sum)/draws)
				}
			}
		}
	}
}

func TestSelectLeastPassesOverNaN(t *testing.T) {
	v := gaussian(newRand(t), 500)
	for i := range v {
		if i%3 == 0 {
			v[i] = float32(math.NaN())
		}
	}
	near := make([]uint32, len(v))
	for _, want := range []int{20, 400, 500} {
		for _, i := range near[:SelectLeast(near, v, want, want)] {
			if v[i] != v[i] {
				t.Fatalf("value %d of %d wanted is NaN", i, want)
			}
		}
	}
}

func TestSelectLeastAllocatesNothing(t *testing.T) {
	v, near := gaussian(newRand(t), 1024), make([]uint32, 1024)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			if n := testing.AllocsPerRun(10, func() { SelectLeast(near, v, 30, 36) }); n > 0 {
				t.Errorf("%s: %g allocations", tier, n)
			}
		})
	}
}

func BenchmarkSelectLeast(b *testing.B) {
	r := rand.New(rand.NewSource(1))
	for _, size := range []struct {
		name          string
		n, want, most int
	}{
		{"26 of 160", 160, 26, 32}, {"26 of 320", 320, 26, 32}, {"30 of 1024", 1024, 30, 36},
		{"60 of 1024", 1024, 60, 72}, {"200 of 4096", 4096, 200, 232},
	} {
		v, near := gaussian(r, size.n), make([]uint32, size.n)
		b.Run(size.name, func(b *testing.B) {
			for b.Loop() {
				SelectLeast(near, v, size.want, size.most)
			}
		})
	}
}
