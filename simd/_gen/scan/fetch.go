package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// fetch generates the prefetch of a run of bytes, a cache line of 64 at a time.
func fetch() {
	TEXT("fetchAVX2", NOSPLIT, "func(b *byte, n int)")
	Pragma("noescape")
	Doc("fetchAVX2 asks for the cache lines of n > 0 bytes from b.")
	b, n := Load(Param("b"), GP64()), Load(Param("n"), GP64())
	Label("line")
	PREFETCHT0(Mem{Base: b})
	ADDQ(Imm(64), b)
	SUBQ(Imm(64), n)
	JG(LabelRef("line"))
	PREFETCHT0(Mem{Base: b, Index: n, Scale: 1, Disp: -1}) // the last byte: b may begin inside a line
	VZEROUPPER()
	RET()
}
