package simd

import "fmt"

// rowLanes is the number of float32 lanes of the row kernels, and so of their error bound.
const rowLanes = 8

// DotRows writes out[r] = sum over i < d of rows[r*stride+i]*q[i] for r < n. Any d >= 1; stride is
// counted in float32 values and is at least d.
//
// The order of additions is not promised and FMA may be used. For inputs whose products and sums
// stay in the normal range, |error| <= (d/8+16) * 2^-24 * sum |rows[r*stride+i]*q[i]|. Within one
// tier the bits of out[r] depend on row r and q alone, not on n, r or the tile around it.
func DotRows(out, rows []float32, n, stride, d int, q []float32) {
	if n == 0 {
		return
	}
	checkRows("DotRows", len(out), len(rows), n, stride, d)
	checkRoom("DotRows", len(q), d)
	float.dotRows(out[:n], rows, n, stride, d, q[:d])
}

// L2Rows writes out[r] = sum over i < d of (rows[r*stride+i]-q[i])^2 for r < n, with the shapes and
// promises of DotRows; |error| <= (d/8+16) * 2^-23 * sum (rows[r*stride+i]-q[i])^2.
func L2Rows(out, rows []float32, n, stride, d int, q []float32) {
	if n == 0 {
		return
	}
	checkRows("L2Rows", len(out), len(rows), n, stride, d)
	checkRoom("L2Rows", len(q), d)
	float.l2Rows(out[:n], rows, n, stride, d, q[:d])
}

// DotTile writes out[i*n+r], the dot product of query i < nq (at q[i*qstride:]) and row r < n, with
// the shapes, bound and bits of DotRows. Four queries share one pass over the rows.
func DotTile(out, rows []float32, n, stride, d int, q []float32, nq, qstride int) {
	if n == 0 || nq == 0 {
		return
	}
	checkRows("DotTile", len(out)/nq, len(rows), n, stride, d)
	checkRows("DotTile", nq, len(q), nq, qstride, d)
	float.dotTile(out[:n*nq], rows, n, stride, d, q, nq, qstride)
}

// L2Tile writes out[i*n+r], the squared distance of query i < nq (at q[i*qstride:]) and row r < n,
// with the shapes, bound and bits of L2Rows. Four queries share one pass over the rows.
func L2Tile(out, rows []float32, n, stride, d int, q []float32, nq, qstride int) {
	if n == 0 || nq == 0 {
		return
	}
	checkRows("L2Tile", len(out)/nq, len(rows), n, stride, d)
	checkRows("L2Tile", nq, len(q), nq, qstride, d)
	float.l2Tile(out[:n*nq], rows, n, stride, d, q, nq, qstride)
}

// checkRows panics unless n rows of d values, stride apart, lie inside a matrix of length values
// and outputs can hold a result for each.
func checkRows(op string, outputs, length, n, stride, d int) {
	if n < 0 || d < 1 || stride < d || (n-1)*stride+d > length || n > outputs {
		panic(fmt.Sprintf("simd: %s: n=%d stride=%d d=%d do not fit %d values and %d outputs",
			op, n, stride, d, length, outputs))
	}
}

// dotPure is the dot product of one row in rowLanes lanes.
func dotPure(x, q []float32) float32 {
	var lane [rowLanes]float32
	q = q[:len(x)]
	for i, v := range x {
		lane[i%rowLanes] += float32(v * q[i])
	}
	return fold8(&lane)
}

// l2Pure is the squared distance of one row in rowLanes lanes.
func l2Pure(x, q []float32) float32 {
	var lane [rowLanes]float32
	q = q[:len(x)]
	for i, v := range x {
		diff := v - q[i]
		lane[i%rowLanes] += float32(diff * diff)
	}
	return fold8(&lane)
}

func fold8(lane *[rowLanes]float32) float32 {
	a, b := lane[0]+lane[4], lane[1]+lane[5]
	c, d := lane[2]+lane[6], lane[3]+lane[7]
	return (a + c) + (b + d)
}

func dotRowsPure(out, rows []float32, n, stride, d int, q []float32) {
	for r := 0; r < n; r++ {
		out[r] = dotPure(rows[r*stride:r*stride+d], q)
	}
}

func l2RowsPure(out, rows []float32, n, stride, d int, q []float32) {
	for r := 0; r < n; r++ {
		out[r] = l2Pure(rows[r*stride:r*stride+d], q)
	}
}

func dotTilePure(out, rows []float32, n, stride, d int, q []float32, nq, qstride int) {
	for i := 0; i < nq; i++ {
		dotRowsPure(out[i*n:(i+1)*n], rows, n, stride, d, q[i*qstride:i*qstride+d])
	}
}

func l2TilePure(out, rows []float32, n, stride, d int, q []float32, nq, qstride int) {
	for i := 0; i < nq; i++ {
		l2RowsPure(out[i*n:(i+1)*n], rows, n, stride, d, q[i*qstride:i*qstride+d])
	}
}
