package lake

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// tooLarge remembers a state of a collection that does not fit into the cache.
type tooLarge struct {
	stamp backend.Stamp
	err   error
}

// wanted returns how fresh the answer to a query must be.
func (t *Target) wanted(q *Query) (Consistency, error) {
	if q.Consistency != nil {
		return *q.Consistency, q.Consistency.check()
	}
	if c := t.consistency.Load(); c != nil {
		return *c, nil
	}
	return t.l.o.Consistency, nil
}

// unasked reports whether what a key points to is fresh enough without asking the store.
func unasked(p *cache.Pointer, c Consistency) bool {
	return c.Mode == Frozen || c.Mode == Eventual && p.Age() < c.TTL
}

// enter returns the entry that answers a query, held; nil without an error when the store has to
// answer itself, because the collection does not fit into the cache.
func (t *Target) enter(ctx context.Context, q *Query) (*cache.Entry, error) {
	c, err := t.wanted(q)
	if err != nil {
		return nil, err
	}
	if e := q.Session.entry(t); e != nil {
		t.slot.Hit()
		return e, nil
	}
	p := t.slot.Pointer()
	if p != nil && unasked(p, c) {
		if e := p.Acquire(); e != nil {
			t.slot.Hit()
			return q.Session.learn(t, e), nil
		}
		p = nil // evicted just now
	}
	if c.Mode == Frozen {
		if err := t.l.closed("search"); err != nil {
			return nil, err
		}
		t.slot.Miss()
		return nil, miss(t.key)
	}
	e, err := t.current(ctx, p, c.Mode == Eventual)
	return q.Session.learn(t, e), err
}

// current asks the store what the collection is, and returns the entry of that, held; nil without
// an error when it does not fit into the cache and the store can search itself. Confirm says
// whether the moment of the answer matters.
func (t *Target) current(
	ctx context.Context, p *cache.Pointer, confirm bool,
) (*cache.Entry, error) {
	b, err := t.backend()
	if err != nil {
		return nil, err
	}
	s, err := t.stamp(ctx, b)
	if err != nil {
		return t.instead(ctx, p, err)
	}
	if p != nil && p.Is(s) {
		if confirm {
			p.Confirm()
		}
		if e := p.Acquire(); e != nil {
			t.slot.Hit()
			return e, nil
		}
		p = nil
	}
	if err := t.l.closed("search"); err != nil {
		return nil, err
	}
	t.slot.Miss()
	if err := t.backwards(p, s.DataRef, s); err != nil {
		return t.instead(ctx, p, err)
	}
	if large := t.large.Load(); large != nil && large.stamp == s {
		if _, can := b.(backend.Searcher); can {
			return nil, nil
		}
		return t.instead(ctx, p, large.err)
	}
	if t.l.o.StaleWhileRevalidate && p != nil {
		if e := p.Acquire(); e != nil {
			t.revalidate(b)
			t.slot.Stale()
			return e, nil
		}
	}
	e, err := t.pull(ctx, b, s)
	if err != nil {
		return t.unpulled(ctx, b, p, err)
	}
	return e, nil
}

// unpulled says what is done when there is no entry of the state that the store has now.
func (t *Target) unpulled(
	ctx context.Context, b backend.Backend, p *cache.Pointer, err error,
) (*cache.Entry, error) {
	if fault.KindOf(err) == fault.LimitExceeded {
		if _, can := b.(backend.Searcher); can {
			return nil, nil
		}
	}
	return t.instead(ctx, p, err)
}

// instead returns the entry that is there, held, where an error of the store allows it; else the
// error.
func (t *Target) instead(
	ctx context.Context, p *cache.Pointer, err error,
) (*cache.Entry, error) {
	if !t.l.o.StaleIfError || p == nil || ctx.Err() != nil || t.l.closed("search") != nil {
		return nil, err
	}
	if fault.KindOf(err) == fault.UnknownCollection { // this is an answer
		return nil, err
	}
	e := p.Acquire()
	if e == nil {
		return nil, err
	}
	t.slot.Stale()
	return e, nil
}

// stamp asks the store what the collection is. It is on the way of every fresh search.
func (t *Target) stamp(ctx context.Context, b backend.Backend) (s backend.Stamp, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked("search", t.key, r)
		}
	}()
	s, err = b.Stamp(ctx, t.key.Collection)
	if err != nil {
		return s, failed("search", t.key, err)
	}
	return s, nil
}

// backwards refuses a generation that is less than the one that the store had when the pointer was
// installed.
func (t *Target) backwards(p *cache.Pointer, ref string, s backend.Stamp) error {
	if p == nil || p.Saved || p.Stamp.DataRef != ref {
		return nil
	}
	was, counted := p.Stamp.Generation.Number()
	now, counts := s.Generation.Number()
	if !counted || !counts || now >= was {
		return nil
	}
	return fault.New(fault.BackendError, "search",
		fmt.Sprintf("%s: its generation went back from %d to %d", t.key, was, now),
		"if the store was restored from a copy, invalidate the key")
}
