//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/queue"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

func useTask(s *guard.Scope, h C.rv_handle) (*task.Task, error) {
	return guard.Use[*task.Task](s, uint64(h), handle.Task)
}

// forMS is how long C wants to wait, at most an hour.
func forMS(ms C.int64_t) time.Duration {
	const longest = 3_600_000
	return time.Duration(min(max(ms, 0), longest)) * time.Millisecond
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
		*done = 0
		if t.Wait(forMS(ms)) {
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

// admitLoops has threads of event loops, which must not wait, find the runtime free.
var admitLoops sync.Once

func useQueue(s *guard.Scope, h C.rv_handle) (*queue.Queue, error) {
	return guard.Use[*queue.Queue](s, uint64(h), handle.Queue)
}

//export goQueueNew
func goQueueNew(out *C.rv_handle, fd *C.int32_t, e *C.rv_error) C.int32_t {
	return door(e, "await", func(s *guard.Scope) error {
		if out == nil || fd == nil {
			return invalid("await", "no place for the queue", "")
		}
		q, err := queue.New()
		if err != nil {
			return err
		}
		admitLoops.Do(func() {
			mem.AdmitCallers()
			makeThreads()
		})
		*fd = C.int32_t(q.Descriptor())
		*out = C.rv_handle(s.Table.Put(handle.Queue, q, q.Close))
		return nil
	})
}

//export goQueueWatch
func goQueueWatch(h, watched C.rv_handle, token C.uint64_t, e *C.rv_error) C.int32_t {
	return door(e, "await", func(s *guard.Scope) error {
		q, err := useQueue(s, h)
		if err != nil {
			return err
		}
		t, err := useTask(s, watched)
		if err != nil {
			return err
		}
		q.Watch(t, uint64(token))
		return nil
	})
}

//export goQueueDrain
func goQueueDrain(
	h C.rv_handle, tokens *C.uint64_t, room C.int64_t, n *C.int64_t, e *C.rv_error,
) C.int32_t {
	return door(e, "await", func(s *guard.Scope) error {
		q, err := useQueue(s, h)
		if err != nil {
			return err
		}
		if n == nil || room < 0 || room > 0 && tokens == nil {
			return invalid("await", "no place for the tokens", "")
		}
		*n = C.int64_t(q.Drain(view[uint64](tokens, int64(room))))
		return nil
	})
}
