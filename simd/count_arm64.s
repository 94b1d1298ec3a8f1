//go:build arm64 && !purego

#include "textflag.h"
#include "neon_arm64.h"

// COUNT compares V0 with V(limit) and takes the -1 of every lane up to it from sum. t, a register of
// number n, is scratch.
#define COUNT(limit, n, t, sum) \
	FCMGE4S(0, limit, n) \
	VSUB t.S4, sum.S4, sum.S4

// func countUpToNEON(v *float32, n int, limits *[7]float32, counts *[7]uint32)
TEXT ·countUpToNEON(SB), NOSPLIT, $0-32
	MOVD v+0(FP), R0
	MOVD n+8(FP), R1
	MOVD limits+16(FP), R2
	MOVD counts+24(FP), R3
	VLD1R.P 4(R2), [V1.S4]
	VLD1R.P 4(R2), [V2.S4]
	VLD1R.P 4(R2), [V3.S4]
	VLD1R.P 4(R2), [V4.S4]
	VLD1R.P 4(R2), [V5.S4]
	VLD1R.P 4(R2), [V6.S4]
	VLD1R (R2), [V7.S4]
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16
	VEOR V22.B16, V22.B16, V22.B16

values:
	CBZ R1, done
	VLD1.P 16(R0), [V0.S4]
	COUNT(1, 24, V24, V16)
	COUNT(2, 25, V25, V17)
	COUNT(3, 26, V26, V18)
	COUNT(4, 27, V27, V19)
	COUNT(5, 28, V28, V20)
	COUNT(6, 29, V29, V21)
	COUNT(7, 30, V30, V22)
	SUB $4, R1, R1
	B values

// GIVE writes the sum of a register's lanes.
#define GIVE(sum) \
	VADDV sum.S4, sum \
	VMOV sum.S[0], R4 \
	MOVW.P R4, 4(R3)

done:
	GIVE(V16)
	GIVE(V17)
	GIVE(V18)
	GIVE(V19)
	GIVE(V20)
	GIVE(V21)
	GIVE(V22)
	RET

// func leastOfGroupsNEON(v *float32, n int, groups *[32]float32)
TEXT ·leastOfGroupsNEON(SB), NOSPLIT, $0-24
	MOVD v+0(FP), R0
	MOVD n+8(FP), R1
	MOVD groups+16(FP), R2
	MOVD $0x7f800000, R3
	VDUP R3, V0.S4
	VDUP R3, V1.S4
	VDUP R3, V2.S4
	VDUP R3, V3.S4
	VDUP R3, V4.S4
	VDUP R3, V5.S4
	VDUP R3, V6.S4
	VDUP R3, V7.S4

turn:
	CBZ R1, lowest
	VLD1.P 64(R0), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P 64(R0), [V20.S4, V21.S4, V22.S4, V23.S4]
	FMINNM4S(16, 0, 0)
	FMINNM4S(17, 1, 1)
	FMINNM4S(18, 2, 2)
	FMINNM4S(19, 3, 3)
	FMINNM4S(20, 4, 4)
	FMINNM4S(21, 5, 5)
	FMINNM4S(22, 6, 6)
	FMINNM4S(23, 7, 7)
	SUB $32, R1, R1
	B turn

lowest:
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R2)
	VST1 [V4.S4, V5.S4, V6.S4, V7.S4], (R2)
	RET
