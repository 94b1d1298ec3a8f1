//go:build arm64 && !purego

#include "textflag.h"
#include "neon_arm64.h"

// Bits 1, 2, 4, 8 of the first four rows of a block.
DATA rowBits<>+0(SB)/8, $0x0000000200000001
DATA rowBits<>+8(SB)/8, $0x0000000800000004
GLOBL rowBits<>(SB), RODATA|NOPTR, $16

// SUM16 adds the entries of two byte columns for 16 rows: low and high are the nibbles of the
// columns, V16 to V19 the tables in the order low, high, low, high. Four entries of at most 63 fit
// a byte; acc and acc2 take the sums of rows 0 to 7 and 8 to 15 as uint16. t and u are scratch.
#define SUM16(low, high, low2, high2, t, u, acc, acc2) \
	VTBL low.B16, [V16.B16], t.B16 \
	VTBL high.B16, [V17.B16], u.B16 \
	VADD u.B16, t.B16, t.B16 \
	VTBL low2.B16, [V18.B16], u.B16 \
	VADD u.B16, t.B16, t.B16 \
	VTBL high2.B16, [V19.B16], u.B16 \
	VADD u.B16, t.B16, t.B16 \
	VUADDW t.B8, acc.H8, acc.H8 \
	VUADDW2 t.B16, acc2.H8, acc2.H8

// BOUND4 takes the sums of four rows in V(e) and their factors at R9, R10 and R11. It leaves the
// estimates in V(e), sets the rows' bits in V0 where the bound is under the threshold, and moves
// the bits of V7 on to the next four rows. V24 to V29 hold Step, Bias, Add, Err, TabErr and Tau.
#define BOUND4(e) \
	VLD1.P 16(R9), [V4.S4] \
	VLD1.P 16(R10), [V5.S4] \
	VLD1.P 16(R11), [V6.S4] \
	UCVTF4S(e, e) \
	FMUL4S(24, e, e) \
	FADD4S(25, e, e) \
	FADD4S(26, 4, 4) \
	FMUL4S(5, e, e) \
	FADD4S(e, 4, e) \
	FABS4S(5, 5) \
	FMUL4S(27, 6, 6) \
	FMUL4S(28, 5, 5) \
	FADD4S(5, 6, 6) \
	FSUB4S(6, e, 6) \
	FCMGT4S(6, 29, 6) \
	VAND V7.B16, V6.B16, V6.B16 \
	VORR V6.B16, V0.B16, V0.B16 \
	VSHL $4, V7.S4, V7.S4

// BOUND32 does BOUND4 for a block whose sums are in V8 to V15 and whose factors are at R9, and
// puts the mask of its rows into R12, those of R8 at most. V30 holds rowBits.
#define BOUND32 \
	ADD $128, R9, R10 \
	ADD $256, R9, R11 \
	VEOR V0.B16, V0.B16, V0.B16 \
	VORR V30.B16, V30.B16, V7.B16 \
	BOUND4(8) \
	BOUND4(9) \
	BOUND4(10) \
	BOUND4(11) \
	BOUND4(12) \
	BOUND4(13) \
	BOUND4(14) \
	BOUND4(15) \
	VADDV V0.S4, V0 \
	VMOV V0.S[0], R12 \
	AND R8, R12, R12

// PARAMS reads the six scalars of a query at p, which it moves on.
#define PARAMS(p) \
	VLD1R.P 4(p), [V24.S4] \
	VLD1R.P 4(p), [V25.S4] \
	VLD1R.P 4(p), [V26.S4] \
	VLD1R.P 4(p), [V27.S4] \
	VLD1R.P 4(p), [V28.S4] \
	VLD1R.P 4(p), [V29.S4]

// FETCH asks for the line at R19 and moves on, as long as bytes are left in R20.
#define FETCH \
	CMP $0, R20 \
	BLE 4(PC) \
	PRFM (R19), PLDL1KEEP \
	ADD $64, R19, R19 \
	SUB $64, R20, R20

#define WIDEN(h, low, high) \
	VUSHLL $0, h.H4, low.S4 \
	VUSHLL2 $0, h.H8, high.S4

// ADDWIDE adds eight uint16 to two registers of uint32.
#define ADDWIDE(h, low, high) \
	VUADDW h.H4, low.S4, low.S4 \
	VUADDW2 h.H8, high.S4, high.S4

