//go:build arm64 && !purego

#include "textflag.h"
#include "neon_arm64.h"

// Which byte of eight goes to each of 16 lanes, for four registers; then the bit each lane tests.
DATA spread<>+0(SB)/8, $0x0000000000000000
DATA spread<>+8(SB)/8, $0x0101010101010101
DATA spread<>+16(SB)/8, $0x0202020202020202
DATA spread<>+24(SB)/8, $0x0303030303030303
DATA spread<>+32(SB)/8, $0x0404040404040404
DATA spread<>+40(SB)/8, $0x0505050505050505
DATA spread<>+48(SB)/8, $0x0606060606060606
DATA spread<>+56(SB)/8, $0x0707070707070707
DATA spread<>+64(SB)/8, $0x8040201008040201
DATA spread<>+72(SB)/8, $0x8040201008040201
GLOBL spread<>(SB), RODATA|NOPTR, $80

// SPREAD turns the 64 bits of s into bytes of four registers, all ones where the bit is set.
#define SPREAD(s, a, b, c, d) \
	VTBL V28.B16, [s.B16], a.B16 \
	VTBL V29.B16, [s.B16], b.B16 \
	VTBL V30.B16, [s.B16], c.B16 \
	VTBL V31.B16, [s.B16], d.B16 \
	VCMTST V27.B16, a.B16, a.B16 \
	VCMTST V27.B16, b.B16, b.B16 \
	VCMTST V27.B16, c.B16, c.B16 \
	VCMTST V27.B16, d.B16, d.B16

// CODES reads the arguments that both code kernels begin with and sets the constants.
#define CODES(base) \
	MOVD base+0(FP), R0 \
	MOVD row+8(FP), R1 \
	ADD R1, R0, R0 \
	MOVD planes+16(FP), R1 \
	LDP 0(R1), (R3, R4) \
	LDP 16(R1), (R5, R6) \
	MOVD e+24(FP), R2 \
	MOVD d+32(FP), R7 \
	MOVD $32, R11 \
	VMOVI $15, V21.B16 \
	VMOVI $3, V22.B16 \
	VMOVI $1, V23.B16 \
	AND $3, R2, R8 \
	VDUP R8, V24.B16 \
	AND $1, R2, R8 \
	VDUP R8, V25.B16 \
	MOVD $1, R8 \
	LSL R2, R8, R8 \
	MOVD $spread<>(SB), R1 \
	VLD1.P 64(R1), [V28.B16, V29.B16, V30.B16, V31.B16] \
	VLD1 (R1), [V27.B16]

// UNPACK reads the codes of 64 dimensions: the extra bits into V0 to V3 and the sign, all ones for
// a set one, into V4 to V7. R0 walks over the sign bytes of the row; R3 to R6 over the planes of
// width 8, 4, 2 and 1, zero for an absent one; V24 and V25 hold the bits that are below the planes
// of 4 and of 2.
#define UNPACK \
	VLD1.P (R0)(R11), V16.B[0] \
	VLD1.P (R0)(R11), V16.B[1] \
	VLD1.P (R0)(R11), V16.B[2] \
	VLD1.P (R0)(R11), V16.B[3] \
	VLD1.P (R0)(R11), V16.B[4] \
	VLD1.P (R0)(R11), V16.B[5] \
	VLD1.P (R0)(R11), V16.B[6] \
	VLD1.P (R0)(R11), V16.B[7] \
	SPREAD(V16, V4, V5, V6, V7) \
	VEOR V0.B16, V0.B16, V0.B16 \
	VEOR V1.B16, V1.B16, V1.B16 \
	VEOR V2.B16, V2.B16, V2.B16 \
	VEOR V3.B16, V3.B16, V3.B16 \
	CBZ R3, nibbles \
	VLD1.P 64(R3), [V0.B16, V1.B16, V2.B16, V3.B16] \
nibbles: \
	CBZ R4, pairs \
	VLD1.P 32(R4), [V16.B16, V17.B16] \
	VAND V21.B16, V16.B16, V0.B16 \
	VAND V21.B16, V17.B16, V1.B16 \
	VUSHR $4, V16.B16, V2.B16 \
	VUSHR $4, V17.B16, V3.B16 \
	USHL16B(24, 0, 0) \
	USHL16B(24, 1, 1) \
	USHL16B(24, 2, 2) \
	USHL16B(24, 3, 3) \
pairs: \
	CBZ R5, singles \
	VLD1.P 16(R5), [V16.B16] \
	VUSHR $2, V16.B16, V17.B16 \
	VUSHR $4, V16.B16, V18.B16 \
	VUSHR $6, V16.B16, V19.B16 \
	VAND V22.B16, V16.B16, V16.B16 \
	VAND V22.B16, V17.B16, V17.B16 \
	VAND V22.B16, V18.B16, V18.B16 \
	USHL16B(25, 16, 16) \
	USHL16B(25, 17, 17) \
	USHL16B(25, 18, 18) \
	USHL16B(25, 19, 19) \
	VORR V16.B16, V0.B16, V0.B16 \
	VORR V17.B16, V1.B16, V1.B16 \
	VORR V18.B16, V2.B16, V2.B16 \
	VORR V19.B16, V3.B16, V3.B16 \
