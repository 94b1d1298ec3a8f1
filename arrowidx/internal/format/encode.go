package format

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
)

// section is a part of a file about to be written; emit writes its length bytes and may be called
// more than once.
type section struct {
	entry
	emit func(io.Writer) error
}

func byteSection(kind sectionKind, size uint32, b []byte) section {
	n := uint64(len(b))
	return section{
		entry{kind: kind, length: n, count: n / uint64(size), size: size},
		func(w io.Writer) error { _, err := w.Write(b); return err },
	}
}

// Minor is the least version of the format that can express the segment: older readers read as much
// as they can.
func Minor(seg *segment.Segment) uint16 {
	switch {
	case seg.Copies != nil:
		return 6
	case segment.Weighted(seg.Points):
		return 5
	case seg.Next > 0, seg.Uneven:
		return 4
	case seg.IDs.Kind() == column.IDCounted || seg.Metric > column.SqEuclidean:
		return 3
	}
	return 2
}

// sections lists what the index is made of, in the order of their kinds.
func sections(
	ctx context.Context, seg *segment.Segment, vectors bool, col *column.Column,
) ([]section, error) {
	secs := []section{byteSection(secParameters, 1, parameters(seg))}
	add := func(kind sectionKind, size uint32, b []byte) {
		if len(b) > 0 {
			secs = append(secs, byteSection(kind, size, b))
		}
	}
	add(secProvenance, 1, seg.Provenance)
	add(secMean, 4, arrow.Float32Traits.CastToBytes(seg.Mean))
	if seg.Rot != nil {
		add(secRotation, 1, seg.Rot.Pack())
		add(secBlocks, uint32(seg.Codes.Stride), seg.Codes.Span(0, seg.Codes.Count))
		if seg.Codes.Row > 0 {
			add(secExtra, uint32(seg.Codes.Row), seg.Codes.ExtraSpan(0, seg.Codes.Rows))
		}
	}
	if seg.Kind == segment.Exact && seg.Metric.Larger() {
		add(secNorms, 4, seg.Norms.Mem)
	}
	add(secIDs, 8, arrow.Uint64Traits.CastToBytes(seg.IDs.Num))
	add(secIDOffsets, 8, arrow.Uint64Traits.CastToBytes(seg.IDs.Off))
	add(secIDText, 1, seg.IDs.Text)
	add(secAlive, 4, arrow.Uint32Traits.CastToBytes(seg.Alive))
	if vectors && col != nil && seg.Rows*seg.Dim > 0 {
		n, size := uint64(seg.Rows)*uint64(seg.Dim), uint32(4)
		switch {
		case seg.Metric.Binary():
			n, size = n/8, 1
		case col.Wide():
			size = 8
		}
		secs = append(secs, section{
			entry{kind: secVectors, length: uint64(size) * n, count: n, size: size},
			func(w io.Writer) error { return emitVectors(seg, col, w) },
		})
	}
	content, err := contentDigest(ctx, seg, col)
	if content != [sha256.Size]byte{} {
		add(secContent, 1, content[:])
	}
	if c := seg.Cells; c != nil {
		add(secCentroids, 4, arrow.Float32Traits.CastToBytes(c.Centroids))
		add(secCellSizes, 4, arrow.Uint32Traits.CastToBytes(c.Sizes()))
		add(secCellExtents, 8, arrow.Float32Traits.CastToBytes(c.Extents()))
		add(secCellRows, 4, arrow.Uint32Traits.CastToBytes(c.Rows))
		points, size := segment.PackPoints(seg.Points)
		add(secCalibration, uint32(size), points)
	}
	if seg.Next > 0 {
		add(secNext, 8, binary.LittleEndian.AppendUint64(nil, seg.Next))
	}
	return append(secs, copySections(seg)...), err
}

func parameters(seg *segment.Segment) []byte {
	b := make([]byte, parametersSize)
	le := binary.LittleEndian
	b[0], b[1], b[2], b[3] = byte(seg.Kind), byte(seg.Metric), byte(seg.Bits), byte(seg.IDs.Kind())
	le.PutUint32(b[4:], uint32(seg.Dim))
	le.PutUint64(b[8:], uint64(seg.Rows))
	le.PutUint64(b[16:], uint64(seg.Nulls))
	le.PutUint64(b[24:], seg.Seed)
	le.PutUint64(b[32:], math.Float64bits(seg.Recall))
	le.PutUint32(b[40:], math.Float32bits(seg.Scale))
	if seg.Codes != nil {
		le.PutUint32(b[44:], math.Float32bits(seg.Codes.Radius))
	}
	copy(b[48:], seg.Digest[:])
	return b
}

