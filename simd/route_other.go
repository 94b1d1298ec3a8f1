//go:build (!amd64 && !arm64) || purego

package simd

// useRoute points the route group at a tier; only plain Go kernels of it exist in this build.
func useRoute(Tier) { useRoutePure() }
