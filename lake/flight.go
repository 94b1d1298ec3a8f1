package lake

import (
	"context"
	"sync"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// flight brings what a collection is now into the cache, once for all that wait for it.
type flight struct {
	ctx  context.Context
	stop context.CancelFunc
	done chan struct{} // closed when the next three are set
	held *cache.Entry  // until the last waiter has left
	is   cache.Facts
	err  error

	// Guarded by the target's mutex.
	waiters int
	alone   bool // it goes on although nobody waits
	left    bool // nobody waits any more: what it brings is not wanted
	ended   bool
}

// join returns the flight under way, or begins one.
func (t *Target) join(b backend.Backend, alone bool) (f *flight, began bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f = t.flight; f == nil {
		f, began = &flight{done: make(chan struct{})}, true
		f.ctx, f.stop = context.WithCancel(t.l.ctx)
		t.flight = f
		go func() {
			defer func() {
				if r := recover(); r != nil {
					t.land(f, nil, panicked("search", t.key, r))
				}
			}()
			e, err := t.bring(f, b)
			t.land(f, e, err)
		}()
	}
	f.alone = f.alone || alone
	if !alone {
		f.waiters++
	}
	return f, began
}

// land ends a flight.
func (t *Target) land(f *flight, e *cache.Entry, err error) {
	t.mu.Lock()
	f.held, f.err, f.ended = e, err, true
	if t.flight == f {
		t.flight = nil
	}
	unwanted := f.waiters == 0
	close(f.done)
	t.mu.Unlock()
	f.stop()
	if unwanted && e != nil {
		e.Release()
	}
}

// leave takes a caller off a flight. The last one stops it, or lets go of what it brought.
func (t *Target) leave(f *flight) {
	t.mu.Lock()
	f.waiters--
	last, ended := f.waiters == 0, f.ended
	if last && !ended && !f.alone {
		f.left = true
		if t.flight == f {
			t.flight = nil // who comes now begins another
		}
	}
	stop := f.left
	t.mu.Unlock()
	switch {
	case last && ended && f.held != nil:
		f.held.Release()
	case stop:
		f.stop()
	}
}

// revalidate has the entry replaced without waiting for it.
func (t *Target) revalidate(b backend.Backend) { t.join(b, true) }

// pull returns the entry of what the collection is now, held. Stamp is what the store said to the
// caller: a flight that began before may bring an older state, and then does not count.
func (t *Target) pull(
	ctx context.Context, b backend.Backend, s backend.Stamp,
) (*cache.Entry, error) {
	for first := true; ; first = false {
		f, began := t.join(b, false)
		select {
		case <-f.done:
		case <-ctx.Done():
			t.leave(f)
			return nil, failed("search", t.key, fault.FromContext(ctx, "search"))
		}
		since := began || !first // a flight that was met second began while the caller waited
		if f.err == nil && (since || f.is.Stamp.Generation == s.Generation &&
			f.is.Stamp.DataRef == s.DataRef) {
			f.held.Hold()
			e := f.held
			t.leave(f)
			return e, nil
		}
		err := f.err
		t.leave(f)
		if closed := t.l.closed("search"); closed != nil {
			return nil, closed
		}
		if since && err != nil {
			return nil, err
		}
	}
}

// builds are the witnesses whose indexes are being made: keys of the same data pull it once.
type builds struct {
	mu   sync.Mutex
	done map[string]chan struct{}
}

// claim returns nil when the caller is to make the index of a witness, else what is closed when
// another one has ended trying to.
func (b *builds) claim(witness string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if done := b.done[witness]; done != nil {
		return done
	}
	if b.done == nil {
		b.done = map[string]chan struct{}{}
	}
	b.done[witness] = make(chan struct{})
	return nil
}

// release ends a claim.
func (b *builds) release(witness string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.done[witness])
	delete(b.done, witness)
}
