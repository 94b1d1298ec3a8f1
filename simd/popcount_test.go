package simd

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"
)

// countedBits counts one bit after the other.
func countedBits(row, query []byte) (differ, both, any uint32) {
	for i, a := range row {
		for j := range 8 {
			x, y := uint32(a>>j&1), uint32(query[i]>>j&1)
			differ += x ^ y
			both += x & y
			any += x | y
		}
	}
	return differ, both, any
}

func TestRowsOfBitsAreCountedAsOneBitAfterTheOtherOnEveryTier(t *testing.T) {
	r := newRand(t)
	mem, query := guarded[byte](t, 3<<16), guarded[byte](t, 1<<16)
	ask := func(n, w int, fill func() byte) {
		rows, q := mem[len(mem)-n*w:], query[len(query)-w:]
		for i := range rows {
			rows[i] = fill()
		}
		for i := range q {
			q[i] = byte(r.Uint32())
		}
		requireCounts(t, rows, n, w, q)
	}
	random := func() byte { return byte(r.Uint32()) }
	for w := 1; w <= 200; w++ {
		for _, n := range []int{1, 2, 7, 8, 9, 16, 33} {
			ask(n, w, random)
		}
	}
	for _, w := range []int{255, 256, 257, 1000, 4096, 8192, 65536} {
		ask(3, w, random)
	}
	for _, w := range []int{8192, 16384} {
		ask(9, w, func() byte { return 0xff })
	}
}

// requireCounts compares the kernels of every tier with the count of single bits, and looks behind
// their outputs.
func requireCounts(t testing.TB, rows []byte, n, w int, q []byte) {
	t.Helper()
	want := make([][3]uint32, n)
	for i := range n {
		want[i][0], want[i][1], want[i][2] = countedBits(rows[i*w:(i+1)*w], q)
	}
	for _, tier := range Available() {
		withTier(t, tier, func() {
			differ, both := newFenced[uint32](n, w%64), newFenced[uint32](n, n%64)
			either := newFenced[uint32](n, 0)
			XorPopcount(differ.Slice, rows, n, w, q)
			AndOrPopcount(both.Slice, either.Slice, rows, n, w, q)
			for i := range n {
				got := [3]uint32{differ.Slice[i], both.Slice[i], either.Slice[i]}
				if got != want[i] {
					t.Fatalf("%s, row %d of %d, %d bytes: %v, want %v", tier, i, n, w, got, want[i])
				}
			}
			differ.Check(t, "differ")
			both.Check(t, "both")
			either.Check(t, "either")
		})
	}
}

func TestRowsOfBitsRefuseShapesThatDoNotFit(t *testing.T) {
	out := make([]uint32, 2)
	for name, call := range map[string]func(){
		"short rows":   func() { XorPopcount(out, make([]byte, 7), 2, 4, make([]byte, 4)) },
		"short query":  func() { XorPopcount(out, make([]byte, 8), 2, 4, make([]byte, 3)) },
		"short out":    func() { XorPopcount(out, make([]byte, 12), 3, 4, make([]byte, 4)) },
		"short or":     func() { AndOrPopcount(out, out[:1], make([]byte, 8), 2, 4, make([]byte, 4)) },
		"no width":     func() { XorPopcount(out, nil, 1, 0, nil) },
		"rows below 0": func() { XorPopcount(out, nil, -1, 1, make([]byte, 1)) },
	} {
		require.Panics(t, call, name)
	}
	XorPopcount(nil, nil, 0, 4, make([]byte, 4))
}

func FuzzRowsOfBits(f *testing.F) {
	f.Add([]byte("some rows of bits"), uint8(3))
	f.Fuzz(func(t *testing.T, data []byte, width uint8) {
		w := int(width)
		if w == 0 || len(data) < w {
			return
		}
		q, rows := data[:w], data[w:]
		requireCounts(t, rows, len(rows)/w, w, q)
	})
}

func BenchmarkPopcount(b *testing.B) {
	r := rand.New(rand.NewSource(71))
	const total = 256 << 10
	for _, w := range []int{8, 16, 32, 48, 64, 96, 128, 256} {
		n := total / w
		rows, q := make([]byte, n*w), make([]byte, w)
		for i := range rows {
			rows[i] = byte(r.Uint32())
		}
		x, y := make([]uint32, n), make([]uint32, n)
		b.Run(fmt.Sprintf("xor/w=%d", w), func(b *testing.B) {
			benchTiers(b, func(b *testing.B) {
				b.SetBytes(total)
				for b.Loop() {
					XorPopcount(x, rows, n, w, q)
				}
			})
		})
		b.Run(fmt.Sprintf("and-or/w=%d", w), func(b *testing.B) {
			benchTiers(b, func(b *testing.B) {
				b.SetBytes(total)
				for b.Loop() {
					AndOrPopcount(x, y, rows, n, w, q)
				}
			})
		})
	}
}
