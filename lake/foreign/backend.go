package foreign

import (
	"context"
	"slices"
	"sync"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// Backend is a backend.Backend that asks. A question ends with its answer, with the context of who
// asked, or when the Backend is closed. Safe for concurrent use.
type Backend struct {
	id    string
	ready chan struct{} // something may wait in queue
	done  chan struct{} // closed by Close

	mu     sync.Mutex
	last   uint64
	queue  []*asked // nobody has taken these yet
	open   map[uint64]*asked
	floors map[string]uint64 // the greatest number of each collection's generations
	closed bool
}

var (
	_ backend.Outside = (*Backend)(nil)
)

// New makes a store of this name, which nobody answers yet.
//
// Errors: InvalidArgument for a name that bundle.CheckName refuses.
func New(id string) (*Backend, error) {
	if err := bundle.CheckName(id); err != nil {
		return nil, err
	}
	return &Backend{id: id, ready: make(chan struct{}, 1), done: make(chan struct{}),
		open: map[uint64]*asked{}, floors: map[string]uint64{}}, nil
}

// Describing is a Backend that is a backend.Describer, too.
type Describing struct{ *Backend }

var _ backend.Describer = Describing{}

// ID returns the name of the store.
func (b *Backend) ID() string { return b.id }

// Collections asks for the names of all collections and returns them sorted.
//
// Errors: those of the answer, of the context, and BackendError for names that cannot be.
func (b *Backend) Collections(ctx context.Context) ([]string, error) {
	return ask[[]string](ctx, b, Names, "")
}

// Stamp asks what a collection is now.
//
// Errors: those of the answer, of the context and of bundle.CheckName, and BackendError for a
// generation below one that was there before the question.
func (b *Backend) Stamp(ctx context.Context, collection string) (backend.Stamp, error) {
	if err := bundle.CheckName(collection); err != nil {
		return backend.Stamp{}, err
	}
	return ask[backend.Stamp](ctx, b, Stamp, collection)
}

// Pull asks for the rows of a collection. Its context is also that of reading them.
//
// Errors: as Stamp.
func (b *Backend) Pull(ctx context.Context, collection string) (*backend.Pulled, error) {
	if err := bundle.CheckName(collection); err != nil {
		return nil, err
	}
	return ask[*backend.Pulled](ctx, b, Pull, collection)
}

// Describe asks for the bundle of a collection.
//
// Errors: as Stamp.
func (b Describing) Describe(ctx context.Context, collection string) (bundle.Bundle, error) {
	if err := bundle.CheckName(collection); err != nil {
		return bundle.Bundle{}, err
	}
	return ask[bundle.Bundle](ctx, b.Backend, Describe, collection)
}

// Close ends every question, those to come included, and the reading of rows. More than once is
// fine.
func (b *Backend) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.done)
	}
}

// LakeClosed is Close: the lake asks nothing any more.
func (b *Backend) LakeClosed() { b.Close() }

// ask waits for the answer of one question.
func ask[T any](ctx context.Context, b *Backend, op Op, collection string) (T, error) {
	var none T
	if err := fault.FromContext(ctx, b.named(collection)); err != nil {
		return none, err
	}
	q, err := b.put(ctx, op, collection)
	if err != nil {
		return none, err
	}
	var got any
	select {
	case got = <-q.answer:
	case <-ctx.Done():
		if b.drop(q) {
			return none, fault.FromContext(ctx, b.named(collection))
		}
		got = <-q.answer // it came at the same moment, and may own memory
	case <-b.done:
		if b.drop(q) {
			return none, b.closedError(collection)
		}
		got = <-q.answer
	}
	if err, failed := got.(error); failed {
		return none, err
	}
	return got.(T), nil
}

// put enters a question for Next to find.
func (b *Backend) put(ctx context.Context, op Op, collection string) (*asked, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, b.closedError(collection)
	}
	b.last++
	q := &asked{Question: Question{b.last, op, collection}, ctx: ctx, answer: make(chan any, 1),
		floor: b.floors[collection]}
	b.open[q.ID] = q
	b.queue = append(b.queue, q)
	b.wake()
	return q, nil
}

// drop forgets a question; false when it was answered before.
func (b *Backend) drop(q *asked) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[q.ID] == nil {
		return false
	}
	delete(b.open, q.ID)
	if i := slices.Index(b.queue, q); i >= 0 {
		b.queue = slices.Delete(b.queue, i, i+1)
	}
	return true
}

// wake lets one Next look; the lock is held.
func (b *Backend) wake() {
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// Next waits for a question that nobody has taken yet. Any number of threads may wait.
//
// Errors: BackendError once the Backend is closed, and those of the context.
func (b *Backend) Next(ctx context.Context) (Question, error) {
	for {
		if q, some := b.take(); some {
			return q, nil
		}
		select {
		case <-b.ready:
		case <-b.done:
			return Question{}, b.closedError("")
		case <-ctx.Done():
			return Question{}, fault.FromContext(ctx, b.named(""))
		}
	}
}

func (b *Backend) take() (Question, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.queue) == 0 {
		return Question{}, false
	}
	q := b.queue[0]
	b.queue = slices.Delete(b.queue, 0, 1)
	if len(b.queue) > 0 {
		b.wake() // for another that waits
	}
	return q.Question, true
}

// Waiting returns what a question asks for; false when nobody waits for its answer any more.
func (b *Backend) Waiting(id uint64) (Op, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.open[id]
	if q == nil {
		return "", false
	}
	return q.Op, true
}
