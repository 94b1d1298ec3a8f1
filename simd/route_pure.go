package simd

// The plain Go kernels of the route group. They are the specification: the other tiers give the
// same bits.

func dotInt8Pure(out []int32, rows []int8, n, d int, z []int8, nq int) {
	for i := range nq {
		q := z[i*d : (i+1)*d]
		for r := range n {
			row := rows[r*d : r*d+d][:len(q)]
			var sum int32
			for j, v := range q {
				sum += int32(v) * int32(row[j])
			}
			out[i*n+r] = sum
		}
	}
}

func scaleAddPure(out []float32, v []int32, step, add []float32, s float32) {
	for i, x := range v {
		out[i] = add[i] + float32(float32(x)*float32(step[i]*s))
	}
}

func selectBelowPure(out []uint32, v []float32, tau float32) int {
	n := 0
	for i, x := range v {
		if x <= tau {
			out[n] = uint32(i)
			n++
		}
	}
	return n
}

func argMinPure(v []float32) int {
	best := -1
	for i, x := range v {
		if x == x && (best < 0 || x < v[best]) {
			best = i
		}
	}
	return best
}

func dotSignedPure(signs, k []byte, c []float32) (plane, whole float32) {
	var planes, wholes [lanes]float32
	for i, x := range c {
		if signs[i/8]>>(i%8)&1 == 0 {
			x = -x
		}
		planes[i%lanes] += x
		if len(k) > 0 {
			wholes[i%lanes] += float32((float32(k[i]) + 0.5) * x)
		}
	}
	return fold16(&planes), fold16(&wholes)
}
