package simd

import (
	"fmt"
	"math"
	"math/rand"
	"testing"
)

// measure is one of the two row functions with its tile, its exact term and its error bound.
type measure struct {
	name   string
	rows   func(out, rows []float32, n, stride, d int, q []float32)
	tile   func(out, rows []float32, n, stride, d int, q []float32, nq, qstride int)
	term   func(x, q float64) float64
	factor float64 // of (d/8+16) * 2^-24 * sum |term|
}

var measures = []measure{
	{"Dot", DotRows, DotTile, func(x, q float64) float64 { return x * q }, 1},
	{"L2", L2Rows, L2Tile, func(x, q float64) float64 { return (x - q) * (x - q) }, 2},
}

// check fails the test unless out[r] is within the stated bound of the float64 result. The last
// term of the bound is what results below the normal range may add.
func (k *measure) check(t testing.TB, out, rows []float32, n, stride, d int, q []float32) {
	t.Helper()
	for r := range n {
		var want, size float64
		for i := range d {
			term := k.term(float64(rows[r*stride+i]), float64(q[i]))
			want += term
			size += math.Abs(term)
		}
		bound := k.factor*float64(d/8+16)*0x1p-24*size + float64(d)*0x1p-148
		if diff := math.Abs(float64(out[r]) - want); !(diff <= bound) {
			t.Fatalf("%s row %d of %d, d=%d: %v is %g from %v, bound %g",
				k.name, r, n, d, out[r], diff, want, bound)
		}
	}
}

