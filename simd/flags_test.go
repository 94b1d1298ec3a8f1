package simd

import (
	"math/rand"
	"testing"
)

// Every kernel packs the bit of every byte that is not zero, whatever was in the words before, and
// reads and writes nothing beyond what it was given.
func TestPackedFlagsAreTheBytesThatAreNotZero(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for n := range 200 {
				flags := make([]byte, n)
				for i := range flags {
					flags[i] = []byte{0, 0, 1, 0x7F, 0x80, 0x81, 0xFF, 2}[r.Intn(8)]
				}
				words := make([]uint32, (n+31)/32+1)
				for i := range words {
					words[i] = r.Uint32()
				}
				beyond := words[len(words)-1]
				PackFlags(words[:len(words)-1], guardedCopy(t, flags))
				for i := range 32 * (len(words) - 1) {
					want := i < n && flags[i] != 0
					if got := words[i/32]>>(i%32)&1 != 0; got != want {
						t.Fatalf("%v: flag %d of %d is packed as %v", tier, i, n, got)
					}
				}
				if words[len(words)-1] != beyond {
					t.Fatalf("%v: a word beyond the flags changed", tier)
				}
			}
		})
	}
}

// Longer masks than one call of a kernel covers are packed whole.
func TestLongFlagsArePackedWhole(t *testing.T) {
	flags := make([]byte, 2*callBytes+77)
	for i := 0; i < len(flags); i += 3 {
		flags[i] = byte(i) | 1
	}
	for _, tier := range Available() {
		withTier(t, tier, func() {
			words := make([]uint32, (len(flags)+31)/32)
			PackFlags(words, flags)
			for i := range flags {
				if words[i/32]>>(i%32)&1 != 0 != (i%3 == 0) {
					t.Fatalf("%v: flag %d", tier, i)
				}
			}
		})
	}
}
