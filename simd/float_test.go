package simd

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand"
	"slices"
	"testing"
)

// memory hands out the slices of one kernel call: in front of an unreadable page, or at an offset
// from a 64-byte boundary between canaries.
type memory struct {
	t      testing.TB
	guard  bool
	offset int
	checks []func()
}

func room[T any](m *memory, n int) []T {
	if m.guard {
		return guarded[T](m.t, n)
	}
	f := newFenced[T](n, m.offset)
	m.checks = append(m.checks, func() { f.Check(m.t, "float kernel") })
	return f.Slice
}

func given[T any](m *memory, s []T) []T {
	g := room[T](m, len(s))
	copy(g, s)
	return g
}

// inputs are the arguments of one call; each kernel takes what it needs.
type inputs struct {
	x, y  []float32
	wide  []float64
	half  []uint16
	codes []byte
	s     float32
	s64   float64
	e     int
}

func randomInputs(r *rand.Rand, n int) *inputs {
	in := &inputs{x: make([]float32, n), y: make([]float32, n), wide: make([]float64, n),
		half: make([]uint16, n), codes: make([]byte, n), s: float32(r.NormFloat64()),
		s64: r.NormFloat64(), e: 1 + r.Intn(8)}
	for i := range n {
		in.x[i], in.y[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
		in.wide[i], in.half[i] = r.NormFloat64()*1e3, uint16(r.Uint32())
		in.codes[i] = byte(r.Uint32())
	}
	return in
}

// specials are the values that arithmetic treats apart.
var specials = []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)),
	float32(math.Inf(-1)), float32(math.NaN()), 1e-45, -1e-45, 1e-39, 0x1p-126, 3.4e38, -3.4e38, 1, -1}

// spoil replaces about one value in eight by a special one.
func (in *inputs) spoil(r *rand.Rand) *inputs {
	for i := range in.x {
		if r.Intn(8) == 0 {
			in.x[i] = specials[r.Intn(len(specials))]
		}
		if r.Intn(8) == 0 {
			in.y[i] = specials[r.Intn(len(specials))]
		}
		if r.Intn(8) == 0 {
			in.wide[i] = float64(specials[r.Intn(len(specials))]) * []float64{1, 4, 0x1p-20}[r.Intn(3)]
		}
	}
	return in
}

// bits32 gives the bits of float32 values, every NaN the same.
func bits32(values ...float32) []uint64 {
	out := make([]uint64, len(values))
	for i, v := range values {
		out[i] = uint64(math.Float32bits(v))
		if v != v {
			out[i] = 0x7fc00000
		}
	}
	return out
}

func bits64(values ...float64) []uint64 {
	out := make([]uint64, len(values))
	for i, v := range values {
		out[i] = math.Float64bits(v)
		if v != v {
			out[i] = 0x7ff8 << 48
		}
	}
	return out
}

func bits8(values []byte) []uint64 {
	out := make([]uint64, len(values))
	for i, v := range values {
		out[i] = uint64(v)
	}
	return out
}

// exactKernel is a function of the float group that promises the same bits on every tier; run
// calls it with all its memory taken from m and returns the bits of everything it gave.
type exactKernel struct {
	name string
	unit int // lengths are multiples of it
	run  func(m *memory, in *inputs) []uint64
}

