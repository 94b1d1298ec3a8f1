package format

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

func (d *Decoder) readIDs(seg *segment.Segment) error {
	ids, n := seg.IDs, uint64(seg.Rows)
	numbers, offsets := uint64(0), uint64(0)
	switch ids.Kind() {
	case column.IDInt64, column.IDUint64, column.IDCounted:
		numbers = n
	case column.IDString:
		offsets = n + 1
	}
	num, err := d.need(secIDs, 8, numbers)
	if err != nil {
		return err
	}
	off, err := d.need(secIDOffsets, 8, offsets)
	if err != nil {
		return err
	}
	ids.From, ids.To = d.span(secIDs, secIDOffsets, secIDText)
	ids.Num = arrow.Uint64Traits.CastFromBytes(num)
	ids.Off = arrow.Uint64Traits.CastFromBytes(off)
	end := uint64(0)
	if offsets > 0 {
		end = ids.Off[n]
	}
	if ids.Text, err = d.need(secIDText, 1, end); err != nil {
		return err
	}
	for i := range ids.Off {
		bad := i == 0 && ids.Off[0] != 0 || ids.Off[i] > end
		if i > 0 && !bad {
			bad = ids.Off[i] < ids.Off[i-1] || !utf8.Valid(ids.Text[ids.Off[i-1]:ids.Off[i]])
		}
		if bad {
			return corrupt(secIDOffsets, d.secs[secIDOffsets].offset, "offset %d", i)
		}
	}
	return nil
}

// readNext takes the number that the next row is called, where one was in use before that no row
// has any more.
func (d *Decoder) readNext(seg *segment.Segment) error {
	e, ok := d.secs[secNext]
	if !ok {
		return nil
	}
	b, err := d.need(secNext, 8, 1)
	if err != nil {
		return err
	}
	seg.Next = binary.LittleEndian.Uint64(b)
	if !seg.IDs.Counted() || seg.Next <= seg.IDs.After() || seg.Next > column.NoNumber {
		return corrupt(secNext, e.offset, "%d after %s ids up to %d", seg.Next, seg.IDs.Kind(),
			seg.IDs.After())
	}
	return nil
}

// span returns the bytes of the file between which the sections lie that are there.
func (d *Decoder) span(kinds ...sectionKind) (from, to int) {
	for _, k := range kinds {
		e, ok := d.secs[k]
		if ok && to == 0 {
			from = int(e.offset)
		}
		to = max(to, int(e.offset+e.length))
	}
	return from, to
}

func (d *Decoder) readAlive(seg *segment.Segment) error {
	n := (seg.Rows + simd.BlockRows - 1) / simd.BlockRows
	b, err := d.need(secAlive, 4, uint64(n))
	if err != nil {
		return err
	}
	seg.Alive = arrow.Uint32Traits.CastFromBytes(b)
	seg.Usable = mem.CountBits(seg.Alive)
	seg.Bad = seg.Rows - seg.Usable - seg.Nulls
	tail := seg.Rows % simd.BlockRows
	if seg.Bad < 0 || tail != 0 && seg.Alive[n-1]>>tail != 0 || seg.Dim == 0 && seg.Usable > 0 {
		return corrupt(secAlive, d.secs[secAlive].offset, "bits do not fit %d rows, %d null",
			seg.Rows, seg.Nulls)
	}
	return nil
}

func (d *Decoder) readMean(seg *segment.Segment) error {
	if seg.Metric.Binary() {
		return d.absent(secMean)
	}
	b, err := d.need(secMean, 4, uint64(seg.Dim))
	if err != nil {
		return err
	}
	seg.Mean = arrow.Float32Traits.CastFromBytes(b)
	if seg.Dim == 0 {
		return nil
	}
	seg.MeanSq = simd.Norm16(seg.Mean)
	if !(seg.MeanSq <= 4) { // rows are at most 1 long, so is their mean
		return corrupt(secMean, d.secs[secMean].offset, "numbers out of range")
	}
	return nil
}

func (d *Decoder) readNorms(seg *segment.Segment) error {
	want := uint64(0)
	if seg.Kind == segment.Exact && seg.Metric.Larger() && seg.Dim > 0 {
		want = uint64(seg.Rows)
	}
	b, err := d.need(secNorms, 4, want)
	if err != nil {
		return err
	}
	seg.Norms = mem.Slab{Mem: b, View: true}
	for i, v := range seg.Norms.Floats() {
		if v2 := float64(v) * float64(v); !(v >= 0 && v2 <= 2*build.MaxSquareNorm) &&
			!(v >= 0 && v <= math.MaxFloat32 && seg.Metric == column.Cosine) {
			return corrupt(secNorms, d.secs[secNorms].offset, "norm of row %d", i)
		}
		seg.Longest = max(seg.Longest, v)
		seg.Uneven = seg.Uneven || seg.Metric == column.Cosine && !segment.IsEven(float64(v))
	}
	return nil
}

// readVectors takes stored vectors where they lie and checks that they could have been indexed.
func (d *Decoder) readVectors(seg *segment.Segment) error {
	if _, ok := d.secs[secVectors]; !ok {
		return nil
	}
	if seg.Metric.Binary() {
		return d.readBits(seg)
	}
	wide := d.secs[secVectors].size == 8
	b, err := d.need(secVectors, uint64(column.NumberBytes(wide)), uint64(seg.Rows)*uint64(seg.Dim))
	if err != nil {
		return err
	}
	made := func() *column.Column {
		return column.Own(mem.Slab{Mem: b, View: true}, seg.Rows, seg.Dim, wide)
	}
	col := made()
	row := make([]float64, seg.Dim)
	step := max(1, crcBlock/(4*max(seg.Dim, 1)))
	for r := 0; r < seg.Rows && d.late == nil; r++ {
		if r%step == 0 {
			if err := fault.FromContext(d.Ctx, "load"); err != nil {
				return err
			}
		}
		if err := d.holds(seg, col.WideRow(r, row), r); err != nil {
			return err
		}
	}
	if segment.SampleDigest(col, seg.Alive) != seg.Digest {
		return corrupt(secVectors, d.secs[secVectors].offset, "not the indexed vectors")
	}
	seg.Keep = segment.KeepCopy
	seg.Source = col
	if d.late != nil && seg.Rows*seg.Dim > 0 {
		d.lazyVectors(seg, made(), col)
	}
	return nil
}

func (d *Decoder) readRest(seg *segment.Segment) error {
	seg.Provenance = d.bytes(secProvenance)
	if !utf8.Valid(seg.Provenance) || len(seg.Provenance) > build.MaxProvenance {
		return corrupt(secProvenance, d.secs[secProvenance].offset, "not UTF-8 of at most 1 MiB")
	}
	if _, ok := d.secs[secContent]; !ok {
		return nil
	}
	b, err := d.need(secContent, 1, sha256.Size)
	if err != nil {
		return err
	}
	copy(seg.Content[:], b)
	return nil
}
