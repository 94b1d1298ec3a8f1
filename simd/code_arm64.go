//go:build arm64 && !purego

package simd

// dotCodeNEON is the kernel of DotCode. planes point to the extra code's planes of width 8, 4, 2
// and 1, nil for those that e does not hold.
//
//go:noescape
func dotCodeNEON(block *byte, row int, planes *[4]*byte, e, d int, z *int8) int32

// dotCodeFloatNEON is the kernel of DotCodeFloat; it leaves the sixteen sums in lanes.
//
//go:noescape
func dotCodeFloatNEON(block *byte, row int, planes *[4]*byte, e, d int, q *float32,
	lanes *[16]float32)

// groupRangeNEON reads n floats, a multiple of 16, and leaves the sums of |q| in lanes.
//
//go:noescape
func groupRangeNEON(q *float32, n int, lanes *[16]float32) (maxRange float32)

// fillTablesNEON writes the n/4 tables of n floats, a multiple of 4.
//
//go:noescape
func fillTablesNEON(tab *byte, q *float32, n int, inv float32)

// roundInt8NEON writes n values, a multiple of 16.
//
//go:noescape
func roundInt8NEON(z *int8, q *float32, n int, inv float32)

// splitPlanes returns where the planes of an extra code begin, in the order of planeWidths; nil
// for a width that e does not hold.
func splitPlanes(extra []byte, e, d int) (planes [4]*byte) {
	for i, width := range planeWidths {
		if e&width != 0 {
			planes[i] = first(extra)
			extra = extra[d*width/8:]
		}
	}
	return planes
}

func dotCodeWithNEON(block []byte, row int, extra []byte, e, d int, z []int8) int32 {
	planes := splitPlanes(extra, e, d)
	return dotCodeNEON(first(block), row, &planes, e, d, first(z))
}

func dotCodeFloatWithNEON(block []byte, row int, extra []byte, e, d int, q []float32) float32 {
	planes := splitPlanes(extra, e, d)
	var sums [lanes]float32
	dotCodeFloatNEON(first(block), row, &planes, e, d, first(q), &sums)
	return foldLanes(&sums)
}

func groupRangeWithNEON(q []float32) (maxRange, abs float32) {
	var sums [lanes]float32
	maxRange = groupRangeNEON(first(q), len(q), &sums)
	return maxRange, foldLanes(&sums)
}
