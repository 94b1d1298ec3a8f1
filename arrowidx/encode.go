package arrowidx

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
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

// minor is the least version of the format that can express the segment: older readers read as much
// as they can.
func (ix *segment) minor() uint16 {
	switch {
	case ix.next > 0, ix.uneven:
		return 4
	case ix.ids.kind == IDCounted || ix.metric > SqEuclidean:
		return 3
	}
	return 2
}

// sections lists what the index is made of, in the order of their kinds.
func (ix *segment) sections(ctx context.Context, vectors bool, col *Column) ([]section, error) {
	secs := []section{byteSection(secParameters, 1, ix.parameters())}
	add := func(kind sectionKind, size uint32, b []byte) {
		if len(b) > 0 {
			secs = append(secs, byteSection(kind, size, b))
		}
	}
	add(secProvenance, 1, ix.provenance)
	add(secMean, 4, arrow.Float32Traits.CastToBytes(ix.mean))
	if ix.rot != nil {
		add(secRotation, 1, ix.rot.pack())
		add(secBlocks, uint32(ix.codes.stride), ix.codes.blocks.mem)
		if ix.codes.row > 0 {
			add(secExtra, uint32(ix.codes.row), ix.codes.extra.mem)
		}
	}
	if ix.kind == Exact && ix.metric.Larger() {
		add(secNorms, 4, ix.norms.mem)
	}
	add(secIDs, 8, arrow.Uint64Traits.CastToBytes(ix.ids.num))
	add(secIDOffsets, 8, arrow.Uint64Traits.CastToBytes(ix.ids.off))
	add(secIDText, 1, ix.ids.text)
	add(secAlive, 4, arrow.Uint32Traits.CastToBytes(ix.alive))
	if vectors && col != nil && ix.rows*ix.dim > 0 {
		n, size := uint64(ix.rows)*uint64(ix.dim), uint32(4)
		switch {
		case ix.metric.Binary():
			n, size = n/8, 1
		case col.wide:
			size = 8
		}
		secs = append(secs, section{
			entry{kind: secVectors, length: uint64(size) * n, count: n, size: size},
			func(w io.Writer) error { return ix.emitVectors(col, w) },
		})
	}
	content, err := ix.contentDigest(ctx, col)
	if content != [sha256.Size]byte{} {
		add(secContent, 1, content[:])
	}
	if c := ix.cells; c != nil {
		add(secCentroids, 4, arrow.Float32Traits.CastToBytes(c.centroids))
		add(secCellSizes, 4, arrow.Uint32Traits.CastToBytes(c.sizes()))
		add(secCellExtents, 8, arrow.Float32Traits.CastToBytes(c.extents()))
		add(secCellRows, 4, arrow.Uint32Traits.CastToBytes(c.rows))
		add(secTuning, tunedBytes, packTuning(ix.tuning))
	}
	if ix.next > 0 {
		add(secNext, 8, binary.LittleEndian.AppendUint64(nil, ix.next))
	}
	return secs, err
}

func (ix *segment) parameters() []byte {
	b := make([]byte, parametersSize)
	le := binary.LittleEndian
	b[0], b[1], b[2], b[3] = byte(ix.kind), byte(ix.metric), byte(ix.bits), byte(ix.ids.kind)
	le.PutUint32(b[4:], uint32(ix.dim))
	le.PutUint64(b[8:], uint64(ix.rows))
	le.PutUint64(b[16:], uint64(ix.nulls))
	le.PutUint64(b[24:], ix.seed)
	le.PutUint64(b[32:], math.Float64bits(ix.recall))
	le.PutUint32(b[40:], math.Float32bits(ix.scale))
	if ix.codes != nil {
		le.PutUint32(b[44:], math.Float32bits(ix.codes.radius))
	}
	copy(b[48:], ix.digest[:])
	return b
}

// emitVectors writes all rows as float32, or as float64 where the column has some; rows that cannot
// be found are written as zeros.
func (ix *segment) emitVectors(col *Column, w io.Writer) error {
	d := ix.dim
	if d == 0 {
		return nil
	}
	if ix.metric.Binary() {
		return ix.emitBits(col, w)
	}
	if col.wide {
		return ix.emitWide(col, w)
	}
	step := max(1, min(crcBlock/(4*d), ix.rows))
	read, buf := make([]float32, step*d), make([]float32, step*d)
	for from := 0; from < ix.rows; {
		to := col.tileEnd(from, step)
		rows := col.tile(from, to-from, read)
		if ix.usable < ix.rows {
			copy(buf, rows)
			rows = buf[:len(rows)]
			for r := from; r < to; r++ {
				if !ix.isAlive(r) {
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
func (ix *segment) emitWide(col *Column, w io.Writer) error {
	d := ix.dim
	step := max(1, min(crcBlock/(8*d), ix.rows))
	rows := make([]float64, step*d)
	for from := 0; from < ix.rows; from += step {
		to := min(from+step, ix.rows)
		for r := from; r < to; r++ {
			out := rows[(r-from)*d : (r-from+1)*d]
			if ix.isAlive(r) {
				copy(out, col.wideRow(r, out))
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
func (ix *segment) contentDigest(
	ctx context.Context, col *Column,
) (sum [sha256.Size]byte, err error) {
	if col == nil {
		return ix.content, nil
	}
	h := sha256.New()
	for _, b := range [][]byte{
		arrow.Uint64Traits.CastToBytes(ix.ids.num), arrow.Uint64Traits.CastToBytes(ix.ids.off),
		ix.ids.text,
	} {
		_, _ = h.Write(b)
	}
	if err := ix.emitVectors(col, patient{ctx, h}); err != nil {
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
		if err := cancelled(p.ctx, "save"); err != nil {
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
		err = fileError("save", "writing failed", err)
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
