package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// atLeast is the predicate that no NaN meets, "the register is at least the memory".
const atLeast = 0x1d

// selectBelow generates the compression of the indexes of values up to a threshold. Sixteen values
// leave at least sixteen places from the number selected on, so that a whole register is stored:
// compressing into memory is slow on some CPUs, and done for the last values only.
func selectBelow() {
	kernel("selectBelowAVX512", "func(out *uint32, v *float32, n int, base uint32, tau float32) int",
		"selectBelowAVX512 writes base plus the indexes of values up to tau; out has room for n.")
	out, v, n := integer("out"), integer("v"), integer("n")
	tau, index, sixteen, first := ZMM(), ZMM(), splat(16), integer("out")
	VBROADCASTSS(place(Param("tau")), tau)
	VPBROADCASTD(Load(Param("base"), GP32()), index)
	VPADDD(symbol("lanes", 8, func(i int) uint64 { return uint64(2*i) | uint64(2*i+1)<<32 }),
		index, index)
	bits, count, found := K(), GP32(), ZMM()

	Label("turn")
	CMPQ(n, Imm(16))
	JLT(LabelRef("rest"))
	VCMPPS(Imm(atLeast), Mem{Base: v}, tau, bits)
	VPCOMPRESSD_Z(index, bits, found)
	VMOVDQU32(found, Mem{Base: out})
	KMOVW(bits, count)
	POPCNTL(count, count)
	LEAQ(Mem{Base: out, Index: count.As64(), Scale: 4}, out)
	VPADDD(sixteen, index, index)
	ADDQ(Imm(64), v)
	SUBQ(Imm(16), n)
	JMP(LabelRef("turn"))

	Label("rest")
	few := tailMask(n)
	VCMPPS(Imm(atLeast), Mem{Base: v}, tau, few, bits)
	VPCOMPRESSD(index, bits, Mem{Base: out})
	KMOVW(bits, count)
	POPCNTL(count, count)
	LEAQ(Mem{Base: out, Index: count.As64(), Scale: 4}, out)
	SUBQ(first, out)
	SHRQ(Imm(2), out)
	Store(out, ReturnIndex(0))
	finish()
}
