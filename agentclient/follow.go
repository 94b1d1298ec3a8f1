package agentclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Resume says how a stream that broke off is taken up again. Zero values are the standard ones.
type Resume struct {
	// Off tells that it is not: the break is the stream's end, StreamInterrupted.
	Off bool
	// Attempts is how often it is tried, 8; For how long, 10 minutes. Both count anew after a
	// connection that held for Healthy, 30 seconds.
	Attempts     int
	For, Healthy time.Duration
	// First is what is waited before the first attempt, 500 ms; before each further one twice as
	// long, up to Most, 15 s.
	First, Most time.Duration
	// Poll is how long is waited between two questions for a task that cannot be streamed, 500 ms,
	// then half as long again each time, up to PollMost, 10 s.
	Poll, PollMost time.Duration
}

func (r Resume) filled() Resume {
	set := func(at *time.Duration, standard time.Duration) {
		if *at <= 0 {
			*at = standard
		}
	}
	if r.Attempts <= 0 {
		r.Attempts = 8
	}
	set(&r.For, 10*time.Minute)
	set(&r.Healthy, 30*time.Second)
	set(&r.First, 500*time.Millisecond)
	set(&r.Most, 15*time.Second)
	set(&r.Poll, 500*time.Millisecond)
	set(&r.PollMost, 10*time.Second)
	return r
}

// agent is what following a task asks of its agent.
type agent interface {
	subscribe(ctx context.Context, taskID string) (wire.Feed, error)
	task(ctx context.Context, taskID string) (json.RawMessage, error)
}

// follower reads a task's events into a stream, over as many connections as that takes. It is of
// one goroutine.
type follower struct {
	stream *Stream
	agent  agent
	resume Resume
	// use reads what an event says of what was used up, and the error is that it is too much.
	use func(events.Event) (*Usage, error)

	id       string
	state    State
	done     bool // after a message, and where waiting has ended
	count    uint64
	attempts int
	seen     []byte    // what was answered to the last question for the task
	since    time.Time // when the break that is being mended began
}

// errBroken marks what ended a connection that may be taken up again.
var errBroken = errors.New("the connection ended before the task did")

// follow reads from a connection until the task's end, and returns what the stream ends with.
func (f *follower) follow(ctx context.Context, feed wire.Feed) error {
	fresh := false
	for {
		opened, subscribed, before := time.Now(), f.id != "", f.count
		err := f.read(ctx, feed, fresh)
		_ = feed.Close()
		if time.Since(opened) >= f.resume.Healthy {
			f.attempts = 0
		}
		switch {
		case f.ended():
			return io.EOF
		case ctx.Err() != nil:
			return cancelled(ctx, "stream_task")
		case subscribed && f.count == before && unsubscribable(err):
			return f.poll(ctx, fresh) // refused by the first event, as a2a-go does
		case !mends(err):
			return err
		case f.id == "" || f.resume.Off:
			return interrupted(f.count, f.attempts, err)
		}
		if feed, err = f.again(ctx, err); err != nil || feed == nil {
			return err
		}
		fresh = true
	}
}

// ended tells whether nothing more is to come: after a message, in a terminal state, and where the
// agent waits for an answer. While it waits for credentials that reach it by another way, it may go
// on by itself.
func (f *follower) ended() bool {
	return f.done || f.state.Terminal() || f.state == InputRequired
}

// read takes the events of one connection. It returns nil at the task's end.
func (f *follower) read(ctx context.Context, feed wire.Feed, fresh bool) error {
	for !f.ended() {
		data, err := feed.Next(ctx)
		if err != nil {
			if f.state == AuthRequired && mends(err) {
				f.done = true
				return nil
			}
			if err == io.EOF {
				return errBroken
			}
			return err
		}
		e, err := events.Parse(data)
		if err == events.ErrUnknown {
			f.stream.skip()
			continue
		}
		if err != nil {
			return err
		}
		if fresh && e.Kind != KindTask && e.Kind != KindMessage {
			// The agent leaves out the snapshot that a subscription begins with.
			if err := f.look(ctx, true); err != nil || f.ended() {
				return err
			}
		}
		if err := f.take(ctx, e, fresh && e.Kind == KindTask); err != nil {
			return err
		}
		fresh = false
	}
	return nil
}

