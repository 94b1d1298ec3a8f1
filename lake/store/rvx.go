package store

import (
	"context"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// rvxExt is the ending of index files.
const rvxExt = ".rvx"

// rvxOutline returns what an index file says of itself, and the form of its vectors but for the
// type of their numbers.
func rvxOutline(s *source) (arrowidx.Outline, int, error) {
	o, err := arrowidx.ReadOutline(s, s.was.size)
	if err != nil {
		return o, 0, storeError(named(s.path, err))
	}
	dim := o.Dim
	if o.Metric.Binary() {
		dim /= 8
	}
	return o, dim, nil
}

// named puts a path in front of what an error says.
func named(path string, err error) error {
	known, ok := err.(*fault.Error)
	if !ok {
		return err
	}
	own := *known
	own.Msg = path + ": " + known.Msg
	return &own
}

// rvxRows streams the rows that an index file stores, those that can never be found left out. It
// takes the file over.
func rvxRows(ctx context.Context, s *source) (*rows, error) {
	check, err := s.again()
	if err != nil {
		return nil, err
	}
	ix, err := arrowidx.OpenFile(ctx, s.File, s.path, arrowidx.OpenOptions{Map: true})
	if err != nil {
		_ = check.Close() // only read from
		return nil, storeError(err)
	}
	done := func() {
		ix.Close()
		_ = check.Close() // only read from
	}
	info := ix.Info()
	f := filling{rows: info.Rows, form: form{arrow.FLOAT32, info.Dim}, check: check.check, done: done}
	switch {
	case ix.Metric().Binary():
		f.form = form{arrow.FIXED_SIZE_BINARY, info.Dim / 8}
	case ix.Wide():
		f.form.number = arrow.FLOAT64
	}
	left := info.Nulls + info.Bad
	ids, err := ix.IDArray(memory.DefaultAllocator)
	switch {
	case err != nil:
	case !info.Vectors && info.Usable > 0:
		err = fault.New(fault.BackendError, op, s.path+" stores no vectors",
			"save the index with its vectors")
	case left > 0 && f.form.number == arrow.FIXED_SIZE_BINARY:
		err = fault.New(fault.BackendError, op,
			fmt.Sprintf("%s: %d rows are null", s.path, left), "build the index without them")
	case info.Rows > 0 && info.Dim == 0:
		err = fault.New(fault.BackendError, op, s.path+": all rows are null",
			"build the index of vectors")
	default:
		err = checkShape(s.path, int64(info.Rows), f.form)
	}
	if err != nil {
		done()
		return nil, storeError(err)
	}
	f.ids = ids.DataType()
	f.done = func() {
		ids.Release()
		done()
	}
	f.fill = rvxFill(ix, ids, f.form, info.Rows, left > 0)
	r := f.stream(ctx)
	r.embedder = bundle.ReadEmbedder(info.Provenance)
	return r, nil
}

// rvxFill reads rows of an index, which are NaN where they are to be left out.
func rvxFill(
	ix *arrowidx.Index, ids arrow.Array, f form, rows int, gaps bool,
) func(context.Context, int, int, []byte) (arrow.Array, int, error) {
	return func(_ context.Context, from, n int, dst []byte) (arrow.Array, int, error) {
		var err error
		var nan func(row int) bool
		switch f.number {
		case arrow.FLOAT64:
			v := arrow.Float64Traits.CastFromBytes(dst)
			err = ix.WideMatrixFrom(v, from, rows)
			nan = func(row int) bool { return math.IsNaN(v[row*f.dim]) }
		case arrow.FLOAT32:
			v := arrow.Float32Traits.CastFromBytes(dst)
			err = ix.MatrixFrom(v, from, rows)
			nan = func(row int) bool { return v[row*f.dim] != v[row*f.dim] }
		default:
			err = ix.PackedMatrixFrom(dst, from, rows)
		}
		if err != nil {
			return nil, 0, storeError(err)
		}
		part := array.NewSlice(ids, int64(from), int64(from+n))
		if !gaps {
			return part, n, nil
		}
		defer part.Release()
		var kept []int
		w := f.width()
		for row := range n {
			if !nan(row) {
				copy(dst[len(kept)*w:], dst[row*w:(row+1)*w])
				kept = append(kept, row)
			}
		}
		return pick(part, kept), len(kept), nil
	}
}

// pick returns some of the ids.
func pick(ids arrow.Array, rows []int) arrow.Array {
	b := array.NewBuilder(memory.DefaultAllocator, ids.DataType())
	defer b.Release()
	for _, row := range rows {
		switch v := ids.(type) {
		case *array.Int64:
			b.(*array.Int64Builder).Append(v.Value(row))
		case *array.Uint64:
			b.(*array.Uint64Builder).Append(v.Value(row))
		case *array.LargeString:
			b.(*array.LargeStringBuilder).Append(v.Value(row))
		}
	}
	return b.NewArray()
}
