//go:build !amd64 || purego

package simd

// hasAVX2 is false where the assembly is not part of the build.
func hasAVX2() bool { return false }

// hasAVX512 is false where the assembly is not part of the build.
func hasAVX512() bool { return false }
