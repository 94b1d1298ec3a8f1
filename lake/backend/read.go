package backend

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// op is what errors of this package call the reading of a collection.
const op = "pull"

// The most that a lake takes of one collection.
const (
	MaxRows  = 100_000_000
	MaxDim   = 8192
	MaxBytes = 16 << 30
)

// Limits are what a collection that is read must keep to. A field of 0 stands for its default.
type Limits struct {
	// Key names the collection in errors.
	Key Key
	// Dim is the dimension that the vectors must have (of packed bits: bytes); 0: any.
	Dim int
	// Rows, MaxDim and Bytes are the most rows, dimensions and bytes of vectors: MaxRows, MaxDim
	// and MaxBytes unless less is asked for.
	Rows   int64
	MaxDim int
	Bytes  int64
}

// filled returns the limits with defaults where nothing, or too much, is set.
func (l Limits) filled() Limits {
	if l.Rows <= 0 || l.Rows > MaxRows {
		l.Rows = MaxRows
	}
	if l.MaxDim <= 0 || l.MaxDim > MaxDim {
		l.MaxDim = MaxDim
	}
	if l.Bytes <= 0 || l.Bytes > MaxBytes {
		l.Bytes = MaxBytes
	}
	return l
}

// Read reads what was pulled to its end, checks it whole and releases the reader, in every outcome.
// Rows keep their order. Vectors that lie in one buffer, batch after batch, become one piece.
// The caller releases the column.
//
// Errors: BackendError that names the collection, and row and column where there are such, for all
// that is wrong with what the store handed over: an error of its stream, other columns than "id"
// and "vector", batches without both, ids of two types, null or used twice, vectors that are null,
// ragged, NaN, infinite or of other dimensions. LimitExceeded beyond the limits; Cancelled;
// OutOfMemory.
func Read(
	ctx context.Context, p *Pulled, limits Limits,
) (ids *arrowidx.IDs, vectors *arrowidx.Column, err error) {
	r := &reading{limits: limits.filled()}
	defer func() {
		r.release()
		if err != nil {
			err = r.explain(err)
		}
	}()
	if p == nil || p.Rows == nil {
		return nil, nil, fault.New(fault.BackendError, op, "the store gave no stream of rows",
			"return one, of no rows where there are none")
	}
	defer p.Rows.Release()
	err = mem.Guarded(op, func() (err error) {
		if err := r.drain(ctx, p.Rows); err != nil {
			return err
		}
		ids, vectors, err = r.join(ctx)
		return err
	})
	return ids, vectors, err
}

// reading is a collection that is being read.
type reading struct {
	limits  Limits
	ids     []arrow.Array
	vectors []arrow.Array
	rows    int64
	bytes   int64
	dim     int
}

// release gives the arrays back.
func (r *reading) release() {
	for _, a := range r.ids {
		a.Release()
	}
	for _, a := range r.vectors {
		a.Release()
	}
}

// explain makes an error say which collection it is of. What is not a limit, a lack of memory or
// the end of a context is the store's.
func (r *reading) explain(err error) error {
	kind := fault.KindOf(err)
	switch kind {
	case fault.Cancelled, fault.OutOfMemory, fault.LimitExceeded, fault.ForkedProcess:
	case fault.UnknownCollection, fault.UnknownBackend, fault.Poisoned:
	default:
		kind = fault.BackendError
	}
	own := fault.Error{Kind: kind, Op: op, Row: -1, Column: -1, Msg: err.Error(), Err: err,
		Fix: "the store is at fault, or what is stored in it"}
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		own.Row, own.Column, own.Fix, own.Msg = known.Row, known.Column, known.Fix, known.Msg
		own.Err = known.Err
	} else {
		own.Msg = "the store failed"
	}
	own.Msg = fmt.Sprintf("collection %s: %s", r.limits.Key, own.Msg)
	return &own
}

