package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// emitSums writes the sums over 16 lanes, which give the same bits on every tier. The lanes come in
// and go out through acc, so that a long input can be handed over in pieces; only the last piece
// may have a length that is no multiple of 16. Where an input is one piece, sums of float64 do
// without acc: 128 bytes of a stack lie across lines of the cache, and reading them at once after
// they were cleared is slow.
func emitSums() {
	mask := tailMask("sumMask")
	emitDot16(mask)
	emitDot16Four()
	emitSum64("dot64AVX2", "Dot64 over n elements.", 2, mask, func(x, y, acc VecVirtual) {
		VFMADD231PD(y, x, acc)
	})
	emitSum64("norm64AVX2", "Norm64 over n elements.", 1, mask, func(x, _, acc VecVirtual) {
		VFMADD231PD(x, x, acc)
	})
	emitSum64("l2Sq64AVX2", "L2Sq64 over n elements.", 2, mask, func(x, y, acc VecVirtual) {
		VSUBPD(y, x, x)
		VMULPD(x, x, x)
		VADDPD(x, acc, acc)
	})
}

func emitDot16(mask Mem) {
	kernel("dot16AVX2", "func(acc *[16]float32, x, y *float32, n int) float32",
		"dot16AVX2 adds n products to the 16 lanes of acc and returns the fold of the lanes.")
	acc, x, y, n := integer("acc"), integer("x"), integer("y"), integer("n")
	sums := [2]VecVirtual{YMM(), YMM()}
	for i, s := range sums {
		VMOVUPS(Mem{Base: acc, Disp: 32 * i}, s)
	}
	counted("dot16", n, 16, func() {
		for i, s := range sums {
			v := YMM()
			VMOVUPS(Mem{Base: x, Disp: 32 * i}, v)
			VMULPS(Mem{Base: y, Disp: 32 * i}, v, v)
			VADDPS(v, s, s)
		}
		ADDQ(Imm(64), x)
		ADDQ(Imm(64), y)
	})
	TESTQ(n, n)
	JZ(LabelRef("dot16_fold"))
	at := maskAddress(mask, n)
	for i, s := range sums {
		m, v, u := YMM(), YMM(), YMM()
		VMOVUPS(Mem{Base: at, Disp: 32 * i}, m)
		VMASKMOVPS(Mem{Base: x, Disp: 32 * i}, m, v)
		VMASKMOVPS(Mem{Base: y, Disp: 32 * i}, m, u)
		VMULPS(u, v, v)
		VADDPS(v, s, s)
	}
	Label("dot16_fold")
	for i, s := range sums {
		VMOVUPS(s, Mem{Base: acc, Disp: 32 * i})
	}
	giveFloat(foldStored(sums[0], sums[1]), 0)
	finish()
}

// emitDot16Four writes the stored sums of four rows with one vector, side by side: each is a chain
// of additions, which leaves room for the others.
func emitDot16Four() {
	kernel("dot16FourAVX2", "func(out *[4]float32, x, a, b, c, d *float32, n int)",
		"dot16FourAVX2 writes the stored sums of x with a, b, c and d, of n values, a multiple of 16.")
	out, x, n := integer("out"), integer("x"), integer("n")
	rows := []GPVirtual{integer("a"), integer("b"), integer("c"), integer("d")}
	var sums [4][2]VecVirtual
	for r := range sums {
		for i := range sums[r] {
			sums[r][i] = YMM()
			VXORPS(sums[r][i], sums[r][i], sums[r][i])
		}
	}
	counted("dot16_four", n, 16, func() {
		for i := range 2 {
			v := YMM()
			VMOVUPS(Mem{Base: x, Disp: 32 * i}, v)
			for r, s := range sums {
				product := YMM()
				VMULPS(Mem{Base: rows[r], Disp: 32 * i}, v, product)
				VADDPS(product, s[i], s[i])
			}
		}
		for _, p := range append(rows, x) {
			ADDQ(Imm(64), p)
		}
	})
	VMOVUPS(foldFourStored(sums), Mem{Base: out})
	finish()
}

