package column

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// elemKind is the number type of a column. Hashes hold it: new types are appended.
type elemKind uint8

const (
	elemFloat32 elemKind = iota
	elemFloat64
	elemFloat16
	elemInt8
	elemUint8
	elemBits // packed bits, a byte a number
)

// elements is a run of numbers in Arrow memory; the slice that kind names is set.
type elements struct {
	kind elemKind
	f32  []float32
	f64  []float64
	f16  []uint16
	i8   []int8
	u8   []uint8
	lazy *mem.Lazy // of a mapped file: verifies numbers before their first use
}

// readElements takes the numbers of a list's child. The child's values never reach past what its
// buffer holds, whatever its header says.
func readElements(child arrow.Array) (elements, error) {
	switch v := child.(type) {
	case *array.Float32:
		return elements{kind: elemFloat32, f32: v.Float32Values()}, nil
	case *array.Float64:
		return elements{kind: elemFloat64, f64: v.Float64Values()}, nil
	case *array.Float16:
		bits := arrow.Uint16Traits.CastFromBytes(arrow.Float16Traits.CastToBytes(v.Values()))
		return elements{kind: elemFloat16, f16: bits}, nil
	case *array.Int8:
		return elements{kind: elemInt8, i8: v.Int8Values()}, nil
	case *array.Uint8:
		return elements{kind: elemUint8, u8: v.Uint8Values()}, nil
	}
	return elements{}, fault.New(fault.ColumnError, "column",
		fmt.Sprintf("vectors of %s are not supported", child.DataType()),
		"cast them to float32")
}

// Numbers returns numbers [from, to) of a slab of float32 or float64.
func Numbers(s *mem.Slab, wide bool, from, to int) elements {
	if wide {
		return elements{kind: elemFloat64, f64: arrow.Float64Traits.CastFromBytes(s.Mem)[from:to]}
	}
	return elements{kind: elemFloat32, f32: s.Floats()[from:to]}
}

func (e *elements) count() int {
	switch e.kind {
	case elemFloat64:
		return len(e.f64)
	case elemFloat16:
		return len(e.f16)
	case elemInt8:
		return len(e.i8)
	case elemUint8, elemBits:
		return len(e.u8)
	}
	return len(e.f32)
}

// size returns the bytes of one number.
func (e *elements) size() int { return [...]int{4, 8, 2, 1, 1, 1}[e.kind] }

// name is that of the type of numbers.
func (e *elements) name() string {
	return [...]string{"float32", "float64", "float16", "int8", "uint8", "bits"}[e.kind]
}

func (e *elements) slice(from, to int) elements {
	out := elements{kind: e.kind, lazy: e.lazy}
	switch e.kind {
	case elemFloat64:
		out.f64 = e.f64[from:to]
	case elemFloat16:
		out.f16 = e.f16[from:to]
	case elemInt8:
		out.i8 = e.i8[from:to]
	case elemUint8, elemBits:
		out.u8 = e.u8[from:to]
	default:
		out.f32 = e.f32[from:to]
	}
	return out
}

// floats returns numbers [from, to) as float32: a view, or dst filled with converted numbers.
func (e *elements) floats(from, to int, dst []float32) []float32 {
	if e.lazy != nil {
		e.lazy.Touch(e.bytes(from, to))
	}
	switch e.kind {
	case elemFloat64:
		dst = dst[:to-from]
		simd.F64ToF32(dst, e.f64[from:to])
	case elemFloat16:
		dst = dst[:to-from]
		simd.F16ToF32(dst, e.f16[from:to])
	case elemInt8:
		dst = dst[:to-from]
		simd.Int8ToF32(dst, e.i8[from:to])
	case elemUint8, elemBits:
		dst = dst[:to-from]
		simd.Uint8ToF32(dst, e.u8[from:to])
	default:
		dst = e.f32[from:to]
	}
	return dst
}

// bytes returns the memory of numbers [from, to).
func (e *elements) bytes(from, to int) []byte {
	switch e.kind {
	case elemFloat64:
		return arrow.Float64Traits.CastToBytes(e.f64[from:to])
	case elemFloat16:
		return arrow.Uint16Traits.CastToBytes(e.f16[from:to])
	case elemInt8:
		return arrow.Int8Traits.CastToBytes(e.i8[from:to])
	case elemUint8, elemBits:
		return e.u8[from:to]
	}
	return arrow.Float32Traits.CastToBytes(e.f32[from:to])
}
