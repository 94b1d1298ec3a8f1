package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Hit is a row that a search found.
type Hit struct {
	Row   int64  // its number in the version that was searched
	ID    string // what it is called, numbers in decimal; its position where rows have no other ids
	Score float32
}

// SearchOne returns the k rows nearest to one query, best first, ties by the smaller row, and how
// they were found. Fewer come back only when fewer can be found.
//
// Errors: those of Search.
func (ix *Index) SearchOne(
	ctx context.Context, query []float32, k int,
) (hits []Hit, plan Plan, err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("search")
	if err != nil {
		return nil, Plan{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	room := max(min(k, v.Usable()), 0)
	out := SearchOut{Rows: make([]int64, room), Scores: make([]float32, room),
		Counts: make([]int64, 1)}
	p := SearchParams{Queries: query, NQ: 1, K: min(k, room), Threads: 1}
	plan, err = search.Search(ctx, v, &p, &out)
	if err != nil {
		return nil, Plan{}, err
	}
	hits = make([]Hit, out.Counts[0])
	for i := range hits {
		hits[i] = Hit{out.Rows[i], out.IDs.Plain(out.Rows[i]), out.Scores[i]}
	}
	return hits, plan, nil
}
