//go:build amd64 && !purego

package simd

import "math"

//go:generate go -C _gen run ./route -out ../route_amd64.s -stubs ../route_stubs_amd64.go -pkg simd

const (
	// int8Rows are the rows of a turn of the kernel for one query, int8TileRows those of the tile.
	int8Rows     = 8
	int8TileRows = 2
	// argMinPiece is how many values ArgMin looks at before it remembers where it is; what is
	// searched again is then still in the first-level cache.
	argMinPiece = 2048
)

// useRoute points the route group at a tier; every tier above Pure has what the kernels need.
func useRoute(t Tier) {
	useRoutePure()
	if t == Pure {
		return
	}
	dotInt8Kernel = dotInt8WithAVX2
	scaleAddKernel = scaleAddWithAVX2
	selectBelowKernel = selectBelowWithAVX2
	argMinKernel = argMinWithAVX2
	dotSignedKernel = dotSignedWithAVX2
}

// dotInt8WithAVX2 walks the rows in pieces that stay in the second-level cache while every group
// of four queries, and then every query left over, passes over them.
func dotInt8WithAVX2(out []int32, rows []int8, n, d int, z []int8, nq int) {
	piece := max(callBytes/d/int8Rows*int8Rows, 1)
	for from := 0; from < n; from += piece {
		count := min(piece, n-from)
		part := rows[from*d : (from+count)*d]
		i := 0
		for ; nq-i >= tileQueries && count >= int8TileRows; i += tileQueries {
			int8TileWithAVX2(out[i*n+from:], n, part, count, d, z[i*d:])
		}
		for ; i < nq; i++ {
			int8RowsWithAVX2(out[i*n+from:], part, count, d, z[i*d:])
		}
	}
}

// int8TileWithAVX2 multiplies two or more rows with four queries. A row left over at the end is
// done together with the one before it.
func int8TileWithAVX2(out []int32, op int, rows []int8, n, d int, z []int8) {
	even := n / int8TileRows * int8TileRows
	int8TileAVX2(first(out), op, first(rows), even, d, first(z))
	if even < n {
		from := n - int8TileRows
		int8TileAVX2(first(out[from:]), op, first(rows[from*d:]), int8TileRows, d, first(z))
	}
}

// int8RowsWithAVX2 multiplies rows with one query. Rows left over at the end are done together
// with those before them.
func int8RowsWithAVX2(out []int32, rows []int8, n, d int, z []int8) {
	if n < int8Rows {
		int8Rows1AVX2(first(out), first(rows), n, d, first(z))
		return
	}
	whole := n / int8Rows * int8Rows
	int8Rows8AVX2(first(out), first(rows), whole, d, first(z))
	if whole < n {
		from := n - int8Rows
		int8Rows8AVX2(first(out[from:]), first(rows[from*d:]), int8Rows, d, first(z))
	}
}

func scaleAddWithAVX2(out []float32, v []int32, step, add []float32, s float32) {
	for from := 0; from < len(v); from += callFloats {
		n := min(callFloats, len(v)-from)
		scaleAddAVX2(first(out[from:]), first(v[from:]), first(step[from:]), first(add[from:]), n, s)
	}
}

func selectBelowWithAVX2(out []uint32, v []float32, tau float32) int {
	count := 0
	for from := 0; from < len(v); from += callFloats {
		n := min(callFloats, len(v)-from)
		count += selectBelowAVX2(first(out[count:]), first(v[from:]), n, uint32(from), tau)
	}
	return count
}

// argMinWithAVX2 finds the first piece with the least value, then the value in it. When nothing is
// less than infinity it looks for the first infinity.
func argMinWithAVX2(v []float32) int {
	best, at := float32(math.Inf(1)), 0
	for from := 0; from < len(v); from += argMinPiece {
		least := smallestAVX2(first(v[from:]), min(argMinPiece, len(v)-from))
		if least < best {
			best, at = least, from
		}
	}
	for ; at < len(v); at += argMinPiece {
		n := min(argMinPiece, len(v)-at)
		if i := firstEqualAVX2(first(v[at:]), n, best); i < n {
			return at + i
		}
	}
	return -1
}

func dotSignedWithAVX2(signs, k []byte, c []float32) (plane, whole float32) {
	var acc [2][lanes]float32
	for from := 0; from < len(c); from += callFloats {
		n := min(callFloats, len(c)-from)
		part, values := first(signs[from/8:]), first(c[from:])
		if len(k) > 0 {
			plane, whole = dotSignedAVX2(&acc, part, first(k[from:]), values, n)
		} else {
			plane = planeSignedAVX2(&acc, part, values, n)
		}
	}
	return plane, whole
}
