//go:build amd64 && !purego

package simd

// useScan points the scan group at a tier.
func useScan(Tier) { useScanPure() }
