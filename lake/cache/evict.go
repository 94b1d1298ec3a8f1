package cache

import (
	"container/heap"
	"errors"
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// queue holds the entries that may be evicted, the one used least recently first, as far as it
// knows: uses are not told to it. next asks the entries themselves.
type queue []*Entry

// Len is part of heap.Interface.
func (q *queue) Len() int { return len(*q) }

// Less is part of heap.Interface.
func (q *queue) Less(i, j int) bool { return (*q)[i].at < (*q)[j].at }

// Swap is part of heap.Interface.
func (q *queue) Swap(i, j int) {
	s := *q
	s[i], s[j] = s[j], s[i]
	s[i].place, s[j].place = i, j
}

// Push is part of heap.Interface.
func (q *queue) Push(x any) {
	e := x.(*Entry)
	e.place = len(*q)
	*q = append(*q, e)
}

// Pop is part of heap.Interface.
func (q *queue) Pop() any {
	s := *q
	e := s[len(s)-1]
	s[len(s)-1] = nil
	*q = s[:len(s)-1]
	e.place = -1
	return e
}

func (q *queue) add(e *Entry) {
	e.at = e.used.Load()
	heap.Push(q, e)
}

func (q *queue) drop(e *Entry) {
	if e.place >= 0 {
		heap.Remove(q, e.place)
	}
}

// next returns the entry used least recently, nil when there is none. What the queue knows is never
// later than the last use, so that an entry which is first with its true moment is the one.
func (q *queue) next() *Entry {
	for len(*q) > 0 {
		e := (*q)[0]
		used := e.used.Load()
		if used <= e.at {
			return e
		}
		e.at = used
		heap.Fix(q, 0)
	}
	return nil
}

// over reports whether so many bytes and entries are more than the limits.
func (l Limits) over(bytes int64, entries int) bool {
	return l.Bytes > 0 && bytes > l.Bytes || l.Entries > 0 && entries > l.Entries
}

// room refuses an entry that cannot stay beside what is pinned.
func (c *Cache) room(s *Slot, e *Entry) error {
	bytes, entries := c.pinnedBytes+e.Bytes, c.pinned+1
	if old := s.now.Load(); old != nil && s.pinned && len(old.Entry.slots) == 1 {
		// It goes when the slot points to the new one.
		bytes, entries = bytes-old.Entry.Bytes, entries-1
	}
	if !c.limits.over(bytes, entries) {
		return nil
	}
	msg := fmt.Sprintf("%s: its index takes %d bytes", s.Key, e.Bytes)
	no := fault.New(fault.LimitExceeded, "search", msg+", the cache may hold "+c.limits.String(),
		"give the lake a larger cache (cache_bytes)")
	if !c.limits.over(e.Bytes, 1) {
		no.Msg = fmt.Sprintf("%s, %d pinned ones %d, and the cache may hold %s", msg, entries-1,
			bytes-e.Bytes, c.limits)
		no.Fix, no.Err = "unpin what is not needed, or "+no.Fix, errPinned
	}
	return no
}

// errPinned marks the error of an entry that pinned ones leave no room for.
var errPinned = errors.New("entries are pinned")

// NeverFits reports whether an error of Install says that the entry is too large for the cache,
// whatever else is in it.
func NeverFits(err error) bool {
	return fault.KindOf(err) == fault.LimitExceeded && !errors.Is(err, errPinned)
}

// String says the limits in words.
func (l Limits) String() string {
	switch {
	case l.Entries == 0:
		return fmt.Sprintf("%d bytes", l.Bytes)
	case l.Bytes == 0:
		return fmt.Sprintf("%d entries", l.Entries)
	}
	return fmt.Sprintf("%d bytes in %d entries", l.Bytes, l.Entries)
}

// shrink evicts entries, those used least recently first, until the limits hold. It spares the one
// that has just come, for which room was found, and pinned ones, which are not in the queue.
func (c *Cache) shrink(spared *Entry) {
	if !c.limits.over(c.held, len(c.entries)) {
		return
	}
	back := spared.place >= 0
	c.queue.drop(spared)
	for c.limits.over(c.held, len(c.entries)) {
		e := c.queue.next()
		if e == nil {
			break
		}
		for s := range e.slots {
			s.now.Store(nil)
			s.evicted.Add(1)
		}
		clear(e.slots)
		c.evicted++
		c.remove(e)
	}
	if back {
		c.queue.add(spared)
	}
}

// pin counts pinned slots of an entry; only an entry without any is in the queue.
func (c *Cache) pin(e *Entry, change int) {
	e.pins += change
	switch {
	case e.pins == 0 && change < 0:
		c.pinned, c.pinnedBytes = c.pinned-1, c.pinnedBytes-e.Bytes
		c.queue.add(e)
	case e.pins == 1 && change > 0:
		c.pinned, c.pinnedBytes = c.pinned+1, c.pinnedBytes+e.Bytes
		c.queue.drop(e)
	}
}

// Pin keeps the entry that a slot points to, now and whenever it points to another, from being
// evicted. Pinning twice is pinning once.
func (c *Cache) Pin(s *Slot) { c.setPinned(s, true, 1) }

// Unpin ends Pin.
func (c *Cache) Unpin(s *Slot) { c.setPinned(s, false, -1) }

func (c *Cache) setPinned(s *Slot, pinned bool, change int) {
	c.mu.Lock()
	defer c.unlock()
	if s.pinned == pinned {
		return
	}
	s.pinned = pinned
	if p := s.now.Load(); p != nil {
		c.pin(p.Entry, change)
	}
}

// Pinned reports whether a slot is pinned.
func (c *Cache) Pinned(s *Slot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.pinned
}
