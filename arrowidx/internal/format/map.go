package format

import (
	"context"
	"encoding/binary"
	"os"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// MapFrom makes a segment of an index file that stays mapped: it takes the file over. Blocks, extra
// bits and vectors are verified a block of crcBlock bytes at a time, before their first use,
// everything else at once. Ids are copied: answers name rows when the file may be gone.
func MapFrom(ctx context.Context, f *os.File, path string) (*segment.Segment, error) {
	st, err := f.Stat()
	size := uint64(0)
	if err == nil {
		size = uint64(st.Size())
		err = headerOf(f, size)
	}
	if err != nil {
		_ = f.Close() // read-only: nothing is lost
		return nil, Named(path, FileError("load", "cannot be read", err))
	}
	file, err := mem.MapFile("load", f, path)
	if err != nil {
		return nil, err
	}
	d := Decoder{Ctx: ctx, B: file.Mem, Size: size, path: path, late: map[sectionKind][]byte{}}
	var seg *segment.Segment
	err = mem.Guarded("load", func() (err error) {
		seg, err = d.index()
		return Named(path, err)
	})
	if err != nil {
		file.Free()
		return nil, err
	}
	seg.File = file
	return seg, nil
}

// headerOf checks the header of a file of so many bytes before it is mapped.
func headerOf(f *os.File, size uint64) error {
	d := Decoder{B: make([]byte, min(size, headerSize)), Size: size}
	if _, err := f.ReadAt(d.B, 0); err != nil {
		return endedEarly(0, err)
	}
	_, err := d.header()
	return err
}

// isLate reports whether a section of a mapped file is verified when it is first used.
func (d *Decoder) isLate(kind sectionKind) bool {
	return d.late != nil && (kind == secBlocks || kind == secExtra || kind == secVectors ||
		kind == secCopyBlocks)
}

// lazy returns what verifies a section of a mapped file, of units of so many bytes, before its
// first use; nil where it is verified already, or empty.
func (d *Decoder) lazy(
	kind sectionKind, unit int, sound func(from, to int) error,
) *mem.Lazy {
	e, ok := d.secs[kind]
	if !ok || !d.isLate(kind) {
		return nil
	}
	sums, path := d.late[kind], d.path
	sum := func(i int, b []byte) error {
		want := e.crc
		if len(sums) > 0 {
			want = binary.LittleEndian.Uint32(sums[4*i:])
		}
		if checksum(b) != want {
			at := e.offset + uint64(i)*crcBlock
			return Named(path, corrupt(kind, at, "checksum is wrong"))
		}
		return nil
	}
	return mem.NewLazy(d.B, d.bytes(kind), crcBlock, unit, sum, sound)
}

// lazyCodes has codes verified when they are first used: their factors, too.
func (d *Decoder) lazyCodes(f *rabitq.Codes) {
	f.LazyBlocks = d.lazy(secBlocks, f.Stride, d.blocksSound(secBlocks, f))
	f.LazyExtra = d.lazy(secExtra, f.Row, func(from, to int) error {
		for pos := from; pos < to; pos++ {
			if x := f.ExtraOf(pos); !Sound(rabitq.GetFactors(x[f.Row-rabitq.FactorsBytes:])) {
				at := d.secs[secExtra].offset + uint64(pos)*uint64(f.Row)
				return Named(d.path, corrupt(secExtra, at, "factors"))
			}
		}
		return nil
	})
}

// lazyVectors has the numbers of stored vectors verified when they are first used. plain is the
// same column without that.
func (d *Decoder) lazyVectors(seg *segment.Segment, plain, col *column.Column) {
	width := int(d.secs[secVectors].length) / seg.Rows
	col.Verify(d.lazy(secVectors, width, func(from, to int) error {
		if seg.Metric.Binary() {
			return nil
		}
		row, narrow := make([]float64, seg.Dim), make([]float32, seg.Dim)
		for r := from; r < to; r++ {
			// Most rows of float32 are far from any limit, which takes no widening to see.
			if !plain.Wide() && simd.Norm64(plain.Row(r, narrow)) <= build.MaxSquareNorm/2 {
				continue
			}
			if err := d.holds(seg, plain.WideRow(r, row), r); err != nil {
				return Named(d.path, err)
			}
		}
		return nil
	}))
}

// holds makes sure that a stored vector could have been indexed.
func (d *Decoder) holds(seg *segment.Segment, x []float64, row int) error {
	if !build.Holds(seg.Metric, x, simd.WideNorm(x)) {
		return corrupt(secVectors, d.secs[secVectors].offset, "row %d holds no vector", row)
	}
	return nil
}

// own copies what answers are named with, and the text that people read, out of a mapped file.
func (d *Decoder) own(seg *segment.Segment) {
	if d.late == nil {
		return
	}
	ids := seg.IDs
	ids.Num, ids.Off, ids.Text = slices.Clone(ids.Num), slices.Clone(ids.Off), slices.Clone(ids.Text)
	ids.From, ids.To = 0, 0
	seg.Provenance = slices.Clone(seg.Provenance)
}
