//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/lake"
)

// asBefore is the consistency of rv_lake_query that says nothing.
const asBefore = -1

// lakeSearch is one search of a collection: a search, and how the lake is asked.
type lakeSearch struct {
	search
	target  *lake.Target
	query   lake.Query
	own     lake.Consistency
	answer  lake.Answer
	entry   uint64
	told    *C.rv_lake_query
	lenient bool
}

// prepareLake reads what C says of a search of a target.
func (q *lakeSearch) prepareLake(
	s *guard.Scope, h C.rv_handle, p *C.rv_search_params, terms *C.rv_lake_query,
) (err error) {
	q.target, err = guard.Use[*lake.Target](s, uint64(h), handle.Target)
	if err != nil {
		return err
	}
	if err = q.readLake(s, p, terms); err != nil {
		return err
	}
	q.query.Answer = &q.answer
	return nil
}

// readLake reads what C says of any search of a lake.
func (q *lakeSearch) readLake(
	s *guard.Scope, p *C.rv_search_params, terms *C.rv_lake_query,
) error {
	if terms == nil || terms.size < C.sizeof_rv_lake_query {
		return invalid("search", "parameters of an older version", "")
	}
	if err := q.read(s, p, 0, false); err != nil {
		return err
	}
	if p.like != nil || p.source != 0 || p.diversity != 0 {
		return invalid("search", "a lake is not searched by rows, another source or diversity", "")
	}
	q.told, q.entry = terms, uint64(terms.entry)
	q.query.RerankFactor, q.query.Lenient = int(terms.rerank_factor), terms.lenient != 0
	if terms.consistency != asBefore {
		if terms.consistency < 0 || terms.consistency > C.int32_t(lake.Frozen) {
			return invalid("search", fmt.Sprintf("consistency %d", terms.consistency), "")
		}
		q.own = lake.Consistency{Mode: lake.Mode(terms.consistency),
			TTL: time.Duration(terms.ttl_ns)}
		q.query.Consistency = &q.own
	}
	if terms.session != 0 {
		session, err := guard.Use[*lake.Session](s, uint64(terms.session), handle.Session)
		if err != nil {
			return err
		}
		q.query.Session = session
	}
	q.params.Rerank, q.params.Estimates = 0, false // the lake says how many
	q.query.SearchParams = q.params
	return nil
}

// runLake searches, pulling what is not there.
func (q *lakeSearch) runLake(ctx context.Context) error {
	if err := q.readIDs(); err != nil {
		return err
	}
	plan, err := q.target.Search(ctx, &q.query, &q.out)
	if err != nil {
		return err
	}
	return q.tell(&plan)
}

// readIDs reads the ids that may be found, if only some may.
func (q *lakeSearch) readIDs() error {
	if q.ids == nil {
		return nil
	}
	ids, err := values("search", q.ids)
	if err == nil {
		q.query.IDs = ids
	}
	return err
}

// tell writes the answer where C wants it.
func (q *lakeSearch) tell(plan *arrowidx.Plan) error {
	if err := q.writeNames(); err != nil {
		return err
	}
	if q.plan != nil {
		writePlan(q.plan, plan)
	}
	t := q.told
	t.entry, t.rows = C.uint64_t(q.answer.Entry), C.int64_t(q.answer.Rows)
	t.dim, t.id_kind = C.int64_t(q.answer.Dim), idKind(q.out.IDs.Kind())
	return nil
}

// idKind is what rv_lake_query calls a type of ids.
func idKind(k arrowidx.IDKind) C.int32_t {
	switch k {
	case arrowidx.IDString:
		return 2
	case arrowidx.IDUint64:
		return 1
	}
	return 0
}

//export goLakeSearch
func goLakeSearch(
	h C.rv_handle, p *C.rv_search_params, terms *C.rv_lake_query, e *C.rv_error,
) C.int32_t {
	missed := false
	kind := door(e, "search", func(s *guard.Scope) error {
		var q lakeSearch
		if err := q.prepareLake(s, h, p, terms); err != nil {
			return err
		}
		if q.entry == 0 || q.ids != nil {
			return invalid("search", "no entry of the cache, or a filter of ids",
				"begin a task instead")
		}
		plan, found, err := q.target.SearchEntry(context.Background(), &q.query, q.entry, &q.out)
		if err != nil {
			return err
		}
		if missed = !found; missed {
			return nil
		}
		return q.tell(&plan)
	})
	if missed {
		return C.int32_t(arrowidx.CacheMiss) // without a message, which would cost a microsecond
	}
	return kind
}

//export goLakeSearchStart
func goLakeSearchStart(
	h C.rv_handle, p *C.rv_search_params, terms *C.rv_lake_query, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "search", func(s *guard.Scope) error {
		if out == nil {
			return invalid("search", "no place for the task", "")
		}
		q := &lakeSearch{}
		if err := q.prepareLake(s, h, p, terms); err != nil {
			return err
		}
		q.query.Slot = turnOf(p)
		putTask(out, start(s, "search", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, q.runLake(ctx)
			}))
		return nil
	})
}

// note is the text that a task leaves.
type note string

func noteOf(said any) (task.Result, error) {
	text, err := json.Marshal(said)
	return task.Result{Kind: handle.Note, Value: note(text)}, err
}

//export goNote
func goNote(h C.rv_handle, out *C.rv_bytes, e *C.rv_error) C.int32_t {
	return door(e, "note", func(s *guard.Scope) error {
		if out == nil {
			return invalid("note", "no place for the text", "")
		}
		text, err := guard.Use[note](s, uint64(h), handle.Note)
		if err != nil {
			return err
		}
		return memoryError("note", setBytes(out, []byte(text), nil))
	})
}
