package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets of a query's parameters.
const (
	paramStep   = 0
	paramBias   = 4
	paramAdd    = 8
	paramErr    = 12
	paramTabErr = 16
	paramTau    = 20
	paramBytes  = 24
)

// finish turns the sums of block k into estimates, bounds and masks, for every query.
func (s *scan) finish(k int) {
	masks := Load(Param("masks"), GP64()).(GPVirtual)
	est := Load(Param("est"), GP64()).(GPVirtual)
	params := Load(Param("params"), GP64()).(GPVirtual)
	factors := GP64()
	LEAQ(Mem{Base: s.codes[k], Index: s.size, Scale: 1}, factors)
	row := GP64()
	MOVQ(s.number[k], row)
	SHLQ(Imm(7), row)
	ADDQ(row, est)
	for q := range s.queries {
		s.finishQuery(k, q, masks, est, factors, Mem{Base: params, Disp: q * paramBytes})
		if q+1 < s.queries {
			ADDQ(s.stride(4), masks)
			ADDQ(s.stride(4*blockRows), est)
		}
	}
}

func (s *scan) finishQuery(k, q int, masks, est, factors GPVirtual, param Mem) {
	i := k*s.queries + q
	single, skip := fmt.Sprintf("single%d", i), fmt.Sprintf("skip%d", i)
	sum := s.widen(i)
	CMPQ(s.size, U32(chunkBytes))
	JLE(LabelRef(single))
	for g, v := range sum {
		VPADDD(s.frame.Offset(128*i+32*g), v, v)
	}
	Label(single)
	mask, bits := GP32(), GP32()
	for g, v := range sum {
		VCVTDQ2PS(v, v)
		low := s.bound(g, v, factors, param)
		VMOVMSKPS(low, bits)
		if g == 0 {
			MOVL(bits, mask)
		} else {
			SHLL(Imm(uint64(8*g)), bits)
			ORL(bits, mask)
		}
	}
	ANDL(Mem{Base: s.alive, Index: s.number[k], Scale: 4}, mask)
	MOVL(mask, Mem{Base: masks, Index: s.number[k], Scale: 4})
	JEQ(LabelRef(skip))
	for g, v := range sum {
		VMOVUPS(v, Mem{Base: est, Disp: 32 * g})
	}
	Label(skip)
}

// bound replaces eight sums by their estimates and returns the comparison of their lower bounds
// with the threshold. Every operation rounds: no FMA.
func (s *scan) bound(g int, v VecVirtual, factors GPVirtual, param Mem) VecVirtual {
	c, rescale, slack, t := YMM(), YMM(), YMM(), YMM()
	constant := func(offset int) VecVirtual {
		VBROADCASTSS(param.Offset(offset), c)
		return c
	}
	factor := func(kind int) Mem { return Mem{Base: factors, Disp: 4*blockRows*kind + 32*g} }
	VMULPS(constant(paramStep), v, v)
	VADDPS(constant(paramBias), v, v)
	VMOVUPS(factor(1), rescale)
	VMULPS(rescale, v, v)
	VADDPS(factor(0), constant(paramAdd), t)
	VADDPS(v, t, v)
	VMULPS(factor(2), constant(paramErr), slack)
	VPSLLD(Imm(1), rescale, rescale)
	VPSRLD(Imm(1), rescale, rescale)
	VMULPS(constant(paramTabErr), rescale, rescale)
	VADDPS(rescale, slack, slack)
	VSUBPS(slack, v, slack)
	VCMPPS(Imm(0x11), constant(paramTau), slack, slack)
	return slack
}
