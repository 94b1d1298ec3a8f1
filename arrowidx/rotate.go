package arrowidx

import (
	"math/bits"

	"github.com/ruvector/ruvector-arrow/simd"
)

// generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). Its outputs are part of the index
// format: rotations are drawn from it, so it must never change.
type generator struct{ state uint64 }

func (g *generator) next() uint64 {
	g.state += 0x9E3779B97F4A7C15
	z := g.state
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below returns a number in [0, n), every one as likely (Lemire, ACM TOMACS 2019).
func (g *generator) below(n uint64) uint64 {
	for {
		hi, lo := bits.Mul64(g.next(), n)
		if lo >= n || lo >= -n%n {
			return hi
		}
	}
}

// paddedDim is the number of dimensions after rotation: a multiple of 64.
func paddedDim(dim int) int { return (dim + 63) &^ 63 }

// rotation is a random orthonormal map of paddedDim(dim) dimensions (FHT-Kac: four rounds of random
// signs, a fast Hadamard transform and, where the dimension is no power of two, a Kac step). It
// is the same for rows and queries. Immutable.
type rotation struct {
	dim   int      // padded
	signs []uint32 // 4*dim words, each 0 or 1<<31
}

func newRotation(padded int, seed uint64) *rotation {
	g := generator{seed}
	packed := make([]byte, padded/2)
	for i := 0; i < len(packed); i += 8 {
		w := g.next()
		for j := range 8 {
			packed[i+j] = byte(w >> (8 * j))
		}
	}
	return unpackRotation(padded, packed)
}

// unpackRotation reads 4*padded sign bits, least significant bit first.
func unpackRotation(padded int, packed []byte) *rotation {
	r := &rotation{dim: padded, signs: make([]uint32, 4*padded)}
	for i := range r.signs {
		r.signs[i] = uint32(packed[i>>3]>>(i&7)&1) << 31
	}
	return r
}

// pack returns the sign bits, least significant bit first.
func (r *rotation) pack() []byte {
	out := make([]byte, len(r.signs)/8)
	for i, s := range r.signs {
		out[i>>3] |= byte(s>>31) << (i & 7)
	}
	return out
}

// apply rotates rows of dim numbers in place.
func (r *rotation) apply(x []float32, rows int) { simd.Rotate(x, rows, r.dim, r.signs) }
