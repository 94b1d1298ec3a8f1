package simd

import "unsafe"

// first returns the address of the first element of s, for the assembly stubs. It is defined for
// empty slices too (the kernels then touch nothing), which &s[0] is not.
//
// This is the only file of the package that imports unsafe.
func first[T any](s []T) *T {
	return unsafe.SliceData(s)
}
