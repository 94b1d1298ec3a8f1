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
	"sync"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

// The kinds of filter of rv_search_params.
const (
	filterNone = 0
	filterMask = 1
	filterIDs  = 2
)

// mostAnswers is how many ids and scores a search may be asked for: 768 GiB of them.
const mostAnswers = 1 << 36

// brief and lengthy bound the threads of searches that run as tasks: thousands are begun by event
// loops, and more at once than there are cores would share these and take memory.
var (
	brief   = task.NewSlots(func() int { return arrowidx.Threads(0) })
	lengthy = task.NewSlots(func() int { return arrowidx.Threads(0) })
)

// turnOf returns what runs a search when it is its turn: short work with one slot among others
// such, other work with as many as it uses threads.
func turnOf(p *C.rv_search_params) func(ctx context.Context, compute func() error) error {
	slots, threads := lengthy, arrowidx.Threads(int(p.threads))
	if p.brief != 0 {
		slots, threads = brief, 1
	}
	return func(ctx context.Context, compute func() error) error {
		return slots.RunWide(ctx, "search", threads, compute)
	}
}

// search is one rv_search: what the engine is asked and where its answers go.
type search struct {
	index  *arrowidx.Index
	params arrowidx.SearchParams
	out    arrowidx.SearchOut
	plan   *C.rv_plan
	ids    *C.rv_values
	like   *C.rv_values
	texts  *C.rv_bytes // where ids that are texts go, and the offsets between them
	cuts   []int64
}

// prepare reads the C struct and refuses what would reach outside the caller's memory.
func (q *search) prepare(s *guard.Scope, h C.rv_handle, p *C.rv_search_params) (err error) {
	if q.index, err = useIndex(s, h); err != nil {
		return err
	}
	return q.read(s, p, q.index.Dim(), q.index.Metric().Binary())
}

// read is prepare for what has dim dimensions, 0 when that is not known yet, of bits if packed.
func (q *search) read(
	s *guard.Scope, p *C.rv_search_params, dim int, packed bool,
) (err error) {
	if p == nil || p.size < C.sizeof_rv_search_params {
		return invalid("search", "parameters of an older version", "")
	}
	if err = q.checkShape(p, int64(dim)); err != nil {
		return err
	}
	q.params = arrowidx.SearchParams{
		NQ: int(p.nq), K: int(p.k), Epsilon0: float64(p.epsilon0), Recall: float64(p.recall),
		Rerank: int(p.rerank), Estimates: p.rerank == 0, // 0 is what C and Python call none
		Probes: int(p.probes), Threads: int(p.threads),
	}
	switch {
	case packed && p.like == nil:
		q.params.Bits = view[byte](p.queries, product(int64(p.nq), int64(p.dim)/8))
	case p.numbers == float64s:
		q.params.Wide = view[float64](p.queries, queryNumbers(p))
	default:
		q.params.Queries = view[float32](p.queries, queryNumbers(p))
	}
	if err = q.readFilter(p); err != nil {
		return err
	}
	if p.source != 0 {
		q.params.Source, err = guard.Use[*arrowidx.Column](s, uint64(p.source), handle.Column)
	}
	if p.plan != nil && p.plan.size < C.sizeof_rv_plan {
		return invalid("search", "a plan of an older version", "")
	}
	cells := int64(p.nq * p.k)
	q.out = arrowidx.SearchOut{
		Rows: view[int64](p.ids, cells), Scores: view[float32](p.scores, cells),
		Counts: view[int64](p.counts, int64(p.nq)),
	}
	q.plan, q.texts, q.like = p.plan, p.texts, p.like
	q.params.Diversity = float64(p.diversity)
	if q.texts != nil {
		q.cuts = view[int64](p.text_offsets, cells+1)
	}
	return err
}

// queryNumbers is how many numbers the queries are: none when rows are asked with.
func queryNumbers(p *C.rv_search_params) int64 {
	if p.like != nil {
		return 0
	}
	return int64(p.nq * p.dim)
}

func (q *search) checkShape(p *C.rv_search_params, dim int64) error {
	switch {
	case p.nq < 0 || p.dim < 0:
		return invalid("search", "a negative number of queries or dimensions", "")
	case p.k < 0:
		return invalid("search", fmt.Sprintf("k = %d", p.k), "use k >= 0")
	case p.k > mostAnswers || p.k > 0 && int64(p.nq) > mostAnswers/int64(p.k) ||
		p.dim > 0 && int64(p.nq) > math.MaxInt64/16/int64(p.dim):
		return &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: "search", Row: -1, Column: -1,
			Msg: fmt.Sprintf("%d queries of k = %d", p.nq, p.k), Fix: "search in parts"}
	case p.like != nil && p.like.n != p.nq:
		return invalid("search", fmt.Sprintf("%d ids to search like for %d queries", p.like.n, p.nq),
			"")
	case int64(p.dim) != dim && dim != 0 && p.like == nil:
		return &arrowidx.Error{Kind: arrowidx.DimensionMismatch, Op: "search", Row: -1,
			Column: -1, Msg: fmt.Sprintf("the query has %d dimensions, the index %d", p.dim, dim),
			Fix: "embed the query with the model that made the column"}
	case p.nq > 0 && p.counts == nil ||
		p.nq*p.k > 0 && (p.ids == nil || p.scores == nil) ||
		p.nq*p.dim > 0 && p.queries == nil && p.like == nil:
		return invalid("search", "queries or places for answers are missing", "")
	}
	return nil
}

