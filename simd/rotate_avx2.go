//go:build amd64 && !purego

package simd

// headSpan is the number of values that the first pass of a transform finishes: strides 1 to 32.
const headSpan = 64

// rotatePasses is the assembly of a rotation: the first pass of a transform and those that finish
// one, two and three strides.
type rotatePasses struct {
	head                   func(x *float32, signs *uint32, scale float32, n int)
	radix2, radix4, radix8 func(x *float32, stride, n int)
}

var avx2Passes = rotatePasses{hadamardHeadAVX2, radix2AVX2, radix4AVX2, radix8AVX2}

// rotate calls the assembly once for each pass over a row. A row of up to 65536 values is no more
// than one call may cover.
func (p *rotatePasses) rotate(x []float32, rows, d int, signs []uint32) {
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
			p.head(&v[from], &flips[from], scale, w)
			p.rest(v[from : from+w])
			if d != w {
				p.radix2(&v[0], d/2, d)
			}
		}
		if d != w {
			scaleAVX2(&v[0], &v[0], 0.25, d)
		}
	}
}

// rest applies the butterflies at the strides from headSpan upwards: three strides in one
// pass while that leaves none or at least two, then two, or the only one.
func (p *rotatePasses) rest(v []float32) {
	for stride := headSpan; stride < len(v); {
		switch left := len(v) / stride; {
		case left == 2:
			p.radix2(&v[0], stride, len(v))
			stride *= 2
		case left == 4 || left == 16:
			p.radix4(&v[0], stride, len(v))
			stride *= 4
		default:
			p.radix8(&v[0], stride, len(v))
			stride *= 8
		}
	}
}
