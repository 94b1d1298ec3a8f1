package compact

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/simd"
)

// measureDrift adds the residual norms of added rows: distances from the mean, for kind ivf from
// the nearest centroid, which it remembers.
func (t *tail) measureDrift(seg *segment.Segment, col *column.Column) error {
	base := t.segments[0]
	if base.Metric.Binary() {
		t.drift.Rows += col.Len()
		return nil
	}
	if t.drift.Rows == 0 {
		t.drift.Built = build.Residual(base)
	}
	t.drift.Rows += col.Len()
	if base.Kind == segment.Flat {
		t.drift.Sum += seg.Lengths
		return nil
	}
	if base.Cells != nil {
		return t.assign(seg, col)
	}
	var memory segment.Measured
	for r := range col.Len() {
		if r%search.LookEvery == 0 {
			if err := fault.FromContext(t.ctx, "add"); err != nil {
				return err
			}
		}
		t.drift.Sum += build.AwayIn(base, col, r, &memory)
	}
	return nil
}

// assign finds the cell of every added row and adds how far the rows are from their centroids.
func (t *tail) assign(seg *segment.Segment, col *column.Column) error {
	base := t.segments[0]
	c, plane := base.Cells, base.Cells.Plane
	if base.Metric == column.Dot {
		var err error
		if plane, err = segment.NewCentroidPlane(c.Centroids, c.N, c.Padded, column.L2); err != nil {
			return err
		}
		defer plane.Free()
	}
	near := build.NewFinder(plane, c.Centroids, c.Norm2)
	seg.Owner = make([]uint32, col.Len())
	e := build.NewRotator(base, nil, col.Len())
	step := build.TileRows(e.Padded)
	for from := 0; from < col.Len(); from += step {
		if err := fault.FromContext(t.ctx, "add"); err != nil {
			return err
		}
		to := min(from+step, col.Len())
		e.Run(col, from, to)
		near.Nearest(e.Rotated, to-from, seg.Owner[from:to])
		for i := range to - from {
			x := e.Of(i)
			simd.Center(x, x, 1, c.Centroid(int(seg.Owner[from+i])))
			t.drift.Sum += math.Sqrt(float64(simd.Norm16(x)))
		}
	}
	return nil
}
