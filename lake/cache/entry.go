package cache

import (
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Entry is an index in the cache. Its fields never change. Safe for concurrent use.
//
// It is used between Acquire of a Pointer, or what else returns an entry that is held, and Release.
// An entry that was evicted closes its index with the last Release.
type Entry struct {
	ID      uint64 // never used twice in a process
	Witness string
	Index   *arrowidx.Index
	Rows    int
	Dim     int
	// Bytes is the memory that the index holds alive: its own, and the vectors that it borrows.
	// Those of a mapped file are not counted, because the system takes them back when it needs to.
	Bytes int64

	cache *Cache
	refs  atomic.Int64 // users, and one while the cache has it
	used  atomic.Int64 // moment of the last use

	// Guarded by the cache's mutex.
	slots map[*Slot]struct{} // that point here
	pins  int                // of these, the pinned ones
	at    int64              // used, as far as the queue knows
	place int                // in the queue, -1: not there
}

// overhead is what an entry, its index and the arrays of its column take of the Go heap beside what
// the index counts, which are numbers. It was measured with entries of one row.
const overhead = 4096

// entries counts those that were made.
var entries atomic.Uint64

// newEntry describes an index, which it takes over. It has one use, that of the cache.
func newEntry(c *Cache, witness string, ix *arrowidx.Index) *Entry {
	in := ix.Info()
	e := &Entry{
		ID: entries.Add(1), Witness: witness, Index: ix, Rows: in.Rows, Dim: in.Dim,
		Bytes: in.IndexBytes + in.BorrowedBytes + overhead, cache: c, slots: map[*Slot]struct{}{},
		place: -1,
	}
	e.refs.Store(1)
	e.used.Store(-1) // never: the clock begins at 0
	return e
}

// hold begins a use, false when the index is closed or about to be.
func (e *Entry) hold() bool {
	for {
		n := e.refs.Load()
		if n == 0 {
			return false
		}
		if e.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Hold begins another use of an entry that is held.
func (e *Entry) Hold() { e.refs.Add(1) }

// Release ends a use.
func (e *Entry) Release() {
	if e.refs.Add(-1) == 0 {
		e.Index.Close()
		e.cache.resident.Add(-e.Bytes)
	}
}

// touch makes the entry the one used last. One that already is writes nothing, so that searches of
// one hot collection share no cache line for it.
func (e *Entry) touch() {
	if e.used.Load() != e.cache.clock.Load() {
		e.used.Store(e.cache.clock.Add(1))
	}
}
