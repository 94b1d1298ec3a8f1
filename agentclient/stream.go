package agentclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

const (
	// window and windowBytes are how many updates wait to be taken. Beyond, the agent's answer is
	// read no further, and the agent has to wait.
	window      = 64
	windowBytes = 8 << 20
	// takeBytes is about how much one Take gives.
	takeBytes = 256 << 10
)

// Stream is what an agent tells of a task while it works. It is safe for concurrent use; updates go
// to whoever takes them first. It ends by itself with the task; otherwise it is to be closed.
type Stream struct {
	stop func(error)
	// clean takes the caller's secrets out of an error; nil where there are none.
	clean func(error) error
	ask   func(context.Context, string) (json.RawMessage, error)

	mu      sync.Mutex
	waiting []arrival
	bytes   int
	room    chan struct{} // holds one value once there is room after there was none
	come    chan struct{} // closed once there is something to take; nil while nobody waits for it
	told    func()
	armed   bool  // told is to be called with the next arrival
	end     error // what follows the last update; io.EOF is a good end
	task    events.Task
	usage   *Usage
	seq     uint64
	id      string
	skipped uint64
}

// arrival is an event that nobody has taken yet.
type arrival struct {
	event   events.Event
	usage   *Usage
	resumed bool
}

func newStream(most int, stop func(error)) *Stream {
	return &Stream{stop: stop, room: make(chan struct{}, 1), task: events.Task{Most: most}}
}

// Next waits for an update. The error is io.EOF once the task has come to an end, or to where it
// waits for somebody; Cancelled or A2aTimeout when ctx is done, after which the stream can still be
// read; StreamInterrupted where the connection broke and could not be taken up again; Closed after
// Close; PolicyViolation, InvalidAgentResponse, ResponseTooLarge, TaskNotFound and what else an
// agent answers. All but what ctx ended stays.
func (s *Stream) Next(ctx context.Context) (Update, error) {
	for {
		s.mu.Lock()
		list, err := s.take(1)
		var come chan struct{}
		if len(list) == 0 && err == nil {
			if s.come == nil {
				s.come = make(chan struct{})
			}
			come = s.come
		}
		s.mu.Unlock()
		switch {
		case len(list) > 0:
			return list[0], nil
		case err != nil:
			return Update{}, err
		}
		select {
		case <-come:
		case <-ctx.Done():
			return Update{}, cancelled(ctx, "next")
		}
	}
}

// Take returns the updates that have come, at most so many and about 256 KiB of them, without
// waiting. done tells that none will follow, and err why, unless the task came to its end; both
// stay. Where it returns no update and is not done, OnReady tells when to look again.
func (s *Stream) Take(most int) (list []Update, done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err = s.take(most)
	done = s.end != nil && len(s.waiting) == 0
	if !done {
		return list, false, nil
	}
	if err = s.end; err == io.EOF {
		err = nil
	}
	return list, true, err
}

// take merges and returns what came. Where there is nothing it returns the end, nil before that.
// The caller holds the lock.
func (s *Stream) take(most int) (list []Update, err error) {
	full, n, size, given := s.full(), 0, 0, 0
	for ; n < len(s.waiting) && len(list) < most; n++ {
		came := s.waiting[n]
		if given += len(came.event.Raw); given > takeBytes && len(list) > 0 {
			break
		}
		size += len(came.event.Raw)
		found, err := s.task.Merge(came.event, came.resumed)
		if err != nil {
			s.fail(err)
			return list, s.end
		}
		if found.Duplicate {
			given -= len(came.event.Raw)
			continue
		}
		s.seq++
		if came.usage != nil {
			s.usage = came.usage
		}
		list = append(list, Update{Kind: came.event.Kind, Seq: s.seq, TaskID: s.task.ID,
			ContextID: s.task.ContextID, State: came.event.State, Usage: came.usage,
			Resumed: came.resumed, Gap: found.Gap, Raw: came.event.Raw})
	}
	s.drop(n, size)
	if full && !s.full() {
		select {
		case s.room <- struct{}{}:
		default: // one is there already
		}
	}
	if len(s.waiting) > 0 || len(list) > 0 {
		return list, nil
	}
	s.armed = s.end == nil
	return nil, s.end
}

// drop forgets the first n that came; what stays does not hold their memory.
func (s *Stream) drop(n, size int) {
	left := copy(s.waiting, s.waiting[n:])
	clear(s.waiting[left:])
	s.waiting, s.bytes = s.waiting[:left], s.bytes-size
}

// fail ends the stream at once: what came and was not taken is forgotten. The caller holds the
// lock.
func (s *Stream) fail(err error) {
	if s.clean != nil {
		err = s.clean(err)
	}
	s.end = err
	s.drop(len(s.waiting), s.bytes)
	s.stop(err)
}

