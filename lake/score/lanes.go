package score

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/ruvector/ruvector-arrow/fault"
)

// run is one input row that is written n times: for its hits from first on.
type run struct {
	row, first, n int
}

// block is rows of the output that belong to one row group.
type block struct {
	batch *batch
	runs  []run
	rows  int // the sum of their n
}

// lane is one column of values in the output.
type lane interface {
	bind(w file.ColumnChunkWriter) error
	put(b *block) error
	flush() error
}

// carrier is a lane whose rows come from the input. Rows of several batches can be at hand at once,
// each in a slot of its own.
type carrier interface {
	lane
	load(ctx context.Context, slot, n int) error
	// cost adds to each row the bytes that writing it once takes.
	cost(slot int, bytes []int64)
	// average is about the bytes of a row.
	average() int64
	close() error
}

// carried is a carrier of one type.
type carried[T physical] struct {
	*leaf[T]
	source source[T]
	slots  [slots]records[T]
}

func newCarrier(in *Input, column, group, end int) (carrier, error) {
	c := in.leaf(column)
	switch c.PhysicalType() {
	case parquet.Types.Boolean:
		return carry[bool](in, c, column, group, end), nil
	case parquet.Types.Int32:
		return carry[int32](in, c, column, group, end), nil
	case parquet.Types.Int64:
		return carry[int64](in, c, column, group, end), nil
	case parquet.Types.Int96:
		return carry[parquet.Int96](in, c, column, group, end), nil
	case parquet.Types.Float:
		return carry[float32](in, c, column, group, end), nil
	case parquet.Types.Double:
		return carry[float64](in, c, column, group, end), nil
	case parquet.Types.ByteArray:
		return carry[parquet.ByteArray](in, c, column, group, end), nil
	case parquet.Types.FixedLenByteArray:
		return carry[parquet.FixedLenByteArray](in, c, column, group, end), nil
	}
	return nil, fault.New(fault.ColumnError, op,
		fmt.Sprintf("%s: column %q is of a type that parquet does not have", in.Name(), c.Path()),
		"leave it out of columns=")
}

func carry[T physical](in *Input, c *schema.Column, column, group, end int) *carried[T] {
	rep, def := c.MaxRepetitionLevel(), c.MaxDefinitionLevel()
	return &carried[T]{leaf: newLeaf[T](rep, def), source: source[T]{
		in: in, column: column, group: group, end: end, maxRep: rep, maxDef: def,
		perRow: in.levels(column, group, end)}}
}

func (c *carried[T]) load(ctx context.Context, slot, n int) error {
	return c.source.load(ctx, n, &c.slots[slot])
}

func (c *carried[T]) average() int64 {
	return c.source.in.average(c.source.column, c.source.group, c.source.end)
}

func (c *carried[T]) close() error { return c.source.close() }

func (c *carried[T]) cost(slot int, bytes []int64) {
	r := &c.slots[slot]
	if !varies[T]() && r.levelAt == nil {
		var v T
		for i := range bytes {
			bytes[i] += int64(sizeOf(v))
		}
		return
	}
	for i := range bytes {
		bytes[i] += int64(r.size(i))
	}
}

// values returns where the values of a row begin and end.
func (r *records[T]) values(row int) (int, int) {
	if r.valueAt == nil {
		return row, row + 1
	}
	return r.valueAt[row], r.valueAt[row+1]
}

// size is the bytes of a row: its values, and one for each level.
func (r *records[T]) size(row int) int {
	from, to := r.values(row)
	n := 1
	if r.levelAt != nil {
		n = r.levelAt[row+1] - r.levelAt[row]
	}
	for _, v := range r.vals[from:to] {
		n += sizeOf(v)
	}
	return n
}

func (c *carried[T]) put(b *block) error {
	r := &c.slots[b.batch.slot]
	for _, run := range b.runs {
		if err := c.putRow(r, run.row, run.n); err != nil {
			return err
		}
	}
	return nil
}

func (c *carried[T]) putRow(r *records[T], row, n int) error {
	from, to := r.values(row)
	switch {
	case r.levelAt != nil:
		at, end := r.levelAt[row], r.levelAt[row+1]
		return c.record(r.rep[at:end], r.def[at:end], r.vals[from:to], r.size(row), n)
	case from == to:
		return c.absent(r.def[row], n)
	}
	return c.repeat(r.vals[from], n)
}

// uneven is a lane whose values have sizes of their own, one for each hit.
type uneven interface {
	size(b *batch, row, hit int) int64
}

// added is a lane of values that are made here, one for each hit.
type added[T physical] struct {
	*leaf[T]
	at func(b *batch, row, hit int) (T, bool)
}

func (a *added[T]) put(b *block) error {
	for _, run := range b.runs {
		for hit := run.first; hit < run.first+run.n; hit++ {
			v, valid := a.at(b.batch, run.row, hit)
			var err error
			if valid {
				err = a.repeat(v, 1)
			} else {
				err = a.absent(0, 1)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// texts is an added lane of values with sizes of their own.
type texts[T physical] struct{ *added[T] }

func (t texts[T]) size(b *batch, row, hit int) int64 {
	v, _ := t.at(b, row, hit)
	return int64(sizeOf(v))
}

// newAdded makes the lane of values that a function finds; absent ones are null where maxDef is 1.
func newAdded[T physical](maxDef int16, at func(b *batch, row, hit int) (T, bool)) lane {
	a := &added[T]{newLeaf[T](0, maxDef), at}
	if varies[T]() {
		return texts[T]{a}
	}
	return a
}

// constant is a lane of one value, or of nulls.
type constant[T physical] struct {
	*leaf[T]
	value T
	valid bool
}

func (c *constant[T]) put(b *block) error {
	if !c.valid {
		return c.absent(0, b.rows)
	}
	return c.repeat(c.value, b.rows)
}

// numbered is the lane of the input's rows.
type numbered struct{ *leaf[int64] }

func (l numbered) put(b *block) error {
	for _, run := range b.runs {
		if err := l.repeat(b.batch.first+int64(run.row), run.n); err != nil {
			return err
		}
	}
	return nil
}
