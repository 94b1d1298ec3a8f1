package simd

import (
	"math"
	"math/rand"
	"testing"
)

var tableDims = []int{64, 128, 192, 320, 448, 1024, 1536, 4096}

// randomQuery returns d values of mixed sizes and signs, some of them zero.
func randomQuery(r *rand.Rand, d int) []float32 {
	q := make([]float32, d)
	for i := range q {
		if r.Intn(8) > 0 {
			q[i] = float32(r.NormFloat64() * math.Exp(r.NormFloat64()))
		}
	}
	return q
}

func TestTablesFollowTheFormula(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for _, d := range tableDims {
				q := randomQuery(r, d)
				tab := make([]byte, 4*d)
				step, _ := BuildTables(tab, q)
				var maxRange float32
				for j := 0; j < d; j += 4 {
					maxRange = max(maxRange, (absolute(q[j])+absolute(q[j+1]))+(absolute(q[j+2])+absolute(q[j+3])))
				}
				if step != maxRange/63 {
					t.Fatalf("%s: d=%d: step %g, want %g", tier, d, step, maxRange/63)
				}
				for at, got := range tab {
					if want := naiveEntry(q[at/16*4:], at%16, 63/maxRange); got != want {
						t.Fatalf("%s: d=%d table %d entry %d: %d, want %d",
							tier, d, at/16, at%16, got, want)
					}
				}
			}
		})
	}
}

// naiveEntry is one table entry as documented.
func naiveEntry(q []float32, m int, inv float32) byte {
	var p [4]float32
	for i := range p {
		switch set := m>>i&1 == 1; {
		case set && q[i] > 0:
			p[i] = q[i]
		case !set && q[i] < 0:
			p[i] = -q[i]
		}
	}
	s := (p[0] + p[1]) + (p[2] + p[3])
	return byte(min(63, math.Trunc(float64(float32(s*inv)+0.5))))
}

func TestTablesEstimateTheProductOfAnySigns(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			const d = 256
			q := randomQuery(r, d)
			tab := make([]byte, 4*d)
			step, abs := BuildTables(tab, q)
			for range 50 {
				var acc, set, all float64
				for j := range d / 4 {
					m := r.Intn(16)
					acc += float64(tab[16*j+m])
					for i := range 4 {
						v := float64(q[4*j+i])
						all += v
						if m>>i&1 == 1 {
							set += v
						}
					}
				}
				estimate, exact := float64(step)*acc-float64(abs)/2, set-all/2
				bound := float64(step) * 0.51 * d / 4
				if math.Abs(estimate-exact) > bound {
					t.Fatalf("%s: estimate %g, exact %g, bound %g", tier, estimate, exact, bound)
				}
			}
		})
	}
}

func TestTablesAndInt8EqualTheirTwins(t *testing.T) {
	eachTier(t, func(t *testing.T, tier Tier) {
		r := newRand(t)
		for _, d := range tableDims {
			compareQuery(t, tier, randomQuery(r, d), 0)
		}
		for offset := range 64 {
			compareQuery(t, tier, randomQuery(r, 192), offset)
		}
	})
}

// compareQuery compares tables, int8 query, steps and sum of a tier with the twin's. Inputs end at
// an unreadable page, outputs lie between canaries.
func compareQuery(t *testing.T, tier Tier, query []float32, offset int) {
	t.Helper()
	d := len(query)
	q := guardedCopy(t, query)
	if offset > 0 {
		moved := newFenced[float32](d, 64-offset)
		copy(moved.Slice, query)
		q = moved.Slice
	}
	tab, z := newFenced[byte](4*d, offset), newFenced[int8](d, offset)
	wantTab, wantZ := make([]byte, 4*d), make([]int8, d)
	var want, got [3]float32
	withTier(t, Pure, func() {
		want[0], want[1] = BuildTables(wantTab, q)
		want[2] = QuantizeInt8(wantZ, q)
	})
	withTier(t, tier, func() {
		got[0], got[1] = BuildTables(tab.Slice, q)
		got[2] = QuantizeInt8(z.Slice, q)
	})
	if !sameBits(got[:], want[:]) {
		t.Fatalf("d=%d offset=%d: step, abs, int8 step %v, want %v", d, offset, got, want)
	}
	if string(tab.Slice) != string(wantTab) {
		t.Fatalf("d=%d offset=%d: tables differ", d, offset)
	}
	for i := range z.Slice {
		if z.Slice[i] != wantZ[i] {
			t.Fatalf("d=%d offset=%d: z[%d] = %d, want %d (x=%g)", d, offset, i, z.Slice[i], wantZ[i],
				q[i]/want[2])
		}
	}
	tab.Check(t, "tables")
	z.Check(t, "int8 query")
}

