//go:build amd64 && !purego

package simd

//go:generate go -C _gen run ./scan512

// useScan512 replaces the AVX2 kernels of the scan group by those for AVX-512. Those that run once
// a query and not once a row stay.
func useScan512() {
	scanKernel = scanWithAVX512
	scan4Kernel = scan4WithAVX512
	dotCodeKernel = func(block []byte, row int, extra []byte, e, d int, z []int8) int32 {
		return dotCodeAVX512(first(block), row, first(extra), e, d, first(z))
	}
	if hasVNNI() {
		dotCodeKernel = func(block []byte, row int, extra []byte, e, d int, z []int8) int32 {
			return dotCodeVNNI(first(block), row, first(extra), e, d, first(z))
		}
	}
	dotCodeFloatKernel = func(block []byte, row int, extra []byte, e, d int, q []float32) float32 {
		return dotCodeFloatAVX512(first(block), row, first(extra), e, d, first(q))
	}
	nextBelowKernel = nextBelowWithAVX512
}

func scanWithAVX512(p scanPart, out scanOut, q *ScanQuery) {
	params := q.params()
	scanAVX512(first(p.blocks), 4*p.d, first(p.alive), len(p.alive), first(out.masks),
		first(out.est), first(q.Tables), &params, first(p.next), len(p.next))
}

func scan4WithAVX512(p scanPart, out scanOut, q *[4]ScanQuery) {
	var tables [4]*byte
	var params [4][6]float32
	for i := range q {
		tables[i], params[i] = first(q[i].Tables), q[i].params()
	}
	scan4AVX512(first(p.blocks), 4*p.d, first(p.alive), len(p.alive), first(out.masks),
		first(out.est), out.stride, &tables, &params, first(p.next), len(p.next))
}

// nextBelowWithAVX512 searches in pieces, so that no assembly call gets long.
func nextBelowWithAVX512(v []float32, from int, tau float32) int {
	for from < len(v) {
		end := min(len(v), from+callFloats)
		i := nextBelowAVX512(first(v), from, end, tau)
		if i < end {
			return i
		}
		from = end
	}
	return len(v)
}
