package simd

import "github.com/klauspost/cpuid/v2"

// Features returns the names of the CPU features found on this machine, sorted, whatever the tier
// in force or the build tags.
func Features() []string { return cpuid.CPU.FeatureSet() }
