//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"

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
