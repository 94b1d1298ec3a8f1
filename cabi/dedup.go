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

//export goDedupStart
func goDedupStart(
	h C.rv_handle, p *C.rv_within_params, last C.int32_t, groups *C.uint32_t, out *C.rv_handle,
	e *C.rv_error,
) C.int32_t {
	return door(e, "dedup", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("dedup", "no place for the task", "")
		}
		own, err := readDedup(s, p)
		if err != nil {
			return err
		}
		rows, plan := int64(p.search.nq), p.search.plan
		own.Last, own.Progress = last != 0, &arrowidx.Progress{}
		if groups != nil {
			own.Groups = view[uint32](groups, rows)
		}
		to := arrowidx.DedupOut{Kept: view[int64](p.search.ids, rows),
			Scores: view[float32](p.search.scores, rows)}
		putTask(out, start(s, "dedup", own.Progress.Done,
			func(ctx context.Context) (task.Result, error) {
				did, err := ix.Dedup(ctx, own, &to)
				if err == nil && plan != nil {
					writePlan(plan, &did)
				}
				return task.Result{}, err
			}))
		return nil
	})
}

// readDedup reads the C structs and refuses what would reach outside the caller's memory.
func readDedup(s *guard.Scope, p *C.rv_within_params) (*arrowidx.DedupParams, error) {
	if p == nil || p.size < C.sizeof_rv_within_params || p.search == nil ||
		p.search.size < C.sizeof_rv_search_params ||
		p.search.plan != nil && p.search.plan.size < C.sizeof_rv_plan {
		return nil, invalid("dedup", "parameters of an older version, or none", "")
	}
	q := p.search
	if q.nq < 0 || q.nq > 0 && (q.ids == nil || q.scores == nil) {
		return nil, invalid("dedup", "places for answers are missing", "")
	}
	own, threshold := &arrowidx.DedupParams{Threads: int(q.threads)}, float64(p.threshold)
	switch p.threshold_kind {
	case minSimilarity:
		own.MinSimilarity = &threshold
	case maxDistance:
		own.MaxDistance = &threshold
	default:
		return nil, invalid("dedup", fmt.Sprintf("threshold kind %d", p.threshold_kind),
			"use 1 or 2")
	}
	var err error
	if q.source != 0 {
		own.Source, err = guard.Use[*arrowidx.Column](s, uint64(q.source), handle.Column)
	}
	return own, err
}