func gaussian(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

func TestRowKernelsStayWithinTheirBoundAndTouchNothingElse(t *testing.T) {
	r := newRand(t)
	dims := []int{64, 100, 384, 1023}
	for d := 1; d <= 35; d++ {
		dims = append(dims, d)
	}
	for _, k := range measures {
		for _, tier := range Available() {
			for _, d := range dims {
				n, stride := r.Intn(14), d+r.Intn(3)
				m := &memory{t: t, guard: r.Intn(2) == 0, offset: r.Intn(64)}
				rows := given(m, gaussian(r, max(0, (n-1)*stride+d)))
				q, out := given(m, gaussian(r, d)), room[float32](m, n)
				withTier(t, tier, func() { k.rows(out, rows, n, stride, d, q) })
				for _, check := range m.checks {
					check()
				}
				k.check(t, out, rows, n, stride, d, q)
			}
		}
	}
}

func TestRowKernelsWorkAtEveryAlignment(t *testing.T) {
	r := newRand(t)
	const n, d = 5, 21
	for _, k := range measures {
		for offset := range 64 {
			m := &memory{t: t, offset: offset}
			rows, q := given(m, gaussian(r, n*d)), given(m, gaussian(r, 4*d))
			out, tile := room[float32](m, n), room[float32](m, 4*n)
			k.rows(out, rows, n, d, d, q)
			k.tile(tile, rows, n, d, d, q, 4, d)
			k.check(t, out, rows, n, d, d, q)
			for i := range 4 {
				k.check(t, tile[i*n:], rows, n, d, d, q[i*d:])
			}
			for _, check := range m.checks {
				check()
			}
		}
	}
}

// A search must answer the same alone and in a batch, so the bits may not depend on the tile.
func TestTilesGiveTheBitsOfSingleRows(t *testing.T) {
	r := newRand(t)
	shapes := [][3]int{{1, 1, 1}, {7, 5, 9}, {13, 8, 100}, {5, 4, callFloats + 1}}
	if !testing.Short() {
		shapes = append(shapes, [][3]int{{700, 9, 100}, {50, 6, 1536}, {9, 5, callFloats / 4},
			{6, 4, callFloats/8 + 3}}...)
	}
	for n := 1; n <= 9; n++ {
		for nq := 1; nq <= 9; nq++ {
			shapes = append(shapes, [3]int{n, nq, 1 + r.Intn(40)})
		}
	}
	for _, k := range measures {
		for _, tier := range Available() {
			for _, shape := range shapes {
				n, nq, d := shape[0], shape[1], shape[2]
				stride, qstride := d+r.Intn(2), d+r.Intn(2)
				m := &memory{t: t, guard: r.Intn(2) == 0, offset: r.Intn(64)}
				rows := given(m, gaussian(r, (n-1)*stride+d))
				q := given(m, gaussian(r, (nq-1)*qstride+d))
				out, single := room[float32](m, n*nq), room[float32](m, 1)
				withTier(t, tier, func() {
					k.tile(out, rows, n, stride, d, q, nq, qstride)
					for i := range nq {
						for row := range n {
							k.rows(single, rows[row*stride:], 1, stride, d, q[i*qstride:])
							if out[i*n+row] != single[0] {
								t.Fatalf("%s %s n=%d nq=%d d=%d: query %d row %d: %v in the tile, "+
									"%v alone", k.name, tier, n, nq, d, i, row, out[i*n+row], single[0])
							}
						}
					}
				})
				for _, check := range m.checks {
					check()
				}
			}
		}
	}
}

func TestRowKernelsCarryInfinityAndNaN(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	rows := []float32{inf, 1, 2, 3, nan, 1, 2, 3, 1, 1, 1, 1}
	for _, k := range measures {
		for _, tier := range Available() {
			out := make([]float32, 3)
			withTier(t, tier, func() { k.rows(out, rows, 3, 4, 4, []float32{1, 1, 1, 1}) })
			if !math.IsInf(float64(out[0]), 1) || out[1] == out[1] || out[2] != out[2] {
				t.Errorf("%s %s: got %v, want +Inf, NaN and a number", k.name, tier, out)
			}
		}
	}
}

func TestRowKernelsRefuseShapesThatDoNotFit(t *testing.T) {
	x := make([]float32, 8)
	for name, call := range map[string]func(){
		"stride below d":   func() { DotRows(x, x, 2, 2, 4, x) },
		"rows too short":   func() { L2Rows(x, x, 3, 4, 4, x) },
		"out too short":    func() { DotRows(x[:1], x, 2, 4, 4, x) },
		"d of zero":        func() { DotRows(x, x, 2, 4, 0, x) },
		"query too short":  func() { L2Rows(x, x, 2, 4, 4, x[:3]) },
		"queries too few":  func() { DotTile(x, x, 2, 4, 4, x, 3, 4) },
		"tile out too few": func() { L2Tile(x[:3], x, 2, 4, 4, x, 2, 4) },
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
	DotRows(nil, nil, 0, 4, 4, nil)
	L2Tile(nil, nil, 0, 4, 4, nil, 0, 4)
}

func FuzzRows(f *testing.F) {
	f.Add(int64(1), uint8(5), uint8(5), uint16(33), uint8(3))
	f.Add(int64(2), uint8(0), uint8(1), uint16(0), uint8(63))
	f.Fuzz(func(t *testing.T, seed int64, n, nq uint8, d uint16, offset uint8) {
		r := rand.New(rand.NewSource(seed))
		rows, queries, dim := int(n%20), 1+int(nq%9), 1+int(d%600)
		m := &memory{t: t, offset: int(offset % 64)}
		x, q := given(m, gaussian(r, rows*dim)), given(m, gaussian(r, queries*dim))
		out := room[float32](m, rows*queries)
		for _, k := range measures {
			for _, tier := range assembled(t) {
				withTier(t, tier, func() { k.tile(out, x, rows, dim, dim, q, queries, dim) })
				for i := range queries {
					k.check(t, out[i*rows:(i+1)*rows], x, rows, dim, dim, q[i*dim:(i+1)*dim])
				}
			}
		}
		for _, check := range m.checks {
			check()
		}
	})
}

func BenchmarkRows(b *testing.B) {
	for _, d := range []int{100, 384, 768, 1024} {
		for _, place := range []struct {
			name  string
			bytes int
		}{{"L1", 24 << 10}, {"L2", 256 << 10}, {"DRAM", 128 << 20}} {
			n := place.bytes / 4 / d
			rows := gaussian(rand.New(rand.NewSource(1)), n*d)
			q, out := make([]float32, 8*d), make([]float32, 8*n)
			copy(q, rows)
			for _, k := range measures {
				b.Run(fmt.Sprintf("%sRows/d=%d/%s", k.name, d, place.name), func(b *testing.B) {
					benchRows(b, n, d, 1, func() { k.rows(out, rows, n, d, d, q) })
				})
				b.Run(fmt.Sprintf("%sTile8/d=%d/%s", k.name, d, place.name), func(b *testing.B) {
					benchRows(b, n, d, 8, func() { k.tile(out, rows, n, d, d, q, 8, d) })
				})
			}
		}
	}
}

// benchRows reports nanoseconds for one row and query, and GFLOP/s at two a dimension.
func benchRows(b *testing.B, n, d, nq int, call func()) {
	benchEachTier(b, func(b *testing.B) {
		for b.Loop() {
			call()
		}
		pairs := float64(b.N) * float64(n*nq)
		ns := float64(b.Elapsed().Nanoseconds())
		b.ReportMetric(ns/pairs, "ns/row")
		b.ReportMetric(2*float64(d)*pairs/ns, "GFLOP/s")
	})
}
