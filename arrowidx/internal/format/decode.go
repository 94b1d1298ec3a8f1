package format

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Decoder checks a file from the outside in: header, table, sections, meaning.
type Decoder struct {
	Ctx  context.Context
	B    []byte
	Size uint64    // of the file
	from io.Reader // of what is not in b yet; nil: all is
	have int       // bytes of b that were read from it
	secs map[sectionKind]entry

	// Of a file that stays mapped: the checksums of the sections that are verified later.
	late map[sectionKind][]byte
	path string
}

func corrupt(where sectionKind, offset uint64, format string, args ...any) error {
	name := "header"
	if where != 0 {
		name = where.String()
	}
	return fault.New(fault.CorruptIndex, "load",
		fmt.Sprintf("section %s at offset %d: %s", name, offset, fmt.Sprintf(format, args...)),
		"the file is damaged: save the index again")
}

// Take takes over the slab, which is the decoder's bytes: the index's codes stay in it.
func (d *Decoder) Take(file mem.Slab) (*segment.Segment, error) {
	seg, err := d.index()
	if err != nil {
		file.Free()
		return nil, err
	}
	seg.File = file
	if seg.IDs.Kind() != column.IDPositions && seg.Rows > 0 {
		seg.IDs.Outlive(&seg.File)
	}
	return seg, nil
}

func (d *Decoder) index() (*segment.Segment, error) {
	h, err := d.header()
	if err != nil {
		return nil, err
	}
	if err := d.table(h); err != nil {
		return nil, err
	}
	if err := d.checksums(); err != nil {
		return nil, err
	}
	return d.meaning()
}

func (d *Decoder) header() (header, error) {
	le := binary.LittleEndian
	b := d.B
	if !bytes.HasPrefix(b, magic[:]) {
		return header{}, fault.New(fault.NotAnIndex, "load", "this is not an index file",
			"load takes what save wrote")
	}
	if len(b) < headerSize {
		return header{}, corrupt(0, uint64(len(b)), "truncated to %d bytes", len(b))
	}
	h := header{
		major: le.Uint16(b[8:]), minor: le.Uint16(b[10:]), required: le.Uint32(b[12:]),
		optional: le.Uint32(b[16:]),
		length:   le.Uint64(b[24:]), table: le.Uint64(b[32:]), sections: le.Uint32(b[40:]),
		tableCRC: le.Uint32(b[44:]),
	}
	if h.major != formatMajor || h.minor > formatMinor || h.required != 0 {
		return h, fault.New(fault.FormatTooNew, "load",
			fmt.Sprintf("index format %d.%d, flags %#x: this version reads up to %d.%d", h.major,
				h.minor, h.required, formatMajor, formatMinor), "use a newer version")
	}
	if !bytes.Equal(h.bytes(), b[:headerSize]) {
		return h, corrupt(0, 0, "checksum or reserved bytes are wrong")
	}
	if h.length != d.Size {
		return h, corrupt(0, 24, "%d bytes long, should be %d", d.Size, h.length)
	}
	return h, nil
}

// table reads the section table: known kinds in rising order, no holes, no overlap, nothing after
// the end.
func (d *Decoder) table(h header) error {
	size := uint64(h.sections) * entrySize
	if h.table != headerSize || h.sections > maxSections || headerSize+size > h.length {
		return corrupt(0, 32, "a table of %d sections at %d does not fit", h.sections, h.table)
	}
	if err := d.fill(headerSize + size); err != nil {
		return err
	}
	table := d.B[headerSize : headerSize+size]
	if checksum(table) != h.tableCRC {
		return corrupt(0, 44, "the section table's checksum is wrong")
	}
	d.secs = make(map[sectionKind]entry, h.sections)
	at, last := headerSize+size, sectionKind(0)
	for i := range uint64(h.sections) {
		line := table[i*entrySize : (i+1)*entrySize]
		e := getEntry(line)
		var again [entrySize]byte
		e.put(again[:])
		if !bytes.Equal(line, again[:]) || e.kind <= last || int(e.kind) >= len(sectionNames) {
			return corrupt(e.kind, headerSize+i*entrySize, "bad line in the section table")
		}
		hi, product := bits.Mul64(e.count, uint64(e.size))
		if hi != 0 || product != e.length || e.length == 0 || e.size == 0 {
			return corrupt(e.kind, e.offset, "%d elements of %d bytes are not %d bytes", e.count,
				e.size, e.length)
		}
		if e.offset != alignUp(at) || e.length > h.length || e.offset > h.length-e.length {
			return corrupt(e.kind, e.offset, "out of place")
		}
		at, last = e.offset+e.length, e.kind
		d.secs[e.kind] = e
	}
	if at != h.length {
		return corrupt(0, at, "bytes after the last section")
	}
	return nil
}

func (d *Decoder) bytes(kind sectionKind) []byte {
	e := d.secs[kind]
	return d.B[e.offset : e.offset+e.length : e.offset+e.length]
}

