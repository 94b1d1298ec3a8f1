//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"context"
	"fmt"
	"sync"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/agents"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/queue"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

// reply is what an operation answered, and the handle of what it made once that was asked for.
type reply struct {
	agents.Answer
	mu   sync.Mutex
	made uint64
}

// take returns the handle of what was made, 0 for nothing: the same one each time.
func (r *reply) take() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made != 0 {
		return r.made
	}
	switch v := r.Made.(type) {
	case *agents.Agent:
		r.made = table.Put(handle.Agent, v, v.Close)
	case *agents.Stream:
		r.made = table.Put(handle.Updates, v, v.Close)
	case *agents.Budget:
		r.made = table.Put(handle.Budget, v, nil)
	}
	return r.made
}

// close ends what was made and nobody asked for.
func (r *reply) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if made, ok := r.Made.(interface{ Close() }); ok && r.made == 0 {
		made.Close()
	}
}

// readCall copies what C says of an operation. on is nil for handle 0.
func readCall(
	s *guard.Scope, h C.rv_handle, op, p *C.char, n C.int64_t,
) (call agents.Call, err error) {
	switch {
	case op == nil || p == nil || n < 0:
		return call, invalid("agent", "no operation, or no request", "")
	case n > mostRequest:
		return call, &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: "agent", Row: -1, Column: -1,
			Msg: fmt.Sprintf("a request of %d bytes", n),
			Fix: fmt.Sprintf("send at most %d at once, and the rest as files", mostRequest)}
	}
	call.Op, call.Request = C.GoString(op), []byte(stringOf(p, n))
	if h != 0 {
		ref, err := s.Acquire(uint64(h), handle.Any)
		if err != nil {
			return call, err
		}
		call.On = ref.Value()
	}
	return call, nil
}

//export goAgentCallStart
func goAgentCallStart(
	on, budget C.rv_handle, op, p *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "agent", func(s *guard.Scope) error {
		if out == nil {
			return invalid("agent", "no place for the task", "")
		}
		call, err := readCall(s, on, op, p, n)
		if err != nil {
			return err
		}
		if budget != 0 {
			call.Budget, err = guard.Use[*agents.Budget](s, uint64(budget), handle.Budget)
			if err != nil {
				return err
			}
		}
		putTask(out, start(s, call.Op, nil, func(ctx context.Context) (task.Result, error) {
			r := &reply{Answer: call.Do(ctx)}
			return task.Result{Kind: handle.Reply, Value: r, Close: r.close}, nil
		}))
		return nil
	})
}

//export goAgentAnswer
func goAgentAnswer(h C.rv_handle, made *C.rv_handle, out *C.rv_bytes, e *C.rv_error) C.int32_t {
	return door(e, "agent", func(s *guard.Scope) error {
		r, err := guard.Use[*reply](s, uint64(h), handle.Reply)
		if err != nil {
			return err
		}
		if out == nil || made == nil {
			return invalid("agent", "no place for the answer", "")
		}
		if kind := setBytes(out, r.JSON, nil); kind != 0 {
			return memoryError("agent", kind)
		}
		*made = C.rv_handle(r.take())
		return nil
	})
}

//export goAgentAsk
func goAgentAsk(
	on C.rv_handle, op, p *C.char, n C.int64_t, out *C.rv_bytes, e *C.rv_error,
) C.int32_t {
	return door(e, "agent", func(s *guard.Scope) error {
		call, err := readCall(s, on, op, p, n)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("agent", "no place for the answer", "")
		}
		return memoryError("agent", setBytes(out, call.Ask(), nil))
	})
}

func useUpdates(s *guard.Scope, h C.rv_handle) (*agents.Stream, error) {
	return guard.Use[*agents.Stream](s, uint64(h), handle.Updates)
}

//export goAgentTake
func goAgentTake(h C.rv_handle, most C.int64_t, out *C.rv_bytes, e *C.rv_error) C.int32_t {
	return door(e, "agent", func(s *guard.Scope) error {
		updates, err := useUpdates(s, h)
		if err != nil {
			return err
		}
		if out == nil || most < 1 {
			return invalid("agent", "no place for the updates, or none asked for", "")
		}
		return memoryError("agent", setBytes(out, updates.Take(int(min(most, 1<<20))), nil))
	})
}

//export goAgentWait
func goAgentWait(h C.rv_handle, ms C.int64_t, ready *C.int32_t, e *C.rv_error) C.int32_t {
	return door(e, "agent", func(s *guard.Scope) error {
		updates, err := useUpdates(s, h)
		if err != nil {
			return err
		}
		if ready == nil {
			return invalid("agent", "no place for the answer", "")
		}
		*ready = 0
		if updates.Wait(forMS(ms)) {
			*ready = 1
		}
		return nil
	})
}

//export goAgentWatch
func goAgentWatch(q, h C.rv_handle, token C.uint64_t, e *C.rv_error) C.int32_t {
	return door(e, "await", func(s *guard.Scope) error {
		loop, err := useQueue(s, q)
		if err != nil {
			return err
		}
		updates, err := useUpdates(s, h)
		if err != nil {
			return err
		}
		loop.Watch(updates, uint64(token))
		return nil
	})
}

var _ queue.Watched = (*agents.Stream)(nil)
