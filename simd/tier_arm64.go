//go:build arm64 && !purego

package simd

// hasNEON is true: every arm64 CPU that Go runs on has the vector unit.
func hasNEON() bool { return true }
