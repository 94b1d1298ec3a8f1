//go:build amd64 && !purego

package simd

import "math"

//go:generate go -C _gen run ./route -out ../route_amd64.s -stubs ../route_stubs_amd64.go -pkg simd

const (
	// int8Rows are the rows of a turn of the kernel for one query.
	int8Rows = 8
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
	dotInt8Kernel = avx2Int8.dot
	scaleAddKernel = scaleAddWithAVX2
	selectBelowKernel = selectBelowWithAVX2
	argMinKernel = argMinWithAVX2
	dotSignedKernel = dotSignedWithAVX2
	countUpToKernel = countUpToWithAVX2
	leastOfGroupsKernel = leastOfGroupsWithAVX2
	if t == AVX512 {
		useRoute512()
	}
}

// int8Kernels is the assembly of the int8 products: eight rows and a query, one row and a query,
// and tileRows rows and four queries.
type int8Kernels struct {
	eight, one func(out *int32, rows *int8, n, d int, z *int8)
	tiled      func(out *int32, op int, rows *int8, n, d int, z *int8)
	tileRows   int
}

var avx2Int8 = int8Kernels{int8Rows8AVX2, int8Rows1AVX2, int8TileAVX2, 2}

// dot walks the rows in pieces that stay in the second-level cache while every group of four
// queries, and then every query left over, passes over them.
func (k *int8Kernels) dot(out []int32, rows []int8, n, d int, z []int8, nq int) {
	piece := max(callBytes/d/int8Rows*int8Rows, 1)
	for from := 0; from < n; from += piece {
		count := min(piece, n-from)
		part := rows[from*d : (from+count)*d]
		i := 0
		for ; nq-i >= tileQueries && count >= k.tileRows; i += tileQueries {
			k.tile(out[i*n+from:], n, part, count, d, z[i*d:])
		}
		for ; i < nq; i++ {
			k.rows(out[i*n+from:], part, count, d, z[i*d:])
		}
	}
}

// tile multiplies at least tileRows rows with four queries. Rows left over at the end are done
// together with those before them.
func (k *int8Kernels) tile(out []int32, op int, rows []int8, n, d int, z []int8) {
	whole := n / k.tileRows * k.tileRows
	k.tiled(first(out), op, first(rows), whole, d, first(z))
	if whole < n {
		from := n - k.tileRows
		k.tiled(first(out[from:]), op, first(rows[from*d:]), k.tileRows, d, first(z))
	}
}

// rows multiplies rows with one query. Rows left over at the end are done together with those
// before them.
func (k *int8Kernels) rows(out []int32, rows []int8, n, d int, z []int8) {
	if n < int8Rows {
		k.one(first(out), first(rows), n, d, first(z))
		return
	}
	whole := n / int8Rows * int8Rows
	k.eight(first(out), first(rows), whole, d, first(z))
	if whole < n {
		from := n - int8Rows
		k.eight(first(out[from:]), first(rows[from*d:]), int8Rows, d, first(z))
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

func countUpToWithAVX2(v []float32, at [limits]float32) (counts [limits]uint32) {
	var sums [limits + 1]uint32
	countUpToAVX2(first(v), len(v), &at, &sums)
	copy(counts[:], sums[:])
	return counts
}

func leastOfGroupsWithAVX2(v []float32) (least, greatest float32) {
	return leastOfGroupsAVX2(first(v), len(v))
}
