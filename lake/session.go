package lake

import (
	"context"
	"sync"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// Session is a piece of work that sees each collection in one state: the one that answered its
// first search of it in the session, which is as fresh as that one asked for. Publishing and
// invalidating are put off until it ends. End it with Commit or Drop. Safe for concurrent use.
type Session struct {
	l *Lake

	mu   sync.Mutex
	held map[*Target]*cache.Entry // nil: the session has ended
	todo []func(context.Context) error
}

// NewSession begins a session.
func (l *Lake) NewSession() *Session {
	return &Session{l: l, held: map[*Target]*cache.Entry{}}
}

// entry returns the state that the session sees of a collection, held; nil before its first search.
// A session may be nil.
func (s *Session) entry(t *Target) *cache.Entry {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.held[t]
	if e != nil {
		e.Hold()
	}
	return e
}

// learn notes which state of a collection the session sees, and returns that: where two searches
// came first at once, it is that of one of them.
func (s *Session) learn(t *Target, e *cache.Entry) *cache.Entry {
	if s == nil || e == nil {
		return e
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return e
	}
	if other := s.held[t]; other != nil && other != e {
		other.Hold()
		e.Release()
		return other
	}
	if s.held[t] == nil {
		e.Hold()
		s.held[t] = e
	}
	return e
}

// Publish has [Lake.Publish] done by Commit.
//
// Errors: LakeError when the session has ended.
func (s *Session) Publish(k backend.Key, dir string, format int) error {
	return s.later(func(ctx context.Context) error {
		_, err := s.l.Publish(ctx, k, dir, format)
		return err
	})
}

// Invalidate has [Target.Invalidate] done by Commit.
//
// Errors: LakeError when the session has ended.
func (s *Session) Invalidate(k backend.Key) error {
	return s.later(func(context.Context) error {
		s.l.Target(k).Invalidate()
		return s.l.closed("invalidate")
	})
}

func (s *Session) later(do func(context.Context) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		return over()
	}
	s.todo = append(s.todo, do)
	return nil
}

// over is the error of a session that has ended.
func over() error {
	return fault.New(fault.LakeError, "session", "the session has ended", "begin another")
}

// Commit ends the session and does what was put off, in its order. What fails does not keep the
// rest from being done.
//
// Errors: the first of what was put off; LakeError when the session has ended.
func (s *Session) Commit(ctx context.Context) error {
	todo, ok := s.end()
	if !ok {
		return over()
	}
	var first error
	for _, do := range todo {
		if err := do(ctx); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Drop ends the session; what was put off is not done. More than once is fine.
func (s *Session) Drop() { s.end() }

// end lets go of all states, and returns what was put off, false when it was called before.
func (s *Session) end() ([]func(context.Context) error, bool) {
	s.mu.Lock()
	held, todo := s.held, s.todo
	s.held, s.todo = nil, nil
	s.mu.Unlock()
	for _, e := range held {
		e.Release()
	}
	return todo, held != nil
}
