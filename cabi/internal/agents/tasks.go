package agents

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// within bounds how long is waited here, where the caller says so.
func (r *request) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Timeout == nil || *r.Timeout >= forever.Seconds() {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, time.Duration(max(*r.Timeout, 0)*float64(time.Second)))
}

// task reads what an agent is asked for.
func (r *request) task(a *Agent) (agentclient.TaskSpec, error) {
	if r.Task == nil {
		return agentclient.TaskSpec{}, problem.New(problem.InvalidArgument, "there is no task", "")
	}
	made, err := r.Task.task(r.Context)
	made.CancelOnAbort = a.canceled
	return made, err
}

// send sends a task, and waits for the first answer alone.
func (a *Agent) send(ctx context.Context, r *request) (json.RawMessage, error) {
	spec, err := r.task(a)
	if err != nil {
		return nil, err
	}
	spec.ReturnAtOnce = true
	ctx, stop := r.within(ctx)
	defer stop()
	reply, err := a.client.Send(ctx, spec)
	if err != nil {
		return nil, timed(ctx, r, err)
	}
	return object("task", reply.Task, "direct_message", reply.Message,
		"usage", sayUsage(reply.Usage), "gap", false), nil
}

// run sends a task and waits for its end.
func (a *Agent) run(ctx context.Context, r *request) (json.RawMessage, error) {
	spec, err := r.task(a)
	if err != nil {
		return nil, err
	}
	ctx, stop := r.within(ctx)
	defer stop()
	state, err := a.client.Run(ctx, spec)
	if err != nil {
		return nil, timed(ctx, r, err)
	}
	return sayTask(state), nil
}

// timed says of an error that the caller's own time was over.
func timed(ctx context.Context, r *request, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) || problem.Is(err, problem.PolicyViolation) {
		return err
	}
	late := &problem.Error{Code: problem.Timeout, Op: "send_task",
		Msg: "the task goes on, and the time to wait for it is over",
		Fix: "wait longer with timeout=, or ask for it later with get_task", Err: err}
	if known := (*problem.Error)(nil); errors.As(err, &known) {
		late.URL, late.TaskID, late.Attempts = known.URL, known.TaskID, known.Attempts
	}
	return late.With("stage", "total").With("seconds", *r.Timeout)
}

// stream opens the stream of a new task, or of one that is there.
func (a *Agent) stream(ctx context.Context, given []byte) (json.RawMessage, any, error) {
	var r request
	if err := read(given, &r); err != nil {
		return nil, nil, err
	}
	var from *agentclient.Stream
	var err error
	if r.TaskID != "" {
		from, err = a.client.Subscribe(ctx, r.TaskID)
	} else {
		var spec agentclient.TaskSpec
		if spec, err = r.task(a); err == nil {
			if r.Resume != nil && !*r.Resume {
				spec.Resume = &agentclient.Resume{Off: true}
			}
			from, err = a.client.Stream(ctx, spec)
		}
	}
	if err != nil {
		return nil, nil, err
	}
	return nil, newStream(a, from), nil
}

func (a *Agent) get(ctx context.Context, r *request) (json.RawMessage, error) {
	return alone(a.client.GetTask(ctx, r.TaskID, r.HistoryLength))
}

func (a *Agent) cancel(ctx context.Context, r *request) (json.RawMessage, error) {
	return alone(a.client.CancelTask(ctx, r.TaskID, nil))
}

// alone tells a task of which nothing more is known.
func alone(task json.RawMessage, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return object("task", task), nil
}

func (a *Agent) list(ctx context.Context, r *request) (json.RawMessage, error) {
	q := agentclient.ListQuery{ContextID: r.ContextID, State: agentclient.State(r.State),
		PageSize: r.PageSize, PageToken: r.PageToken, IncludeArtifacts: r.IncludeArtifacts}
	if r.Since != "" {
		since, err := time.Parse(time.RFC3339Nano, r.Since)
		if err != nil {
			return nil, problem.New(problem.InvalidArgument, "since is no time of RFC 3339", "")
		}
		q.Since = since
	}
	page, err := a.client.ListTasks(ctx, q)
	if err != nil {
		return nil, err
	}
	return object("tasks", raws(page.Tasks), "next_page_token", page.Next), nil
}

// raws makes an array of JSON.
func raws(parts []json.RawMessage) json.RawMessage {
	all := make([][]byte, len(parts))
	for i, p := range parts {
		all[i] = p
	}
	return list(all)
}

func (a *Agent) refresh(ctx context.Context, _ *request) (json.RawMessage, error) {
	_, changed, err := a.client.RefreshCard(ctx)
	if err != nil {
		return nil, err
	}
	return a.card(changed), nil
}

func (a *Agent) extended(ctx context.Context, _ *request) (json.RawMessage, error) {
	if _, err := a.client.ExtendedCard(ctx); err != nil {
		return nil, err
	}
	return a.card(true), nil
}

// config is where an agent is to tell of a task.
type config struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	Token       string `json:"token"`
	Scheme      string `json:"scheme"`
	Credentials string `json:"credentials"`
}

func (a *Agent) setPush(ctx context.Context, r *request) (json.RawMessage, error) {
	if r.Config == nil {
		return nil, problem.New(problem.InvalidArgument, "there is no configuration", "")
	}
	return a.client.PushSet(ctx, r.TaskID, agentclient.PushConfig(*r.Config))
}

func (a *Agent) getPush(ctx context.Context, r *request) (json.RawMessage, error) {
	return a.client.PushGet(ctx, r.TaskID, r.ConfigID)
}

func (a *Agent) listPush(ctx context.Context, r *request) (json.RawMessage, error) {
	found, err := a.client.PushList(ctx, r.TaskID)
	if err != nil {
		return nil, err
	}
	return raws(found), nil
}

func (a *Agent) deletePush(ctx context.Context, r *request) (json.RawMessage, error) {
	return nil, a.client.PushDelete(ctx, r.TaskID, r.ConfigID)
}

// snapshot tells what a budget has spent in the last minute.
func (b *Budget) snapshot() json.RawMessage {
	s := b.ledger.Snapshot()
	return object("usd", s.USD, "tokens", s.Tokens, "tasks", s.Tasks, "open", s.Open,
		"queued", s.Queued)
}
