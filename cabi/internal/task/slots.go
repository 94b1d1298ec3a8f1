package task

import (
	"container/list"
	"context"
	"sync"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Slots bounds how many threads compute at once, however many operations are begun: others wait,
// first come first served, without a thread. Nothing that holds slots may wait for others, or for
// somebody outside. Safe for concurrent use.
type Slots struct {
	most func() int // how many there are; asked each time, since settings change

	mu      sync.Mutex
	busy    int
	waiting list.List // of *turn
}

// turn is the place of one operation among those that wait.
type turn struct {
	slots int
	given chan struct{} // closed when it has them
}

// NewSlots returns slots of which there are most(), at least one.
func NewSlots(most func() int) *Slots { return &Slots{most: most} }

// Run runs f when a slot is free, and gives it back whatever f does.
//
// Errors: those of f; Cancelled when the context ends first.
func (s *Slots) Run(ctx context.Context, op string, f func() error) error {
	return s.RunWide(ctx, op, 1, f)
}

// RunWide is Run for work on n threads: with n slots, or all where there are fewer.
func (s *Slots) RunWide(ctx context.Context, op string, n int, f func() error) error {
	t := &turn{slots: max(n, 1), given: make(chan struct{})}
	if !s.enter(ctx, t) {
		return fault.FromContext(ctx, op)
	}
	defer s.leave(t)
	return f()
}

func (s *Slots) enter(ctx context.Context, t *turn) bool {
	s.mu.Lock()
	place := s.waiting.PushBack(t)
	s.admit()
	s.mu.Unlock()
	select {
	case <-t.given:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	select {
	case <-t.given: // at this very moment
		s.mu.Unlock()
		s.leave(t)
	default:
		s.waiting.Remove(place)
		s.admit() // those behind may need fewer
		s.mu.Unlock()
	}
	return false
}

func (s *Slots) leave(t *turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy -= t.slots
	s.admit()
}

// admit gives free slots to those who wait. The caller holds the lock.
func (s *Slots) admit() {
	most := max(s.most(), 1)
	for e := s.waiting.Front(); e != nil; e = s.waiting.Front() {
		t := e.Value.(*turn)
		t.slots = min(t.slots, most)
		if s.busy+t.slots > most {
			return
		}
		s.busy += t.slots
		s.waiting.Remove(e)
		close(t.given)
	}
}