var exactKernels = []exactKernel{
	{"Center", 1, func(m *memory, in *inputs) []uint64 {
		dst := room[float32](m, len(in.x))
		Center(dst, given(m, in.x), in.s, given(m, in.y))
		return bits32(dst...)
	}},
	{"Scale", 1, func(m *memory, in *inputs) []uint64 {
		dst := room[float32](m, len(in.x))
		Scale(dst, given(m, in.x), in.s)
		return bits32(dst...)
	}},
	{"MaxAbs", 1, func(m *memory, in *inputs) []uint64 { return bits32(MaxAbs(given(m, in.x))) }},
	{"Dot16", 1, func(m *memory, in *inputs) []uint64 {
		return bits32(Dot16(given(m, in.x), given(m, in.y)))
	}},
	{"Dot16Of", 1, func(m *memory, in *inputs) []uint64 {
		rows := slices.Concat(in.y, in.x, in.y)
		out := room[float32](m, 6)
		Dot16Of(out, given(m, in.x), given(m, rows), []uint32{2, 0, 1, 1, 2, 0})
		return bits32(out...)
	}},
	{"Norm16", 1, func(m *memory, in *inputs) []uint64 { return bits32(Norm16(given(m, in.x))) }},
	{"Dot64", 1, func(m *memory, in *inputs) []uint64 {
		return bits64(Dot64(given(m, in.x), given(m, in.y)))
	}},
	{"L2Sq64", 1, func(m *memory, in *inputs) []uint64 {
		return bits64(L2Sq64(given(m, in.x), given(m, in.y)))
	}},
	{"Norm64", 1, func(m *memory, in *inputs) []uint64 { return bits64(Norm64(given(m, in.x))) }},
	{"AddScaled", 1, func(m *memory, in *inputs) []uint64 {
		sum := given(m, in.wide)
		AddScaled(sum, given(m, in.x), in.s64)
		return bits64(sum...)
	}},
	{"F16ToF32", 1, func(m *memory, in *inputs) []uint64 {
		dst := room[float32](m, len(in.half))
		F16ToF32(dst, given(m, in.half))
		return bits32(dst...)
	}},
	{"F64ToF32", 1, func(m *memory, in *inputs) []uint64 {
		dst := room[float32](m, len(in.wide))
		F64ToF32(dst, given(m, in.wide))
		return bits32(dst...)
	}},
	{"Int8ToF32", 1, func(m *memory, in *inputs) []uint64 {
		dst, src := room[float32](m, len(in.codes)), room[int8](m, len(in.codes))
		for i, code := range in.codes {
			src[i] = int8(code)
		}
		Int8ToF32(dst, src)
		return bits32(dst...)
	}},
	{"Uint8ToF32", 1, func(m *memory, in *inputs) []uint64 {
		dst := room[float32](m, len(in.codes))
		Uint8ToF32(dst, given(m, in.codes))
		return bits32(dst...)
	}},
	{"PackSigns", groupDims, func(m *memory, in *inputs) []uint64 {
		code := room[byte](m, len(in.x)/8)
		norm2, abs := PackSigns(code, given(m, in.x))
		return append(bits8(code), bits32(norm2, abs)...)
	}},
	{"EncodeExtra", groupDims, func(m *memory, in *inputs) []uint64 {
		k := room[byte](m, len(in.x))
		t := absolute(in.s) * float32(int(1)<<in.e)
		dot, sq := EncodeExtra(k, given(m, in.x), t, in.e)
		return append(bits8(k), append(bits32(dot), uint64(sq))...)
	}},
	{"PackExtra", groupDims, func(m *memory, in *inputs) []uint64 {
		d := len(in.codes)
		k, signs := given(m, in.codes), given(m, in.codes[:d/8])
		for i := range k {
			k[i] &= byte(1<<in.e - 1)
		}
		dst := room[byte](m, d*in.e/8)
		PackExtra(dst, k, signs, in.e, d)
		return bits8(dst)
	}},
	{"Rotate", groupDims, func(m *memory, in *inputs) []uint64 {
		d := len(in.x)
		if d == 0 {
			return nil
		}
		signs := make([]uint32, rotateRounds*d)
		for i := range signs {
			signs[i] = uint32(in.codes[i%d]>>(i/d)&1) << 31
		}
		x := given(m, in.x)
		Rotate(x, 1, d, given(m, signs))
		return bits32(x...)
	}},
}

// checkExact fails the test unless kernel k gives the bits of the Go implementation on m, on every
// tier that has kernels in assembly.
func checkExact(t testing.TB, k exactKernel, m *memory, in *inputs) {
	t.Helper()
	var want, got []uint64
	withTier(t, Pure, func() { want = k.run(&memory{t: t}, in) })
	for _, tier := range assembled(t) {
		withTier(t, tier, func() { got = k.run(m, in) })
		for _, check := range m.checks {
			check()
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s %s, n=%d offset=%d: output %d is %#x, pure Go gives %#x",
					k.name, tier, len(in.x), m.offset, i, got[i], want[i])
			}
		}
	}
}

// exactLengths are all lengths around the unroll, and two beyond one assembly call; one where
// time is short, as on an emulated CPU.
func exactLengths(unit int) []int {
	var all []int
	for n := 0; n <= 80; n++ {
		all = append(all, n*unit)
		if unit > 1 && n >= 17 {
			break
		}
	}
	if testing.Short() {
		return append(all, callFloats+unit)
	}
	return append(all, callFloats+unit, 2*callFloats+7*unit)
}

func TestFloatKernelsGiveTheBitsOfPureGoAtEveryLength(t *testing.T) {
	r := newRand(t)
	for _, k := range exactKernels {
		t.Run(k.name, func(t *testing.T) {
			for _, n := range exactLengths(k.unit) {
				checkExact(t, k, &memory{t: t, offset: 4 * r.Intn(16)}, randomInputs(r, n))
				checkExact(t, k, &memory{t: t}, randomInputs(r, n).spoil(r))
			}
		})
	}
}

