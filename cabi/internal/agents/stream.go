// Package agents stands between the doors of the library and the client of agents: requests are
// JSON and so are answers, and a stream is a bounded buffer that is emptied without waiting.
//
// Reading order: stream.go, the buffer; request.go and options.go, what is asked; calls.go, the
// operations; answer.go, how they are told.
package agents

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
)

const (
	// window is how many updates, and windowBytes about how many bytes of them, wait to be taken.
	// Beyond, the agent's answer is read no further.
	window      = 64
	windowBytes = 8 << 20
	// turn and turnBytes are the most that one Take gives: what an event loop reads in one turn.
	turn      = 256
	turnBytes = 256 << 10
)

// Source is where a stream's updates come from.
type Source interface {
	// Next waits for an update, as JSON. io.EOF is a good end.
	Next(ctx context.Context) ([]byte, error)
	// Snapshot is the task as it is after the last update, as JSON.
	Snapshot() []byte
	// Close ends it. It is called once, after the last Next.
	Close() error
}

// Stream holds the updates that came and nobody has taken. Safe for concurrent use.
type Stream struct {
	source Source
	cancel context.CancelFunc
	space  chan struct{} // holds one value once there is room after there was none
	gone   chan struct{} // closed when the source is

	mu     sync.Mutex
	events [][]byte
	bytes  int
	last   []byte        // what follows the updates, for ever: the end, or an error
	ready  chan struct{} // closed while there is something to take
	told   func()        // who is to be told of it, once
}

// Open begins to read a source.
func Open(source Source) *Stream {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Stream{source: source, cancel: cancel, space: make(chan struct{}, 1),
		gone: make(chan struct{}), ready: make(chan struct{})}
	guard.Scope{}.Go("stream", func() error { return s.read(ctx) }, func(err error) {
		s.finish(ending(err))
		cancel()
		s.shut()
	})
	return s
}

// read moves updates from the source to the buffer until one of them fails.
func (s *Stream) read(ctx context.Context) error {
	for {
		event, err := s.source.Next(ctx)
		if err != nil {
			return err
		}
		if !s.put(ctx, event) {
			return ctx.Err()
		}
	}
}

// put appends an update and waits for room for another one.
func (s *Stream) put(ctx context.Context, event []byte) bool {
	s.mu.Lock()
	if s.last != nil {
		s.mu.Unlock()
		return false
	}
	s.events = append(s.events, event)
	s.bytes += len(event)
	tell := s.becomeReady()
	full := s.full()
	s.mu.Unlock()
	tell()
	for full {
		select {
		case <-s.space:
		case <-ctx.Done():
			return false
		}
		s.mu.Lock()
		full = s.full()
		s.mu.Unlock()
	}
	return true
}

func (s *Stream) full() bool { return len(s.events) >= window || s.bytes >= windowBytes }

// becomeReady notes that there is something to take, and returns what tells who wants to know. The
// caller holds the lock, and calls that without it.
func (s *Stream) becomeReady() (tell func()) {
	if !s.isReady() {
		close(s.ready)
	}
	tell, s.told = s.told, nil
	if tell == nil {
		return func() {}
	}
	return tell
}

// isReady tells whether there is something to take. The caller holds the lock.
func (s *Stream) isReady() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// finish notes what follows the updates, unless that is known.
func (s *Stream) finish(last []byte) {
	s.mu.Lock()
	if s.last != nil {
		s.mu.Unlock()
		return
	}
	s.last = last
	tell := s.becomeReady()
	s.mu.Unlock()
	tell()
}

// ending is what follows the updates of a source that ended with an error.
func ending(err error) []byte {
	if err == nil || errors.Is(err, io.EOF) {
		return []byte(`{"kind":"end"}`)
	}
	return object("kind", "error", "error", Describe(err))
}

// shut closes the source, whatever it does.
func (s *Stream) shut() {
	_ = (&guard.Scope{}).Run("stream", s.source.Close)
	close(s.gone)
}

// Take returns an array of the updates that came first, as JSON: at most most, or 256, and about
// 256 KiB. It never waits; there may be none. Behind the last update stands one of kind "end", or
// "error" with the error, as often as it is asked for.
func (s *Stream) Take(most int) []byte {
	if most <= 0 || most > turn {
		most = turn
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	full := s.full()
	n, size := 0, 0
	for n < min(most, len(s.events)) && (n == 0 || size+len(s.events[n]) <= turnBytes) {
		size += len(s.events[n])
		n++
	}
	parts := append(make([][]byte, 0, n+1), s.events[:n]...)
	s.drop(n)
	s.bytes -= size
	if len(s.events) == 0 && s.last != nil && n < most {
		parts = append(parts, s.last)
	}
	if len(s.events) == 0 && s.last == nil && s.isReady() {
		s.ready = make(chan struct{})
	}
	if full && !s.full() {
		select {
		case s.space <- struct{}{}:
		default: // one is there already
		}
	}
	return list(parts)
}

// drop forgets the first n updates; their memory is not held by what stays.
func (s *Stream) drop(n int) {
	left := copy(s.events, s.events[n:])
	clear(s.events[left:])
	s.events = s.events[:left]
}

// Watch has f called once there is something to take, at once if there is. Whoever watched before
// is told now, to look again. f must neither wait nor panic.
func (s *Stream) Watch(f func()) {
	s.mu.Lock()
	before := s.told
	s.told = f
	ready := s.isReady()
	if ready {
		s.told = nil
	}
	s.mu.Unlock()
	if before != nil {
		before()
	}
	if ready {
		f()
	}
}

// OnEnd is Watch, under the name that queues know.
func (s *Stream) OnEnd(f func()) { s.Watch(f) }

// Wait waits up to d for something to take, and reports whether there is.
func (s *Stream) Wait(d time.Duration) bool {
	s.mu.Lock()
	ready := s.ready
	s.mu.Unlock()
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-ready:
		return true
	default:
	}
	select {
	case <-ready:
		return true
	case <-timer.C:
		return false
	}
}

// Snapshot is the task as merged so far, which may be ahead of what was taken.
func (s *Stream) Snapshot() []byte { return s.source.Snapshot() }

// Close ends the stream without waiting for anything: updates that nobody took are forgotten, and
// who watches or waits is told.
func (s *Stream) Close() {
	s.cancel()
	s.mu.Lock()
	s.drop(len(s.events))
	s.bytes = 0
	s.last = []byte(`{"kind":"end"}`)
	tell := s.becomeReady()
	s.mu.Unlock()
	tell()
}

// Gone is closed once the source is: nothing of the stream runs any more.
func (s *Stream) Gone() <-chan struct{} { return s.gone }
