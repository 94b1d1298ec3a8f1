package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// plainUnroll is the number of vectors that the elementwise kernels handle together.
const plainUnroll = 4

// emitPlain writes the elementwise kernels; all take a multiple of 8 values.
func emitPlain() {
	emitCenter()
	emitScale()
	emitAddScaled()
	emitConversions()
	emitWholeNumbers()
}

// elementwise emits the loops over n values, eight to a vector; body handles vector number i behind
// the pointers, which step moves on by a number of vectors.
func elementwise(name string, n GPVirtual, body func(i int), step func(vectors int)) {
	for _, vectors := range []int{plainUnroll, 1} {
		label := name + "_one"
		if vectors > 1 {
			label = name + "_many"
		}
		counted(label, n, 8*vectors, func() {
			for i := 0; i < vectors; i++ {
				body(i)
			}
			step(vectors)
		})
	}
	finish()
}

// advance moves pointers on by a number of bytes.
func advance(bytes int, pointers ...GPVirtual) {
	for _, p := range pointers {
		ADDQ(U32(uint32(bytes)), p)
	}
}

func emitCenter() {
	kernel("centerAVX2", "func(dst, x, mean *float32, scale float32, n int)",
		"centerAVX2 writes dst = x*scale - mean for n values, a multiple of 8.")
	dst, x, mean, n := integer("dst"), integer("x"), integer("mean"), integer("n")
	s := splat("scale")
	elementwise("center", n, func(i int) {
		v := YMM()
		VMULPS(Mem{Base: x, Disp: 32 * i}, s, v)
		VSUBPS(Mem{Base: mean, Disp: 32 * i}, v, v)
		VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
	}, func(vectors int) { advance(32*vectors, dst, x, mean) })
}

func emitScale() {
	kernel("scaleAVX2", "func(dst, x *float32, s float32, n int)",
		"scaleAVX2 writes dst = x*s for n values, a multiple of 8.")
	dst, x, n := integer("dst"), integer("x"), integer("n")
	s := splat("s")
	elementwise("scale", n, func(i int) {
		v := YMM()
		VMULPS(Mem{Base: x, Disp: 32 * i}, s, v)
		VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
	}, func(vectors int) { advance(32*vectors, dst, x) })
}

func emitAddScaled() {
	kernel("addScaledAVX2", "func(sum *float64, x *float32, s float64, n int)",
		"addScaledAVX2 adds x*s to sum for n values, a multiple of 8.")
	sum, x, n := integer("sum"), integer("x"), integer("n")
	s := YMM()
	VBROADCASTSD(parameter("s"), s)
	elementwise("addScaled", n, func(i int) {
		for half := 2 * i; half < 2*i+2; half++ {
			v := YMM()
			VCVTPS2PD(Mem{Base: x, Disp: 16 * half}, v)
			VMULPD(s, v, v)
			VADDPD(Mem{Base: sum, Disp: 32 * half}, v, v)
			VMOVUPD(v, Mem{Base: sum, Disp: 32 * half})
		}
	}, func(vectors int) {
		advance(32*vectors, x)
		advance(64*vectors, sum)
	})
}

func emitConversions() {
	kernel("f16ToF32AVX2", "func(dst *float32, src *uint16, n int)",
		"f16ToF32AVX2 converts n binary16 values, a multiple of 8.")
	dst, src, n := integer("dst"), integer("src"), integer("n")
	elementwise("f16", n, func(i int) {
		v := YMM()
		VCVTPH2PS(Mem{Base: src, Disp: 16 * i}, v)
		VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
	}, func(vectors int) {
		advance(32*vectors, dst)
		advance(16*vectors, src)
	})
	kernel("f64ToF32AVX2", "func(dst *float32, src *float64, n int)",
		"f64ToF32AVX2 rounds n float64 values, a multiple of 8.")
	to, from, left := integer("dst"), integer("src"), integer("n")
	elementwise("f64", left, func(i int) {
		for half := 2 * i; half < 2*i+2; half++ {
			v := XMM()
			VCVTPD2PSY(Mem{Base: from, Disp: 32 * half}, v)
			VMOVUPS(v, Mem{Base: to, Disp: 16 * half})
		}
	}, func(vectors int) {
		advance(32*vectors, to)
		advance(64*vectors, from)
	})
}

// emitWholeNumbers writes the conversions of bytes; extend widens eight of them to 32 bits.
func emitWholeNumbers() {
	for _, k := range []struct {
		name   string
		extend func(...Op)
	}{{"int8", VPMOVSXBD}, {"uint8", VPMOVZXBD}} {
		name := k.name + "ToF32AVX2"
		kernel(name, "func(dst *float32, src *"+k.name+", n int)",
			name+" converts n whole numbers, a multiple of 8.")
		dst, src, n := integer("dst"), integer("src"), integer("n")
		elementwise(k.name, n, func(i int) {
			v := YMM()
			k.extend(Mem{Base: src, Disp: 8 * i}, v)
			VCVTDQ2PS(v, v)
			VMOVUPS(v, Mem{Base: dst, Disp: 32 * i})
		}, func(vectors int) {
			advance(32*vectors, dst)
			advance(8*vectors, src)
		})
	}
}
