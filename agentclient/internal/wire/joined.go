package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// oldestLine is the transport of the dialect of rvagent. There a stream only listens, and a request
// beside it does the work: both are joined to what a stream of 1.0 is.
type oldestLine struct {
	*rpc
	grace time.Duration // patience, but in tests
	mu    sync.Mutex
	// seen is the time of the last status of each task, from which a stream goes on.
	seen map[string]string
}

// mostSeen is of how many tasks the last status is remembered.
const mostSeen = 1024

// patience is how long the end of a stream is waited for once its task is done.
const patience = 5 * time.Second

func newOldest(l *line) *oldestLine {
	return &oldestLine{rpc: &rpc{line: l, dialect: oldestDialect{}}, grace: patience,
		seen: map[string]string{}}
}

// Call does an operation. Sending is answered when the task is done, and cancelling with no task:
// it is asked for afterwards.
func (t *oldestLine) Call(ctx context.Context, call Call) (json.RawMessage, error) {
	p, err := t.check(call, false)
	if err != nil {
		return nil, err
	}
	result, err := t.do(ctx, p)
	if err != nil || p.Op != CancelTask {
		return result, about(err, p)
	}
	done, _ := raw.Part(result)
	if canceled, _ := done.Bool("canceled"); !canceled {
		return nil, about(problem.New(problem.TaskNotCancelable, "the agent did not cancel the task",
			""), p)
	}
	task, err := t.get(ctx, p.taskID)
	if problem.Is(err, problem.TaskNotFound) { // it keeps no task that did not end
		return raw.Of(map[string]any{"id": p.taskID,
			"status": map[string]any{"state": "TASK_STATE_CANCELED"}}), nil
	}
	return task, err
}

// get asks for a task.
func (t *oldestLine) get(ctx context.Context, id string) (json.RawMessage, error) {
	p, err := t.check(Call{Op: GetTask, Params: raw.Of(map[string]any{"id": id})}, false)
	if err != nil {
		return nil, err
	}
	task, err := t.do(ctx, p)
	return task, about(err, p)
}

// do asks and reads the result.
func (t *oldestLine) do(ctx context.Context, p *prepared) (json.RawMessage, error) {
	r, id, err := t.request(p, "application/json")
	if err != nil {
		return nil, err
	}
	r.Patient = p.again == web.Sending
	answer, err := t.ask(ctx, r)
	if err != nil {
		return nil, err
	}
	op := p.Op
	if op == SendStreamingMessage {
		op = SendMessage
	}
	return t.read(answer, id, op)
}

// Open listens, and for a new message sends it then. A stream that is taken up again begins with
// the task, if the agent has it, and goes on after the last status that was seen.
func (t *oldestLine) Open(ctx context.Context, call Call) (Feed, error) {
	p, err := t.check(call, true)
	if err != nil {
		return nil, err
	}
	path, id := "/tasks/sendSubscribe", p.taskID
	if p.Op == SendStreamingMessage {
		message, err := p.params.Object("message")
		if err != nil || message == nil || taskIDOf(message) == "" {
			return nil, problem.New(problem.InvalidArgument, "the message has no messageId",
				"give it one, to name the task")
		}
		id = taskIDOf(message)
		p.TaskID = id
	}
	query := url.Values{"id": {id}}
	if p.Op == SubscribeToTask {
		path = "/tasks/resubscribe"
		if since := t.last(id); since != "" {
			query.Set("last_event_id", since)
		}
	}
	header, err := t.headers(p.Header)
	if err != nil {
		return nil, err
	}
	stream, err := t.web.Open(ctx, web.Request{Method: "GET", Header: header, Credentials: true,
		URL:    strings.TrimRight(t.at.URL, "/") + path + "?" + query.Encode(),
		Accept: "text/event-stream", Again: web.Reading})
	if err != nil {
		return nil, about(err, p)
	}
	if !isStream(stream) {
		return nil, about(t.noStream(stream), p)
	}
	f := &joined{line: t, call: p, id: id, stream: stream,
		events: events.NewReader(stream, t.options.MaxEvent), ended: make(chan struct{})}
	f.life, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if p.Op == SendStreamingMessage {
		f.begin()
		return f, nil
	}
	close(f.ended)
	if err := f.snapshot(ctx); err != nil {
		_ = f.Close() // never fails
		return nil, err
	}
	return f, nil
}

// noStream is the error of an answer that should have been a stream.
func (t *oldestLine) noStream(stream *web.Stream) error {
	defer stream.Close()
	answer, err := stream.All()
	if err != nil {
		return err
	}
	if answer.Status >= 200 && answer.Status < 300 {
		return t.invalid("it is " + media(answer.Header) + ", not a stream of events")
	}
	return t.web.Refusal(answer)
}

// last is the time of the last status that was seen of a task.
func (t *oldestLine) last(id string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[id]
}

// remember keeps the time of a status.
func (t *oldestLine) remember(id, at string, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, err := time.Parse(time.RFC3339Nano, at); err != nil {
		return
	}
	if last {
		delete(t.seen, id)
		return
	}
	if len(t.seen) >= mostSeen && t.seen[id] == "" {
		for other := range t.seen {
			delete(t.seen, other)
			break
		}
	}
	t.seen[id] = at
}

// errDone ends listening to a stream that goes on after its task is done.
var errDone = errors.New("the task is done")