// checksums reads and verifies every section, in the order of the file.
func (d *Decoder) checksums() error {
	end := headerSize + entrySize*uint64(len(d.secs))
	sums, err := d.blockSums(&end)
	if err != nil {
		return err
	}
	for kind := secParameters; int(kind) < len(sectionNames); kind++ {
		e, ok := d.secs[kind]
		if !ok {
			continue
		}
		if err := d.padding(&end, e); err != nil {
			return err
		}
		n := crcBlocks(e.length)
		if n == 0 && d.isLate(kind) {
			continue
		}
		if n == 0 {
			if err := d.block(e, 0, e.crc); err != nil {
				return err
			}
			continue
		}
		if checksum(sums[:n*4]) != e.crc {
			return corrupt(kind, e.offset, "block checksums are wrong")
		}
		if d.isLate(kind) {
			d.late[kind], sums = sums[:n*4], sums[n*4:]
			continue
		}
		for i := range n {
			if err := d.block(e, i, binary.LittleEndian.Uint32(sums[i*4:])); err != nil {
				return err
			}
		}
		sums = sums[n*4:]
	}
	return nil
}

// blockSums returns the section of checksums, which must be as long as the table of sections says.
func (d *Decoder) blockSums(end *uint64) ([]byte, error) {
	blocks := uint64(0)
	for kind, e := range d.secs {
		if kind != secChecksums {
			blocks += crcBlocks(e.length)
		}
	}
	e, ok := d.secs[secChecksums]
	if e.length != 4*blocks {
		return nil, corrupt(secChecksums, e.offset, "%d bytes for %d blocks", e.length, blocks)
	}
	if !ok {
		return nil, nil
	}
	if err := d.padding(end, e); err != nil {
		return nil, err
	}
	if err := d.fill(*end); err != nil {
		return nil, err
	}
	sums := d.bytes(secChecksums)
	if checksum(sums) != e.crc {
		return nil, corrupt(secChecksums, e.offset, "checksum is wrong")
	}
	return sums, nil
}

// padding makes sure that only zeros lie between the end of one section and the next one, whose end
// it sets.
func (d *Decoder) padding(end *uint64, e entry) error {
	if err := d.fill(e.offset); err != nil {
		return err
	}
	for j, z := range d.B[*end:e.offset] {
		if z != 0 {
			return corrupt(e.kind, *end+uint64(j), "padding is not zero")
		}
	}
	*end = e.offset + e.length
	return nil
}

// block verifies one block of a section.
func (d *Decoder) block(e entry, i uint64, want uint32) error {
	if err := fault.FromContext(d.Ctx, "load"); err != nil {
		return err
	}
	from, to := i*crcBlock, min((i+1)*crcBlock, e.length)
	if i%blocksRead == 0 {
		if err := d.fill(e.offset + min((i+blocksRead)*crcBlock, e.length)); err != nil {
			return err
		}
	}
	if checksum(d.B[e.offset+from:e.offset+to]) != want {
		return corrupt(e.kind, e.offset+from, "checksum is wrong")
	}
	return nil
}

// need checks a section's element count and size against what the parameters say, before anything
// is taken from it. want 0 means that the section must be absent.
func (d *Decoder) need(kind sectionKind, size, want uint64) ([]byte, error) {
	e, ok := d.secs[kind]
	switch {
	case want == 0 && !ok:
		return nil, nil
	case !ok:
		return nil, corrupt(kind, 0, "missing")
	case want == 0, e.count != want, uint64(e.size) != size:
		return nil, corrupt(kind, e.offset, "%d elements of %d bytes, the parameters say %d of %d",
			e.count, e.size, want, size)
	}
	return d.bytes(kind), nil
}

// meaning builds the index from checked sections.
func (d *Decoder) meaning() (*segment.Segment, error) {
	p, err := d.need(secParameters, 1, parametersSize)
	if err != nil {
		return nil, err
	}
	seg, radius, err := d.parameters(p)
	if err != nil {
		return nil, err
	}
	for _, read := range []func(*segment.Segment) error{
		d.readIDs, d.readNext, d.readAlive, d.readMean, d.readNorms, d.readVectors, d.readRest,
	} {
		if err := read(seg); err != nil {
			return nil, err
		}
	}
	f := &rabitq.Codes{
		Padded: rabitq.PaddedDim(seg.Dim), Bits: seg.Bits, Rows: seg.Rows, Radius: radius,
		Count: rabitq.BlocksOf(seg.Rows),
	}
	if seg.Kind == segment.IVF && seg.Dim > 0 {
		err = d.readCells(seg, f)
	} else {
		err = d.absent(secCentroids, secCellSizes, secCellExtents, secCellRows, secCalibration,
			secCopyBlocks, secCopySizes, secCopyRows, secCopyCalibration)
	}
	if err != nil {
		return nil, err
	}
	if seg.Kind != segment.Exact && seg.Dim > 0 {
		if err = d.readCodes(seg, f); err == nil && seg.Cells != nil {
			err = d.readCopies(seg)
		}
	} else {
		err = d.absent(secRotation, secBlocks, secExtra)
	}
	if err != nil && seg.Cells != nil {
		seg.Cells.Free()
	}
	if err != nil {
		return nil, err
	}
	d.own(seg)
	return seg, nil
}

