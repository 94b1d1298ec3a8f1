// Package cache keeps indexes by the witness of what they were made of, so that keys of any backend
// that read the same data share one, within limits of bytes and of entries.
//
// Looking up takes no lock: a slot holds an atomic pointer, and a count of users keeps an index
// open. What changes (install, drop, pin) takes one mutex, and closes indexes outside it.
//
// Reading order: entry.go, slot.go, cache.go, evict.go, stats.go.
package cache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// Limits of a cache; 0: none.
type Limits struct {
	Bytes   int64 // of the entries together, see Entry.Bytes
	Entries int
}

// Cache holds entries and the slots that point to them. Safe for concurrent use.
type Cache struct {
	limits   Limits
	clock    atomic.Int64 // counts uses, but not the second of two in a row of one entry
	resident atomic.Int64 // bytes of all entries that are open, evicted ones that are in use included
	primes   primes

	mu      sync.Mutex
	closed  bool
	slots   map[backend.Key]*Slot
	entries map[string]*Entry
	held    int64 // bytes of entries
	queue   queue // of entries that may be evicted
	evicted int64 // entries
	dropped []*Entry
	// Entries that are pinned, and their bytes.
	pinned      int
	pinnedBytes int64
}

// New makes an empty cache.
func New(l Limits) *Cache {
	return &Cache{
		limits: l, slots: map[backend.Key]*Slot{}, entries: map[string]*Entry{},
	}
}

// Limits returns what the cache was made with.
func (c *Cache) Limits() Limits { return c.limits }

// Slot returns the slot of a key, which is made the first time.
func (c *Cache) Slot(k backend.Key) *Slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[k]
	if s == nil {
		s = &Slot{Key: k}
		c.slots[k] = s
	}
	return s
}

// unlock gives up the mutex, and then the entries that were dropped under it: closing an index
// takes time.
func (c *Cache) unlock() {
	dropped := c.dropped
	c.dropped = nil
	c.mu.Unlock()
	for _, e := range dropped {
		e.Release()
	}
}

// Share points a slot to the entry of the facts' witness, and returns it held; nil when there is
// none.
func (c *Cache) Share(s *Slot, is Facts) *Entry {
	c.mu.Lock()
	defer c.unlock()
	e := c.entries[is.Bundle.Witness]
	if e == nil || c.closed {
		return nil
	}
	if old := s.now.Load(); old == nil || old.Entry != e {
		s.shared.Add(1)
	}
	c.point(s, e, is)
	return e
}

// Made is an index that comes into the cache.
type Made struct {
	Index *arrowidx.Index
	Took  time.Duration // to pull and build
	Warm  bool          // it came from a file
}

// Install files an index, which it takes over, under the witness of the facts, points the slot to
// it, and returns the entry held. Where another index is filed there, that one is shared. Entries
// used least recently go until the limits hold.
//
// Errors: LimitExceeded when the limits leave no room for it beside what is pinned, LakeError when
// the cache is closed. The slot is as it was then.
func (c *Cache) Install(s *Slot, is Facts, made Made) (*Entry, error) {
	e := newEntry(c, is.Bundle.Witness, made.Index)
	c.resident.Add(e.Bytes)
	c.mu.Lock()
	defer c.unlock()
	if c.closed {
		c.dropped = append(c.dropped, e)
		return nil, Closed("search")
	}
	if other := c.entries[e.Witness]; other != nil {
		c.dropped = append(c.dropped, e)
		s.shared.Add(1)
		c.point(s, other, is)
		return other, nil
	}
	if err := c.room(s, e); err != nil {
		c.dropped = append(c.dropped, e)
		return nil, err
	}
	c.entries[e.Witness] = e
	c.held += e.Bytes
	c.queue.add(e)
	c.point(s, e, is)
	if made.Warm {
		c.primes.warm.Add(1)
	} else {
		s.primes.Add(1)
		c.primes.count(made.Took)
	}
	c.shrink(e)
	return e, nil
}

// point makes a slot lead to an entry and begins a use of it.
func (c *Cache) point(s *Slot, e *Entry, is Facts) {
	e.refs.Add(1)
	e.touch()
	p := &Pointer{Entry: e, Facts: is}
	if p.Stamp.Dim == 0 { // else in the unit of the store: of packed bits, bytes
		p.Stamp.Dim = e.Dim
	}
	p.Confirm()
	old := s.now.Load()
	if old == nil || old.Entry != e {
		e.slots[s] = struct{}{}
		if s.pinned {
			c.pin(e, 1)
		}
	}
	s.now.Store(p)
	if old != nil && old.Entry != e && c.leave(s, old.Entry) {
		s.invalidated.Add(1)
	}
}

// leave takes a slot off an entry, and says whether the entry was freed because it was the last.
func (c *Cache) leave(s *Slot, e *Entry) bool {
	delete(e.slots, s)
	if s.pinned {
		c.pin(e, -1)
	}
	if len(e.slots) > 0 {
		return false
	}
	c.remove(e)
	return true
}

// remove takes an entry that no slot points to any more out of the cache.
func (c *Cache) remove(e *Entry) {
	c.queue.drop(e)
	delete(c.entries, e.Witness)
	c.held -= e.Bytes
	c.dropped = append(c.dropped, e)
}

// Drop makes a slot point nowhere, and says whether it pointed anywhere. The entry goes when no
// other slot points to it.
func (c *Cache) Drop(s *Slot) bool {
	c.mu.Lock()
	defer c.unlock()
	p := s.now.Swap(nil)
	if p == nil {
		return false
	}
	c.leave(s, p.Entry)
	s.invalidated.Add(1)
	return true
}

// Close drops all entries; those in use close with their last user. The cache takes no more.
func (c *Cache) Close() {
	c.mu.Lock()
	defer c.unlock()
	c.closed = true
	for _, s := range c.slots {
		if p := s.now.Swap(nil); p != nil {
			c.leave(s, p.Entry)
		}
	}
}

// Closed is the error of an operation on a lake that was closed.
func Closed(op string) error {
	return fault.New(fault.LakeError, op, "the lake is closed", "make a new one")
}
