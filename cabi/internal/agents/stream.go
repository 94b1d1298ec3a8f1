// Package agents stands between the doors of the library and the client of agents: requests are
// JSON and so are answers, and streams are read without waiting.
//
// Reading order: calls.go, the operations; options.go and spec.go, what is asked; answer.go, how
// errors are told; stream.go, updates.
package agents

import (
	"context"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// turn is the most updates that one Take gives: what an event loop reads in one turn.
const turn = 256

// Stream is a stream of an agent's updates, as JSON. Safe for concurrent use.
type Stream struct {
	agent *Agent

	mu     sync.Mutex
	from   *agentclient.Stream
	before uint64 // updates of the streams that this one follows
	given  uint64
	again  bool   // the next update is the first after an interruption
	told   func() // who is to be told, once
	closed bool
}

func newStream(agent *Agent, from *agentclient.Stream) *Stream {
	return &Stream{agent: agent, from: from}
}

// Take returns the updates that came first, as a JSON array of at most most, or 256, and of about
// 256 KiB. It never waits; there may be none. Behind the last one stands one of kind "end", or
// "error" with the error, as often as it is asked for.
func (s *Stream) Take(most int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, done, err := s.from.Take(min(max(most, 1), turn))
	parts := make([][]byte, 0, len(found)+1)
	for _, u := range found {
		parts = append(parts, s.say(u))
	}
	if done {
		parts = append(parts, ending(err))
	}
	return list(parts)
}

// say makes JSON of an update; its own stays as it came. The caller holds the lock.
func (s *Stream) say(u agentclient.Update) []byte {
	s.given = s.before + u.Seq
	resumed := u.Resumed || s.again
	s.again = false
	pairs := []any{"kind", string(u.Kind), "seq", s.given}
	if resumed {
		pairs = append(pairs, "resumed", true)
	}
	if u.Gap {
		pairs = append(pairs, "gap", true)
	}
	if u.Usage != nil {
		pairs = append(pairs, "usage", sayUsage(u.Usage))
	}
	return object(append(pairs, "raw", u.Raw)...)
}

// ending is what follows the updates of a stream that ended with an error, or well.
func ending(err error) []byte {
	if err == nil {
		return []byte(`{"kind":"end"}`)
	}
	return object("kind", "error", "error", Describe(err))
}

// Watch has f called once there is something to take, at once if there is. Whoever watched before
// is told now, to look again. f must neither wait nor panic.
func (s *Stream) Watch(f func()) {
	s.mu.Lock()
	before, from := s.told, s.from
	s.told = f
	s.mu.Unlock()
	if before != nil {
		before()
	}
	from.OnReady(s.ready)
}

// OnEnd is Watch, under the name that queues know.
func (s *Stream) OnEnd(f func()) { s.Watch(f) }

// ready tells who watches.
func (s *Stream) ready() {
	s.mu.Lock()
	tell := s.told
	s.told = nil
	s.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// Wait waits up to d for something to take, and reports whether there is. It is a watch, too.
func (s *Stream) Wait(d time.Duration) bool {
	ready := make(chan struct{})
	s.Watch(sync.OnceFunc(func() { close(ready) }))
	select {
	case <-ready:
		return true
	default:
	}
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ready:
		return true
	case <-timer.C:
		return false
	}
}

// Resume takes up again, with the agent's credentials of now, what was refused for those before.
func (s *Stream) Resume(ctx context.Context) error {
	s.mu.Lock()
	id := s.from.TaskID()
	s.mu.Unlock()
	if id == "" {
		return problem.New(problem.StreamInterrupted, "the agent has not named the task yet",
			"send the task again, if it may be done twice")
	}
	next, err := s.agent.client.Subscribe(ctx, id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return next.Close()
	}
	s.from, s.before, s.again = next, s.given, true
	return nil
}

// Snapshot is the task as the updates that were taken tell it.
func (s *Stream) Snapshot() []byte {
	s.mu.Lock()
	from := s.from
	s.mu.Unlock()
	return sayTask(from.Snapshot())
}

// Abort asks the agent to cancel the task, without waiting for that.
func (s *Stream) Abort() {
	s.mu.Lock()
	from := s.from
	s.mu.Unlock()
	s.agent.aside("cancel_task", func(ctx context.Context) error {
		_, err := from.Cancel(ctx)
		return err
	})
}

// Close ends the stream without waiting for anything: updates that nobody took are forgotten, and
// who watches or waits is told.
func (s *Stream) Close() {
	s.mu.Lock()
	s.closed = true
	from := s.from
	s.mu.Unlock()
	_ = from.Close()
	s.ready()
}
