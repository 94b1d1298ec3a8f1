package task

import (
	"container/list"
	"context"
	"sync"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Slots bounds how many operations compute at once, however many are begun: others wait, first
// come first served, without a thread. Nothing that holds a slot may wait for one, or for somebody
// outside. Safe for concurrent use.
type Slots struct {
	most func() int // how many there are; asked each time, since settings change

	mu      sync.Mutex
	busy    int
	waiting list.List // of channels, closed when their owner has a slot
}

// NewSlots returns slots of which there are most(), at least one.
func NewSlots(most func() int) *Slots { return &Slots{most: most} }

// Run runs f when a slot is free, and gives the slot back whatever f does.
//
// Errors: those of f; Cancelled when the context ends first.
func (s *Slots) Run(ctx context.Context, op string, f func() error) error {
	if !s.enter(ctx) {
		return fault.FromContext(ctx, op)
	}
	defer s.leave()
	return f()
}

func (s *Slots) enter(ctx context.Context) bool {
	s.mu.Lock()
	if s.waiting.Len() == 0 && s.busy < max(s.most(), 1) {
		s.busy++
		s.mu.Unlock()
		return true
	}
	turn := make(chan struct{})
	place := s.waiting.PushBack(turn)
	s.mu.Unlock()
	select {
	case <-turn:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-turn: // just given: whoever is next has it
		s.busy--
		s.admit()
	default:
		s.waiting.Remove(place)
	}
	return false
}

func (s *Slots) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	s.admit()
}

// admit gives free slots to those who wait. The caller holds the lock.
func (s *Slots) admit() {
	for s.busy < max(s.most(), 1) && s.waiting.Len() > 0 {
		turn := s.waiting.Remove(s.waiting.Front()).(chan struct{})
		s.busy++
		close(turn)
	}
}
