package simd

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"
)

// routeKernel is a function of the route group; run calls it on random arguments of length n with
// all its memory taken from m, and returns the bits of everything it gave. values draws floats.
type routeKernel struct {
	name string
	unit int // lengths are positive multiples of it, or any when it is 1
	run  func(m *memory, r *rand.Rand, n int, values drawing) []uint64
}

// drawing makes so many random values.
type drawing = func(r *rand.Rand, n int) []float32

var routeKernels = []routeKernel{
	{"DotInt8Tile", 64, func(m *memory, r *rand.Rand, d int, _ drawing) []uint64 {
		n, nq := r.Intn(19), r.Intn(10)
		out := room[int32](m, n*nq)
		DotInt8Tile(out, given(m, randomInt8(r, n*d)), n, d, given(m, randomInt8(r, nq*d)), nq)
		return bitsInt(out)
	}},
	{"ScaleAdd", 1, func(m *memory, r *rand.Rand, n int, values drawing) []uint64 {
		v, out := room[int32](m, n), room[float32](m, n)
		for i := range v {
			v[i] = int32(r.Uint32()) >> r.Intn(32)
		}
		ScaleAdd(out, v, given(m, values(r, n)), given(m, values(r, n)), values(r, 1)[0])
		return bits32(out...)
	}},
	{"SelectBelow", 1, func(m *memory, r *rand.Rand, n int, values drawing) []uint64 {
		out := room[uint32](m, n)
		tau := values(r, 1)[0] - float32(r.Intn(3))
		return bitsInt(out[:SelectBelow(out, given(m, values(r, n)), tau)])
	}},
	{"SelectLeast", 1, func(m *memory, r *rand.Rand, n int, values drawing) []uint64 {
		out, want := room[uint32](m, n), r.Intn(n+2)
		return bitsInt(out[:SelectLeast(out, given(m, values(r, n)), want, want+r.Intn(9))])
	}},
	{"countUpTo", 1, func(m *memory, r *rand.Rand, n int, values drawing) []uint64 {
		var at [limits]float32
		copy(at[:], values(r, limits))
		counts := countUpToKernel(given(m, values(r, min(n, callFloats))), at)
		return bitsInt(counts[:])
	}},
	{"leastOfGroups", 1, func(m *memory, r *rand.Rand, n int, values drawing) []uint64 {
		least, greatest := leastOfGroupsKernel(given(m, values(r, min(n, callFloats))))
		return bits32(least+0, greatest+0) // either zero
	}},
	{"ArgMin", 1, func(m *memory, r *rand.Rand, n int, values drawing) []uint64 {
		return []uint64{uint64(ArgMin(given(m, values(r, n))))}
	}},
	{"DotSigned", 64, func(m *memory, r *rand.Rand, n int, values drawing) []uint64 {
		signs, k, c := room[byte](m, n/8), room[byte](m, n), given(m, values(r, n))
		r.Read(signs)
		r.Read(k)
		plane, whole := DotSigned(signs, k, c)
		alone, none := DotSigned(signs, nil, c)
		return bits32(plane, whole, alone, none)
	}},
}

func bitsInt[T int32 | uint32](values []T) []uint64 {
	out := make([]uint64, len(values))
	for i, v := range values {
		out[i] = uint64(v)
	}
	return out
}

// randomInt8 draws from all of -127 to 127; one array in three holds only the ends.
func randomInt8(r *rand.Rand, n int) []int8 {
	z, ends := make([]int8, n), r.Intn(3) == 0
	for i := range z {
		z[i] = int8(r.Intn(255) - 127)
		if ends {
			z[i] = int8(254*r.Intn(2) - 127)
		}
	}
	return z
}

// coarse draws from a few values, so that ties are common.
func coarse(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.Intn(7) - 3)
	}
	return x
}

// spoiled draws Gaussians with special values among them.
func spoiled(r *rand.Rand, n int) []float32 {
	x := gaussian(r, n)
	for i := range x {
		if r.Intn(4) == 0 {
			x[i] = specials[r.Intn(len(specials))]
		}
	}
	return x
}

