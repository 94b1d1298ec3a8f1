package store

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// rows is a stream of record batches of "id" and "vector". It must be used by one goroutine at a
// time, but for Retain and Release.
type rows struct {
	ctx    context.Context
	schema *arrow.Schema
	// next returns the arrays of the next batch, which the stream takes over; nil at the end.
	next func(ctx context.Context) (ids, vectors arrow.Array, err error)
	// done is called once, when nobody uses the stream any more.
	done func()

	embedder string // what made the vectors, see backend.Pulled

	refs  atomic.Int64
	batch arrow.RecordBatch
	err   error
	ended bool
}

// schemaOf is the schema of rows of these types.
func schemaOf(ids, vectors arrow.DataType) *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: "id", Type: ids}, {Name: "vector", Type: vectors}},
		nil)
}

func newRows(
	ctx context.Context, schema *arrow.Schema,
	next func(ctx context.Context) (ids, vectors arrow.Array, err error), done func(),
) *rows {
	r := &rows{ctx: ctx, schema: schema, next: next, done: done}
	r.refs.Store(1)
	return r
}

// Retain implements array.RecordReader.
func (r *rows) Retain() { r.refs.Add(1) }

// Release implements array.RecordReader.
func (r *rows) Release() {
	if r.refs.Add(-1) != 0 {
		return
	}
	r.drop()
	r.ended = true
	r.done()
}

func (r *rows) drop() {
	if r.batch != nil {
		r.batch.Release()
		r.batch = nil
	}
}

// Schema implements array.RecordReader.
func (r *rows) Schema() *arrow.Schema { return r.schema }

// RecordBatch implements array.RecordReader.
func (r *rows) RecordBatch() arrow.RecordBatch { return r.batch }

// Record implements array.RecordReader.
func (r *rows) Record() arrow.RecordBatch { return r.batch }

// Err implements array.RecordReader.
func (r *rows) Err() error { return r.err }

// Next implements array.RecordReader. It ends with an error when the context of the pull does.
func (r *rows) Next() bool {
	r.drop()
	if r.ended {
		return false
	}
	var ids, vectors arrow.Array
	r.err = fault.FromContext(r.ctx, op)
	if r.err == nil {
		r.err = mem.Guarded(op, func() (err error) {
			ids, vectors, err = r.next(r.ctx)
			return err
		})
	}
	if r.err != nil || ids == nil {
		r.ended = true
		return false
	}
	r.batch = array.NewRecordBatch(r.schema, []arrow.Array{ids, vectors}, int64(ids.Len()))
	ids.Release()
	vectors.Release()
	return true
}

// batchBytes is about the bytes of vectors of a batch.
const batchBytes = 4 << 20

// filling is how rows are read into memory of their own: one block, in which they lie side by side,
// though they are handed out batch by batch.
type filling struct {
	rows int
	form form
	ids  arrow.DataType
	// batch returns how many rows the batch that begins at a row has; nil: about batchBytes.
	batch func(from int) int
	// fill writes the vectors of rows [from, from+n) to dst and returns their ids, and how many of
	// the rows there are: some may be left out.
	fill func(ctx context.Context, from, n int, dst []byte) (arrow.Array, int, error)
	// check is called after the last row: an error is one of all rows.
	check func() error
	// done is called once at the end.
	done func()
}

// stream returns the rows. Of none there is one batch, which tells the types.
func (f filling) stream(ctx context.Context) *rows {
	w := f.form.width()
	at, have, begun := 0, 0, false
	var memory *block
	next := func(ctx context.Context) (arrow.Array, arrow.Array, error) {
		if at == f.rows && begun {
			return nil, nil, nil
		}
		begun = true
		if memory == nil {
			var err error
			if memory, err = newBlock(int64(f.rows) * int64(w)); err != nil {
				return nil, nil, err
			}
		}
		n := min(f.rows-at, max(batchBytes/w, 1))
		if f.batch != nil && n > 0 {
			n = f.batch(at)
		}
		ids, got, err := f.fill(ctx, at, n, memory.mem[have*w:(have+n)*w])
		if err == nil && at+n == f.rows {
			if err = f.check(); err != nil {
				ids.Release()
			}
		}
		if err != nil {
			return nil, nil, err
		}
		vectors := f.form.vectors(memory, have, got)
		at, have = at+n, have+got
		return ids, vectors, nil
	}
	return newRows(ctx, schemaOf(f.ids, f.form.dataType()), next, func() {
		if memory != nil {
			memory.buffer.Release()
		}
		f.done()
	})
}

