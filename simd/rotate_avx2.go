//go:build amd64 && !purego

package simd

// headSpan is the number of values that the first pass of a transform finishes: strides 1 to 32.
const headSpan = 64

// rotateWithAVX2 calls the assembly once for each pass over a row. A row of up to 65536 values is
// no more than one call may cover.
func rotateWithAVX2(x []float32, rows, d int, signs []uint32) {
	w, scale := rotateSegment(d)
	for row := 0; row < rows; row++ {
		v := x[row*d : (row+1)*d]
		for round := 0; round < rotateRounds; round++ {
			flips := signs[round*d : (round+1)*d]
			from := 0
			if d != w && round&1 == 1 {
				from = d - w
				flipAVX2(&v[0], &flips[0], from)
			} else if d != w {
				flipAVX2(&v[w], &flips[w], d-w)
			}
			hadamardHeadAVX2(&v[from], &flips[from], scale, w)
			hadamardRest(v[from : from+w])
			if d != w {
				radix2AVX2(&v[0], d/2, d)
			}
		}
		if d != w {
			scaleAVX2(&v[0], &v[0], 0.25, d)
		}
	}
}

// hadamardRest applies the butterflies at the strides from headSpan upwards: three strides in one
// pass while that leaves none or at least two, then two, or the only one.
func hadamardRest(v []float32) {
	for stride := headSpan; stride < len(v); {
		switch left := len(v) / stride; {
		case left == 2:
			radix2AVX2(&v[0], stride, len(v))
			stride *= 2
		case left == 4 || left == 16:
			radix4AVX2(&v[0], stride, len(v))
			stride *= 4
		default:
			radix8AVX2(&v[0], stride, len(v))
			stride *= 8
		}
	}
}