func (s *Stream) full() bool { return len(s.waiting) >= window || s.bytes >= windowBytes }

// put adds what came, and waits for room for more. It reports whether the stream goes on.
func (s *Stream) put(ctx context.Context, came arrival) bool {
	s.mu.Lock()
	if s.end != nil {
		s.mu.Unlock()
		return false
	}
	s.waiting = append(s.waiting, came)
	s.bytes += len(came.event.Raw)
	if s.id == "" {
		s.id = came.event.TaskID
	}
	tell, full := s.wake(), s.full()
	s.mu.Unlock()
	tell()
	for full {
		select {
		case <-s.room:
		case <-ctx.Done():
			return false
		}
		s.mu.Lock()
		full = s.full() && s.end == nil
		s.mu.Unlock()
	}
	return ctx.Err() == nil
}

// wake lets those who wait look again, and returns what tells who wanted to be told. The caller
// holds the lock, and calls that without it.
func (s *Stream) wake() func() {
	if s.come != nil {
		close(s.come)
		s.come = nil
	}
	if tell := s.told; tell != nil && s.armed {
		s.armed = false
		return tell
	}
	return func() {}
}

// finish notes what follows the updates, unless that is known, and wakes all who wait.
func (s *Stream) finish(err error) {
	s.mu.Lock()
	if s.end == nil {
		s.end = err
	}
	tell := s.wake()
	s.mu.Unlock()
	tell()
}

// OnReady has f called once there is something to take, or the end; at once if there is. After a
// Take that found nothing it is called again, and so on. f runs where updates are read: it must
// neither wait, nor panic, nor call the stream's methods. Nil is nobody.
func (s *Stream) OnReady(f func()) {
	s.mu.Lock()
	s.told, s.armed = f, true
	tell := func() {}
	if len(s.waiting) > 0 || s.end != nil {
		tell = s.wake()
	}
	s.mu.Unlock()
	tell()
}

// Snapshot is the task as the updates that were taken tell it.
func (s *Stream) Snapshot() *TaskState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &TaskState{Task: s.task.JSON(), Message: s.task.Message, TaskID: s.task.ID,
		ContextID: s.task.ContextID, State: s.task.State, Usage: s.usage, Gap: s.task.Gap}
}

// Skipped counts the events that were of no kind that is known here, and were left out.
func (s *Stream) Skipped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skipped
}

func (s *Stream) skip() {
	s.mu.Lock()
	s.skipped++
	s.mu.Unlock()
}

// TaskID is the task's id once the agent has named it, "" before.
func (s *Stream) TaskID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// Cancel asks the agent to cancel the task, and returns the Task that it answers. The stream goes
// on, and tells what comes of it. The error is TaskNotFound before the agent named the task.
func (s *Stream) Cancel(ctx context.Context) (json.RawMessage, error) {
	id := s.TaskID()
	if id == "" {
		return nil, &problem.Error{Code: problem.TaskNotFound, Op: "cancel_task",
			Msg: "the agent has not named the task yet",
			Fix: "wait for the first update, or close the stream"}
	}
	return s.ask(ctx, id)
}

// Close ends the stream on this side; the agent's task goes on. Updates that nobody took are
// forgotten. It waits for nothing, and closing again does nothing.
func (s *Stream) Close() error {
	closed := problem.New(problem.Closed, "the stream is closed", "open another with Subscribe")
	s.mu.Lock()
	if s.end == nil || len(s.waiting) > 0 {
		s.fail(closed)
	}
	tell := s.wake()
	s.mu.Unlock()
	s.stop(closed)
	tell()
	return nil
}

// cancelled is the error of an operation whose context is done.
func cancelled(ctx context.Context, op string) error {
	if e := (*problem.Error)(nil); asProblem(context.Cause(ctx), &e) {
		return e.Copy()
	}
	code, msg := problem.Cancelled, "the operation was cancelled"
	if context.Cause(ctx) == context.DeadlineExceeded {
		code, msg = problem.Timeout, "the time given for the operation is over"
	}
	e := (&problem.Error{Code: code, Op: op, Msg: msg}).Because(context.Cause(ctx))
	if code == problem.Timeout {
		e.With("stage", "total")
	}
	return e
}

func interrupted(seq uint64, attempts int, cause error) error {
	e := &problem.Error{Code: problem.StreamInterrupted, Op: "stream_task", Attempts: attempts,
		Msg: "the stream broke off", Err: cause}
	if cause != nil {
		e.Msg = fmt.Sprintf("the stream broke off: %s", problem.Said(cause.Error()))
	}
	return e.With("last_seq", int64(seq))
}
