package rabitq

import (
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// PaddedDim is the number of dimensions after rotation: a multiple of 64.
func PaddedDim(dim int) int { return (dim + 63) &^ 63 }

// Rotation is a random orthonormal map of PaddedDim(dim) dimensions (FHT-Kac: four rounds of random
// signs, a fast Hadamard transform and, where the dimension is no power of two, a Kac step). It
// is the same for rows and queries. Immutable.
type Rotation struct {
	Dim   int      // padded
	Signs []uint32 // 4*dim words, each 0 or 1<<31
}

// NewRotation draws the signs of a rotation. They are frozen: an index file of the seed has them.
func NewRotation(padded int, seed uint64) *Rotation {
	g := mem.Generator{State: seed}
	packed := make([]byte, padded/2)
	for i := 0; i < len(packed); i += 8 {
		w := g.Next()
		for j := range 8 {
			packed[i+j] = byte(w >> (8 * j))
		}
	}
	return UnpackRotation(padded, packed)
}

// UnpackRotation reads 4*padded sign bits, least significant bit first.
func UnpackRotation(padded int, packed []byte) *Rotation {
	r := &Rotation{Dim: padded, Signs: make([]uint32, 4*padded)}
	for i := range r.Signs {
		r.Signs[i] = uint32(packed[i>>3]>>(i&7)&1) << 31
	}
	return r
}

// Pack returns the sign bits, least significant bit first.
func (r *Rotation) Pack() []byte {
	out := make([]byte, len(r.Signs)/8)
	for i, s := range r.Signs {
		out[i>>3] |= byte(s>>31) << (i & 7)
	}
	return out
}

// Apply rotates rows of dim numbers in place.
func (r *Rotation) Apply(x []float32, rows int) { simd.Rotate(x, rows, r.Dim, r.Signs) }
