package arrowidx

import (
	"fmt"
	"os"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
)

// slab is zeroed memory, outside the Go heap if it is large: the garbage collector neither scans it
// nor waits with a copy of it. The zero slab is empty. A view is part of another slab, which
// outlives it.
type slab struct {
	mem  []byte
	view bool
	heap bool // small enough to lie on the Go heap: mapping would cost more than it saves
}

// heapSlab is the most bytes of a slab on the Go heap.
const heapSlab = 64 << 10

// newSlab makes n zeroed bytes.
func newSlab(op string, n int64) (slab, error) {
	if n == 0 {
		return slab{}, nil
	}
	if n < 0 || n > 1<<46 {
		return slab{}, newError(LimitExceeded, op,
			fmt.Sprintf("%d bytes of memory asked for", n), "use fewer bits or rows")
	}
	if n <= heapSlab {
		return slab{mem: make([]byte, n), heap: true}, nil
	}
	mem, err := syscall.Mmap(-1, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return slab{}, &Error{Kind: OutOfMemory, Op: op, Row: -1, Column: -1, Err: err,
			Msg: fmt.Sprintf("no room for %d bytes", n), Fix: "use fewer bits or free memory"}
	}
	adviseHuge(mem)
	return slab{mem: mem}, nil
}

// free unmaps the memory; nobody may read it any more.
func (s *slab) free() {
	if s.mem != nil && !s.view && !s.heap {
		// The mapping is ours and whole, so the call cannot fail.
		_ = syscall.Munmap(s.mem)
	}
	s.mem = nil
}

// dropPages gives the memory outside bytes [from, to) back without unmapping it, where the system
// can: what was there reads as zeros. It does nothing to a slab that free unmaps.
func (s *slab) dropPages(from, to int) {
	if s.view && s.mem != nil && !s.heap {
		page := os.Getpagesize()
		forget(s.mem[:from/page*page])
		if next := (to + page - 1) / page * page; next < len(s.mem) {
			forget(s.mem[next:])
		}
	}
}

// numbers returns numbers [from, to) of a slab of float32 or float64.
func (s *slab) numbers(wide bool, from, to int) elements {
	if wide {
		return elements{kind: elemFloat64, f64: arrow.Float64Traits.CastFromBytes(s.mem)[from:to]}
	}
	return elements{kind: elemFloat32, f32: s.floats()[from:to]}
}

func (s *slab) floats() []float32 { return arrow.Float32Traits.CastFromBytes(s.mem) }
