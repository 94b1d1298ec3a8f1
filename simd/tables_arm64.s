//go:build arm64 && !purego

#include "textflag.h"
#include "neon_arm64.h"

// The parts of four values, negative ones in the first register and positive ones in the second,
// as the bits of an entry's number choose them: bit 0, bit 1, bit 2, bit 3.
DATA parts<>+0(SB)/8, $0x1312111003020100
DATA parts<>+8(SB)/8, $0x1312111003020100
DATA parts<>+16(SB)/8, $0x0706050407060504
DATA parts<>+24(SB)/8, $0x1716151417161514
DATA parts<>+32(SB)/8, $0x1b1a19180b0a0908
DATA parts<>+40(SB)/8, $0x1b1a19180b0a0908
DATA parts<>+48(SB)/8, $0x0f0e0d0c0f0e0d0c
DATA parts<>+56(SB)/8, $0x1f1e1d1c1f1e1d1c
GLOBL parts<>(SB), RODATA|NOPTR, $64

// func groupRangeNEON(q *float32, n int, lanes *[16]float32) (maxRange float32)
TEXT ·groupRangeNEON(SB), NOSPLIT, $0-28
	MOVD q+0(FP), R0
	MOVD n+8(FP), R1
	MOVD lanes+16(FP), R2
	VEOR V0.B16, V0.B16, V0.B16
	VEOR V1.B16, V1.B16, V1.B16
	VEOR V2.B16, V2.B16, V2.B16
	VEOR V3.B16, V3.B16, V3.B16
	VEOR V8.B16, V8.B16, V8.B16

values:
	VLD1.P 64(R0), [V4.S4, V5.S4, V6.S4, V7.S4]
	FABS4S(4, 4)
	FABS4S(5, 5)
	FABS4S(6, 6)
	FABS4S(7, 7)
	FADD4S(4, 0, 0)
	FADD4S(5, 1, 1)
	FADD4S(6, 2, 2)
	FADD4S(7, 3, 3)
	FADDP4S(5, 4, 4)
	FADDP4S(7, 6, 6)
	FADDP4S(6, 4, 4)
	FMAX4S(4, 8, 8)
	SUBS $16, R1, R1
	BNE values
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R2)
	FMAXV4S(8, 8)
	FMOVS F8, maxRange+24(FP)
	RET

// ENTRIES makes the entries 4i to 4i+3 of a table from the sums of bits 0 and 1 in V2 and lane i
// of those of bits 2 and 3 in V4.
#define ENTRIES(i, d, e) \
	VDUP V4.S[i], e.S4 \
	FADD4S(d, 2, d) \
	FMUL4S(29, d, d) \
	FADD4S(30, d, d) \
	FCVTZS4S(d, d) \
	VUMIN V31.S4, e.S4, e.S4

// func fillTablesNEON(tab *byte, q *float32, n int, inv float32)
TEXT ·fillTablesNEON(SB), NOSPLIT, $0-28
	MOVD tab+0(FP), R0
	MOVD q+8(FP), R1
	MOVD n+16(FP), R2
	MOVD $inv+24(FP), R3
	VLD1R (R3), [V29.S4]
	MOVD $0x3f000000, R3 // 0.5
	VDUP R3, V30.S4
	MOVD $63, R3
	VDUP R3, V31.S4
	MOVD $parts<>(SB), R3
	VLD1 (R3), [V24.B16, V25.B16, V26.B16, V27.B16]
	VEOR V28.B16, V28.B16, V28.B16

table:
	VLD1.P 16(R1), [V1.S4]
	FNEG4S(1, 0)
	FMAX4S(28, 0, 0)
	FMAX4S(28, 1, 1)
	VTBL V24.B16, [V0.B16, V1.B16], V2.B16
	VTBL V25.B16, [V0.B16, V1.B16], V3.B16
	VTBL V26.B16, [V0.B16, V1.B16], V4.B16
	VTBL V27.B16, [V0.B16, V1.B16], V5.B16
	FADD4S(3, 2, 2)
	FADD4S(5, 4, 4)
	ENTRIES(0, 16, V16)
	ENTRIES(1, 17, V17)
	ENTRIES(2, 18, V18)
	ENTRIES(3, 19, V19)
	VUZP1 V17.H8, V16.H8, V16.H8
	VUZP1 V19.H8, V18.H8, V18.H8
	VUZP1 V18.B16, V16.B16, V16.B16
	VST1.P [V16.B16], 16(R0)
	SUBS $4, R2, R2
	BNE table
	RET

// ROUND multiplies four values by inv and rounds them half away from zero.
#define ROUND(n, v) \
	FMUL4S(29, n, n) \
	VAND V31.B16, v.B16, V4.B16 \
	VORR V30.B16, V4.B16, V4.B16 \
	FADD4S(4, n, n) \
	FCVTZS4S(n, n)

// func roundInt8NEON(z *int8, q *float32, n int, inv float32)
TEXT ·roundInt8NEON(SB), NOSPLIT, $0-28
	MOVD z+0(FP), R0
	MOVD q+8(FP), R1
	MOVD n+16(FP), R2
	MOVD $inv+24(FP), R3
	VLD1R (R3), [V29.S4]
	MOVD $0x3f000000, R3 // 0.5
	VDUP R3, V30.S4
	MOVD $0x80000000, R3
	VDUP R3, V31.S4

values:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	ROUND(0, V0)
	ROUND(1, V1)
	ROUND(2, V2)
	ROUND(3, V3)
	VUZP1 V1.H8, V0.H8, V0.H8
	VUZP1 V3.H8, V2.H8, V2.H8
	VUZP1 V2.B16, V0.B16, V0.B16
	VST1.P [V0.B16], 16(R0)
	SUBS $16, R2, R2
	BNE values
	RET
