package lake

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// FederatedOptions say which collections a federated search asks, and what becomes of errors.
type FederatedOptions struct {
	// Targets are asked, in this order; nil: every collection of the queries' dimension, by backend
	// and name. With Frozen these are the ones that have an entry.
	Targets []backend.Key
	// Partial answers from the targets that answer before the context's deadline. Without Targets,
	// a third of the time is for asking stores what they have, and a third for the dimensions.
	Partial bool
	// Dedupe keeps, of rows with one id in collections of one name, the best: backends are then
	// copies of each other. A number is the same id as int64 and as uint64.
	Dedupe bool
}

// mostCells is the largest answer, in queries times rows, of all targets together.
const mostCells = 1 << 28

// SearchFederated searches collections as if they were one. Of S targets, each is asked for some
// more than K rows, k' = min(4 K, K + ceil(sqrt(K ln S))), and measures k' times
// max(5, RerankFactor/S), or k' times RerankFactor if that is less; the rest is as of
// [Target.Search]. At recall 1 the scores are those of one index over all rows, and so are the ids,
// but for rows of one score.
//
// IDs name rows of any target: those that one has are the ones that may be found there. Nothing
// names rows by their numbers: Mask, Rows, Like and Source are of one collection, as are
// Diversity and Estimates. NQ is given.
//
// Errors: those of [Target.Search] by any target, or, if Partial, by all of them (the first of
// either in the order of targets); InvalidArgument for what concerns one collection only and for a
// target that is given twice; UnknownID for ids that none of the targets has, if all answer;
// LimitExceeded for answers of more than 2^28 cells; without targets
// DimensionMismatch when no collection has the queries' dimension, UnknownCollection when there is
// none at all. Cancelled, also if Partial, when the
// context was cancelled and not timed out.
func (l *Lake) SearchFederated(
	ctx context.Context, q *Query, o FederatedOptions,
) (*Federated, error) {
	began := time.Now()
	if err := l.closed("search"); err != nil {
		return nil, err
	}
	dim, err := federable(q)
	if err != nil {
		return nil, err
	}
	own, err := ownQuery(q)
	if err != nil {
		return nil, err
	}
	f := &Federated{Counts: make([]int64, q.NQ)}
	if o.Targets == nil {
		if err := l.everyTarget(ctx, own, dim, o.Partial, f); err != nil {
			return nil, err
		}
	} else if err := distinct(o.Targets); err != nil {
		return nil, err
	} else {
		f.Targets = slices.Clone(o.Targets)
	}
	answers, err := l.askAll(ctx, own, o.Partial, f)
	if err != nil {
		return nil, err
	}
	if err := allFound(own.IDs, answers, len(f.Targets)+len(f.Errors)); err != nil {
		return nil, err
	}
	if err := f.join(answers, q, l.o.Metric, o.Dedupe); err != nil {
		return nil, err
	}
	f.Plan.Queries, f.Plan.Total = int64(q.NQ), time.Since(began)
	return f, nil
}

// federable refuses queries that only one collection can answer, and returns their dimension, of
// packed bits in bytes.
func federable(q *Query) (int, error) {
	for _, only := range []struct {
		name  string
		given bool
	}{
		{"Mask", q.Mask != nil}, {"Rows", q.Rows != nil}, {"Like", q.Like != nil},
		{"Source", q.Source != nil}, {"Diversity", q.Diversity != 0}, {"Estimates", q.Estimates},
	} {
		if only.given {
			return 0, refuse("search", "%s has no meaning for several collections",
				"name rows by IDs, or search one collection", only.name)
		}
	}
	numbers := len(q.Queries) + len(q.Wide) + len(q.Bits)
	switch {
	case q.K < 0:
		return 0, refuse("search", "k = %d", "use k >= 0", q.K)
	case q.RerankFactor < 0:
		return 0, refuse("search", "a rerank factor of %d", "use 0 or more", q.RerankFactor)
	case q.NQ < 0 || q.NQ == 0 && numbers > 0:
		return 0, refuse("search", "%d numbers of %d queries", "say how many queries they are (NQ)",
			numbers, q.NQ)
	case q.NQ == 0:
		return 0, nil
	case numbers == 0 || numbers%q.NQ != 0:
		return 0, fault.New(fault.DimensionMismatch, "search", fmt.Sprintf(
			"%d numbers are no whole number of dimensions of %d queries", numbers, q.NQ),
			"every query has the dimensions of the indexed vectors")
	}
	return numbers / q.NQ, nil
}

// ownQuery copies a query and what it refers to: a target that does not end in time may read it
// when its caller has long gone.
func ownQuery(q *Query) (*Query, error) {
	own := *q
	own.Queries, own.Wide = slices.Clone(q.Queries), slices.Clone(q.Wide)
	own.Bits = slices.Clone(q.Bits)
	if q.Consistency != nil {
		c := *q.Consistency
		own.Consistency = &c
	}
	if q.IDs != nil {
		ids, err := copyIDs(q.IDs)
		if err != nil {
			return nil, err
		}
		own.IDs = ids
	}
	return &own, nil
}

// distinct refuses a target that is there twice: its rows would be.
func distinct(keys []backend.Key) error {
	seen := make(map[backend.Key]bool, len(keys))
	for i, k := range keys {
		if seen[k] {
			return refuse("search", "target %d is %s a second time", "name every target once", i, k)
		}
		seen[k] = true
	}
	return nil
}

