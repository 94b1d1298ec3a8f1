package compact

import (
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// code codes the added rows, which are those of seg from `first` on, finds their cells where the
// base has some, and adds their residual norms to the drift: distances from the mean, for kind ivf
// from the nearest centroid.
func (t *tail) code(
	seg *segment.Segment, first int, col *column.Column, progress *build.Progress,
) error {
	t.countDrift(col.Len())
	a := build.Added{Seg: seg, Col: col, First: first, Cells: t.segments[0].Cells}
	if a.Cells != nil {
		a.Plane, a.Owner = a.Cells.Plane, seg.Owner[first:]
		if seg.Metric == column.Dot {
			var err error
			a.Plane, err = segment.NewCentroidPlane(a.Cells.Centroids, a.Cells.N, a.Cells.Padded,
				column.L2)
			if err != nil {
				return err
			}
			defer a.Plane.Free()
		}
	}
	err := a.Encode(t.ctx, progress, t.threads)
	t.drift.Sum += a.Away
	return err
}

// countDrift counts added rows.
func (t *tail) countDrift(rows int) {
	if base := t.segments[0]; t.drift.Rows == 0 && !base.Metric.Binary() {
		t.drift.Built = build.Residual(base)
	}
	t.drift.Rows += rows
}

// measureDrift is what code does for the drift, for rows of kind exact.
func (t *tail) measureDrift(col *column.Column) error {
	t.countDrift(col.Len())
	if t.segments[0].Metric.Binary() {
		return nil
	}
	var memory segment.Measured
	for r := range col.Len() {
		if r%search.LookEvery == 0 {
			if err := fault.FromContext(t.ctx, "add"); err != nil {
				return err
			}
		}
		t.drift.Sum += build.AwayIn(t.segments[0], col, r, &memory)
	}
	return nil
}
