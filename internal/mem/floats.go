package mem

import (
	"math"
)

// ExactGamma bounds the relative rounding error of the tile kernels over d numbers, with room for
// the few operations after them (see simd.DotTile and simd.L2Tile).
func ExactGamma(d int) float32 { return 2 * float32(d/8+24) / (1 << 24) }

// ExactVanished bounds what d squares lose that lie below float32's smallest number.
func ExactVanished(d int) float32 { return float32(d+8) * math.SmallestNonzeroFloat32 }

// NextUp returns the least float32 above x, so that "below NextUp(x)" means "at most x".
func NextUp(x float32) float32 { return math.Nextafter32(x, float32(math.Inf(1))) }

// Grow returns a slice of n elements, reusing old where it has room. Contents are unspecified.
func Grow[T any](old []T, n int) []T {
	if cap(old) >= n {
		return old[:n]
	}
	return make([]T, n)
}

// Sqrt32 is the square root, rounded once.
func Sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// ClampFloat keeps a row's scale inside float32: residuals near the smallest normal number would
// ask for more.
func ClampFloat(t float64) float32 { return float32(min(t, math.MaxFloat32)) }

// Abs32 clears the sign.
func Abs32(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

// Infinity is float32's.
var Infinity = float32(math.Inf(1))
