// Command scan512 writes simd/scan512_amd64.s and its stubs: the AVX-512 kernels of the scan and
// the route group.
//
//	go -C _gen run ./scan512
//
// What the kernels compute is specified by their plain Go twins in simd/scan_pure.go and
// simd/route_pure.go.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	for name, value := range map[string]string{
		"out": "../scan512_amd64.s", "stubs": "../scan512_amd64.go", "pkg": "simd",
	} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "scan512:", err)
			os.Exit(2)
		}
	}
	ConstraintExpr("amd64,!purego")
	scanKernel("scanAVX512", 2, 1)
	scanKernel("scan4AVX512", 2, 4)
	dotCode("dotCodeAVX512", false)
	dotCode("dotCodeVNNI", true)
	dotCodeFloat()
	nextBelow()
	for _, vnni := range []bool{false, true} {
		int8Rows8(vnni)
		int8Rows1(vnni)
		int8Tile(vnni)
	}
	selectBelow()
	Generate()
}

// kernel starts a function that takes raw pointers and does not keep them.
func kernel(name, signature string, doc ...string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(doc...)
}

// finish clears the upper parts of the vector registers, as every kernel must, and returns.
func finish() {
	VZEROUPPER()
	RET()
}

// integer loads an integer or pointer parameter.
func integer(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// place returns where a parameter or a result lies.
func place(c gotypes.Component) Mem {
	basic, err := c.Resolve()
	if err != nil {
		panic(err)
	}
	return basic.Addr
}

// splat returns a register with bits in every 32-bit lane.
func splat(bits uint32) VecVirtual {
	z, r := ZMM(), GP32()
	MOVL(U32(bits), r)
	VPBROADCASTD(r, z)
	return z
}

func clear(registers ...VecVirtual) {
	for _, z := range registers {
		VPXORD(z, z, z)
	}
}

var constants = map[string]Mem{}

// symbol returns a read-only symbol of 64-bit words.
func symbol(name string, words int, word func(i int) uint64) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range words {
		DATA(8*i, U64(word(i)))
	}
	constants[name] = m
	return m
}

// constant loads a symbol of eight 64-bit words.
func constant(name string, word func(i int) uint64) VecVirtual {
	z := ZMM()
	VMOVDQU64(symbol(name, 8, word), z)
	return z
}
