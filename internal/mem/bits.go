package mem

import (
	"math"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/simd"
)

// LowBits has the lowest n bits set, all from 32 on.
func LowBits(n int) uint32 {
	if n >= simd.BlockRows {
		return math.MaxUint32
	}
	return 1<<n - 1
}

// AppendRows appends the rows set in blocks [from, to), rising.
func AppendRows(rows, words []uint32, from, to int) []uint32 {
	for b := from; b < to; b++ {
		for w := words[b]; w != 0; w &= w - 1 {
			rows = append(rows, uint32(b*simd.BlockRows+bits.TrailingZeros32(w)))
		}
	}
	return rows
}

// BitOf reports whether the bit of a row is set.
func BitOf(words []uint32, row int) bool {
	return words[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0
}

// OrBits sets the bits of words in dst too, their first one at place `at`.
func OrBits(dst, words []uint32, at int) {
	first, shift := at/simd.BlockRows, at%simd.BlockRows
	for i, w := range words {
		dst[first+i] |= w << shift
		if over := w >> (simd.BlockRows - shift); over != 0 {
			dst[first+i+1] |= over
		}
	}
}

// CountBits returns the number of set bits.
func CountBits(words []uint32) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount32(w)
	}
	return n
}

// NextSet returns the first set bit from place `at` on, from the beginning again if there is none
// behind it. Some bit must be set.
func NextSet(words []uint32, at int) uint32 {
	i := at / simd.BlockRows
	w := words[i] >> (at % simd.BlockRows) << (at % simd.BlockRows)
	for w == 0 {
		if i++; i == len(words) {
			i = 0
		}
		w = words[i]
	}
	return uint32(i*simd.BlockRows + bits.TrailingZeros32(w))
}