func TestFloatKernelsWorkAtEveryAlignment(t *testing.T) {
	r := newRand(t)
	for _, k := range exactKernels {
		for offset := range 64 {
			n := 67
			if k.unit > 1 {
				n = 3 * k.unit
			}
			checkExact(t, k, &memory{t: t, offset: offset}, randomInputs(r, n))
		}
	}
}

func TestFloatKernelsTouchNothingBehindTheirSlices(t *testing.T) {
	r := newRand(t)
	for _, k := range exactKernels {
		t.Run(k.name, func(t *testing.T) {
			for n := 0; n <= 40; n++ {
				if n*k.unit <= 1024 {
					checkExact(t, k, &memory{t: t, guard: true}, randomInputs(r, n*k.unit))
				}
			}
		})
	}
}

func TestF16ToF32IsExactForEveryValue(t *testing.T) {
	src, dst := make([]uint16, 1<<16), make([]float32, 1<<16)
	for i := range src {
		src[i] = uint16(i)
	}
	for _, tier := range Available() {
		withTier(t, tier, func() { F16ToF32(dst, src) })
		for i, got := range dst {
			exp, frac := i>>10&31, i&0x3ff
			want := math.Ldexp(float64(1024+frac), exp-25)
			switch {
			case exp == 31 && frac != 0:
				bits := uint32(i&0x8000)<<16 | 0x7fc00000 | uint32(frac)<<13
				if math.Float32bits(got) != bits {
					t.Fatalf("%s: NaN %#x became %#x", tier, i, math.Float32bits(got))
				}
				continue
			case exp == 31:
				want = math.Inf(1)
			case exp == 0:
				want = math.Ldexp(float64(frac), -24)
			}
			if i>>15 == 1 {
				want = -want
			}
			if math.Float64bits(float64(got)) != math.Float64bits(want) {
				t.Fatalf("%s: %#x became %v, want %v", tier, i, got, want)
			}
		}
	}
}

func TestWholeNumbersOfOneByteConvertExactly(t *testing.T) {
	signed, unsigned := make([]int8, 256), make([]uint8, 256)
	for i := range 256 {
		signed[i], unsigned[i] = int8(i-128), uint8(i)
	}
	for _, tier := range Available() {
		fromSigned, fromUnsigned := make([]float32, 256), make([]float32, 256)
		withTier(t, tier, func() {
			Int8ToF32(fromSigned, signed)
			Uint8ToF32(fromUnsigned, unsigned)
		})
		for i := range 256 {
			if fromSigned[i] != float32(i-128) || fromUnsigned[i] != float32(i) {
				t.Fatalf("%s: %d became %v, %d became %v", tier, i-128, fromSigned[i], i,
					fromUnsigned[i])
			}
		}
	}
}

func TestF64ToF32RoundsTiesToEvenAndOverflowsToInfinity(t *testing.T) {
	src := []float64{1 + 0x1p-24, 1 + 3*0x1p-24, 0x1p-150, 3 * 0x1p-150, 3.5e38, -3.5e38, 0x1p-127, 1}
	inf := float32(math.Inf(1))
	want := []float32{1, 1 + 0x1p-22, 0, 0x1p-148, inf, -inf, 0x1p-127, 1}
	for _, tier := range Available() {
		got := make([]float32, len(src))
		withTier(t, tier, func() { F64ToF32(got, src) })
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", tier, got, want)
		}
	}
}

func TestStoredSumsAddInSixteenLanes(t *testing.T) {
	x := make([]float32, 33)
	x[0], x[16], x[32] = 1e8, 1, -1e8 // one lane: the 1 is lost
	x[1], x[15] = 0.5, 0.25
	ones := make([]float32, len(x))
	for i := range ones {
		ones[i] = 1
	}
	for _, tier := range Available() {
		withTier(t, tier, func() {
			if got := Dot16(x, ones); got != 0.75 {
				t.Errorf("%s: Dot16 = %v, want 0.75", tier, got)
			}
			if got := Dot64(x, ones); got != 1.75 {
				t.Errorf("%s: Dot64 = %v, want 1.75", tier, got)
			}
			if got := Norm16([]float32{3, 4}); got != 25 {
				t.Errorf("%s: Norm16 = %v, want 25", tier, got)
			}
			if got := L2Sq64([]float32{3, 4}, []float32{0, 0}); got != 25 {
				t.Errorf("%s: L2Sq64 = %v, want 25", tier, got)
			}
			if got := MaxAbs([]float32{1, float32(math.NaN()), -3, 2}); got != 3 {
				t.Errorf("%s: MaxAbs = %v, want 3", tier, got)
			}
		})
	}
}

