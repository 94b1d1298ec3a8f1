package mem

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBitsAreSetFromAnyPlaceOn(t *testing.T) {
	r := rand.New(rand.NewPCG(740, 1))
	for range 500 {
		at, n := r.IntN(100), 1+r.IntN(100)
		words := make([]uint32, (n+31)/32)
		for i := range words {
			words[i] = r.Uint32() & LowBits(n-32*i)
		}
		dst := make([]uint32, (at+n+31)/32)
		want := make([]bool, at+n)
		for i := range at {
			if want[i] = r.IntN(2) == 0; want[i] {
				dst[i/32] |= 1 << (i % 32)
			}
		}
		for i := range n {
			want[at+i] = BitOf(words, i)
		}
		OrBits(dst, words, at)
		for i, set := range want {
			require.Equal(t, set, BitOf(dst, i), "bit %d of %d from %d on", i, n, at)
		}
	}
}
