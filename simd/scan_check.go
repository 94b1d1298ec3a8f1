package simd

import "fmt"

// checkDim panics unless d is a dimension of the scan group: a positive multiple of 64.
func checkDim(d int) {
	if d <= 0 || d%64 != 0 {
		panic(fmt.Sprintf("simd: dimension %d is not a positive multiple of 64", d))
	}
}

// checkLength panics when what has fewer elements than needed.
func checkLength(what string, have, want int) {
	if have < want {
		panic(fmt.Sprintf("simd: %s too short: %d, need %d", what, have, want))
	}
}

// checkScan panics unless n blocks of dimension d fit blocks and nq queries fit the outputs.
func checkScan(blocks []byte, d, n, nq int, masks []uint32, est []float32) {
	checkDim(d)
	if d > maxScanDim {
		panic(fmt.Sprintf("simd: dimension %d is over %d", d, maxScanDim))
	}
	checkLength("blocks", len(blocks), n*BlockStride(d))
	checkLength("masks", len(masks), nq*n)
	checkLength("estimates", len(est), nq*n*BlockRows)
}

// checkCode panics unless block holds the plane of dimension d and extra e bits per dimension.
func checkCode(block []byte, row int, extra []byte, e, d int) {
	checkDim(d)
	if row < 0 || row >= BlockRows {
		panic(fmt.Sprintf("simd: row %d is not in a block of %d", row, BlockRows))
	}
	checkLength("block", len(block), 4*d)
	checkLength("extra code", len(extra), ExtraBytes(d, e))
}
