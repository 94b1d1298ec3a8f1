package arrowidx

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/ruvector/ruvector-arrow/simd"
)

// Decode reads an index from the bytes of a file, which are copied. Whatever the bytes are, the
// result is a correct index or an error, and memory stays within the bytes' own length and a tenth.
//
// Errors: NotAnIndex, FormatTooNew, CorruptIndex naming section and offset, OutOfMemory.
func Decode(ctx context.Context, b []byte) (*Index, error) {
	file, err := newSlab("load", int64(len(b)))
	if err != nil {
		return nil, err
	}
	copy(file.mem, b)
	d := decoder{ctx: ctx, b: file.mem, size: uint64(len(b))}
	return opened(d.take(file))
}

// opened makes an index of the segment that a decoder made.
func opened(seg *segment, err error) (*Index, error) {
	if err != nil {
		return nil, err
	}
	return newIndex(seg), nil
}

// take takes over the slab, which is the decoder's bytes: the index's codes stay in it.
func (d *decoder) take(file slab) (*segment, error) {
	ix, err := d.index()
	if err != nil {
		file.free()
		return nil, err
	}
	ix.file = file
	if ix.ids.kind != IDPositions && ix.rows > 0 {
		ix.ids.outlive(&ix.file)
	}
	return ix, nil
}

// decoder checks a file from the outside in: header, table, sections, meaning.
type decoder struct {
	ctx  context.Context
	b    []byte
	size uint64    // of the file
	from io.Reader // of what is not in b yet; nil: all is
	have int       // bytes of b that were read from it
	secs map[sectionKind]entry
}

func corrupt(where sectionKind, offset uint64, format string, args ...any) error {
	name := "header"
	if where != 0 {
		name = where.String()
	}
	return newError(CorruptIndex, "load", fmt.Sprintf("section %s at offset %d: %s", name, offset,
		fmt.Sprintf(format, args...)), "the file is damaged: save the index again")
}

