package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// encodeTables are the constants of the encoder kernels.
type encodeTables struct{ magnitude, half, ones, order, spread, bit Mem }

// emitEncode writes the kernels that turn residuals into codes. All take multiples of 64 values.
func emitEncode() {
	var t encodeTables
	t.magnitude = words("magnitude", 0x7fffffff)
	t.half = words("half", math.Float32bits(0.5))
	t.ones = words("ones", 0x00010001)
	t.order = words("order", 0, 4, 1, 5, 2, 6, 3, 7)
	// Sign bytes 0 to 3 spread over the 32 bytes of their dimensions, and the bit of each.
	t.spread = words("spread", 0, 0, 0x01010101, 0x01010101,
		0x02020202, 0x02020202, 0x03030303, 0x03030303)
	t.bit = words("bit", 0x08040201, 0x80402010, 0x08040201, 0x80402010,
		0x08040201, 0x80402010, 0x08040201, 0x80402010)
	emitLargest(t)
	emitPackSigns(t)
	emitEncodeExtra(t)
	for _, width := range []int{8, 4, 2, 1} {
		emitPlane(t, width)
	}
}

// words lays out the eight words of a vector; a single value fills all of them.
func words(name string, values ...uint32) Mem {
	m := GLOBL(name, attr.RODATA|attr.NOPTR)
	for i := 0; i < 8; i++ {
		DATA(4*i, U32(values[i%len(values)]))
	}
	return m
}

// constant loads a table into a register.
func constant(table Mem) VecVirtual {
	v := YMM()
	VMOVDQU(table, v)
	return v
}

func emitLargest(t encodeTables) {
	kernel("largestAVX2", "func(x *float32, n int) float32",
		"largestAVX2 returns the largest magnitude of n values, a multiple of 16; NaN is passed over.")
	x, n := integer("x"), integer("n")
	magnitude := constant(t.magnitude)
	best := [2]VecVirtual{YMM(), YMM()}
	for _, b := range best {
		VXORPS(b, b, b)
	}
	counted("largest", n, 16, func() {
		for i, b := range best {
			v := YMM()
			VANDPS(Mem{Base: x, Disp: 32 * i}, magnitude, v)
			// The second source is kept when the comparison is unordered.
			VMAXPS(b, v, b)
		}
		advance(64, x)
	})
	VMAXPS(best[1], best[0], best[0])
	top, part := XMM(), XMM()
	VEXTRACTF128(Imm(1), best[0], part)
	VMAXPS(part, best[0].AsX(), top)
	VMOVHLPS(top, top, part)
	VMAXPS(part, top, top)
	VMOVSHDUP(top, part)
	VMAXSS(part, top, top)
	giveFloat(top, 0)
	finish()
}

func emitPackSigns(t encodeTables) {
	kernel("packSignsAVX2",
		"func(code *byte, r *float32, n int, lanes *[2][16]float32) (float32, float32)",
		"packSignsAVX2 writes n sign bits, continues the two sums and returns their folds.")
	code, r, n := integer("code"), integer("r"), integer("n")
	at := integer("lanes")
	magnitude, zero := constant(t.magnitude), YMM()
	VXORPS(zero, zero, zero)
	var sums [2][2]VecVirtual
	for i := range sums {
		for j := range sums[i] {
			sums[i][j] = YMM()
			VMOVUPS(Mem{Base: at, Disp: 64*i + 32*j}, sums[i][j])
		}
	}
	counted("packSigns", n, 16, func() {
		for j := 0; j < 2; j++ {
			v, w, bits := YMM(), YMM(), GP32()
			VMOVUPS(Mem{Base: r, Disp: 32 * j}, v)
			VCMPPS(Imm(0x1e), zero, v, w)
			VMOVMSKPS(w, bits)
			MOVB(bits.As8(), Mem{Base: code, Disp: j})
			VMULPS(v, v, w)
			VADDPS(w, sums[0][j], sums[0][j])
			VANDPS(magnitude, v, v)
			VADDPS(v, sums[1][j], sums[1][j])
		}
		advance(64, r)
		advance(2, code)
	})
	for i := range sums {
		for j, s := range sums[i] {
			VMOVUPS(s, Mem{Base: at, Disp: 64*i + 32*j})
		}
		giveFloat(foldStored(sums[i][0], sums[i][1]), i)
	}
	finish()
}

