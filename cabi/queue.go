//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"sync"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/queue"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

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
