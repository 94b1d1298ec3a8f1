// Command float512 writes simd/float512_amd64.s and its stubs: the AVX-512 kernels of the float
// group.
//
//	go -C _gen run ./float512
//
// What the kernels compute is specified by their plain Go twins in simd.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/gotypes"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	for name, value := range map[string]string{
		"out": "../float512_amd64.s", "stubs": "../float512_amd64.go", "pkg": "simd",
	} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "float512:", err)
			os.Exit(2)
		}
	}
	ConstraintExpr("amd64,!purego")
	dot16()
	dot16Four()
	packSigns()
	encodeExtra()
	hadamardHead()
	for _, radix := range []int{2, 4, 8} {
		hadamardRadix(radix)
	}
	rowKernels("dot", func(row VecVirtual, q Op, acc VecVirtual) {
		VFMADD231PS(q, row, acc)
	})
	rowKernels("l2", func(row VecVirtual, q Op, acc VecVirtual) {
		diff := ZMM()
		VSUBPS(q, row, diff)
		VFMADD231PS(diff, diff, acc)
	})
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

// registers returns n registers.
func registers(n int) (v []VecVirtual) {
	for range n {
		v = append(v, ZMM())
	}
	return v
}

func clear(registers []VecVirtual) {
	for _, z := range registers {
		VPXORD(z, z, z)
	}
}

// counted emits a loop whose body handles step of the n values left; it stops when fewer are left.
func counted(label string, n GPVirtual, step int, body func()) {
	Label(label)
	CMPQ(n, Imm(uint64(step)))
	JLT(LabelRef(label + "_done"))
	body()
	SUBQ(Imm(uint64(step)), n)
	JMP(LabelRef(label))
	Label(label + "_done")
}

// advance moves pointers on by a number of bytes.
func advance(bytes int, pointers ...GPVirtual) {
	for _, p := range pointers {
		ADDQ(U32(uint32(bytes)), p)
	}
}

// tailMask returns a mask of the lowest left bits, left < 16.
func tailMask(left GPVirtual) Register {
	ones, mask := GP32(), K()
	MOVL(U32(0xffffffff), ones)
	SHLXL(left.As32(), ones, ones)
	NOTL(ones)
	KMOVW(ones, mask)
	return mask
}

// storedSum folds 16 lanes in the fixed order 8, 4, 2, 1.
func storedSum(z VecVirtual) Register {
	high, other := YMM(), XMM()
	VEXTRACTF64X4(Imm(1), z, high)
	VADDPS(high, z.AsY(), high)
	VEXTRACTF128(Imm(1), high, other)
	sum := high.AsX()
	VADDPS(other, sum, sum)
	VPSHUFD(Imm(0x0e), sum, other)
	VADDPS(other, sum, sum)
	VPSHUFD(Imm(0x01), sum, other)
	VADDSS(other, sum, sum)
	return sum
}

// dot16 generates the stored sum of products: one register is the 16 lanes, and a product is
// rounded before it is added. The lanes come in and go out through acc, so that a long input can be
// handed over in pieces; only the last piece may have a length that is no multiple of 16.
func dot16() {
	kernel("dot16AVX512", "func(acc *[16]float32, x, y *float32, n int) float32",
		"dot16AVX512 adds n products to the 16 lanes of acc and returns the fold of the lanes.")
	acc, x, y, n := integer("acc"), integer("x"), integer("y"), integer("n")
	sum, v, u := ZMM(), ZMM(), ZMM()
	VMOVUPS(Mem{Base: acc}, sum)
	counted("dot16", n, 16, func() {
		VMOVUPS(Mem{Base: x}, v)
		VMULPS(Mem{Base: y}, v, v)
		VADDPS(v, sum, sum)
		advance(64, x, y)
	})
	TESTQ(n, n)
	JEQ(LabelRef("dot16_fold"))
	// The lanes beyond the end keep their sums.
	few := tailMask(n)
	VMOVUPS_Z(Mem{Base: x}, few, v)
	VMOVUPS_Z(Mem{Base: y}, few, u)
	VMULPS(u, v, v)
	VADDPS(v, sum, few, sum)
	Label("dot16_fold")
	VMOVUPS(sum, Mem{Base: acc})
	VMOVSS(storedSum(sum), place(ReturnIndex(0)))
	finish()
}

// dot16Four generates the stored sums of four rows with one vector, side by side: each is a chain
// of additions, which leaves room for the others.
func dot16Four() {
	kernel("dot16FourAVX512", "func(out *[4]float32, x, a, b, c, d *float32, n int)",
		"dot16FourAVX512 writes the stored sums of x with a, b, c and d, of n values, n a",
		"multiple of 16.")
	out, x, n := integer("out"), integer("x"), integer("n")
	rows := []GPVirtual{integer("a"), integer("b"), integer("c"), integer("d")}
	sums := registers(len(rows))
	clear(sums)
	counted("dot16_four", n, 16, func() {
		v := ZMM()
		VMOVUPS(Mem{Base: x}, v)
		for i, s := range sums {
			product := ZMM()
			VMULPS(Mem{Base: rows[i]}, v, product)
			VADDPS(product, s, s)
		}
		advance(64, append(rows, x)...)
	})
	VMOVUPS(storedSums(sums), Mem{Base: out})
	finish()
}

