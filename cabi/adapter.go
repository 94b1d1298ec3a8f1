//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	records "github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/arrowc"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	outside "github.com/ruvector/ruvector-arrow/lake/foreign"
)

const answering = "answer of an adapter"

// useAdapter returns the backend of a handle, which must be one that is answered outside.
func useAdapter(s *guard.Scope, h C.rv_handle) (*outside.Backend, error) {
	ref, err := s.Acquire(uint64(h), handle.Backend)
	if err != nil {
		return nil, err
	}
	switch b := ref.Value().(type) {
	case *outside.Backend:
		return b, nil
	case outside.Describing:
		return b.Backend, nil
	}
	return nil, invalid(answering, "this backend answers itself", "")
}

// say puts what an answer returned into wanted.
func say(wanted *C.int32_t, was bool, err error) error {
	if wanted != nil {
		*wanted = 0
		if was {
			*wanted = 1
		}
	}
	return err
}

//export goAdapterNew
func goAdapterNew(
	name *C.char, n C.int64_t, describes C.int32_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "", func(*guard.Scope) error {
		if out == nil {
			return invalid("adapter", "no place for the handle", "")
		}
		made, err := outside.New(stringOf(name, n))
		if err != nil {
			return err
		}
		var b backend.Backend = made
		if describes != 0 {
			b = outside.Describing{Backend: made}
		}
		*out = C.rv_handle(table.Put(handle.Backend, b, made.Close))
		return nil
	})
}

//export goAdapterNext
func goAdapterNext(h C.rv_handle, ms C.int64_t, out *C.rv_bytes, e *C.rv_error) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := useAdapter(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("adapter", "no place for the question", "")
		}
		const longest = 3_600_000
		wait := time.Duration(min(max(ms, 0), longest)) * time.Millisecond
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		q, err := b.Next(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return memoryError("adapter", setBytes(out, nil, nil))
		}
		if err != nil {
			return err
		}
		text, err := json.Marshal(q)
		if err != nil {
			return err
		}
		return memoryError("adapter", setBytes(out, text, nil))
	})
}

// stampJSON is the answer to a stamp.
type stampJSON struct {
	DataRef    string          `json:"data_ref"`
	Dim        int             `json:"dim"`
	Generation json.RawMessage `json:"generation"`
}

// readGeneration reads a number below 2^64 or a text.
func readGeneration(raw []byte) (bundle.Generation, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err == nil && string(raw) != "null" {
		return bundle.Opaque(text), nil
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return bundle.Generation{}, invalid(answering,
			fmt.Sprintf("the generation %.40s", raw), "use a number from 0 to 2^64-1, or a text")
	}
	return bundle.Number(n), nil
}

//export goAdapterAnswer
func goAdapterAnswer(
	h C.rv_handle, question C.uint64_t, p *C.char, n C.int64_t, wanted *C.int32_t, e *C.rv_error,
) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := useAdapter(s, h)
		if err != nil {
			return err
		}
		was, err := answerJSON(b, uint64(question), []byte(stringOf(p, n)))
		return say(wanted, was, err)
	})
}

// answerJSON answers a question by what its answer looks like: a list or an object.
func answerJSON(b *outside.Backend, id uint64, text []byte) (bool, error) {
	op, waiting := b.Waiting(id)
	if !waiting {
		return false, nil
	}
	bad := func(err error) error { return invalid(answering, "JSON: "+err.Error(), "") }
	switch op {
	case outside.Names:
		var names []string
		if err := json.Unmarshal(text, &names); err != nil {
			return true, bad(err)
		}
		return b.AnswerNames(id, names)
	case outside.Describe:
		made, err := bundle.Decode(text)
		if err != nil {
			return true, err
		}
		return b.AnswerBundle(id, made)
	}
	var stamp stampJSON
	if err := json.Unmarshal(text, &stamp); err != nil {
		return true, bad(err)
	}
	g, err := readGeneration(stamp.Generation)
	if err != nil {
		return true, err
	}
	return b.AnswerStamp(id, backend.Stamp{DataRef: stamp.DataRef, Dim: stamp.Dim, Generation: g})
}

//export goAdapterAnswerRows
func goAdapterAnswerRows(
	h C.rv_handle, question C.uint64_t, ids *C.rv_values, vectors C.rv_handle, p *C.char,
	n C.int64_t, owned C.int32_t, wanted *C.int32_t, e *C.rv_error,
) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := useAdapter(s, h)
		if err != nil {
			return err
		}
		rows := outside.Rows{Owned: owned != 0}
		if vectors == 0 {
			rows.Vectors, err = arrowidx.NewColumn(nil)
		} else {
			rows.Vectors, err = guard.Use[*arrowidx.Column](s, uint64(vectors), handle.Column)
		}
		if err != nil {
			return err
		}
		if rows.Generation, err = readGeneration([]byte(stringOf(p, n))); err != nil {
			return err
		}
		if rows.IDs, err = values(answering, ids); err != nil {
			return err
		}
		defer rows.IDs.Release()
		was, err := b.AnswerRows(uint64(question), rows)
		return say(wanted, was, err)
	})
}

