//go:build amd64 && !purego

package simd

//go:generate go -C _gen run ./scan -out ../scan_amd64.s -stubs ../scan_stubs_amd64.go -pkg simd

// useScan points the scan group at a tier.
func useScan(t Tier) {
	useScanPure()
	if t == Pure {
		return
	}
	scanKernel = scanWithAVX2
	scan4Kernel = scan4WithAVX2
	groupRangeKernel = func(q []float32) (maxRange, abs float32) {
		return groupRangeAVX2(first(q), len(q))
	}
	fillTablesKernel = func(tab []byte, q []float32, inv float32) {
		fillTablesAVX2(first(tab), first(q), len(q), inv)
	}
	roundInt8Kernel = func(z []int8, q []float32, inv float32) {
		roundInt8AVX2(first(z), first(q), len(q), inv)
	}
	dotCodeKernel = func(block []byte, row int, extra []byte, e, d int, z []int8) int32 {
		return dotCodeAVX2(first(block), row, first(extra), e, d, first(z))
	}
	dotCodeFloatKernel = func(block []byte, row int, extra []byte, e, d int, q []float32) float32 {
		return dotCodeFloatAVX2(first(block), row, first(extra), e, d, first(q))
	}
	nextBelowKernel = nextBelowWithAVX2
	packFlagsKernel = func(words []uint32, flags []byte) {
		packFlagsAVX2(first(words), first(flags), len(words))
	}
	if t == AVX512 {
		useScan512()
	}
}

// params returns the scalars of a query in the order the assembly reads them.
func (q *ScanQuery) params() [6]float32 {
	return [6]float32{q.Step, q.Bias, q.Add, q.Err, q.TabErr, q.Tau}
}

func scanWithAVX2(p scanPart, out scanOut, q *ScanQuery) {
	params := q.params()
	scanAVX2(first(p.blocks), 4*p.d, first(p.alive), len(p.alive), first(out.masks),
		first(out.est), first(q.Tables), &params, first(p.next), len(p.next))
}

func scan4WithAVX2(p scanPart, out scanOut, q *[4]ScanQuery) {
	var tables [4]*byte
	var params [4][6]float32
	for i := range q {
		tables[i], params[i] = first(q[i].Tables), q[i].params()
	}
	scan4AVX2(first(p.blocks), 4*p.d, first(p.alive), len(p.alive), first(out.masks),
		first(out.est), out.stride, &tables, &params, first(p.next), len(p.next))
}

// nextBelowWithAVX2 searches in pieces, so that no assembly call gets long.
func nextBelowWithAVX2(v []float32, from int, tau float32) int {
	for from < len(v) {
		end := min(len(v), from+callBytes/4)
		i := nextBelowAVX2(first(v), from, end, tau)
		if i < end {
			return i
		}
		from = end
	}
	return len(v)
}
