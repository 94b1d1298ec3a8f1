package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels that read one row's whole code: sign bits from the block's plane, 32 bytes apart,
// and extra bits from the row's own planes. Both take 64 dimensions a turn, a byte each in one
// register, and have one loop for every number of extra bits.

// code is the state of one such loop.
type code struct {
	extraBits int
	signs     Register // the row's sign bytes of this turn, 32 bytes apart
	turn      Register // 8 times the number of the turn
	planes    map[int]Register
	masks     map[int]VecVirtual // the bits of a plane's values, in every byte
	shifts    map[int]VecVirtual // by how much to shift the copies of a plane, in 64-bit words
	ones      VecVirtual         // 1 in every byte
}

// planeShift is log2 of how many dimensions share a byte in the plane of a width.
var planeShift = map[int]uint64{8: 0, 4: 1, 2: 2, 1: 3}

var widths = []int{8, 4, 2, 1}

// eachExtra generates a loop for every number of extra bits from least to most, and the jump to
// the right one by the argument e. The caller's begin function generates what a loop needs before
// it starts, its turn function 64 dimensions.
func eachExtra(least, most int, begin, turn func(c *code)) {
	signs := integer("block")
	ADDQ(integer("row"), signs)
	e, d, offset, next := integer("e"), GP64(), GP64(), GP64()
	XORQ(offset, offset)
	c := &code{signs: signs, turn: offset, ones: splat(0x01010101)}
	for bits := least; bits <= most; bits++ {
		CMPQ(e, Imm(uint64(bits)))
		JEQ(LabelRef(fmt.Sprintf("start%d", bits)))
	}
	for bits := least; bits <= most; bits++ {
		c.extraBits = bits
		Label(fmt.Sprintf("start%d", bits))
		Load(Param("extra"), next)
		c.start(next, d)
		begin(c)
		Load(Param("d"), d)
		SHRQ(Imm(3), d)
		Label(fmt.Sprintf("loop%d", bits))
		turn(c)
		ADDQ(U32(256), signs)
		ADDQ(Imm(8), offset)
		CMPQ(offset, d)
		JLT(LabelRef(fmt.Sprintf("loop%d", bits)))
		if bits < most {
			JMP(LabelRef("sum"))
		}
	}
	Label("sum")
}

// start generates the pointers and constants of one loop; next and d are scratch.
func (c *code) start(next, d Register) {
	c.planes, c.masks = map[int]Register{}, map[int]VecVirtual{}
	c.shifts = map[int]VecVirtual{}
	for _, w := range widths {
		if c.extraBits&w == 0 {
			continue
		}
		c.planes[w] = GP64()
		MOVQ(next, c.planes[w])
		Load(Param("d"), d)
		SHRQ(Imm(planeShift[w]), d)
		ADDQ(d, next)
		if w == 4 || w == 2 {
			c.masks[w] = splat(0x01010101 * (1<<w - 1))
			c.shifts[w] = constant(fmt.Sprintf("shifts%d", w), func(i int) uint64 {
				return uint64(i / w * w)
			})
		}
	}
}

// plane returns the address of this turn's part of the plane of a width.
func (c *code) plane(w int) Mem {
	return Mem{Base: c.planes[w], Index: c.turn, Scale: uint8(w)}
}

// values returns the extra values of 64 dimensions, a byte each; nil when there are none.
func (c *code) values() (x VecVirtual) {
	for _, w := range widths {
		if c.extraBits&w == 0 {
			continue
		}
		if w == 1 {
			return c.appendBit(x)
		}
		v := c.planeValues(w)
		if x == nil {
			x = v
			continue
		}
		// The values before fill less than 8-w bits, so that none crosses into the next byte.
		VPSLLW(Imm(uint64(w)), x, x)
		VPORD(v, x, x)
	}
	return x
}

// appendBit appends the plane of one bit, the last, to the values.
func (c *code) appendBit(x VecVirtual) VecVirtual {
	bits := K()
	KMOVQ(c.plane(1), bits)
	if x == nil {
		x = ZMM()
		VMOVDQU8_Z(c.ones, bits, x)
		return x
	}
	VPADDB(x, x, x)
	VPADDB(c.ones, x, bits, x)
	return x
}