// drain takes every batch.
func (r *reading) drain(ctx context.Context, rows array.RecordReader) error {
	idAt, vectorAt, err := columnsOf(rows.Schema())
	if err != nil {
		return err
	}
	for {
		if err := fault.FromContext(ctx, op); err != nil {
			return err
		}
		if !rows.Next() {
			break
		}
		batch := rows.RecordBatch()
		if batch == nil || batch.NumCols() <= int64(max(idAt, vectorAt)) {
			return fault.New(fault.BackendError, op, fmt.Sprintf("the batch after row %d lacks columns",
				r.rows), "give every batch the columns of the schema")
		}
		if err := r.take(batch.Column(idAt), batch.Column(vectorAt)); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		if known := (*fault.Error)(nil); errors.As(err, &known) {
			return err
		}
		if ended := fault.FromContext(ctx, op); ended != nil {
			return ended
		}
		return &fault.Error{Kind: fault.BackendError, Op: op, Row: -1, Column: -1, Err: err,
			Msg: fmt.Sprintf("the stream broke after %d rows", r.rows), Fix: "try again"}
	}
	return nil
}

// columnsOf finds the two columns in a schema.
func columnsOf(s *arrow.Schema) (id, vector int, err error) {
	var at [2]int
	for i, name := range []string{"id", "vector"} {
		found := []int(nil)
		if s != nil {
			found = s.FieldIndices(name)
		}
		if len(found) != 1 {
			return 0, 0, fault.New(fault.BackendError, op,
				fmt.Sprintf("the stream has %d columns %q", len(found), name),
				`give it one column "id" and one column "vector"`)
		}
		at[i] = found[0]
	}
	return at[0], at[1], nil
}

// take keeps the arrays of a batch, after it has compared their shape with the limits.
func (r *reading) take(ids, vectors arrow.Array) error {
	if ids.Len() != vectors.Len() {
		return fault.At(fault.BackendError, op, r.rows, -1,
			fmt.Sprintf("a batch has %d ids for %d vectors", ids.Len(), vectors.Len()),
			"give every row an id and a vector")
	}
	if n := ids.NullN(); n > 0 {
		for i := range ids.Len() {
			if ids.IsNull(i) {
				row := r.rows + int64(i)
				return fault.At(fault.BackendError, op, row, -1,
					fmt.Sprintf("the id of row %d is null", row), "every row needs an id")
			}
		}
	}
	if len(r.ids) > 0 && !arrow.TypeEqual(ids.DataType(), r.ids[0].DataType()) {
		return fault.At(fault.BackendError, op, r.rows, -1,
			fmt.Sprintf("ids of type %s from row %d on, of type %s before", ids.DataType(), r.rows,
				r.ids[0].DataType()), "give all ids one type")
	}
	// Looked at alone first: what it claims is compared before the next batch is asked for.
	col, err := arrowidx.NewColumn([]arrow.Array{vectors})
	if err != nil {
		return atRow(err, r.rows)
	}
	dim, bytes := col.Dim(), col.Bytes()
	col.Release()
	if err := r.measure(dim, bytes, int64(ids.Len())); err != nil {
		return err
	}
	ids.Retain()
	vectors.Retain()
	r.ids, r.vectors = append(r.ids, ids), append(r.vectors, vectors)
	r.rows += int64(ids.Len())
	r.bytes += bytes
	return nil
}

// measure compares a batch with what came before, and all rows so far with the limits.
func (r *reading) measure(dim int, bytes, rows int64) error {
	want, where := r.limits.Dim, "the store says"
	if want == 0 {
		want, where = r.dim, "rows before have"
	}
	if dim != 0 && want != 0 && dim != want {
		return fault.At(fault.BackendError, op, r.rows, -1,
			fmt.Sprintf("vectors of %d dimensions from row %d on, %s %d", dim, r.rows, where, want),
			"keep vectors of one dimension in a collection")
	}
	if dim != 0 {
		r.dim = dim
	}
	for _, l := range []struct {
		what        string
		have, limit int64
	}{
		{"dimensions", int64(dim), int64(r.limits.MaxDim)},
		{"rows", r.rows + rows, r.limits.Rows},
		{"bytes of vectors", r.bytes + bytes, r.limits.Bytes},
	} {
		if l.have > l.limit {
			return fault.New(fault.LimitExceeded, op,
				fmt.Sprintf("%d %s, at most %d are taken", l.have, l.what, l.limit),
				"split the collection")
		}
	}
	return nil
}

