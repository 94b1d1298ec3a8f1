// Package queue tells one event loop which tasks have ended: each leaves its token, and a
// descriptor is readable while there are any.
package queue

import (
	"sync"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Queue holds the tokens of ended tasks until they are drained. Safe for concurrent use.
type Queue struct {
	mu     sync.Mutex
	pipe   pipe // holds one byte while tokens wait, else none: writing to it never blocks
	tokens []uint64
	closed bool
}

// Watched is what a queue waits for.
type Watched interface {
	// OnEnd has f called once it has ended, at once if it has.
	OnEnd(f func())
}

// New returns an empty queue, which has two descriptors of the process.
//
// Errors: PersistError with the system's reason where it gives no more of them.
func New() (*Queue, error) {
	p, err := newPipe()
	if err != nil {
		return nil, &arrowidx.Error{Kind: arrowidx.PersistError, Op: "await", Row: -1, Column: -1,
			Msg: "the system gives no pipe for an event loop", Err: err,
			Fix: "close files, or raise the limit of the process (ulimit -n)"}
	}
	return &Queue{pipe: p}, nil
}

// Descriptor is readable while tokens wait. It belongs to the queue, which alone reads it.
func (q *Queue) Descriptor() int { return q.pipe.read }

// Watch has the token of a task appear once it has ended. A queue that is closed forgets it.
func (q *Queue) Watch(t Watched, token uint64) {
	t.OnEnd(func() { q.put(token) })
}

func (q *Queue) put(token uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.tokens = append(q.tokens, token)
	if len(q.tokens) == 1 {
		q.pipe.wake()
	}
}

// Drain moves tokens to out, those that came first, and returns how many. It never waits.
func (q *Queue) Drain(out []uint64) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := copy(out, q.tokens)
	if n == 0 {
		return 0
	}
	q.tokens = q.tokens[:copy(q.tokens, q.tokens[n:])]
	if len(q.tokens) == 0 {
		q.pipe.calm()
	}
	return n
}

// Close gives the descriptors back and forgets the tokens. Tasks go on.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.tokens = nil
		q.pipe.close()
	}
}
