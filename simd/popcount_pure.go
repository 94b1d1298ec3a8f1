package simd

import (
	"encoding/binary"
	"math/bits"
)

// The plain Go kernels of the popcount group. They are the specification: the other tiers give the
// same counts.

func xorPopcountPure(out []uint32, rows []byte, n, w int, query []byte) {
	for r := range n {
		row, q := rows[r*w:(r+1)*w], query
		var count int
		for len(row) >= 8 && len(q) >= 8 {
			count += bits.OnesCount64(binary.LittleEndian.Uint64(row) ^ binary.LittleEndian.Uint64(q))
			row, q = row[8:], q[8:]
		}
		for i, b := range row {
			count += bits.OnesCount8(b ^ q[i])
		}
		out[r] = uint32(count)
	}
}

func andOrPopcountPure(and, or []uint32, rows []byte, n, w int, query []byte) {
	for r := range n {
		row, q := rows[r*w:(r+1)*w], query
		var both, any int
		for len(row) >= 8 && len(q) >= 8 {
			a, b := binary.LittleEndian.Uint64(row), binary.LittleEndian.Uint64(q)
			both += bits.OnesCount64(a & b)
			any += bits.OnesCount64(a | b)
			row, q = row[8:], q[8:]
		}
		for i, b := range row {
			both += bits.OnesCount8(b & q[i])
			any += bits.OnesCount8(b | q[i])
		}
		and[r], or[r] = uint32(both), uint32(any)
	}
}
