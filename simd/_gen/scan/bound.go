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

// bounds are the constants of one query while blocks are finished.
type bounds struct {
	step, bias, add, err, tabErr, tau, abs VecVirtual
}

func newBounds(param Mem) *bounds {
	constant := func(offset int) VecVirtual {
		y := YMM()
		VBROADCASTSS(param.Offset(offset), y)
		return y
	}
	return &bounds{constant(paramStep), constant(paramBias), constant(paramAdd),
		constant(paramErr), constant(paramTabErr), constant(paramTau), splat(absMask)}
}

// finish turns the sums of all blocks into estimates, bounds and masks, for every query.
func (s *scan) finish() {
	params := Load(Param("params"), GP64()).(GPVirtual)
	if s.queries == 1 {
		c := newBounds(Mem{Base: params})
		for k := range s.blocks {
			masks, est, factors := s.outputs(k)
			s.finishQuery(k, 0, masks, est, factors, c)
		}
		return
	}
	// The constants need registers: the sums wait in memory.
	for i, sum := range s.sums {
		VMOVDQU(sum[0], s.waiting.Offset(64*i))
		VMOVDQU(sum[1], s.waiting.Offset(64*i+32))
	}
	for k := range s.blocks {
		masks, est, factors := s.outputs(k)
		for q := range s.queries {
			i := k*s.queries + q
			VMOVDQU(s.waiting.Offset(64*i), s.sums[i][0])
			VMOVDQU(s.waiting.Offset(64*i+32), s.sums[i][1])
			c := newBounds(Mem{Base: params, Disp: q * paramBytes})
			s.finishQuery(k, q, masks, est, factors, c)
			if q+1 < s.queries {
				ADDQ(s.stride(4), masks)
				ADDQ(s.stride(4*blockRows), est)
			}
		}
	}
}

// outputs returns where block k's masks of the first query start, where its estimates go, and
// where its factors are.
func (s *scan) outputs(k int) (masks, est, factors GPVirtual) {
	masks = Load(Param("masks"), GP64()).(GPVirtual)
	est = Load(Param("est"), GP64()).(GPVirtual)
	factors = GP64()
	LEAQ(Mem{Base: s.codes[k], Index: s.size, Scale: 1}, factors)
	row := GP64()
	MOVQ(s.number[k], row)
	SHLQ(Imm(7), row)
	ADDQ(row, est)
	return masks, est, factors
}

func (s *scan) finishQuery(k, q int, masks, est, factors GPVirtual, c *bounds) {
	i := k*s.queries + q
	single, skip := fmt.Sprintf("single%d%s", i, s.pass), fmt.Sprintf("skip%d%s", i, s.pass)
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
		low := c.bound(v, func(kind int) Mem {
			return Mem{Base: factors, Disp: 4*blockRows*kind + 32*g}
		})
		VMOVMSKPS(low, bits)
		if g == 0 {
			MOVL(bits, mask)
		} else {
			SHLL(Imm(uint64(8*g)), bits)
			ORL(bits, mask)
		}
	}
	ANDL(Mem{Base: Load(Param("alive"), GP64()), Index: s.number[k], Scale: 4}, mask)
	MOVL(mask, Mem{Base: masks, Index: s.number[k], Scale: 4})
	JEQ(LabelRef(skip))
	for g, v := range sum {
		VMOVUPS(v, Mem{Base: est, Disp: 32 * g})
	}
	Label(skip)
}

// bound replaces eight sums by their estimates and returns the comparison of their lower bounds
// with the threshold; factor gives the address of their f_add, f_rescale and f_error. Every
// operation rounds: no FMA.
func (c *bounds) bound(v VecVirtual, factor func(kind int) Mem) VecVirtual {
	rescale, slack, t := YMM(), YMM(), YMM()
	VMULPS(c.step, v, v)
	VADDPS(c.bias, v, v)
	VMOVUPS(factor(1), rescale)
	VMULPS(rescale, v, v)
	VADDPS(factor(0), c.add, t)
	VADDPS(v, t, v)
	VMULPS(factor(2), c.err, slack)
	VANDPS(c.abs, rescale, rescale)
	VMULPS(c.tabErr, rescale, rescale)
	VADDPS(rescale, slack, slack)
	VSUBPS(slack, v, slack)
	VCMPPS(Imm(0x11), c.tau, slack, slack) // low < tau, false for NaN
	return slack
}
