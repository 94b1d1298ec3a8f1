package simd

// usePopcount points the popcount group at a tier; only plain Go kernels of it exist.
func usePopcount(Tier) { usePopcountPure() }
