// Package task runs long operations on goroutines that can be waited for, watched and cancelled.
package task

import (
	"context"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
)

// Result is what an operation makes: a value to be given a handle, or nothing (Value nil).
type Result struct {
	Kind  handle.Kind
	Value any
	Close func()
}

// Task is a running or finished operation. Safe for concurrent use.
type Task struct {
	cancel   context.CancelFunc
	ended    chan struct{}
	progress func() (done, total int64)

	mu     sync.Mutex
	result Result
	err    error
	out    uint64
	told   []func() // who is to be told of the end
}

// Start runs f on a goroutine. f should end soon after its context does. The scope's handles are
// held until f has ended. progress may be nil.
func Start(
	s guard.Scope, op string, progress func() (done, total int64),
	f func(context.Context) (Result, error),
) *Task {
	ctx, cancel := context.WithCancel(context.Background())
	t := &Task{cancel: cancel, ended: make(chan struct{}), progress: progress}
	s.Go(op, func() (err error) {
		t.result, err = f(ctx)
		return err
	}, func(err error) {
		cancel()
		for _, tell := range t.end(err) {
			tell()
		}
	})
	return t
}

// end notes that the task has ended and returns who is to be told.
func (t *Task) end(err error) []func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	told := t.told
	t.err, t.told = err, nil
	close(t.ended)
	return told
}

// OnEnd has f called once the task has ended: on its goroutine, or at once and on this one if it
// has. f must neither wait nor panic.
func (t *Task) OnEnd(f func()) {
	t.mu.Lock()
	ended := t.Wait(0)
	if !ended {
		t.told = append(t.told, f)
	}
	t.mu.Unlock()
	if ended {
		f()
	}
}

// Wait waits up to d for the task to end and reports whether it has.
func (t *Task) Wait(d time.Duration) bool {
	select {
	case <-t.ended:
		return true
	default:
	}
	if d <= 0 {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.ended:
		return true
	case <-timer.C:
		return false
	}
}

// Progress returns the work done and the work in all; 0, 0 when nothing is known.
func (t *Task) Progress() (done, total int64) {
	if t.progress == nil {
		return 0, 0
	}
	return t.progress()
}

// Cancel asks the task to end.
func (t *Task) Cancel() { t.cancel() }

// Handle returns a handle of the result (0 when there is none), the same one each time, which
// belongs to the caller; or the task's error.
//
// Errors: InvalidArgument while the task runs.
func (t *Task) Handle(table *handle.Table) (uint64, error) {
	if !t.Wait(0) {
		return 0, &arrowidx.Error{Kind: arrowidx.InvalidArgument, Op: "task",
			Msg: "the task is still running", Fix: "wait for it first", Row: -1, Column: -1}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil && t.out == 0 && t.result.Value != nil {
		t.out = table.Put(t.result.Kind, t.result.Value, t.result.Close)
	}
	return t.out, t.err
}

// Close cancels the task, waits for its end and closes a result that nobody has taken.
func (t *Task) Close() {
	t.cancel()
	<-t.ended
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out == 0 && t.result.Value != nil && t.result.Close != nil {
		t.result.Close()
	}
	t.result = Result{}
}
