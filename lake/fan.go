package lake

import (
	"context"
	"time"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

const (
	// atOnce is how many collections are looked at, and pulled, at a time.
	atOnce = 64
	// grace is how long tasks may take to notice that their context has ended.
	grace = 50 * time.Millisecond
)

// landed is how the task of a key ended.
type landed[T any] struct {
	i   int
	v   T
	err error
}

// fan runs a task for every key at once, at most atOnce of them, and hands their results to take,
// one after the other. It returns the errors by the keys' numbers when all have ended, or shortly
// after the context has: tasks that do not notice are left to themselves, and are Cancelled.
func fan[T any](
	ctx context.Context, keys []backend.Key, task func(ctx context.Context, i int) (T, error),
	take func(i int, v T, err error),
) map[int]error {
	results := make(chan landed[T], len(keys)) // so that who comes late is not held up
	turns := make(chan struct{}, atOnce)
	for i, k := range keys {
		go func() {
			got := landed[T]{i: i}
			defer func() {
				if r := recover(); r != nil {
					got.err = panicked("search", k, r)
				}
				results <- got
			}()
			select {
			case turns <- struct{}{}:
				defer func() { <-turns }()
				got.v, got.err = task(ctx, i)
			case <-ctx.Done():
				got.err = late(ctx, k)
			}
		}()
	}
	errs := map[int]error{}
	seen := make([]bool, len(keys))
	end, patience := ctx.Done(), (<-chan time.Time)(nil)
	for n := 0; n < len(keys); {
		select {
		case got := <-results:
			n++
			seen[got.i] = true
			if got.err != nil {
				errs[got.i] = got.err
			}
			take(got.i, got.v, got.err)
		case <-end:
			end, patience = nil, time.After(grace)
		case <-patience:
			for i, k := range keys {
				if !seen[i] {
					errs[i] = late(ctx, k)
				}
			}
			return errs
		}
	}
	return errs
}

// late is the error of a collection that was not done when the context ended.
func late(ctx context.Context, k backend.Key) error {
	return failed("search", k, fault.FromContext(ctx, "search"))
}
