//go:build arm64 && !purego

package simd

// int8TileRows are the rows of a turn of both int8 kernels.
const int8TileRows = 4

// useRoute points the route group at a tier. NEON has kernels for int8 products and for counts.
func useRoute(t Tier) {
	useRoutePure()
	if t == NEON {
		dotInt8Kernel = dotInt8WithNEON
		countUpToKernel = countUpToWithNEON
		leastOfGroupsKernel = leastOfGroupsWithNEON
	}
}

// dotInt8NEON multiplies n rows with one query; d is a multiple of 32.
//
//go:noescape
func dotInt8NEON(out *int32, rows *int8, n, d int, z *int8)

// dotInt8TileNEON multiplies n rows, a multiple of int8TileRows, with four queries.
//
//go:noescape
func dotInt8TileNEON(out *int32, outStride int, rows *int8, n, d int, z *int8)

// countUpToNEON counts, of n values, a multiple of 4, those that are at most each limit.
//
//go:noescape
func countUpToNEON(v *float32, n int, limits *[limits]float32, counts *[limits]uint32)

// leastOfGroupsNEON lowers every group i%32 to value i of n, a multiple of 32.
//
//go:noescape
func leastOfGroupsNEON(v *float32, n int, groups *[leastGroups]float32)

func countUpToWithNEON(v []float32, at [limits]float32) (counts [limits]uint32) {
	whole := len(v) &^ 3
	countUpToNEON(first(v), whole, &at, &counts)
	for i, n := range countUpToPure(v[whole:], at) {
		counts[i] += n
	}
	return counts
}

func leastOfGroupsWithNEON(v []float32) (least, greatest float32) {
	var groups [leastGroups]float32
	whole := len(v) / leastGroups * leastGroups
	leastOfGroupsNEON(first(v), whole, &groups)
	lessen(&groups, v[whole:])
	return foldGroups(&groups)
}

// dotInt8WithNEON walks the rows in pieces that stay in a cache while every group of four queries,
// and then every query left over, passes over them. A piece holds four rows at least, since d is
// at most maxScanDim.
func dotInt8WithNEON(out []int32, rows []int8, n, d int, z []int8, nq int) {
	piece := callBytes / d / int8TileRows * int8TileRows
	tiled := nq / tileQueries * tileQueries
	for from := 0; from < n; from += piece {
		count := min(piece, n-from)
		whole := count / int8TileRows * int8TileRows
		for i := 0; i < tiled && whole > 0; i += tileQueries {
			dotInt8TileNEON(first(out[i*n+from:]), n, first(rows[from*d:]), whole, d,
				first(z[i*d:]))
		}
		for i := range nq {
			done := from
			if i < tiled {
				done += whole
			}
			dotInt8NEON(first(out[i*n+done:]), first(rows[done*d:]), from+count-done, d,
				first(z[i*d:]))
		}
	}
}