func TestInt8RoundsHalfAwayFromZero(t *testing.T) {
	for _, tier := range Available() {
		withTier(t, tier, func() {
			q := make([]float32, 64)
			copy(q, []float32{127, -127, 0.5, -0.5, 1.5, -1.5, 0.499, -0.499, 126.5, -126.5})
			want := []int8{127, -127, 1, -1, 2, -2, 0, 0, 127, -127, 0}
			z := make([]int8, 64)
			if step := QuantizeInt8(z, q); step != 1 {
				t.Fatalf("%s: step %g, want 1", tier, step)
			}
			for i, w := range want {
				if z[i] != w {
					t.Errorf("%s: %g became %d, want %d", tier, q[i], z[i], w)
				}
			}
		})
	}
}

func TestZeroAndTinyQueriesGiveZeroTables(t *testing.T) {
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for _, x := range []float32{0, 1e-40, -1e-40} {
				q, tab, z := make([]float32, 64), make([]byte, 256), make([]int8, 64)
				fill(q, x)
				fill(tab, 7)
				fill(z, 7)
				step, _ := BuildTables(tab, q)
				step8 := QuantizeInt8(z, q)
				if step != 0 || step8 != 0 || string(tab) != string(make([]byte, 256)) || z[63] != 0 {
					t.Fatalf("%s: a query of %g gives steps %g, %g", tier, x, step, step8)
				}
			}
		})
	}
}

func TestNextBelowFindsTheFirst(t *testing.T) {
	nan := float32(math.NaN())
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for n := 0; n <= 100; n++ {
				v := guarded[float32](t, n)
				fill(v, 1)
				for from := 0; from <= n+1; from++ {
					for hit := from; hit < n; hit++ {
						v[hit] = 0.5
						if got := NextBelow(v, from, 1); got != hit {
							t.Fatalf("%s: n=%d from=%d: %d, want %d", tier, n, from, got, hit)
						}
						v[hit] = 1
					}
					if n > 0 {
						v[0] = nan
					}
					if got := NextBelow(v, from, 1); got != n {
						t.Fatalf("%s: n=%d from=%d: found %d in ones and NaN", tier, n, from, got)
					}
				}
			}
		})
	}
}

func TestNextBelowCrossesItsPieces(t *testing.T) {
	for _, tier := range Available() {
		withTier(t, tier, func() {
			v := make([]float32, 3*callBytes/4+5)
			for _, hit := range []int{0, callBytes/4 - 1, callBytes / 4, 2*callBytes/4 + 1, len(v) - 1} {
				v[hit] = -1
				if got := NextBelow(v, 0, 0); got != hit {
					t.Fatalf("%s: %d, want %d", tier, got, hit)
				}
				v[hit] = 0
			}
			if got := NextBelow(v, 3, 0); got != len(v) {
				t.Fatalf("%s: %d, want %d", tier, got, len(v))
			}
		})
	}
}

func FuzzTables(f *testing.F) {
	f.Add(int64(1), uint8(0))
	f.Add(int64(2), uint8(15))
	f.Fuzz(func(t *testing.T, seed int64, groups uint8) {
		r := rand.New(rand.NewSource(seed))
		for _, tier := range assembled(t) {
			compareQuery(t, tier, randomQuery(r, 64*(1+int(groups)%32)), r.Intn(64))
		}
	})
}

func FuzzNextBelow(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 9}, uint8(0), uint8(1))
	f.Add(make([]byte, 77), uint8(5), uint8(0))
	f.Fuzz(func(t *testing.T, values []byte, from, tau uint8) {
		v := guarded[float32](t, len(values))
		for i, x := range values {
			v[i] = float32(int8(x))
			if x == 0x80 {
				v[i] = float32(math.NaN())
			}
		}
		want := len(v)
		if int(from) < len(v) {
			want = nextBelowPure(v, int(from), float32(int8(tau)))
		}
		if got := NextBelow(v, int(from), float32(int8(tau))); got != want {
			t.Fatalf("found %d, want %d", got, want)
		}
	})
}
