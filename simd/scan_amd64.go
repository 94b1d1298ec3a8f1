//go:build amd64 && !purego

package simd

// useScan points the scan group at a tier.
func useScan(t Tier) {
	useScanPure()
	if t != AVX2 {
		return
	}
	scanKernel = scanWithAVX2
	scan4Kernel = scan4WithAVX2
}

// params returns the scalars of a query in the order the assembly reads them.
func (q *ScanQuery) params() [6]float32 {
	return [6]float32{q.Step, q.Bias, q.Add, q.Err, q.TabErr, q.Tau}
}

func scanWithAVX2(blocks []byte, d int, alive []uint32, out scanOut, q *ScanQuery) {
	params := q.params()
	scanAVX2(first(blocks), 4*d, first(alive), len(alive), first(out.masks), first(out.est),
		first(q.Tables), &params)
}

func scan4WithAVX2(blocks []byte, d int, alive []uint32, out scanOut, q *[4]ScanQuery) {
	var tables [4]*byte
	var params [4][6]float32
	for i := range q {
		tables[i], params[i] = first(q[i].Tables), q[i].params()
	}
	scan4AVX2(first(blocks), 4*d, first(alive), len(alive), first(out.masks), first(out.est),
		out.stride, &tables, &params)
}
