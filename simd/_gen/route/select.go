package main

import (
	"math/bits"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Predicates of VCMPPS, false for NaN; the comparison is that of the second source with the first.
const (
	equal   = 0x00
	atLeast = 0x1d
)

// scaleAdd generates the scaling of integer sums, eight at a time, then one.
func scaleAdd() {
	kernel("scaleAddAVX2", "func(out *float32, v *int32, step, add *float32, n int, s float32)",
		"scaleAddAVX2 scales n sums.")
	out, v, step, add := integer("out"), integer("v"), integer("step"), integer("add")
	n, i, s := integer("n"), GP64(), broadcast("s")
	at := func(base GPVirtual) Mem { return Mem{Base: base, Index: i, Scale: 4} }
	XORQ(i, i)
	eachStep("8", i, n, 8, func() {
		x, y := YMM(), YMM()
		VCVTDQ2PS(at(v), x)
		VMULPS(at(step), s, y)
		VMULPS(y, x, x)
		VADDPS(at(add), x, x)
		VMOVUPS(x, at(out))
	})
	eachStep("1", i, n, 1, func() {
		x, y := XMM(), XMM()
		VXORPS(x, x, x)
		VCVTSI2SSL(at(v), x, x)
		VMULSS(at(step), s.AsX(), y)
		VMULSS(y, x, x)
		VADDSS(at(add), x, x)
		VMOVSS(x, at(out))
	})
	finish()
}

// places lays out, for every mask of eight, the numbers of its set bits, one byte each.
func places() Mem {
	table := GLOBL("routePlaces", attr.RODATA|attr.NOPTR)
	for mask := range 256 {
		var word, n uint64
		for bit := range uint64(8) {
			if mask>>bit&1 == 1 {
				word |= bit << (8 * n)
				n++
			}
		}
		DATA(8*mask, U64(word))
	}
	return table
}

// counts lays out the number of set bits of every mask of eight, one byte each.
func counts() Mem {
	table := GLOBL("routeCounts", attr.RODATA|attr.NOPTR)
	for at := 0; at < 256; at += 8 {
		var word uint64
		for i := range 8 {
			word |= uint64(bits.OnesCount8(uint8(at+i))) << (8 * i)
		}
		DATA(at, U64(word))
	}
	return table
}

// selectBelow generates the selection by a threshold: 32 values a turn when none is selected,
// else eight at a time, then one. Eight indexes are stored for every eight values that hold a
// selected one; no more than that were passed before, so the store stays inside n.
func selectBelow() {
	kernel("selectBelowAVX2", "func(out *uint32, v *float32, n int, base uint32, tau float32) int",
		"selectBelowAVX2 writes base+i for every v[i] of n that is at most tau, and returns their",
		"number; out has room for n.")
	s := &selection{out: integer("out"), i: GP64(), count: GP64(), base: GP32(), places: GP64(),
		counts: GP64()}
	v, n, tau := integer("v"), integer("n"), broadcast("tau")
	Load(Param("base"), s.base)
	LEAQ(places(), s.places)
	LEAQ(counts(), s.counts)
	value := func(k int) Mem { return Mem{Base: v, Index: s.i, Scale: 4, Disp: 32 * k} }
	XORQ(s.i, s.i)
	XORQ(s.count, s.count)
	eachStep("32", s.i, n, 32, func() {
		var below [4]VecVirtual
		for k := range below {
			below[k] = YMM()
			VCMPPS(Imm(atLeast), value(k), tau, below[k])
		}
		a, b, any := YMM(), YMM(), GP32()
		VORPS(below[1], below[0], a)
		VORPS(below[3], below[2], b)
		VORPS(b, a, a)
		VMOVMSKPS(a, any)
		TESTL(any, any)
		JEQ(LabelRef("none"))
		for k := range below {
			s.store(below[k], 8*k)
		}
		Label("none")
	})
	eachStep("8", s.i, n, 8, func() {
		below := YMM()
		VCMPPS(Imm(atLeast), value(0), tau, below)
		s.store(below, 0)
	})
	eachStep("1", s.i, n, 1, func() {
		index := GP32()
		LEAL(Mem{Base: s.base, Index: s.i, Scale: 1}, index)
		VUCOMISS(value(0), tau.AsX()) // tau >= v: no carry, which NaN sets
		JCS(LabelRef("above"))
		MOVL(index, Mem{Base: s.out, Index: s.count, Scale: 4})
		INCQ(s.count)
		Label("above")
	})
	Store(s.count, ReturnIndex(0))
	finish()
}

// eachStep generates body for i, i+step and so on, as long as i+step <= n.
func eachStep(name string, i, n GPVirtual, step int, body func()) {
	last := GP64()
	LEAQ(Mem{Base: n, Disp: -step}, last)
	JMP(LabelRef("check" + name))
	Label("step" + name)
	body()
	ADDQ(Imm(uint64(step)), i)
	Label("check" + name)
	CMPQ(i, last)
	JLE(LabelRef("step" + name))
}

// selection is the state of selectBelow.
type selection struct {
	out, count     GPVirtual
	base, i        GPVirtual
	places, counts GPVirtual // addresses of the tables
}

// store stores the indexes of the set lanes of below, which belong to values i+from and on, and
// garbage behind them.
func (s *selection) store(below VecVirtual, from int) {
	mask, first, indexes, start := GP32(), GP32(), YMM(), YMM()
	VMOVMSKPS(below, mask)
	VPMOVZXBD(Mem{Base: s.places, Index: mask.As64(), Scale: 8}, indexes)
	LEAL(Mem{Base: s.base, Index: s.i, Scale: 1, Disp: from}, first)
	VMOVD(first, start.AsX())
	VPBROADCASTD(start.AsX(), start)
	VPADDD(start, indexes, indexes)
	VMOVDQU(indexes, Mem{Base: s.out, Index: s.count, Scale: 4})
	MOVBLZX(Mem{Base: s.counts, Index: mask.As64(), Scale: 1}, mask)
	ADDQ(mask.As64(), s.count)
}

// smallest generates the least value, 32 at a time, then one.
func smallest() {
	kernel("smallestAVX2", "func(v *float32, n int) float32",
		"smallestAVX2 returns the least of n values and +Inf; NaN is passed over.")
	v, n := integer("v"), integer("n")
	infinity := splat(0x7f800000)
	best := registers(4)
	for _, b := range best {
		VMOVAPS(infinity, b)
	}
	JMP(LabelRef("more"))
	Label("turn")
	for k, b := range best {
		x := YMM()
		VMOVUPS(Mem{Base: v, Disp: 32 * k}, x)
		VMINPS(b, x, b) // the second source, b, is kept when the comparison is unordered
	}
	SUBQ(I8(-128), v)
	Label("more")
	SUBQ(Imm(32), n)
	JGE(LabelRef("turn"))
	ADDQ(Imm(32), n)
	low := folded(best, VMINPS)
	JMP(LabelRef("rest"))
	Label("one")
	x := XMM()
	VMOVSS(Mem{Base: v}, x)
	VMINSS(low, x, low)
	ADDQ(Imm(4), v)
	Label("rest")
	DECQ(n)
	JGE(LabelRef("one"))
	giveFloat(low, 0)
	finish()
}

// firstEqual generates the search for a value, eight at a time, then one.
func firstEqual() {
	kernel("firstEqualAVX2", "func(v *float32, n int, x float32) int",
		"firstEqualAVX2 returns the least i with v[i] == x, or n.")
	v, n, x, i := integer("v"), integer("n"), broadcast("x"), GP64()
	XORQ(i, i)
	same, mask := YMM(), GP32()
	eachStep("8", i, n, 8, func() {
		VCMPPS(Imm(equal), Mem{Base: v, Index: i, Scale: 4}, x, same)
		VMOVMSKPS(same, mask)
		TESTL(mask, mask)
		JNE(LabelRef("hit"))
	})
	eachStep("1", i, n, 1, func() {
		VCMPSS(Imm(equal), Mem{Base: v, Index: i, Scale: 4}, x.AsX(), same.AsX())
		VMOVMSKPS(same.AsX(), mask)
		TESTL(U32(1), mask)
		JNE(LabelRef("done"))
	})
	JMP(LabelRef("done"))
	Label("hit")
	BSFL(mask, mask)
	ADDQ(mask.As64(), i)
	Label("done")
	Store(i, ReturnIndex(0))
	finish()
}
