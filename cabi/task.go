//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"time"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

func useTask(s *guard.Scope, h C.rv_handle) (*task.Task, error) {
	return guard.Use[*task.Task](s, uint64(h), handle.Task)
}

//export goTaskWait
func goTaskWait(h C.rv_handle, ms C.int64_t, done *C.int32_t, e *C.rv_error) C.int32_t {
	return door(e, "wait", func(s *guard.Scope) error {
		t, err := useTask(s, h)
		if err != nil {
			return err
		}
		if done == nil {
			return invalid("wait", "no place for the answer", "")
		}
		const longest = 3_600_000
		*done = 0
		if t.Wait(time.Duration(min(max(ms, 0), longest)) * time.Millisecond) {
			*done = 1
		}
		return nil
	})
}

//export goTaskProgress
func goTaskProgress(h C.rv_handle, done, total *C.int64_t, e *C.rv_error) C.int32_t {
	return door(e, "progress", func(s *guard.Scope) error {
		t, err := useTask(s, h)
		if err != nil {
			return err
		}
		if done == nil || total == nil {
			return invalid("progress", "no place for the answer", "")
		}
		d, all := t.Progress()
		*done, *total = C.int64_t(d), C.int64_t(all)
		return nil
	})
}

//export goTaskCancel
func goTaskCancel(h C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "cancel", func(s *guard.Scope) error {
		t, err := useTask(s, h)
		if err == nil {
			t.Cancel()
		}
		return err
	})
}

//export goTaskResult
func goTaskResult(h C.rv_handle, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "", func(s *guard.Scope) error {
		t, err := useTask(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("result", "no place for the handle", "")
		}
		made, err := t.Handle(s.Table)
		*out = C.rv_handle(made)
		return err
	})
}
