package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A block is the sums of three rows with two queries.
const blockRows, blockQueries = 3, 2

// emitBlock writes the kernels of tiles of float64 sums.
func emitBlock() {
	emitSumBlock("dotBlockAVX2", "inner products", func(x, y, _, acc VecVirtual) {
		VFMADD231PD(y, x, acc)
	})
	emitSumBlock("l2BlockAVX2", "squared differences", func(x, y, room, acc VecVirtual) {
		VSUBPD(y, x, room)
		VMULPD(room, room, room)
		VADDPD(room, acc, acc)
	})
}

// emitSumBlock writes the six sums of a block, each in the 16 lanes of Dot64. Lanes 0 to 7 and 8 to
// 15 take turns: half the lanes of six sums fill twelve registers, so that a value is loaded for
// two or three sums. add adds the term of x and y to acc and may overwrite room.
func emitSumBlock(name, what string, add func(x, y, room, acc VecVirtual)) {
	kernel(name, "func(out *[6]float64, x *[3]*float32, y *[2]*float32, n int)", name+" writes the "+
		what+" of 3 rows of x with 2 of y, rows of n values, a multiple of 16 and not zero: those of x "+
		"with the first row of y first.")
	rows, queries := pointers("x", blockRows), pointers("y", blockQueries)
	n := integer("n")
	SHLQ(Imm(2), n) // bytes
	var sums [blockRows * blockQueries][2]VecVirtual
	for i := range sums {
		sums[i] = [2]VecVirtual{YMM(), YMM()}
	}
	first := AllocLocal(len(sums) * 64)
	for half := 0; half < 2; half++ {
		for _, s := range sums {
			VXORPD(s[0], s[0], s[0])
			VXORPD(s[1], s[1], s[1])
		}
		at, label := GP64(), name+[]string{"_low", "_high"}[half]
		XORQ(at, at)
		Label(label)
		for v := 0; v < 2; v++ {
			place := 32*half + 16*v
			var y [blockQueries]VecVirtual
			for j, q := range queries {
				y[j] = YMM()
				VCVTPS2PD(Mem{Base: q, Index: at, Scale: 1, Disp: place}, y[j])
			}
			for i, r := range rows {
				x, room := YMM(), YMM()
				VCVTPS2PD(Mem{Base: r, Index: at, Scale: 1, Disp: place}, x)
				for j := range queries {
					add(x, y[j], room, sums[j*blockRows+i][v])
				}
			}
		}
		ADDQ(Imm(64), at)
		CMPQ(at, n)
		JL(LabelRef(label))
		if half == 0 {
			for i, s := range sums {
				VMOVUPD(s[0], first.Offset(64*i))
				VMOVUPD(s[1], first.Offset(64*i+32))
			}
		}
	}
	out := integer("out")
	for i, s := range sums {
		VADDPD(first.Offset(64*i), s[0], s[0])
		VADDPD(first.Offset(64*i+32), s[1], s[1])
		VADDPD(s[1], s[0], s[0])
		part := XMM()
		VEXTRACTF128(Imm(1), s[0], part)
		VADDPD(part, s[0].AsX(), s[0].AsX())
		VUNPCKHPD(s[0].AsX(), s[0].AsX(), part)
		VADDSD(part, s[0].AsX(), s[0].AsX())
		VMOVSD(s[0].AsX(), Mem{Base: out, Disp: 8 * i})
	}
	finish()
}

// pointers loads an array of pointers.
func pointers(name string, n int) []GPVirtual {
	from, p := integer(name), make([]GPVirtual, n)
	for i := range p {
		p[i] = GP64()
		MOVQ(Mem{Base: from, Disp: 8 * i}, p[i])
	}
	return p
}
