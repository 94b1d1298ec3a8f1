//go:build (!amd64 && !arm64) || purego

package simd

// useFloat keeps the Go implementation: this build holds no other.
func useFloat(Tier) { float = pureFloat }
