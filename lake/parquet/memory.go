package parquet

import (
	"context"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// arrowTypes are the types of numbers as Arrow has them.
var arrowTypes = [...]arrow.DataType{arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
	arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint8}

// slabs gives the memory of an array back when it is released.
type slabs struct{ slab mem.Slab }

// Allocate implements memory.Allocator; nothing asks for it.
func (s *slabs) Allocate(int) []byte { panic("parquet: a column does not grow") }

// Reallocate implements memory.Allocator; nothing asks for it.
func (s *slabs) Reallocate(int, []byte) []byte { panic("parquet: a column does not grow") }

// Free implements memory.Allocator.
func (s *slabs) Free([]byte) { s.slab.Free() }

// Column reads all rows into memory outside the Go heap, as one column, whose last Release frees
// it. Null rows are null there.
//
// Errors: those of Read; OutOfMemory.
func (s *Set) Column(
	ctx context.Context, threads int, done *atomic.Int64,
) (*column.Column, error) {
	if s.dim == 0 {
		if s.rows == 0 {
			return column.NewColumn(nil)
		}
		return nil, fault.New(fault.ColumnError, op, "all rows are null, no row tells the dimension",
			"say dim=")
	}
	slab, err := mem.NewSlab(op, s.rows*int64(s.RowBytes()))
	if err != nil {
		return nil, err
	}
	valid := make([]byte, s.rows)
	if err := s.Read(ctx, threads, slab.Mem, valid, done); err != nil {
		slab.Free()
		return nil, err
	}
	owner := &slabs{slab}
	values := memory.NewBufferWithAllocator(slab.Mem, owner)
	defer values.Release()
	bits, nulls := packed(valid)
	number := arrowTypes[s.elem]
	child := array.NewData(number, int(s.rows)*s.dim, []*memory.Buffer{nil, values}, nil, 0, 0)
	defer child.Release()
	list := array.NewData(arrow.FixedSizeListOfNonNullable(int32(s.dim), number), int(s.rows),
		[]*memory.Buffer{bits}, []arrow.ArrayData{child}, nulls, 0)
	defer list.Release()
	a := array.MakeFromData(list)
	defer a.Release()
	return column.NewColumn([]arrow.Array{a})
}

// packed returns the bitmap of bytes that are 0 or 1, nil if all are 1, and how many are 0.
func packed(valid []byte) (*memory.Buffer, int) {
	bits, nulls := make([]byte, (len(valid)+7)/8), 0
	for i, v := range valid {
		bits[i>>3] |= v << (i & 7)
		nulls += 1 - int(v)
	}
	if nulls == 0 {
		return nil, 0
	}
	return memory.NewBufferBytes(bits), nulls
}
