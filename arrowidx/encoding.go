package arrowidx

import (
	"context"
	"io"
)

// Encoding is the bytes of an index file that were not written yet: those of one version of an
// index, whatever happens to the index meanwhile. Close it. Not safe for concurrent use.
type Encoding struct {
	seg   *segment // holds what the sections refer to
	secs  []section
	minor uint16
	size  uint64
}

// Encode writes the index as the bytes of an index file. Equal indexes give equal bytes. With
// vectors, the rows are stored, as float32 or float64, so that Decode needs no column.
//
// Errors: InvalidArgument when vectors are asked for and not at hand, IndexClosed, Cancelled, and
// PersistError with what w returned.
func (ix *Index) Encode(ctx context.Context, w io.Writer, vectors bool) error {
	e, err := ix.Encoding(ctx, vectors)
	if err != nil {
		return err
	}
	defer e.Close()
	return e.Write(ctx, w)
}

// Encoding readies the bytes that Encode writes, so that their number is known before there is
// room for them.
//
// Errors: those of Encode.
func (ix *Index) Encoding(ctx context.Context, vectors bool) (*Encoding, error) {
	v, err := ix.enter("save")
	if err != nil {
		return nil, err
	}
	defer ix.leave(v)
	seg, err := v.whole(ctx, 0)
	if err != nil {
		return nil, err
	}
	named := *seg
	named.ids, named.next = seg.ids.explicit(), 0
	if v.names.counted() && v.next > named.ids.after() {
		named.next = v.next
	}
	e := &Encoding{seg: seg, minor: named.minor()}
	if vectors && seg.source != nil && seg.source.wide && seg.rows*seg.dim > 0 {
		e.minor = 4
	}
	if e.secs, err = named.checkedSections(ctx, vectors); err != nil {
		e.Close()
		return nil, err
	}
	e.size = placeSections(e.secs)
	return e, nil
}

// Size returns the number of bytes.
func (e *Encoding) Size() int64 { return int64(e.size) }

// Write writes the bytes.
//
// Errors: Cancelled, VectorsChanged when borrowed vectors are no longer those that were readied,
// and PersistError with what w returned.
func (e *Encoding) Write(ctx context.Context, w io.Writer) error {
	table := make([]byte, len(e.secs)*entrySize)
	for i := range e.secs {
		e.secs[i].put(table[i*entrySize:])
	}
	h := header{
		major: formatMajor, minor: e.minor, length: e.size, table: headerSize,
		sections: uint32(len(e.secs)), tableCRC: checksum(table),
	}
	out, sums := &countingWriter{w: w}, &blockSums{}
	if err := out.all(h.bytes(), table); err != nil {
		return err
	}
	for i := range e.secs {
		var zeros [alignment]byte
		if err := out.all(zeros[:e.secs[i].offset-out.n]); err != nil {
			return err
		}
		sums.reset()
		if err := e.secs[i].emit(patient{ctx, io.MultiWriter(out, sums)}); err != nil {
			return err
		}
		if sums.sum(e.secs[i].length) != e.secs[i].crc {
			return newError(VectorsChanged, "save",
				"the borrowed vectors were changed while they were written",
				"save when nobody writes to them, or build with keep='copy'")
		}
	}
	return nil
}

// CopyTo writes the bytes to memory, which must be Size bytes.
//
// Errors: InvalidArgument when it is not, and Cancelled.
func (e *Encoding) CopyTo(ctx context.Context, to []byte) error {
	if uint64(len(to)) != e.size {
		return newError(InvalidArgument, "save", "the memory is not as long as the bytes",
			"make it Size bytes long")
	}
	w := memoryWriter(to)
	return e.Write(ctx, &w)
}

// Close lets go of the version; more than once is fine.
func (e *Encoding) Close() {
	if e.seg != nil {
		e.seg.release()
	}
	e.seg, e.secs = nil, nil
}

// memoryWriter writes to the memory that is left.
type memoryWriter []byte

func (w *memoryWriter) Write(b []byte) (int, error) {
	n := copy(*w, b)
	if *w = (*w)[n:]; n < len(b) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// checkedSections lists the sections with their checksums.
func (ix *segment) checkedSections(ctx context.Context, vectors bool) ([]section, error) {
	col := ix.source
	if vectors && col == nil && ix.usable > 0 {
		return nil, newError(InvalidArgument, "save", "the index holds no vectors to store",
			"save without vectors, or load with vectors=column (Attach in Go) and save that")
	}
	if err := ix.unchanged("save"); err != nil {
		return nil, err
	}
	secs, err := ix.sections(ctx, vectors, col)
	if err != nil {
		return nil, err
	}
	blocks := &blockSums{}
	var all []byte
	for i := range secs {
		blocks.reset()
		if err := secs[i].emit(patient{ctx, blocks}); err != nil {
			return nil, err
		}
		secs[i].crc = blocks.sum(secs[i].length)
		if crcBlocks(secs[i].length) > 0 {
			all = append(all, blocks.sums...)
		}
	}
	if len(all) > 0 {
		sums := byteSection(secChecksums, 4, all)
		sums.crc = checksum(all)
		secs = append([]section{sums}, secs...)
	}
	return secs, nil
}

// placeSections gives every section its offset and returns where the last one ends.
func placeSections(secs []section) uint64 {
	at := uint64(headerSize + len(secs)*entrySize)
	for i := range secs {
		at = alignUp(at)
		secs[i].offset = at
		at += secs[i].length
	}
	return at
}
