package arrowidx

import (
	"context"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// readBits finds rows of packed bits in an Arrow array of bytes. dim is the bytes of a row that
// earlier chunks have, 0 if nothing.
func readBits(ck chunk, a arrow.Array, dim int) (chunk, int, error) {
	values := a.Data().Buffers()
	data := values[len(values)-1]
	n := 0
	if data != nil {
		n = data.Len()
	}
	bytes := array.NewData(arrow.PrimitiveTypes.Uint8, n, append(values[:0:0], nil, data), nil, 0, 0)
	defer bytes.Release()
	child := array.NewUint8Data(bytes)
	defer child.Release()
	width := dim
	var err error
	switch b := a.(type) {
	case *array.FixedSizeBinary:
		size := int64(b.DataType().(*arrow.FixedSizeBinaryType).ByteWidth)
		ck, width, err = readFixed(ck, child, size, int64(b.Data().Offset()), dim)
	case *array.Binary:
		offsets := arrow.Int32Traits.CastFromBytes(values[1].Bytes())
		ck, width, err = readOffsets(ck, child, offsets, b.Data().Offset(), dim)
	case *array.LargeBinary:
		offsets := arrow.Int64Traits.CastFromBytes(values[1].Bytes())
		ck, width, err = readOffsets(ck, child, offsets, b.Data().Offset(), dim)
	}
	ck.data.kind = elemBits
	return ck, width, err
}

// ownBits makes a column of rows of packed bits in a slab, which it then owns.
func ownBits(own slab, rows, width int) *Column {
	c := &Column{rows: rows, dim: width, bits: true, own: own}
	c.refs.Store(1)
	if rows > 0 {
		c.chunks = []chunk{{n: rows, data: elements{kind: elemBits, u8: own.mem[:rows*width]}}}
	}
	return c
}

// Binary reports whether the column's type says that its rows are packed bits. Columns of uint8
// may be that too.
func (c *Column) Binary() bool { return c.bits }

// packedRows returns rows [from, from+n), which must lie in one chunk, as bytes: a view where they
// lie side by side, else dst, in which null rows are zeros.
func (c *Column) packedRows(from, n int, dst []byte) []byte {
	ck, w := c.chunkOf(from), c.dim
	at := from - ck.start
	if ck.starts == nil {
		return ck.data.u8[at*w : (at+n)*w]
	}
	for i := range n {
		out := dst[i*w : (i+1)*w]
		if ck.isNull(at + i) {
			clear(out)
		} else {
			copy(out, ck.data.u8[ck.starts[at+i]:])
		}
	}
	return dst[:n*w]
}

// dims returns the dimensions of a column's rows under the metric: numbers, or bits.
func (m Metric) dims(col *Column) int {
	if m.Binary() {
		return 8 * col.dim
	}
	return col.dim
}

// fits refuses a column that the metric cannot compare.
func (m Metric) fits(op string, col *Column) error {
	if !m.Binary() {
		if col.bits {
			return newError(MetricError, op,
				fmt.Sprintf("metric %s compares numbers, the column holds packed bits", m),
				"use metric hamming or jaccard")
		}
		return nil
	}
	for i := range col.chunks {
		if kind := col.chunks[i].data.kind; kind != elemUint8 && kind != elemBits {
			return newError(MetricError, op, fmt.Sprintf(
				"metric %s compares packed bits, the column is %s", m, col.DataType()),
				"pass FixedSizeBinary, or lists of uint8 with 8 bits each")
		}
	}
	if 8*col.dim > MaxDim {
		return newError(LimitExceeded, op,
			fmt.Sprintf("%d bits a row, at most %d are supported", 8*col.dim, MaxDim), "")
	}
	return nil
}

// resolveBits refuses kinds and ways to keep rows that an index of bits has not.
func (o *BuildOptions) resolveBits() error {
	if o.Kind != Auto && o.Kind != Exact {
		return newError(InvalidArgument, "build",
			fmt.Sprintf("kind %s has no codes for metric %s: rows of packed bits are as small as "+
				"codes, and are scanned as fast", o.Kind, o.Metric), "use kind exact or auto")
	}
	if o.Keep == KeepNone {
		return newError(InvalidArgument, "build",
			fmt.Sprintf("metric %s searches the rows themselves", o.Metric),
			"use keep='borrow' or 'copy'")
	}
	o.Kind = Exact
	return nil
}

// measureBits finds the rows that are null, and refuses null bytes in rows.
func measureBits(ctx context.Context, col *Column, o *BuildOptions) (*moments, error) {
	m := &moments{scale: 1}
	for r := range col.rows {
		if r%shardRows == 0 {
			if err := cancelled(ctx, "build"); err != nil {
				return nil, err
			}
		}
		if col.nulls > 0 && !col.Valid(r) {
			if o.Nulls == RejectNulls {
				return nil, errorAt(InvalidVector, "build", int64(r), -1,
					fmt.Sprintf("row %d is null", r), skipNullRows)
			}
			m.nulls++
			m.drop(col.rows, r)
			continue
		}
		ck := col.chunkOf(r)
		if j := ck.nullElement(r-ck.start, col.dim); j >= 0 {
			if o.Bad == RejectBad {
				return nil, errorAt(InvalidVector, "build", int64(r), int64(j),
					fmt.Sprintf("byte %d of row %d is null", j, r), skipBadRows)
			}
			m.bad++
			m.drop(col.rows, r)
		}
	}
	m.usable = col.rows - m.nulls - m.bad
	o.Progress.scanned.Add(int64(col.rows))
	return m, nil
}

// copyBits returns a copy of the column's bytes.
func (c *Column) copyBits(ctx context.Context, threads int) (*Column, error) {
	own, err := newSlab("build", int64(c.rows)*int64(c.dim))
	if err != nil {
		return nil, err
	}
	const step = 4096
	err = parallel(ctx, "build", threads, (c.rows+step-1)/step, func(_, i int) error {
		for from, end := i*step, min((i+1)*step, c.rows); from < end; {
			to := min(c.tileEnd(from, step), end)
			out := own.mem[from*c.dim : to*c.dim]
			copy(out, c.packedRows(from, to-from, out))
			from = to
		}
		return nil
	})
	if err != nil {
		own.free()
		return nil, err
	}
	return ownBits(own, c.rows, c.dim), nil
}

// emitBits writes the bytes of all rows; rows that cannot be found are written as zeros.
func (ix *segment) emitBits(col *Column, w io.Writer) error {
	step := max(1, min(crcBlock/col.dim, ix.rows))
	read, buf := make([]byte, step*col.dim), make([]byte, step*col.dim)
	for from := 0; from < ix.rows; {
		to := col.tileEnd(from, step)
		rows := col.packedRows(from, to-from, read)
		if ix.usable < ix.rows {
			copy(buf, rows)
			rows = buf[:len(rows)]
			for r := from; r < to; r++ {
				if !ix.isAlive(r) {
					clear(rows[(r-from)*col.dim : (r-from+1)*col.dim])
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
func (ix *segment) plainBits(radius float32) bool {
	return ix.kind == Exact && ix.dim%8 == 0 && ix.scale == 1 && radius == 0
}

// readBits takes stored rows of bits where they lie.
func (d *decoder) readBits(ix *segment) error {
	b, err := d.need(secVectors, 1, uint64(ix.rows)*uint64(ix.dim/8))
	if err != nil {
		return err
	}
	col := ownBits(slab{mem: b, view: true}, ix.rows, ix.dim/8)
	if sampleDigest(col, ix.alive) != ix.digest {
		return corrupt(secVectors, d.secs[secVectors].offset, "not the indexed vectors")
	}
	ix.keep, ix.source = KeepCopy, col
	return nil
}

// PackedRow writes the bits of a row of an index with metric Hamming or Jaccard to dst (Dim/8
// bytes), as they were given.
//
// Errors: those of Row; InvalidArgument for other metrics.
func (ix *Index) PackedRow(row int64, dst []byte) error {
	v, err := ix.enter("row")
	if err != nil {
		return err
	}
	defer ix.leave(v)
	if err := v.glance("row", 1); err != nil {
		return err
	}
	return v.packedRow(row, dst)
}

// PackedVectors is Vectors for an index with metric Hamming or Jaccard: dst has Dim/8 bytes for
// every id.
func (ix *Index) PackedVectors(ids arrow.Array, dst []byte) error {
	return vectorsOf(ix, ids, dst, 8, (*version).packedRow)
}

// PackedMatrix is Matrix for an index with metric Hamming or Jaccard: dst has Dim/8 bytes for every
// row, zeros where it was null.
func (ix *Index) PackedMatrix(dst []byte, rows int) error {
	return matrixOf(ix, dst, rows, 8, 0, (*version).packedRow)
}

func (v *version) packedRow(row int64, dst []byte) error {
	seg, at, err := v.holding(row)
	if err != nil {
		return err
	}
	if !seg.metric.Binary() {
		return newError(InvalidArgument, "row",
			fmt.Sprintf("the index holds numbers (metric %s), not packed bits", seg.metric),
			"ask for them with Row")
	}
	copy(dst[:seg.dim/8], seg.source.memory(at))
	return nil
}
