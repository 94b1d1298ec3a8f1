//go:build amd64 && !purego

package simd

// tileQueries is the number of queries that share one pass over the rows of a tile.
const tileQueries = 4

// rowKernels is the assembly of one measure: four rows and a query, one row and a query, and
// tileRows rows and four queries. All three give the same bits for the same row and query.
type rowKernels struct {
	four, one func(out, rows *float32, n, stride, d int, q *float32)
	tiled     func(out *float32, outStride int, rows *float32, n, stride, d int,
		q *float32, qstride int)
	tileRows int
}

var (
	dotRowKernels = rowKernels{dotRows4AVX2, dotRows1AVX2, dotTileAVX2, 3}
	l2RowKernels  = rowKernels{l2Rows4AVX2, l2Rows1AVX2, l2TileAVX2, 2}
)

// rows walks the rows in pieces that one assembly call may cover, four at a time where four rows
// are no more than that. Rows left over at the end are done again together with those before them.
func (k *rowKernels) rows(out, rows []float32, n, stride, d int, q []float32) {
	piece := callFloats / d &^ 3
	if piece == 0 || n < 4 {
		for r := 0; r < n; r++ {
			k.one(&out[r], &rows[r*stride], 1, stride, d, &q[0])
		}
		return
	}
	for done := 0; done < n; {
		count := min(piece, (n-done)&^3)
		if count == 0 {
			done, count = n-4, 4
		}
		k.four(&out[done], &rows[done*stride], count, stride, d, &q[0])
		done += count
	}
}

// tile walks the rows in pieces that stay in the second-level cache while every group of four
// queries passes over them. Queries that fill no group go one at a time.
func (k *rowKernels) tile(out, rows []float32, n, stride, d int, q []float32, nq, qstride int) {
	piece := max(callFloats/d-tileQueries, 0) / k.tileRows * k.tileRows
	tiled := nq / tileQueries * tileQueries
	if piece == 0 || n < k.tileRows {
		tiled = 0
	}
	for done := 0; tiled > 0 && done < n; {
		count := min(piece, (n-done)/k.tileRows*k.tileRows)
		if count == 0 {
			done, count = n-k.tileRows, k.tileRows
		}
		for i := 0; i < tiled; i += tileQueries {
			k.tiled(&out[i*n+done], n, &rows[done*stride], count, stride, d,
				&q[i*qstride], qstride)
		}
		done += count
	}
	for i := tiled; i < nq; i++ {
		k.rows(out[i*n:(i+1)*n], rows, n, stride, d, q[i*qstride:])
	}
}
