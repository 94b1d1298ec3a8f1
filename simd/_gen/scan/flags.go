package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// packFlags generates the packing of bytes into bits, 32 bytes a word.
func packFlags() {
	TEXT("packFlagsAVX2", NOSPLIT, "func(words *uint32, flags *byte, n int)")
	Pragma("noescape")
	Doc("packFlagsAVX2 writes n > 0 words: bit i of one is set where its byte i is not zero.")
	words, flags := Load(Param("words"), GP64()), Load(Param("flags"), GP64())
	n, word := Load(Param("n"), GP64()), GP32()
	zero, v := YMM(), YMM()
	VPXOR(zero, zero, zero)
	Label("word")
	VPCMPEQB(Mem{Base: flags}, zero, v)
	VPMOVMSKB(v, word)
	NOTL(word)
	MOVL(word, Mem{Base: words})
	ADDQ(Imm(32), flags)
	ADDQ(Imm(4), words)
	DECQ(n)
	JNE(LabelRef("word"))
	finish()
}