// Every number of rows has its own way through fours and what is left of them.
func TestSomeRowsHaveTheSumsOfEach(t *testing.T) {
	r := rand.New(rand.NewSource(5))
	for _, d := range []int{1, 16, 17, 48, 384, callFloats + 16} {
		x, rows := make([]float32, d), make([]float32, 3*d)
		for i := range rows {
			rows[i] = float32(r.NormFloat64())
		}
		copy(x, rows[d/2:])
		for n := range 10 {
			which, out := make([]uint32, n), make([]float32, n+1)
			for i := range which {
				which[i] = uint32(r.Intn(3))
			}
			for _, tier := range Available() {
				withTier(t, tier, func() {
					out[n] = 7
					Dot16Of(out, x, rows, which)
					for i, row := range which {
						if want := Dot16(x, rows[int(row)*d:][:d]); out[i] != want {
							t.Fatalf("%s, d = %d, row %d of %d: %v, want %v", tier, d, i, n, out[i], want)
						}
					}
					if out[n] != 7 {
						t.Fatalf("%s, d = %d: more than %d rows were written", tier, d, n)
					}
				})
			}
		}
	}
}

func TestFloatFunctionsRefuseSlicesThatAreTooShort(t *testing.T) {
	x, wide, half := make([]float32, 64), make([]float64, 64), make([]uint16, 64)
	bytes := make([]byte, 64)
	for name, call := range map[string]func(){
		"Center dst":        func() { Center(x[:63], x, 1, x) },
		"Center mean":       func() { Center(x, x, 1, x[:63]) },
		"Scale":             func() { Scale(x[:63], x, 1) },
		"Dot16":             func() { Dot16(x, x[:63]) },
		"Dot16Of out":       func() { Dot16Of(x[:1], x[:32], x, []uint32{0, 1}) },
		"Dot16Of row":       func() { Dot16Of(x, x[:32], x, []uint32{0, 2}) },
		"Dot16Of last row":  func() { Dot16Of(x, x[:32], x[:63], []uint32{1}) },
		"Dot64":             func() { Dot64(x, x[:63]) },
		"L2Sq64":            func() { L2Sq64(x, x[:63]) },
		"AddScaled":         func() { AddScaled(wide[:63], x, 1) },
		"F16ToF32":          func() { F16ToF32(x[:63], half) },
		"F64ToF32":          func() { F64ToF32(x[:63], wide) },
		"Int8ToF32":         func() { Int8ToF32(x[:63], make([]int8, 64)) },
		"Uint8ToF32":        func() { Uint8ToF32(x[:63], bytes) },
		"PackSigns code":    func() { PackSigns(bytes[:7], x) },
		"PackSigns length":  func() { PackSigns(bytes, x[:63]) },
		"EncodeExtra k":     func() { EncodeExtra(bytes[:63], x, 1, 1) },
		"EncodeExtra e=0":   func() { EncodeExtra(bytes, x, 1, 0) },
		"EncodeExtra e=9":   func() { EncodeExtra(bytes, x, 1, 9) },
		"PackExtra dst":     func() { PackExtra(bytes[:23], bytes, bytes, 3, 64) },
		"PackExtra k":       func() { PackExtra(bytes, bytes[:63], bytes, 3, 64) },
		"PackExtra signs":   func() { PackExtra(bytes, bytes, bytes[:7], 3, 64) },
		"PackExtra e":       func() { PackExtra(bytes, bytes, bytes, 9, 64) },
		"PackExtra d of 65": func() { PackExtra(bytes, bytes, bytes, 1, 65) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("the call was accepted")
				}
			}()
			call()
		})
	}
}

func FuzzFloat(f *testing.F) {
	f.Add([]byte("a few bits of floats, which may be anything"), uint8(3), float32(1.5), 2.5)
	f.Add(make([]byte, 1024), uint8(63), float32(math.Inf(1)), math.NaN())
	f.Fuzz(func(t *testing.T, raw []byte, offset uint8, s float32, s64 float64) {
		n := min(len(raw)/4, 4096)
		in := randomInputs(rand.New(rand.NewSource(int64(offset))), n)
		in.s, in.s64, in.e = s, s64, 1+int(offset>>5)
		for i := range n {
			in.x[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			in.half[i] = binary.LittleEndian.Uint16(raw[4*i:])
			in.wide[i] = float64(in.x[i]) * in.wide[i]
			in.codes[i] = raw[i]
		}
		for _, k := range exactKernels {
			whole := n / k.unit * k.unit
			part := &inputs{x: in.x[:whole], y: in.y[:whole], wide: in.wide[:whole],
				half: in.half[:whole], codes: in.codes[:whole], s: in.s, s64: in.s64, e: in.e}
			checkExact(t, k, &memory{t: t, offset: int(offset % 64)}, part)
		}
	})
}
