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

//export goNeighborsStart
func goNeighborsStart(
	h C.rv_handle, p *C.rv_neighbors_params, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "neighbors", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("neighbors", "no place for the task", "")
		}
		if err := checkNeighbors(p); err != nil {
			return err
		}
		progress := &arrowidx.Progress{}
		putTask(out, start(s, "neighbors", progress.Done,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, findNeighbors(ctx, ix, p, progress)
			}))
		return nil
	})
}

// checkNeighbors refuses what would reach outside the caller's memory.
func checkNeighbors(p *C.rv_neighbors_params) error {
	switch {
	case p == nil || p.size < C.sizeof_rv_neighbors_params,
		p.plan != nil && p.plan.size < C.sizeof_rv_plan:
		return invalid("neighbors", "parameters of an older version", "")
	case p.rows < 0 || p.k < 0:
		return invalid("neighbors", fmt.Sprintf("k = %d, room for %d rows", p.k, p.rows),
			"use k >= 0")
	case p.k > 0 && int64(p.rows) > math.MaxInt64/16/int64(p.k):
		return &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: "neighbors", Row: -1, Column: -1,
			Msg: fmt.Sprintf("%d rows of k = %d", p.rows, p.k), Fix: "ask for fewer neighbours"}
	case p.rows > 0 && (p.of == nil || p.counts == nil),
		p.rows*p.k > 0 && (p.neighbors == nil || p.scores == nil),
		p.texts != nil && p.text_offsets == nil:
		return invalid("neighbors", "places for answers are missing", "")
	}
	return nil
}

func findNeighbors(
	ctx context.Context, ix *arrowidx.Index, p *C.rv_neighbors_params,
	progress *arrowidx.Progress,
) error {
	room, cells := int64(p.rows), int64(p.rows*p.k)
	out := arrowidx.NeighborsOut{
		SearchOut: arrowidx.SearchOut{Rows: view[int64](p.neighbors, cells),
			Scores: view[float32](p.scores, cells), Counts: view[int64](p.counts, room)},
		Of: view[int64](p.of, room),
	}
	plan, err := ix.Neighbors(ctx, arrowidx.NeighborsParams{K: int(p.k),
		Recall: float64(p.recall), Threads: int(p.threads), Progress: progress}, &out)
	p.rows = C.int64_t(out.N)
	if err != nil {
		return err
	}
	out.Places()
	of := out.Of[:out.N]
	if p.texts != nil && out.IDs.Kind() == arrowidx.IDString {
		cuts := view[int64](p.text_offsets, int64(out.N)+1)
		text, ends := out.IDs.AppendText(nil, of, cuts[:1])
		copy(cuts, ends)
		if err := memoryError("neighbors", setBytes(p.texts, text, nil)); err != nil {
			return err
		}
	} else {
		out.IDs.Numbers(of, math.MaxUint64)
	}
	if p.plan != nil {
		writePlan(p.plan, &plan)
	}
	return nil
}

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
