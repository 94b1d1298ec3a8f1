package lake

import (
	"context"
	"math"
	"sync"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/cache"
)

// Query is a search of one collection: its queries, and how fresh the answer must be.
//
// Rerank of its SearchParams is how many rows a query measures: 0 is K times RerankFactor, or as
// many as the bounds ask for at recall 1; less than 0 as many as the bounds ask for.
type Query struct {
	arrowidx.SearchParams
	Consistency  *Consistency // nil: that of the collection, or the lake's
	Session      *Session     // nil: none
	RerankFactor int          // 0: the lake's
	Lenient      bool         // ids of a filter that no row has are left out, not an error
	Answer       *Answer      // receives which entry has answered; nil: nobody wants to know
	// Slot runs what computes, and nothing that waits for a store; nil: at once.
	Slot func(ctx context.Context, compute func() error) error
}

// params are copies of the parameters of queries, which searches of a lake fill in.
var params = sync.Pool{New: func() any { return new(arrowidx.SearchParams) }}

// Search answers the queries from one entry: the freshness is checked once, and counted once. IDs
// of out names the rows. Query must not change meanwhile.
//
// Errors: UnknownBackend, UnknownCollection; CacheMiss for Frozen without entry or backend;
// BackendError naming backend and collection; LimitExceeded when the collection does not fit into
// the cache and its store cannot search; those of arrowidx.Index.Search, with the collection;
// LakeError when the lake is closed.
func (t *Target) Search(
	ctx context.Context, q *Query, out *arrowidx.SearchOut,
) (arrowidx.Plan, error) {
	if q.RerankFactor < 0 {
		return arrowidx.Plan{}, refuse("search", "a rerank factor of %d", "use 0 or more",
			q.RerankFactor)
	}
	e, err := t.enter(ctx, q)
	if err != nil {
		return arrowidx.Plan{}, err
	}
	return t.ask(ctx, e, q, q.K, t.factor(q), out)
}

// factor is how many rows a query measures for each that it wants.
func (t *Target) factor(q *Query) int {
	if q.RerankFactor != 0 {
		return q.RerankFactor
	}
	return t.l.o.RerankFactor
}

// ask answers the queries from an entry, whose use it ends, or by the store where there is none:
// the k nearest, factor*k measured.
func (t *Target) ask(
	ctx context.Context, e *cache.Entry, q *Query, k, factor int, out *arrowidx.SearchOut,
) (plan arrowidx.Plan, err error) {
	p := params.Get().(*arrowidx.SearchParams)
	*p = q.SearchParams
	p.K = k
	if p.Threads == 0 {
		p.Threads = t.l.o.Threads
	}
	if p.Rerank == 0 && !p.Estimates && !t.closing(p.Recall) {
		p.Rerank = measured(k, factor)
	}
	q.Answer.tell(e)
	if e != nil {
		if q.Lenient && p.IDs != nil {
			err = known(e, p)
		}
		switch {
		case err != nil:
		case q.Slot != nil:
			plan, err = slotted(ctx, e, q, p, out)
		default:
			plan, err = e.Index.Search(ctx, p, out)
		}
		e.Release()
		if err != nil {
			err = located(t.key, err)
		}
	} else {
		plan, err = t.push(ctx, p, out)
	}
	*p = arrowidx.SearchParams{}
	params.Put(p)
	return plan, err
}

// slotted searches an entry when it is its turn. It is a function of its own because what it
// captures is allocated.
func slotted(
	ctx context.Context, e *cache.Entry, q *Query, p *arrowidx.SearchParams, out *arrowidx.SearchOut,
) (plan arrowidx.Plan, err error) {
	err = q.Slot(ctx, func() (err error) {
		plan, err = e.Index.Search(ctx, p, out)
		return err
	})
	return plan, err
}

// closing reports whether a search with a recall target measures until no bound is open.
func (t *Target) closing(recall float64) bool {
	if recall == 0 {
		recall = t.l.o.Recall
	}
	return recall >= 1
}

// measured is factor*k, or as much as fits.
func measured(k, factor int) int {
	if k > 0 && factor > math.MaxInt32/k {
		return math.MaxInt32
	}
	return k * factor
}

// push has the store of a collection that does not fit into the cache search itself.
func (t *Target) push(
	ctx context.Context, p *arrowidx.SearchParams, out *arrowidx.SearchOut,
) (arrowidx.Plan, error) {
	b, err := t.backend()
	if err != nil {
		return arrowidx.Plan{}, err
	}
	t.slot.Pushed()
	own := *p
	if own.NQ, err = t.counted(ctx, b, p); err != nil {
		return arrowidx.Plan{}, err
	}
	err = asked("search", t.key, func() error {
		return b.(backend.Searcher).Search(ctx, t.key.Collection, &own, out)
	})
	if err != nil {
		return arrowidx.Plan{}, err
	}
	if err := t.checkAnswer(&own, out); err != nil {
		return arrowidx.Plan{}, err
	}
	return arrowidx.Plan{Queries: int64(own.NQ)}, nil
}

// counted returns how many queries there are, by the dimension that the store says if nothing else
// tells.
func (t *Target) counted(
	ctx context.Context, b backend.Backend, p *arrowidx.SearchParams,
) (int, error) {
	if p.NQ != 0 {
		return p.NQ, nil
	}
	if p.Like != nil {
		return p.Like.Len(), nil
	}
	s, err := t.stamp(ctx, b)
	if err != nil || s.Dim <= 0 {
		return 0, err
	}
	return (len(p.Queries) + len(p.Wide) + 8*len(p.Bits)) / s.Dim, nil
}

// checkAnswer refuses an answer of a store that is none.
func (t *Target) checkAnswer(p *arrowidx.SearchParams, out *arrowidx.SearchOut) error {
	wrong := out.IDs == nil || !out.Holds(p.NQ, p.K)
	for i := 0; i < p.NQ && !wrong; i++ {
		n := out.Counts[i]
		wrong = n < 0 || n > int64(p.K)
		for j := i * p.K; !wrong && j < i*p.K+int(n); j++ {
			row := out.Rows[j]
			wrong = row < 0 || row >= int64(out.IDs.Len()) || math.IsNaN(float64(out.Scores[j]))
		}
	}
	if !wrong {
		return nil
	}
	return fault.New(fault.BackendError, "search",
		t.key.String()+": what its store answered to a search is no answer",
		"write ids, rows, scores and counts as arrowidx.Index.Search does")
}
