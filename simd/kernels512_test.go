//go:build amd64 && !purego

package simd

import (
	"reflect"
	"slices"
	"testing"
)

// kernels512 are the kernels that the AVX-512 tier brings, as they are in force, by name.
func kernels512() map[string]uintptr {
	at := map[string]uintptr{}
	for name, kernel := range map[string]any{
		"Scan": scanKernel, "Scan4": scan4Kernel, "DotCode": dotCodeKernel,
		"DotCodeFloat": dotCodeFloatKernel, "NextBelow": nextBelowKernel,
		"SelectBelow": selectBelowKernel, "PackSigns": float.packSigns,
		"EncodeExtra": float.encodeExtra, "Dot16": float.dot16, "Dot16Of": float.dot16Four,
		"Norm16": float.norm16,
	} {
		at[name] = reflect.ValueOf(kernel).Pointer()
	}
	return at
}

func TestAVX512ReplacesTheKernelsItClaims(t *testing.T) {
	needTier(t, AVX512)
	var narrow, wide map[string]uintptr
	withTier(t, AVX2, func() { narrow = kernels512() })
	withTier(t, AVX512, func() { wide = kernels512() })
	for name := range wide {
		if wide[name] == narrow[name] {
			t.Errorf("%s is the same kernel on both tiers", name)
		}
	}
	t.Logf("VNNI: %v", hasVNNI())
}

// The methods of one type have one address whatever they are bound to: what they are bound to is
// compared. Needs no AVX-512.
func TestAVX512TablesHoldNoNarrowerKernel(t *testing.T) {
	for name, pair := range map[string][2]any{
		"rotate": {avx2Passes, avx512Passes}, "dot": {dotRowKernels, dotRowKernels512},
		"l2": {l2RowKernels, l2RowKernels512}, "int8": {avx2Int8, avx512Int8},
		"int8 without VNNI": {avx512Int8, vnniInt8},
	} {
		one, other := reflect.ValueOf(pair[0]), reflect.ValueOf(pair[1])
		for i := range one.NumField() {
			field := one.Field(i)
			if field.Kind() == reflect.Func && field.Pointer() == other.Field(i).Pointer() {
				t.Errorf("%s: %s is the same kernel in both", name, one.Type().Field(i).Name)
			}
		}
	}
}

// A CPU with VNNI would otherwise never run the forms without it.
func TestProductsAreTheSameWithAndWithoutVNNI(t *testing.T) {
	needTier(t, AVX512)
	forms := map[string]*int8Kernels{"without VNNI": &avx512Int8}
	codes := map[string]func(block *byte, row int, extra *byte, e, d int, z *int8) int32{
		"without VNNI": dotCodeAVX512}
	if hasVNNI() {
		forms["with VNNI"], codes["with VNNI"] = &vnniInt8, dotCodeVNNI
	} else {
		t.Log("THIS CPU HAS NO VNNI: the kernels that use it were NOT tested")
	}
	r := newRand(t)
	for _, d := range []int{64, 128, 448} {
		for _, n := range []int{1, 3, 4, 7, 8, 21} {
			rows, z := randomInt8(r, n*d), randomInt8(r, 6*d)
			want, got := make([]int32, 6*n), make([]int32, 6*n)
			dotInt8Pure(want, rows, n, d, z, 6)
			for name, form := range forms {
				form.dot(got, rows, n, d, z, 6)
				if !slices.Equal(got, want) {
					t.Fatalf("%s: d=%d rows=%d: %v, want %v", name, d, n, got, want)
				}
			}
		}
		for e := 1; e <= 4; e++ {
			c, row := randomCode(t, r, d, e), r.Intn(BlockRows)
			want := dotCodePure(c.block, row, c.extra, e, d, c.z)
			for name, code := range codes {
				got := code(first(c.block), row, first(c.extra), e, d, first(c.z))
				if got != want {
					t.Fatalf("%s: d=%d e=%d: %d, want %d", name, d, e, got, want)
				}
			}
		}
	}
}
