package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// shifts lays out how far each of 32 bits is from the top of a word.
func shifts() Mem {
	table := GLOBL("routeShifts", attr.RODATA|attr.NOPTR)
	for i := range 32 {
		DATA(4*i, U32(uint32(31-i)))
	}
	return table
}

var shiftTable Mem

// dotSigned generates the sums of values under the signs of a code; with magnitudes it also gives
// the sum of the values times k+0.5.
func dotSigned(name string, magnitudes bool) {
	if magnitudes {
		kernel(name, "func(acc *[2][16]float32, signs, k *byte, c *float32, n int) "+
			"(plane, whole float32)",
			name+" continues both sums over n values, a multiple of 32, and returns their folds.")
	} else {
		shiftTable = shifts()
		kernel(name, "func(acc *[2][16]float32, signs *byte, c *float32, n int) (plane float32)",
			name+" continues the first sum over n values, a multiple of 32, and returns its fold.")
	}
	acc, signs, c, n := integer("acc"), integer("signs"), integer("c"), integer("n")
	sums, k, half := 1, GP64(), YMM()
	if magnitudes {
		sums, half = 2, splat(0x3f000000)
		Load(Param("k"), k)
	}
	var lane [2][2]VecVirtual
	for s := range sums {
		for j := range 2 {
			lane[s][j] = YMM()
			VMOVUPS(Mem{Base: acc, Disp: 64*s + 32*j}, lane[s][j])
		}
	}
	top := splat(1 << 31)
	Label("values")
	word := YMM()
	VPBROADCASTD(Mem{Base: signs}, word)
	for i := range 4 {
		x := YMM()
		VMOVDQU(shiftTable.Offset(32*i), x)
		VPSLLVD(x, word, x)
		VPANDN(top, x, x) // the sign bit where the bit of the code is clear
		VXORPS(Mem{Base: c, Disp: 32 * i}, x, x)
		VADDPS(x, lane[0][i%2], lane[0][i%2])
		if magnitudes {
			m := YMM()
			VPMOVZXBD(Mem{Base: k, Disp: 8 * i}, m)
			VCVTDQ2PS(m, m)
			VADDPS(half, m, m)
			VMULPS(x, m, m)
			VADDPS(m, lane[1][i%2], lane[1][i%2])
		}
	}
	ADDQ(Imm(4), signs)
	if magnitudes {
		ADDQ(Imm(32), k)
	}
	SUBQ(I8(-128), c)
	SUBQ(Imm(32), n)
	JG(LabelRef("values"))
	for s := range sums {
		for j := range 2 {
			VMOVUPS(lane[s][j], Mem{Base: acc, Disp: 64*s + 32*j})
		}
		giveFloat(foldStored(lane[s][0], lane[s][1]), s)
	}
	finish()
}

// foldStored adds 16 float32 lanes in the order 8, 4, 2, 1. It overwrites its arguments.
func foldStored(low, high VecVirtual) VecVirtual {
	VADDPS(high, low, low)
	sum, part := XMM(), XMM()
	VEXTRACTF128(Imm(1), low, part)
	VADDPS(part, low.AsX(), sum)
	VMOVHLPS(sum, sum, part)
	VADDPS(part, sum, sum)
	VMOVSHDUP(sum, part)
	VADDSS(part, sum, sum)
	return sum
}