// foldFourStored adds four times 16 float32 lanes, each in the order 8, 4, 2, 1. It overwrites its
// argument.
func foldFourStored(sums [4][2]VecVirtual) VecVirtual {
	var four [4]VecVirtual // lanes of each
	for r, s := range sums {
		VADDPS(s[1], s[0], s[0])
		four[r] = XMM()
		VEXTRACTF128(Imm(1), s[0], four[r])
		VADDPS(s[0].AsX(), four[r], four[r])
	}
	pair := func(x, y VecVirtual) VecVirtual { // lanes 0 and 1 of x, then of y
		low, high := XMM(), XMM()
		VMOVLHPS(y, x, low)
		VMOVHLPS(x, y, high)
		VADDPS(high, low, low)
		return low
	}
	first, second := pair(four[0], four[1]), pair(four[2], four[3])
	even, odd := XMM(), XMM()
	VSHUFPS(Imm(0x88), second, first, even)
	VSHUFPS(Imm(0xdd), second, first, odd)
	VADDPS(odd, even, even)
	return even
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

// emitSum64 writes one sum in 16 float64 lanes over one or two inputs. add adds the term of its
// operands to acc and may overwrite them. A product of two float32 values is exact in float64, so
// that FMA rounds like a multiplication and an addition.
func emitSum64(name, what string, inputs int, mask Mem, add func(x, y, acc VecVirtual)) {
	signature := "func(acc *[16]float64, x, y *float32, n int) float64"
	if inputs == 1 {
		signature = "func(acc *[16]float64, x *float32, n int) float64"
	}
	kernel(name, signature,
		name+" continues the 16 lanes of acc, or of zeros where that is nil, and returns their fold: "+
			what)
	acc, n, from, sums := emitLanes(name, inputs, Imm(64), func(p GPVirtual, i int, to VecVirtual) {
		VCVTPS2PD(Mem{Base: p, Disp: 16 * i}, to)
	}, add)
	TESTQ(n, n)
	JZ(LabelRef(name + "_fold"))
	at := maskAddress(mask, n)
	for i, s := range sums {
		m := XMM()
		VMOVUPS(Mem{Base: at, Disp: 16 * i}, m)
		wide := [2]VecVirtual{YMM(), YMM()}
		for j, p := range from {
			narrow := XMM()
			VMASKMOVPS(Mem{Base: p, Disp: 16 * i}, m, narrow)
			VCVTPS2PD(narrow, wide[j])
		}
		add(wide[0], wide[1], s)
	}
	Label(name + "_fold")
	TESTQ(acc, acc)
	JZ(LabelRef(name + "_give"))
	for i, s := range sums {
		VMOVUPD(s, Mem{Base: acc, Disp: 32 * i})
	}
	Label(name + "_give")
	giveDouble(foldDouble(sums), 0)
	finish()
}

// emitLanes writes the loop that adds terms of 16 values of every input to 16 float64 lanes, while
// n holds so many: those in acc, or zeros if that is nil. load reads the i-th quarter of the
// values, which are step bytes; add adds the term of its operands to a quarter of the lanes and may
// overwrite them.
func emitLanes(
	name string, inputs int, step Op, load func(p GPVirtual, i int, to VecVirtual),
	add func(x, y, acc VecVirtual),
) (acc, n GPVirtual, from []GPVirtual, sums [4]VecVirtual) {
	acc = integer("acc")
	from = []GPVirtual{integer("x")}
	n = integer("n")
	if inputs == 2 {
		from = append(from, integer("y"))
	}
	for i := range sums {
		sums[i] = YMM()
		VXORPD(sums[i], sums[i], sums[i])
	}
	TESTQ(acc, acc)
	JZ(LabelRef(name))
	for i, s := range sums {
		VMOVUPD(Mem{Base: acc, Disp: 32 * i}, s)
	}
	counted(name, n, 16, func() {
		for i, s := range sums {
			wide := [2]VecVirtual{YMM(), YMM()}
			for j, p := range from {
				load(p, i, wide[j])
			}
			add(wide[0], wide[1], s)
		}
		for _, p := range from {
			ADDQ(step, p)
		}
	})
	return acc, n, from, sums
}

// foldDouble adds 16 float64 lanes in the order 8, 4, 2, 1. It overwrites its arguments.
func foldDouble(s [4]VecVirtual) VecVirtual {
	VADDPD(s[2], s[0], s[0])
	VADDPD(s[3], s[1], s[1])
	VADDPD(s[1], s[0], s[0])
	sum, part := XMM(), XMM()
	VEXTRACTF128(Imm(1), s[0], part)
	VADDPD(part, s[0].AsX(), sum)
	VUNPCKHPD(sum, sum, part)
	VADDSD(part, sum, sum)
	return sum
}
