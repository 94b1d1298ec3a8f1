//go:build !amd64 || purego

package simd

// usePopcount points the popcount group at a tier; only plain Go kernels of it exist in this build.
func usePopcount(Tier) { usePopcountPure() }
