// Package lake searches collections of many stores as if they were one: it pulls a collection when
// it is first needed, keeps its index as long as the store says that nothing has changed, shares it
// between keys of the same data, and says which data every answer comes from.
//
// Reading order: lake.go, target.go, freshness.go (which entry answers), flight.go and prime.go
// (how one comes into the cache), search.go, stats.go; federate.go (many collections at once),
// fan.go, every.go (which ones), filter.go, hits.go (joining answers); publish.go, save.go, warm.go
// (folders that other lakes read), folder.go, provenance.go; session.go.
package lake

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// Mode says when the store is asked whether an entry is still what it has.
type Mode uint8

// The modes.
const (
	Fresh    Mode = iota // before every search: the answer is of a state during the call
	Eventual             // once in a while: the answer is of a state at most TTL before the call
	Frozen               // never: what was primed or warmed answers until it is dropped
)

// String returns the mode's name.
func (m Mode) String() string {
	if m > Frozen {
		return fmt.Sprintf("Mode(%d)", uint8(m))
	}
	return [...]string{"FRESH", "EVENTUAL", "FROZEN"}[m]
}

// Consistency is a mode and, for Eventual, how long an answer of the store holds.
type Consistency struct {
	Mode Mode
	TTL  time.Duration
}

// check refuses what is no consistency.
func (c Consistency) check() error {
	switch {
	case c.Mode > Frozen:
		return refuse("lake", "mode %d is no consistency", "use Fresh, Eventual or Frozen", c.Mode)
	case c.TTL < 0:
		return refuse("lake", "a time to live of %v", "use 0 or more", c.TTL)
	}
	return nil
}

// Options say how a lake caches and searches. Defaults returns the usual ones; of the zero value,
// RerankFactor and Recall stand for theirs, and the others for what they say.
type Options struct {
	Consistency  Consistency
	RerankFactor int    // f: of a search of k, the f*k best rows are measured; 0: 20
	RotationSeed uint64 // of the indexes
	CacheBytes   int64  // that entries may hold alive together; 0: no limit
	CacheEntries int    // 0: no limit
	Metric       arrowidx.Metric
	Kind         arrowidx.Kind
	Recall       float64 // target of searches; 0: 0.95
	Threads      int     // of one search or build; 0: the default of arrowidx.SetThreads
	// StaleIfError answers from the entry that is there when the store fails. That a collection is
	// gone is no failure.
	StaleIfError bool
	// StaleWhileRevalidate answers from the entry that is there while a newer one is made.
	StaleWhileRevalidate bool
}

// Defaults are the options of a lake that nothing is said about: fresh, rerank factor 20, seed 42,
// no limits, metric L2, kind by the number of rows, recall 0.95.
func Defaults() Options {
	return Options{RerankFactor: 20, RotationSeed: 42, Metric: arrowidx.L2, Recall: .95}
}

// fill puts defaults where zero stands for them, and refuses what cannot be.
func (o *Options) fill() error {
	o.RerankFactor = cmp.Or(o.RerankFactor, 20)
	o.Recall = cmp.Or(o.Recall, .95)
	switch {
	case o.RerankFactor < 0:
		return refuse("lake", "a rerank factor of %d", "use 1 or more", o.RerankFactor)
	case o.CacheBytes < 0 || o.CacheEntries < 0:
		return refuse("lake", "a cache of %d bytes and %d entries", "use 0 for no limit",
			o.CacheBytes, o.CacheEntries)
	case !(o.Recall > 0 && o.Recall <= 1):
		return refuse("lake", "recall target %v is not in (0, 1]", "use for example 0.95", o.Recall)
	case o.Metric > arrowidx.Jaccard:
		return fault.New(fault.MetricError, "lake", fmt.Sprintf("unknown metric %d", o.Metric), "")
	case o.Threads < 0:
		return refuse("lake", "%d threads", "use 0 for all", o.Threads)
	}
	if _, err := arrowidx.ParseKind(o.Kind.String()); err != nil {
		return err
	}
	return o.Consistency.check()
}

// Lake caches and searches the collections of its backends. Safe for concurrent use; searches take
// no lock.
type Lake struct {
	o     Options
	cache *cache.Cache
	ctx   context.Context // of what goes on without a caller; ends with Close
	stop  context.CancelFunc

	mu       sync.RWMutex
	backends map[string]backend.Backend
	targets  map[backend.Key]*Target

	building builds
}

