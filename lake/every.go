package lake

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// unknownDim is a dimension that only a search can find out.
const unknownDim = -1

// everyTarget makes every collection of a dimension a target. Errors of collections, and of
// backends that do not tell which they have, go to f.Errors if partial.
func (l *Lake) everyTarget(
	ctx context.Context, q *Query, dim int, partial bool, f *Federated,
) error {
	keys, err := l.known(ctx, q, partial, f)
	if err != nil {
		return err
	}
	dims := make([]int, len(keys))
	soon, stop := within(ctx, partial, 2)
	defer stop()
	errs := fan(soon, keys, func(ctx context.Context, i int) (int, error) {
		return l.Target(keys[i]).dimNow(ctx, q)
	}, func(i, got int, _ error) { dims[i] = got })
	if err := ended(ctx, errs, partial); err != nil {
		return err
	}
	have := map[int]bool{}
	for i, k := range keys {
		if err := errs[i]; err != nil {
			f.fail(k, err)
			continue
		}
		have[dims[i]] = true
		if dims[i] == dim || dims[i] == unknownDim || dim == 0 {
			f.Targets = append(f.Targets, k)
		}
	}
	if len(f.Targets) > 0 {
		return nil
	}
	return f.none(dim, slices.Sorted(maps.Keys(have)))
}

// within returns a context that ends after an n-th of the time that is left, if the answer may be
// partial: a store that hangs must not take the time of those that answer.
func within(
	ctx context.Context, partial bool, n time.Duration,
) (context.Context, context.CancelFunc) {
	end, limited := ctx.Deadline()
	if !limited || !partial {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Until(end)/n)
}

// ended is why an answer cannot be given after keys were asked.
func ended(ctx context.Context, errs map[int]error, partial bool) error {
	switch {
	case ctx.Err() == context.Canceled:
		return fault.FromContext(ctx, "search")
	case len(errs) > 0 && !partial:
		return first(errs)
	}
	return nil
}

// none is the error of a search that no collection can answer.
func (f *Federated) none(dim int, have []int) error {
	if len(f.Errors) > 0 { // who knows what those have
		for _, k := range slices.SortedFunc(maps.Keys(f.Errors), byKey) {
			return f.Errors[k]
		}
	}
	if len(have) == 0 {
		return fault.New(fault.UnknownCollection, "search", "there is no collection to search",
			"register a backend that has one")
	}
	return fault.New(fault.DimensionMismatch, "search",
		fmt.Sprintf("no collection has %d dimensions, there are %v", dim, have),
		"queries need the dimensions of the indexed vectors")
}

// fail notes why a target has no part in the answer.
func (f *Federated) fail(k backend.Key, err error) {
	if f.Errors == nil {
		f.Errors = map[backend.Key]error{}
	}
	f.Errors[k] = err
}

// known returns the keys of all collections, sorted; for a query that is Frozen those that have an
// entry.
func (l *Lake) known(
	ctx context.Context, q *Query, partial bool, f *Federated,
) ([]backend.Key, error) {
	c := l.o.Consistency
	if q.Consistency != nil {
		c = *q.Consistency
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.Mode == Frozen {
		return l.cached()
	}
	var stores, keys []backend.Key
	for _, id := range l.Backends() {
		stores = append(stores, backend.Key{Backend: id})
	}
	soon, stop := within(ctx, partial, 3)
	defer stop()
	errs := fan(soon, stores, func(ctx context.Context, i int) ([]string, error) {
		return l.collections(ctx, stores[i].Backend)
	}, func(i int, names []string, _ error) {
		for _, name := range names {
			keys = append(keys, backend.Key{Backend: stores[i].Backend, Collection: name})
		}
	})
	if err := ended(ctx, errs, partial); err != nil {
		return nil, err
	}
	for i, err := range errs {
		f.fail(stores[i], err)
	}
	slices.SortFunc(keys, byKey)
	return keys, nil
}

// cached returns the keys that have an entry, sorted.
func (l *Lake) cached() ([]backend.Key, error) {
	var keys []backend.Key
	l.mu.RLock()
	for k, t := range l.targets {
		if t.slot.Pointer() != nil {
			keys = append(keys, k)
		}
	}
	l.mu.RUnlock()
	if keys == nil {
		return nil, fault.New(fault.CacheMiss, "search", "nothing is in the cache, and FROZEN pulls "+
			"nothing", "prime collections, warm them from folders, or search with FRESH or EVENTUAL")
	}
	slices.SortFunc(keys, byKey)
	return keys, nil
}

// byKey orders keys by backend, then by collection.
func byKey(a, b backend.Key) int {
	return slices.Compare([]string{a.Backend, a.Collection}, []string{b.Backend, b.Collection})
}

// dimNow returns the dimension of a collection, as fresh as the query wants it. A store that does
// not tell it has to hand the collection over.
func (t *Target) dimNow(ctx context.Context, q *Query) (int, error) {
	c, err := t.wanted(q)
	if err != nil {
		return 0, err
	}
	if e := q.Session.entry(t); e != nil {
		defer e.Release()
		return dimOf(e.Index), nil
	}
	p := t.slot.Pointer()
	if p != nil && unasked(p, c) {
		return p.Stamp.Dim, nil
	}
	if c.Mode == Frozen { // evicted since it was listed
		return 0, miss(t.key)
	}
	b, err := t.backend()
	if err != nil {
		return 0, err
	}
	s, err := t.stamp(ctx, b)
	if err != nil {
		return 0, err
	}
	if s.Dim > 0 {
		return s.Dim, nil
	}
	if p != nil && p.Is(s) {
		return p.Stamp.Dim, nil
	}
	e, err := t.enter(ctx, q)
	if err != nil {
		return 0, err
	}
	if e == nil { // it does not fit into the cache, and its store will say what is wrong
		return unknownDim, nil
	}
	defer e.Release()
	return dimOf(e.Index), nil
}

// dimOf returns the dimension of an index as stores and bundles have it: of packed bits in bytes.
func dimOf(ix *arrowidx.Index) int {
	if ix.Metric().Binary() {
		return ix.Dim() / 8
	}
	return ix.Dim()
}
