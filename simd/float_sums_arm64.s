//go:build arm64 && !purego

#include "textflag.h"
#include "neon_arm64.h"

// func dot16NEON(lanes *[16]float32, x, y *float32, n int)
TEXT ·dot16NEON(SB), NOSPLIT, $0-32
	MOVD lanes+0(FP), R0
	MOVD x+8(FP), R1
	MOVD y+16(FP), R2
	MOVD n+24(FP), R3
	VLD1 (R0), [V0.S4, V1.S4, V2.S4, V3.S4]

values:
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	VLD1.P 64(R2), [V16.S4, V17.S4, V18.S4, V19.S4]
	FMUL4S(4, 16, 16)
	FMUL4S(5, 17, 17)
	FMUL4S(6, 18, 18)
	FMUL4S(7, 19, 19)
	FADD4S(16, 0, 0)
	FADD4S(17, 1, 1)
	FADD4S(18, 2, 2)
	FADD4S(19, 3, 3)
	SUBS $16, R3, R3
	BNE values
	VST1 [V0.S4, V1.S4, V2.S4, V3.S4], (R0)
	RET

// DOUBLES reads 16 float32 at p, which it moves on, into V16 to V23 as float64.
#define DOUBLES(p) \
	VLD1.P 64(p), [V20.S4, V21.S4, V22.S4, V23.S4] \
	FCVTL(20, 16) \
	FCVTL2(20, 17) \
	FCVTL(21, 18) \
	FCVTL2(21, 19) \
	FCVTL(22, 20) \
	FCVTL2(22, 21) \
	FCVTL2(23, 24) \
	FCVTL(23, 22) \
	VORR V24.B16, V24.B16, V23.B16

// LOADLANES and STORELANES move the sixteen float64 sums at R0 to V0 to V7 and back.
#define LOADLANES \
	ADD $64, R0, R4 \
	VLD1 (R0), [V0.D2, V1.D2, V2.D2, V3.D2] \
	VLD1 (R4), [V4.D2, V5.D2, V6.D2, V7.D2]

#define STORELANES \
	VST1 [V0.D2, V1.D2, V2.D2, V3.D2], (R0) \
	VST1 [V4.D2, V5.D2, V6.D2, V7.D2], (R4)

// ADDPRODUCTS adds the products of V16 to V23 and a to h to the lanes. The product of two float32
// is exact, so fusing it with the addition changes no bit.
#define ADDPRODUCTS(a, b, c, d, e, f, g, h) \
	VFMLA a.D2, V16.D2, V0.D2 \
	VFMLA b.D2, V17.D2, V1.D2 \
	VFMLA c.D2, V18.D2, V2.D2 \
	VFMLA d.D2, V19.D2, V3.D2 \
	VFMLA e.D2, V20.D2, V4.D2 \
	VFMLA f.D2, V21.D2, V5.D2 \
	VFMLA g.D2, V22.D2, V6.D2 \
	VFMLA h.D2, V23.D2, V7.D2

// func dot64NEON(lanes *[16]float64, x, y *float32, n int)
TEXT ·dot64NEON(SB), NOSPLIT, $0-32
	MOVD lanes+0(FP), R0
	MOVD x+8(FP), R1
	MOVD y+16(FP), R2
	MOVD n+24(FP), R3
	LOADLANES

values:
	DOUBLES(R1)
	VLD1.P 64(R2), [V24.S4, V25.S4, V26.S4, V27.S4]
	FCVTL2(24, 28)
	FCVTL2(25, 29)
	FCVTL2(26, 30)
	FCVTL2(27, 31)
	FCVTL(24, 24)
	FCVTL(25, 25)
	FCVTL(26, 26)
	FCVTL(27, 27)
	ADDPRODUCTS(V24, V28, V25, V29, V26, V30, V27, V31)
	SUBS $16, R3, R3
	BNE values
	STORELANES
	RET

// func norm64NEON(lanes *[16]float64, x *float32, n int)
TEXT ·norm64NEON(SB), NOSPLIT, $0-24
	MOVD lanes+0(FP), R0
	MOVD x+8(FP), R1
	MOVD n+16(FP), R3
	LOADLANES

values:
	DOUBLES(R1)
	ADDPRODUCTS(V16, V17, V18, V19, V20, V21, V22, V23)
	SUBS $16, R3, R3
	BNE values
	STORELANES
	RET

// ADDSQUARE adds the square of the difference of V(x) and V(y) to V(sum), each step rounded.
#define ADDSQUARE(y, x, sum) \
	FSUB2D(y, x, x) \
	FMUL2D(x, x, x) \
	FADD2D(x, sum, sum)

// func l2Sq64NEON(lanes *[16]float64, x, y *float32, n int)
TEXT ·l2Sq64NEON(SB), NOSPLIT, $0-32
	MOVD lanes+0(FP), R0
	MOVD x+8(FP), R1
	MOVD y+16(FP), R2
	MOVD n+24(FP), R3
	LOADLANES

values:
	DOUBLES(R1)
	VLD1.P 64(R2), [V24.S4, V25.S4, V26.S4, V27.S4]
	FCVTL2(24, 28)
	FCVTL2(25, 29)
	FCVTL2(26, 30)
	FCVTL2(27, 31)
	FCVTL(24, 24)
	FCVTL(25, 25)
	FCVTL(26, 26)
	FCVTL(27, 27)
	ADDSQUARE(24, 16, 0)
	ADDSQUARE(28, 17, 1)
	ADDSQUARE(25, 18, 2)
	ADDSQUARE(29, 19, 3)
	ADDSQUARE(26, 20, 4)
	ADDSQUARE(30, 21, 5)
	ADDSQUARE(27, 22, 6)
	ADDSQUARE(31, 23, 7)
	SUBS $16, R3, R3
	BNE values
	STORELANES
	RET
