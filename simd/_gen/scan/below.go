package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// nextBelow generates the search for the next value under a threshold: 32 values a turn, then 8,
// then one.
func nextBelow() {
	TEXT("nextBelowAVX2", NOSPLIT, "func(v *float32, from, n int, tau float32) int")
	Pragma("noescape")
	Doc("nextBelowAVX2 looks at v[from] to v[n-1].")
	v, i, n := Load(Param("v"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	tau, mask, left := YMM(), GP32(), GP64()
	VBROADCASTSS(NewParamAddr("tau", 24), tau)
	at := func(k int) Mem { return Mem{Base: v, Index: i, Scale: 4, Disp: 32 * k} }

	Label("turn32")
	MOVQ(n, left)
	SUBQ(i, left)
	CMPQ(left, Imm(32))
	JLT(LabelRef("turn8"))
	a, b, c, d := YMM(), YMM(), YMM(), YMM()
	VCMPPS(Imm(0x1e), at(0), tau, a) // tau > v
	VCMPPS(Imm(0x1e), at(1), tau, b)
	VCMPPS(Imm(0x1e), at(2), tau, c)
	VCMPPS(Imm(0x1e), at(3), tau, d)
	VORPS(b, a, a)
	VORPS(d, c, c)
	VORPS(c, a, a)
	VMOVMSKPS(a, mask)
	TESTL(mask, mask)
	JNE(LabelRef("turn8"))
	ADDQ(Imm(32), i)
	JMP(LabelRef("turn32"))

	Label("turn8")
	MOVQ(n, left)
	SUBQ(i, left)
	CMPQ(left, Imm(8))
	JLT(LabelRef("one"))
	VCMPPS(Imm(0x1e), at(0), tau, a)
	VMOVMSKPS(a, mask)
	TESTL(mask, mask)
	JNE(LabelRef("hit"))
	ADDQ(Imm(8), i)
	JMP(LabelRef("turn8"))

	Label("hit")
	BSFL(mask, mask)
	ADDQ(mask.As64(), i)
	JMP(LabelRef("done"))

	Label("one")
	CMPQ(i, n)
	JGE(LabelRef("done"))
	VUCOMISS(at(0), tau.AsX()) // tau > v: above, which is false for NaN
	JHI(LabelRef("done"))
	INCQ(i)
	JMP(LabelRef("one"))
	Label("done")
	Store(i, ReturnIndex(0))
	finish()
}
