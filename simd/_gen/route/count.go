package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	// limits is how many thresholds share a pass: their registers, those of their counts, a value
	// and a comparison are all sixteen.
	limits = 7
	// groups is how many registers hold the least values of groups.
	groups = 4
	// less is the predicate "the second source is less than the first", false for NaN.
	less = 0x11
)

var tailTable Mem

// tails lays out 32 words of ones, 32 of zeros and 32 of ones: from word 32-n on it is a mask of
// the first n words, from word 64-n on one of the others.
func tails() Mem {
	table := GLOBL("routeTails", attr.RODATA|attr.NOPTR)
	for i := range 96 {
		var word uint32
		if i/32 != 1 {
			word = 0xffffffff
		}
		DATA(4*i, U32(word))
	}
	return table
}

// tail returns the places of the masks of the first n words, less than 32, and of the others.
func tail(n GPVirtual) (first, others Mem) {
	at, left := GP64(), GP64()
	LEAQ(tailTable, at)
	MOVQ(n, left)
	NEGQ(left)
	LEAQ(Mem{Base: at, Index: left, Scale: 4}, at)
	return Mem{Base: at, Disp: 4 * 32}, Mem{Base: at, Disp: 4 * 64}
}

// loadSome loads the values of a mask, and NaN in place of the others.
func loadSome(value, first, others Mem, x VecVirtual) {
	VMOVUPS(first, x)
	VMASKMOVPS(value, x, x)
	VORPS(others, x, x)
}

// countUpTo generates the counts of the values up to each of some limits.
func countUpTo() {
	kernel("countUpToAVX2", "func(v *float32, n int, limits *[7]float32, counts *[8]uint32)",
		"countUpToAVX2 counts, of n values, those that are at most each limit; the last count is 0.")
	tailTable = tails()
	v, n, from := integer("v"), integer("n"), integer("limits")
	var limit []VecVirtual
	for i := range limits {
		limit = append(limit, YMM())
		VBROADCASTSS(Mem{Base: from, Disp: 4 * i}, limit[i])
	}
	sums, x, t := registers(limits), YMM(), YMM()
	clear(sums...)
	add := func() {
		for i, s := range sums {
			VCMPPS(Imm(atLeast), x, limit[i], t)
			VPSUBD(t, s, s)
		}
	}
	JMP(LabelRef("more"))
	Label("turn")
	VMOVUPS(Mem{Base: v}, x)
	add()
	ADDQ(Imm(32), v)
	Label("more")
	SUBQ(Imm(8), n)
	JGE(LabelRef("turn"))
	ADDQ(Imm(8), n)
	JEQ(LabelRef("done"))
	first, others := tail(n)
	loadSome(Mem{Base: v}, first, others, x)
	add()
	Label("done")
	clear(x)
	counts := foldEight(append(sums, x))
	VMOVDQU(counts, Mem{Base: integer("counts")})
	finish()
}

// leastOfGroups generates the least value of each of 32 groups, those of lane i%32, of which it
// returns the least and the greatest.
func leastOfGroups() {
	kernel("leastOfGroupsAVX2", "func(v *float32, n int) (least, greatest float32)",
		"leastOfGroupsAVX2 returns the least of n values and the greatest finite one among the least",
		"of the groups of every 32nd value; +Inf and -Inf without one. NaN is passed over.")
	v, n := integer("v"), integer("n")
	infinity := splat(0x7f800000)
	best := registers(groups)
	for _, b := range best {
		VMOVAPS(infinity, b)
	}
	x := YMM()
	JMP(LabelRef("more"))
	Label("turn")
	for k, b := range best {
		VMOVUPS(Mem{Base: v, Disp: 32 * k}, x)
		VMINPS(b, x, b) // the second source, b, is kept when the comparison is unordered
	}
	SUBQ(I8(-128), v)
	Label("more")
	SUBQ(Imm(32), n)
	JGE(LabelRef("turn"))
	ADDQ(Imm(32), n)
	JEQ(LabelRef("done"))
	first, others := tail(n)
	for k, b := range best {
		loadSome(Mem{Base: v, Disp: 32 * k}, first.Offset(32*k), others.Offset(32*k), x)
		VMINPS(b, x, b)
	}
	Label("done")
	finite := registers(groups)
	none := splat(0xff800000)
	for k, b := range best {
		VCMPPS(Imm(less), infinity, b, finite[k])
		VBLENDVPS(finite[k], b, none, finite[k])
	}
	giveFloat(folded(best, VMINPS), 0)
	giveFloat(folded(finite, VMAXPS), 1)
	finish()
}

// folded joins the lanes of four registers, which it overwrites.
func folded(a []VecVirtual, join func(...Op)) Register {
	join(a[1], a[0], a[0])
	join(a[3], a[2], a[2])
	join(a[2], a[0], a[0])
	low, part := a[0].AsX(), XMM()
	VEXTRACTF128(Imm(1), a[0], part)
	join(part, low, low)
	VMOVHLPS(low, low, part)
	join(part, low, low)
	VMOVSHDUP(low, part)
	join(part, low, low)
	return low
}
