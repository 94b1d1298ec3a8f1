// Package arrowc checks Arrow C Data structs that come from outside before anything believes them.
// Lengths, counts, offsets and pointers are compared with each other; that a buffer is as long as
// they say cannot be checked and is the producer's promise.
package arrowc

import (
	"encoding/binary"
	"unsafe"
)

// Schema has the memory layout of struct ArrowSchema.
type Schema struct {
	Format, Name, Metadata *byte
	Flags, NChildren       int64
	Children               **Schema
	Dictionary             *Schema
	Release, Private       unsafe.Pointer
}

// Array has the memory layout of struct ArrowArray.
type Array struct {
	Length, NullCount, Offset, NBuffers, NChildren int64
	Buffers                                        *unsafe.Pointer
	Children                                       **Array
	Dictionary                                     *Array
	Release, Private                               unsafe.Pointer
}

// maxFormat is longer than every format string of a supported type.
const maxFormat = 64

// format reads the schema's format up to maxFormat bytes.
func (s *Schema) format() string {
	if s.Format == nil {
		return ""
	}
	n := 0
	for n < maxFormat && *(*byte)(unsafe.Add(unsafe.Pointer(s.Format), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(s.Format, n))
}

// metadataInt reads the int32 at an offset of the metadata.
func (s *Schema) metadataInt(at int) int32 {
	b := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(s.Metadata), at)), 4)
	return int32(binary.NativeEndian.Uint32(b))
}

func (s *Schema) child() *Schema {
	if s.NChildren != 1 || s.Children == nil {
		return nil
	}
	return *s.Children
}

func (a *Array) child() *Array {
	if a.NChildren != 1 || a.Children == nil {
		return nil
	}
	return *a.Children
}

func (s *Schema) children() []*Schema { return unsafe.Slice(s.Children, s.NChildren) }

func (a *Array) children() []*Array { return unsafe.Slice(a.Children, a.NChildren) }

func (a *Array) buffer(i int) unsafe.Pointer {
	return unsafe.Slice(a.Buffers, a.NBuffers)[i]
}

// offsets32 and offsets64 view the offsets of a text array, one more than it has rows.
func (a *Array) offsets32() []int32 {
	return unsafe.Slice((*int32)(a.buffer(1)), a.Offset+a.Length+1)[a.Offset:]
}

func (a *Array) offsets64() []int64 {
	return unsafe.Slice((*int64)(a.buffer(1)), a.Offset+a.Length+1)[a.Offset:]
}

// view is one entry of a string view array.
type view struct {
	size   int32
	prefix [4]byte
	buffer int32
	offset int32
}

func (a *Array) views() []view {
	return unsafe.Slice((*view)(a.buffer(1)), a.Offset+a.Length)[a.Offset:]
}

// viewBuffers are the lengths of a string view array's data buffers.
func (a *Array) viewBuffers() []int64 {
	return unsafe.Slice((*int64)(a.buffer(int(a.NBuffers)-1)), a.NBuffers-3)
}
