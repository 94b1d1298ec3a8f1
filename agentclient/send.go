package agentclient

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/bounds"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/card"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/events"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/wire"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// aftermath is how long a task that is given up is tried to be cancelled.
const aftermath = 5 * time.Second

// Reply is what an agent answers at once: a 1.0 Task, or a Message. The other is nil.
type Reply struct {
	Task, Message json.RawMessage
	Usage         *Usage
}

// dispatch is a task that was let through, before it is sent.
type dispatch struct {
	spec    TaskSpec
	session *session
	run     *bounds.Run
	message raw.Object
	header  http.Header
}

// begin checks a task before anything is sent: what is asked for, the extensions that the agent
// requires, then budget, recursion and policy. Who gets a dispatch ends its run.
func (c *Client) begin(ctx context.Context, spec TaskSpec) (*dispatch, error) {
	s, err := c.ready()
	if err != nil {
		return nil, err
	}
	d := &dispatch{spec: spec, session: s, header: http.Header{}}
	if d.message, err = spec.message(); err != nil {
		return nil, err
	}
	if _, err = spec.params(nil, false); err != nil {
		return nil, err
	}
	b := bounds.Dispatch{Estimate: spec.Estimate, Skill: spec.Skill, Offered: s.skills,
		ParentTask: spec.ParentTask, Target: s.trust.AgentID}
	if policy := c.policy(spec.Policy); policy != nil {
		b.Policy = *policy
	}
	if b.Target == "" {
		b.Target = s.at.URL
	}
	if spec.Context != nil {
		b.Context = *spec.Context
	} else if c.options.Context != nil {
		b.Context = *c.options.Context
	}
	if d.run, err = c.guard.Begin(ctx, b); err != nil {
		return nil, err
	}
	var used []string
	d.message, err = d.run.Annotate(d.message, func(uri string) bool {
		if c.speaks(s, uri) {
			used = append(used, uri)
			return true
		}
		return false
	})
	if err != nil {
		d.run.Cancel()
		return nil, err
	}
	if len(used) > 0 && s.at.Version != card.VersionLegacy {
		d.header.Set(ext.Header, strings.Join(used, ", "))
	}
	d.header.Set("traceparent", d.run.Child.Trace.String())
	return d, nil
}

func (c *Client) policy(own *TaskPolicy) *TaskPolicy {
	if own != nil {
		return own
	}
	return c.options.Policy
}

// call makes the request that sends the task.
func (d *dispatch) call(op string, atOnce bool) (wire.Call, error) {
	params, err := d.spec.params(d.message, atOnce)
	return wire.Call{Op: op, Params: params, Header: d.header, TaskID: d.spec.TaskID}, err
}

// over ends the run of a task after its request failed: what was refused, or never left, took
// nothing.
func (d *dispatch) over(err error) {
	if problem.Is(err, problem.StreamInterrupted, problem.Timeout, problem.Cancelled,
		problem.InvalidAgentResponse, problem.PeerInternalError, problem.ResponseTooLarge,
		problem.HTTPStatus, problem.Internal) || mayHaveBegun(err) {
		d.run.End()
		return
	}
	d.run.Cancel()
}

// mayHaveBegun tells whether a connection broke after the request had left.
func mayHaveBegun(err error) bool {
	e := (*problem.Error)(nil)
	return asProblem(err, &e) && e.Code == problem.ConnectFailed && e.Detail["sent"] == true
}

// Send sends a message and returns what the agent answers, which may take as long as the task:
// Run and Stream do not depend on one long answer. Errors: those of before anything is sent
// (BudgetExceeded, RecursionLimit, PolicyViolation, ExtensionRequired, InvalidArgument), of the
// connection, and what the agent answers.
func (c *Client) Send(ctx context.Context, spec TaskSpec) (Reply, error) {
	d, err := c.begin(ctx, spec)
	if err != nil {
		return Reply{}, c.named(err, "send_task")
	}
	reply, first, err := c.send(ctx, d, spec.ReturnAtOnce)
	if err != nil && !problem.Is(err, problem.PolicyViolation) {
		d.over(err)
		return Reply{}, c.named(err, "send_task")
	}
	d.run.End()
	if err != nil && first.TaskID != "" && first.Kind == KindTask && !first.State.Terminal() {
		c.giveUp(first.TaskID)
	}
	return reply, c.named(err, "send_task")
}