func (d *decoder) index() (*segment, error) {
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

func (d *decoder) header() (header, error) {
	le := binary.LittleEndian
	b := d.b
	if !bytes.HasPrefix(b, magic[:]) {
		return header{}, newError(NotAnIndex, "load", "this is not an index file",
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
		return h, newError(FormatTooNew, "load",
			fmt.Sprintf("index format %d.%d, flags %#x: this version reads up to %d.%d", h.major,
				h.minor, h.required, formatMajor, formatMinor), "use a newer version")
	}
	if !bytes.Equal(h.bytes(), b[:headerSize]) {
		return h, corrupt(0, 0, "checksum or reserved bytes are wrong")
	}
	if h.length != d.size {
		return h, corrupt(0, 24, "%d bytes long, should be %d", d.size, h.length)
	}
	return h, nil
}

// table reads the section table: known kinds in rising order, no holes, no overlap, nothing after
// the end.
func (d *decoder) table(h header) error {
	size := uint64(h.sections) * entrySize
	if h.table != headerSize || h.sections > maxSections || headerSize+size > h.length {
		return corrupt(0, 32, "a table of %d sections at %d does not fit", h.sections, h.table)
	}
	if err := d.fill(headerSize + size); err != nil {
		return err
	}
	table := d.b[headerSize : headerSize+size]
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

func (d *decoder) bytes(kind sectionKind) []byte {
	e := d.secs[kind]
	return d.b[e.offset : e.offset+e.length : e.offset+e.length]
}

// checksums reads and verifies every section, in the order of the file.
func (d *decoder) checksums() error {
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
		if n == 0 {
			if err := d.block(e, 0, e.crc); err != nil {
				return err
			}
			continue
		}
		if checksum(sums[:n*4]) != e.crc {
			return corrupt(kind, e.offset, "block checksums are wrong")
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
func (d *decoder) blockSums(end *uint64) ([]byte, error) {
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
func (d *decoder) padding(end *uint64, e entry) error {
	if err := d.fill(e.offset); err != nil {
		return err
	}
	for j, z := range d.b[*end:e.offset] {
		if z != 0 {
			return corrupt(e.kind, *end+uint64(j), "padding is not zero")
		}
	}
	*end = e.offset + e.length
	return nil
}

// block verifies one block of a section.
func (d *decoder) block(e entry, i uint64, want uint32) error {
	if err := cancelled(d.ctx, "load"); err != nil {
		return err
	}
	from, to := i*crcBlock, min((i+1)*crcBlock, e.length)
	if i%blocksRead == 0 {
		if err := d.fill(e.offset + min((i+blocksRead)*crcBlock, e.length)); err != nil {
			return err
		}
	}
	if checksum(d.b[e.offset+from:e.offset+to]) != want {
		return corrupt(e.kind, e.offset+from, "checksum is wrong")
	}
	return nil
}

// need checks a section's element count and size against what the parameters say, before anything
// is taken from it. want 0 means that the section must be absent.
func (d *decoder) need(kind sectionKind, size, want uint64) ([]byte, error) {
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
func (d *decoder) meaning() (*segment, error) {
	p, err := d.need(secParameters, 1, parametersSize)
	if err != nil {
		return nil, err
	}
	ix, radius, err := d.parameters(p)
	if err != nil {
		return nil, err
	}
	for _, read := range []func(*segment) error{
		d.readIDs, d.readNext, d.readAlive, d.readMean, d.readNorms, d.readVectors, d.readRest,
	} {
		if err := read(ix); err != nil {
			return nil, err
		}
	}
	f := &codes{padded: paddedDim(ix.dim), bits: ix.bits, rows: ix.rows, radius: radius,
		count: blocksOf(ix.rows)}
	if ix.kind == IVF && ix.dim > 0 {
		err = d.readCells(ix, f)
	} else {
		err = d.absent(secCentroids, secCellSizes, secCellExtents, secCellRows, secTuning)
	}
	if err != nil {
		return nil, err
	}
	if ix.kind != Exact && ix.dim > 0 {
		err = d.readCodes(ix, f)
	} else {
		err = d.absent(secRotation, secBlocks, secExtra)
	}
	if err != nil && ix.cells != nil {
		ix.cells.free()
	}
	if err != nil {
		return nil, err
	}
	return ix, nil
}

func (d *decoder) absent(kinds ...sectionKind) error {
	for _, k := range kinds {
		if _, err := d.need(k, 1, 0); err != nil {
			return err
		}
	}
	return nil
}

func (d *decoder) parameters(b []byte) (*segment, float32, error) {
	le := binary.LittleEndian
	at := d.secs[secParameters].offset
	rows, nulls := le.Uint64(b[8:]), le.Uint64(b[16:])
	ix := &segment{
		held: newHeld(), kind: Kind(b[0]), metric: Metric(b[1]),
		bits: int(b[2]), keep: KeepNone,
		ids: &IDs{kind: IDKind(b[3])}, dim: int(le.Uint32(b[4:])), seed: le.Uint64(b[24:]),
		recall: math.Float64frombits(le.Uint64(b[32:])),
		scale:  math.Float32frombits(le.Uint32(b[40:])),
	}
	copy(ix.digest[:], b[48:])
	radius := math.Float32frombits(le.Uint32(b[44:]))
	coded := ix.kind == Flat || ix.kind == IVF
	bitsOK := ix.kind == Exact && ix.bits == 0 || coded && ix.bits >= 1 && ix.bits <= 9
	frac, exp := math.Frexp(float64(ix.scale))
	scaleOK := frac == 0.5 && exp >= -127 && exp <= 127
	metricOK := ix.metric <= SqEuclidean || ix.metric <= Jaccard && ix.plainBits(radius)
	switch {
	case !bitsOK, !metricOK, ix.ids.kind > IDCounted, ix.dim > MaxDim, rows > MaxRows,
		nulls > rows, !(ix.recall > 0 && ix.recall <= 1), !scaleOK, !(radius >= 0 && radius <= 4):
		return nil, 0, corrupt(secParameters, at, "values out of range")
	}
	ix.rows, ix.nulls = int(rows), int(nulls)
	ix.ids.n = ix.rows
	return ix, radius, nil
}

// readCodes takes planes and extra bits where they lie.
func (d *decoder) readCodes(ix *segment, f *codes) error {
	f.stride = simd.BlockStride(f.padded)
	signs, err := d.need(secRotation, 1, uint64(f.padded/2))
	if err != nil {
		return err
	}
	ix.rot = newRotation(f.padded, ix.seed)
	if !bytes.Equal(signs, ix.rot.pack()) {
		return corrupt(secRotation, d.secs[secRotation].offset, "not the rotation of the seed")
	}
	if f.blocks.mem, err = d.need(secBlocks, uint64(f.stride), uint64(f.count)); err != nil {
		return err
	}
	f.blocks.view, f.extra.view = true, true
	want := uint64(0)
	if f.bits > 1 {
		f.row = simd.ExtraBytes(f.padded, f.bits-1) + factorsBytes
		want = uint64(f.rows)
	}
	if f.extra.mem, err = d.need(secExtra, uint64(f.row), want); err != nil {
		return err
	}
	if err := d.readFactors(f, ix.cells); err != nil {
		return err
	}
	ix.codes = f
	return nil
}

// readFactors checks the factors of every row.
func (d *decoder) readFactors(f *codes, c *cells) error {
	slot, cell := 0, 0
	for pos := range f.rows {
		if pos%8192 == 0 {
			if err := cancelled(d.ctx, "load"); err != nil {
				return err
			}
		}
		for c != nil && pos == int(c.first[cell+1]) {
			cell++
			slot = int(c.block[cell]) * simd.BlockRows
		}
		fs := f.planeFactors(f.block(slot/simd.BlockRows), slot%simd.BlockRows)
		if !fs.sound() {
			return corrupt(secBlocks, d.secs[secBlocks].offset, "factors of row %d", pos)
		}
		if f.row > 0 {
			if x := f.extraOf(pos); !getFactors(x[f.row-factorsBytes:]).sound() {
				return corrupt(secExtra, d.secs[secExtra].offset, "factors of row %d", pos)
			}
		}
		slot++
	}
	return nil
}

// sound reports whether factors are numbers that an encoder can have made.
func (f factors) sound() bool {
	const bound = 1 << 20
	return abs32(f.add) <= bound && f.rescale <= 0 && f.rescale-f.rescale == 0 &&
		f.err >= 0 && f.err <= bound
}
