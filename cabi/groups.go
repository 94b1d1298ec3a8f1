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

//export goSearchGroupsStart
func goSearchGroupsStart(
	h C.rv_handle, p *C.rv_search_params, groups *C.uint32_t, rows, n C.int64_t,
	out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "search", func(s *guard.Scope) error {
		q := &search{}
		if err := q.prepare(s, h, p); err != nil {
			return err
		}
		switch {
		case out == nil:
			return invalid("search", "no place for the task", "")
		case rows < 0 || rows > 0 && groups == nil:
			return invalid("search", "groups without their data", "")
		case n < 0:
			return invalid("search", fmt.Sprintf("%d groups", n), "use n >= 0")
		case q.ids != nil || q.texts != nil:
			return invalid("search", "groups of rows with ids", "filter by rows")
		}
		cells := int64(p.nq) * int64(max(p.k, 1)) // prepare found that 16 times it is a number
		if n > 0 && cells > math.MaxInt64/16/int64(n) {
			return &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: "search", Row: -1, Column: -1,
				Msg: fmt.Sprintf("%d queries in %d groups of k = %d", p.nq, n, p.k),
				Fix: "search in parts"}
		}
		cells = int64(p.nq) * int64(p.k) * int64(n)
		q.out = arrowidx.SearchOut{Rows: view[int64](p.ids, cells),
			Scores: view[float32](p.scores, cells), Counts: view[int64](p.counts, int64(p.nq*n))}
		of := view[uint32](groups, int64(rows))
		putTask(out, start(s, "search", nil,
			func(ctx context.Context) (task.Result, error) {
				plan, err := q.index.SearchGroups(ctx, &q.params, of, int(n), &q.out)
				if err == nil && q.plan != nil {
					writePlan(q.plan, &plan)
				}
				return task.Result{}, err
			}))
		return nil
	})
}
