package simd

// Kernels of the popcount group in force; usePopcount sets them. Their arguments have been checked.
var (
	xorPopcountKernel   func(out []uint32, rows []byte, n, w int, query []byte)
	andOrPopcountKernel func(and, or []uint32, rows []byte, n, w int, query []byte)
)

func init() { register(usePopcount) }

// usePopcountPure points the group at the plain Go kernels.
func usePopcountPure() {
	xorPopcountKernel = xorPopcountPure
	andOrPopcountKernel = andOrPopcountPure
}

// XorPopcount writes to out[r], for each of n rows of w packed bytes side by side, the number of
// bits in which the row differs from the query. Any n and w >= 1; no alignment is needed. The same
// on every tier.
func XorPopcount(out []uint32, rows []byte, n, w int, query []byte) {
	if !checkBits(len(out), rows, n, w, query) {
		return
	}
	xorPopcountKernel(out[:n], rows[:n*w], n, w, query[:w])
}

// AndOrPopcount writes to and[r] the number of bits set both in row r and in the query, and to
// or[r] the number set in one of them at least, like XorPopcount.
func AndOrPopcount(and, or []uint32, rows []byte, n, w int, query []byte) {
	if !checkBits(min(len(and), len(or)), rows, n, w, query) {
		return
	}
	andOrPopcountKernel(and[:n], or[:n], rows[:n*w], n, w, query[:w])
}

// checkBits panics on wrong lengths and reports whether there is work.
func checkBits(room int, rows []byte, n, w int, query []byte) bool {
	if n < 0 || w < 1 || w > maxScanDim {
		panic("simd: rows of bits: a negative number of rows, or a width out of range")
	}
	checkLength("rows of bits", len(rows), n*w)
	checkLength("bits of the query", len(query), w)
	checkRoom("popcount", room, n)
	return n > 0
}
