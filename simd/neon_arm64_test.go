//go:build arm64 && !purego

package simd

import (
	"reflect"
	"testing"
)

// kernelsInForce returns the entry points of all kernels that the tier in force chose, by name.
func kernelsInForce() map[string]uintptr {
	found := map[string]uintptr{
		"scan": entry(scanKernel), "scan4": entry(scan4Kernel),
		"groupRange": entry(groupRangeKernel), "fillTables": entry(fillTablesKernel),
		"roundInt8": entry(roundInt8Kernel), "dotCode": entry(dotCodeKernel),
		"dotCodeFloat": entry(dotCodeFloatKernel), "nextBelow": entry(nextBelowKernel),
		"dotInt8": entry(dotInt8Kernel), "countUpTo": entry(countUpToKernel),
		"leastOfGroups": entry(leastOfGroupsKernel),
	}
	group := reflect.ValueOf(float)
	for i := range group.NumField() {
		found[group.Type().Field(i).Name] = group.Field(i).Pointer()
	}
	return found
}

func entry(kernel any) uintptr { return reflect.ValueOf(kernel).Pointer() }

func TestNEONReplacesThePlainKernelsItClaims(t *testing.T) {
	var plain, vector map[string]uintptr
	withTier(t, Pure, func() { plain = kernelsInForce() })
	withTier(t, NEON, func() { vector = kernelsInForce() })
	for _, name := range []string{"scan", "scan4", "groupRange", "fillTables", "roundInt8",
		"dotCode", "dotCodeFloat", "nextBelow", "dotInt8",
		"countUpTo", "leastOfGroups", "dot16", "norm16", "dot64", "norm64",
		"l2Sq64", "dotRows", "l2Rows", "dotTile", "l2Tile"} {
		if plain[name] == 0 || plain[name] == vector[name] {
			t.Errorf("%s is the same on both tiers (or unknown)", name)
		}
	}
}

// A fused kernel keeps the low bits of the product that the plain twin rounds away, so this shows
// which of the two ran.
func TestNEONRowKernelsFuse(t *testing.T) {
	x, y := make([]float32, 16), make([]float32, 16)
	x[1], y[1] = -1, 1+0x1p-11
	x[9], y[9] = 1+0x1p-12, 1+0x1p-12 // the square is 1 + 2^-11 + 2^-24
	for tier, want := range map[Tier]float32{Pure: 0, NEON: 0x1p-24} {
		var out [1]float32
		withTier(t, tier, func() { DotRows(out[:], x, 1, 16, 16, y) })
		if out[0] != want {
			t.Errorf("%s: the sum is %g, want %g", tier, out[0], want)
		}
	}
}
