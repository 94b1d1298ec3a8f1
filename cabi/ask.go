//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	records "github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	outside "github.com/ruvector/ruvector-arrow/lake/foreign"
)

//export goBackendAskStart
func goBackendAskStart(
	h C.rv_handle, op, collection *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		b, err := guard.Use[backend.Backend](s, uint64(h), handle.Backend)
		if err != nil {
			return err
		}
		if op == nil || out == nil {
			return invalid("backend", "no question, or no place for the task", "")
		}
		asked, name := outside.Op(C.GoString(op)), stringOf(collection, n)
		putTask(out, start(s, "", nil, func(ctx context.Context) (task.Result, error) {
			a, err := askBackend(ctx, b, asked, name)
			if err != nil {
				return task.Result{}, err
			}
			return task.Result{Kind: handle.Answer, Value: a, Close: a.close}, nil
		}))
		return nil
	})
}

// askBackend asks a store what a lake asks it, and answers with a table in C memory.
func askBackend(
	ctx context.Context, b backend.Backend, op outside.Op, name string,
) (*answer, error) {
	switch op {
	case outside.Names:
		names, err := b.Collections(ctx)
		if err != nil {
			return nil, err
		}
		return tableOf([]string{"name"}, textColumn(names)), nil
	case outside.Stamp:
		s, err := b.Stamp(ctx, name)
		if err != nil {
			return nil, err
		}
		return tableOf([]string{"data_ref", "generation"}, textColumn([]string{s.DataRef}),
			textColumn([]string{s.Generation.String()})), nil
	case outside.Pull:
		return pullRows(ctx, b, name)
	}
	return nil, invalid("backend", "a question "+string(op), "")
}

// textColumn copies texts into C memory.
func textColumn(texts []string) arrow.Array {
	column := records.NewLargeStringBuilder(cMemory{})
	defer column.Release()
	column.AppendValues(texts, nil)
	return column.NewArray()
}

// tableOf makes an answer of one batch, which takes the columns over.
func tableOf(names []string, columns ...arrow.Array) *answer {
	fields := make([]arrow.Field, len(names))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: names[i], Type: c.DataType(), Nullable: true}
		defer c.Release()
	}
	schema := arrow.NewSchema(fields, nil)
	batch := records.NewRecordBatch(schema, columns, int64(columns[0].Len()))
	return &answer{schema: schema, batches: []arrow.RecordBatch{batch}}
}

// pullRows reads all rows of a collection, as a lake does: id, vector (float64 where a number is,
// else float32) and the generation of the pull.
func pullRows(ctx context.Context, b backend.Backend, name string) (*answer, error) {
	pulled, err := b.Pull(ctx, name)
	if err != nil {
		return nil, err
	}
	ids, vectors, err := backend.Read(ctx, pulled,
		backend.Limits{Key: backend.Key{Backend: b.ID(), Collection: name}})
	if err != nil {
		return nil, err
	}
	defer vectors.Release()
	generations := make([]string, ids.Len())
	for i := range generations {
		generations[i] = pulled.Generation.String()
	}
	return tableOf([]string{"id", "vector", "generation"}, ids.Array(cMemory{}),
		matrixArray(vectors), textColumn(generations)), nil
}

// matrixArray copies vectors into lists in C memory.
func matrixArray(c *arrowidx.Column) arrow.Array {
	n, numbers := c.Len()*c.Dim(), arrow.DataType(arrow.PrimitiveTypes.Float32)
	if c.Wide() {
		numbers = arrow.PrimitiveTypes.Float64
	}
	b := records.NewFixedSizeListBuilder(cMemory{}, int32(max(c.Dim(), 1)), numbers)
	defer b.Release()
	for range c.Len() {
		b.Append(true)
	}
	switch values := b.ValueBuilder().(type) {
	case *records.Float32Builder:
		row := make([]float32, n)
		c.CopyTo(row)
		values.AppendValues(row, nil)
	case *records.Float64Builder:
		row := make([]float64, n)
		c.CopyWide(row)
		values.AppendValues(row, nil)
	}
	return b.NewArray()
}
