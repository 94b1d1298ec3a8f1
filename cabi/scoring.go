//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	records "github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	lake "github.com/ruvector/ruvector-arrow/lake/parquet"
	"github.com/ruvector/ruvector-arrow/lake/score"
)

// scoredPart is a part and who uses it.
type scoredPart struct {
	part *score.Part
	busy sync.Mutex
}

// take has the part for the caller alone until it calls what it gets, once or more often, unless
// somebody else has it.
func (s *scoredPart) take() (giveBack func(), err error) {
	if !s.busy.TryLock() {
		return nil, invalid("score", "the part is in use", "use it from one thread at a time")
	}
	return sync.OnceFunc(s.busy.Unlock), nil
}

// scoringInfo is what rv_info tells of a part.
type scoringInfo struct {
	Rows     int64  `json:"rows"`
	FirstRow int64  `json:"first_row"`
	Dim      int    `json:"dim"`
	Batch    int    `json:"batch"` // most rows at once
	Schema   string `json:"schema"`
}

// scoreOptions is the JSON of rv_score_params.
type scoreOptions struct {
	Label     string          `json:"label"`
	On        string          `json:"on"`
	Text      bool            `json:"text"`
	First     int             `json:"first"`
	Groups    int             `json:"groups"`
	Columns   []string        `json:"columns"`
	Constants []scoreConstant `json:"constants"`
	Names     [4]string       `json:"names"`
	K         int             `json:"k"`
	Least     *float64        `json:"least"`
	Most      *float64        `json:"most"`
	Memory    int64           `json:"memory"`
	Batch     int             `json:"batch"`
	Dim       int             `json:"dim"`
	Dtype     string          `json:"dtype"`
	Limits    scoreLimits     `json:"limits"`
}

type scoreConstant struct {
	Name  string  `json:"name"`
	Type  string  `json:"type"`
	Value *string `json:"value"`
}

type scoreLimits struct {
	Footer      int64 `json:"footer"`
	Columns     int   `json:"columns"`
	Groups      int   `json:"groups"`
	Page        int64 `json:"page"`
	PageDecoded int64 `json:"page_decoded"`
	Decoded     int64 `json:"decoded"`
	Ratio       int64 `json:"ratio"`
	List        int   `json:"list"`
}

// readScore reads the C struct and opens the input.
func readScore(p *C.rv_score_params) (*lake.File, *scoreOptions, error) {
	if p == nil || p.size < C.sizeof_rv_score_params || p.options == nil {
		return nil, nil, invalid("score", "parameters of an older version, or none", "")
	}
	var o scoreOptions
	in := json.NewDecoder(bytes.NewReader(view[byte](p.options, int64(p.options_len))))
	in.DisallowUnknownFields()
	if err := in.Decode(&o); err != nil {
		return nil, nil, invalid("score", "the options cannot be read: "+err.Error(), "")
	}
	limits := lake.Limits(o.Limits)
	ctx := context.Background()
	if p.path == nil {
		if p.data_len < 0 || p.data_len > 0 && p.data == nil {
			return nil, nil, invalid("score", "a file without its data", "")
		}
		data := viewAt[byte](p.data, int64(p.data_len))
		f, err := lake.Open(ctx, bytes.NewReader(data), int64(len(data)), limits)
		return f, &o, err
	}
	path := stringOf(p.path, p.path_len)
	if o.Label == "" {
		o.Label = path
	}
	f, err := lake.OpenPath(ctx, path, limits)
	return f, &o, err
}

