//go:build amd64 && !purego

package simd

import "github.com/klauspost/cpuid/v2"

// hasAVX2 reports whether the CPU and the operating system support every instruction of the AVX2
// kernels.
func hasAVX2() bool {
	return cpuid.CPU.Supports(cpuid.AVX, cpuid.AVX2, cpuid.FMA3, cpuid.F16C)
}

// hasAVX512 reports whether the CPU and the operating system support every instruction of the AVX2
// kernels and, with their registers, those of the AVX-512 kernels.
func hasAVX512() bool {
	return hasAVX2() && cpuid.CPU.Supports(cpuid.AVX512F, cpuid.AVX512BW, cpuid.AVX512VL,
		cpuid.AVX512DQ, cpuid.BMI2, cpuid.POPCNT)
}

// hasVNNI reports whether the CPU also has the products of bytes that AVX-512 VNNI adds.
func hasVNNI() bool { return cpuid.CPU.Supports(cpuid.AVX512VNNI) }

// hasPopcount512 reports whether the CPU also counts the bits of AVX-512 registers.
func hasPopcount512() bool { return cpuid.CPU.Supports(cpuid.AVX512VPOPCNTDQ) }
