package fault

import (
	"sync/atomic"
)

// shortage is where the process says that memory is short; nil: nowhere.
var shortage atomic.Pointer[atomic.Uint32]

// WatchMemory makes every operation end with OutOfMemory at its next look at its context while the
// flag is not 0. Go ends a process that gets no memory; who can tell in time says so here.
func WatchMemory(flag *atomic.Uint32) { shortage.Store(flag) }

// memoryShort returns OutOfMemory while memory is short.
func memoryShort(op string) error {
	if flag := shortage.Load(); flag == nil || flag.Load() == 0 {
		return nil
	}
	return New(OutOfMemory, op, "the memory that the process may take is used up",
		"free memory, raise its limit, or do less at once")
}
