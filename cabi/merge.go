//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
)

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