// take gives an event to the stream.
func (f *follower) take(ctx context.Context, e events.Event, resumed bool) error {
	if f.id != "" && e.TaskID != "" && e.TaskID != f.id {
		return &problem.Error{Code: problem.InvalidAgentResponse, Op: "stream_task", TaskID: f.id,
			Msg: fmt.Sprintf("an event of task %s came in the stream of task %s",
				problem.Said(e.TaskID), problem.Said(f.id)),
			Fix: "the agent mixes tasks up; tell those who run it"}
	}
	if f.id == "" && e.Kind != KindMessage {
		f.id = e.TaskID
	}
	if e.State != "" {
		f.state = e.State
	}
	f.done = f.done || e.Kind == KindMessage
	f.count++
	usage, excess := f.use(e)
	if !f.stream.put(ctx, arrival{e, usage, resumed}) {
		return cancelled(ctx, "stream_task")
	}
	return excess
}

// again opens another connection. It returns none once the task ended, or was asked after until it
// did.
func (f *follower) again(ctx context.Context, cause error) (wire.Feed, error) {
	if f.attempts == 0 {
		f.since = time.Now()
	}
	for {
		if err := f.pause(ctx, cause); err != nil {
			return nil, err
		}
		feed, err := f.agent.subscribe(ctx, f.id)
		switch {
		case err == nil:
			return feed, nil
		case unsubscribable(err):
			return nil, f.poll(ctx, true)
		case !mends(err):
			return nil, err
		}
		cause = err
	}
}

// pause waits before another attempt; the error is that there is none.
func (f *follower) pause(ctx context.Context, cause error) error {
	if f.attempts >= f.resume.Attempts || time.Since(f.since) >= f.resume.For {
		return interrupted(f.count, f.attempts, cause)
	}
	wait := f.resume.Most
	if f.attempts < 32 {
		wait = min(wait, f.resume.First<<f.attempts)
	}
	f.attempts++
	return sleep(ctx, wait, "stream_task")
}

// poll asks for the task again and again until its end; what changed is told as a whole task.
func (f *follower) poll(ctx context.Context, resumed bool) error {
	wait, failed := f.resume.Poll, 0
	for {
		err := f.look(ctx, resumed)
		switch {
		case err == nil && (f.ended() || f.state == AuthRequired):
			return io.EOF
		case ctx.Err() != nil:
			return cancelled(ctx, "stream_task")
		case err == nil:
			failed, resumed = 0, false
		case !mends(err):
			return err
		default:
			if failed++; failed >= f.resume.Attempts {
				return interrupted(f.count, failed, err)
			}
		}
		if err := sleep(ctx, wait, "stream_task"); err != nil {
			return err
		}
		wait = min(wait+wait/2, f.resume.PollMost)
	}
}

// keepAsking is poll after a task that was seen just now.
func (f *follower) keepAsking(ctx context.Context, seen json.RawMessage) error {
	if e, err := events.TaskEvent(seen); err == nil {
		f.seen = e.Raw
	}
	if err := sleep(ctx, f.resume.Poll, "stream_task"); err != nil {
		return err
	}
	return f.poll(ctx, false)
}

// look asks for the task, and gives it to the stream if it is not what was seen before.
func (f *follower) look(ctx context.Context, resumed bool) error {
	data, err := f.agent.task(ctx, f.id)
	if err != nil {
		return err
	}
	e, err := events.TaskEvent(data)
	if err != nil {
		return err
	}
	if !resumed && bytes.Equal(e.Raw, f.seen) {
		return nil
	}
	f.seen = e.Raw
	return f.take(ctx, e, resumed)
}

// mends tells whether an error is of the connection, so that another one may do better.
func mends(err error) bool {
	e := (*problem.Error)(nil)
	if !asProblem(err, &e) {
		return err != nil
	}
	if status, ok := e.Detail["status"].(int64); ok && e.Code == problem.HTTPStatus {
		return status == 429 || status >= 502 && status <= 504
	}
	return problem.Is(err, problem.ConnectFailed, problem.TLSFailed, problem.Timeout,
		problem.StreamInterrupted)
}

// unsubscribable tells whether an agent says that a task cannot be listened to, which it may do
// of tasks that ended, that wait, or that it streams to nobody.
func unsubscribable(err error) bool {
	if problem.Is(err, problem.TaskNotFound, problem.UnsupportedOperation, problem.MethodNotFound,
		problem.InvalidAgentResponse) {
		return true
	}
	e := (*problem.Error)(nil)
	if !asProblem(err, &e) || e.Code != problem.HTTPStatus {
		return false
	}
	status, _ := e.Detail["status"].(int64)
	return status == 404 || status == 405
}

func asProblem(err error, into **problem.Error) bool { return errors.As(err, into) }

// sleep waits, up to a fifth longer so that many clients do not come back at once.
func sleep(ctx context.Context, wait time.Duration, op string) error {
	timer := time.NewTimer(wait + time.Duration(jitter(int64(wait)/5)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return cancelled(ctx, op)
	}
}
