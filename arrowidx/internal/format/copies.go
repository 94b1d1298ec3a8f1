package format

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// copySections are what second codes of rows are written as, if there are some.
func copySections(seg *segment.Segment) []section {
	k := seg.Copies
	if k == nil {
		return nil
	}
	secs := []section{
		byteSection(secCopyBlocks, uint32(k.Codes.Stride), k.Codes.Span(0, k.Codes.Count)),
		byteSection(secCopySizes, 4, arrow.Uint32Traits.CastToBytes(k.Sizes())),
		byteSection(secCopyRows, 4, arrow.Uint32Traits.CastToBytes(k.Pos)),
	}
	if points, size := segment.PackPoints(seg.CopyPoints); len(points) > 0 {
		secs = append(secs, byteSection(secCopyCalibration, uint32(size), points))
	}
	return secs
}

// readCopies takes second codes of rows where they lie, if a file has some: all their sections
// (settings may be missing: no target then looks at copies) or none.
func (d *Decoder) readCopies(seg *segment.Segment) error {
	e, ok := d.secs[secCopyRows]
	if !ok {
		return d.absent(secCopyBlocks, secCopySizes, secCopyCalibration)
	}
	c := seg.Cells
	if seg.Bits == 1 || seg.Metric == column.Dot || e.count > uint64(seg.Usable) {
		return corrupt(secCopyRows, e.offset, "%d copies of %d rows of %d bits, metric %s", e.count,
			seg.Usable, seg.Bits, seg.Metric)
	}
	sizes, err := d.need(secCopySizes, 4, uint64(c.N))
	if err != nil {
		return err
	}
	rows, err := d.need(secCopyRows, 4, e.count)
	if err != nil {
		return err
	}
	sum := uint64(0)
	for _, s := range arrow.Uint32Traits.CastFromBytes(sizes) {
		sum += uint64(s)
	}
	if sum != e.count {
		return corrupt(secCopySizes, d.secs[secCopySizes].offset, "%d copies in cells, %d in all", sum,
			e.count)
	}
	k := segment.NewCopies(arrow.Uint32Traits.CastFromBytes(sizes),
		arrow.Uint32Traits.CastFromBytes(rows))
	if err := d.checkCopyRows(c, k); err != nil {
		return err
	}
	if err := d.readCopyCodes(seg, k); err != nil {
		return err
	}
	seg.Copies = k
	seg.CopyPoints, err = d.readPoints(secCopyCalibration, c.N)
	return err
}

// checkCopyRows makes sure that a row has one copy at most, not in its own cell, and that the
// positions of a cell rise.
func (d *Decoder) checkCopyRows(c *segment.Cells, k *segment.Copies) error {
	seen := make([]uint32, (len(c.Rows)+simd.BlockRows-1)/simd.BlockRows)
	for i := range c.N {
		if i%1024 == 0 {
			if err := fault.FromContext(d.Ctx, "load"); err != nil {
				return err
			}
		}
		last := -1
		for _, pos := range k.Pos[k.First[i]:k.First[i+1]] {
			if int(pos) >= len(c.Rows) || int(pos) <= last || mem.BitOf(seen, int(pos)) ||
				pos >= c.First[i] && pos < c.First[i+1] {
				return corrupt(secCopyRows, d.secs[secCopyRows].offset, "position %d in cell %d", pos, i)
			}
			seen[pos/simd.BlockRows] |= 1 << (pos % simd.BlockRows)
			last = int(pos)
		}
	}
	return nil
}

// readCopyCodes takes the planes of copies and checks their factors, of a mapped file when they are
// first used.
func (d *Decoder) readCopyCodes(seg *segment.Segment, k *segment.Copies) (err error) {
	f := &rabitq.Codes{Padded: seg.Codes.Padded, Bits: 1, Rows: len(k.Pos), Count: k.Blocks(),
		Stride: seg.Codes.Stride}
	k.Codes = f
	f.Blocks.View, f.Extra.View = true, true
	if f.Blocks.Mem, err = d.need(secCopyBlocks, uint64(f.Stride), uint64(f.Count)); err != nil {
		return err
	}
	sound := d.blocksSound(secCopyBlocks, f)
	if d.late != nil {
		f.LazyBlocks = d.lazy(secCopyBlocks, f.Stride, sound)
		return nil
	}
	return sound(0, f.Count)
}

// blocksSound returns what checks the factors in blocks [from, to) of a section.
func (d *Decoder) blocksSound(kind sectionKind, f *rabitq.Codes) func(from, to int) error {
	return func(from, to int) error {
		for b := from; b < to; b++ {
			for lane := range simd.BlockRows {
				if !Sound(f.PlaneFactors(f.Block(b), lane)) {
					at := d.secs[kind].offset + uint64(b)*uint64(f.Stride)
					return Named(d.path, corrupt(kind, at, "factors of row %d of the block", lane))
				}
			}
		}
		return nil
	}
}