// askAll asks every target. Errors of targets go to f.Errors if partial.
func (l *Lake) askAll(
	ctx context.Context, q *Query, partial bool, f *Federated,
) ([]answer, error) {
	s := len(f.Targets)
	if s == 0 {
		return nil, nil
	}
	factor := q.RerankFactor
	if factor == 0 {
		factor = l.o.RerankFactor
	}
	threads := q.Threads
	if threads == 0 {
		threads = l.o.Threads
	}
	threads = arrowidx.Threads(threads)
	q.Threads = max(1, threads/s)
	a := asking{
		l: l, q: q, targets: f.Targets, k: overRequest(q.K, s), factor: shardFactor(factor, s),
		cells: mostCells / s, turns: make(chan struct{}, threads),
	}
	answers := make([]answer, 0, s)
	inner, stop := context.WithCancel(ctx)
	defer stop()
	errs := fan(inner, f.Targets, a.ask, func(_ int, got answer, err error) {
		if err == nil {
			answers = append(answers, got)
		} else if !partial {
			stop() // the others are not needed any more
		}
	})
	slices.SortFunc(answers, func(a, b answer) int { return a.target - b.target })
	return answers, f.settle(ctx, errs, partial, len(answers) > 0)
}

// settle keeps the errors of targets if the answer may be partial, else it returns the one to tell.
func (f *Federated) settle(
	ctx context.Context, errs map[int]error, partial, some bool,
) error {
	if err := ended(ctx, errs, partial && some); err != nil {
		return err
	}
	for i, err := range errs {
		f.fail(f.Targets[i], err)
	}
	return nil
}

// first returns the error of the first target that has one of its own: others may have been stopped
// because of it.
func first(errs map[int]error) error {
	var told, stopped error
	at, stoppedAt := -1, -1
	for i, err := range errs {
		if fault.KindOf(err) == fault.Cancelled {
			if stoppedAt < 0 || i < stoppedAt {
				stopped, stoppedAt = err, i
			}
		} else if at < 0 || i < at {
			told, at = err, i
		}
	}
	if told == nil {
		return stopped
	}
	return told
}

// asking is what every target is asked.
type asking struct {
	l         *Lake
	q         *Query
	targets   []backend.Key
	k, factor int
	cells     int           // most of an answer
	turns     chan struct{} // of the searches that use a core
}

// ask asks the i-th target.
func (a *asking) ask(ctx context.Context, i int) (got answer, err error) {
	k := a.targets[i]
	t := a.l.Target(k)
	e, err := t.enter(ctx, a.q)
	if err != nil {
		return answer{}, err
	}
	got = answer{target: i, k: a.k, counts: make([]int64, a.q.NQ)}
	if e != nil {
		got.k = min(a.k, e.Rows)
		select {
		case a.turns <- struct{}{}:
			defer func() { <-a.turns }()
		case <-ctx.Done():
			e.Release()
			return answer{}, located(k, fault.FromContext(ctx, "search"))
		}
	}
	if a.q.NQ > 0 && got.k > a.cells/a.q.NQ {
		if e != nil {
			e.Release()
		}
		return answer{}, fault.New(fault.LimitExceeded, "search",
			fmt.Sprintf("%s: %d queries of k = %d are more than %d cells", k, a.q.NQ, got.k, a.cells),
			"ask fewer queries at once, or for fewer rows")
	}
	q, found, err := filtered(a.q, e)
	if err != nil {
		e.Release()
		return answer{}, located(k, err)
	}
	got.found = found
	got.rows = make([]int64, a.q.NQ*got.k)
	got.scores = make([]float32, len(got.rows))
	out := arrowidx.SearchOut{Rows: got.rows, Scores: got.scores, Counts: got.counts}
	got.plan, err = t.ask(ctx, e, q, got.k, a.factor, &out)
	got.ids = out.IDs
	return got, err
}

// join merges the answers of all targets.
func (f *Federated) join(
	answers []answer, q *Query, metric arrowidx.Metric, dedupe bool,
) error {
	rows := 0
	for i := range answers {
		rows += answers[i].k
		addPlan(&f.Plan, &answers[i].plan, i == 0)
	}
	f.K = min(q.K, rows)
	if q.NQ > 0 && f.K > mostCells/q.NQ {
		return fault.New(fault.LimitExceeded, "search", fmt.Sprintf(
			"%d queries of k = %d are more than %d cells", q.NQ, f.K, mostCells),
			"ask fewer queries at once, or for fewer rows")
	}
	f.Hits = make([]Hit, q.NQ*f.K)
	m := merger{larger: metric.Larger(), dedupe: dedupe, targets: f.Targets,
		seen: map[name]struct{}{}}
	m.merge(answers, f)
	return nil
}

// addPlan adds what the search of another target did.
func addPlan(sum, p *arrowidx.Plan, first bool) {
	if first {
		*sum = *p
		return
	}
	sum.Exact = sum.Exact && p.Exact
	sum.Unlike = sum.Unlike || p.Unlike
	sum.Threads = max(sum.Threads, p.Threads)
	for _, c := range []struct{ to, from *int64 }{
		{&sum.Cells, &p.Cells}, {&sum.Probed, &p.Probed}, {&sum.Rows, &p.Rows},
		{&sum.Eligible, &p.Eligible}, {&sum.Nulls, &p.Nulls}, {&sum.Scanned, &p.Scanned},
		{&sum.Coded, &p.Coded}, {&sum.Reranked, &p.Reranked},
	} {
		*c.to += *c.from
	}
	sum.Certified = min(sum.Certified, p.Certified)
	sum.Prepare += p.Prepare
	sum.Route += p.Route
	sum.First += p.First
	sum.Scan += p.Scan
	sum.Rerank += p.Rerank
}
