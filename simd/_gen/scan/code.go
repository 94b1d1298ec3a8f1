package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The kernels that read one row's whole code: sign bits from the block's plane, 32 bytes apart,
// and extra bits from the row's own planes. Both take 64 dimensions a turn, and have one loop for
// every number of extra bits.

// code is the state of one such loop.
type code struct {
	extraBits int
	signs     Register // the row's sign bytes of this turn, 32 bytes apart
	turn      Register // 8 times the number of the turn
	planes    map[int]Register
	bits      VecVirtual // 1, 2, 4, ... 128 in every 8 bytes
	spread    [2]VecVirtual
	two       [2]VecVirtual
	masks     map[int]VecVirtual // the bits of a plane's values, in every byte
	top       VecVirtual         // the sign's place in a code, in every byte or lane
}

// planeShift is log2 of how many dimensions share a byte in the plane of a width.
var planeShift = map[int]uint64{8: 0, 4: 1, 2: 2, 1: 3}

var widths = []int{8, 4, 2, 1}

// eachExtra generates a loop for every number of extra bits from least to most, and the jump to
// the right one by the argument e. The caller's turn function generates 64 dimensions; codes has
// the lowest bit of every code in a register of codes.
func eachExtra(least, most int, codes uint32, turn func(c *code)) {
	signs := Load(Param("block"), GP64())
	ADDQ(Load(Param("row"), GP64()), signs)
	e, d, offset, next := Load(Param("e"), GP64()), GP64(), GP64(), GP64()
	XORQ(offset, offset)
	c := &code{signs: signs, turn: offset}
	c.bits = YMM()
	VMOVDQU(bitOfByte(), c.bits)
	for h := range c.spread {
		c.spread[h] = constant(fmt.Sprintf("spreadBytes%d", h), func(i int) uint64 {
			return 0x0101010101010101 * uint64(4*h+i)
		})
	}
	for bits := least; bits <= most; bits++ {
		CMPQ(e, Imm(uint64(bits)))
		JEQ(LabelRef(fmt.Sprintf("start%d", bits)))
	}
	for bits := least; bits <= most; bits++ {
		c.extraBits = bits
		Label(fmt.Sprintf("start%d", bits))
		Load(Param("extra"), next)
		c.start(next, d, codes)
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
func (c *code) start(next, d Register, codes uint32) {
	c.planes, c.masks = map[int]Register{}, map[int]VecVirtual{}
	for _, w := range widths {
		if c.extraBits&w == 0 {
			continue
		}
		c.planes[w] = GP64()
		MOVQ(next, c.planes[w])
		Load(Param("d"), d)
		SHRQ(Imm(planeShift[w]), d)
		ADDQ(d, next)
		if w < 8 {
			c.masks[w] = splat(0x01010101 * (1<<w - 1))
		}
	}
	if c.extraBits&2 != 0 {
		for h := range c.two {
			c.two[h] = constant(fmt.Sprintf("pairShifts%d", h), func(i int) uint64 {
				return uint64(4*h + 2*(i/2))
			})
		}
	}
	c.top = splat(codes << c.extraBits)
}

// bitOfByte has the bytes 1, 2, 4, ... 128 in every word.
func bitOfByte() Mem {
	return symbol("bitOfByte", func(int) uint64 { return 0x8040201008040201 })
}

var constants = map[string]Mem{}

// symbol returns a read-only symbol of four 64-bit words.
func symbol(name string, word func(i int) uint64) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 4 {
		DATA(8*i, U64(word(i)))
	}
	constants[name] = m
	return m
}

// constant loads a symbol.
func constant(name string, word func(i int) uint64) VecVirtual {
	y := YMM()
	VMOVDQU(symbol(name, word), y)
	return y
}

// plane returns the address of this turn's part of the plane of a width.
func (c *code) plane(w int) Mem {
	return Mem{Base: c.planes[w], Index: c.turn, Scale: uint8(w)}
}

// bytesOfBits turns 64 bits, in every 8 bytes of y, into 64 bytes, 0xff for a set bit.
func (c *code) bytesOfBits(y VecVirtual) (v [2]VecVirtual) {
	for h := range v {
		v[h] = YMM()
		VPSHUFB(c.spread[h], y, v[h])
		VPAND(c.bits, v[h], v[h])
		VPCMPEQB(c.bits, v[h], v[h])
	}
	return v
}

// values returns the extra values of 64 dimensions, a byte each, in two registers.
func (c *code) values() (x [2]VecVirtual) {
	for _, w := range widths {
		if c.extraBits&w == 0 {
			continue
		}
		v := c.planeValues(w)
		for h := range v {
			switch {
			case x[h] == nil:
				x[h] = v[h]
			case w == 1:
				VPADDB(x[h], x[h], x[h])
				VPOR(v[h], x[h], x[h])
			default:
				VPSLLW(Imm(uint64(w)), x[h], x[h])
				VPOR(v[h], x[h], x[h])
			}
		}
	}
	return x
}

// planeValues returns the values that the plane of a width holds for 64 dimensions.
func (c *code) planeValues(w int) (v [2]VecVirtual) {
	v = [2]VecVirtual{YMM(), YMM()}
	switch w {
	case 8:
		VMOVDQU(c.plane(8), v[0])
		VMOVDQU(c.plane(8).Offset(32), v[1])
		return v
	case 4:
		VMOVDQU(c.plane(4), v[0])
		VPSRLW(Imm(4), v[0], v[1])
	case 2:
		both := YMM()
		VBROADCASTI128(c.plane(2), both)
		VPSRLVQ(c.two[0], both, v[0])
		VPSRLVQ(c.two[1], both, v[1])
	case 1:
		all := YMM()
		VPBROADCASTQ(c.plane(1), all)
		v = c.bytesOfBits(all)
	}
	VPAND(c.masks[w], v[0], v[0])
	VPAND(c.masks[w], v[1], v[1])
	return v
}

// dotCode generates the exact product with an int8 query. A code is at most 31 and a query value
// at least -128, so the four products added in 16 bits stay within 15,872.
func dotCode() {
	TEXT("dotCodeAVX2", NOSPLIT, "func(block *byte, row int, extra *byte, e, d int, z *int8) int32")
	Pragma("noescape")
	Doc("dotCodeAVX2 is the kernel of DotCode, 1 <= e <= 4.")
	z := Load(Param("z"), GP64())
	total, ones := zero(), splat(0x00010001)
	eachExtra(1, 4, 0x01010101, func(c *code) {
		x := c.values()
		low, all := XMM(), YMM()
		VPXOR(low, low, low)
		for k := range 8 {
			VPINSRB(Imm(uint64(k)), Mem{Base: c.signs, Disp: blockRows * k}, low, low)
		}
		VPBROADCASTQ(low, all)
		sign := c.bytesOfBits(all)
		for h := range x {
			VPAND(c.top, sign[h], sign[h])
			VPOR(sign[h], x[h], x[h])
			VPMADDUBSW(Mem{Base: z, Index: c.turn, Scale: 8, Disp: 32 * h}, x[h], x[h])
		}
		VPADDW(x[1], x[0], x[0])
		VPMADDWD(ones, x[0], x[0])
		VPADDD(x[0], total, total)
	})
	high, sum, r := XMM(), XMM(), GP32()
	VEXTRACTI128(Imm(1), total, high)
	VPADDD(high, total.AsX(), sum)
	VPSHUFD(Imm(0x0e), sum, high)
	VPADDD(high, sum, sum)
	VPSHUFD(Imm(0x01), sum, high)
	VPADDD(high, sum, sum)
	VMOVD(sum, r)
	Store(r, ReturnIndex(0))
	finish()
}

// dotCodeFloat generates the stored sum with a float32 query: lanes 0-7 in one register, 8-15 in
// the other.
func dotCodeFloat() {
	TEXT("dotCodeFloatAVX2", 0,
		"func(block *byte, row int, extra *byte, e, d int, q *float32) float32")
	Pragma("noescape")
	Doc("dotCodeFloatAVX2 is the kernel of DotCodeFloat, 0 <= e <= 8.")
	q := Load(Param("q"), GP64())
	frame := AllocLocal(64)
	lanes := [2]VecVirtual{zero(), zero()}
	laneBit := YMM()
	VPMOVZXBD(bitOfByte(), laneBit)
	eachExtra(0, 8, 1, func(c *code) {
		if c.extraBits > 0 {
			x := c.values()
			VMOVDQU(x[0], frame)
			VMOVDQU(x[1], frame.Offset(32))
		}
		for k := range 8 {
			u := YMM()
			VPBROADCASTB(Mem{Base: c.signs, Disp: blockRows * k}, u)
			VPAND(laneBit, u, u)
			VPCMPEQD(laneBit, u, u)
			VPAND(c.top, u, u)
			if c.extraBits > 0 {
				x := YMM()
				VPMOVZXBD(frame.Offset(8*k), x)
				VPOR(x, u, u)
			}
			VCVTDQ2PS(u, u)
			VMULPS(Mem{Base: q, Disp: 32 * k}, u, u)
			VADDPS(u, lanes[k%2], lanes[k%2])
		}
		ADDQ(U32(256), q)
	})
	returnFloat(storedSum(lanes[0], lanes[1]), ReturnIndex(0))
	finish()
}