// joined is a stream beside the request that does its work.
type joined struct {
	line   *oldestLine
	call   *prepared
	id     string
	stream *web.Stream
	events *events.Reader
	life   context.Context
	cancel context.CancelFunc

	// ended is closed once the request was answered with task or err.
	ended chan struct{}
	task  json.RawMessage
	err   error

	reading sync.Mutex
	first   json.RawMessage // to be given before what is read
	over    bool            // whether the last event was read
	told    bool            // whether its end was given
	unknown bool            // whether the agent has no such task so far
	end     error
}

// begin sends the message beside the stream.
func (f *joined) begin() {
	go func() {
		defer close(f.ended)
		defer func() {
			if broken := recover(); broken != nil {
				f.err = problem.New(problem.Internal, problem.Said(fmt.Sprint(broken)), "report it")
				f.stream.Stop(errDone)
			}
		}()
		result, err := f.line.do(f.life, f.call)
		if err != nil {
			f.err = err
			f.stream.Stop(errDone)
			return
		}
		o, _ := raw.Part(result)
		f.task = o["task"]
		if e, err := events.TaskEvent(f.task); err == nil && e.State.Ended() {
			time.AfterFunc(f.line.grace, func() { f.stream.Stop(errDone) })
		}
	}()
}

// snapshot asks for the task of a stream that is taken up again; one that has ended is the whole
// stream.
func (f *joined) snapshot(ctx context.Context) error {
	task, err := f.line.get(ctx, f.id)
	if problem.Is(err, problem.TaskNotFound) { // tasks are kept once they ended
		f.unknown = true
		return nil
	}
	if err != nil {
		return err
	}
	f.first = raw.Of(raw.Object{"task": task})
	if e, err := events.TaskEvent(task); err == nil && e.State.Ended() {
		f.over = true
	}
	return nil
}

// Next waits for an event.
func (f *joined) Next(ctx context.Context) (json.RawMessage, error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	if f.end != nil {
		return nil, f.end
	}
	if event := f.first; event != nil {
		f.first = nil
		return event, nil
	}
	stop := context.AfterFunc(ctx, func() { f.stream.Stop(context.Cause(ctx)) })
	defer stop()
	event, err := f.next(ctx)
	if err != nil {
		if err != io.EOF {
			err = about(err, f.call)
		}
		f.end = err
		f.cancel()
		f.events.Close()
		_ = f.stream.Close() // never fails
	}
	return event, err
}

// next reads an event, or gives what comes after the last.
func (f *joined) next(ctx context.Context) (json.RawMessage, error) {
	for !f.over {
		name, _, data, err := f.events.Next()
		if err != nil {
			f.over = true
			return f.tail(ctx, err)
		}
		event, last, at, err := oldEvent(name, data)
		if err != nil {
			return nil, f.line.invalid("an event of the stream: " + err.Error())
		}
		f.line.remember(f.id, at, last)
		if last {
			f.over, f.told = true, true
			return f.last(ctx, event)
		}
		if event != nil {
			return event, nil
		}
	}
	return f.tail(ctx, io.EOF)
}

// last gives the task in place of the last status, which says less: whoever reads no further must
// have what the stream lost. event is that status, for where there is no such task.
func (f *joined) last(ctx context.Context, event json.RawMessage) (json.RawMessage, error) {
	if f.call.Op == SubscribeToTask {
		return f.lastKept(ctx, event)
	}
	timer := time.NewTimer(f.line.grace)
	defer timer.Stop()
	select {
	case <-f.ended:
		if f.err != nil {
			return nil, f.err
		}
		return whole(f.task, event), nil
	case <-timer.C:
		return event, nil
	case <-ctx.Done():
		return nil, problem.New(problem.Cancelled, "cancelled", "").Because(context.Cause(ctx))
	}
}

// lastKept asks for the task. It tells apart one that failed and one that never was: of both such
// an agent says that it failed.
func (f *joined) lastKept(ctx context.Context, event json.RawMessage) (json.RawMessage, error) {
	task, err := f.line.get(ctx, f.id)
	switch {
	case err == nil:
		return whole(task, event), nil
	case ctx.Err() != nil, f.unknown && problem.Is(err, problem.TaskNotFound):
		return nil, err
	}
	return event, nil
}

// whole is the event of a task that has ended, or else event.
func whole(task, event json.RawMessage) json.RawMessage {
	if e, err := events.TaskEvent(task); err != nil || !e.State.Ended() {
		return event
	}
	return raw.Of(raw.Object{"task": task})
}

// tail gives the task as the request was answered with it, once, then the end. why is what ended
// the stream.
func (f *joined) tail(ctx context.Context, why error) (json.RawMessage, error) {
	if f.told {
		return nil, io.EOF
	}
	if why != io.EOF && ctx.Err() != nil || problem.Is(why, problem.Closed, problem.ResponseTooLarge) {
		return nil, why
	}
	select {
	case <-f.ended:
	case <-ctx.Done():
		return nil, problem.New(problem.Cancelled, "cancelled", "").Because(context.Cause(ctx))
	}
	if f.err != nil {
		return nil, f.err
	}
	if task := f.task; task != nil {
		f.told = true
		return raw.Of(raw.Object{"task": task}), nil
	}
	if why != io.EOF && !errors.Is(why, errDone) {
		return nil, why
	}
	return nil, io.EOF
}

// Close ends the stream, and a Next that waits.
func (f *joined) Close() error {
	f.cancel()
	err := f.stream.Close()
	f.reading.Lock()
	defer f.reading.Unlock()
	f.events.Close()
	return err
}
