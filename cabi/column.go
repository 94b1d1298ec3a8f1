//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/cdata"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/pca"
	"github.com/ruvector/ruvector-arrow/cabi/internal/arrowc"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

// checks are what arrays of some kind must pass before they are imported.
type checks struct {
	schema func(*arrowc.Schema) error
	array  func(*arrowc.Schema, *arrowc.Array) error
}

var (
	ofVectors = checks{arrowc.CheckSchema, arrowc.Check}
	ofTexts   = checks{arrowc.CheckTextSchema, arrowc.CheckTexts}
	ofTables  = checks{arrowc.CheckTableSchema, arrowc.CheckTable}
)

// importArrays imports C arrays of one type after checking all of them. What it does not import
// stays with the C code, which releases it.
func importArrays(op string, s *schema, in []array, c checks) ([]arrow.Array, error) {
	out, _, err := importTyped(op, s, in, c)
	return out, err
}

// importTyped is importArrays, and says the type, also of no arrays.
func importTyped(
	op string, s *schema, in []array, c checks,
) (out []arrow.Array, kind arrow.DataType, err error) {
	err = guard.Reading(op, "the Arrow data", func() error {
		out, kind, err = importChecked(op, s, in, c)
		return err
	})
	return out, kind, err
}

func importChecked(
	op string, s *schema, in []array, c checks,
) ([]arrow.Array, arrow.DataType, error) {
	if err := c.schema(s.layout()); err != nil {
		return nil, nil, err
	}
	for i := range in {
		if err := c.array(s.layout(), in[i].layout()); err != nil {
			return nil, nil, err
		}
	}
	field, err := cdata.ImportCArrowField(s.cdata())
	if err != nil {
		return nil, nil, columnError(op, err)
	}
	if err := arrowc.CheckTensor(field.Metadata); err != nil {
		return nil, nil, err
	}
	out := make([]arrow.Array, 0, len(in))
	for i := range in {
		a, err := cdata.ImportCArrayWithType(in[i].cdata(), field.Type)
		if err != nil {
			releaseArrays(out)
			return nil, nil, columnError(op, err)
		}
		out = append(out, a)
	}
	return out, field.Type, nil
}

func columnError(op string, err error) error {
	return &arrowidx.Error{Kind: arrowidx.ColumnError, Op: op, Err: err, Row: -1, Column: -1,
		Msg: "the Arrow data cannot be read"}
}

func releaseArrays(in []arrow.Array) {
	for _, a := range in {
		a.Release()
	}
}

func putColumn(c *arrowidx.Column) uint64 { return table.Put(handle.Column, c, c.Release) }

//export goColumnImport
func goColumnImport(
	items *C.struct_ArrowArray, n C.int64_t, s *C.struct_ArrowSchema, out *C.rv_handle,
	e *C.rv_error,
) C.int32_t {
	return door(e, "column", func(*guard.Scope) error {
		if out == nil {
			return invalid("column", "no place for the handle", "")
		}
		chunks, err := importArrays("column", oneSchema(s), arrays(items, int64(n)), ofVectors)
		if err != nil {
			return err
		}
		defer releaseArrays(chunks)
		c, err := arrowidx.NewColumn(chunks)
		if err != nil {
			return err
		}
		*out = C.rv_handle(putColumn(c))
		return nil
	})
}

// float64s is the kind of numbers, of queries and vectors, that are double; others are float32.
const float64s = 1

//export goColumnCopy
func goColumnCopy(
	h C.rv_handle, out *C.float, numbers C.int32_t, valid *C.uint8_t, e *C.rv_error,
) C.int32_t {
	return door(e, "copy", func(s *guard.Scope) error {
		c, err := guard.Use[*arrowidx.Column](s, uint64(h), handle.Column)
		if err != nil {
			return err
		}
		if c.Binary() {
			return &arrowidx.Error{Kind: arrowidx.ColumnError, Op: "copy", Row: -1, Column: -1,
				Msg: "the column holds packed bits, not numbers",
				Fix: "search it with metric hamming or jaccard"}
		}
		rows := int64(c.Len())
		if n := rows * int64(c.Dim()); n > 0 {
			if out == nil {
				return invalid("copy", "no place for the vectors", "")
			}
			if numbers == float64s {
				c.CopyWide(view[float64](out, n))
			} else {
				c.CopyTo(view[float32](out, n))
			}
		}
		for i := range view[byte](valid, rows) {
			view[byte](valid, rows)[i] = 0
			if c.Valid(i) {
				view[byte](valid, rows)[i] = 1
			}
		}
		return nil
	})
}

//export goColumnHash
func goColumnHash(h C.rv_handle, out *C.uint64_t, e *C.rv_error) C.int32_t {
	return door(e, "hash", func(s *guard.Scope) error {
		c, err := guard.Use[*arrowidx.Column](s, uint64(h), handle.Column)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("hash", "no place for the answer", "")
		}
		return hashColumn(context.Background(), c, view[uint64](out, 2))
	})
}

func hashColumn(ctx context.Context, c *arrowidx.Column, out []uint64) error {
	sum, err := c.Hash(ctx, 0)
	if err != nil {
		return err
	}
	out[0] = binary.LittleEndian.Uint64(sum[:8])
	out[1] = binary.LittleEndian.Uint64(sum[8:])
	return nil
}

//export goColumnHashStart
func goColumnHashStart(
	h C.rv_handle, out *C.uint64_t, made *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "hash", func(s *guard.Scope) error {
		c, err := guard.Use[*arrowidx.Column](s, uint64(h), handle.Column)
		if err != nil {
			return err
		}
		if out == nil || made == nil {
			return invalid("hash", "no place for the answer or the task", "")
		}
		to := view[uint64](out, 2)
		putTask(made, start(s, "hash", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, hashColumn(ctx, c, to)
			}))
		return nil
	})
}

//export goColumnHashRows
func goColumnHashRows(
	h C.rv_handle, from, n C.int64_t, out *C.uint64_t, e *C.rv_error,
) C.int32_t {
	return door(e, "hash rows", func(s *guard.Scope) error {
		c, err := guard.Use[*arrowidx.Column](s, uint64(h), handle.Column)
		if err != nil {
			return err
		}
		if from < 0 || n < 0 || int64(from) > int64(c.Len())-int64(n) {
			return invalid("hash rows", fmt.Sprintf("rows %d to %d of %d", from, from+n, c.Len()),
				"ask for rows that there are")
		}
		if n > 0 && out == nil {
			return invalid("hash rows", "no place for the answer", "")
		}
		return c.HashRows(context.Background(), int(from), view[uint64](out, int64(n)), 0)
	})
}

//export goPCAStart
func goPCAStart(
	h C.rv_handle, dims C.int64_t, out *C.float, made *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "pca", func(s *guard.Scope) error {
		c, err := guard.Use[*arrowidx.Column](s, uint64(h), handle.Column)
		if err != nil {
			return err
		}
		if dims < 1 || int64(dims) > int64(max(c.Dim(), 1)) {
			return invalid("pca", fmt.Sprintf("%d components of %d dimensions", dims, c.Dim()),
				"ask for 1 up to the number of dimensions")
		}
		if made == nil || c.Len() > 0 && out == nil {
			return invalid("pca", "no place for the coordinates or the task", "")
		}
		to := view[float32](out, int64(c.Len())*int64(dims))
		putTask(made, start(s, "pca", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, pca.PCA(ctx, c, int(dims), to)
			}))
		return nil
	})
}
