//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"encoding/binary"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/text"
)

// textHash is what is asked of texts: a hash of all, hashes of each, or both.
type textHash struct {
	texts *text.Texts
	whole []uint64
	rows  []uint64
	seed  uint64
}

func newTextHash(
	s *guard.Scope, h C.rv_handle, values *C.rv_values, validity *C.uint8_t,
	whole, rows *C.uint64_t, seed C.uint64_t,
) (*textHash, error) {
	var t *text.Texts
	var err error
	if h != 0 {
		t, err = guard.Use[*text.Texts](s, uint64(h), handle.Texts)
	} else {
		t, err = lentTexts(values, validity)
	}
	if err != nil {
		return nil, err
	}
	if whole == nil && rows == nil {
		return nil, invalid("hash texts", "no place for the answer", "")
	}
	return &textHash{texts: t, whole: view[uint64](whole, 2), seed: uint64(seed),
		rows: view[uint64](rows, 2*int64(t.Len()))}, nil
}

func (t *textHash) run(ctx context.Context) error {
	if t.whole != nil {
		sum, err := t.texts.Hash(ctx, 0)
		if err != nil {
			return err
		}
		t.whole[0] = binary.LittleEndian.Uint64(sum[:8])
		t.whole[1] = binary.LittleEndian.Uint64(sum[8:])
	}
	if t.rows != nil {
		return t.texts.HashRows(ctx, 0, t.rows, t.seed, 0)
	}
	return nil
}

//export goTextsHashStart
func goTextsHashStart(
	h C.rv_handle, values *C.rv_values, validity *C.uint8_t, whole, rows *C.uint64_t,
	seed C.uint64_t, made *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "hash texts", func(s *guard.Scope) error {
		if made == nil {
			return invalid("hash texts", "no place for the task", "")
		}
		t, err := newTextHash(s, h, values, validity, whole, rows, seed)
		if err != nil {
			return err
		}
		putTask(made, start(s, "hash texts", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, t.run(ctx)
			}))
		return nil
	})
}
