package lake

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// Answer says which entry of the cache has answered, for callers who keep what they know of it.
type Answer struct {
	Entry     uint64 // its number, never used twice in a process; 0: the store itself has answered
	Rows, Dim int
}

// tell notes what has answered, nil where the store has.
func (a *Answer) tell(e *cache.Entry) {
	switch {
	case a == nil:
	case e == nil:
		*a = Answer{}
	default:
		*a = Answer{Entry: e.ID, Rows: e.Rows, Dim: e.Dim}
	}
}

// SearchEntry is Search for who knows the entry: it answers if that is fresh enough, counting a
// hit, and does nothing, counting nothing, if another entry or none would answer, or in a session.
// The only one that is asked is the store for its stamp, and no store that is backend.Outside.
//
// Errors: those of Search that concern the query.
func (t *Target) SearchEntry(
	ctx context.Context, q *Query, entry uint64, out *arrowidx.SearchOut,
) (plan arrowidx.Plan, found bool, err error) {
	c, err := t.wanted(q)
	if err != nil {
		return plan, false, err
	}
	p := t.slot.Pointer()
	if p == nil || p.Entry.ID != entry || q.Session != nil || !t.isStill(ctx, p, c) {
		return plan, false, nil
	}
	e := p.Acquire()
	if e == nil {
		return plan, false, nil
	}
	t.slot.Hit()
	plan, err = t.ask(ctx, e, q, q.K, t.factor(q), out)
	return plan, true, err
}

// isStill reports whether what a key points to is as fresh as it must be. Errors of the store are
// for Search to tell.
func (t *Target) isStill(ctx context.Context, p *cache.Pointer, c Consistency) bool {
	if unasked(p, c) {
		return true
	}
	b, err := t.backend()
	if err != nil {
		return false
	}
	if _, outside := b.(backend.Outside); outside {
		return false
	}
	s, err := t.stamp(ctx, b)
	if err != nil || !p.Is(s) {
		return false
	}
	if c.Mode == Eventual {
		p.Confirm()
	}
	return true
}

// Facts returns the number of the entry of the key, what its index is, and whether it measures on
// float64; number 0 without an entry.
func (t *Target) Facts() (entry uint64, is arrowidx.Info, wide bool) {
	p := t.slot.Pointer()
	if p == nil {
		return 0, is, false
	}
	e := p.Acquire()
	if e == nil {
		return 0, is, false
	}
	defer e.Release()
	return e.ID, e.Index.Info(), e.Index.Wide()
}

// known returns the rows of the ids of a filter, those of no row left out.
func known(e *cache.Entry, p *arrowidx.SearchParams) error {
	found, err := e.Index.Lookup(p.IDs)
	if err != nil {
		return err
	}
	rows := found[:0]
	for _, row := range found {
		if row >= 0 {
			rows = append(rows, row)
		}
	}
	p.Rows, p.IDs = rows, nil
	return nil
}
