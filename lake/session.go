package lake

import "sync"

// Session is a piece of work that sees each collection in one state: the store is asked once a key.
// Safe for concurrent use.
type Session struct {
	mu   sync.Mutex
	seen map[*Target]bool
}

// NewSession begins a session.
func (l *Lake) NewSession() *Session { return &Session{seen: map[*Target]bool{}} }

// checked reports whether the store was asked in this session.
func (s *Session) checked(t *Target) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[t]
}

// learn notes that the store was asked.
func (s *Session) learn(t *Target) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[t] = true
}
