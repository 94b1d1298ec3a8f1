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

//export goAddStart
func goAddStart(
	h, columnHandle C.rv_handle, ids *C.rv_values, replace, threads C.int32_t,
	replaced *C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "add", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		column, err := guard.Use[*arrowidx.Column](s, uint64(columnHandle), handle.Column)
		if err != nil {
			return err
		}
		if out == nil || replaced == nil {
			return invalid("add", "no place for the task or for the number of rows replaced", "")
		}
		o := arrowidx.AddOptions{Replace: replace != 0, Threads: int(threads),
			Progress: &arrowidx.Progress{}}
		putTask(out, task.Start(s.Move(), "add", o.Progress.Done,
			func(ctx context.Context) (task.Result, error) {
				var names *arrowidx.IDs
				if ids != nil {
					given, err := values("add", ids)
					if err != nil {
						return task.Result{}, err
					}
					if names, err = arrowidx.NewIDs(given); err != nil {
						return task.Result{}, err
					}
				}
				n, err := ix.Add(ctx, names, column, o)
				*replaced = C.int64_t(n)
				return task.Result{}, err
			}))
		return nil
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
		putTask(out, task.Start(s.Move(), "compact", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, ix.Compact(ctx, int(threads))
			}))
		return nil
	})
}

//export goIndexVectorsOf
func goIndexVectorsOf(
	h C.rv_handle, ids *C.rv_values, out *C.float, e *C.rv_error,
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
		if ix.Metric().Binary() {
			return ix.PackedVectors(given, packed(out, int64(given.Len()), ix))
		}
		return ix.Vectors(given, view[float32](out, int64(given.Len())*int64(ix.Dim())))
	})
}

//export goIndexMatrix
func goIndexMatrix(h C.rv_handle, rows C.int64_t, out *C.float, e *C.rv_error) C.int32_t {
	return door(e, "vectors", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if rows < 0 || rows > 0 && out == nil {
			return invalid("vectors", fmt.Sprintf("room for %d vectors", rows), "")
		}
		if ix.Metric().Binary() {
			return ix.PackedMatrix(packed(out, int64(rows), ix), int(rows))
		}
		return ix.Matrix(view[float32](out, int64(rows)*int64(ix.Dim())), int(rows))
	})
}
