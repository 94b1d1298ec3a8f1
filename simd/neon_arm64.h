// Instructions of arm64 that Go's assembler does not know. Operands are register numbers in Go's
// order: m, n, then the result d. checks/arm64_words.py compares each with the assembler of
// binutils, for which the comment above it says what it is.

#define OPERANDS(m, n, d) ((m)<<16 | (n)<<5 | (d))

// fadd v{d}.4s, v{n}.4s, v{m}.4s
#define FADD4S(m, n, d) WORD $(0x4E20D400 | OPERANDS(m, n, d))
// fsub v{d}.4s, v{n}.4s, v{m}.4s
#define FSUB4S(m, n, d) WORD $(0x4EA0D400 | OPERANDS(m, n, d))
// fmul v{d}.4s, v{n}.4s, v{m}.4s
#define FMUL4S(m, n, d) WORD $(0x6E20DC00 | OPERANDS(m, n, d))
// faddp v{d}.4s, v{n}.4s, v{m}.4s
#define FADDP4S(m, n, d) WORD $(0x6E20D400 | OPERANDS(m, n, d))
// fmax v{d}.4s, v{n}.4s, v{m}.4s
#define FMAX4S(m, n, d) WORD $(0x4E20F400 | OPERANDS(m, n, d))
// fcmgt v{d}.4s, v{n}.4s, v{m}.4s
#define FCMGT4S(m, n, d) WORD $(0x6EA0E400 | OPERANDS(m, n, d))
// fcmge v{d}.4s, v{n}.4s, v{m}.4s
#define FCMGE4S(m, n, d) WORD $(0x6E20E400 | OPERANDS(m, n, d))
// fminnm v{d}.4s, v{n}.4s, v{m}.4s
#define FMINNM4S(m, n, d) WORD $(0x4EA0C400 | OPERANDS(m, n, d))
// fabs v{d}.4s, v{n}.4s
#define FABS4S(n, d) WORD $(0x4EA0F800 | OPERANDS(0, n, d))
// fneg v{d}.4s, v{n}.4s
#define FNEG4S(n, d) WORD $(0x6EA0F800 | OPERANDS(0, n, d))
// fmaxv s{d}, v{n}.4s
#define FMAXV4S(n, d) WORD $(0x6E30F800 | OPERANDS(0, n, d))
// faddp s{d}, v{n}.2s
#define FADDPS(n, d) WORD $(0x7E30D800 | OPERANDS(0, n, d))
// fcvtzs v{d}.4s, v{n}.4s
#define FCVTZS4S(n, d) WORD $(0x4EA1B800 | OPERANDS(0, n, d))
// ucvtf v{d}.4s, v{n}.4s
#define UCVTF4S(n, d) WORD $(0x6E21D800 | OPERANDS(0, n, d))
// fcvtl v{d}.2d, v{n}.2s
#define FCVTL(n, d) WORD $(0x0E617800 | OPERANDS(0, n, d))
// fcvtl2 v{d}.2d, v{n}.4s
#define FCVTL2(n, d) WORD $(0x4E617800 | OPERANDS(0, n, d))
// fadd v{d}.2d, v{n}.2d, v{m}.2d
#define FADD2D(m, n, d) WORD $(0x4E60D400 | OPERANDS(m, n, d))
// fsub v{d}.2d, v{n}.2d, v{m}.2d
#define FSUB2D(m, n, d) WORD $(0x4EE0D400 | OPERANDS(m, n, d))
// fmul v{d}.2d, v{n}.2d, v{m}.2d
#define FMUL2D(m, n, d) WORD $(0x6E60DC00 | OPERANDS(m, n, d))
// smull v{d}.8h, v{n}.8b, v{m}.8b
#define SMULL8H(m, n, d) WORD $(0x0E20C000 | OPERANDS(m, n, d))
// smull2 v{d}.8h, v{n}.16b, v{m}.16b
#define SMULL2X8H(m, n, d) WORD $(0x4E20C000 | OPERANDS(m, n, d))
// smlal v{d}.8h, v{n}.8b, v{m}.8b
#define SMLAL8H(m, n, d) WORD $(0x0E208000 | OPERANDS(m, n, d))
// smlal2 v{d}.8h, v{n}.16b, v{m}.16b
#define SMLAL2X8H(m, n, d) WORD $(0x4E208000 | OPERANDS(m, n, d))
// sadalp v{d}.4s, v{n}.8h
#define SADALP4S(n, d) WORD $(0x4E606800 | OPERANDS(0, n, d))
// ushl v{d}.16b, v{n}.16b, v{m}.16b
#define USHL16B(m, n, d) WORD $(0x6E204400 | OPERANDS(m, n, d))
// fmla v{d}.4s, v{n}.4s, v{m}.4s
#define FMLA4S(m, n, d) WORD $(0x4E20CC00 | OPERANDS(m, n, d))
