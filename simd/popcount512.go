//go:build amd64 && !purego

package simd

//go:generate go -C _gen run ./popcount512

// countedRows is the number of rows that a turn of the kernels counts.
const countedRows = 8

// usePopcount points the popcount group at a tier. Below AVX-512 the plain Go kernels count 64
// bits an instruction.
func usePopcount(t Tier) {
	usePopcountPure()
	if t == AVX512 && hasPopcount512() {
		xorPopcountKernel = xorPopcountWithAVX512
		andOrPopcountKernel = andOrPopcountWithAVX512
	}
}

// countedTurns hands whole turns of n rows of w bytes over in pieces that are short enough for one
// assembly call, and returns how many rows that were.
func countedTurns(n, w int, call func(row, turns int)) int {
	whole := n &^ (countedRows - 1)
	step := max(1, callBytes/(countedRows*w)) * countedRows
	for row := 0; row < whole; row += step {
		call(row, min(step, whole-row)/countedRows)
	}
	return whole
}

func xorPopcountWithAVX512(out []uint32, rows []byte, n, w int, query []byte) {
	done := countedTurns(n, w, func(row, turns int) {
		xorPopcountAVX512(&out[row], &rows[row*w], turns, w, &query[0])
	})
	xorPopcountPure(out[done:], rows[done*w:], n-done, w, query)
}

func andOrPopcountWithAVX512(and, or []uint32, rows []byte, n, w int, query []byte) {
	done := countedTurns(n, w, func(row, turns int) {
		andOrPopcountAVX512(&and[row], &or[row], &rows[row*w], turns, w, &query[0])
	})
	andOrPopcountPure(and[done:], or[done:], rows[done*w:], n-done, w, query)
}
