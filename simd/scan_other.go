//go:build (!amd64 && !arm64) || purego

package simd

// useScan points the scan group at a tier; only Pure exists in this build.
func useScan(Tier) { useScanPure() }