// send asks once, and returns the answer as a stream would have told it too.
func (c *Client) send(ctx context.Context, d *dispatch, atOnce bool) (Reply, events.Event, error) {
	ctx, stop := d.within(ctx)
	defer stop()
	call, err := d.call(wire.SendMessage, atOnce)
	if err != nil {
		return Reply{}, events.Event{}, err
	}
	answer, err := c.call(ctx, call)
	if err != nil {
		return Reply{}, events.Event{}, err
	}
	e, err := events.Parse(answer)
	if err != nil {
		return Reply{}, events.Event{}, problem.New(problem.InvalidAgentResponse,
			"the answer is neither a task nor a message", "tell those who run the agent").Because(err)
	}
	found, err := raw.Part(answer)
	if err != nil {
		return Reply{}, events.Event{}, err
	}
	usage, err := observe(d.run.Observe, e)
	return Reply{Task: found["task"], Message: found["message"], Usage: usage}, e, err
}

// within bounds a context by the policy's duration.
func (d *dispatch) within(ctx context.Context) (context.Context, context.CancelFunc) {
	left, limited := d.run.Left()
	if !limited {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, left, d.run.TooLong())
}

// Run sends a task and follows it until it ends, or waits for somebody: over a stream that is taken
// up again when it breaks, or by asking again and again where the agent does not stream. The state
// is what is known also where there is an error, nil where nothing is.
func (c *Client) Run(ctx context.Context, spec TaskSpec) (*TaskState, error) {
	s, err := c.Stream(ctx, spec)
	if err != nil {
		return nil, c.named(err, "send_task")
	}
	defer s.Close()
	for {
		update, err := s.Next(ctx)
		if err == io.EOF || err == nil && update.State.Interrupted() {
			return s.Snapshot(), nil
		}
		if err == nil {
			continue
		}
		if id := s.TaskID(); ctx.Err() != nil && spec.CancelOnAbort && id != "" {
			c.giveUp(id)
		}
		return s.Snapshot(), c.named(err, "send_task")
	}
}

// giveUp asks the agent to cancel a task, beside the caller, who does not wait for it.
func (c *Client) giveUp(id string) {
	_ = c.spawn(func() error {
		ctx, stop := c.apart(aftermath)
		defer stop()
		_, err := c.CancelTask(ctx, id, nil)
		return err
	}, func(error) {})
}

// Stream sends a task and returns what the agent tells of it. The context bounds the opening alone.
// Where the agent does not stream, it is asked again and again. Errors: those of Send.
func (c *Client) Stream(ctx context.Context, spec TaskSpec) (*Stream, error) {
	const op = "stream_task"
	d, err := c.begin(ctx, spec)
	if err != nil {
		return nil, c.named(err, op)
	}
	resume := c.options.Resume
	if spec.Resume != nil {
		resume = *spec.Resume
	}
	if d.session.card.Capabilities.Streaming {
		feed, err := c.openStream(ctx, d)
		if err == nil {
			return c.start(d.run, resume, d.run.Observe, func(ctx context.Context, f *follower) error {
				return f.follow(ctx, feed)
			}, feed)
		}
		if !problem.Is(err, problem.UnsupportedOperation) {
			d.over(err)
			return nil, c.named(err, op)
		}
	}
	reply, first, err := c.send(ctx, d, true)
	if err != nil && !problem.Is(err, problem.PolicyViolation) {
		d.over(err)
		return nil, c.named(err, op)
	}
	return c.start(d.run, resume, d.run.Observe, func(ctx context.Context, f *follower) error {
		if err := f.take(ctx, first, false); err != nil {
			return err
		}
		if f.ended() || f.state == AuthRequired {
			return io.EOF
		}
		return f.keepAsking(ctx, reply.Task)
	}, nil)
}

func (c *Client) openStream(ctx context.Context, d *dispatch) (wire.Feed, error) {
	ctx, stop := d.within(ctx)
	defer stop()
	call, err := d.call(wire.SendStreamingMessage, false)
	if err != nil {
		return nil, err
	}
	return c.open(ctx, call)
}

