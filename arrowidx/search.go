package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Search answers the queries. Ties go to the smaller row. Fewer than K rows are found only when
// fewer are eligible. A query's answer depends on the query, the index, the filter and Epsilon0,
// Recall, Rerank and K alone, not on the other queries or the number of threads.
//
// Errors: DimensionMismatch, InvalidVector naming query and column, InvalidArgument (negative K,
// a mask of the wrong length, kind exact without its vectors),
// VectorsChanged when borrowed vectors no longer fit their codes, Cancelled, IndexClosed.
func (ix *Index) Search(
	ctx context.Context, p *SearchParams, out *SearchOut,
) (plan Plan, err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("search")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if p, err = p.Counted(v.Segments[0]); err != nil {
		return Plan{}, err
	}
	return search.Search(ctx, v, p, out)
}
