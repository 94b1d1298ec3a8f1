package lake

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// Target is a collection of a lake as searches name it. Hold it: looking one up takes a lock, using
// one does not. Safe for concurrent use.
type Target struct {
	l           *Lake
	key         backend.Key
	slot        *cache.Slot
	consistency atomic.Pointer[Consistency]
	store       atomic.Pointer[backend.Backend]
	large       atomic.Pointer[tooLarge]

	mu     sync.Mutex
	flight *flight // under way; guarded by mu
}

// Target returns the target of a key. There is one a key, whether or not there is such a backend or
// collection: searches find that out.
func (l *Lake) Target(k backend.Key) *Target {
	l.mu.RLock()
	t := l.targets[k]
	l.mu.RUnlock()
	if t != nil {
		return t
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if t = l.targets[k]; t == nil {
		t = &Target{l: l, key: k, slot: l.cache.Slot(k)}
		l.targets[k] = t
	}
	return t
}

// Key returns the backend and the collection.
func (t *Target) Key() backend.Key { return t.key }

// SetConsistency sets how fresh searches of a collection must be that do not say so themselves;
// nil: as the lake says.
//
// Errors: InvalidArgument for what is no consistency.
func (l *Lake) SetConsistency(k backend.Key, c *Consistency) error {
	if c != nil {
		if err := c.check(); err != nil {
			return err
		}
		own := *c
		c = &own
	}
	l.Target(k).consistency.Store(c)
	return nil
}

// backend returns the target's backend.
func (t *Target) backend() (backend.Backend, error) {
	if b := t.store.Load(); b != nil {
		return *b, nil
	}
	b, err := t.l.backend("search", t.key.Backend)
	if err == nil {
		t.store.Store(&b)
	}
	return b, err
}

// Prime makes sure that there is an entry of what the collection is now, whatever the consistency.
//
// Errors: those of Search that concern the store; LimitExceeded where it does not fit into the
// cache.
func (t *Target) Prime(ctx context.Context) error {
	e, err := t.current(ctx, t.slot.Pointer(), false)
	if err != nil {
		return err
	}
	if e == nil {
		return fault.New(fault.LimitExceeded, "prime",
			fmt.Sprintf("%s does not fit into the cache, which may hold %s: its store searches it", t.key,
				t.l.cache.Limits()), "give the lake a larger cache, or unpin what is not needed")
	}
	e.Release()
	return nil
}

// Invalidate forgets the entry of the key, so that the next search pulls, and says whether there
// was one. A generation that is less than before is accepted again.
func (t *Target) Invalidate() bool {
	t.large.Store(nil)
	return t.l.cache.Drop(t.slot)
}

// Pin keeps the entry of the key, now and when it is replaced by a newer one, from being evicted.
//
// Errors: LakeError when the lake is closed.
func (t *Target) Pin() error {
	t.l.cache.Pin(t.slot)
	return t.l.closed("pin")
}

// Unpin ends Pin. What is not pinned stays so.
//
// Errors: LakeError when the lake is closed.
func (t *Target) Unpin() error {
	t.l.cache.Unpin(t.slot)
	return t.l.closed("unpin")
}

// Witness returns the witness (format 2) of what the entry was made of, false without an entry.
func (t *Target) Witness() (string, bool) {
	p := t.slot.Pointer()
	if p == nil {
		return "", false
	}
	return p.Entry.Witness, true
}

// Entry is what is known of the index that a key has in the cache.
type Entry struct {
	Witness       string
	Rows, Dim     int
	ResidentBytes int64
	Kind          arrowidx.Kind
	IDs           arrowidx.IDKind
	Pinned        bool
}

// Entry describes the entry of the key, false without one. It takes no lock that searches take.
func (t *Target) Entry() (Entry, bool) {
	p := t.slot.Pointer()
	if p == nil {
		return Entry{}, false
	}
	e := p.Entry
	return Entry{
		Witness: e.Witness, Rows: e.Rows, Dim: e.Dim, ResidentBytes: e.Bytes,
		Kind: e.Index.Kind(), IDs: e.Index.IDs().Kind(), Pinned: t.l.cache.Pinned(t.slot),
	}, true
}
