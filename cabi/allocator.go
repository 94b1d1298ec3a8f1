//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// The encoders of parquet keep buffers of arrow-go's default allocator in a pool that the collector
// empties: memory of C's, which the build's tag makes the default, would be lost there. What is
// exported asks for cMemory by name.
func init() { memory.DefaultAllocator = memory.NewGoAllocator() }

// cMemory allocates in C memory, which may outlive everything of Go. Where there is none it panics
// with an OutOfMemory, which the guard returns: arrow-go's own C allocator ends the process.
type cMemory struct{}

// Allocate returns zeroed memory, aligned to 64 bytes.
func (cMemory) Allocate(size int) []byte {
	p := C.rvi_alloc(C.size_t(size))
	if p == nil {
		panic(&arrowidx.Error{Kind: arrowidx.OutOfMemory, Op: "answer", Row: -1, Column: -1,
			Msg: fmt.Sprintf("no room for %d bytes of the answer", size),
			Fix: "ask for less at once, or free memory"})
	}
	return foreign(p, max(size, 1))[:size] // Free knows nothing by no room at all
}

// Reallocate moves memory to a place of another size.
func (m cMemory) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		return b[:size]
	}
	grown := m.Allocate(size)
	copy(grown, b)
	m.Free(b)
	return grown
}

// Free gives memory back.
func (cMemory) Free(b []byte) {
	if cap(b) > 0 {
		C.rvi_unalloc(base(b))
	}
}
