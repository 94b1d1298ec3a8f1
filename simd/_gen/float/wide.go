package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// emitWide writes the kernels over float64 input: sums over 16 lanes of a multiple of 16 values,
// every product rounded before it is added, and the rounding to float32 of a multiple of 8.
func emitWide() {
	emitWideSum("wideDotAVX2", "products", 2, func(x, y VecVirtual) { VMULPD(y, x, x) })
	emitWideSum("wideNormAVX2", "squares", 1, func(x, _ VecVirtual) { VMULPD(x, x, x) })
	emitWideSum("wideL2SqAVX2", "squared differences", 2, func(x, y VecVirtual) {
		VSUBPD(y, x, x)
		VMULPD(x, x, x)
	})
	emitNarrow()
}

func emitWideSum(name, what string, inputs int, term func(x, y VecVirtual)) {
	signature := "func(acc *[16]float64, x, y *float64, n int)"
	if inputs == 1 {
		signature = "func(acc *[16]float64, x *float64, n int)"
	}
	kernel(name, signature, name+" adds n "+what+", a multiple of 16, to the 16 lanes of acc.")
	acc, _, _, sums := emitLanes(name, inputs, U32(128), func(p GPVirtual, i int, to VecVirtual) {
		VMOVUPD(Mem{Base: p, Disp: 32 * i}, to)
	}, func(x, y, acc VecVirtual) {
		term(x, y)
		VADDPD(x, acc, acc)
	})
	for i, s := range sums {
		VMOVUPD(s, Mem{Base: acc, Disp: 32 * i})
	}
	finish()
}

func emitNarrow() {
	kernel("narrowAVX2", "func(dst *float32, x, mean *float64, scale float64, n int)",
		"narrowAVX2 writes dst = x*scale - mean, rounded at last, for n values, a multiple of 8.")
	dst, x, mean, n := integer("dst"), integer("x"), integer("mean"), integer("n")
	s := YMM()
	VBROADCASTSD(parameter("scale"), s)
	elementwise("narrow", n, func(i int) {
		for half := 2 * i; half < 2*i+2; half++ {
			v, short := YMM(), XMM()
			VMULPD(Mem{Base: x, Disp: 32 * half}, s, v)
			VSUBPD(Mem{Base: mean, Disp: 32 * half}, v, v)
			VCVTPD2PSY(v, short)
			VMOVUPS(short, Mem{Base: dst, Disp: 16 * half})
		}
	}, func(vectors int) {
		advance(32*vectors, dst)
		advance(64*vectors, x, mean)
	})
}
