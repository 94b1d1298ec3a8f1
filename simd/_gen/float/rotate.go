package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// emitRotate writes the passes of a rotation over one row.
func emitRotate() {
	signed := GLOBL("alternating", attr.RODATA|attr.NOPTR)
	for stride := 0; stride < 3; stride++ {
		for i := 0; i < 8; i++ {
			one := math.Float32bits(1)
			if i>>stride&1 == 1 {
				one = math.Float32bits(-1)
			}
			DATA(32*stride+4*i, U32(one))
		}
	}
	emitHead(signed)
	emitFlip()
	for _, radix := range []int{2, 4, 8} {
		emitRadix(radix)
	}
}

// butterflies replaces the pairs of registers a stride apart by their sums and differences.
func butterflies(v []VecVirtual, stride int) {
	for i := range v {
		if i&stride != 0 {
			continue
		}
		difference := YMM()
		VSUBPS(v[i+stride], v[i], difference)
		VADDPS(v[i+stride], v[i], v[i])
		v[i+stride] = difference
	}
}

// within applies the butterflies at stride 1, 2 or 4 inside one register: the swapped neighbour
// plus or minus the value. Multiplying by 1 or -1 is exact, so FMA rounds only the sum.
func within(v VecVirtual, stride int, signs VecVirtual) VecVirtual {
	other := YMM()
	switch stride {
	case 1:
		VPERMILPS(Imm(0xb1), v, other)
	case 2:
		VPERMILPS(Imm(0x4e), v, other)
	case 4:
		VPERM2F128(Imm(1), v, v, other)
	}
	VFMADD231PS(signs, v, other)
	return other
}

func emitHead(signed Mem) {
	kernel("hadamardHeadAVX2", "func(x *float32, signs *uint32, scale float32, n int)",
		"hadamardHeadAVX2 flips and scales n values, a multiple of 64, and applies the "+
			"butterflies at strides 1 to 32.")
	x, signs, n := integer("x"), integer("signs"), integer("n")
	scale := splat("scale")
	var alternate [3]VecVirtual
	for i := range alternate {
		alternate[i] = YMM()
		VMOVUPS(signed.Offset(32*i), alternate[i])
	}
	counted("head", n, 64, func() {
		v := make([]VecVirtual, 8)
		for i := range v {
			v[i] = YMM()
			VMOVUPS(Mem{Base: x, Disp: 32 * i}, v[i])
			VXORPS(Mem{Base: signs, Disp: 32 * i}, v[i], v[i])
			VMULPS(scale, v[i], v[i])
			for stage, a := range alternate {
				v[i] = within(v[i], 1<<stage, a)
			}
		}
		for stride := 1; stride < 8; stride *= 2 {
			butterflies(v, stride)
		}
		for i := range v {
			VMOVUPS(v[i], Mem{Base: x, Disp: 32 * i})
		}
		advance(256, x, signs)
	})
	finish()
}

func emitFlip() {
	kernel("flipAVX2", "func(x *float32, signs *uint32, n int)",
		"flipAVX2 flips the signs of n values, a multiple of 32.")
	x, signs, n := integer("x"), integer("signs"), integer("n")
	counted("flip", n, 32, func() {
		for i := 0; i < 4; i++ {
			v := YMM()
			VMOVUPS(Mem{Base: x, Disp: 32 * i}, v)
			VXORPS(Mem{Base: signs, Disp: 32 * i}, v, v)
			VMOVUPS(v, Mem{Base: x, Disp: 32 * i})
		}
		advance(128, x, signs)
	})
	finish()
}

// emitRadix writes the pass that applies the butterflies at the strides stride, 2*stride, ... below
// radix*stride with one load and one store of each value.
func emitRadix(radix int) {
	name := fmt.Sprintf("radix%dAVX2", radix)
	kernel(name, "func(x *float32, stride, n int)", fmt.Sprintf("%s applies the butterflies at "+
		"strides stride to %d*stride to n values, a multiple of %d*stride; stride is a multiple "+
		"of 8.", name, radix/2, radix))
	x, stride, n := integer("x"), integer("stride"), integer("n")
	bytes, triple := GP64(), GP64()
	MOVQ(stride, bytes)
	SHLQ(Imm(2), bytes)
	LEAQ(Mem{Base: bytes, Index: bytes, Scale: 2}, triple)
	upper, left := GP64(), GP64()
	place := func(i int) Mem {
		base := x
		if i >= 4 {
			base = upper
		}
		return []Mem{{Base: base}, {Base: base, Index: bytes, Scale: 1},
			{Base: base, Index: bytes, Scale: 2}, {Base: base, Index: triple, Scale: 1}}[i%4]
	}
	Label("block")
	MOVQ(stride, left)
	LEAQ(Mem{Base: x, Index: bytes, Scale: 4}, upper)
	counted("inner", left, 8, func() {
		v := make([]VecVirtual, radix)
		for i := range v {
			v[i] = YMM()
			VMOVUPS(place(i), v[i])
		}
		for s := 1; s < radix; s *= 2 {
			butterflies(v, s)
		}
		for i := range v {
			VMOVUPS(v[i], place(i))
		}
		advance(32, x, upper)
	})
	// x has moved on by one stride; the next block begins radix-1 strides further.
	for i := 1; i < radix; i++ {
		ADDQ(bytes, x)
		SUBQ(stride, n)
	}
	SUBQ(stride, n)
	JG(LabelRef("block"))
	finish()
}
