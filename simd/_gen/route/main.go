// Command route writes simd/route_amd64.s and its stubs: the AVX2 kernels of the route group.
//
//	go -C _gen run ./route -out ../route_amd64.s -stubs ../route_stubs_amd64.go -pkg simd
//
// What the kernels compute is specified by their plain Go twins in simd/route_pure.go.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64,!purego")
	int8Rows8()
	int8Rows1()
	int8Tile()
	scaleAdd()
	selectBelow()
	smallest()
	firstEqual()
	countUpTo()
	leastOfGroups()
	dotSigned("planeSignedAVX2", false)
	dotSigned("dotSignedAVX2", true)
	Generate()
}

// kernel starts a function that takes raw pointers and does not keep them.
func kernel(name, signature string, doc ...string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(doc...)
}

// finish clears the upper halves of the vector registers, as every kernel must, and returns.
func finish() {
	VZEROUPPER()
	RET()
}

// parameter returns the place of a parameter in the frame.
func parameter(name string) Mem {
	basic, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return basic.Addr
}

// integer loads an integer or pointer parameter.
func integer(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// broadcast fills a register with a float32 parameter.
func broadcast(name string) VecVirtual {
	v := YMM()
	VBROADCASTSS(parameter(name), v)
	return v
}

// splat fills a register with a 32-bit constant.
func splat(bits uint32) VecVirtual {
	word, v := GP32(), YMM()
	MOVL(U32(bits), word)
	VMOVD(word, v.AsX())
	VPBROADCASTD(v.AsX(), v)
	return v
}

// giveFloat stores the lowest float32 of v as a result; avo's Store would use a legacy-SSE move.
func giveFloat(v Register, result int) {
	basic, err := ReturnIndex(result).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSS(v, basic.Addr)
}
