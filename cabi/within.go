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

	"github.com/apache/arrow-go/v18/arrow"
	records "github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/cdata"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/headroom"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

// The kinds of threshold of rv_within_params.
const (
	minSimilarity = 1
	maxDistance   = 2
)

// rangeBytes is what a range search may hold when nobody says and there is room.
const rangeBytes = 1 << 30

// rangeRoom is what a range search may hold when nobody says: half of what is free at most, as what
// was found is copied once when it leaves.
func rangeRoom() int64 { return max(min(rangeBytes, headroom.Free()/2), 1<<20) }

// shortOf turns the error of a range that needs more than was free into what it is.
func shortOf(err error, room int64) error {
	var known *arrowidx.Error
	if !errors.As(err, &known) || known.Kind != arrowidx.LimitExceeded {
		return err
	}
	own := *known
	own.Kind = arrowidx.OutOfMemory
	own.Msg += fmt.Sprintf(", half of the memory that was free (%d MiB)", room>>19)
	return &own
}

// answer is record batches in C memory that can be read any number of times.
type answer struct {
	schema  *arrow.Schema
	batches []arrow.RecordBatch
}

// drain takes everything out of a reader and releases it.
func drain(r records.RecordReader) (*answer, error) {
	defer r.Release()
	a := &answer{schema: r.Schema()}
	for r.Next() {
		batch := r.RecordBatch()
		batch.Retain()
		a.batches = append(a.batches, batch)
	}
	return a, r.Err()
}

func (a *answer) close() {
	for _, batch := range a.batches {
		batch.Release()
	}
}

// readWithin reads the C struct into what the engine is asked; q holds the search inside it.
func readWithin(
	s *guard.Scope, h C.rv_handle, p *C.rv_within_params, q *search,
) (*arrowidx.WithinParams, error) {
	if p == nil || p.size < C.sizeof_rv_within_params || p.search == nil {
		return nil, invalid("within", "parameters of an older version, or none", "")
	}
	if err := q.prepare(s, h, p.search); err != nil {
		return nil, err
	}
	if q.params.K != 0 {
		return nil, invalid("within", fmt.Sprintf("k = %d", q.params.K), "use limit")
	}
	w := &arrowidx.WithinParams{
		Queries: q.params.Queries, Wide: q.params.Wide, Bits: q.params.Bits, NQ: q.params.NQ,
		Limit: int(p.limit),
		Mask:  q.params.Mask, Source: q.params.Source,
		Threads: q.params.Threads, MaxBytes: int64(p.max_bytes), Counts: q.out.Counts,
	}
	threshold := float64(p.threshold)
	switch p.threshold_kind {
	case minSimilarity:
		w.MinSimilarity = &threshold
	case maxDistance:
		w.MaxDistance = &threshold
	default:
		return nil, invalid("within", fmt.Sprintf("threshold kind %d", p.threshold_kind),
			"use 1 or 2")
	}
	return w, nil
}

//export goWithinStart
func goWithinStart(
	h C.rv_handle, p *C.rv_within_params, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "within", func(s *guard.Scope) error {
		if out == nil {
			return invalid("within", "no place for the task", "")
		}
		q := &search{}
		w, err := readWithin(s, h, p, q)
		if err != nil {
			return err
		}
		putTask(out, start(s, "within", nil,
			func(ctx context.Context) (task.Result, error) { return q.within(ctx, w) }))
		return nil
	})
}

// within answers in C memory: what leaves the library may outlive every Go reference to it.
func (q *search) within(ctx context.Context, w *arrowidx.WithinParams) (task.Result, error) {
	if q.ids != nil {
		ids, err := values("within", q.ids)
		if err != nil {
			return task.Result{}, err
		}
		w.IDs = ids
	}
	room, asked := int64(0), w.MaxBytes
	if asked == 0 {
		room = rangeRoom()
		w.MaxBytes = room
	}
	reader, plan, err := q.index.WithinReader(ctx, w, cMemory{})
	if asked == 0 && room < rangeBytes {
		err = shortOf(err, room)
	}
	if err != nil {
		return task.Result{}, err
	}
	if q.plan != nil {
		writePlan(q.plan, &plan)
	}
	a, err := drain(reader)
	return task.Result{Kind: handle.Answer, Value: a, Close: a.close}, err
}

//export goAnswerStream
func goAnswerStream(h C.rv_handle, out *C.struct_ArrowArrayStream, e *C.rv_error) C.int32_t {
	return door(e, "answer", func(s *guard.Scope) error {
		a, err := guard.Use[*answer](s, uint64(h), handle.Answer)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("answer", "no place for the stream", "")
		}
		reader, err := records.NewRecordReader(a.schema, a.batches)
		if err != nil {
			return err
		}
		defer reader.Release()
		cdata.ExportRecordReader(reader, arrowStream(out))
		return nil
	})
}
