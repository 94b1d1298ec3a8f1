package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// greater is the predicate that no NaN meets, "the register is greater than the memory".
const greater = 0x1e

// nextBelow generates the search for the next value under a threshold: 64 values a turn, then 16,
// the last of them under a mask.
func nextBelow() {
	kernel("nextBelowAVX512", "func(v *float32, from, n int, tau float32) int",
		"nextBelowAVX512 looks at v[from] to v[n-1].")
	v, i, n := integer("v"), integer("from"), integer("n")
	tau, mask, left := ZMM(), GP32(), GP64()
	VBROADCASTSS(place(Param("tau")), tau)
	at := func(k int) Mem { return Mem{Base: v, Index: i, Scale: 4, Disp: 64 * k} }

	Label("turn64")
	MOVQ(n, left)
	SUBQ(i, left)
	CMPQ(left, Imm(64))
	JLT(LabelRef("turn16"))
	a, b, c, d := K(), K(), K(), K()
	VCMPPS(Imm(greater), at(0), tau, a)
	VCMPPS(Imm(greater), at(1), tau, b)
	VCMPPS(Imm(greater), at(2), tau, c)
	VCMPPS(Imm(greater), at(3), tau, d)
	KORW(b, a, a)
	KORW(d, c, c)
	KORTESTW(c, a)
	JNE(LabelRef("turn16"))
	ADDQ(Imm(64), i)
	JMP(LabelRef("turn64"))

	Label("turn16")
	MOVQ(n, left)
	SUBQ(i, left)
	CMPQ(left, Imm(16))
	JLT(LabelRef("rest"))
	VCMPPS(Imm(greater), at(0), tau, a)
	KMOVW(a, mask)
	TESTL(mask, mask)
	JNE(LabelRef("hit"))
	ADDQ(Imm(16), i)
	JMP(LabelRef("turn16"))

	Label("rest")
	few := tailMask(left)
	VCMPPS(Imm(greater), at(0), tau, few, a)
	KMOVW(a, mask)
	MOVQ(n, left)
	TESTL(mask, mask)
	JEQ(LabelRef("none"))
	Label("hit")
	BSFL(mask, mask)
	ADDQ(mask.As64(), i)
	MOVQ(i, left)
	Label("none")
	Store(left, ReturnIndex(0))
	finish()
}
