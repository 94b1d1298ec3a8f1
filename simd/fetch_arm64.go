//go:build arm64 && !purego

package simd

// fetchNEON asks for the cache lines of n > 0 bytes from b.
//
//go:noescape
func fetchNEON(b *byte, n int)

// useFetch points Fetch at a tier.
func useFetch(t Tier) {
	fetchKernel = fetchPure
	if t == NEON {
		fetchKernel = func(b []byte) { fetchNEON(first(b), len(b)) }
	}
}
