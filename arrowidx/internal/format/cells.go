package format

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/simd"
)

// readCells takes centroids and the order of rows where they lie, checks that they make sense, and
// works out what routing needs. Codes then hold the rows that can be found, cell by cell.
func (d *Decoder) readCells(seg *segment.Segment, f *rabitq.Codes) error {
	n := d.secs[secCellSizes].count
	at := d.secs[secCellSizes].offset
	if n < 1 || n > uint64(max(seg.Usable, 1)) {
		return corrupt(secCellSizes, at, "%d cells for %d rows", n, seg.Usable)
	}
	c := &segment.Cells{N: int(n), Padded: f.Padded, Filed: true}
	var parts [4][]byte
	for i, need := range []struct {
		kind       sectionKind
		size, want uint64
	}{
		{secCentroids, 4, n * uint64(f.Padded)}, {secCellSizes, 4, n}, {secCellExtents, 8, n},
		{secCellRows, 4, uint64(seg.Usable)},
	} {
		var err error
		if parts[i], err = d.need(need.kind, need.size, need.want); err != nil {
			return err
		}
	}
	c.Centroids = arrow.Float32Traits.CastFromBytes(parts[0])
	extents := arrow.Float32Traits.CastFromBytes(parts[2])
	c.Radius, c.MeanResidual = make([]float32, c.N), make([]float32, c.N)
	c.Rows = arrow.Uint32Traits.CastFromBytes(parts[3])
	for i := range c.N {
		c.Radius[i], c.MeanResidual[i] = extents[2*i], extents[2*i+1]
		if !(simd.Norm16(c.Centroid(i)) <= 4) || !(c.Radius[i] >= 0 && c.Radius[i] <= 4) ||
			!(c.MeanResidual[i] >= 0 && c.MeanResidual[i] <= c.Radius[i]) {
			return corrupt(secCentroids, d.secs[secCentroids].offset, "cell %d", i)
		}
	}
	sizes := arrow.Uint32Traits.CastFromBytes(parts[1])
	sum := uint64(0)
	for _, s := range sizes {
		sum += uint64(s)
	}
	if sum != uint64(seg.Usable) {
		return corrupt(secCellSizes, at, "%d rows in cells, %d can be found", sum, seg.Usable)
	}
	c.LayOut(sizes)
	if err := d.checkCellRows(seg, c); err != nil {
		return err
	}
	var err error
	if seg.Points, err = d.readPoints(secCalibration, c.N); err != nil {
		return err
	}
	seg.Cells, seg.Slots, f.Rows, f.Count = c, c.Occupied(), seg.Usable, c.Blocks()
	return c.Routing(seg.Metric, seg.Mean, rabitq.NewRotation(f.Padded, seg.Seed))
}

// checkCellRows makes sure that every row that can be found is in one cell, in rising order there.
func (d *Decoder) checkCellRows(seg *segment.Segment, c *segment.Cells) error {
	seen := make([]uint32, len(seg.Alive))
	for i := range c.N {
		if i%1024 == 0 {
			if err := fault.FromContext(d.Ctx, "load"); err != nil {
				return err
			}
		}
		last := -1
		for _, row := range c.Rows[c.First[i]:c.First[i+1]] {
			word, bit := row/simd.BlockRows, uint32(1)<<(row%simd.BlockRows)
			if int(row) >= seg.Rows || int(row) <= last || seen[word]&bit != 0 ||
				!seg.IsAlive(int(row)) {
				return corrupt(secCellRows, d.secs[secCellRows].offset, "row %d of cell %d", row, i)
			}
			seen[word] |= bit
			last = int(row)
		}
	}
	return nil
}

// readPoints reads settings of an index of so many cells; none where the section is missing.
func (d *Decoder) readPoints(kind sectionKind, cells int) ([]segment.CalibrationPoint, error) {
	e, ok := d.secs[kind]
	if !ok {
		return nil, nil
	}
	if e.size != segment.PointBytes && e.size != segment.OldPointBytes || e.count > segment.MaxPoints {
		return nil, corrupt(kind, e.offset, "%d settings of %d bytes", e.count, e.size)
	}
	points := segment.UnpackPoints(d.bytes(kind), int(e.size))
	for i, t := range points {
		if !t.Sound(cells) {
			return nil, corrupt(kind, e.offset, "setting %d", i)
		}
	}
	return points, nil
}
