package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// splat returns a register with bits in every 32-bit lane.
func splat(bits uint32) VecVirtual {
	x, y, r := XMM(), YMM(), GP32()
	MOVL(U32(bits), r)
	VMOVD(r, x)
	VPBROADCASTD(x, y)
	return y
}

func zero() VecVirtual {
	y := YMM()
	VPXOR(y, y, y)
	return y
}

// absMask keeps everything of a float32 but its sign.
const absMask = 0x7fffffff

// storedSum folds the 16 lanes in a (0-7) and b (8-15) in the fixed order 8, 4, 2, 1.
func storedSum(a, b VecVirtual) VecVirtual {
	VADDPS(b, a, a)
	high, x := XMM(), XMM()
	VEXTRACTF128(Imm(1), a, high)
	VADDPS(high, a.AsX(), x)
	VPSHUFD(Imm(0x0e), x, high)
	VADDPS(high, x, x)
	VPSHUFD(Imm(0x01), x, high)
	VADDSS(high, x, x)
	return x
}

// maxLanes returns the largest lane of a.
func maxLanes(a VecVirtual) VecVirtual {
	high, x := XMM(), XMM()
	VEXTRACTF128(Imm(1), a, high)
	VMAXPS(high, a.AsX(), x)
	VPSHUFD(Imm(0x0e), x, high)
	VMAXPS(high, x, x)
	VPSHUFD(Imm(0x01), x, high)
	VMAXSS(high, x, x)
	return x
}

func finish() {
	VZEROUPPER()
	RET()
}

// groupRange generates the pass before the tables: the largest sum |q| of four neighbours and the
// stored sum of |q|.
func groupRange() {
	TEXT("groupRangeAVX2", NOSPLIT, "func(q *float32, n int) (maxRange, abs float32)")
	Pragma("noescape")
	Doc("groupRangeAVX2 reads n floats, a multiple of 16.")
	q, n := Load(Param("q"), GP64()), Load(Param("n"), GP64())
	mask := splat(absMask)
	a, b, largest := zero(), zero(), zero()
	Label("loop")
	x, y := YMM(), YMM()
	VPAND(Mem{Base: q}, mask, x)
	VPAND(Mem{Base: q, Disp: 32}, mask, y)
	VADDPS(x, a, a)
	VADDPS(y, b, b)
	pairs := YMM()
	VHADDPS(y, x, pairs)
	VHADDPS(pairs, pairs, pairs)
	VMAXPS(pairs, largest, largest)
	ADDQ(Imm(64), q)
	SUBQ(Imm(16), n)
	JG(LabelRef("loop"))
	returnFloat(maxLanes(largest), Return("maxRange"))
	returnFloat(storedSum(a, b), Return("abs"))
	finish()
}

// fillTables generates the table fill: two tables, one in each half of a register, at a time.
func fillTables() {
	TEXT("fillTablesAVX2", NOSPLIT, "func(tab *byte, q *float32, n int, inv float32)")
	Pragma("noescape")
	Doc("fillTablesAVX2 writes the n/4 tables of n floats, a multiple of 8.")
	tab, q := Load(Param("tab"), GP64()), Load(Param("q"), GP64())
	n := Load(Param("n"), GP64())
	inv := YMM()
	VBROADCASTSS(NewParamAddr("inv", 24), inv)
	sign, half, limit, none := splat(1<<31), splat(0x3f000000), splat(63), zero()
	Label("loop")
	positive, negative := YMM(), YMM()
	VMOVUPS(Mem{Base: q}, positive)
	VPXOR(sign, positive, negative)
	VMAXPS(none, positive, positive)
	VMAXPS(none, negative, negative)
	// By bits 0 and 1 of the entry's number: low = p0+p1; by bits 2 and 3: high = p2+p3.
	low, high := pairSums(negative, positive)
	var entry [4]VecVirtual
	for k := range entry {
		e := YMM()
		VPERMILPS(Imm(uint64(0x55*k)), high, e)
		VADDPS(e, low, e)
		VMULPS(inv, e, e)
		VADDPS(half, e, e)
		VCVTTPS2DQ(e, e)
		VPMINSD(limit, e, e)
		entry[k] = e
	}
	VPACKSSDW(entry[1], entry[0], entry[0])
	VPACKSSDW(entry[3], entry[2], entry[2])
	VPACKUSWB(entry[2], entry[0], entry[0])
	VMOVDQU(entry[0], Mem{Base: tab})
	ADDQ(Imm(32), q)
	ADDQ(Imm(32), tab)
	SUBQ(Imm(8), n)
	JG(LabelRef("loop"))
	finish()
}

// pairSums returns, in each half, the four sums of p0+p1 and of p2+p3, where p is the positive part
// for a set bit and the negative part for a clear one; the first of a pair is the lower bit.
func pairSums(negative, positive VecVirtual) (low, high VecVirtual) {
	sums := func(both VecVirtual) VecVirtual { // n, p of the first, n, p of the second
		second := YMM()
		VPERMILPS(Imm(0xfa), both, second) // n n p p of the second
		VPERMILPS(Imm(0x44), both, both)   // n p n p of the first
		VADDPS(second, both, both)
		return both
	}
	low, high = YMM(), YMM()
	VUNPCKLPS(positive, negative, low)
	VUNPCKHPS(positive, negative, high)
	return sums(low), sums(high)
}

// roundInt8 generates the rounding to int8, 32 values at a time.
func roundInt8() {
	TEXT("roundInt8AVX2", NOSPLIT, "func(z *int8, q *float32, n int, inv float32)")
	Pragma("noescape")
	Doc("roundInt8AVX2 writes n values, a multiple of 32.")
	z, q, n := Load(Param("z"), GP64()), Load(Param("q"), GP64()), Load(Param("n"), GP64())
	inv := YMM()
	VBROADCASTSS(NewParamAddr("inv", 24), inv)
	sign, half := splat(1<<31), splat(0x3f000000)
	// The packs leave groups of four values in the order 0 2 4 6 1 3 5 7; this undoes it.
	order := constant("int8Order", func(i int) uint64 {
		return [...]uint64{4 << 32, 5<<32 | 1, 6<<32 | 2, 7<<32 | 3}[i]
	})
	Label("loop")
	var v [4]VecVirtual
	for i := range v {
		x, round := YMM(), YMM()
		VMULPS(Mem{Base: q, Disp: 32 * i}, inv, x)
		VPAND(sign, x, round)
		VPOR(half, round, round)
		VADDPS(round, x, x)
		VCVTTPS2DQ(x, x)
		v[i] = x
	}
	VPACKSSDW(v[1], v[0], v[0])
	VPACKSSDW(v[3], v[2], v[2])
	VPACKSSWB(v[2], v[0], v[0])
	VPERMD(v[0], order, v[0])
	VMOVDQU(v[0], Mem{Base: z})
	ADDQ(U32(128), q)
	ADDQ(Imm(32), z)
	SUBQ(Imm(32), n)
	JG(LabelRef("loop"))
	finish()
}

// returnFloat stores the first lane of x as a result. (Store would use a legacy-SSE move.)
func returnFloat(x VecVirtual, result gotypes.Component) {
	to, err := result.Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSS(x, to.Addr)
}
