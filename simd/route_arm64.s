//go:build arm64 && !purego

#include "textflag.h"
#include "neon_arm64.h"

// PRODUCTS adds 16 products of V(q) and V(x) to the four sums in V(sum). Two products of at most
// 127*127 fit an int16. t is scratch.
#define PRODUCTS(q, x, t, sum) \
	SMULL8H(q, x, t) \
	SMLAL2X8H(q, x, t) \
	SADALP4S(t, sum)

// func dotInt8NEON(out *int32, rows *int8, n, d int, z *int8)
TEXT ·dotInt8NEON(SB), NOSPLIT, $0-40
	MOVD out+0(FP), R0
	MOVD rows+8(FP), R1
	MOVD n+16(FP), R2
	MOVD d+24(FP), R3
	MOVD z+32(FP), R4

four:
	CMP $4, R2
	BLT one
	MOVD R1, R5
	ADD R3, R5, R6
	ADD R3, R6, R7
	ADD R3, R7, R8
	ADD R3, R8, R1
	MOVD R4, R9
	MOVD R3, R10
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16

fourRows:
	VLD1.P 32(R9), [V4.B16, V5.B16]
	VLD1.P 32(R5), [V16.B16, V17.B16]
	VLD1.P 32(R6), [V18.B16, V19.B16]
	VLD1.P 32(R7), [V20.B16, V21.B16]
	VLD1.P 32(R8), [V22.B16, V23.B16]
	PRODUCTS(4, 16, 24, 0)
	PRODUCTS(4, 18, 25, 1)
	PRODUCTS(4, 20, 26, 2)
	PRODUCTS(4, 22, 27, 3)
	PRODUCTS(5, 17, 28, 0)
	PRODUCTS(5, 19, 29, 1)
	PRODUCTS(5, 21, 30, 2)
	PRODUCTS(5, 23, 31, 3)
	SUBS $32, R10, R10
	BNE fourRows
	VADDP V1.S4, V0.S4, V0.S4
	VADDP V3.S4, V2.S4, V2.S4
	VADDP V2.S4, V0.S4, V0.S4
	VST1.P [V0.S4], 16(R0)
	SUB $4, R2, R2
	B four

one:
	CBZ R2, done
	MOVD R4, R9
	MOVD R3, R10
	VEOR V0.B16, V0.B16, V0.B16

oneRow:
	VLD1.P 32(R9), [V4.B16, V5.B16]
	VLD1.P 32(R1), [V16.B16, V17.B16]
	PRODUCTS(4, 16, 24, 0)
	PRODUCTS(5, 17, 25, 0)
	SUBS $32, R10, R10
	BNE oneRow
	VADDV V0.S4, V0
	VMOV V0.S[0], R5
	MOVW.P R5, 4(R0)
	SUB $1, R2, R2
	B one

done:
	RET

// ROW adds the products of one row with the queries V16 to V19.
#define ROW(x, a, b, c, d) \
	PRODUCTS(16, x, 24, a) \
	PRODUCTS(17, x, 25, b) \
	PRODUCTS(18, x, 26, c) \
	PRODUCTS(19, x, 27, d)

// SUMS4 folds one query's sums of four rows and writes them at R19, which moves to the next query.
#define SUMS4(a, b, c, d) \
	VADDP b.S4, a.S4, a.S4 \
	VADDP d.S4, c.S4, c.S4 \
	VADDP c.S4, a.S4, a.S4 \
	VST1 [a.S4], (R19) \
	ADD R1, R19, R19

// func dotInt8TileNEON(out *int32, outStride int, rows *int8, n, d int, z *int8)
TEXT ·dotInt8TileNEON(SB), NOSPLIT, $0-48
	MOVD out+0(FP), R0
	MOVD outStride+8(FP), R1
	MOVD rows+16(FP), R2
	MOVD n+24(FP), R3
	MOVD d+32(FP), R4
	MOVD z+40(FP), R5
	LSL $2, R1, R1

four:
	CBZ R3, done
	MOVD R2, R6
	ADD R4, R6, R7
	ADD R4, R7, R8
	ADD R4, R8, R9
	ADD R4, R9, R2
	MOVD R5, R10
	ADD R4, R10, R11
	ADD R4, R11, R12
	ADD R4, R12, R13
	MOVD R4, R14
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V4.B16, V4.B16, V4.B16
	VEOR V5.B16, V5.B16, V5.B16
	VEOR V6.B16, V6.B16, V6.B16
	VEOR V7.B16, V7.B16, V7.B16
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16
	VEOR V14.B16, V14.B16, V14.B16
	VEOR V15.B16, V15.B16, V15.B16

values:
	VLD1.P 16(R10), [V16.B16]
	VLD1.P 16(R11), [V17.B16]
	VLD1.P 16(R12), [V18.B16]
	VLD1.P 16(R13), [V19.B16]
	VLD1.P 16(R6), [V20.B16]
	VLD1.P 16(R7), [V21.B16]
	VLD1.P 16(R8), [V22.B16]
	VLD1.P 16(R9), [V23.B16]
	ROW(20, 0, 4, 8, 12)
	ROW(21, 1, 5, 9, 13)
	ROW(22, 2, 6, 10, 14)
	ROW(23, 3, 7, 11, 15)
	SUBS $16, R14, R14
	BNE values
	MOVD R0, R19
	SUMS4(V0, V1, V2, V3)
	SUMS4(V4, V5, V6, V7)
	SUMS4(V8, V9, V10, V11)
	SUMS4(V12, V13, V14, V15)
	ADD $16, R0, R0
	SUB $4, R3, R3
	B four

done:
	RET
