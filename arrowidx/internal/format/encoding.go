package format

import (
	"context"
	"io"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// Encoding is the bytes of an index file that were not written yet: those of one version of an
// index, whatever happens to the index meanwhile. Close it. Not safe for concurrent use.
type Encoding struct {
	Seg    *segment.Segment // holds what the sections refer to
	Secs   []section
	Minor  uint16
	Length uint64
}

// Size returns the number of bytes.
func (e *Encoding) Size() int64 { return int64(e.Length) }

// Write writes the bytes.
//
// Errors: Cancelled, VectorsChanged when borrowed vectors are no longer those that were readied,
// and PersistError with what w returned, or when a mapped file that is read cannot be.
func (e *Encoding) Write(ctx context.Context, w io.Writer) error {
	return mem.Guarded("save", func() error { return e.write(ctx, w) })
}

func (e *Encoding) write(ctx context.Context, w io.Writer) error {
	table := make([]byte, len(e.Secs)*entrySize)
	for i := range e.Secs {
		e.Secs[i].put(table[i*entrySize:])
	}
	h := header{
		major: formatMajor, minor: e.Minor, length: e.Length, table: headerSize,
		sections: uint32(len(e.Secs)), tableCRC: checksum(table),
	}
	out, sums := &countingWriter{w: w}, &blockSums{}
	if err := out.all(h.bytes(), table); err != nil {
		return err
	}
	for i := range e.Secs {
		var zeros [alignment]byte
		if err := out.all(zeros[:e.Secs[i].offset-out.n]); err != nil {
			return err
		}
		sums.reset()
		if err := e.Secs[i].emit(patient{ctx, io.MultiWriter(out, sums)}); err != nil {
			return err
		}
		if sums.sum(e.Secs[i].length) != e.Secs[i].crc {
			return fault.New(fault.VectorsChanged, "save",
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
	if uint64(len(to)) != e.Length {
		return fault.New(fault.InvalidArgument, "save", "the memory is not as long as the bytes",
			"make it Size bytes long")
	}
	w := memoryWriter(to)
	return e.Write(ctx, &w)
}

// Close lets go of the version; more than once is fine.
func (e *Encoding) Close() {
	if e.Seg != nil {
		e.Seg.Release()
	}
	e.Seg, e.Secs = nil, nil
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

// CheckedSections lists the sections with their checksums.
func CheckedSections(ctx context.Context, seg *segment.Segment, vectors bool) ([]section, error) {
	col := seg.Source
	if vectors && col == nil && seg.Usable > 0 {
		return nil, fault.New(fault.InvalidArgument, "save", "the index holds no vectors to store",
			"save without vectors, or load with vectors=column and save that")
	}
	if err := seg.Unchanged("save"); err != nil {
		return nil, err
	}
	secs, err := sections(ctx, seg, vectors, col)
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

// PlaceSections gives every section its offset and returns where the last one ends.
func PlaceSections(secs []section) uint64 {
	at := uint64(headerSize + len(secs)*entrySize)
	for i := range secs {
		at = alignUp(at)
		secs[i].offset = at
		at += secs[i].length
	}
	return at
}
