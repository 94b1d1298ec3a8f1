package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/calibrate"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
)

// Calibrate measures, on queries like those to come, how many cells must be probed and how wide
// error bounds must be for each recall target, in place of what the build measured on rows of the
// index. It needs vectors. Searches that run meanwhile keep the old settings. It reads no clock:
// equal queries give equal settings.
//
// Errors: InvalidArgument for other kinds, no queries, or an index without vectors; those of
// Search.
func (ix *Index) Calibrate(ctx context.Context, p CalibrateParams) error {
	return ix.change("calibrate", func(v *segment.Version) (*segment.Version, error) {
		seg := v.Segments[0]
		if p.NQ == 0 {
			n, err := search.QueriesIn("calibrate", len(p.Queries)+len(p.Wide), nil, seg)
			if err != nil {
				return nil, err
			}
			p.NQ = n
		}
		points, copyPoints, err := calibrate.Measured(ctx, seg, p)
		if err != nil {
			return nil, err
		}
		other := *seg
		other.Points, other.CopyPoints = points, copyPoints
		other.Held.Strangers.Forget()
		other.Retain()
		next := v.With(append([]*segment.Segment{&other}, v.Segments[1:]...))
		next.Changed = v.Changed
		return next, nil
	})
}
