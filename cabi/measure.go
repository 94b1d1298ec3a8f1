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
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

// scoring is one rv_scores.
type scoring struct {
	column *arrowidx.Column
	params arrowidx.ScoresParams
	out    []float32
	valid  []byte
}

// prepareScores reads the arguments and refuses what would reach outside the caller's memory.
func prepareScores(
	s *guard.Scope, column, other C.rv_handle, metric *C.char, skipBad, threads C.int32_t,
	out *C.float, valid *C.uint8_t,
) (q scoring, err error) {
	if q.column, err = guard.Use[*arrowidx.Column](s, uint64(column), handle.Column); err != nil {
		return q, err
	}
	q.params = arrowidx.ScoresParams{SkipBad: skipBad != 0, Threads: int(threads)}
	q.params.Other, err = guard.Use[*arrowidx.Column](s, uint64(other), handle.Column)
	if err == nil && metric != nil {
		q.params.Metric, err = arrowidx.ParseMetric(C.GoString(metric))
	}
	if err != nil {
		return q, err
	}
	rows := int64(q.column.Len())
	if rows > 0 && (out == nil || valid == nil) {
		return q, invalid("scores", "no place for the scores", "")
	}
	q.out, q.valid = view[float32](out, rows), view[byte](valid, rows)
	return q, nil
}

func (q *scoring) run(ctx context.Context) error {
	return arrowidx.Scores(ctx, q.column, q.params, q.out, q.valid)
}

//export goScores
func goScores(
	column, other C.rv_handle, metric *C.char, skipBad, threads C.int32_t, out *C.float,
	valid *C.uint8_t, e *C.rv_error,
) C.int32_t {
	return door(e, "scores", func(s *guard.Scope) error {
		q, err := prepareScores(s, column, other, metric, skipBad, threads, out, valid)
		if err != nil {
			return err
		}
		return q.run(context.Background())
	})
}

//export goScoresStart
func goScoresStart(
	column, other C.rv_handle, metric *C.char, skipBad, threads C.int32_t, out *C.float,
	valid *C.uint8_t, made *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "scores", func(s *guard.Scope) error {
		if made == nil {
			return invalid("scores", "no place for the task", "")
		}
		q, err := prepareScores(s, column, other, metric, skipBad, threads, out, valid)
		if err != nil {
			return err
		}
		putTask(made, start(s, "scores", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, q.run(ctx)
			}))
		return nil
	})
}

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

// mostParts is how many answers are merged at once.
const mostParts = 1 << 24

//export goMergeTopK
func goMergeTopK(p *C.rv_merge_params, e *C.rv_error) C.int32_t {
	return door(e, "merge", func(*guard.Scope) error {
		if p == nil || p.size < C.sizeof_rv_merge_params {
			return invalid("merge", "parameters of an older version", "")
		}
		if p.nq < 0 || p.n_parts < 0 || p.n_parts > 0 && p.parts == nil {
			return invalid("merge", "a negative number of queries or shards, or no shards", "")
		}
		if p.n_parts > mostParts {
			return &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: "merge", Row: -1, Column: -1,
				Msg: fmt.Sprintf("%d shards", p.n_parts), Fix: "merge them in steps"}
		}
		if p.unsigned_ids != 0 {
			return mergeTopK[uint64](p)
		}
		return mergeTopK[int64](p)
	})
}

func mergeTopK[I int64 | uint64](p *C.rv_merge_params) error {
	nq := int64(p.nq)
	out, err := viewTopK[I]("the room for the answer", &p.out, nq)
	if err != nil {
		return err
	}
	parts := make([]arrowidx.TopK[I], p.n_parts)
	for i := range parts {
		part := &view[C.rv_topk](p.parts, int64(p.n_parts))[i]
		if parts[i], err = viewTopK[I](fmt.Sprintf("shard %d", i), part, nq); err != nil {
			return err
		}
	}
	return arrowidx.MergeTopKInto(p.larger != 0, parts, &out)
}

// viewTopK refuses what would reach outside the caller's memory.
func viewTopK[I int64 | uint64](name string, t *C.rv_topk, nq int64) (arrowidx.TopK[I], error) {
	k := int64(t.k)
	switch {
	case k < 0:
		return arrowidx.TopK[I]{}, invalid("merge", fmt.Sprintf("%s has k = %d", name, k),
			"use k >= 0")
	case k > 0 && nq > math.MaxInt64/16/k:
		return arrowidx.TopK[I]{}, &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: "merge",
			Row: -1, Column: -1, Msg: fmt.Sprintf("%s: %d queries of k = %d", name, nq, k),
			Fix: "merge the answers to fewer queries at once"}
	case nq > 0 && t.counts == nil || nq*k > 0 && (t.ids == nil || t.scores == nil):
		return arrowidx.TopK[I]{}, invalid("merge", name+" lacks ids, scores or counts", "")
	}
	return arrowidx.TopK[I]{K: int(k), IDs: view[I](t.ids, nq*k),
		Scores: view[float32](t.scores, nq*k), Counts: view[int64](t.counts, nq)}, nil
}
