//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

// storeVectors is the flag of rv_save_start and rv_encoding_start.
const storeVectors = 1

//export goSaveStart
func goSaveStart(
	h C.rv_handle, path *C.char, n C.int64_t, flags C.uint32_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "save", func(s *guard.Scope) error {
		ix, err := useDamaged(s, h)
		if err != nil {
			return err
		}
		if n <= 0 || out == nil {
			return invalid("save", "no path, or no place for the task", "")
		}
		name := stringOf(path, n)
		putTask(out, start(s, "save", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, ix.Save(ctx, name, flags&storeVectors != 0)
			}))
		return nil
	})
}

//export goLoadStart
func goLoadStart(
	path *C.char, n C.int64_t, column C.rv_handle, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "load", func(s *guard.Scope) (err error) {
		if n <= 0 || out == nil {
			return invalid("load", "no path, or no place for the task", "")
		}
		var c *arrowidx.Column
		if column != 0 {
			c, err = guard.Use[*arrowidx.Column](s, uint64(column), handle.Column)
			if err != nil {
				return err
			}
		}
		name := stringOf(path, n)
		putTask(out, start(s, "load", nil,
			func(ctx context.Context) (task.Result, error) {
				ix, err := load(ctx, name, c, arrowidx.OpenOptions{})
				if err != nil {
					return task.Result{}, err
				}
				return indexResult(ix), nil
			}))
		return nil
	})
}

// load reads an index and attaches the column, if there is one.
func load(
	ctx context.Context, path string, c *arrowidx.Column, o arrowidx.OpenOptions,
) (*arrowidx.Index, error) {
	ix, err := arrowidx.Open(ctx, path, o)
	if err != nil || c == nil {
		return ix, err
	}
	if err := ix.Attach(c); err != nil {
		ix.Close()
		return nil, err
	}
	return ix, nil
}

// mapFile is the flag of rv_open_start.
const mapFile = 1

//export goOpenStart
func goOpenStart(p *C.rv_open_params, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "load", func(s *guard.Scope) (err error) {
		if p == nil || p.size < C.sizeof_rv_open_params {
			return invalid("load", "parameters of an older version", "")
		}
		if p.path_len <= 0 || out == nil || p.flags > mapFile {
			return invalid("load", "no path, no place for the task, or unknown flags", "")
		}
		var c *arrowidx.Column
		if p.column != 0 {
			c, err = guard.Use[*arrowidx.Column](s, uint64(p.column), handle.Column)
			if err != nil {
				return err
			}
		}
		name := stringOf(p.path, p.path_len)
		o := arrowidx.OpenOptions{Map: p.flags&mapFile != 0, Memory: int64(p.memory)}
		putTask(out, start(s, "load", nil,
			func(ctx context.Context) (task.Result, error) {
				ix, err := load(ctx, name, c, o)
				if err != nil {
					return task.Result{}, err
				}
				return indexResult(ix), nil
			}))
		return nil
	})
}

//export goVerifyStart
func goVerifyStart(
	h C.rv_handle, threads C.int32_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "verify", func(s *guard.Scope) error {
		ix, err := useIndex(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("verify", "no place for the task", "")
		}
		progress := &arrowidx.Progress{}
		putTask(out, start(s, "verify", progress.Done,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, ix.Verify(ctx, int(threads), progress)
			}))
		return nil
	})
}

//export goEncodingStart
func goEncodingStart(
	h C.rv_handle, flags C.uint32_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "encode", func(s *guard.Scope) error {
		ix, err := useDamaged(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("encode", "no place for the task", "")
		}
		putTask(out, start(s, "encode", nil,
			func(ctx context.Context) (task.Result, error) {
				made, err := ix.Encoding(ctx, flags&storeVectors != 0)
				if err != nil {
					return task.Result{}, err
				}
				return task.Result{Kind: handle.Encoding, Value: made, Close: made.Close}, nil
			}))
		return nil
	})
}

//export goEncodingCopyStart
func goEncodingCopyStart(
	h C.rv_handle, to *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "encode", func(s *guard.Scope) error {
		made, err := guard.Use[*arrowidx.Encoding](s, uint64(h), handle.Encoding)
		if err != nil {
			return err
		}
		if to == nil || out == nil {
			return invalid("encode", "no place for the bytes, or for the task", "")
		}
		putTask(out, start(s, "encode", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, made.CopyTo(ctx, view[byte](to, int64(n)))
			}))
		return nil
	})
}

//export goDecodeStart
func goDecodeStart(data *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "decode", func(s *guard.Scope) error {
		if n < 0 || n > 0 && data == nil || out == nil {
			return invalid("decode", "no bytes, or no place for the task", "")
		}
		putTask(out, start(s, "decode", nil,
			func(ctx context.Context) (task.Result, error) {
				ix, err := arrowidx.Decode(ctx, view[byte](data, int64(n)))
				if err != nil {
					return task.Result{}, err
				}
				return indexResult(ix), nil
			}))
		return nil
	})
}