singles: \
	CBZ R6, unpacked \
	VLD1.P 8(R6), [V16.B8] \
	SPREAD(V16, V17, V18, V19, V20) \
	VAND V23.B16, V17.B16, V17.B16 \
	VAND V23.B16, V18.B16, V18.B16 \
	VAND V23.B16, V19.B16, V19.B16 \
	VAND V23.B16, V20.B16, V20.B16 \
	VORR V17.B16, V0.B16, V0.B16 \
	VORR V18.B16, V1.B16, V1.B16 \
	VORR V19.B16, V2.B16, V2.B16 \
	VORR V20.B16, V3.B16, V3.B16 \
unpacked:

// func dotCodeNEON(block *byte, row int, planes *[4]*byte, e, d int, z *int8) int32
TEXT ·dotCodeNEON(SB), NOSPLIT, $0-52
	CODES(block)
	VDUP R8, V26.B16
	MOVD z+40(FP), R9
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16

// Four products of at most 31*128 fit an int16.
group:
	UNPACK
	VAND V26.B16, V4.B16, V4.B16
	VAND V26.B16, V5.B16, V5.B16
	VAND V26.B16, V6.B16, V6.B16
	VAND V26.B16, V7.B16, V7.B16
	VORR V4.B16, V0.B16, V0.B16
	VORR V5.B16, V1.B16, V1.B16
	VORR V6.B16, V2.B16, V2.B16
	VORR V7.B16, V3.B16, V3.B16
	VLD1.P 64(R9), [V12.B16, V13.B16, V14.B16, V15.B16]
	SMULL8H(12, 0, 8)
	SMULL2X8H(12, 0, 9)
	SMLAL8H(13, 1, 8)
	SMLAL2X8H(13, 1, 9)
	SMLAL8H(14, 2, 8)
	SMLAL2X8H(14, 2, 9)
	SMLAL8H(15, 3, 8)
	SMLAL2X8H(15, 3, 9)
	SADALP4S(8, 10)
	SADALP4S(9, 11)
	SUBS $64, R7, R7
	BNE group
	VADD V11.S4, V10.S4, V10.S4
	VADDV V10.S4, V10
	VMOV V10.S[0], R0
	MOVW R0, ret+48(FP)
	RET

// TERMS adds the 16 products of the extra bits x and the signs s with q to the lanes V8 to V11.
#define TERMS(x, s) \
	VLD1.P 64(R9), [V12.S4, V13.S4, V14.S4, V15.S4] \
	VUSHLL $0, x.B8, V16.H8 \
	VUSHLL2 $0, x.B16, V17.H8 \
	VZIP1 s.B16, s.B16, V18.B16 \
	VZIP2 s.B16, s.B16, V19.B16 \
	VAND V26.B16, V18.B16, V18.B16 \
	VAND V26.B16, V19.B16, V19.B16 \
	VORR V18.B16, V16.B16, V16.B16 \
	VORR V19.B16, V17.B16, V17.B16 \
	VUSHLL $0, V16.H4, V18.S4 \
	VUSHLL2 $0, V16.H8, V19.S4 \
	VUSHLL $0, V17.H4, V20.S4 \
	VUSHLL2 $0, V17.H8, V17.S4 \
	UCVTF4S(18, 18) \
	UCVTF4S(19, 19) \
	UCVTF4S(20, 20) \
	UCVTF4S(17, 17) \
	FMUL4S(12, 18, 18) \
	FMUL4S(13, 19, 19) \
	FMUL4S(14, 20, 20) \
	FMUL4S(15, 17, 17) \
	FADD4S(18, 8, 8) \
	FADD4S(19, 9, 9) \
	FADD4S(20, 10, 10) \
	FADD4S(17, 11, 11)

// func dotCodeFloatNEON(block *byte, row int, planes *[4]*byte, e, d int, q *float32,
//	lanes *[16]float32)
TEXT ·dotCodeFloatNEON(SB), NOSPLIT, $0-56
	CODES(block)
	VDUP R8, V26.H8
	MOVD q+40(FP), R9
	VEOR V8.B16, V8.B16, V8.B16
	VEOR V9.B16, V9.B16, V9.B16
	VEOR V10.B16, V10.B16, V10.B16
	VEOR V11.B16, V11.B16, V11.B16

group:
	UNPACK
	TERMS(V0, V4)
	TERMS(V1, V5)
	TERMS(V2, V6)
	TERMS(V3, V7)
	SUBS $64, R7, R7
	BNE group
	MOVD lanes+48(FP), R0
	VST1 [V8.S4, V9.S4, V10.S4, V11.S4], (R0)
	RET
