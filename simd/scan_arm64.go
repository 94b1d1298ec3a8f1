//go:build arm64 && !purego

package simd

// useScan points the scan group at a tier.
func useScan(t Tier) {
	useScanPure()
	if t != NEON {
		return
	}
	scanKernel = scanWithNEON
	scan4Kernel = scan4WithNEON
	groupRangeKernel = groupRangeWithNEON
	fillTablesKernel = func(tab []byte, q []float32, inv float32) {
		fillTablesNEON(first(tab), first(q), len(q), inv)
	}
	roundInt8Kernel = func(z []int8, q []float32, inv float32) {
		roundInt8NEON(first(z), first(q), len(q), inv)
	}
	dotCodeKernel = dotCodeWithNEON
	dotCodeFloatKernel = dotCodeFloatWithNEON
	nextBelowKernel = nextBelowWithNEON
}

// scanNEON scans n blocks of size code bytes each. params are Step, Bias, Add, Err, TabErr, Tau.
// It asks for the left bytes from fetch as it goes, as many as it reads, to whole lines.
//
//go:noescape
func scanNEON(blocks *byte, size int, alive *uint32, n int, masks *uint32, est *float32,
	tables *byte, params *[6]float32, fetch *byte, left int)

// scan4NEON is scanNEON for four queries and at most chunkDims dimensions.
//
//go:noescape
func scan4NEON(blocks *byte, size int, alive *uint32, n int, masks *uint32, est *float32,
	stride int, tables *[4]*byte, params *[4][6]float32, fetch *byte, left int)

// nextBelowNEON looks at v[from] to v[n-1], a multiple of 16 values, and returns the first of the
// 16 that hold one below tau, or n.
//
//go:noescape
func nextBelowNEON(v *float32, from int, n int, tau float32) int

// chunkDims is the number of dimensions whose entries sum up in 16 bits.
const chunkDims = 4096

// params returns the scalars of a query in the order the assembly reads them.
func (q *ScanQuery) params() [6]float32 {
	return [6]float32{q.Step, q.Bias, q.Add, q.Err, q.TabErr, q.Tau}
}

func scanWithNEON(p scanPart, out scanOut, q *ScanQuery) {
	params := q.params()
	scanNEON(first(p.blocks), 4*p.d, first(p.alive), len(p.alive), first(out.masks),
		first(out.est), first(q.Tables), &params, first(p.next), len(p.next))
}

func scan4WithNEON(p scanPart, out scanOut, q *[4]ScanQuery) {
	if p.d > chunkDims {
		for i := range q {
			scanWithNEON(p, out.from(i*out.stride), &q[i])
		}
		return
	}
	var tables [4]*byte
	var params [4][6]float32
	for i := range q {
		tables[i], params[i] = first(q[i].Tables), q[i].params()
	}
	scan4NEON(first(p.blocks), 4*p.d, first(p.alive), len(p.alive), first(out.masks),
		first(out.est), out.stride, &tables, &params, first(p.next), len(p.next))
}

// nextBelowWithNEON searches whole vectors in pieces, so that no assembly call gets long, and the
// values of the vector that was found, or of the rest, one by one.
func nextBelowWithNEON(v []float32, from int, tau float32) int {
	for len(v)-from >= lanes {
		end := from + min(callFloats, (len(v)-from)&^(lanes-1))
		i := nextBelowNEON(first(v), from, end, tau)
		if i < end {
			return nextBelowPure(v, i, tau)
		}
		from = end
	}
	return nextBelowPure(v, from, tau)
}