// compare runs one kernel on the same arguments under the tier and under Pure.
func (k *routeKernel) compare(t testing.TB, tier Tier, seed int64, n int, guard bool, offset int,
	values drawing) {
	t.Helper()
	var got, want []uint64
	run := func(tier Tier) (result []uint64) {
		m := &memory{t: t, guard: guard, offset: offset}
		withTier(t, tier, func() { result = k.run(m, rand.New(rand.NewSource(seed)), n, values) })
		for _, check := range m.checks {
			check()
		}
		return result
	}
	want, got = run(Pure), run(tier)
	if !slices.Equal(got, want) {
		t.Fatalf("%s %s n=%d seed=%d guard=%v offset=%d: got %x, want %x",
			k.name, tier, n, seed, guard, offset, got, want)
	}
}

// lengths are all lengths around the unrolls and the pieces of the kernel; one beyond a piece where
// time is short, as on an emulated CPU.
func (k *routeKernel) lengths() (all []int) {
	if k.unit > 1 {
		for n := k.unit; n <= 9*k.unit; n += k.unit {
			all = append(all, n)
		}
		return append(all, 1024, 4096)
	}
	for n := 0; n <= 140; n++ {
		all = append(all, n)
	}
	if testing.Short() {
		return append(all, 2049, callFloats+33)
	}
	return append(all, 2040, 2047, 2048, 2049, 4095, 4096, 6145, callFloats-1, callFloats,
		callFloats+1, callFloats+33)
}

func TestRouteKernelsEqualTheirTwinsAtEveryLength(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		for i := range routeKernels {
			k := &routeKernels[i]
			for _, n := range k.lengths() {
				for _, values := range []drawing{gaussian, coarse, spoiled} {
					k.compare(t, tier, r.Int63(), n, n < 1000 && n%2 == 0, r.Intn(64), values)
				}
			}
		}
	}
}

func TestRouteKernelsTouchNothingBeyondTheirSlices(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		for i := range routeKernels {
			k := &routeKernels[i]
			for n := k.unit; n <= 40*k.unit && n <= 256; n += k.unit {
				k.compare(t, tier, r.Int63(), n, true, 0, gaussian)
			}
		}
	}
}

func TestRouteKernelsDoNotDependOnAlignment(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		for i := range routeKernels {
			k, seed := &routeKernels[i], r.Int63()
			for offset := range 64 {
				k.compare(t, tier, seed, 3*max(k.unit, 17), false, offset, spoiled)
			}
		}
	}
}

func TestDotInt8IsExactAtTheLargestSums(t *testing.T) {
	for _, tier := range Available() {
		for _, d := range []int{64, 32768, 32832, maxScanDim} {
			for _, signs := range [][2]int8{{127, 127}, {-127, 127}, {127, -127}, {-127, -127}} {
				const n, nq = 9, 5
				rows, z, out := make([]int8, n*d), make([]int8, nq*d), make([]int32, n*nq)
				fill(rows, signs[0])
				fill(z, signs[1])
				withTier(t, tier, func() { DotInt8Tile(out, rows, n, d, z, nq) })
				want := int32(signs[0]) * int32(signs[1]) * int32(d)
				for i, got := range out {
					if got != want {
						t.Fatalf("%s d=%d %v: product %d is %d, want %d", tier, d, signs, i, got, want)
					}
				}
			}
		}
	}
}

// Rows that are more than one assembly call may walk, and numbers of rows and queries that fill
// no turn.
func TestDotInt8IsTheSameInPiecesAndTiles(t *testing.T) {
	r := newRand(t)
	for _, shape := range [][3]int{{4099, 64, 9}, {1371, 192, 6}, {263, 1024, 4}, {17, 16448, 5},
		{3, 128, 8}, {1, 128, 8}, {2, 64, 1}} {
		n, d, nq := shape[0], shape[1], shape[2]
		rows, z := randomInt8(r, n*d), randomInt8(r, nq*d)
		want := make([]int32, n*nq)
		withTier(t, Pure, func() { DotInt8Tile(want, rows, n, d, z, nq) })
		for _, tier := range Available() {
			got := newFenced[int32](n*nq, 4)
			withTier(t, tier, func() { DotInt8Tile(got.Slice, rows, n, d, z, nq) })
			got.Check(t, "products")
			if !slices.Equal(got.Slice, want) {
				t.Fatalf("%s n=%d d=%d nq=%d: products differ", tier, n, d, nq)
			}
		}
	}
}

