package cache

import (
	"sync/atomic"
	"time"

	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// Slot is the place of one key: where it points, whether it is pinned, and what happened to it.
// Slots live as long as their cache. Safe for concurrent use.
type Slot struct {
	Key backend.Key
	Counters

	now    atomic.Pointer[Pointer]
	pinned bool // guarded by the cache's mutex
}

// Pointer leads from a key to an entry. It does not change, but for the moment of its last check.
type Pointer struct {
	Entry *Entry
	Facts
	checked atomic.Int64
}

// Facts say what a key's index was made of.
type Facts struct {
	// Stamp is the store's, of the state that was pulled.
	Stamp backend.Stamp
	// Bundle is what is published with the index. Its witness is that of format 2.
	Bundle bundle.Bundle
	// Saved says that all this is what a file says, and not the store.
	Saved bool
}

// start is what moments are counted from: readings of a clock that never goes back.
var start = time.Now()

func moment() int64 { return int64(time.Since(start)) }

// Pointer returns where the slot points, nil: nowhere. It takes no lock.
func (s *Slot) Pointer() *Pointer { return s.now.Load() }

// Acquire begins a use of the entry, nil when it was evicted meanwhile. It takes no lock.
func (p *Pointer) Acquire() *Entry {
	if !p.Entry.hold() {
		return nil
	}
	p.Entry.touch()
	return p.Entry
}

// Confirm notes that the store was asked now and said that nothing has changed.
func (p *Pointer) Confirm() { p.checked.Store(moment()) }

// Age returns how long ago the pointer was installed or confirmed.
func (p *Pointer) Age() time.Duration { return time.Duration(moment() - p.checked.Load()) }

// Is reports whether a stamp is of the state that the pointer was installed with.
func (p *Pointer) Is(s backend.Stamp) bool {
	return p.Stamp.Generation == s.Generation && p.Stamp.DataRef == s.DataRef &&
		(s.Dim == p.Stamp.Dim || s.Dim == 0)
}
