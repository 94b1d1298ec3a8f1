package simd

// fetchKernel is the kernel in force, set by useFetch.
var fetchKernel func(b []byte)

func init() { register(useFetch) }

// Fetch asks for the memory of b to be brought into the caches: a hint for code that will read
// scattered places soon. It never changes a result. Without assembly it does nothing.
func Fetch(b []byte) {
	if len(b) > 0 {
		fetchKernel(b)
	}
}

func fetchPure([]byte) {}