// block is memory of rows outside the Go heap, which is given back when nobody uses it any more.
type block struct {
	buffer *memory.Buffer // counts the users
	mem    []byte
}

// blockOwner gives a block's memory back.
type blockOwner struct{ slab mem.Slab }

// Allocate implements memory.Allocator; nothing asks for it.
func (o *blockOwner) Allocate(int) []byte { panic("store: a block does not grow") }

// Reallocate implements memory.Allocator; nothing asks for it.
func (o *blockOwner) Reallocate(int, []byte) []byte { panic("store: a block does not grow") }

// Free implements memory.Allocator.
func (o *blockOwner) Free([]byte) { o.slab.Free() }

// newBlock makes a block of n zeroed bytes, which its maker uses.
func newBlock(n int64) (*block, error) {
	slab, err := mem.NewSlab(op, n)
	if err != nil {
		return nil, err
	}
	owner := &blockOwner{slab}
	return &block{memory.NewBufferWithAllocator(slab.Mem, owner), slab.Mem}, nil
}

// form is the type of the vectors of a collection: numbers of what kind (see Column.Kept), how
// many.
type form struct {
	number arrow.Type
	dim    int
}

// width returns the bytes of a row.
func (f form) width() int {
	switch f.number {
	case arrow.FLOAT64:
		return 8 * f.dim
	case arrow.FLOAT32:
		return 4 * f.dim
	}
	return f.dim
}

// numberTypes are the Arrow types of numbers by their kind.
var numberTypes = map[arrow.Type]arrow.DataType{
	arrow.FLOAT32: arrow.PrimitiveTypes.Float32, arrow.FLOAT64: arrow.PrimitiveTypes.Float64,
	arrow.FLOAT16: arrow.FixedWidthTypes.Float16, arrow.INT8: arrow.PrimitiveTypes.Int8,
	arrow.UINT8: arrow.PrimitiveTypes.Uint8,
}

// dataType returns the Arrow type of the vectors.
func (f form) dataType() arrow.DataType {
	if f.number == arrow.FIXED_SIZE_BINARY {
		return &arrow.FixedSizeBinaryType{ByteWidth: f.dim}
	}
	return arrow.FixedSizeListOfNonNullable(int32(f.dim), numberTypes[f.number])
}

// String says what vectors these are.
func (f form) String() string {
	if f.number == arrow.FIXED_SIZE_BINARY {
		return fmt.Sprintf("%d bytes of packed bits", f.dim)
	}
	return fmt.Sprintf("%d numbers of %s", f.dim, numberTypes[f.number])
}

// vectors returns rows [from, from+n) of a block as an array that uses it.
func (f form) vectors(b *block, from, n int) arrow.Array {
	t, buffer := f.dataType(), b.buffer
	if n == 0 {
		from, buffer = 0, memory.NewBufferBytes(nil)
	}
	var data *array.Data
	if f.number == arrow.FIXED_SIZE_BINARY {
		data = array.NewData(t, n, []*memory.Buffer{nil, buffer}, nil, 0, from)
	} else {
		child := array.NewData(numberTypes[f.number], n*f.dim, []*memory.Buffer{nil, buffer}, nil, 0,
			from*f.dim)
		defer child.Release()
		data = array.NewData(t, n, []*memory.Buffer{nil}, []arrow.ArrayData{child}, 0, 0)
	}
	defer data.Release()
	a := array.MakeFromData(data)
	runtime.KeepAlive(b)
	return a
}

// numbers returns ids as an array of 64-bit integers, whose memory it shares.
func numbers(ids []uint64, t arrow.DataType) arrow.Array {
	data := array.NewData(t, len(ids),
		[]*memory.Buffer{nil, memory.NewBufferBytes(arrow.Uint64Traits.CastToBytes(ids))}, nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// texts returns ids as an array of large strings, whose memory it shares: text i lies between
// offsets i and i+1.
func texts(offsets []int64, text []byte) arrow.Array {
	data := array.NewData(arrow.BinaryTypes.LargeString, len(offsets)-1, []*memory.Buffer{nil,
		memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(offsets)), memory.NewBufferBytes(text)},
		nil, 0, 0)
	defer data.Release()
	return array.MakeFromData(data)
}
