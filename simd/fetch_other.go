//go:build (!amd64 && !arm64) || purego

package simd

// useFetch points Fetch at a tier; only Pure exists in this build.
func useFetch(Tier) { fetchKernel = fetchPure }