func TestScaleAddRoundsAfterEveryOperation(t *testing.T) {
	// With one rounding less (a fused multiply and add) the result is not 0.
	const x = 1<<12 + 1
	product := float32(x * x)
	for _, tier := range Available() {
		for _, n := range []int{1, 8, 9} {
			v, step, add := make([]int32, n), make([]float32, n), make([]float32, n)
			fill(v, x)
			fill(step, x/2)
			fill(add, -product)
			withTier(t, tier, func() { ScaleAdd(step, v, step, add, 2) })
			want := float32(float32(x)*float32(float32(x/2)*2)) - product
			for i, got := range step {
				if got != want {
					t.Errorf("%s: value %d of %d is %g, want %g", tier, i, n, got, want)
				}
			}
		}
	}
}

func TestSelectBelowTakesEqualsAndNoNaN(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	v := []float32{1, nan, 2, 3, -inf, inf, 2, nan, 2.0000002, -0, 2, nan}
	for len(v) < 80 {
		v = append(v, v[:12]...)
	}
	for _, tier := range Available() {
		for tau, want := range map[float32][]uint32{2: {0, 2, 4, 6, 9, 10}, -inf: {4},
			inf: {0, 2, 3, 4, 5, 6, 8, 9, 10}, 0: {4, 9}} {
			var all []uint32
			for from := 0; from < len(v); from += 12 {
				for _, i := range want {
					all = append(all, uint32(from)+i)
				}
			}
			out := make([]uint32, len(v))
			withTier(t, tier, func() { out = out[:SelectBelow(out, v, tau)] })
			if !slices.Equal(out, all) {
				t.Errorf("%s tau=%g: %d, want %d", tier, tau, out, all)
			}
		}
		withTier(t, tier, func() {
			if n := SelectBelow(make([]uint32, len(v)), v, nan); n != 0 {
				t.Errorf("%s: %d values are selected by NaN", tier, n)
			}
		})
	}
}

func TestArgMinIsTheFirstOfEquals(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	zero := float32(math.Copysign(0, -1))
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for name, c := range map[string]struct {
				v    []float32
				want int
			}{
				"nothing": {nil, -1}, "NaN alone": {[]float32{nan, nan}, -1},
				"infinities":        {[]float32{nan, inf, inf}, 1},
				"minus zero second": {[]float32{1, 0, zero}, 1},
				"minus zero first":  {[]float32{1, zero, 0}, 1},
				"NaN in front":      {[]float32{nan, 2, 1, 1, nan}, 2},
			} {
				// Also with 0 to 5,000 values in front that do not matter.
				for _, front := range []int{0, 1, 7, 8, 31, 40, 2048, 5000} {
					v := append(make([]float32, front), c.v...)
					fill(v[:front], nan)
					want := c.want
					if want >= 0 {
						want += front
					}
					if got := ArgMin(v); got != want {
						t.Errorf("%s: %s behind %d: %d, want %d", tier, name, front, got, want)
					}
				}
			}
		})
	}
}

func TestDotSignedAgreesWithFloat64(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		for _, d := range []int{64, 384, 1024, callFloats + 64} {
			signs, k, c := make([]byte, d/8), make([]byte, d), gaussian(r, d)
			r.Read(signs)
			r.Read(k)
			var plane, whole, size float64
			for i, x := range c {
				y := float64(x)
				if signs[i/8]>>(i%8)&1 == 0 {
					y = -y
				}
				plane, whole = plane+y, whole+(float64(k[i])+0.5)*y
				size += math.Abs(y)
			}
			withTier(t, tier, func() {
				p, w := DotSigned(signs, k, c)
				bound := float64(d/16+6) * 0x1p-24 * size
				if math.Abs(float64(p)-plane) > bound || math.Abs(float64(w)-whole) > 257*bound {
					t.Errorf("%s d=%d: %g %g, want %g %g", tier, d, p, w, plane, whole)
				}
			})
		}
	}
}

