//go:build arm64 && !purego

package simd

// hasNEON is false: no group has kernels for arm64.
func hasNEON() bool { return false }
