//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/cdata"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

func useIndex(s *guard.Scope, h C.rv_handle) (*arrowidx.Index, error) {
	return guard.Use[*arrowidx.Index](s, uint64(h), handle.Index)
}

// useDamaged is useIndex for what a poisoned index still does from its last good version.
func useDamaged(s *guard.Scope, h C.rv_handle) (*arrowidx.Index, error) {
	ref, err := s.AcquireDamaged(uint64(h), handle.Index)
	if err != nil {
		return nil, err
	}
	return ref.Value().(*arrowidx.Index), nil
}

func putTask(out *C.rv_handle, t *task.Task) {
	*out = C.rv_handle(table.Put(handle.Task, t, t.Close))
}

func indexResult(ix *arrowidx.Index) task.Result {
	return task.Result{Kind: handle.Index, Value: ix, Close: ix.Close}
}

// readBuild returns what the engine is asked; ids are read by the task.
func readBuild(p *C.rv_build_params) (b arrowidx.BuildOptions, err error) {
	if p == nil || p.size < C.sizeof_rv_build_params {
		return b, invalid("build", "parameters of an older version", "")
	}
	b = arrowidx.BuildOptions{Bits: int(p.bits), Cells: int(p.cells), Budget: int64(p.budget),
		Recall: float64(p.recall), Seed: uint64(p.seed), Threads: int(p.threads),
		Provenance: stringOf(p.provenance, p.n_provenance), Progress: &arrowidx.Progress{}}
	if b.Metric, err = arrowidx.ParseMetric(nameOr(p.metric, "cosine")); err != nil {
		return b, err
	}
	if b.Kind, err = arrowidx.ParseKind(nameOr(p.kind, "auto")); err != nil {
		return b, err
	}
	if b.Keep, err = arrowidx.ParseKeep(nameOr(p.keep, "auto")); err != nil {
		return b, err
	}
	if p.skip_nulls != 0 {
		b.Nulls = arrowidx.SkipNulls
	}
	if p.skip_bad != 0 {
		b.Bad = arrowidx.SkipBad
	}
	return b, nil
}

// nameOr copies a name that C gave, or returns what none means.
func nameOr(p *C.char, none string) string {
	if p == nil {
		return none
	}
	return C.GoString(p)
}

//export goBuildStart
func goBuildStart(
	h C.rv_handle, p *C.rv_build_params, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "build", func(s *guard.Scope) error {
		if out == nil {
			return invalid("build", "no place for the task", "")
		}
		opts, err := readBuild(p)
		if err != nil {
			return err
		}
		column, err := guard.Use[*arrowidx.Column](s, uint64(h), handle.Column)
		if err != nil {
			return err
		}
		ids := p.ids
		putTask(out, start(s, "build", opts.Progress.Done,
			func(ctx context.Context) (task.Result, error) {
				if opts.IDs, err = readIDs("ids", ids); err != nil {
					return task.Result{}, err
				}
				ix, err := arrowidx.Build(ctx, column, opts)
				if err != nil {
					return task.Result{}, err
				}
				return indexResult(ix), nil
			}))
		return nil
	})
}

//export goIndexLookup
func goIndexLookup(
	h C.rv_handle, ids *C.rv_values, rows *C.int64_t, e *C.rv_error,
) C.int32_t {
	return door(e, "lookup", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		given, err := values("lookup", ids)
		if err != nil {
			return err
		}
		found, err := ix.Lookup(given)
		if err != nil {
			return err
		}
		if len(found) > 0 && rows == nil {
			return invalid("lookup", "no place for the rows", "")
		}
		copy(view[int64](rows, int64(len(found))), found)
		return nil
	})
}

//export goIndexIDs
func goIndexIDs(
	h C.rv_handle, a *C.struct_ArrowArray, as *C.struct_ArrowSchema, e *C.rv_error,
) C.int32_t {
	return door(e, "ids", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if a == nil || as == nil {
			return invalid("ids", "no place for the ids", "")
		}
		// C memory: what leaves the library may outlive every Go reference to it.
		ids, err := ix.IDArray(cMemory{})
		if err != nil {
			return err
		}
		defer ids.Release()
		cdata.ExportArrowArray(ids, arrays(a, 1)[0].cdata(), oneSchema(as).cdata())
		return nil
	})
}

// packed views n rows of packed bits of an index where a pointer to numbers was passed.
func packed(p *C.float, n int64, ix *arrowidx.Index) []byte {
	return view[byte](p, product(n, int64(ix.Dim()/8)))
}

//export goIndexVectors
func goIndexVectors(
	h C.rv_handle, rows *C.int64_t, n C.int64_t, out *C.float, numbers C.int32_t,
	e *C.rv_error,
) C.int32_t {
	return door(e, "vectors", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if n < 0 || n > 0 && (rows == nil || out == nil) {
			return invalid("vectors", "no rows, or no place for their vectors", "")
		}
		if n == 0 {
			return ix.Unchanged()
		}
		d := ix.Dim()
		if numbers == float64s {
			to := view[float64](out, int64(n)*int64(d))
			for i, row := range view[int64](rows, int64(n)) {
				if err := ix.WideRow(row, to[i*d:(i+1)*d]); err != nil {
					return err
				}
			}
			return nil
		}
		if ix.Metric().Binary() {
			w, to := d/8, packed(out, int64(n), ix)
			for i, row := range view[int64](rows, int64(n)) {
				if err := ix.PackedRow(row, to[i*w:(i+1)*w]); err != nil {
					return err
				}
			}
			return nil
		}
		to := view[float32](out, product(int64(n), int64(d)))
		for i, row := range view[int64](rows, int64(n)) {
			if err := ix.Row(row, to[i*d:(i+1)*d]); err != nil {
				return err
			}
		}
		return nil
	})
}

//export goIndexAttach
func goIndexAttach(h, column C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "attach", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if column == 0 {
			ix.Detach()
			return nil
		}
		c, err := guard.Use[*arrowidx.Column](s, uint64(column), handle.Column)
		if err != nil {
			return err
		}
		return ix.Attach(c)
	})
}

//export goIndexClose
func goIndexClose(h C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "close", func(s *guard.Scope) error {
		ix, err := useDamaged(s, h)
		if err == nil {
			ix.Close()
		}
		return err
	})
}
