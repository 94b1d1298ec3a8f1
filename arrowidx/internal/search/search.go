package search

import (
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
)

// Without returns the rows and scores found for query i, one fewer than k, the given row left out.
// Where it was not found, because enough rows are as near, the last one is left out.
func (o *SearchOut) Without(i, k, row int) SearchOut {
	n := int(o.Counts[i])
	rows, scores := o.Rows[i*k:i*k+n], o.Scores[i*k:i*k+n]
	if at := slices.Index(rows, int64(row)); at >= 0 {
		return SearchOut{Rows: slices.Delete(rows, at, at+1),
			Scores: slices.Delete(scores, at, at+1)}
	}
	n = min(n, k-1)
	return SearchOut{Rows: rows[:n], Scores: scores[:n]}
}

// Search answers the queries from the version's rows.
func Search(v *segment.Version,
	ctx context.Context, p *SearchParams, out *SearchOut,
) (Plan, error) {
	out.IDs = v.Ids
	if p.Like != nil || p.Diversity != 0 {
		return searchChosen(v, ctx, p, out)
	}
	if len(v.Parts) == 1 && !v.Changed && p.IDs == nil {
		return SearchSegment(v.Parts[0], ctx, p, out)
	}
	return searchParts(v, ctx, p, out)
}
