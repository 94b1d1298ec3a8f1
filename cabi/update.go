//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

// adding is one rv_add.
type adding struct {
	index  *arrowidx.Index
	column *arrowidx.Column
	ids    *C.rv_values
	o      arrowidx.AddOptions
	counts []int64 // rows replaced, and rows of the index afterwards
}

func (a *adding) prepare(
	s *guard.Scope, h C.rv_handle, ids *C.rv_values, replace, threads C.int32_t,
	counts *C.int64_t,
) (err error) {
	if a.index, err = useIndex(s, h); err != nil {
		return err
	}
	if counts == nil {
		return invalid("add", "no place for the numbers of rows", "")
	}
	a.ids, a.counts = ids, view[int64](counts, 2)
	a.o = arrowidx.AddOptions{Replace: replace != 0, Threads: int(threads),
		Progress: &arrowidx.Progress{}}
	return nil
}

func (a *adding) use(s *guard.Scope, column C.rv_handle) (err error) {
	a.column, err = guard.Use[*arrowidx.Column](s, uint64(column), handle.Column)
	return err
}

func (a *adding) run(ctx context.Context) error {
	ids, err := readIDs("add", a.ids)
	if err != nil {
		return err
	}
	n, err := a.index.Add(ctx, ids, a.column, a.o)
	a.counts[0], a.counts[1] = int64(n), int64(a.index.Len())
	return err
}

//export goAdd
func goAdd(
	h, column C.rv_handle, ids *C.rv_values, replace, threads C.int32_t, counts *C.int64_t,
	e *C.rv_error,
) C.int32_t {
	return door(e, "add", func(s *guard.Scope) error {
		var a adding
		if err := a.prepare(s, h, ids, replace, threads, counts); err != nil {
			return err
		}
		if err := a.use(s, column); err != nil {
			return err
		}
		return a.run(context.Background())
	})
}

//export goAddStart
func goAddStart(
	h, column C.rv_handle, ids *C.rv_values, replace, threads C.int32_t, counts *C.int64_t,
	out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "add", func(s *guard.Scope) error {
		if out == nil {
			return invalid("add", "no place for the task", "")
		}
		a := &adding{}
		if err := a.prepare(s, h, ids, replace, threads, counts); err != nil {
			return err
		}
		if err := a.use(s, column); err != nil {
			return err
		}
		putTask(out, start(s, "add", a.o.Progress.Done,
			func(ctx context.Context) (task.Result, error) { return task.Result{}, a.run(ctx) }))
		return nil
	})
}

//export goAddMatrix
func goAddMatrix(
	h C.rv_handle, rows *C.float, n, dim C.int64_t, ids *C.rv_values, replace, threads C.int32_t,
	counts *C.int64_t, e *C.rv_error,
) C.int32_t {
	return door(e, "add", func(s *guard.Scope) error {
		var a adding
		if err := a.prepare(s, h, ids, replace, threads, counts); err != nil {
			return err
		}
		if n < 0 || n > arrowidx.MaxRows || dim < 1 || dim > arrowidx.MaxDim ||
			n > 0 && rows == nil {
			return invalid("add", fmt.Sprintf("%d rows of %d dimensions", n, dim), "")
		}
		var err error
		a.column, err = arrowidx.MatrixColumn(view[float32](rows, int64(n*dim)), int(n), int(dim))
		if err != nil {
			return err
		}
		defer a.column.Release()
		return a.run(context.Background())
	})
}

//export goDelete
func goDelete(
	h C.rv_handle, ids *C.rv_values, missing C.int32_t, deleted *C.int64_t, e *C.rv_error,
) C.int32_t {
	return door(e, "delete", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		given, err := values("delete", ids)
		if err != nil {
			return err
		}
		n, err := ix.Delete(given, missing != 0)
		if deleted != nil {
			*deleted = C.int64_t(n)
		}
		return err
	})
}

//export goCompactStart
func goCompactStart(
	h C.rv_handle, threads C.int32_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "compact", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("compact", "no place for the task", "")
		}
		putTask(out, start(s, "compact", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, ix.Compact(ctx, int(threads))
			}))
		return nil
	})
}

//export goIndexVectorsOf
func goIndexVectorsOf(
	h C.rv_handle, ids *C.rv_values, out *C.float, numbers C.int32_t, e *C.rv_error,
) C.int32_t {
	return door(e, "vectors", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		given, err := values("vectors", ids)
		if err != nil {
			return err
		}
		if given.Len() > 0 && out == nil {
			return invalid("vectors", "no place for the vectors", "")
		}
		if numbers == float64s {
			return ix.WideVectors(given, view[float64](out, int64(given.Len())*int64(ix.Dim())))
		}
		if ix.Metric().Binary() {
			return ix.PackedVectors(given, packed(out, int64(given.Len()), ix))
		}
		return ix.Vectors(given, view[float32](out, product(int64(given.Len()), int64(ix.Dim()))))
	})
}

//export goIndexMatrix
func goIndexMatrix(
	h C.rv_handle, rows C.int64_t, out *C.float, numbers C.int32_t, e *C.rv_error,
) C.int32_t {
	return door(e, "vectors", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if rows < 0 || rows > 0 && out == nil {
			return invalid("vectors", fmt.Sprintf("room for %d vectors", rows), "")
		}
		if numbers == float64s {
			return ix.WideMatrix(view[float64](out, int64(rows)*int64(ix.Dim())), int(rows))
		}
		if ix.Metric().Binary() {
			return ix.PackedMatrix(packed(out, int64(rows), ix), int(rows))
		}
		return ix.Matrix(view[float32](out, product(int64(rows), int64(ix.Dim()))), int(rows))
	})
}
