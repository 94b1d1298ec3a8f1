package simd

import (
	"math"
	"math/rand"
	"testing"
)

// naiveCode reads the code of one dimension straight from the layout's description: the sign bit
// of the plane, then the planes of the extra code, widest first.
func naiveCode(block []byte, row int, extra []byte, e, d, i int) int {
	code := int(block[i/8*BlockRows+row]>>(i%8)) & 1
	start := 0
	for _, w := range []int{8, 4, 2, 1} {
		if e&w == 0 {
			continue
		}
		group, k := extra[start+i/64*8*w:], i%64
		var x int
		switch w {
		case 8:
			x = int(group[k])
		case 4:
			x = int(group[k%32]>>(k/32*4)) & 15
		case 2:
			x = int(group[k%16]>>(k/16*2)) & 3
		case 1:
			x = int(group[k/8]>>(k%8)) & 1
		}
		code = code<<w + x
		start += d * w / 8
	}
	return code
}

// codeCase is one row's code and queries, in memory that faults behind its end.
type codeCase struct {
	block, extra []byte
	z            []int8
	q            []float32
}

func randomCode(t testing.TB, r *rand.Rand, d, e int) codeCase {
	c := codeCase{guarded[byte](t, 4*d), guarded[byte](t, ExtraBytes(d, e)),
		guarded[int8](t, d), guarded[float32](t, d)}
	r.Read(c.block)
	r.Read(c.extra)
	for i := range c.z {
		c.z[i], c.q[i] = int8(r.Intn(256)-128), float32(r.NormFloat64())
	}
	return c
}

var codeDims = []int{64, 128, 192, 256, 320, 1024, 1536, 4096}

func TestDotCodeFollowsTheLayout(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for e := 1; e <= 4; e++ {
				for _, d := range codeDims {
					c, row, want := randomCode(t, r, d, e), r.Intn(BlockRows), 0
					for i := range d {
						want += naiveCode(c.block, row, c.extra, e, d, i) * int(c.z[i])
					}
					if got := DotCode(c.block, row, c.extra, e, d, c.z); int(got) != want {
						t.Fatalf("%s: e=%d d=%d row %d: %d, want %d", tier, e, d, row, got, want)
					}
				}
			}
		})
	}
}

func TestDotCodeIsExactAtTheLargestValues(t *testing.T) {
	const d = 65536
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for e := 1; e <= 4; e++ {
				c := randomCode(t, rand.New(rand.NewSource(1)), d, e)
				fill(c.block, 0xff)
				fill(c.extra, 0xff)
				for _, z := range []int8{127, -128} {
					fill(c.z, z)
					want := int32(d * (2<<e - 1) * int(z))
					if got := DotCode(c.block, 31, c.extra, e, d, c.z); got != want {
						t.Fatalf("%s: e=%d z=%d: %d, want %d", tier, e, z, got, want)
					}
				}
			}
		})
	}
}

func TestDotCodeFloatIsTheStoredSumOnEveryTier(t *testing.T) {
	r := newRand(t)
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for e := 0; e <= 8; e++ {
				for _, d := range codeDims {
					c, row := randomCode(t, r, d, e), r.Intn(BlockRows)
					var lanes [16]float32
					for i := range d {
						u := float32(naiveCode(c.block, row, c.extra, e, d, i))
						lanes[i%16] += float32(u * c.q[i])
					}
					want := foldLanes(&lanes)
					got := DotCodeFloat(c.block, row, c.extra, e, d, c.q)
					if math.Float32bits(got) != math.Float32bits(want) {
						t.Fatalf("%s: e=%d d=%d: %g, want %g", tier, e, d, got, want)
					}
				}
			}
		})
	}
}

func TestDotCodeDoesNotDependOnAlignment(t *testing.T) {
	r := newRand(t)
	const d = 192
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for offset := range 64 {
				e := 1 + r.Intn(4)
				c := randomCode(t, r, d, e)
				want := DotCode(c.block, 5, c.extra, e, d, c.z)
				wantFloat := DotCodeFloat(c.block, 5, c.extra, e, d, c.q)
				block, extra := newFenced[byte](4*d, offset), newFenced[byte](len(c.extra), 63-offset)
				z, q := newFenced[int8](d, offset*7%64), newFenced[float32](d, offset)
				copy(block.Slice, c.block)
				copy(extra.Slice, c.extra)
				copy(z.Slice, c.z)
				copy(q.Slice, c.q)
				if DotCode(block.Slice, 5, extra.Slice, e, d, z.Slice) != want ||
					DotCodeFloat(block.Slice, 5, extra.Slice, e, d, q.Slice) != wantFloat {
					t.Fatalf("%s: results change at offset %d, e=%d", tier, offset, e)
				}
			}
		})
	}
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

func FuzzDotCode(f *testing.F) {
	f.Add(int64(1), uint8(1), uint8(1), uint8(0))
	f.Add(int64(2), uint8(16), uint8(4), uint8(31))
	f.Add(int64(3), uint8(3), uint8(3), uint8(17))
	f.Fuzz(func(t *testing.T, seed int64, groups, extraBits, row uint8) {
		d, e, r := 64*(1+int(groups)%32), 1+int(extraBits)%8, int(row)%BlockRows
		c := randomCode(t, rand.New(rand.NewSource(seed)), d, e)
		want := dotCodeFloatPure(c.block, r, c.extra, e, d, c.q)
		got := DotCodeFloat(c.block, r, c.extra, e, d, c.q)
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("DotCodeFloat: %g, want %g", got, want)
		}
		if e > 4 {
			return
		}
		if got, want := DotCode(c.block, r, c.extra, e, d, c.z),
			dotCodePure(c.block, r, c.extra, e, d, c.z); got != want {
			t.Fatalf("DotCode: %d, want %d", got, want)
		}
	})
}
