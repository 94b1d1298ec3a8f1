//go:build arm64 && !purego

#include "textflag.h"
#include "neon_arm64.h"

// The row kernels of both measures. A sum has eight lanes, four in each of two registers: the
// first takes the elements 0 to 3 of every eight, the second the elements 4 to 7. Of the last
// elements, four go to the first register and then up to three to the second.

// Lane i is all ones when more than i elements are left, for one, two or three.
DATA partial<>+0(SB)/8, $0x00000000ffffffff
DATA partial<>+8(SB)/8, $0x0000000000000000
DATA partial<>+16(SB)/8, $0xffffffffffffffff
DATA partial<>+24(SB)/8, $0x0000000000000000
DATA partial<>+32(SB)/8, $0xffffffffffffffff
DATA partial<>+40(SB)/8, $0x00000000ffffffff
GLOBL partial<>(SB), RODATA|NOPTR, $48

// DOT and L2 add the terms of four elements of a query and a row to a register of sums.
#define DOT(q, x, sum) \
	FMLA4S(q, x, sum)

#define L2(q, x, sum) \
	FSUB4S(q, x, 31) \
	FMLA4S(31, 31, sum)

// SPLIT turns the dimension R4 into R6 whole eights, R7 not zero for four more, and R8 for one to
// three more, whose offsets in bytes from the first are R10 and R11 (0 for an absent one).
#define SPLIT \
	LSR $3, R4, R6 \
	AND $4, R4, R7 \
	AND $3, R4, R8 \
	CMP $2, R8 \
	CSET GE, R10 \
	LSL $2, R10, R10 \
	CMP $3, R8 \
	CSET GE, R11 \
	LSL $3, R11, R11

// MASK sets the lanes of the last R8 elements, one to three.
#define MASK(mask) \
	SUB $1, R8, R20 \
	MOVD $partial<>(SB), R21 \
	ADD R20<<4, R21, R21 \
	VLD1 (R21), [mask.B16]

// LAST reads the one to three elements at p, zero behind them.
#define LAST(p, mask, x) \
	ADD R10, p, R20 \
	ADD R11, p, R21 \
	VLD1R (p), [x.S4] \
	VLD1 (R20), x.S[1] \
	VLD1 (R21), x.S[2] \
	VAND mask.B16, x.B16, x.B16

// ROWS is the kernel of one query: n rows (R2) at R1, R3 floats apart, of dimension R4, and the
// query at R5; results go to R0. Four rows at a time, then one by one.
#define ROWS(TERM) \
	LSL $2, R3, R3 \
	SPLIT \
four: \
	CMP $4, R2 \
	BLT one \
	MOVD R1, R12 \
	ADD R3, R12, R13 \
	ADD R3, R13, R14 \
	ADD R3, R14, R15 \
	ADD R3, R15, R1 \
	MOVD R5, R16 \
	MOVD R6, R17 \
	VEOR V0.B16, V0.B16, V0.B16 \
	VEOR V1.B16, V1.B16, V1.B16 \
	VEOR V2.B16, V2.B16, V2.B16 \
	VEOR V3.B16, V3.B16, V3.B16 \
	VEOR V4.B16, V4.B16, V4.B16 \
	VEOR V5.B16, V5.B16, V5.B16 \
	VEOR V6.B16, V6.B16, V6.B16 \
	VEOR V7.B16, V7.B16, V7.B16 \
	CBZ R17, fourMore \
fourEights: \
	VLD1.P 32(R16), [V16.S4, V17.S4] \
	VLD1.P 32(R12), [V18.S4, V19.S4] \
	VLD1.P 32(R13), [V20.S4, V21.S4] \
	VLD1.P 32(R14), [V22.S4, V23.S4] \
	VLD1.P 32(R15), [V24.S4, V25.S4] \
	TERM(16, 18, 0) \
	TERM(17, 19, 1) \
	TERM(16, 20, 2) \
	TERM(17, 21, 3) \
	TERM(16, 22, 4) \
	TERM(17, 23, 5) \
	TERM(16, 24, 6) \
	TERM(17, 25, 7) \
	SUBS $1, R17, R17 \
	BNE fourEights \
fourMore: \
	CBZ R7, fourLast \
	VLD1.P 16(R16), [V16.S4] \
	VLD1.P 16(R12), [V18.S4] \
	VLD1.P 16(R13), [V20.S4] \
	VLD1.P 16(R14), [V22.S4] \
	VLD1.P 16(R15), [V24.S4] \
	TERM(16, 18, 0) \
	TERM(16, 20, 2) \
	TERM(16, 22, 4) \
	TERM(16, 24, 6) \
