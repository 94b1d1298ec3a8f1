package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Within finds all rows whose score is within a threshold, or the Limit best of them, and hands
// them to emit: query after query, the rows of each best first, in pieces of at most 16,384. emit
// runs on the calling goroutine; its error ends the search and is returned. A query that finds
// nothing is not emitted.
//
// Where vectors are at hand the answer is that of a float64 comparison with every row: a cell is
// left out only by the triangle inequality, a row only by a bound of 6 standard deviations. Without
// vectors estimates are compared, and the plan's Exact is false. A query's answer does not depend
// on the other queries or the number of threads.
//
// Errors: MetricError for a threshold that the metric has not, InvalidArgument for one that no
// score can be (NaN, a cosine of 2, a negative distance, more bits than a row has), LimitExceeded
// with the number of rows found when they need more than MaxBytes (nothing of that round of 512
// queries is emitted then), and those of Search.
func (ix *Index) Within(
	ctx context.Context, p *WithinParams, emit func(Range) error,
) (plan Plan, err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("within")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if p, err = p.Counted(v.Segments[0]); err != nil {
		return Plan{}, err
	}
	return search.Within(ctx, v, p, 0, emit)
}