// readFilter views the filter. An empty one is not the same as none.
func (q *search) readFilter(p *C.rv_search_params) error {
	if p.filter_kind == filterNone {
		return nil
	}
	if p.filter_len < 0 || p.filter_len > 0 && p.filter == nil {
		return invalid("search", "a filter without its data", "")
	}
	switch p.filter_kind {
	case filterMask:
		q.params.Mask = viewAt[byte](p.filter, int64(p.filter_len))
		if q.params.Mask == nil {
			q.params.Mask = []byte{}
		}
	case filterIDs:
		q.ids = (*C.rv_values)(p.filter)
		if q.ids == nil {
			return invalid("search", "a filter without its data", "")
		}
	default:
		return invalid("search", fmt.Sprintf("filter kind %d", p.filter_kind), "use 0, 1 or 2")
	}
	return nil
}

func (q *search) run(ctx context.Context) error {
	if q.ids != nil {
		ids, err := values("search", q.ids)
		if err != nil {
			return err
		}
		q.params.IDs = ids
	}
	if q.like != nil {
		like, err := values("search", q.like)
		if err != nil {
			return err
		}
		q.params.Like, q.params.Queries, q.params.Bits = like, nil, nil
		q.params.Wide = nil
	}
	plan, err := q.index.Search(ctx, &q.params, &q.out)
	if err != nil {
		return err
	}
	if err := q.writeNames(); err != nil {
		return err
	}
	if q.plan != nil {
		writePlan(q.plan, &plan)
	}
	return nil
}

// writeNames turns rows into ids: numbers in place, texts one after the other.
func (q *search) writeNames() error {
	ids := q.out.IDs
	if ids.Kind() != arrowidx.IDString || q.cuts == nil {
		ids.Numbers(q.out.Rows, math.MaxUint64)
		return nil
	}
	text, cuts := ids.AppendText(nil, q.out.Rows, q.cuts[:1])
	copy(q.cuts, cuts)
	return memoryError("search", setBytes(q.texts, text, nil))
}

func writePlan(to *C.rv_plan, p *arrowidx.Plan) {
	exact, unlike := C.int32_t(0), C.int32_t(0)
	if p.Exact {
		exact = 1
	}
	if p.Unlike {
		unlike = 1
	}
	*to = C.rv_plan{
		size: C.sizeof_rv_plan, kind: C.int32_t(p.Kind), tier: C.int32_t(p.Tier),
		exact_scores: exact, threads: C.int32_t(p.Threads), bits: C.int32_t(p.Bits),
		plane: C.int32_t(p.Plane), unlike: unlike, cells: C.int64_t(p.Cells), probed: C.int64_t(p.Probed),
		rows: C.int64_t(p.Rows), eligible: C.int64_t(p.Eligible), nulls: C.int64_t(p.Nulls),
		queries: C.int64_t(p.Queries), scanned: C.int64_t(p.Scanned),
		coded: C.int64_t(p.Coded), reranked: C.int64_t(p.Reranked),
		certified: C.int64_t(p.Certified), ns_prepare: C.int64_t(p.Prepare),
		ns_route: C.int64_t(p.Route), ns_scan: C.int64_t(p.Scan),
		ns_rerank: C.int64_t(p.Rerank), ns_total: C.int64_t(p.Total),
		epsilon0: C.double(p.Epsilon0), recall: C.double(p.Recall),
		ns_first: C.int64_t(p.First),
	}
}

// asked keeps the memory of searches, which short ones would otherwise take from the heap each. One
// that panics leaves nothing, and none holds what belongs to an index or a caller.
var asked = sync.Pool{New: func() any { return &search{} }}

//export goSearch
func goSearch(h C.rv_handle, p *C.rv_search_params, e *C.rv_error) C.int32_t {
	return door(e, "search", func(s *guard.Scope) error {
		q := asked.Get().(*search)
		err := q.prepare(s, h, p)
		if err == nil {
			err = q.run(context.Background())
		}
		*q = search{}
		asked.Put(q)
		return err
	})
}

//export goSearchStart
func goSearchStart(
	h C.rv_handle, p *C.rv_search_params, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "search", func(s *guard.Scope) error {
		if out == nil {
			return invalid("search", "no place for the task", "")
		}
		q := &search{}
		if err := q.prepare(s, h, p); err != nil {
			return err
		}
		inTurn := turnOf(p)
		putTask(out, start(s, "search", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, inTurn(ctx, func() error { return q.run(ctx) })
			}))
		return nil
	})
}

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