fourLast: \
	CBZ R8, fourSums \
	MASK(V30) \
	LAST(R16, V30, V16) \
	LAST(R12, V30, V18) \
	LAST(R13, V30, V20) \
	LAST(R14, V30, V22) \
	LAST(R15, V30, V24) \
	TERM(16, 18, 1) \
	TERM(16, 20, 3) \
	TERM(16, 22, 5) \
	TERM(16, 24, 7) \
fourSums: \
	FADD4S(1, 0, 0) \
	FADD4S(3, 2, 2) \
	FADD4S(5, 4, 4) \
	FADD4S(7, 6, 6) \
	FADDP4S(2, 0, 0) \
	FADDP4S(6, 4, 4) \
	FADDP4S(4, 0, 0) \
	VST1.P [V0.S4], 16(R0) \
	SUB $4, R2, R2 \
	B four \
one: \
	CBZ R2, done \
	MOVD R1, R12 \
	ADD R3, R1, R1 \
	MOVD R5, R16 \
	MOVD R6, R17 \
	VEOR V0.B16, V0.B16, V0.B16 \
	VEOR V1.B16, V1.B16, V1.B16 \
	CBZ R17, oneMore \
oneEights: \
	VLD1.P 32(R16), [V16.S4, V17.S4] \
	VLD1.P 32(R12), [V18.S4, V19.S4] \
	TERM(16, 18, 0) \
	TERM(17, 19, 1) \
	SUBS $1, R17, R17 \
	BNE oneEights \
oneMore: \
	CBZ R7, oneLast \
	VLD1.P 16(R16), [V16.S4] \
	VLD1.P 16(R12), [V18.S4] \
	TERM(16, 18, 0) \
oneLast: \
	CBZ R8, oneSum \
	MASK(V30) \
	LAST(R16, V30, V16) \
	LAST(R12, V30, V18) \
	TERM(16, 18, 1) \
oneSum: \
	FADD4S(1, 0, 0) \
	FADDP4S(0, 0, 0) \
	FADDPS(0, 0) \
	FMOVS.P F0, 4(R0) \
	SUB $1, R2, R2 \
	B one \
done: \
	RET

// func dotRowsNEON(out, rows *float32, n, stride, d int, q *float32)
TEXT ·dotRowsNEON(SB), NOSPLIT, $0-48
	MOVD out+0(FP), R0
	MOVD rows+8(FP), R1
	MOVD n+16(FP), R2
	MOVD stride+24(FP), R3
	MOVD d+32(FP), R4
	MOVD q+40(FP), R5
	ROWS(DOT)

// func l2RowsNEON(out, rows *float32, n, stride, d int, q *float32)
TEXT ·l2RowsNEON(SB), NOSPLIT, $0-48
	MOVD out+0(FP), R0
	MOVD rows+8(FP), R1
	MOVD n+16(FP), R2
	MOVD stride+24(FP), R3
	MOVD d+32(FP), R4
	MOVD q+40(FP), R5
	ROWS(L2)

// FOUR4 does four queries, V24 to V27, and the row x; the sums are six registers apart.
#define FOUR4(TERM, x, a, b, c, d) \
	TERM(24, x, a) \
	TERM(25, x, b) \
	TERM(26, x, c) \
	TERM(27, x, d)

// ELEMENTS4 does the next four elements of four queries and three rows; a, b and c are the first
// query's sums of the three rows.
#define ELEMENTS4(TERM, a, b, c) \
	VLD1.P 16(R15), [V24.S4] \
	VLD1.P 16(R16), [V25.S4] \
	VLD1.P 16(R17), [V26.S4] \
	VLD1.P 16(R19), [V27.S4] \
	VLD1.P 16(R12), [V28.S4] \
	VLD1.P 16(R13), [V29.S4] \
	VLD1.P 16(R14), [V30.S4] \
	FOUR4(TERM, 28, a, a+6, a+12, a+18) \
	FOUR4(TERM, 29, b, b+6, b+12, b+18) \
	FOUR4(TERM, 30, c, c+6, c+12, c+18)

// SUMS3 folds a query's sums of three rows, a to a+5 in V(a), and writes them at R20.
#define SUMS3(a, v) \
	FADD4S(a+1, a, a) \
	FADD4S(a+3, a+2, a+2) \
	FADD4S(a+5, a+4, a+4) \
	FADDP4S(a+2, a, a) \
	FADDP4S(a+4, a+4, a+4) \
	FADDP4S(a+4, a, a) \
	ADD $8, R20, R21 \
	VST1 v.D[0], (R20) \
	VST1 v.S[2], (R21) \
	ADD R23, R20, R20

