//go:build amd64 && !purego

package simd

var (
	avx512Int8 = int8Kernels{int8Rows8AVX512, int8Rows1AVX512, int8TileAVX512, 4}
	vnniInt8   = int8Kernels{int8Rows8VNNI, int8Rows1VNNI, int8TileVNNI, 4}
)

// useRoute512 replaces the AVX2 kernels of the route group by those for AVX-512.
func useRoute512() {
	dotInt8Kernel = avx512Int8.dot
	if hasVNNI() {
		dotInt8Kernel = vnniInt8.dot
	}
	selectBelowKernel = selectBelowWithAVX512
}

func selectBelowWithAVX512(out []uint32, v []float32, tau float32) int {
	count := 0
	for from := 0; from < len(v); from += callFloats {
		n := min(callFloats, len(v)-from)
		count += selectBelowAVX512(first(out[count:]), first(v[from:]), n, uint32(from), tau)
	}
	return count
}
