//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"fmt"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	arrowarray "github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/arrowc"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
)

// mostBytes is more than any process can have: what claims more is refused before it is touched.
const mostBytes = 1 << 46

// view makes a slice of n elements of foreign memory; nil when n is 0. It panics with a Refusal if
// no memory holds so many.
func view[T, P any](p *P, n int64) []T {
	if n <= 0 || p == nil {
		return nil
	}
	if size := int64(unsafe.Sizeof(*new(T))); size > 0 && n > mostBytes/size {
		panic(guard.Refusal{Msg: fmt.Sprintf("%d values of %d bytes", n, size)})
	}
	return unsafe.Slice((*T)(unsafe.Pointer(p)), n)
}

// product multiplies counts, which are not negative. It panics with a Refusal when no memory holds
// so many bytes.
func product(counts ...int64) int64 {
	n := int64(1)
	for _, c := range counts {
		if c > 0 && n > mostBytes/c {
			panic(guard.Refusal{Msg: fmt.Sprintf("counts %d multiplied", counts)})
		}
		n *= c
	}
	return n
}

// viewAt is view for memory that C has as void*.
func viewAt[T any](p unsafe.Pointer, n int64) []T { return view[T]((*byte)(p), n) }

// stringOf copies a string that C gave with its length.
func stringOf(p *C.char, n C.int64_t) string { return string(view[byte](p, int64(n))) }

// pointerIn reads a word of foreign memory that is an address.
func pointerIn(word *uint64) *uint64 { return *(**uint64)(unsafe.Pointer(word)) }

// address returns where a value lies, as a number.
func address[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }

func (a *array) cdata() *cdata.CArrowArray { return (*cdata.CArrowArray)(unsafe.Pointer(a)) }

func (a *array) layout() *arrowc.Array { return (*arrowc.Array)(unsafe.Pointer(a)) }

func (s *schema) cdata() *cdata.CArrowSchema { return (*cdata.CArrowSchema)(unsafe.Pointer(s)) }

func (s *schema) layout() *arrowc.Schema { return (*arrowc.Schema)(unsafe.Pointer(s)) }

func arrowStream(p *C.struct_ArrowArrayStream) *cdata.CArrowArrayStream {
	return (*cdata.CArrowArrayStream)(unsafe.Pointer(p))
}

func arrays(p *C.struct_ArrowArray, n int64) []array { return view[array](p, n) }

func oneSchema(p *C.struct_ArrowSchema) *schema { return (*schema)(p) }

// array and schema are the structs of ruvector.h, with methods.
type (
	array  C.struct_ArrowArray
	schema C.struct_ArrowSchema
)

// shortFlag is reserve.c's rvi_short.
func shortFlag() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&C.rvi_short))
}

// foreign views memory of C's that Go may read and write until it is freed.
func foreign(p unsafe.Pointer, n int) []byte { return unsafe.Slice((*byte)(p), n) }

// base is where memory begins, for C to free.
func base(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// setError fills an rv_error and returns the kind.
func setError(e *C.rv_error, kind int32, row, column int64, msg string) C.int32_t {
	p := (*C.char)(unsafe.Pointer(unsafe.StringData(msg)))
	return C.rvi_fail(e, C.int32_t(kind), C.int64_t(row), C.int64_t(column), p,
		C.size_t(len(msg)))
}

// setBytes copies b into an rv_bytes and returns the kind.
func setBytes(out *C.rv_bytes, b []byte, e *C.rv_error) C.int32_t {
	return C.rvi_set_bytes(out, (*C.char)(unsafe.Pointer(unsafe.SliceData(b))),
		C.size_t(len(b)), e)
}

// values copies an rv_values into an Arrow array: ids are looked up more than once, whatever their
// owner writes meanwhile.
func values(op string, p *C.rv_values) (ids arrow.Array, err error) {
	err = guard.Reading(op, "the memory of the ids", func() error {
		ids, err = readValues(op, p)
		return err
	})
	return ids, err
}

// readIDs returns the ids of rows; none where there is no rv_values.
func readIDs(op string, p *C.rv_values) (*arrowidx.IDs, error) {
	if p == nil {
		return nil, nil
	}
	given, err := values(op, p)
	if err != nil {
		return nil, err
	}
	return arrowidx.NewIDs(given)
}

func readValues(op string, p *C.rv_values) (arrow.Array, error) {
	if p == nil || p.n < 0 || p.format == nil || p.n > 0 && p.data == nil {
		return nil, invalid(op, "ids without their data", "")
	}
	n := product(int64(p.n), 8) / 8
	form := C.GoString(p.format)
	var data *arrowarray.Data
	switch form {
	case "l", "L":
		numbers := memory.NewBufferBytes(bytes.Clone(viewAt[byte](p.data, 8*n)))
		kind := arrow.DataType(arrow.PrimitiveTypes.Int64)
		if form == "L" {
			kind = arrow.PrimitiveTypes.Uint64
		}
		data = arrowarray.NewData(kind, int(n), []*memory.Buffer{nil, numbers}, nil, 0, 0)
	case "U":
		if p.offsets == nil || p.len < 0 {
			return nil, invalid(op, "texts without offsets", "")
		}
		cuts, err := checkedOffsets(op, p, n)
		if err != nil {
			return nil, err
		}
		offsets := memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(cuts))
		text := memory.NewBufferBytes(bytes.Clone(viewAt[byte](p.data, int64(p.len))))
		data = arrowarray.NewData(arrow.BinaryTypes.LargeString, int(n),
			[]*memory.Buffer{nil, offsets, text}, nil, 0, 0)
	default:
		return nil, invalid(op, "ids of format "+form, "use l, L or U")
	}
	defer data.Release()
	return arrowarray.MakeFromData(data), nil
}

// checkedOffsets copies the n+1 offsets of texts.
func checkedOffsets(op string, p *C.rv_values, n int64) ([]int64, error) {
	cuts, last := slices.Clone(view[int64](p.offsets, n+1)), int64(0)
	for i, at := range cuts {
		if at < last || at > int64(p.len) {
			return nil, invalid(op, fmt.Sprintf("offset %d of text %d, %d bytes in all", at, i,
				int64(p.len)), "offsets begin at 0 or above and never shrink")
		}
		last = at
	}
	return cuts, nil
}