func TestRouteKernelsRefuseShortSlices(t *testing.T) {
	z, f, u := make([]int8, 128), make([]float32, 64), make([]uint32, 64)
	v, b := make([]int32, 64), make([]byte, 64)
	for name, call := range map[string]func(){
		"rows":            func() { DotInt8Tile(v, z, 3, 64, z, 1) },
		"queries":         func() { DotInt8Tile(v, z, 1, 64, z, 3) },
		"products":        func() { DotInt8Tile(v[:3], z, 2, 64, z, 2) },
		"dimension":       func() { DotInt8Tile(v, z, 1, 96, z, 1) },
		"too wide":        func() { DotInt8Tile(v, make([]int8, 65600), 1, 65600, z, 1) },
		"negative":        func() { DotInt8Tile(v, z, -1, 64, z, 1) },
		"scaled":          func() { ScaleAdd(f[:63], v, f, f, 1) },
		"steps":           func() { ScaleAdd(f, v, f[:63], f, 1) },
		"added":           func() { ScaleAdd(f, v, f, f[:63], 1) },
		"selected":        func() { SelectBelow(u[:63], f, 1) },
		"signs":           func() { DotSigned(b[:7], nil, f) },
		"magnitudes":      func() { DotSigned(b, b[:63], f) },
		"signed length":   func() { DotSigned(b, b, f[:63]) },
		"rank":            func() { SelectKth(f, 64) },
		"negative rank":   func() { SelectKth(f, -1) },
		"rank of nothing": func() { SelectKth(nil, 0) },
	} {
		if !panics(call) {
			t.Errorf("%s: accepted", name)
		}
	}
	DotInt8Tile(nil, nil, 0, 64, z, 1)
	DotInt8Tile(nil, z, 1, 64, nil, 0)
}

func TestRouteKernelsAllocateNothing(t *testing.T) {
	z, f, u := make([]int8, 4*64), make([]float32, 64), make([]uint32, 64)
	v, b := make([]int32, 64), make([]byte, 64)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			if n := testing.AllocsPerRun(10, func() {
				DotInt8Tile(v, z, 4, 64, z, 4)
				DotInt8Tile(v, z, 4, 64, z, 1)
				ScaleAdd(f, v, f, f, 1)
				SelectBelow(u, f, 1)
				ArgMin(f)
				DotSigned(b, b, f)
				SelectKth(f, 3)
			}); n != 0 {
				t.Errorf("%s: %g allocations", tier, n)
			}
		})
	}
}

func FuzzRoute(f *testing.F) {
	f.Add(int64(1), uint16(64), uint8(0))
	f.Add(int64(2), uint16(33), uint8(63))
	f.Add(int64(3), uint16(4097), uint8(5))
	f.Fuzz(func(t *testing.T, seed int64, n uint16, offset uint8) {
		needTier(t, AVX2)
		for i := range routeKernels {
			k := &routeKernels[i]
			length := int(n)
			if k.unit > 1 {
				length = k.unit * (1 + int(n)%20)
			}
			k.compare(t, AVX2, seed, length, false, int(offset%64), spoiled)
		}
	})
}

func BenchmarkDotInt8(b *testing.B) {
	for _, d := range []int{128, 384, 768} {
		for _, n := range []int{64, 1024, 4096} {
			for _, nq := range []int{1, 8} {
				r := rand.New(rand.NewSource(1))
				rows, z, out := randomInt8(r, n*d), randomInt8(r, nq*d), make([]int32, n*nq)
				b.Run(fmt.Sprintf("d=%d/rows=%d/queries=%d", d, n, nq), func(b *testing.B) {
					benchRows(b, n, d, nq, func() { DotInt8Tile(out, rows, n, d, z, nq) })
				})
			}
		}
	}
}

func BenchmarkRoute4096(b *testing.B) {
	const n = 4096
	r := rand.New(rand.NewSource(1))
	v, x, out, at := make([]int32, n), gaussian(r, n), make([]float32, n), make([]uint32, n)
	sorted := slices.Clone(x)
	slices.Sort(sorted)
	signs, k := make([]byte, n/8), make([]byte, n)
	perRow(b, "ScaleAdd", func() { ScaleAdd(out, v, x, x, 2) })
	perRow(b, "SelectBelow/40", func() { SelectBelow(at, x, sorted[40]) })
	perRow(b, "SelectBelow/2048", func() { SelectBelow(at, x, sorted[2048]) })
	perRow(b, "ArgMin", func() { ArgMin(x) })
	perRow(b, "DotSigned", func() { DotSigned(signs, k, x) })
	perRow(b, "DotSigned/plane", func() { DotSigned(signs, nil, x) })
	for _, rank := range []int{10, 64, 512, 2048} {
		perRow(b, fmt.Sprintf("SelectKth/%d", rank), func() {
			copy(out, x)
			SelectKth(out, rank)
		})
	}
}