// func scanNEON(blocks *byte, size int, alive *uint32, n int, masks *uint32, est *float32,
//	tables *byte, params *[6]float32, fetch *byte, left int)
TEXT ·scanNEON(SB), NOSPLIT, $0-80
	MOVD blocks+0(FP), R0
	MOVD size+8(FP), R1
	MOVD alive+16(FP), R2
	MOVD n+24(FP), R3
	MOVD masks+32(FP), R4
	MOVD est+40(FP), R5
	MOVD tables+48(FP), R6
	MOVD params+56(FP), R7
	MOVD fetch+64(FP), R19
	MOVD left+72(FP), R20
	PARAMS(R7)
	MOVD $rowBits<>(SB), R7
	VLD1 (R7), [V30.B16]
	VMOVI $15, V31.B16

block:
	CBZ R3, done
	SUB $1, R3, R3
	MOVWU.P 4(R2), R8
	CBZ R8, silent
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16
	VEOR V12.B16, V12.B16, V12.B16
	VEOR V13.B16, V13.B16, V13.B16
	VEOR V14.B16, V14.B16, V14.B16
	VEOR V15.B16, V15.B16, V15.B16
	MOVD R0, R9
	MOVD R6, R10
	MOVD R1, R11

// uint16 sums are exact for 4096 dimensions, which are 16384 bytes of code.
chunk:
	MOVD $16384, R12
	CMP R12, R11
	CSEL LO, R11, R12, R12
	SUB R12, R11, R11
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16

columns:
	FETCH
	VLD1.P 64(R9), [V4.B16, V5.B16, V6.B16, V7.B16]
	VLD1.P 64(R10), [V16.B16, V17.B16, V18.B16, V19.B16]
	VUSHR $4, V4.B16, V20.B16
	VUSHR $4, V6.B16, V21.B16
	VAND V31.B16, V4.B16, V4.B16
	VAND V31.B16, V6.B16, V6.B16
	SUM16(V4, V20, V6, V21, V22, V23, V0, V1)
	VUSHR $4, V5.B16, V20.B16
	VUSHR $4, V7.B16, V21.B16
	VAND V31.B16, V5.B16, V5.B16
	VAND V31.B16, V7.B16, V7.B16
	SUM16(V5, V20, V7, V21, V22, V23, V2, V3)
	SUBS $64, R12, R12
	BNE columns
	ADDWIDE(V0, V8, V9)
	ADDWIDE(V1, V10, V11)
	ADDWIDE(V2, V12, V13)
	ADDWIDE(V3, V14, V15)
	CBNZ R11, chunk

	BOUND32
	MOVW.P R12, 4(R4)
	CBZ R12, next
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R5)
	VST1 [V12.S4, V13.S4, V14.S4, V15.S4], (R5)
	SUB $64, R5, R5

next:
	ADD R1, R0, R0
	ADD $384, R0, R0
	ADD $128, R5, R5
	B block

silent:
	MOVW.P ZR, 4(R4)
	B next

done:
	RET

// QUERY adds the entries of two byte columns and 32 rows for one query, whose tables tab moves
// along. V20 to V27 hold the nibbles: low of rows 0 to 15 and 16 to 31 in the first column, low in
// the second, then high likewise.
#define QUERY(tab, a, b, c, d) \
	VLD1.P 64(tab), [V16.B16, V17.B16, V18.B16, V19.B16] \
	SUM16(V20, V24, V22, V26, V28, V29, a, b) \
	SUM16(V21, V25, V23, V27, V28, V29, c, d)

// func scan4NEON(blocks *byte, size int, alive *uint32, n int, masks *uint32, est *float32,
//	stride int, tables *[4]*byte, params *[4][6]float32, fetch *byte, left int)
TEXT ·scan4NEON(SB), NOSPLIT, $256-88
	MOVD blocks+0(FP), R0
	MOVD size+8(FP), R1
	MOVD alive+16(FP), R2
	MOVD n+24(FP), R3
	MOVD masks+32(FP), R4
	MOVD est+40(FP), R5
	MOVD stride+48(FP), R6
	MOVD fetch+72(FP), R19
	MOVD left+80(FP), R20
	LSL $2, R6, R6

