//go:build arm64 && !purego

package simd

// tileQueries and tileRows are the queries and rows that share one pass of a tile's assembly.
const (
	tileQueries = 4
	tileRows    = 3
)

// rowKernels is the assembly of one measure: any number of rows and a query, and rows in threes
// and four queries. Both give the same bits for the same row and query.
type rowKernels struct {
	one   func(out, rows *float32, n, stride, d int, q *float32)
	tiled func(out *float32, outStride int, rows *float32, n, stride, d int, q *float32,
		qstride int)
}

var (
	dotRowKernels = rowKernels{dotRowsNEON, dotTileNEON}
	l2RowKernels  = rowKernels{l2RowsNEON, l2TileNEON}
)

//go:noescape
func dotRowsNEON(out, rows *float32, n, stride, d int, q *float32)

//go:noescape
func l2RowsNEON(out, rows *float32, n, stride, d int, q *float32)

//go:noescape
func dotTileNEON(out *float32, outStride int, rows *float32, n, stride, d int, q *float32,
	qstride int)

//go:noescape
func l2TileNEON(out *float32, outStride int, rows *float32, n, stride, d int, q *float32,
	qstride int)

// rows walks the rows in pieces that one assembly call may cover.
func (k *rowKernels) rows(out, rows []float32, n, stride, d int, q []float32) {
	piece := max(1, callFloats/d)
	for done := 0; done < n; done += piece {
		k.one(&out[done], &rows[done*stride], min(piece, n-done), stride, d, &q[0])
	}
}

// tile walks the rows in pieces that stay in a cache while every group of four queries passes over
// them. Rows and queries that fill no tile go one query at a time.
func (k *rowKernels) tile(out, rows []float32, n, stride, d int, q []float32, nq, qstride int) {
	piece := callFloats / d / tileRows * tileRows
	whole, tiled := n/tileRows*tileRows, nq/tileQueries*tileQueries
	if piece == 0 {
		tiled = 0
	}
	for done := 0; tiled > 0 && done < whole; done += piece {
		count := min(piece, whole-done)
		for i := 0; i < tiled; i += tileQueries {
			k.tiled(&out[i*n+done], n, &rows[done*stride], count, stride, d,
				&q[i*qstride], qstride)
		}
	}
	for i := range nq {
		from := 0
		if i < tiled {
			from = whole
		}
		if from < n {
			k.rows(out[i*n+from:(i+1)*n], rows[from*stride:], n-from, stride, d, q[i*qstride:])
		}
	}
}
