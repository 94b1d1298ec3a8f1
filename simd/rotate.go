package simd

import (
	"fmt"
	"math"
	"math/bits"
)

// rotateRounds is the number of sign flips and Hadamard transforms of a rotation.
const rotateRounds = 4

// Rotate applies the orthonormal FHT-Kac rotation to rows rows of d values each, in place. d is a
// multiple of 64; x holds at least rows*d values. signs holds 4*d words, each 0 or 1<<31: the sign
// flips of the four rounds, the same for everything that is to be compared.
//
// With w the greatest power of two that is at most d and s = float32(1/sqrt(w)), round r = 0..3
// flips the signs of all d values by signs[r*d:], takes the first (r even) or last (r odd) w values
// as the segment, multiplies it by s and applies the Walsh-Hadamard butterflies
// (a, b) -> (a+b, a-b) at strides 1, 2, 4, ... in this order. If d is not w, a Kac step
// (x[i], x[i+d/2]) -> (x[i]+x[i+d/2], x[i]-x[i+d/2]) follows each round and, after the last,
// a multiplication by 1/4. The same bits on every tier: the result reaches stored codes.
//
// Source of the transform: the FHT-Kac rotator of the RaBitQ library (VectorDB-NTU/RaBitQ-Library).
func Rotate(x []float32, rows, d int, signs []uint32) {
	if rows < 0 || d < 64 || d%64 != 0 || rows*d > len(x) || len(signs) < rotateRounds*d {
		panic(fmt.Sprintf("simd: Rotate: rows=%d d=%d (a multiple of 64) do not fit %d values "+
			"and %d signs", rows, d, len(x), len(signs)))
	}
	float.rotate(x[:rows*d], rows, d, signs[:rotateRounds*d])
}

// rotateSegment returns the length w of the transformed segment and its scale.
func rotateSegment(d int) (w int, scale float32) {
	w = 1 << (bits.Len(uint(d)) - 1)
	return w, float32(1 / math.Sqrt(float64(w)))
}

func rotatePure(x []float32, rows, d int, signs []uint32) {
	w, scale := rotateSegment(d)
	for row := 0; row < rows; row++ {
		v := x[row*d : (row+1)*d]
		for round := 0; round < rotateRounds; round++ {
			for i, flip := range signs[round*d : (round+1)*d] {
				v[i] = math.Float32frombits(math.Float32bits(v[i]) ^ flip)
			}
			from := (round & 1) * (d - w)
			hadamardPure(v[from:from+w], scale)
			if d != w {
				butterfliesPure(v[:d/2], v[d/2:])
			}
		}
		if d != w {
			scalePure(v, v, 0.25)
		}
	}
}

// hadamardPure scales a segment of a power of two values and transforms it in place.
func hadamardPure(v []float32, scale float32) {
	scalePure(v, v, scale)
	for stride := 1; stride < len(v); stride *= 2 {
		for i := 0; i < len(v); i += 2 * stride {
			butterfliesPure(v[i:i+stride], v[i+stride:i+2*stride])
		}
	}
}

// butterfliesPure replaces every pair (a[i], b[i]) by its sum and its difference.
func butterfliesPure(a, b []float32) {
	b = b[:len(a)]
	for i, p := range a {
		q := b[i]
		a[i], b[i] = p+q, p-q
	}
}
