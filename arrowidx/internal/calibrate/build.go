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
		if err := calibrateBuild(ctx, seg, col, held, o); err != nil {
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

// calibrateBuild calibrates on the rows that k-means did not see, and makes copies where they pay.
func calibrateBuild(
	ctx context.Context, seg *segment.Segment, col *column.Column, held []uint32, o *build.Options,
) error {
	c := calibration{
		seg: seg, col: col, threads: mem.Threads(o.Threads), nq: len(held), own: held,
	}
	if c.nq > 0 && seg.Usable >= 2 && seg.Cells.N > 1 {
		err := segment.Timed(&seg.Stages.Calibrate, func() (err error) {
			if err = c.ask(ctx); err == nil {
				seg.Points, err = c.run(ctx)
			}
			return err
		})
		if err == nil {
			err = c.makeCopies(ctx, o)
		}
		if err != nil {
			return err
		}
	}
	o.Progress.Calibrated.Store(int64(seg.Rows))
	return nil
}

// ask makes the rows that are its own the queries.
func (c *calibration) ask(ctx context.Context) error {
	if c.col.Paged() {
		rows := slices.Clone(c.own)
		slices.Sort(rows)
		if err := c.col.Bring(ctx, "build", rows, c.threads); err != nil {
			return err
		}
	}
	var own search.SearchParams
	own.MakeQueries(c.nq*c.seg.Dim, c.col.Wide())
	for i, r := range c.own {
		own.SetQuery(i, c.seg.Dim, c.col, int(r))
	}
	c.queries, c.wide = own.Queries, own.Wide
	return nil
}
