package score

import (
	"fmt"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Right is columns with a row for each row of an index, which are written beside the rows that are
// found. It borrows the arrays until Close. Safe for concurrent use.
type Right struct {
	columns []rightColumn
	place   []int64 // row of the columns for each row of the index, -1: null; nil: the same
	rows    int64   // of the index
	arrays  []arrow.Array
}

// rightColumn is one of them: how it is written and where its values are.
type rightColumn struct {
	node schema.Node
	dict bool
	lane func(at func(*batch, int, int) int64) lane
}

// NewRight takes columns in chunks: chunks[i] are those of the i-th field. rows is the rows of the
// index; place says which row of the columns belongs to each of them, -1 for none, and is nil where
// they have the same order. Everything is read, so that nothing can fail later.
//
// Errors: ColumnError for a type that is not flat, or too few rows; InvalidArgument.
func NewRight(
	fields []arrow.Field, chunks [][]arrow.Array, rows int64, place []int64,
) (*Right, error) {
	r := &Right{rows: rows, place: place}
	n := int64(0)
	for i, f := range fields {
		c, length, err := newRightColumn(f, chunks[i])
		if err != nil {
			return nil, err
		}
		if i > 0 && length != n {
			return nil, fault.New(fault.InvalidArgument, op,
				fmt.Sprintf("right= has columns of %d and of %d rows", n, length), "")
		}
		n = length
		r.columns = append(r.columns, c)
	}
	if place == nil && len(fields) > 0 && n != rows {
		return nil, fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("right= has %d rows, the index %d", n, rows),
			"give a row for each row of the index, in its order")
	}
	if place != nil && int64(len(place)) != rows {
		return nil, fault.New(fault.InvalidArgument, op,
			fmt.Sprintf("%d places for an index of %d rows", len(place), rows), "")
	}
	for i, at := range place {
		if at < -1 || at >= n {
			return nil, fault.At(fault.InvalidArgument, op, int64(i), -1,
				fmt.Sprintf("row %d of the index is at row %d of right=, which has %d", i, at, n), "")
		}
	}
	for _, c := range chunks {
		for _, a := range c {
			a.Retain()
			r.arrays = append(r.arrays, a)
		}
	}
	return r, nil
}

// Columns takes record batches of one type, as arrays of structures, apart: fields, and chunks of
// each, which belong to the batches.
func Columns(
	kind arrow.DataType, batches []arrow.Array,
) (fields []arrow.Field, chunks [][]arrow.Array, err error) {
	table, ok := kind.(*arrow.StructType)
	if !ok {
		return nil, nil, fault.New(fault.ColumnError, op, fmt.Sprintf("right= is %s, no table", kind),
			"pass a table of the columns to add")
	}
	fields = table.Fields()
	chunks = make([][]arrow.Array, len(fields))
	for _, batch := range batches {
		for i := range fields {
			chunks[i] = append(chunks[i], batch.(*array.Struct).Field(i))
		}
	}
	return fields, chunks, nil
}

// Close gives the arrays back. No part may use it any more.
func (r *Right) Close() {
	for _, a := range r.arrays {
		a.Release()
	}
	r.arrays, r.columns = nil, nil
}

// Names are those of the columns.
func (r *Right) Names() []string {
	names := make([]string, 0, len(r.columns))
	for _, c := range r.columns {
		names = append(names, c.node.Name())
	}
	return names
}

// column makes the output's column. order gives the place of an index row in row order.
func (r *Right) column(i int, order func(int64) int64) column {
	at := func(b *batch, row, hit int) int64 {
		place := order(b.rows[b.cell(row, hit)])
		if r.place != nil {
			return r.place[place]
		}
		return place
	}
	c := &r.columns[i]
	return column{node: c.node, from: "a column of right=", dict: c.dict, lanes: []lane{c.lane(at)}}
}

// look finds values in chunks.
type look[T physical] struct {
	starts []int64
	values []func(int) (T, bool)
}

