package format

import (
	"io"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// emitBits writes the bytes of all rows; rows that cannot be found are written as zeros.
func emitBits(seg *segment.Segment, col *column.Column, w io.Writer) error {
	step := max(1, min(crcBlock/col.Dim(), seg.Rows))
	read, buf := make([]byte, step*col.Dim()), make([]byte, step*col.Dim())
	for from := 0; from < seg.Rows; {
		to := col.TileEnd(from, step)
		rows := col.PackedRows(from, to-from, read)
		if seg.Usable < seg.Rows {
			copy(buf, rows)
			rows = buf[:len(rows)]
			for r := from; r < to; r++ {
				if !seg.IsAlive(r) {
					clear(rows[(r-from)*col.Dim() : (r-from+1)*col.Dim()])
				}
			}
		}
		if _, err := w.Write(rows); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// plainBits reports whether the parameters of a file are those of an index of bits.
func plainBits(seg *segment.Segment, radius float32) bool {
	return seg.Kind == segment.Exact && seg.Dim%8 == 0 && seg.Scale == 1 && radius == 0
}

// readBits takes stored rows of bits where they lie.
func (d *Decoder) readBits(seg *segment.Segment) error {
	b, err := d.need(secVectors, 1, uint64(seg.Rows)*uint64(seg.Dim/8))
	if err != nil {
		return err
	}
	col := column.OwnBits(mem.Slab{Mem: b, View: true}, seg.Rows, seg.Dim/8)
	if segment.SampleDigest(col, seg.Alive) != seg.Digest {
		return corrupt(secVectors, d.secs[secVectors].offset, "not the indexed vectors")
	}
	seg.Keep, seg.Source = segment.KeepCopy, col
	if d.late != nil && seg.Rows*seg.Dim > 0 {
		d.lazyVectors(seg, nil, col)
	}
	return nil
}
