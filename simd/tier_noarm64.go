//go:build !arm64 || purego

package simd

// hasNEON is false where the assembly is not part of the build.
func hasNEON() bool { return false }
