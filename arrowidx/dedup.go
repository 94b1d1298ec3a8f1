package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/dedup"
	"github.com/ruvector/ruvector-arrow/fault"
)

// DedupParams says which rows are too near to each other, and which of them stay.
type DedupParams = dedup.Params

// DedupOut receives, for every row, the row that it was dropped for and their score.
type DedupOut = dedup.Out

// Dedup goes through the rows in order, or from the last one on, and drops each that is within the
// threshold of a row kept before it; the others are kept. Scores and thresholds are those of
// [Index.Within], asked with the vector of the row dropped: no two rows kept are within the
// threshold, every row dropped is within that of the row that it was dropped for. This is the
// nearest of those kept before it, ties to the smaller row. Rows that can never be found (null or
// bad ones) are kept.
//
// The time is that of a range search with every row, among the rows kept before it; memory is 12
// bytes a row and some 32 MiB. The answer does not depend on the number of threads.
//
// Errors: those of Within; InvalidArgument for an index without vectors and no Source, when rows
// were added or deleted since the build, and for groups or places that do not fit the rows.
func (ix *Index) Dedup(
	ctx context.Context, p *DedupParams, out *DedupOut,
) (plan Plan, err error) {
	defer fault.Caught(&err)
	u, err := ix.enter("dedup")
	if err != nil {
		return Plan{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	if err := u.unlimited("finding duplicates"); err != nil {
		return Plan{}, err
	}
	return dedup.Find(ctx, v, p, out)
}