// planeValues returns the values that the plane of a width above 1 holds for 64 dimensions.
func (c *code) planeValues(w int) VecVirtual {
	v := ZMM()
	switch w {
	case 8:
		VMOVDQU32(c.plane(8), v)
		return v
	case 4:
		VBROADCASTI64X4(c.plane(4), v)
	case 2:
		VBROADCASTI32X4(c.plane(2), v)
	}
	VPSRLVQ(c.shifts[w], v, v)
	VPANDD(c.masks[w], v, v)
	return v
}

// signBits returns the sign bits of 64 dimensions.
func (c *code) signBits() Register {
	low, word, bits := XMM(), GP64(), K()
	VPXOR(low, low, low)
	for k := range 8 {
		VPINSRB(Imm(uint64(k)), Mem{Base: c.signs, Disp: blockRows * k}, low, low)
	}
	VMOVQ(low, word)
	KMOVQ(word, bits)
	return bits
}

// dotCode generates the exact product with an int8 query. A code is at most 31 and a query value
// at least -128, so that two products added in 16 bits stay within 7,936; VNNI adds four in 32.
func dotCode(name string, vnni bool) {
	kernel(name, "func(block *byte, row int, extra *byte, e, d int, z *int8) int32",
		name+" is the kernel of DotCode, 1 <= e <= 4.")
	z, total, top := integer("z"), ZMM(), ZMM()
	clear(total)
	var pairs VecVirtual
	if !vnni {
		pairs = splat(0x00010001)
	}
	eachExtra(1, 4, func(c *code) {
		VPSLLW(Imm(uint64(c.extraBits)), c.ones, top)
	}, func(c *code) {
		x := c.values()
		VPADDB(top, x, c.signBits(), x)
		query := Mem{Base: z, Index: c.turn, Scale: 8}
		if vnni {
			VPDPBUSD(query, x, total)
			return
		}
		VPMADDUBSW(query, x, x)
		VPMADDWD(pairs, x, x)
		VPADDD(x, total, total)
	})
	Store(foldInts(total), ReturnIndex(0))
	finish()
}

// foldInts adds the sixteen 32-bit lanes.
func foldInts(z VecVirtual) Register {
	high, other, r := YMM(), XMM(), GP32()
	VEXTRACTI64X4(Imm(1), z, high)
	VPADDD(high, z.AsY(), high)
	VEXTRACTI128(Imm(1), high, other)
	sum := high.AsX()
	VPADDD(other, sum, sum)
	VPSHUFD(Imm(0x0e), sum, other)
	VPADDD(other, sum, sum)
	VPSHUFD(Imm(0x01), sum, other)
	VPADDD(other, sum, sum)
	VMOVD(sum, r)
	return r
}

// dotCodeFloat generates the stored sum with a float32 query: one register is the 16 lanes.
func dotCodeFloat() {
	kernel("dotCodeFloatAVX512",
		"func(block *byte, row int, extra *byte, e, d int, q *float32) float32",
		"dotCodeFloatAVX512 is the kernel of DotCodeFloat, 0 <= e <= 8.")
	q := integer("q")
	lanes, top, one := ZMM(), ZMM(), ZMM()
	clear(lanes)
	VPSRLD(Imm(24), splat(0x01010101), one)
	eachExtra(0, 8, func(c *code) {
		VPSLLD(Imm(uint64(c.extraBits)), one, top)
	}, func(c *code) {
		x := c.values()
		bits := c.signBits()
		for k := range 4 {
			u := ZMM()
			switch {
			case x == nil:
				VMOVDQU32_Z(top, bits, u)
			case k == 0:
				VPMOVZXBD(x.AsX(), u)
				VPADDD(top, u, bits, u)
			default:
				part := XMM()
				VEXTRACTI32X4(Imm(uint64(k)), x, part)
				VPMOVZXBD(part, u)
				VPADDD(top, u, bits, u)
			}
			VCVTDQ2PS(u, u)
			VMULPS(Mem{Base: q, Disp: 64 * k}, u, u)
			VADDPS(u, lanes, lanes)
			if k < 3 {
				KSHIFTRQ(Imm(16), bits, bits)
			}
		}
		ADDQ(U32(256), q)
	})
	VMOVSS(storedSum(lanes), place(ReturnIndex(0)))
	finish()
}

// storedSum folds the 16 lanes in the fixed order 8, 4, 2, 1.
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

// tailMask returns a mask of the lowest left bits, left < 32; left is overwritten.
func tailMask(left GPVirtual) Register {
	ones, mask := GP32(), K()
	MOVL(U32(0xffffffff), ones)
	SHLXL(left.As32(), ones, ones)
	NOTL(ones)
	KMOVW(ones, mask)
	return mask
}
