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

// countUpToPure counts the values that are at most each limit.
func countUpToPure(v []float32, at [limits]float32) [limits]uint32 {
	var a, b, c, d, e, f, g uint32
	for _, x := range v {
		a += one(x <= at[0])
		b += one(x <= at[1])
		c += one(x <= at[2])
		d += one(x <= at[3])
		e += one(x <= at[4])
		f += one(x <= at[5])
		g += one(x <= at[6])
	}
	return [limits]uint32{a, b, c, d, e, f, g}
}

// one is 1 for true, without a branch.
func one(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// leastOfGroupsPure returns the least value, and the greatest finite one among the least of the
// groups of every 32nd value; +Inf and -Inf when there is none. NaN is passed over.
func leastOfGroupsPure(v []float32) (least, greatest float32) {
	var groups [leastGroups]float32
	for i := range groups {
		groups[i] = infinite(1)
	}
	lessen(&groups, v)
	return foldGroups(&groups)
}

// lessen lowers group i%32 to value i.
func lessen(groups *[leastGroups]float32, v []float32) {
	for i, x := range v {
		if x < groups[i%leastGroups] {
			groups[i%leastGroups] = x
		}
	}
}

func foldGroups(groups *[leastGroups]float32) (least, greatest float32) {
	least, greatest = infinite(1), infinite(-1)
	for _, x := range groups {
		least = min(least, x)
		if x < infinite(1) {
			greatest = max(greatest, x)
		}
	}
	return least, greatest
}
