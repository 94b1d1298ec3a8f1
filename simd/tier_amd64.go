//go:build amd64 && !purego

package simd

import "github.com/klauspost/cpuid/v2"

// hasAVX2 reports whether the CPU and the operating system support every instruction of the AVX2
// kernels.
func hasAVX2() bool {
	return cpuid.CPU.Supports(cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.F16C)
}
