package arrowidx

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/simd"
)

func (d *decoder) readIDs(ix *segment) error {
	ids, n := ix.ids, uint64(ix.rows)
	numbers, offsets := uint64(0), uint64(0)
	switch ids.kind {
	case IDInt64, IDUint64, IDCounted:
		numbers = n
	case IDString:
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
	ids.from, ids.to = d.span(secIDs, secIDOffsets, secIDText)
	ids.num = arrow.Uint64Traits.CastFromBytes(num)
	ids.off = arrow.Uint64Traits.CastFromBytes(off)
	end := uint64(0)
	if offsets > 0 {
		end = ids.off[n]
	}
	if ids.text, err = d.need(secIDText, 1, end); err != nil {
		return err
	}
	for i := range ids.off {
		bad := i == 0 && ids.off[0] != 0 || ids.off[i] > end
		if i > 0 && !bad {
			bad = ids.off[i] < ids.off[i-1] || !utf8.Valid(ids.text[ids.off[i-1]:ids.off[i]])
		}
		if bad {
			return corrupt(secIDOffsets, d.secs[secIDOffsets].offset, "offset %d", i)
		}
	}
	return nil
}

// readNext takes the number that the next row is called, where one was in use before that no row
// has any more.
func (d *decoder) readNext(ix *segment) error {
	e, ok := d.secs[secNext]
	if !ok {
		return nil
	}
	b, err := d.need(secNext, 8, 1)
	if err != nil {
		return err
	}
	ix.next = binary.LittleEndian.Uint64(b)
	if !ix.ids.counted() || ix.next <= ix.ids.after() || ix.next > noNumber {
		return corrupt(secNext, e.offset, "%d after %s ids up to %d", ix.next, ix.ids.kind,
			ix.ids.after())
	}
	return nil
}

// span returns the bytes of the file between which the sections lie that are there.
func (d *decoder) span(kinds ...sectionKind) (from, to int) {
	for _, k := range kinds {
		e, ok := d.secs[k]
		if ok && to == 0 {
			from = int(e.offset)
		}
		to = max(to, int(e.offset+e.length))
	}
	return from, to
}

func (d *decoder) readAlive(ix *segment) error {
	n := (ix.rows + simd.BlockRows - 1) / simd.BlockRows
	b, err := d.need(secAlive, 4, uint64(n))
	if err != nil {
		return err
	}
	ix.alive = arrow.Uint32Traits.CastFromBytes(b)
	ix.usable = countBits(ix.alive)
	ix.bad = ix.rows - ix.usable - ix.nulls
	tail := ix.rows % simd.BlockRows
	if ix.bad < 0 || tail != 0 && ix.alive[n-1]>>tail != 0 || ix.dim == 0 && ix.usable > 0 {
		return corrupt(secAlive, d.secs[secAlive].offset, "bits do not fit %d rows, %d null",
			ix.rows, ix.nulls)
	}
	return nil
}

func (d *decoder) readMean(ix *segment) error {
	if ix.metric.Binary() {
		return d.absent(secMean)
	}
	b, err := d.need(secMean, 4, uint64(ix.dim))
	if err != nil {
		return err
	}
	ix.mean = arrow.Float32Traits.CastFromBytes(b)
	if ix.dim == 0 {
		return nil
	}
	ix.meanSq = simd.Norm16(ix.mean)
	if !(ix.meanSq <= 4) { // rows are at most 1 long, so is their mean
		return corrupt(secMean, d.secs[secMean].offset, "numbers out of range")
	}
	return nil
}

func (d *decoder) readNorms(ix *segment) error {
	want := uint64(0)
	if ix.kind == Exact && ix.metric.Larger() && ix.dim > 0 {
		want = uint64(ix.rows)
	}
	b, err := d.need(secNorms, 4, want)
	if err != nil {
		return err
	}
	ix.norms = slab{mem: b, view: true}
	for i, v := range ix.norms.floats() {
		if v2 := float64(v) * float64(v); !(v >= 0 && v2 <= 2*maxSquareNorm) &&
			!(v >= 0 && v <= math.MaxFloat32 && ix.metric == Cosine) {
			return corrupt(secNorms, d.secs[secNorms].offset, "norm of row %d", i)
		}
		ix.longest = max(ix.longest, v)
		ix.uneven = ix.uneven || ix.metric == Cosine && !isEven(float64(v))
	}
	return nil
}

// readVectors takes stored vectors where they lie and checks that they could have been indexed.
func (d *decoder) readVectors(ix *segment) error {
	if _, ok := d.secs[secVectors]; !ok {
		return nil
	}
	if ix.metric.Binary() {
		return d.readBits(ix)
	}
	wide := d.secs[secVectors].size == 8
	b, err := d.need(secVectors, uint64(numberBytes(wide)), uint64(ix.rows)*uint64(ix.dim))
	if err != nil {
		return err
	}
	col := ownColumn(slab{mem: b, view: true}, ix.rows, ix.dim, wide)
	row := make([]float64, ix.dim)
	step := max(1, crcBlock/(4*max(ix.dim, 1)))
	for r := range ix.rows {
		if r%step == 0 {
			if err := cancelled(d.ctx, "load"); err != nil {
				return err
			}
		}
		if x := col.wideRow(r, row); !ix.metric.holds(x, simd.WideNorm(x)) {
			return corrupt(secVectors, d.secs[secVectors].offset, "row %d holds no vector", r)
		}
	}
	if sampleDigest(col, ix.alive) != ix.digest {
		return corrupt(secVectors, d.secs[secVectors].offset, "not the indexed vectors")
	}
	ix.keep = KeepCopy
	ix.source = col
	return nil
}

func (d *decoder) readRest(ix *segment) error {
	ix.provenance = d.bytes(secProvenance)
	if !utf8.Valid(ix.provenance) || len(ix.provenance) > MaxProvenance {
		return corrupt(secProvenance, d.secs[secProvenance].offset, "not UTF-8 of at most 1 MiB")
	}
	if _, ok := d.secs[secContent]; !ok {
		return nil
	}
	b, err := d.need(secContent, 1, sha256.Size)
	if err != nil {
		return err
	}
	copy(ix.content[:], b)
	return nil
}
