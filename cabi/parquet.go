//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/lake/parquet"
)

const readParquet = "read vectors"

// parquetInfo is what rv_info says of vectors of parquet files.
type parquetInfo struct {
	Rows   int64  `json:"rows"`
	Dim    int    `json:"dim"`
	Type   string `json:"type"`
	Column string `json:"column"`
	Files  int    `json:"files"`
	Groups int    `json:"groups"`
	Makers makers `json:"makers"`
}

// makers are what files say of what made their vectors: the text, and the first file that says it.
type makers [][2]string

func makersOf(found []parquet.Maker) makers {
	told := makers{}
	for _, m := range found {
		told = append(told, [2]string{m.Text, m.File})
	}
	return told
}

func describeSet(s *parquet.Set) parquetInfo {
	info := parquetInfo{Rows: s.Rows(), Dim: s.Dim(), Type: s.Type().String(), Column: s.Name(),
		Files: len(s.Parts()), Makers: makersOf(s.Makers())}
	for _, v := range s.Parts() {
		info.Groups += v.File().Groups()
	}
	return info
}

// parquetOptions reads what the files are asked, and the limits.
func parquetOptions(p *C.rv_parquet_params) (parquet.Options, parquet.Limits, error) {
	var o parquet.Options
	if p == nil || p.size < C.sizeof_rv_parquet_params {
		return o, parquet.Limits{}, invalid(readParquet, "parameters of an older version", "")
	}
	o.Dim, o.Cache = int(p.dim), int64(p.cache)
	if p.dtype != nil {
		elem, ok := parquet.ElementNamed(C.GoString(p.dtype))
		if !ok {
			return o, parquet.Limits{}, invalid(readParquet,
				fmt.Sprintf("numbers of type %q", C.GoString(p.dtype)),
				"use float32, float64, float16, int8 or uint8")
		}
		o.Type = elem
	}
	return o, parquet.Limits{Footer: int64(p.footer), Columns: int(p.columns),
		Groups: int(p.groups), Page: int64(p.page), PageDecoded: int64(p.page_decoded),
		Decoded: int64(p.decoded), Ratio: int64(p.ratio), List: int(p.list)}, nil
}

// parquetPaths splits names that each end in a NUL.
func parquetPaths(p *C.char, n C.int64_t) []string {
	all := strings.TrimSuffix(stringOf(p, n), "\x00")
	if all == "" {
		return nil
	}
	return strings.Split(all, "\x00")
}

//export goParquetOpenStart
func goParquetOpenStart(
	paths *C.char, n C.int64_t, column *C.char, columnLen C.int64_t, p *C.rv_parquet_params,
	out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, readParquet, func(s *guard.Scope) error {
		options, limits, err := parquetOptions(p)
		if err != nil {
			return err
		}
		names, name := parquetPaths(paths, n), stringOf(column, columnLen)
		if len(names) == 0 || out == nil {
			return invalid(readParquet, "no files, or no place for the task", "")
		}
		putTask(out, start(s, readParquet, nil,
			func(ctx context.Context) (task.Result, error) {
				set, err := parquet.OpenSet(ctx, names, name, options, limits)
				if err != nil {
					return task.Result{}, err
				}
				return task.Result{Kind: handle.Parquet, Value: set, Close: set.Close}, nil
			}))
		return nil
	})
}

//export goParquetReadStart
func goParquetReadStart(
	h C.rv_handle, data *C.char, bytes C.int64_t, valid *C.uint8_t, threads C.int32_t,
	out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, readParquet, func(s *guard.Scope) error {
		set, err := guard.Use[*parquet.Set](s, uint64(h), handle.Parquet)
		if err != nil {
			return err
		}
		if bytes > 0 && data == nil || out == nil {
			return invalid(readParquet, "no place for the vectors or the task", "")
		}
		to, flags := view[byte](data, int64(bytes)), view[byte](valid, set.Rows())
		var done atomic.Int64
		progress := func() (int64, int64) { return done.Load(), set.Rows() }
		putTask(out, start(s, readParquet, progress,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, set.Read(ctx, int(threads), to, flags, &done)
			}))
		return nil
	})
}