// emitVectors writes all rows as float32, or as float64 where the column has some; rows that cannot
// be found are written as zeros.
func emitVectors(seg *segment.Segment, col *column.Column, w io.Writer) error {
	d := seg.Dim
	if d == 0 {
		return nil
	}
	if seg.Metric.Binary() {
		return emitBits(seg, col, w)
	}
	if col.Wide() {
		return emitWide(seg, col, w)
	}
	step := max(1, min(crcBlock/(4*d), seg.Rows))
	read, buf := make([]float32, step*d), make([]float32, step*d)
	for from := 0; from < seg.Rows; {
		to := col.TileEnd(from, step)
		rows := col.Tile(from, to-from, read)
		if seg.Usable < seg.Rows {
			copy(buf, rows)
			rows = buf[:len(rows)]
			for r := from; r < to; r++ {
				if !seg.IsAlive(r) {
					clear(rows[(r-from)*d : (r-from+1)*d])
				}
			}
		}
		if _, err := w.Write(arrow.Float32Traits.CastToBytes(rows)); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// emitWide is emitVectors for float64.
func emitWide(seg *segment.Segment, col *column.Column, w io.Writer) error {
	d := seg.Dim
	step := max(1, min(crcBlock/(8*d), seg.Rows))
	rows := make([]float64, step*d)
	for from := 0; from < seg.Rows; from += step {
		to := min(from+step, seg.Rows)
		for r := from; r < to; r++ {
			out := rows[(r-from)*d : (r-from+1)*d]
			if seg.IsAlive(r) {
				copy(out, col.WideRow(r, out))
			} else {
				clear(out)
			}
		}
		if _, err := w.Write(arrow.Float64Traits.CastToBytes(rows[:(to-from)*d])); err != nil {
			return err
		}
	}
	return nil
}

// contentDigest is the SHA-256 of ids and vectors. An index whose vectors are out of reach keeps
// the one it was loaded with, zeros if there was none.
func contentDigest(
	ctx context.Context, seg *segment.Segment, col *column.Column,
) (sum [sha256.Size]byte, err error) {
	if col == nil {
		return seg.Content, nil
	}
	h := sha256.New()
	for _, b := range [][]byte{
		arrow.Uint64Traits.CastToBytes(seg.IDs.Num), arrow.Uint64Traits.CastToBytes(seg.IDs.Off),
		seg.IDs.Text,
	} {
		_, _ = h.Write(b)
	}
	if err := emitVectors(seg, col, patient{ctx, h}); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// patient writes in parts of at most crcBlock bytes and stops when the context ends.
type patient struct {
	ctx context.Context
	w   io.Writer
}

func (p patient) Write(b []byte) (int, error) {
	for n := 0; ; {
		if err := fault.FromContext(p.ctx, "save"); err != nil {
			return n, err
		}
		part := b[n:min(n+crcBlock, len(b))]
		done, err := p.w.Write(part)
		if n += done; err != nil || n == len(b) {
			return n, err
		}
	}
}

// blockSums computes one checksum for every crcBlock bytes written to it.
type blockSums struct {
	h    hash.Hash32
	n    int
	sums []byte
}

func (s *blockSums) reset() { s.h, s.n, s.sums = nil, 0, nil }

func (s *blockSums) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if s.h == nil {
			s.h = newChecksum()
		}
		part := p[:min(len(p), crcBlock-s.n)]
		_, _ = s.h.Write(part)
		s.n += len(part)
		p = p[len(part):]
		if s.n == crcBlock {
			s.finish()
		}
	}
	return total, nil
}

// finish ends the block and returns all checksums so far.
func (s *blockSums) finish() []byte {
	if s.n > 0 {
		s.sums = binary.LittleEndian.AppendUint32(s.sums, s.h.Sum32())
		s.h, s.n = nil, 0
	}
	return s.sums
}

// sum ends the last block and returns the checksum of a section of so many bytes.
func (s *blockSums) sum(length uint64) uint32 {
	sums := s.finish()
	if crcBlocks(length) > 0 {
		return checksum(sums)
	}
	if len(sums) == 0 {
		return checksum(nil)
	}
	return binary.LittleEndian.Uint32(sums)
}

// countingWriter counts and names the errors of the writer below.
type countingWriter struct {
	w io.Writer
	n uint64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += uint64(n)
	if err != nil {
		err = FileError("save", "writing failed", err)
	}
	return n, err
}

func (c *countingWriter) all(parts ...[]byte) error {
	for _, p := range parts {
		if _, err := c.Write(p); err != nil {
			return err
		}
	}
	return nil
}
