package simd

// Kernels of the route group in force; useRoute sets them. Their arguments have been checked.
var (
	dotInt8Kernel     func(out []int32, rows []int8, n, d int, z []int8, nq int)
	scaleAddKernel    func(out []float32, v []int32, step, add []float32, s float32)
	selectBelowKernel func(out []uint32, v []float32, tau float32) int
	argMinKernel      func(v []float32) int
	dotSignedKernel   func(signs, k []byte, c []float32) (plane, whole float32)
	// Of at most callFloats values; arrays by value, since arguments of kernels escape.
	countUpToKernel     func(v []float32, limits [limits]float32) [limits]uint32
	leastOfGroupsKernel func(v []float32) (least, greatest float32)
)

func init() { register(useRoute) }

// useRoutePure points the group at the plain Go kernels.
func useRoutePure() {
	dotInt8Kernel = dotInt8Pure
	scaleAddKernel = scaleAddPure
	selectBelowKernel = selectBelowPure
	argMinKernel = argMinPure
	dotSignedKernel = dotSignedPure
	countUpToKernel = countUpToPure
	leastOfGroupsKernel = leastOfGroupsPure
}

// DotInt8Tile writes out[i*n+r] = sum over j < d of rows[r*d+j]*z[i*d+j] for every query i < nq
// and row r < n, exactly: the largest sum, 127*127*65,536, fits int32.
//
// Values lie in -127 to 127, as QuantizeInt8 gives them; what -128 gives is not promised. d is a
// multiple of 64 up to 65,536. Four queries share one pass over the rows.
func DotInt8Tile(out []int32, rows []int8, n, d int, z []int8, nq int) {
	if n == 0 || nq == 0 {
		return
	}
	checkDim(d)
	if n < 0 || nq < 0 || d > maxScanDim {
		panic("simd: DotInt8Tile: negative number or too large a dimension")
	}
	checkLength("int8 rows", len(rows), n*d)
	checkLength("int8 queries", len(z), nq*d)
	checkLength("products", len(out), n*nq)
	dotInt8Kernel(out[:n*nq], rows[:n*d], n, d, z[:nq*d], nq)
}

// ScaleAdd writes out[i] = add[i] + float32(v[i])*(step[i]*s) for every i below len(v), rounding
// after every operation; the same bits on every tier. Any length; out, step and add hold at least
// len(v) values, and out may be add or step.
func ScaleAdd(out []float32, v []int32, step, add []float32, s float32) {
	n := len(v)
	checkRoom("ScaleAdd", min(len(out), len(step), len(add)), n)
	scaleAddKernel(out[:n], v, step[:n], add[:n], s)
}

// SelectBelow writes the indexes i with v[i] <= tau to out in ascending order and returns their
// number. NaN is never selected, and a tau that is NaN selects nothing. Any length up to 2^32; out
// holds at least len(v) values, of which those after the selected ones may be overwritten too.
func SelectBelow(out []uint32, v []float32, tau float32) int {
	checkRoom("SelectBelow", len(out), len(v))
	return selectBelowKernel(out[:len(v)], v, tau)
}

// ArgMin returns the index of the least value of v, the smallest index among equals; NaN is passed
// over and -0 equals 0. It is -1 when there is no value but NaN. Any length.
func ArgMin(v []float32) int { return argMinKernel(v) }

// DotSigned returns two stored sums (16 lanes, see Dot16) over the signs of a code: plane, of
// sg_i*c[i], and whole, of (k[i]+0.5)*(sg_i*c[i]) with the product rounded before it is added. sg_i
// is +1 where bit i%8 of signs[i/8] is set, else -1. So plane/2 is <y, c> for the plane's values
// y_i = sg_i/2, and whole is that for the values of a whole code with the magnitudes k of
// EncodeExtra.
//
// len(c) is a positive multiple of 64; signs holds at least len(c)/8 bytes and k at least len(c),
// or none: whole is then 0 and not computed. The same bits on every tier.
func DotSigned(signs, k []byte, c []float32) (plane, whole float32) {
	checkDim(len(c))
	checkLength("signs", len(signs), len(c)/8)
	if len(k) > 0 {
		checkLength("magnitudes", len(k), len(c))
		k = k[:len(c)]
	}
	return dotSignedKernel(signs[:len(c)/8], k, c)
}