// Subscribe follows a task that is there already, from a snapshot of it on. Where the agent does
// not stream it, it is asked again and again. The context bounds the opening alone. A Resume takes
// the place of the client's. Errors: TaskNotFound, ExtensionRequired, InvalidArgument, and those of
// the connection.
func (c *Client) Subscribe(ctx context.Context, taskID string, resume ...Resume) (*Stream, error) {
	const op = "stream_task"
	again := append(resume, c.options.Resume)[0]
	if err := wire.CheckID("task_id", taskID); err != nil {
		return nil, c.named(err, op)
	}
	s, err := c.ready()
	if err != nil {
		return nil, c.named(err, op)
	}
	var policy TaskPolicy
	if c.options.Policy != nil {
		policy = *c.options.Policy
	}
	meter := bounds.NewMeter(policy)
	if s.card.Capabilities.Streaming {
		feed, err := c.subscribe(ctx, taskID)
		if err == nil {
			return c.start(nil, again, meter.Observe,
				func(ctx context.Context, f *follower) error {
					f.id = taskID
					return f.follow(ctx, feed)
				}, feed)
		}
		if !unsubscribable(err) {
			return nil, c.named(err, op)
		}
	}
	first, err := c.task(ctx, taskID)
	if err != nil {
		return nil, c.named(err, op)
	}
	return c.start(nil, again, meter.Observe,
		func(ctx context.Context, f *follower) error {
			f.id = taskID
			if e, err := events.TaskEvent(first); err != nil {
				return err
			} else if err := f.take(ctx, e, false); err != nil {
				return err
			}
			if f.ended() || f.state == AuthRequired {
				return io.EOF
			}
			return f.keepAsking(ctx, first)
		}, nil)
}

// subscribe and task are what a follower asks for.
func (c *Client) subscribe(ctx context.Context, id string) (wire.Feed, error) {
	return c.open(ctx, wire.Call{Op: wire.SubscribeToTask, TaskID: id,
		Params: raw.Of(map[string]any{"id": id})})
}

func (c *Client) task(ctx context.Context, id string) (json.RawMessage, error) {
	return c.call(ctx, wire.Call{Op: wire.GetTask, TaskID: id,
		Params: raw.Of(map[string]any{"id": id})})
}

// start begins a stream: read gives it updates, until it returns what the stream ends with.
func (c *Client) start(run *bounds.Run, resume Resume, meter func(raw.Object) (*Usage, error),
	read func(context.Context, *follower) error, feed wire.Feed) (*Stream, error) {
	ctx, stop := context.WithCancelCause(c.life)
	s := newStream(c.options.Limits.Task, stop)
	s.clean = c.web.Clean
	s.ask = func(ctx context.Context, id string) (json.RawMessage, error) {
		return c.CancelTask(ctx, id, nil)
	}
	f := &follower{stream: s, agent: c, resume: resume.filled(),
		use: func(e events.Event) (*Usage, error) { return observe(meter, e) }}
	var alarm *time.Timer
	if run != nil {
		if left, limited := run.Left(); limited {
			alarm = time.AfterFunc(left, func() { stop(run.TooLong()) })
		}
	}
	c.mu.Lock()
	c.streams[s] = struct{}{}
	c.mu.Unlock()
	done := func(err error) {
		if alarm != nil {
			alarm.Stop()
		}
		if run != nil {
			run.End()
		}
		if problem.Is(err, problem.PolicyViolation) && f.id != "" {
			c.giveUp(f.id)
		}
		c.mu.Lock()
		delete(c.streams, s)
		c.mu.Unlock()
		if err != io.EOF {
			err = about(c.named(err, "stream_task"), f.id)
		}
		s.finish(err)
		stop(nil)
	}
	err := c.spawn(func() error { return read(ctx, f) }, done)
	if err != nil {
		if feed != nil {
			_ = feed.Close()
		}
		done(err)
		return nil, c.named(err, "stream_task")
	}
	return s, nil
}

// about adds the task's id to an error that lacks it.
func about(err error, id string) error {
	if e := (*problem.Error)(nil); asProblem(err, &e) && e.TaskID == "" {
		e.TaskID = problem.Said(id)
	}
	return err
}

// observe reads what an event reports of usage.
func observe(meter func(raw.Object) (*Usage, error), e events.Event) (last *Usage, err error) {
	if !bytes.Contains(e.Raw, []byte(ext.Usage)) {
		return nil, nil
	}
	for _, metadata := range e.AllMetadata() {
		usage, excess := meter(metadata)
		if usage != nil {
			last = usage
		}
		if excess != nil {
			err = excess
		}
	}
	return last, err
}
