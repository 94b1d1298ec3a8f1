// Package mem is what the engine needs of memory and machine: slabs outside the Go heap, loops over
// goroutines that never panic, and the few helpers that everything shares.
//
// Reading order: offheap.go, mapping.go and lazy.go (files in the place of memory), parallel.go
// (who runs what, and which error is returned); then random.go, whose generator is part of the
// index format, bits.go (rows as bits, 32 a word) and floats.go.
package mem

import (
	"fmt"
	"os"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Slab is zeroed memory, outside the Go heap if it is large: the garbage collector neither scans it
// nor waits with a copy of it. The zero slab is empty. A view is part of another slab, which
// outlives it.
type Slab struct {
	Mem  []byte
	View bool
	heap bool // small enough to lie on the Go heap: mapping would cost more than it saves

	whole   []byte   // what was mapped to hold Mem
	mapping *Mapping // a file that is mapped for reading: it must not be written to
}

// HeapSlab is the most bytes of a slab on the Go heap.
const HeapSlab = 64 << 10

// NewSlab makes n zeroed bytes.
func NewSlab(op string, n int64) (Slab, error) {
	if n == 0 {
		return Slab{}, nil
	}
	if n < 0 || n > 1<<46 {
		return Slab{}, fault.New(fault.LimitExceeded, op,
			fmt.Sprintf("%d bytes of memory asked for", n), "use fewer bits or rows")
	}
	if n <= HeapSlab {
		return Slab{Mem: make([]byte, n), heap: true}, nil
	}
	size := n
	if n >= hugePage { // room to begin where a huge page can; what is never touched takes no memory
		size += hugePage
	}
	whole, err := syscall.Mmap(-1, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return Slab{}, &fault.Error{Kind: fault.OutOfMemory, Op: op, Row: -1, Column: -1, Err: err,
			Msg: fmt.Sprintf("no room for %d bytes", n), Fix: "use fewer bits or free memory"}
	}
	s := Slab{Mem: whole[:n:n], whole: whole}
	if n >= hugePage {
		from := -address(whole) & (hugePage - 1)
		s.Mem = whole[from : from+n : from+n]
		adviseHuge(s.Mem)
	}
	return s, nil
}

// Free unmaps the memory; nobody may read it any more.
func (s *Slab) Free() {
	switch {
	case s.mapping != nil && !s.View:
		s.mapping.free()
		s.mapping = nil
	case s.Mem != nil && !s.View && !s.heap:
		// The mapping is ours and whole, so the call cannot fail.
		_ = syscall.Munmap(s.whole)
	}
	s.Mem, s.whole = nil, nil
}

// DropPages gives the memory outside bytes [from, to) back without unmapping it, where the system
// can: what was there reads as zeros. It does nothing to a slab that free unmaps.
func (s *Slab) DropPages(from, to int) {
	if s.View && s.Mem != nil && !s.heap && s.mapping == nil {
		page := os.Getpagesize()
		forget(s.Mem[:from/page*page])
		if next := (to + page - 1) / page * page; next < len(s.Mem) {
			forget(s.Mem[next:])
		}
	}
}

// Floats is the memory as float32, whose number of bytes must be a multiple of 4.
func (s *Slab) Floats() []float32 { return arrow.Float32Traits.CastFromBytes(s.Mem) }