// scoreSearch reads what the search has beside queries and k.
func scoreSearch(p *C.rv_search_params) (arrowidx.SearchParams, error) {
	var s arrowidx.SearchParams
	if p == nil {
		return s, nil
	}
	if p.size < C.sizeof_rv_search_params {
		return s, invalid("score", "parameters of an older version", "")
	}
	s = arrowidx.SearchParams{Epsilon0: float64(p.epsilon0), Recall: float64(p.recall),
		Rerank: int(p.rerank), Estimates: p.rerank == 0, Probes: int(p.probes),
		Threads: int(p.threads)}
	switch p.filter_kind {
	case filterNone:
	case filterMask:
		if p.filter_len < 0 || p.filter_len > 0 && p.filter == nil {
			return s, invalid("score", "a filter without its data", "")
		}
		s.Mask = append([]byte{}, viewAt[byte](p.filter, int64(p.filter_len))...)
	default:
		return s, invalid("score", fmt.Sprintf("filter kind %d", p.filter_kind), "use 0 or 1")
	}
	return s, nil
}

//export goScoreLook
func goScoreLook(p *C.rv_score_params, out *C.rv_bytes, e *C.rv_error) C.int32_t {
	return door(e, "score", func(*guard.Scope) error {
		if out == nil {
			return invalid("score", "no place for the answer", "")
		}
		f, o, err := readScore(p)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // only read from
		facts, err := score.Look(f, o.Label, lake.Limits(o.Limits))
		if err != nil {
			return err
		}
		b, err := json.Marshal(facts)
		if err != nil {
			return err
		}
		return memoryError("score", setBytes(out, b, nil))
	})
}

//export goRightImport
func goRightImport(
	items *C.struct_ArrowArray, n C.int64_t, s *C.struct_ArrowSchema, rows C.int64_t,
	place *C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "score", func(*guard.Scope) error {
		if out == nil || rows < 0 {
			return invalid("score", "no place for the handle, or less than no rows", "")
		}
		chunks, kind, err := importTyped("score", oneSchema(s), arrays(items, int64(n)), ofTables)
		if err != nil {
			return err
		}
		defer releaseArrays(chunks)
		var places []int64
		if place != nil {
			places = append([]int64{}, view[int64](place, int64(rows))...)
		}
		var right *score.Right
		err = guard.Reading("score", "the Arrow data", func() error {
			fields, columns, err := score.Columns(kind, chunks)
			if err == nil {
				right, err = score.NewRight(fields, columns, int64(rows), places)
			}
			return err
		})
		if err != nil {
			return err
		}
		*out = C.rv_handle(table.Put(handle.Right, right, right.Close))
		return nil
	})
}

//export goScoreOpen
func goScoreOpen(
	index, right C.rv_handle, p *C.rv_score_params, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "score", func(s *guard.Scope) error {
		if out == nil {
			return invalid("score", "no place for the handle", "")
		}
		ix, err := useIndex(s, index)
		if err != nil {
			return err
		}
		options, f, err := readPart(s, right, p)
		if err != nil {
			return err
		}
		part, err := score.Open(context.Background(), f, ix, options)
		if err != nil {
			return err
		}
		// The part keeps what it uses alive.
		refs := s.Move()
		*out = C.rv_handle(table.Put(handle.Part, &scoredPart{part: part}, func() {
			part.Abandon()
			refs.Release()
		}))
		return nil
	})
}

// readPart returns what a part is asked for, and its open input.
func readPart(
	s *guard.Scope, right C.rv_handle, p *C.rv_score_params,
) (score.Options, *lake.File, error) {
	f, o, err := readScore(p)
	if err != nil {
		return score.Options{}, nil, err
	}
	options := score.Options{
		Label: o.Label, Out: stringOf(p.out, p.out_len), On: o.On, Text: o.Text, First: o.First,
		Groups: o.Groups, Columns: o.Columns, K: o.K, Least: o.Least, Most: o.Most,
		Memory: o.Memory, Batch: o.Batch, Limits: lake.Limits(o.Limits), Dim: o.Dim,
		Names: score.Names{Row: o.Names[0], Rank: o.Names[1], ID: o.Names[2], Score: o.Names[3]},
	}
	options.Search, err = scoreSearch(p.search)
	if err == nil && right != 0 {
		options.Right, err = guard.Use[*score.Right](s, uint64(right), handle.Right)
	}
	if err == nil && o.Dtype != "" {
		known := false
		if options.Type, known = lake.ElementNamed(o.Dtype); !known {
			err = invalid("score", "dtype="+o.Dtype, "use float32, float64, float16, int8 or uint8")
		}
	}
	for _, c := range o.Constants {
		if err == nil {
			var read score.Constant
			read, err = score.ParseConstant(c.Name, c.Type, c.Value)
			options.Constants = append(options.Constants, read)
		}
	}
	if err != nil {
		_ = f.Close() // only read from
		return options, nil, err
	}
	return options, f, nil
}

