package simd

import "testing"

// Fetch is a hint: whatever it is given, nothing is changed and nothing faults, even at the edge
// of a page that may not be read.
func TestFetchTouchesNothing(t *testing.T) {
	for _, tier := range Available() {
		withTier(t, tier, func() {
			for n := range 300 {
				b := make([]byte, n)
				for i := range b {
					b[i] = byte(i)
				}
				g := guardedCopy(t, b)
				Fetch(g)
				for i := range g {
					if g[i] != byte(i) {
						t.Fatalf("%v: byte %d of %d changed", tier, i, n)
					}
				}
			}
		})
	}
}
