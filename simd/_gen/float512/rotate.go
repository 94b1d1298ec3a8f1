package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// butterflies replaces the pairs of registers a stride apart by their sums and differences.
func butterflies(v []VecVirtual, stride int) {
	for i := range v {
		if i&stride != 0 {
			continue
		}
		difference := ZMM()
		VSUBPS(v[i+stride], v[i], difference)
		VADDPS(v[i+stride], v[i], v[i])
		v[i+stride] = difference
	}
}

// within applies the butterflies at stride 1, 2, 4 or 8 inside one register: the swapped neighbour
// plus or minus the value. Multiplying by 1 or -1 is exact, so FMA rounds only the sum.
func within(v VecVirtual, stride int, signs VecVirtual) VecVirtual {
	other := ZMM()
	switch stride {
	case 1:
		VPERMILPS(Imm(0xb1), v, other)
	case 2:
		VPERMILPS(Imm(0x4e), v, other)
	case 4:
		VSHUFF32X4(Imm(0xb1), v, v, other)
	case 8:
		VSHUFF32X4(Imm(0x4e), v, v, other)
	}
	VFMADD231PS(signs, v, other)
	return other
}

func hadamardHead() {
	alternating := GLOBL("alternating", RODATA|NOPTR)
	for stage := range 4 {
		for i := range 16 {
			one := float32(1)
			if i>>stage&1 == 1 {
				one = -1
			}
			DATA(64*stage+4*i, U32(math.Float32bits(one)))
		}
	}
	kernel("hadamardHeadAVX512", "func(x *float32, signs *uint32, scale float32, n int)",
		"hadamardHeadAVX512 flips and scales n values, a multiple of 64, and applies the",
		"butterflies at strides 1 to 32.")
	x, signs, n, scale := integer("x"), integer("signs"), integer("n"), ZMM()
	VBROADCASTSS(place(Param("scale")), scale)
	alternate := registers(4)
	for i, a := range alternate {
		VMOVUPS(alternating.Offset(64*i), a)
	}
	counted("head", n, 64, func() {
		v := registers(4)
		for i := range v {
			VMOVDQU32(Mem{Base: x, Disp: 64 * i}, v[i])
			VPXORD(Mem{Base: signs, Disp: 64 * i}, v[i], v[i])
			VMULPS(scale, v[i], v[i])
			for stage, a := range alternate {
				v[i] = within(v[i], 1<<stage, a)
			}
		}
		butterflies(v, 1)
		butterflies(v, 2)
		for i := range v {
			VMOVUPS(v[i], Mem{Base: x, Disp: 64 * i})
		}
		advance(256, x, signs)
	})
	finish()
}

// hadamardRadix writes the pass that applies the butterflies at the strides stride, 2*stride, ...
// below radix*stride with one load and one store of each value.
func hadamardRadix(radix int) {
	name := fmt.Sprintf("radix%dAVX512", radix)
	kernel(name, "func(x *float32, stride, n int)", fmt.Sprintf(
		"%s applies the butterflies at strides stride to %d*stride to n values, a", name, radix/2),
		fmt.Sprintf("multiple of %d*stride; stride is a multiple of 16.", radix))
	x, stride, n := integer("x"), integer("stride"), integer("n")
	bytes, triple := GP64(), GP64()
	MOVQ(stride, bytes)
	SHLQ(Imm(2), bytes)
	LEAQ(Mem{Base: bytes, Index: bytes, Scale: 2}, triple)
	upper, left := GP64(), GP64()
	at := func(i int) Mem {
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
	counted("inner", left, 16, func() {
		v := registers(radix)
		for i := range v {
			VMOVUPS(at(i), v[i])
		}
		for s := 1; s < radix; s *= 2 {
			butterflies(v, s)
		}
		for i := range v {
			VMOVUPS(v[i], at(i))
		}
		advance(64, x, upper)
	})
	// x has moved on by one stride; the next block begins radix-1 strides further.
	for range radix - 1 {
		ADDQ(bytes, x)
		SUBQ(stride, n)
	}
	SUBQ(stride, n)
	JG(LabelRef("block"))
	finish()
}