// partTask starts a task that uses a part.
func partTask(
	h C.rv_handle, out *C.rv_handle, e *C.rv_error,
	f func(context.Context, *score.Part) (task.Result, error),
) C.int32_t {
	return door(e, "score", func(s *guard.Scope) error {
		if out == nil {
			return invalid("score", "no place for the task", "")
		}
		used, err := guard.Use[*scoredPart](s, uint64(h), handle.Part)
		if err != nil {
			return err
		}
		giveBack, err := used.take() // now: the task may run later than whoever comes next
		if err != nil {
			return err
		}
		begun := start(s, "score", used.part.Progress,
			func(ctx context.Context) (task.Result, error) {
				defer giveBack() // before anybody hears of the end
				return f(ctx, used.part)
			})
		begun.OnEnd(giveBack) // where it was not let begin
		putTask(out, begun)
		return nil
	})
}

//export goScoreRunStart
func goScoreRunStart(h C.rv_handle, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return partTask(h, out, e, func(ctx context.Context, p *score.Part) (task.Result, error) {
		return task.Result{}, p.Run(ctx)
	})
}

//export goScoreTextsStart
func goScoreTextsStart(h C.rv_handle, n C.int64_t, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return partTask(h, out, e, func(ctx context.Context, p *score.Part) (task.Result, error) {
		texts, valid, err := p.Texts(ctx, int(n))
		if err != nil {
			return task.Result{}, err
		}
		a := textAnswer(texts, valid)
		return task.Result{Kind: handle.Answer, Value: a, Close: a.close}, nil
	})
}

// textAnswer copies texts into C memory.
func textAnswer(texts [][]byte, valid []bool) *answer {
	column := records.NewLargeStringBuilder(cMemory{})
	defer column.Release()
	for i, text := range texts {
		if valid[i] {
			column.BinaryBuilder.Append(text)
		} else {
			column.AppendNull()
		}
	}
	made := column.NewArray()
	defer made.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "text", Type: made.DataType(), Nullable: true}},
		nil)
	return &answer{schema: schema, batches: []arrow.RecordBatch{
		records.NewRecordBatch(schema, []arrow.Array{made}, int64(len(texts)))}}
}

//export goScoreStepStart
func goScoreStepStart(
	h C.rv_handle, vectors *C.float, rows, dim C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return partTask(h, out, e, func(ctx context.Context, p *score.Part) (task.Result, error) {
		if rows < 0 || dim < 0 || rows > 0 && dim > 0 && vectors == nil {
			return task.Result{}, invalid("score", "vectors without their data", "")
		}
		return task.Result{}, p.Step(ctx, view[float32](vectors, product(int64(rows), int64(dim))))
	})
}

//export goScoreFinishStart
func goScoreFinishStart(
	h C.rv_handle, counts *C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return partTask(h, out, e, func(_ context.Context, p *score.Part) (task.Result, error) {
		if counts == nil {
			return task.Result{}, invalid("score", "no place for the counts", "")
		}
		c, err := p.Finish()
		copy(view[int64](counts, 10), []int64{c.RowsIn, c.RowsOut, c.Nulls, c.Bytes, c.Queries,
			c.Probed, c.Scanned, c.Coded, c.Reranked, c.Certified})
		return task.Result{}, err
	})
}
