package arrowidx

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/simd"
)

// readCells takes centroids and the order of rows where they lie, checks that they make sense, and
// works out what routing needs. Codes then hold the rows that can be found, cell by cell.
func (d *decoder) readCells(ix *segment, f *codes) error {
	n := d.secs[secCellSizes].count
	at := d.secs[secCellSizes].offset
	if n < 1 || n > uint64(max(ix.usable, 1)) {
		return corrupt(secCellSizes, at, "%d cells for %d rows", n, ix.usable)
	}
	c := &cells{n: int(n), padded: f.padded}
	var parts [4][]byte
	for i, need := range []struct {
		kind       sectionKind
		size, want uint64
	}{
		{secCentroids, 4, n * uint64(f.padded)}, {secCellSizes, 4, n}, {secCellExtents, 8, n},
		{secCellRows, 4, uint64(ix.usable)},
	} {
		var err error
		if parts[i], err = d.need(need.kind, need.size, need.want); err != nil {
			return err
		}
	}
	c.centroids = arrow.Float32Traits.CastFromBytes(parts[0])
	extents := arrow.Float32Traits.CastFromBytes(parts[2])
	c.radius, c.spread = make([]float32, c.n), make([]float32, c.n)
	c.rows = arrow.Uint32Traits.CastFromBytes(parts[3])
	for i := range c.n {
		c.radius[i], c.spread[i] = extents[2*i], extents[2*i+1]
		if !(simd.Norm16(c.centroid(i)) <= 4) || !(c.radius[i] >= 0 && c.radius[i] <= 4) ||
			!(c.spread[i] >= 0 && c.spread[i] <= c.radius[i]) {
			return corrupt(secCentroids, d.secs[secCentroids].offset, "cell %d", i)
		}
	}
	sizes := arrow.Uint32Traits.CastFromBytes(parts[1])
	sum := uint64(0)
	for _, s := range sizes {
		sum += uint64(s)
	}
	if sum != uint64(ix.usable) {
		return corrupt(secCellSizes, at, "%d rows in cells, %d can be found", sum, ix.usable)
	}
	c.place(sizes)
	if err := d.checkCellRows(ix, c); err != nil {
		return err
	}
	if err := d.readTuning(ix, c.n); err != nil {
		return err
	}
	ix.cells, ix.slots, f.rows, f.count = c, c.occupied(), ix.usable, c.blocks()
	return c.routing(ix.metric, ix.mean, newRotation(f.padded, ix.seed))
}

// checkCellRows makes sure that every row that can be found is in one cell, in rising order there.
func (d *decoder) checkCellRows(ix *segment, c *cells) error {
	seen := make([]uint32, len(ix.alive))
	for i := range c.n {
		if i%1024 == 0 {
			if err := cancelled(d.ctx, "load"); err != nil {
				return err
			}
		}
		last := -1
		for _, row := range c.rows[c.first[i]:c.first[i+1]] {
			word, bit := row/simd.BlockRows, uint32(1)<<(row%simd.BlockRows)
			if int(row) >= ix.rows || int(row) <= last || seen[word]&bit != 0 ||
				!ix.isAlive(int(row)) {
				return corrupt(secCellRows, d.secs[secCellRows].offset, "row %d of cell %d", row, i)
			}
			seen[word] |= bit
			last = int(row)
		}
	}
	return nil
}

func (d *decoder) readTuning(ix *segment, cells int) error {
	e, ok := d.secs[secTuning]
	if !ok {
		return nil
	}
	if e.size != tunedBytes || e.count > maxTuned {
		return corrupt(secTuning, e.offset, "%d settings of %d bytes", e.count, e.size)
	}
	ix.tuning = unpackTuning(d.bytes(secTuning))
	for i, t := range ix.tuning {
		if !t.sound(cells) {
			return corrupt(secTuning, e.offset, "setting %d", i)
		}
	}
	return nil
}
