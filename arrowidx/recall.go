package arrowidx

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/calibrate"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// MeasureRecall asks the index for the neighbours of a sample of its own rows and compares with an
// exact search. The sample depends on the index's seed and rows alone, so the same index gives the
// same report on every machine; a row is never its own neighbour, and a row as near as the k-th
// true neighbour counts as found whichever of the equals was returned. Queries that are unlike the
// rows may find less: see Calibrate.
//
// Errors: InvalidArgument for negative numbers, for an index without vectors and for one with fewer
// than two rows that can be found; Cancelled, IndexClosed, those of Search.
func (ix *Index) MeasureRecall(ctx context.Context, p RecallParams) (r RecallReport, err error) {
	defer fault.Caught(&err)
	if p.K < 0 || p.Sample < 0 {
		return RecallReport{}, fault.New(InvalidArgument, "recall",
			fmt.Sprintf("k = %d of %d rows", p.K, p.Sample), "use positive numbers")
	}
	u, err := ix.enter("recall")
	if err != nil {
		return RecallReport{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	rows, err := calibrate.RecallSample(v, &p)
	if err == nil {
		err = v.Unchanged("recall")
	}
	if err != nil {
		return RecallReport{}, err
	}
	t := calibrate.HitSums{K: p.K}
	step := min(max(calibrate.RecallBatch/(p.K+1), 1), calibrate.RecallQueries)
	for from := 0; from < len(rows); from += step {
		part := rows[from:min(from+step, len(rows))]
		if err := ix.countFound(ctx, v, &p, part, &t); err != nil {
			return RecallReport{}, err
		}
	}
	return t.Report(), nil
}

// countFound searches the rows twice, as asked and exactly, and adds what was found to t.
func (ix *Index) countFound(
	ctx context.Context, v *segment.Version, p *RecallParams, rows []int64, t *calibrate.HitSums,
) error {
	k := p.K + 1 // one of them is the query itself
	params := SearchParams{NQ: len(rows), K: k, Recall: p.Recall, Rerank: -1, Threads: p.Threads}
	if err := search.AskWith(v, "recall", rows, nil, &params); err != nil {
		return err
	}
	var answers [2]SearchOut
	for i := range answers {
		answers[i] = SearchOut{Rows: make([]int64, len(rows)*k),
			Scores: make([]float32, len(rows)*k), Counts: make([]int64, len(rows))}
		if _, err := search.Search(ctx, v, &params, &answers[i]); err != nil {
			return err
		}
		params.Recall = 1
	}
	for i, row := range rows {
		found, truth := answers[0].Without(i, k, int(row)), answers[1].Without(i, k, int(row))
		t.Add(calibrate.HitsWithin(v.Segments[0].Metric, found, truth))
	}
	return nil
}