// New makes a lake without backends. Close it.
//
// Errors: InvalidArgument and MetricError for options that cannot be.
func New(o Options) (*Lake, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	l := &Lake{
		o: o, cache: cache.New(cache.Limits{Bytes: o.CacheBytes, Entries: o.CacheEntries}),
		backends: map[string]backend.Backend{}, targets: map[backend.Key]*Target{},
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l, nil
}

// Options returns what the lake was made with, defaults filled in.
func (l *Lake) Options() Options { return l.o }

// Close ends pulls under way and frees all entries, those in use with their last user. It may be
// called more than once; calls after it are LakeErrors.
func (l *Lake) Close() {
	l.stop()
	l.cache.Close()
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, b := range l.backends {
		if outside, is := b.(backend.Outside); is {
			outside.LakeClosed()
		}
	}
}

// closed is the error of a lake that was closed, nil of an open one.
func (l *Lake) closed(op string) error {
	if l.ctx.Err() != nil {
		return cache.Closed(op)
	}
	return nil
}

// Register adds a backend, which is never removed.
//
// Errors: InvalidArgument when its name is taken or it is nil, LakeError for a name that could be
// none of a collection.
func (l *Lake) Register(b backend.Backend) error {
	if err := l.closed("register"); err != nil {
		return err
	}
	if b == nil {
		return refuse("register", "there is no backend", "pass one")
	}
	id := b.ID()
	if err := bundle.CheckName(id); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.backends[id]; taken {
		return refuse("register", "there is a backend named %q already", "give each a name of its own",
			id)
	}
	l.backends[id] = b
	return nil
}

// Backends returns the names of all backends, sorted.
func (l *Lake) Backends() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Sorted(maps.Keys(l.backends))
}

// backend returns a backend by its name.
func (l *Lake) backend(op, id string) (backend.Backend, error) {
	if err := l.closed(op); err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if b := l.backends[id]; b != nil {
		return b, nil
	}
	has := "none is registered"
	if len(l.backends) > 0 {
		names := slices.Sorted(maps.Keys(l.backends))
		has = "there are " + strings.Join(names[:min(len(names), 10)], ", ")
	}
	return nil, fault.New(fault.UnknownBackend, op, fmt.Sprintf("no backend is named %q", id),
		has+"; register_backend adds one")
}

// Collections asks every backend for its collections, and returns their keys, sorted.
//
// Errors: BackendError naming the backend that failed.
func (l *Lake) Collections(ctx context.Context) ([]backend.Key, error) {
	var keys []backend.Key
	for _, id := range l.Backends() {
		names, err := l.collections(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			keys = append(keys, backend.Key{Backend: id, Collection: name})
		}
	}
	return keys, nil
}

// collections asks one backend.
func (l *Lake) collections(ctx context.Context, id string) (names []string, err error) {
	b, err := l.backend("collections", id)
	if err != nil {
		return nil, err
	}
	err = asked("collections", backend.Key{Backend: id}, func() error {
		names, err = b.Collections(ctx)
		return err
	})
	return names, err
}

// Resolve returns the key of a collection whose backend is not named: the only one that has it. Of
// a lake with one backend that one is not asked.
//
// Errors: UnknownCollection when none has it, InvalidArgument naming the backends when several do,
// BackendError when one does not answer.
func (l *Lake) Resolve(ctx context.Context, collection string) (backend.Key, error) {
	ids := l.Backends()
	if len(ids) == 1 {
		return backend.Key{Backend: ids[0], Collection: collection}, l.closed("search")
	}
	var have []string
	for _, id := range ids {
		names, err := l.collections(ctx, id)
		if err != nil {
			return backend.Key{}, err
		}
		if slices.Contains(names, collection) {
			have = append(have, id)
		}
	}
	switch len(have) {
	case 1:
		return backend.Key{Backend: have[0], Collection: collection}, nil
	case 0:
		return backend.Key{}, fault.New(fault.UnknownCollection, "search",
			fmt.Sprintf("no backend has a collection %q", collection),
			"backends: "+strings.Join(ids[:min(len(ids), 10)], ", "))
	}
	return backend.Key{}, refuse("search", "the backends %s have a collection %q each",
		"name the backend", strings.Join(have, ", "), collection)
}
