//go:build amd64 && !purego

package simd

// useFetch points Fetch at a tier.
func useFetch(t Tier) {
	fetchKernel = fetchPure
	if t != Pure {
		fetchKernel = func(b []byte) { fetchAVX2(first(b), len(b)) }
	}
}