//export goAdapterFail
func goAdapterFail(
	h C.rv_handle, question C.uint64_t, kind, code C.int32_t, p *C.char, n C.int64_t,
	wanted *C.int32_t, e *C.rv_error,
) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := useAdapter(s, h)
		if err != nil {
			return err
		}
		f := outside.Failure{Text: stringOf(p, n), Code: int32(code)}
		return say(wanted, b.Fail(uint64(question), fault.Kind(kind), f), nil)
	})
}

//export goAdapterWanted
func goAdapterWanted(
	h C.rv_handle, question C.uint64_t, wanted *C.int32_t, e *C.rv_error,
) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := useAdapter(s, h)
		if err != nil {
			return err
		}
		_, waiting := b.Waiting(uint64(question))
		return say(wanted, waiting, nil)
	})
}

//export goAdapterClose
func goAdapterClose(h C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := useAdapter(s, h)
		if err == nil {
			b.Close()
		}
		return err
	})
}

var ofRows = checks{arrowc.CheckRowsSchema, arrowc.CheckRows}

// rowsType imports the schema of rows, and with arrays these.
func rowsType(s *schema, in []array) ([]arrow.Array, *arrow.Schema, error) {
	made, kind, err := importTyped(answering, s, in, ofRows)
	if err != nil {
		return nil, nil, err
	}
	fields := kind.(*arrow.StructType).Fields()
	for _, f := range fields {
		if err := arrowc.CheckTensor(f.Metadata); err != nil {
			releaseArrays(made)
			return nil, nil, err
		}
	}
	return made, outside.SchemaOf(fields[0].Type, fields[1].Type), nil
}

//export goAdapterBegin
func goAdapterBegin(
	h C.rv_handle, question C.uint64_t, of *C.struct_ArrowSchema, p *C.char, n C.int64_t,
	owned C.int32_t, out *C.rv_handle, wanted *C.int32_t, e *C.rv_error,
) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := useAdapter(s, h)
		if err != nil {
			return err
		}
		g, err := readGeneration([]byte(stringOf(p, n)))
		if err != nil {
			return err
		}
		_, schema, err := rowsType(oneSchema(of), nil)
		if err != nil {
			return err
		}
		stream, err := b.Begin(uint64(question), schema, g, owned != 0)
		if stream != nil {
			*out = C.rv_handle(table.Put(handle.Rows, stream, func() {
				stream.End(&outside.Failure{Text: "it ended without saying so"})
			}))
		}
		return say(wanted, stream != nil, err)
	})
}

//export goAdapterPart
func goAdapterPart(
	to C.rv_handle, in *C.struct_ArrowArray, of *C.struct_ArrowSchema, wanted *C.int32_t,
	e *C.rv_error,
) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		stream, err := guard.Use[*outside.Stream](s, uint64(to), handle.Rows)
		if err != nil {
			return err
		}
		was, err := sendPart(stream, arrays(in, 1), oneSchema(of))
		if err != nil { // who reads is told, who sends need not
			stream.End(&outside.Failure{Text: err.Error()})
		}
		return say(wanted, was, nil)
	})
}

func sendPart(stream *outside.Stream, in []array, of *schema) (bool, error) {
	made, schema, err := rowsType(of, in)
	if err != nil {
		return false, err
	}
	defer releaseArrays(made)
	if !schema.Equal(stream.Schema()) {
		return false, invalid(answering, fmt.Sprintf("rows of %s in a stream of %s", schema,
			stream.Schema()), "send one schema")
	}
	table := made[0].(*records.Struct)
	part := records.NewRecordBatch(schema, []arrow.Array{table.Field(0), table.Field(1)},
		int64(table.Len()))
	defer part.Release()
	return stream.Send(part), nil
}

//export goAdapterEnd
func goAdapterEnd(to C.rv_handle, p *C.char, n C.int64_t, e *C.rv_error) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		stream, err := guard.Use[*outside.Stream](s, uint64(to), handle.Rows)
		if err != nil {
			return err
		}
		var why *outside.Failure
		if p != nil {
			why = &outside.Failure{Text: stringOf(p, n)}
		}
		stream.End(why)
		return nil
	})
}