// storedSums folds four times 16 lanes, each in the fixed order 8, 4, 2, 1.
func storedSums(sums []VecVirtual) VecVirtual {
	var four []VecVirtual // lanes of each
	for _, z := range sums {
		high, other := YMM(), XMM()
		VEXTRACTF64X4(Imm(1), z, high)
		VADDPS(high, z.AsY(), high)
		VEXTRACTF128(Imm(1), high, other)
		VADDPS(high.AsX(), other, other)
		four = append(four, other)
	}
	pair := func(x, y VecVirtual) VecVirtual { // lanes 0 and 1 of x, then of y
		low, high := XMM(), XMM()
		VMOVLHPS(y, x, low)
		VMOVHLPS(x, y, high)
		VADDPS(high, low, low)
		return low
	}
	first, second := pair(four[0], four[1]), pair(four[2], four[3])
	even, odd := XMM(), XMM()
	VSHUFPS(Imm(0x88), second, first, even)
	VSHUFPS(Imm(0xdd), second, first, odd)
	VADDPS(odd, even, even)
	return even
}

func packSigns() {
	kernel("packSignsAVX512",
		"func(code *byte, r *float32, n int, lanes *[2][16]float32) (float32, float32)",
		"packSignsAVX512 writes n sign bits, n a multiple of 64, continues the two sums and",
		"returns their folds.")
	code, r, n, at := integer("code"), integer("r"), integer("n"), integer("lanes")
	magnitude, zero := splat(0x7fffffff), registers(1)
	clear(zero)
	squares, sizes := ZMM(), ZMM()
	VMOVUPS(Mem{Base: at}, squares)
	VMOVUPS(Mem{Base: at, Disp: 64}, sizes)
	counted("signs", n, 16, func() {
		v, w, bits := ZMM(), ZMM(), K()
		VMOVUPS(Mem{Base: r}, v)
		VCMPPS(Imm(0x1e), zero[0], v, bits) // v > 0, false for NaN
		KMOVW(bits, Mem{Base: code})
		VMULPS(v, v, w)
		VADDPS(w, squares, squares)
		VPANDD(magnitude, v, v)
		VADDPS(v, sizes, sizes)
		advance(64, r)
		advance(2, code)
	})
	for i, s := range []VecVirtual{squares, sizes} {
		VMOVUPS(s, Mem{Base: at, Disp: 64 * i})
		VMOVSS(storedSum(s), place(ReturnIndex(i)))
	}
	finish()
}

func encodeExtra() {
	kernel("encodeAVX512",
		"func(k *byte, r *float32, scale *[2]float32, n int, acc *[16]float32) (float32, int64)",
		"encodeAVX512 writes n magnitudes, at most 65536 and a multiple of 64, for scale = t and",
		"the largest code, continues the lanes of acc and returns their fold and the exact sum of",
		"these n magnitudes' k*k+k.")
	k, r, n, acc := integer("k"), integer("r"), integer("n"), integer("acc")
	params, scale, limit := integer("scale"), ZMM(), ZMM()
	VBROADCASTSS(Mem{Base: params}, scale)
	VBROADCASTSS(Mem{Base: params, Disp: 4}, limit)
	magnitude, half, one := splat(0x7fffffff), splat(math.Float32bits(0.5)), splat(1)
	sum, squares := ZMM(), registers(1)
	VMOVUPS(Mem{Base: acc}, sum)
	clear(squares)
	counted("encode", n, 16, func() {
		size, v, codes := ZMM(), ZMM(), ZMM()
		VPANDD(Mem{Base: r}, magnitude, size)
		VMULPS(size, scale, v)
		// limit is the second source: it is what NaN gives.
		VMINPS(limit, v, v)
		VCVTTPS2DQ(v, codes)
		VPMOVDB(codes, Mem{Base: k})
		VCVTDQ2PS(codes, v)
		VADDPS(half, v, v)
		VMULPS(size, v, v)
		VADDPS(v, sum, sum)
		// A code is below 256, so that the upper words of its lane are 0.
		next := ZMM()
		VPADDD(one, codes, next)
		VPMADDWD(next, codes, next)
		VPADDD(next, squares[0], squares[0])
		advance(64, r)
		advance(16, k)
	})
	VMOVUPS(sum, Mem{Base: acc})
	VMOVSS(storedSum(sum), place(ReturnIndex(0)))
	Store(foldWords(squares[0]), ReturnIndex(1))
	finish()
}

// foldWords adds sixteen unsigned 32-bit lanes in 64 bits.
func foldWords(z VecVirtual) GPVirtual {
	low, high, half, sum := ZMM(), ZMM(), YMM(), GP64()
	VPMOVZXDQ(z.AsY(), low)
	VEXTRACTI64X4(Imm(1), z, half)
	VPMOVZXDQ(half, high)
	VPADDQ(high, low, low)
	VEXTRACTI64X4(Imm(1), low, half)
	VPADDQ(half, low.AsY(), half)
	part := high.AsX()
	VEXTRACTI128(Imm(1), half, part)
	VPADDQ(half.AsX(), part, part)
	VPSHUFD(Imm(0x0e), part, half.AsX())
	VPADDQ(half.AsX(), part, part)
	VMOVQ(part, sum)
	return sum
}
