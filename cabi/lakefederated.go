//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// federatedSearch is one search of many collections.
type federatedSearch struct {
	lakeSearch
	lake     *lake.Lake
	options  lake.FederatedOptions
	deadline time.Duration
	places   []int32
}

func (f *federatedSearch) prepare(
	s *guard.Scope, h C.rv_handle, p *C.rv_lake_federated,
) (err error) {
	if p == nil || p.size < C.sizeof_rv_lake_federated {
		return invalid("search", "parameters of an older version", "")
	}
	if f.lake, err = useLake(s, h); err != nil {
		return err
	}
	if err = f.readLake(s, p.params, p.query); err != nil {
		return err
	}
	if p.deadline_ns < 0 || f.params.Mask != nil {
		return invalid("search", "a deadline before now, or a mask of many collections", "")
	}
	f.deadline = time.Duration(p.deadline_ns)
	f.options.Partial, f.options.Dedupe = p.partial != 0, p.dedupe != 0
	if p.targets != nil {
		var named []lakeKey
		if err := readJSON("search", p.targets, p.targets_len, &named); err != nil {
			return err
		}
		f.options.Targets = []backend.Key{}
		for _, k := range named {
			f.options.Targets = append(f.options.Targets, k.key())
		}
	}
	cells := int64(f.params.NQ) * int64(f.params.K)
	if cells > 0 && p.places == nil {
		return invalid("search", "no place for the answers", "")
	}
	f.places = view[int32](p.places, cells)
	return nil
}

// lakeTarget and lakeFailure are what the note of a federated search says.
type (
	lakeTarget struct {
		lakeKey
		IDKind int32 `json:"id_kind"`
	}
	lakeFailure struct {
		lakeKey
		Kind    int32  `json:"kind"`
		Message string `json:"message"`
		Row     int64  `json:"row"`
		Column  int64  `json:"column"`
		Code    int32  `json:"code"` // as that of an rv_error
	}
)

func (f *federatedSearch) run(ctx context.Context) (task.Result, error) {
	if f.deadline > 0 {
		var end context.CancelFunc
		ctx, end = context.WithTimeout(ctx, f.deadline)
		defer end()
	}
	if err := f.readIDs(); err != nil {
		return task.Result{}, err
	}
	found, err := f.lake.SearchFederated(ctx, &f.query, f.options)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = late(err, f.deadline)
		}
		return task.Result{}, err
	}
	kinds, err := f.write(found)
	if err != nil {
		return task.Result{}, err
	}
	said := struct {
		K       int           `json:"k"`
		Targets []lakeTarget  `json:"targets"`
		Errors  []lakeFailure `json:"errors"`
	}{K: found.K, Targets: []lakeTarget{}, Errors: f.failures(found)}
	for i, k := range found.Targets {
		said.Targets = append(said.Targets, lakeTarget{keyOf(k), kinds[i]})
	}
	return noteOf(said)
}

// late is the error of a search that its deadline ended: nobody has interrupted it.
func late(err error, deadline time.Duration) error {
	if arrowidx.KindOf(err) != arrowidx.Cancelled {
		return err
	}
	return &arrowidx.Error{Kind: arrowidx.LakeError, Op: "search", Row: -1, Column: -1, Err: err,
		Msg: fmt.Sprintf("the deadline of %v has passed", deadline),
		Fix: "give more time, or ask for partial=True"}
}

// failures lists the targets that did not answer, sorted.
func (f *federatedSearch) failures(found *lake.Federated) []lakeFailure {
	all := []lakeFailure{}
	for k, err := range found.Errors {
		err = late(err, f.deadline)
		one := lakeFailure{lakeKey: keyOf(k), Kind: int32(arrowidx.KindOf(err)),
			Message: err.Error(), Row: -1, Column: -1}
		var known *arrowidx.Error
		if errors.As(err, &known) {
			one.Row, one.Column = known.Row, known.Column
		}
		one.Code = codeOf(err)
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b lakeFailure) int {
		return slices.Compare([]string{a.Backend, a.Collection}, []string{b.Backend, b.Collection})
	})
	return all
}

// write writes the hits where C wants them, and returns the types of the ids of each target: those
// of hits, so that targets without any are of the type that comes first.
func (f *federatedSearch) write(found *lake.Federated) ([]int32, error) {
	kinds, text, texts := make([]int32, len(found.Targets)), []byte(nil), false
	for cell := range found.K * f.params.NQ {
		q, rank := cell/found.K, cell%found.K
		f.places[cell], f.out.Rows[cell] = -1, -1
		f.out.Scores[cell] = float32(math.NaN())
		if rank < int(found.Counts[q]) {
			h := &found.Hits[cell]
			kind := int32(idKind(h.ID.Kind))
			kinds[h.Target] = kind
			f.places[cell], f.out.Scores[cell] = int32(h.Target), h.Score
			if kind == 2 {
				texts, text = true, append(text, h.ID.Text...)
			} else {
				f.out.Rows[cell] = int64(h.ID.Number)
			}
		}
		if f.cuts != nil {
			f.cuts[cell+1] = int64(len(text))
		}
	}
	copy(f.out.Counts, found.Counts)
	if f.plan != nil {
		writePlan(f.plan, &found.Plan)
	}
	if !texts || f.texts == nil {
		return kinds, nil
	}
	return kinds, memoryError("search", setBytes(f.texts, text, nil))
}

//export goLakeFederatedStart
func goLakeFederatedStart(
	h C.rv_handle, p *C.rv_lake_federated, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "search", func(s *guard.Scope) error {
		if out == nil {
			return invalid("search", "no place for the task", "")
		}
		f := &federatedSearch{}
		if err := f.prepare(s, h, p); err != nil {
			return err
		}
		f.query.Slot = func(ctx context.Context, compute func() error) error {
			return lengthy.Run(ctx, "search", compute) // of one collection, on its share of threads
		}
		putTask(out, start(s, "search", nil, f.run))
		return nil
	})
}