func (l *look[T]) at(row int64) (T, bool) {
	var absent T
	if row < 0 {
		return absent, false
	}
	low, high := 0, len(l.starts)-1
	for low < high {
		if mid := (low + high + 1) / 2; l.starts[mid] <= row {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return l.values[low](int(row - l.starts[low]))
}

// build makes a column of values that a function finds in each array.
func build[T physical](
	n schema.Node, dict bool, chunks []arrow.Array, read func(arrow.Array) func(int) T,
) (rightColumn, error) {
	l := &look[T]{}
	start := int64(0)
	for _, a := range chunks {
		values := read(a)
		if varies[T]() { // so that what contradicts itself is found now
			for i := range a.Len() {
				if !a.IsNull(i) {
					_ = sizeOf(values(i))
				}
			}
		}
		l.starts = append(l.starts, start)
		l.values = append(l.values, func(i int) (T, bool) {
			if a.IsNull(i) {
				var absent T
				return absent, false
			}
			return values(i), true
		})
		start += int64(a.Len())
	}
	return rightColumn{node: n, dict: dict, lane: func(at func(*batch, int, int) int64) lane {
		return newAdded(1, func(b *batch, row, hit int) (T, bool) {
			return l.at(at(b, row, hit))
		})
	}}, nil
}

// numbers is what arrays of numbers can.
type numbers[E any] interface{ Value(int) E }

// as converts numbers of an array.
func as[E any, T physical](convert func(E) T) func(arrow.Array) func(int) T {
	return func(a arrow.Array) func(int) T {
		typed := a.(numbers[E])
		return func(i int) T { return convert(typed.Value(i)) }
	}
}

func newRightColumn(f arrow.Field, chunks []arrow.Array) (rightColumn, int64, error) {
	rows := int64(0)
	for _, a := range chunks {
		rows += int64(a.Len())
	}
	if d, ok := f.Type.(*arrow.DictionaryType); ok {
		c, err := dictionaryColumn(f, d, chunks)
		return c, rows, err
	}
	c, err := flatColumn(f, chunks)
	return c, rows, err
}

// dictionaryColumn writes the values that the indices of a dictionary stand for.
func dictionaryColumn(
	f arrow.Field, d *arrow.DictionaryType, chunks []arrow.Array,
) (rightColumn, error) {
	values := make([]arrow.Array, 0, len(chunks))
	for _, a := range chunks {
		d := a.(*array.Dictionary)
		values = append(values, d.Dictionary())
		for i := range d.Len() {
			if at := d.GetValueIndex(i); !d.IsNull(i) && (at < 0 || at >= d.Dictionary().Len()) {
				return rightColumn{}, fault.At(fault.ColumnError, op, int64(i), -1,
					fmt.Sprintf("column %q of right=: index %d of a dictionary of %d", f.Name, at,
						d.Dictionary().Len()), "the producer of this array is at fault")
			}
		}
	}
	f.Type = d.ValueType
	c, err := flatColumn(f, values)
	if err != nil {
		return c, err
	}
	starts, firsts := []int64{0}, []int64{0} // of the indices, of the values, a chunk each
	for i, a := range chunks {
		starts = append(starts, starts[i]+int64(a.Len()))
		firsts = append(firsts, firsts[i]+int64(values[i].Len()))
	}
	inner := c.lane
	c.lane = func(at func(*batch, int, int) int64) lane {
		return inner(func(b *batch, row, hit int) int64 {
			place := at(b, row, hit)
			if place < 0 {
				return -1
			}
			i := sort.Search(len(chunks), func(i int) bool { return starts[i+1] > place })
			indices := chunks[i].(*array.Dictionary)
			local := int(place - starts[i])
			if indices.IsNull(local) {
				return -1
			}
			return firsts[i] + int64(indices.GetValueIndex(local))
		})
	}
	return c, nil
}

func int32Of[E int8 | int16 | uint8 | uint16 | uint32 | int32 | arrow.Date32 | arrow.Time32](
	v E,
) int32 {
	return int32(v)
}

func int64Of[E int64 | uint64 | arrow.Time64 | arrow.Timestamp](v E) int64 { return int64(v) }

func same[T physical](v T) T { return v }

// flatColumn says how values of an Arrow type are written.
func flatColumn(f arrow.Field, chunks []arrow.Array) (rightColumn, error) {
	k := parquet.Types
	made := func(l schema.LogicalType, t parquet.Type, width int) schema.Node {
		return node(f.Name, parquet.Repetitions.Optional, l, t, width)
	}
	integer := func(bits int8, signed bool, t parquet.Type) schema.Node {
		return made(schema.NewIntLogicalType(bits, signed), t, -1)
	}
	switch f.Type.(type) {
	case *arrow.BooleanType:
		return build(made(none, k.Boolean, -1), false, chunks, as(same[bool]))
	case *arrow.Int8Type:
		return build(integer(8, true, k.Int32), true, chunks, as(int32Of[int8]))
	case *arrow.Int16Type:
		return build(integer(16, true, k.Int32), true, chunks, as(int32Of[int16]))
	case *arrow.Int32Type:
		return build(made(none, k.Int32, -1), true, chunks, as(same[int32]))
	case *arrow.Int64Type:
		return build(made(none, k.Int64, -1), true, chunks, as(same[int64]))
	case *arrow.Uint8Type:
		return build(integer(8, false, k.Int32), true, chunks, as(int32Of[uint8]))
	case *arrow.Uint16Type:
		return build(integer(16, false, k.Int32), true, chunks, as(int32Of[uint16]))
	case *arrow.Uint32Type:
		return build(integer(32, false, k.Int32), true, chunks, as(int32Of[uint32]))
	case *arrow.Uint64Type:
		return build(integer(64, false, k.Int64), true, chunks, as(int64Of[uint64]))
	case *arrow.Float32Type:
		return build(made(none, k.Float, -1), true, chunks, as(same[float32]))
	case *arrow.Float64Type:
		return build(made(none, k.Double, -1), true, chunks, as(same[float64]))
	case *arrow.Date32Type:
		return build(made(schema.DateLogicalType{}, k.Int32, -1), true, chunks,
			as(int32Of[arrow.Date32]))
	case *arrow.Date64Type:
		return build(made(schema.DateLogicalType{}, k.Int32, -1), true, chunks,
			as(func(v arrow.Date64) int32 { return int32(floorDiv(int64(v), 86_400_000)) }))
	case *arrow.Time32Type, *arrow.Time64Type, *arrow.TimestampType:
		return timeColumn(f, chunks, made)
	}
	return byteColumn(f, chunks, made)
}