// atRow moves the row of an error by what came before.
func atRow(err error, start int64) error {
	known := (*fault.Error)(nil)
	if start == 0 || !errors.As(err, &known) || known.Row < 0 {
		return err
	}
	own := *known
	own.Row += start
	own.Msg = fmt.Sprintf("in the batch from row %d on: %s", start, known.Msg)
	return &own
}

// join makes one set of ids and one column of all batches.
func (r *reading) join(ctx context.Context) (*arrowidx.IDs, *arrowidx.Column, error) {
	merged := mergeNeighbours(r.vectors)
	col, err := arrowidx.NewColumn(merged)
	for _, a := range merged {
		a.Release()
	}
	if err != nil {
		return nil, nil, err
	}
	err = col.CheckFinite(ctx, op, mem.Threads(0))
	var ids *arrowidx.IDs
	if err == nil {
		ids, err = r.joinIDs()
	}
	if err != nil {
		col.Release()
		return nil, nil, err
	}
	return ids, col, nil
}

func (r *reading) joinIDs() (*arrowidx.IDs, error) {
	if len(r.ids) == 0 {
		return arrowidx.PositionIDs(0), nil
	}
	all, err := array.Concatenate(r.ids, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	return arrowidx.NewIDs(all)
}

// mergeNeighbours returns the arrays, of which those of fixed size that follow each other in one
// buffer are one: a column of few pieces is searched faster than one of many.
func mergeNeighbours(arrays []arrow.Array) []arrow.Array {
	var out []arrow.Array
	for _, a := range arrays {
		if n := len(out); n > 0 && out[n-1].Len() > 0 && a.Len() > 0 {
			if both := follow(out[n-1], a); both != nil {
				out[n-1].Release()
				out[n-1] = both
				continue
			}
		}
		a.Retain()
		out = append(out, a)
	}
	return out
}

// follow returns the two arrays as one, nil if the second does not begin where the first ends.
func follow(a, b arrow.Array) arrow.Array {
	x, y := a.Data(), b.Data()
	if !arrow.TypeEqual(a.DataType(), b.DataType()) || a.NullN() > 0 || b.NullN() > 0 {
		return nil
	}
	var children []arrow.ArrayData
	switch t := a.DataType().(type) {
	case *arrow.FixedSizeBinaryType:
		if x.Buffers()[1] != y.Buffers()[1] || x.Offset()+x.Len() != y.Offset() {
			return nil
		}
	case *arrow.FixedSizeListType:
		v, w := x.Children()[0], y.Children()[0]
		from := v.Offset() + x.Offset()*int(t.Len())
		if len(v.Buffers()) != 2 || len(w.Buffers()) != 2 || v.Buffers()[1] != w.Buffers()[1] ||
			v.NullN() > 0 || w.NullN() > 0 ||
			from+x.Len()*int(t.Len()) != w.Offset()+y.Offset()*int(t.Len()) {
			return nil
		}
		child := array.NewData(v.DataType(), (x.Len()+y.Len())*int(t.Len()),
			[]*memory.Buffer{nil, v.Buffers()[1]}, nil, 0, from)
		defer child.Release()
		data := array.NewData(t, x.Len()+y.Len(), []*memory.Buffer{nil},
			append(children, child), 0, 0)
		defer data.Release()
		return array.MakeFromData(data)
	default:
		return nil
	}
	data := array.NewData(a.DataType(), x.Len()+y.Len(), []*memory.Buffer{nil, x.Buffers()[1]}, nil,
		0, x.Offset())
	defer data.Release()
	return array.MakeFromData(data)
}
