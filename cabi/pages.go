//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"

	arrowarray "github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/lake/parquet"
)

// pathsOf copies the paths that C gave.
func pathsOf(op string, p *C.rv_values) ([]string, error) {
	given, err := values(op, p)
	if err != nil {
		return nil, err
	}
	defer given.Release()
	texts, ok := given.(*arrowarray.LargeString)
	if !ok {
		return nil, invalid(op, "paths that are no texts", "use the format U")
	}
	paths := make([]string, texts.Len())
	for i := range paths {
		paths[i] = string([]byte(texts.Value(i)))
	}
	return paths, nil
}

//export goParquetColumnStart
func goParquetColumnStart(
	p *C.rv_parquet_source, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "parquet", func(s *guard.Scope) error {
		if p == nil || p.size < C.sizeof_rv_parquet_source || out == nil {
			return invalid("parquet", "parameters of an older version, or no place for the task", "")
		}
		paths, err := pathsOf("parquet", p.paths)
		if err != nil {
			return err
		}
		elem, ok := parquet.ElementNamed(nameOr(p.dtype, "float32"))
		if !ok {
			return invalid("parquet", "dtype "+nameOr(p.dtype, ""),
				"use float32, float64, float16, int8 or uint8")
		}
		name, threads := nameOr(p.column, ""), int(p.threads)
		options := parquet.Options{Dim: int(p.dim), Type: elem}
		putTask(out, start(s, "parquet", nil, func(ctx context.Context) (task.Result, error) {
			c, _, err := parquet.Column(ctx, paths, name, options, parquet.Limits{}, threads)
			if err != nil {
				return task.Result{}, err
			}
			return task.Result{Kind: handle.Column, Value: c, Close: c.Release}, nil
		}))
		return nil
	})
}

//export goParquetBuildStart
func goParquetBuildStart(
	h C.rv_handle, ids *C.char, p *C.rv_build_params, out *C.rv_handle, e *C.rv_error,
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
		pages, ok := column.Pager().(*parquet.Pages)
		if !ok {
			return invalid("build", "the column is not one of parquet files", "use rv_build_start")
		}
		name := nameOr(ids, "")
		putTask(out, start(s, "build", opts.Progress.Done,
			func(ctx context.Context) (task.Result, error) {
				if name != "" {
					if opts.IDs, err = pages.IDs(ctx, name); err != nil {
						return task.Result{}, err
					}
				}
				ix, err := arrowidx.Build(ctx, column, opts)
				if err != nil {
					return task.Result{}, pages.Explain(err)
				}
				return indexResult(ix), nil
			}))
		return nil
	})
}