block:
	CBZ R3, done
	SUB $1, R3, R3
	MOVWU.P 4(R2), R8
	CBZ R8, silent
	MOVD tables+56(FP), R10
	LDP 0(R10), (R13, R14)
	LDP 16(R10), (R15, R16)
	MOVD R0, R9
	MOVD R1, R12
	VMOVI $15, V31.B16
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

columns:
	FETCH
	VLD1.P 64(R9), [V16.B16, V17.B16, V18.B16, V19.B16]
	VAND V31.B16, V16.B16, V20.B16
	VAND V31.B16, V17.B16, V21.B16
	VAND V31.B16, V18.B16, V22.B16
	VAND V31.B16, V19.B16, V23.B16
	VUSHR $4, V16.B16, V24.B16
	VUSHR $4, V17.B16, V25.B16
	VUSHR $4, V18.B16, V26.B16
	VUSHR $4, V19.B16, V27.B16
	QUERY(R13, V0, V1, V2, V3)
	QUERY(R14, V4, V5, V6, V7)
	QUERY(R15, V8, V9, V10, V11)
	QUERY(R16, V12, V13, V14, V15)
	SUBS $64, R12, R12
	BNE columns

	MOVD $sums-256(SP), R10
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R10)
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R10)
	VST1.P [V8.B16, V9.B16, V10.B16, V11.B16], 64(R10)
	VST1 [V12.B16, V13.B16, V14.B16, V15.B16], (R10)
	MOVD $rowBits<>(SB), R10
	VLD1 (R10), [V30.B16]
	MOVD params+64(FP), R7
	MOVD $sums-256(SP), R13
	MOVD R9, R14
	MOVD R4, R15
	MOVD R5, R16
	MOVD $4, R17

query:
	PARAMS(R7)
	VLD1.P 64(R13), [V16.H8, V17.H8, V18.H8, V19.H8]
	WIDEN(V16, V8, V9)
	WIDEN(V17, V10, V11)
	WIDEN(V18, V12, V13)
	WIDEN(V19, V14, V15)
	MOVD R14, R9
	BOUND32
	MOVW R12, (R15)
	CBZ R12, quiet
	MOVD R16, R10
	VST1.P [V8.S4, V9.S4, V10.S4, V11.S4], 64(R10)
	VST1 [V12.S4, V13.S4, V14.S4, V15.S4], (R10)

quiet:
	ADD R6, R15, R15
	ADD R6<<5, R16, R16
	SUBS $1, R17, R17
	BNE query

next:
	ADD R1, R0, R0
	ADD $384, R0, R0
	ADD $4, R4, R4
	ADD $128, R5, R5
	B block

silent:
	MOVD R4, R15
	MOVW ZR, (R15)
	ADD R6, R15, R15
	MOVW ZR, (R15)
	ADD R6, R15, R15
	MOVW ZR, (R15)
	ADD R6, R15, R15
	MOVW ZR, (R15)
	B next

done:
	RET

// func nextBelowNEON(v *float32, from int, n int, tau float32) int
TEXT ·nextBelowNEON(SB), NOSPLIT, $0-40
	MOVD v+0(FP), R0
	MOVD from+8(FP), R1
	MOVD n+16(FP), R2
	MOVD $tau+24(FP), R3
	VLD1R (R3), [V31.S4]
	ADD R1<<2, R0, R0

values:
	CMP R2, R1
	BGE found
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	FCMGT4S(0, 31, 0)
	FCMGT4S(1, 31, 1)
	FCMGT4S(2, 31, 2)
	FCMGT4S(3, 31, 3)
	VORR V1.B16, V0.B16, V0.B16
	VORR V3.B16, V2.B16, V2.B16
	VORR V2.B16, V0.B16, V0.B16
	VMOV V0.D[0], R4
	VMOV V0.D[1], R5
	ORR R5, R4, R4
	CBNZ R4, found
	ADD $16, R1, R1
	B values

found:
	MOVD R1, ret+32(FP)
	RET

// func fetchNEON(b *byte, n int)
TEXT ·fetchNEON(SB), NOSPLIT, $0-16
	MOVD b+0(FP), R0
	MOVD n+8(FP), R1

line:
	PRFM (R0), PLDL1KEEP
	ADD $64, R0, R0
	SUBS $64, R1, R1
	BGT line
	ADD R1, R0, R0
	SUB $1, R0, R0
	PRFM (R0), PLDL1KEEP // the last byte: b may begin inside a line
	RET
