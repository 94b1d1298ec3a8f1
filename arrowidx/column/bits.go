package column

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// readBits finds rows of packed bits in an Arrow array of bytes. dim is the bytes of a row that
// earlier chunks have, 0 if nothing.
func readBits(ck Chunk, a arrow.Array, dim int) (Chunk, int, error) {
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

// OwnBits makes a column of rows of packed bits in a slab, which it then owns.
func OwnBits(own mem.Slab, rows, width int) *Column {
	c := &Column{Rows: rows, Dims: width, Bits: true, own: own}
	c.Refs.Store(1)
	if rows > 0 {
		c.Pieces = []Chunk{{n: rows, data: elements{kind: elemBits, u8: own.Mem[:rows*width]}}}
	}
	return c
}

// Binary reports whether the column's type says that its rows are packed bits. Columns of uint8
// may be that too.
func (c *Column) Binary() bool { return c.Bits }

// PackedRows returns rows [from, from+n), which must lie in one chunk, as bytes: a view where they
// lie side by side, else dst, in which null rows are zeros.
func (c *Column) PackedRows(from, n int, dst []byte) []byte {
	ck, w := c.ChunkOf(from), c.Dims
	at := from - ck.Start
	if ck.pager != nil {
		return ck.pagedBits(at, n, w, dst)
	}
	if ck.starts == nil {
		b := ck.data.u8[at*w : (at+n)*w]
		ck.data.lazy.Touch(b)
		return b
	}
	for i := range n {
		out := dst[i*w : (i+1)*w]
		if ck.isNull(at + i) {
			clear(out)
		} else {
			b := ck.data.u8[ck.starts[at+i]:][:w]
			ck.data.lazy.Touch(b)
			copy(out, b)
		}
	}
	return dst[:n*w]
}

// PackedRow returns the bytes of a row of packed bits, which is not null, to be read.
func (c *Column) PackedRow(row int) []byte {
	b := c.Memory(row)
	c.ChunkOf(row).data.lazy.Touch(b)
	return b
}

// Dims returns the dimensions of a column's rows under the metric: numbers, or bits.
func (m Metric) Dims(col *Column) int {
	if m.Binary() {
		return 8 * col.Dims
	}
	return col.Dims
}

// Fits refuses a column that the metric cannot compare.
func (m Metric) Fits(op string, col *Column) error {
	if !m.Binary() {
		if col.Bits {
			return fault.New(fault.MetricError, op,
				fmt.Sprintf("metric %s compares numbers, the column holds packed bits", m),
				"use metric hamming or jaccard")
		}
		return nil
	}
	for i := range col.Pieces {
		if kind := col.Pieces[i].data.kind; kind != elemUint8 && kind != elemBits {
			return fault.New(fault.MetricError, op, fmt.Sprintf(
				"metric %s compares packed bits, the column is %s", m, col.DataType()),
				"pass FixedSizeBinary, or lists of uint8 with 8 bits each")
		}
	}
	if 8*col.Dims > MaxDim {
		return fault.New(fault.LimitExceeded, op,
			fmt.Sprintf("%d bits a row, at most %d are supported", 8*col.Dims, MaxDim), "")
	}
	return nil
}

// CopyBits returns a copy of the column's bytes.
func (c *Column) CopyBits(ctx context.Context, threads int) (*Column, error) {
	own, err := mem.NewSlab("build", int64(c.Rows)*int64(c.Dims))
	if err != nil {
		return nil, err
	}
	const step = 4096
	err = mem.Parallel(ctx, "build", threads, (c.Rows+step-1)/step, func(_, i int) error {
		for from, end := i*step, min((i+1)*step, c.Rows); from < end; {
			to := min(c.TileEnd(from, step), end)
			out := own.Mem[from*c.Dims : to*c.Dims]
			copy(out, c.PackedRows(from, to-from, out))
			from = to
		}
		return nil
	})
	if err != nil {
		own.Free()
		return nil, err
	}
	return OwnBits(own, c.Rows, c.Dims), nil
}
