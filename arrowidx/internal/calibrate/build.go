package calibrate

import (
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// BuildSegment makes a segment of the column's rows; kind ivf is calibrated.
func BuildSegment(
	ctx context.Context, col *column.Column, o *build.Options,
) (*segment.Segment, error) {
	seg, held, err := build.NewSegment(ctx, col, o)
	if err != nil {
		return nil, err
	}
	if seg.Cells != nil {
		err := segment.Timed(&seg.Stages.Calibrate, func() error {
			return calibrateBuild(ctx, seg, col, held, o)
		})
		if err != nil {
			seg.Release()
			return nil, err
		}
	}
	// The last look: nothing that was cancelled while it was calibrated is handed out.
	if err := fault.FromContext(ctx, "build"); err != nil {
		seg.Release()
		return nil, err
	}
	return seg, nil
}

// calibrateBuild calibrates on the rows that k-means did not see.
func calibrateBuild(
	ctx context.Context, seg *segment.Segment, col *column.Column, held []uint32, o *build.Options,
) error {
	c := calibration{seg: seg, col: col, threads: mem.Threads(o.Threads), own: held}
	c.nq = len(held)
	var own search.SearchParams
	if col.Paged() {
		rows := slices.Clone(held)
		slices.Sort(rows)
		if err := col.Bring(ctx, "build", rows, c.threads); err != nil {
			return err
		}
	}
	own.MakeQueries(c.nq*seg.Dim, col.Wide())
	for i, r := range c.own {
		own.SetQuery(i, seg.Dim, col, int(r))
	}
	c.queries, c.wide = own.Queries, own.Wide
	if c.nq > 0 && seg.Usable >= 2 && seg.Cells.N > 1 {
		points, err := c.run(ctx)
		if err != nil {
			return err
		}
		seg.Points = points
		if err := c.makeCopies(ctx, col, o); err != nil {
			return err
		}
	}
	o.Progress.Calibrated.Store(int64(seg.Rows))
	return nil
}
