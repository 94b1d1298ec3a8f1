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

// buildOptions is the JSON of rv_build_start.
type buildOptions struct {
	Metric  string  `json:"metric"`
	Kind    string  `json:"kind"`
	Bits    int     `json:"bits"`
	Cells   int     `json:"cells"`
	Budget  int64   `json:"budget"`
	Keep    string  `json:"keep"`
	Recall  float64 `json:"recall"`
	Nulls   string  `json:"nulls"`
	Bad     string  `json:"bad"`
	Seed    uint64  `json:"seed"`
	Threads int     `json:"threads"`
	// Provenance is text that the index carries, for example what made the vectors.
	Provenance string `json:"provenance"`
}

func (o *buildOptions) engine() (b arrowidx.BuildOptions, err error) {
	b = arrowidx.BuildOptions{Bits: o.Bits, Cells: o.Cells, Budget: o.Budget, Recall: o.Recall,
		Seed: o.Seed, Threads: o.Threads, Provenance: o.Provenance,
		Progress: &arrowidx.Progress{}}
	if b.Metric, err = arrowidx.ParseMetric(o.Metric); err != nil {
		return b, err
	}
	if b.Kind, err = arrowidx.ParseKind(o.Kind); err != nil {
		return b, err
	}
	if b.Keep, err = arrowidx.ParseKeep(o.Keep); err != nil {
		return b, err
	}
	skipNulls, err := parseSkip("nulls", o.Nulls)
	if err != nil {
		return b, err
	}
	skipBad, err := parseSkip("bad", o.Bad)
	if skipNulls {
		b.Nulls = arrowidx.SkipNulls
	}
	if skipBad {
		b.Bad = arrowidx.SkipBad
	}
	return b, err
}

func parseSkip(name, value string) (bool, error) {
	if value != "error" && value != "skip" {
		return false, invalid("build", name+" = "+value, "use error or skip")
	}
	return value == "skip", nil
}

//export goBuildStart
func goBuildStart(
	h C.rv_handle, ids *C.struct_ArrowArray, idsSchema *C.struct_ArrowSchema, options *C.char,
	n C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "build", func(s *guard.Scope) error {
		if out == nil {
			return invalid("build", "no place for the task", "")
		}
		o := buildOptions{Metric: "cosine", Kind: "auto", Keep: "auto", Nulls: "error",
			Bad: "error", Seed: 42}
		if err := readOptions("build", stringOf(options, n), &o); err != nil {
			return err
		}
		opts, err := o.engine()
		if err != nil {
			return err
		}
		column, err := guard.Use[*arrowidx.Column](s, uint64(h), handle.Column)
		if err != nil {
			return err
		}
		names, err := takeIDs(ids, idsSchema)
		if err != nil {
			return err
		}
		putTask(out, start(s, "build", opts.Progress.Done,
			func(ctx context.Context) (task.Result, error) {
				if opts.IDs, err = names(); err != nil {
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

// takeIDs imports the ids and returns a function, to be called once, that reads and releases them.
func takeIDs(
	a *C.struct_ArrowArray, s *C.struct_ArrowSchema,
) (func() (*arrowidx.IDs, error), error) {
	if a == nil {
		return func() (*arrowidx.IDs, error) { return nil, nil }, nil
	}
	in, err := importArrays("ids", oneSchema(s), arrays(a, 1))
	if err != nil {
		return nil, err
	}
	return func() (*arrowidx.IDs, error) {
		defer releaseArrays(in)
		return arrowidx.NewIDs(in[0])
	}, nil
}

//export goIndexLookup
func goIndexLookup(
	h C.rv_handle, a *C.struct_ArrowArray, as *C.struct_ArrowSchema, rows *C.int64_t,
	e *C.rv_error,
) C.int32_t {
	return door(e, "lookup", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		in, err := importArrays("lookup", oneSchema(as), arrays(a, 1))
		if err != nil {
			return err
		}
		defer releaseArrays(in)
		found, err := ix.Lookup(in[0])
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
		ids, err := ix.Names(cMemory{})
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
	h C.rv_handle, rows *C.int64_t, n C.int64_t, out *C.float, wide C.int32_t,
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
		if wide != 0 {
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