func emitEncodeExtra(t encodeTables) {
	kernel("encodeAVX2",
		"func(k *byte, r *float32, scale *[2]float32, n int, acc *[16]float32) (float32, int64)",
		"encodeAVX2 writes n magnitudes, at most 65536, for scale = t and the largest code, "+
			"continues the lanes of acc and "+
			"returns their fold and the exact sum of these n magnitudes' k*k+k.")
	k, r, n, acc := integer("k"), integer("r"), integer("n"), integer("acc")
	params, scale, limit := integer("scale"), YMM(), YMM()
	VBROADCASTSS(Mem{Base: params}, scale)
	VBROADCASTSS(Mem{Base: params, Disp: 4}, limit)
	magnitude, half := constant(t.magnitude), constant(t.half)
	sums, squares := [2]VecVirtual{YMM(), YMM()}, YMM()
	for i, s := range sums {
		VMOVUPS(Mem{Base: acc, Disp: 32 * i}, s)
	}
	VPXOR(squares, squares, squares)
	counted("encodeExtra", n, 32, func() {
		var codes [4]VecVirtual
		for i := range codes {
			size, v := YMM(), YMM()
			codes[i] = YMM()
			VANDPS(Mem{Base: r, Disp: 32 * i}, magnitude, size)
			VMULPS(size, scale, v)
			// limit is the second source: it is what NaN gives.
			VMINPS(limit, v, v)
			VCVTTPS2DQ(v, codes[i])
			VCVTDQ2PS(codes[i], v)
			VADDPS(half, v, v)
			VMULPS(size, v, v)
			VADDPS(v, sums[i%2], sums[i%2])
		}
		for i := 0; i < 4; i += 2 {
			VPACKUSDW(codes[i+1], codes[i], codes[i])
			next := YMM()
			VPADDW(t.ones, codes[i], next)
			VPMADDWD(next, codes[i], next)
			VPADDD(next, squares, squares)
		}
		order := constant(t.order)
		VPACKUSWB(codes[2], codes[0], codes[0])
		VPERMD(codes[0], order, codes[0])
		VMOVDQU(codes[0], Mem{Base: k})
		advance(128, r)
		advance(32, k)
	})
	for i, s := range sums {
		VMOVUPS(s, Mem{Base: acc, Disp: 32 * i})
	}
	giveFloat(foldStored(sums[0], sums[1]), 0)
	Store(foldWords(squares), ReturnIndex(1))
	finish()
}

// foldWords adds eight unsigned 32-bit lanes in 64 bits.
func foldWords(v VecVirtual) GPVirtual {
	low, high, part := YMM(), YMM(), XMM()
	VPMOVZXDQ(v.AsX(), low)
	VEXTRACTI128(Imm(1), v, part)
	VPMOVZXDQ(part, high)
	VPADDQ(high, low, low)
	VEXTRACTI128(Imm(1), low, part)
	VPADDQ(part, low.AsX(), part)
	VPSRLDQ(Imm(8), part, high.AsX())
	VPADDQ(high.AsX(), part, part)
	sum := GP64()
	VMOVQ(part, sum)
	return sum
}

// emitPlane writes the kernel of one plane of an extra code, 64 dimensions to a step.
func emitPlane(t encodeTables, width int) {
	name := fmt.Sprintf("packPlane%dAVX2", width)
	kernel(name, "func(dst, k, signs *byte, shift int, flip uint64, n int)", fmt.Sprintf(
		"%s packs %d bits, from bit shift upwards, of n values k, a multiple of 64, XOR flip "+
			"(a byte, eight times) where the sign bit is clear.", name, width))
	dst, k, signs, n := integer("dst"), integer("k"), integer("signs"), integer("n")
	flip, amount := YMM(), XMM()
	VPBROADCASTQ(parameter("flip"), flip)
	VMOVQ(parameter("shift"), amount)
	spread, bit := constant(t.spread), constant(t.bit)
	low := YMM()
	if width < 8 {
		lowBits := GP32()
		MOVL(U32(uint32(1<<width-1)*0x01010101), lowBits)
		VMOVD(lowBits, low.AsX())
		VPBROADCASTD(low.AsX(), low)
	}
	counted(name, n, 64, func() {
		var x [2]VecVirtual
		for i := range x {
			x[i] = YMM()
			set := YMM()
			VPBROADCASTD(Mem{Base: signs, Disp: 4 * i}, set)
			VPSHUFB(spread, set, set)
			VPAND(bit, set, set)
			VPCMPEQB(bit, set, set)
			VPANDN(flip, set, set)
			VPXOR(Mem{Base: k, Disp: 32 * i}, set, x[i])
			if width < 8 {
				VPSRLW(amount, x[i], x[i])
				VPAND(low, x[i], x[i])
			}
		}
		storePlane(width, dst, x)
		advance(8*width, dst)
		advance(64, k)
		advance(8, signs)
	})
	finish()
}

// storePlane writes one group from the bytes of its dimensions 0 to 31 and 32 to 63.
func storePlane(width int, dst GPVirtual, x [2]VecVirtual) {
	switch width {
	case 8:
		VMOVDQU(x[0], Mem{Base: dst})
		VMOVDQU(x[1], Mem{Base: dst, Disp: 32})
	case 4, 2:
		VPSLLW(Imm(4), x[1], x[1])
		VPOR(x[1], x[0], x[0])
		if width == 4 {
			VMOVDQU(x[0], Mem{Base: dst})
			return
		}
		high := XMM()
		VEXTRACTI128(Imm(1), x[0], high)
		VPSLLW(Imm(2), high, high)
		VPOR(high, x[0].AsX(), high)
		VMOVDQU(high, Mem{Base: dst})
	case 1:
		for i, v := range x {
			bits := GP32()
			VPSLLW(Imm(7), v, v)
			VPMOVMSKB(v, bits)
			MOVL(bits, Mem{Base: dst, Disp: 4 * i})
		}
	}
}
