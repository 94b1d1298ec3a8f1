package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/fault"
)

// SearchGroups finds the K best rows of every group for each query, in one pass over the rows.
// groups has the group of every row, in the order in which the rows were given, from 0 to n-1 or
// NoGroup. The parameters are those of Search without Like and Diversity, but all cells of kind
// ivf are looked into, and Probes is not read.
//
// out has room for NQ x n x K rows and scores and NQ x n counts: the answers of query i in group g
// are Counts[i*n+g] entries from (i*n+g)*K on, best first; the rest of the K are row -1 and score
// NaN. Ties go to the smaller row. An answer depends on the query, the index, the filter, the
// groups, Epsilon0, Recall, Rerank and K alone.
//
// Errors: those of Search; InvalidArgument when groups does not fit the rows, names a group past
// n, or rows were added or deleted since the build; LimitExceeded for more answers than memory
// can address.
func (ix *Index) SearchGroups(
	ctx context.Context, p *SearchParams, groups []uint32, n int, out *SearchOut,
) (plan Plan, err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("search")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if err := u.unlimited("a search by groups"); err != nil {
		return Plan{}, err
	}
	seg, err := v.Only("search")
	if err != nil {
		return Plan{}, err
	}
	if p, err = p.Counted(seg); err != nil {
		return Plan{}, err
	}
	own, err := search.Admitted(v, p)
	if err != nil {
		return Plan{}, err
	}
	out.IDs = v.IDs
	g := search.Groupings.Get().(*search.Grouped)
	plan, err = g.Search(ctx, seg, &own, groups, n, out)
	g.PutBack()
	return plan, err
}
