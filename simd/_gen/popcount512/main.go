// Command popcount512 writes simd/popcount512_amd64.s and its stubs: the kernels of the popcount
// group for AVX-512 with VPOPCNTDQ.
//
//	go -C _gen run ./popcount512
//
// What the kernels compute is specified by their plain Go twins in simd/popcount_pure.go.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	for name, value := range map[string]string{
		"out": "../popcount512_amd64.s", "stubs": "../popcount512_amd64.go", "pkg": "simd",
	} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "popcount512:", err)
			os.Exit(2)
		}
	}
	ConstraintExpr("amd64,!purego")
	popcount(false)
	popcount(true)
	Generate()
}

// integer loads an integer or pointer parameter.
func integer(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// popcount generates the counts of eight rows a turn. Every row has eight sums of 64 bits; at the
// end of a turn these are folded, eight rows at once. With two counts the second is in the upper
// half of a sum: neither passes 2^32.
func popcount(two bool) {
	declare(two)
	outs := outputs(two)
	low, turns, w := integer("rows"), integer("turns"), integer("w")
	high, thrice, whole, rest := GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: low, Index: w, Scale: 4}, high)
	LEAQ(Mem{Base: w, Index: w, Scale: 2}, thrice)
	MOVQ(w, whole)
	ANDQ(I32(-64), whole)
	MOVQ(w, rest)
	ANDQ(Imm(63), rest)
	few := firstBytes(rest)
	row := rowsFrom(low, high, w, thrice)

	Label("turn")
	sums := zeroed()
	left := GP64()
	query := integer("query")
	MOVQ(whole, left)
	TESTQ(left, left)
	JZ(LabelRef("rest"))
	Label("chunk")
	q := ZMM()
	VMOVDQU64(Mem{Base: query}, q)
	for i, sum := range sums {
		count(row(i), q, sum, two)
	}
	for _, at := range []GPVirtual{low, high, query} {
		ADDQ(Imm(64), at)
	}
	SUBQ(Imm(64), left)
	JNZ(LabelRef("chunk"))
	Label("rest")
	TESTQ(rest, rest)
	JZ(LabelRef("fold"))
	VMOVDQU8_Z(Mem{Base: query}, few, q)
	for i, sum := range sums {
		x := ZMM()
		VMOVDQU8_Z(row(i), few, x)
		count(x, q, sum, two)
	}
	ADDQ(rest, high)
	Label("fold")
	LEAQ(Mem{Base: high, Index: thrice, Scale: 1}, low)
	LEAQ(Mem{Base: low, Index: w, Scale: 4}, high)
	counts := fold(sums)
	for i, out := range outs {
		if i > 0 {
			VPSRLQ(Imm(32), counts, counts)
		}
		VPMOVQD(counts, Mem{Base: out})
		ADDQ(Imm(32), out)
	}
	DECQ(turns)
	JNZ(LabelRef("turn"))
	VZEROUPPER()
	RET()
}

func declare(two bool) {
	if two {
		TEXT("andOrPopcountAVX512", NOSPLIT,
			"func(and, or *uint32, rows *byte, turns, w int, query *byte)")
		Doc("andOrPopcountAVX512 is AndOrPopcount for turns of eight rows, at least one.")
	} else {
		TEXT("xorPopcountAVX512", NOSPLIT,
			"func(out *uint32, rows *byte, turns, w int, query *byte)")
		Doc("xorPopcountAVX512 is XorPopcount for turns of eight rows, at least one.")
	}
	Pragma("noescape")
}

// outputs loads the pointers that counts go to.
func outputs(two bool) []GPVirtual {
	if two {
		return []GPVirtual{integer("and"), integer("or")}
	}
	return []GPVirtual{integer("out")}
}

// firstBytes returns a mask of the first n bytes of a register, n below 64.
func firstBytes(n GPVirtual) Register {
	ones, mask := GP64(), K()
	MOVQ(I32(-1), ones)
	SHLXQ(n, ones, ones)
	NOTQ(ones)
	KMOVQ(ones, mask)
	return mask
}

// rowsFrom returns where row i of a turn is: low points into the first row, high into the fifth.
func rowsFrom(low, high, w, thrice GPVirtual) func(i int) Mem {
	return func(i int) Mem {
		m := Mem{Base: low}
		if i >= 4 {
			m.Base = high
		}
		switch i % 4 {
		case 1:
			m.Index, m.Scale = w, 1
		case 2:
			m.Index, m.Scale = w, 2
		case 3:
			m.Index, m.Scale = thrice, 1
		}
		return m
	}
}

func zeroed() (sums [8]VecVirtual) {
	for i := range sums {
		sums[i] = ZMM()
		VPXORD(sums[i], sums[i], sums[i])
	}
	return sums
}

// count adds the bits of 64 bytes to a sum.
func count(row Op, q, sum VecVirtual, two bool) {
	x := ZMM()
	if !two {
		VPXORQ(row, q, x)
		VPOPCNTQ(x, x)
		VPADDQ(x, sum, sum)
		return
	}
	y := ZMM()
	VPORQ(row, q, y)
	VPANDQ(row, q, x)
	VPOPCNTQ(y, y)
	VPOPCNTQ(x, x)
	VPSLLQ(Imm(32), y, y)
	VPADDQ(x, sum, sum)
	VPADDQ(y, sum, sum)
}

// fold adds the eight parts of each of eight sums: part i of the result is that of sum i.
func fold(s [8]VecVirtual) VecVirtual {
	var pairs [4]VecVirtual
	for i := range pairs {
		a, b, even, odd := s[2*i], s[2*i+1], ZMM(), ZMM()
		VPUNPCKLQDQ(b, a, even)
		VPUNPCKHQDQ(b, a, odd)
		VPADDQ(odd, even, even)
		pairs[i] = even
	}
	add := func(first, second uint8, a, b VecVirtual) VecVirtual {
		x, y := ZMM(), ZMM()
		VSHUFI64X2(U8(first), b, a, x)
		VSHUFI64X2(U8(second), b, a, y)
		VPADDQ(y, x, x)
		return x
	}
	low, high := add(0x44, 0xee, pairs[0], pairs[1]), add(0x44, 0xee, pairs[2], pairs[3])
	return add(0x88, 0xdd, low, high)
}
