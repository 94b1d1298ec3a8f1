package simd

import "unsafe"

// view reads b as n elements of T, at whatever address b starts.
func view[T any](b []byte, n int) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

func sizeOf[T any]() int {
	var v T
	return int(unsafe.Sizeof(v))
}

func addressMod64(b []byte) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % 64)
}