// TILE is the kernel of four queries and n rows, a multiple of three: as in ROWS, with queries R24
// floats apart and their results R23 floats apart.
#define TILE(TERM) \
	LSL $2, R23, R23 \
	LSL $2, R3, R3 \
	LSL $2, R24, R24 \
three: \
	CBZ R2, done \
	SPLIT \
	MOVD R1, R12 \
	ADD R3, R12, R13 \
	ADD R3, R13, R14 \
	ADD R3, R14, R1 \
	MOVD R5, R15 \
	ADD R24, R15, R16 \
	ADD R24, R16, R17 \
	ADD R24, R17, R19 \
	VEOR V0.B16, V0.B16, V0.B16 \
	VEOR V1.B16, V1.B16, V1.B16 \
	VEOR V2.B16, V2.B16, V2.B16 \
	VEOR V3.B16, V3.B16, V3.B16 \
	VEOR V4.B16, V4.B16, V4.B16 \
	VEOR V5.B16, V5.B16, V5.B16 \
	VEOR V6.B16, V6.B16, V6.B16 \
	VEOR V7.B16, V7.B16, V7.B16 \
	VEOR V8.B16, V8.B16, V8.B16 \
	VEOR V9.B16, V9.B16, V9.B16 \
	VEOR V10.B16, V10.B16, V10.B16 \
	VEOR V11.B16, V11.B16, V11.B16 \
	VEOR V12.B16, V12.B16, V12.B16 \
	VEOR V13.B16, V13.B16, V13.B16 \
	VEOR V14.B16, V14.B16, V14.B16 \
	VEOR V15.B16, V15.B16, V15.B16 \
	VEOR V16.B16, V16.B16, V16.B16 \
	VEOR V17.B16, V17.B16, V17.B16 \
	VEOR V18.B16, V18.B16, V18.B16 \
	VEOR V19.B16, V19.B16, V19.B16 \
	VEOR V20.B16, V20.B16, V20.B16 \
	VEOR V21.B16, V21.B16, V21.B16 \
	VEOR V22.B16, V22.B16, V22.B16 \
	VEOR V23.B16, V23.B16, V23.B16 \
	CBZ R6, more \
eights: \
	ELEMENTS4(TERM, 0, 2, 4) \
	ELEMENTS4(TERM, 1, 3, 5) \
	SUBS $1, R6, R6 \
	BNE eights \
more: \
	CBZ R7, last \
	ELEMENTS4(TERM, 0, 2, 4) \
last: \
	CBZ R8, sums \
	MASK(V29) \
	LAST(R15, V29, V24) \
	LAST(R16, V29, V25) \
	LAST(R17, V29, V26) \
	LAST(R19, V29, V27) \
	LAST(R12, V29, V28) \
	FOUR4(TERM, 28, 1, 7, 13, 19) \
	LAST(R13, V29, V28) \
	FOUR4(TERM, 28, 3, 9, 15, 21) \
	LAST(R14, V29, V28) \
	FOUR4(TERM, 28, 5, 11, 17, 23) \
sums: \
	MOVD R0, R20 \
	SUMS3(0, V0) \
	SUMS3(6, V6) \
	SUMS3(12, V12) \
	SUMS3(18, V18) \
	ADD $12, R0, R0 \
	SUB $3, R2, R2 \
	B three \
done: \
	RET

// func dotTileNEON(out *float32, outStride int, rows *float32, n, stride, d int, q *float32,
//	qstride int)
TEXT ·dotTileNEON(SB), NOSPLIT, $0-64
	MOVD out+0(FP), R0
	MOVD outStride+8(FP), R23
	MOVD rows+16(FP), R1
	MOVD n+24(FP), R2
	MOVD stride+32(FP), R3
	MOVD d+40(FP), R4
	MOVD q+48(FP), R5
	MOVD qstride+56(FP), R24
	TILE(DOT)

// func l2TileNEON(out *float32, outStride int, rows *float32, n, stride, d int, q *float32,
//	qstride int)
TEXT ·l2TileNEON(SB), NOSPLIT, $0-64
	MOVD out+0(FP), R0
	MOVD outStride+8(FP), R23
	MOVD rows+16(FP), R1
	MOVD n+24(FP), R2
	MOVD stride+32(FP), R3
	MOVD d+40(FP), R4
	MOVD q+48(FP), R5
	MOVD qstride+56(FP), R24
	TILE(L2)