func (d *Decoder) absent(kinds ...sectionKind) error {
	for _, k := range kinds {
		if _, err := d.need(k, 1, 0); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) parameters(b []byte) (*segment.Segment, float32, error) {
	le := binary.LittleEndian
	at := d.secs[secParameters].offset
	rows, nulls := le.Uint64(b[8:]), le.Uint64(b[16:])
	seg := &segment.Segment{
		Held: segment.NewHeld(), Kind: segment.Kind(b[0]), Metric: column.Metric(b[1]),
		Bits: int(b[2]), Keep: segment.KeepNone,
		IDs: &column.IDs{Form: column.IDKind(b[3])}, Dim: int(le.Uint32(b[4:])), Seed: le.Uint64(b[24:]),
		Recall: math.Float64frombits(le.Uint64(b[32:])),
		Scale:  math.Float32frombits(le.Uint32(b[40:])),
	}
	copy(seg.Digest[:], b[48:])
	radius := math.Float32frombits(le.Uint32(b[44:]))
	coded := seg.Kind == segment.Flat || seg.Kind == segment.IVF
	bitsOK := seg.Kind == segment.Exact && seg.Bits == 0 || coded && seg.Bits >= 1 && seg.Bits <= 9
	frac, exp := math.Frexp(float64(seg.Scale))
	scaleOK := frac == 0.5 && exp >= -127 && exp <= 127
	metricOK := seg.Metric <= column.SqEuclidean ||
		seg.Metric <= column.Jaccard && plainBits(seg, radius)
	switch {
	case !bitsOK, !metricOK, seg.IDs.Kind() > column.IDCounted,
		seg.Dim > column.MaxDim, rows > column.MaxRows, nulls > rows,
		!(seg.Recall > 0 && seg.Recall <= 1), !scaleOK, !(radius >= 0 && radius <= 4):
		return nil, 0, corrupt(secParameters, at, "values out of range")
	}
	seg.Rows, seg.Nulls = int(rows), int(nulls)
	seg.IDs.N = seg.Rows
	return seg, radius, nil
}

// readCodes takes planes and extra bits where they lie.
func (d *Decoder) readCodes(seg *segment.Segment, f *rabitq.Codes) error {
	f.Stride = simd.BlockStride(f.Padded)
	signs, err := d.need(secRotation, 1, uint64(f.Padded/2))
	if err != nil {
		return err
	}
	seg.Rot = rabitq.NewRotation(f.Padded, seg.Seed)
	if !bytes.Equal(signs, seg.Rot.Pack()) {
		return corrupt(secRotation, d.secs[secRotation].offset, "not the rotation of the seed")
	}
	if f.Blocks.Mem, err = d.need(secBlocks, uint64(f.Stride), uint64(f.Count)); err != nil {
		return err
	}
	f.Blocks.View, f.Extra.View = true, true
	want := uint64(0)
	if f.Bits > 1 {
		f.Row = simd.ExtraBytes(f.Padded, f.Bits-1) + rabitq.FactorsBytes
		want = uint64(f.Rows)
	}
	if f.Extra.Mem, err = d.need(secExtra, uint64(f.Row), want); err != nil {
		return err
	}
	seg.Codes = f
	if d.late != nil {
		d.lazyCodes(f)
		return nil
	}
	if err := d.readFactors(f, seg.Cells); err != nil {
		return err
	}
	return nil
}

// readFactors checks the factors of every row.
func (d *Decoder) readFactors(f *rabitq.Codes, c *segment.Cells) error {
	slot, cell := 0, 0
	for pos := range f.Rows {
		if pos%8192 == 0 {
			if err := fault.FromContext(d.Ctx, "load"); err != nil {
				return err
			}
		}
		for c != nil && pos == int(c.First[cell+1]) {
			cell++
			slot = int(c.Block[cell]) * simd.BlockRows
		}
		fs := f.PlaneFactors(f.Block(slot/simd.BlockRows), slot%simd.BlockRows)
		if !Sound(fs) {
			return corrupt(secBlocks, d.secs[secBlocks].offset, "factors of row %d", pos)
		}
		if f.Row > 0 {
			if x := f.ExtraOf(pos); !Sound(rabitq.GetFactors(x[f.Row-rabitq.FactorsBytes:])) {
				return corrupt(secExtra, d.secs[secExtra].offset, "factors of row %d", pos)
			}
		}
		slot++
	}
	return nil
}

// Sound reports whether factors are numbers that an encoder can have made.
func Sound(f rabitq.Factors) bool {
	const bound = 1 << 20
	return mem.Abs32(f.Add) <= bound && f.Rescale <= 0 && f.Rescale-f.Rescale == 0 &&
		f.Err >= 0 && f.Err <= bound
}
