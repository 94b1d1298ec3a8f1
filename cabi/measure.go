//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

//export goCalibrateStart
func goCalibrateStart(
	h C.rv_handle, queries *C.float, nq, dim C.int64_t, threads C.int32_t, out *C.rv_handle,
	e *C.rv_error,
) C.int32_t {
	return door(e, "calibrate", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		switch {
		case out == nil:
			return invalid("calibrate", "no place for the task", "")
		case nq < 0 || dim < 0 || dim > 0 && int64(nq) > math.MaxInt64/16/int64(dim):
			return invalid("calibrate", fmt.Sprintf("%d queries of %d dimensions", nq, dim), "")
		case nq*dim > 0 && queries == nil:
			return invalid("calibrate", "queries are missing", "")
		case int64(dim) != int64(ix.Dim()):
			return &arrowidx.Error{Kind: arrowidx.DimensionMismatch, Op: "calibrate", Row: -1,
				Column: -1, Msg: fmt.Sprintf("the queries have %d dimensions, the index %d", dim,
					ix.Dim()), Fix: "embed the queries with the model that made the column"}
		}
		p := arrowidx.CalibrateParams{Queries: view[float32](queries, int64(nq*dim)), NQ: int(nq),
			Threads: int(threads)}
		putTask(out, start(s, "calibrate", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, ix.Calibrate(ctx, p)
			}))
		return nil
	})
}

//export goRecallStart
func goRecallStart(
	h C.rv_handle, k, sample C.int64_t, recall C.double, threads C.int32_t, report *C.double,
	out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "recall", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if out == nil || report == nil {
			return invalid("recall", "no place for the task or for the report", "")
		}
		p := arrowidx.RecallParams{K: int(k), Sample: int(sample), Recall: float64(recall),
			Threads: int(threads)}
		const numbers = 5 // of the report
		putTask(out, start(s, "recall", nil,
			func(ctx context.Context) (task.Result, error) {
				r, err := ix.MeasureRecall(ctx, p)
				if err == nil {
					copy(view[float64](report, numbers), []float64{r.Mean, r.Low, r.High,
						float64(r.K), float64(r.Sample)})
				}
				return task.Result{}, err
			}))
		return nil
	})
}
