//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/headroom"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
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

// short is 1 while memory is short: little of the reserve of reserve.c is left.
var short = shortFlag()

// running counts the long operations.
var running atomic.Int64

// start runs a long operation as a task if there is memory for the runtime to run it.
func start(
	s *guard.Scope, op string, progress func() (done, total int64),
	f func(context.Context) (task.Result, error),
) *task.Task {
	return task.Start(s.Move(), op, progress, func(ctx context.Context) (task.Result, error) {
		running.Add(1)
		defer running.Add(-1)
		if err := admit(op); err != nil {
			return task.Result{}, err
		}
		return f(ctx)
	})
}

// admit refuses an operation when no address space can be kept back for the runtime.
func admit(op string) error {
	if C.rvi_hold_reserve() == 0 {
		return &arrowidx.Error{Kind: arrowidx.OutOfMemory, Op: op, Row: -1, Column: -1,
			Msg: fmt.Sprintf("only %d MiB of address space are left", headroom.Space()>>20),
			Fix: "free memory, or raise the limit of the process (ulimit -v)"}
	}
	limitHeap()
	return nil
}

// calm ends a shortage of memory before the next operation: there is a reserve again, or nothing
// runs any more that it was needed for.
func calm() {
	if C.rvi_hold_reserve() == 0 && running.Load() == 0 {
		short.Store(0)
	}
}

var (
	heapMu    sync.Mutex
	heapLimit = debug.SetMemoryLimit(-1) // what the user set
	heapBound bool
)

// limitHeap makes the collector work harder where address space is limited: garbage must not take
// what there is.
func limitHeap() {
	space := headroom.Space()
	heapMu.Lock()
	defer heapMu.Unlock()
	if space == headroom.Unlimited {
		if heapBound {
			debug.SetMemoryLimit(heapLimit)
			heapBound = false
		}
		return
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	used := int64(m.Sys - m.HeapReleased)
	debug.SetMemoryLimit(min(heapLimit, max(used, 48<<20)+space/4))
	heapBound = true
}

// idleThreads is how many threads the runtime may need beside one for every core: to watch, to wait
// for the system, to start others.
const idleThreads = 4

// makeThreads makes the threads that the runtime will need, so that it finds them when no more can
// be made. It keeps all of them.
func makeThreads() {
	n := min(runtime.GOMAXPROCS(0), 16) + idleThreads
	var all, done sync.WaitGroup
	all.Add(n)
	done.Add(n)
	for range n {
		guard.Scope{}.Go("configure", func() error {
			runtime.LockOSThread() // until all have one
			all.Done()
			all.Wait()
			runtime.UnlockOSThread()
			return nil
		}, func(error) { done.Done() })
	}
	done.Wait()
}
