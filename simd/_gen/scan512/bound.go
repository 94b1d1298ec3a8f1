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

// finish turns the sums of all blocks into estimates, bounds and masks, for every query.
func (s *scan) finish() {
	params, order := integer("params"), rowOrder()
	for k := range s.blocks {
		masks, est, factors := s.outputs(k)
		for q := range s.queries {
			s.finishQuery(k, q, masks, est, factors, Mem{Base: params, Disp: q * paramBytes}, order)
			if q+1 < s.queries {
				ADDQ(s.stride(4), masks)
				ADDQ(s.stride(4*blockRows), est)
			}
		}
	}
}

// outputs returns where block k's mask of the first query goes, where its estimates go, and where
// its factors are.
func (s *scan) outputs(k int) (masks, est, factors GPVirtual) {
	row := GP64()
	MOVQ(s.number.Offset(8*k), row)
	masks = integer("masks")
	LEAQ(Mem{Base: masks, Index: row, Scale: 4}, masks)
	SHLQ(Imm(7), row)
	est = integer("est")
	ADDQ(row, est)
	factors = GP64()
	LEAQ(Mem{Base: s.codes[k], Index: s.size, Scale: 1}, factors)
	return masks, est, factors
}

func (s *scan) finishQuery(k, q int, masks, est, factors GPVirtual, param Mem, order VecVirtual) {
	i := k*s.queries + q
	single, skip := fmt.Sprintf("single%d%s", i, s.pass), fmt.Sprintf("skip%d%s", i, s.pass)
	sum := s.widen(i, order)
	CMPQ(s.size, U32(chunkBytes))
	JLE(LabelRef(single))
	for g, v := range sum {
		VPADDD(s.frame.Offset(128*i+64*g), v, v)
	}
	Label(single)
	var under [2]Register
	for g, v := range sum {
		VCVTDQ2PS(v, v)
		under[g] = bound(v, param, func(kind int) Mem {
			return Mem{Base: factors, Disp: 4*blockRows*kind + 64*g}
		})
	}
	both, mask, alive := K(), GP32(), integer("alive")
	KUNPCKWD(under[0], under[1], both)
	KMOVD(both, mask)
	number := GP64()
	MOVQ(s.number.Offset(8*k), number)
	ANDL(Mem{Base: alive, Index: number, Scale: 4}, mask)
	MOVL(mask, Mem{Base: masks})
	JEQ(LabelRef(skip))
	for g, v := range sum {
		VMOVUPS(v, Mem{Base: est, Disp: 64 * g})
	}
	Label(skip)
}

// bound replaces sixteen sums by their estimates and returns the comparison of their lower bounds
// with the threshold; factor gives the address of their f_add, f_rescale and f_error. Every
// operation rounds: no FMA.
func bound(v VecVirtual, param Mem, factor func(kind int) Mem) Register {
	rescale, slack, t, under := ZMM(), ZMM(), ZMM(), K()
	VMULPS_BCST(param.Offset(paramStep), v, v)
	VADDPS_BCST(param.Offset(paramBias), v, v)
	VMOVUPS(factor(1), rescale)
	VMULPS(rescale, v, v)
	VBROADCASTSS(param.Offset(paramAdd), t)
	VADDPS(factor(0), t, t)
	VADDPS(v, t, v)
	VBROADCASTSS(param.Offset(paramErr), slack)
	VMULPS(factor(2), slack, slack)
	VPANDD_BCST(symbol("absMask", 1, func(int) uint64 { return 0x7fffffff7fffffff }), rescale, rescale)
	VMULPS_BCST(param.Offset(paramTabErr), rescale, rescale)
	VADDPS(rescale, slack, slack)
	VSUBPS(slack, v, slack)
	VCMPPS_BCST(Imm(0x11), param.Offset(paramTau), slack, under) // low < tau, false for NaN
	return under
}
