package agents

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
)

// abortTime is how long an agent is asked to cancel a task that nobody waits for any more.
const abortTime = 5 * time.Second

// Call is an operation: what it is done on (nil, *Agent, *Stream or *Budget), the budget that a new
// client keeps to, and what is asked, as JSON.
type Call struct {
	Op      string
	On      any
	Budget  *Budget
	Request []byte
}

// Answer is JSON of "ok" or "error", and what was made: *Agent, *Stream, *Budget or nil.
type Answer struct {
	JSON []byte
	Made any
}

// Agent is a client of an agent.
type Agent struct {
	client   *agentclient.Client
	tokens   tokens
	canceled bool // whether tasks are cancelled of whoever stops waiting
}

// Budget is what clients share.
type Budget struct{ ledger *agentclient.Ledger }

// Do carries an operation out. Whatever goes wrong is in the answer; ctx ends it early.
func (c Call) Do(ctx context.Context) Answer {
	said, made, err := c.do(ctx)
	if err != nil {
		return Answer{JSON: object("error", Describe(err))}
	}
	return Answer{object("ok", said), made}
}

func (c Call) do(ctx context.Context) (said json.RawMessage, made any, err error) {
	switch on := c.On.(type) {
	case nil:
		if make := makers[c.Op]; make != nil {
			return make(ctx, &c)
		}
	case *Stream:
		if c.Op == "resume" {
			return nil, nil, on.Resume(ctx)
		}
	case *Agent:
		if c.Op == "stream" {
			return on.stream(ctx, c.Request)
		}
		if verb := verbs[c.Op]; verb != nil {
			var r request
			if err := read(c.Request, &r); err != nil {
				return nil, nil, err
			}
			said, err = verb(on, ctx, &r)
			return said, nil, err
		}
	}
	return nil, nil, noOperation(c.Op)
}

func noOperation(op string) error {
	return problem.New(problem.InvalidArgument, fmt.Sprintf("there is no operation %q here", op), "")
}

// makers make what others work on.
var makers = map[string]func(context.Context, *Call) (json.RawMessage, any, error){
	"connect":     connect,
	"from_card":   connect,
	"budget":      newBudget,
	"verify_card": verifyCard, // these two make nothing
	"verify_push": verifyPush,
}

// connect makes a client of an address or of a card.
func connect(ctx context.Context, c *Call) (json.RawMessage, any, error) {
	var o options
	if err := read(c.Request, &o); err != nil {
		return nil, nil, err
	}
	given, held, err := o.client(c.Budget)
	if err != nil {
		return nil, nil, err
	}
	var client *agentclient.Client
	if c.Op == "connect" {
		client, err = agentclient.Connect(ctx, o.URL, given)
	} else {
		client, err = agentclient.FromCard(ctx, o.Card, given)
	}
	if err != nil {
		return nil, nil, err
	}
	a := &Agent{client: client, tokens: held, canceled: o.CancelsOnAbort}
	return a.card(false), a, nil
}

func newBudget(_ context.Context, c *Call) (json.RawMessage, any, error) {
	var o struct {
		USD      *float64 `json:"max_usd_per_minute"`
		Tokens   *int64   `json:"max_tokens_per_minute"`
		Tasks    *int64   `json:"max_tasks_per_minute"`
		Overflow string   `json:"overflow"`
		MaxQueue int      `json:"max_queue"`
	}
	if err := read(c.Request, &o); err != nil {
		return nil, nil, err
	}
	ledger, err := agentclient.NewLedger(agentclient.Caps{USDPerMinute: o.USD,
		TokensPerMinute: o.Tokens, TasksPerMinute: o.Tasks, Queue: o.Overflow == "queue",
		MaxQueue: o.MaxQueue})
	return nil, &Budget{ledger}, err
}

// request is what is asked of an agent; each verb reads some of it.
type request struct {
	Task             *spec           `json:"task"`
	Context          json.RawMessage `json:"context"`
	Timeout          *float64        `json:"timeout"` // seconds
	TaskID           string          `json:"task_id"`
	HistoryLength    *int            `json:"history_length"`
	Resume           *bool           `json:"resume"`
	ContextID        string          `json:"context_id"`
	State            string          `json:"state"`
	Since            string          `json:"since"`
	PageSize         int             `json:"page_size"`
	PageToken        string          `json:"page_token"`
	IncludeArtifacts bool            `json:"include_artifacts"`
	Config           *config         `json:"config"`
	ConfigID         string          `json:"config_id"`
}

// verbs are what an agent is asked with one answer.
var verbs = map[string]func(*Agent, context.Context, *request) (json.RawMessage, error){
	"send":        (*Agent).send,
	"run":         (*Agent).run,
	"get":         (*Agent).get,
	"list":        (*Agent).list,
	"cancel":      (*Agent).cancel,
	"refresh":     (*Agent).refresh,
	"extended":    (*Agent).extended,
	"push_set":    (*Agent).setPush,
	"push_get":    (*Agent).getPush,
	"push_list":   (*Agent).listPush,
	"push_delete": (*Agent).deletePush,
}

// card tells what the client knows of its agent.
func (a *Agent) card(changed bool) json.RawMessage {
	at, trust := a.client.Interface(), a.client.Trust()
	return object("card", json.RawMessage(a.client.CardJSON()), "changed", changed,
		"interface", map[string]string{"url": at.URL, "binding": at.Binding, "version": at.Version,
			"tenant": at.Tenant},
		"trust", sayTrust(trust))
}

// Close ends the client, its streams and requests, without waiting for that.
func (a *Agent) Close() {
	guard.Scope{}.Go("close", a.client.Close, func(error) {})
}

// aside asks the agent for something that nobody waits for.
func (a *Agent) aside(op string, f func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), abortTime)
	guard.Scope{}.Go(op, func() error { return f(ctx) }, func(error) { cancel() })
}

// Ask answers what nothing is waited for.
func (c Call) Ask() []byte {
	said, err := c.ask()
	if err != nil {
		return object("error", Describe(err))
	}
	return object("ok", said)
}

func (c Call) ask() (json.RawMessage, error) {
	switch on := c.On.(type) {
	case *Stream:
		switch c.Op {
		case "snapshot":
			return on.Snapshot(), nil
		case "abort":
			on.Abort()
			return nil, nil
		}
	case *Agent:
		switch c.Op {
		case "close":
			on.Close()
			return nil, nil
		case "tokens":
			return nil, on.setTokens(c.Request)
		}
	case *Budget:
		if c.Op == "snapshot" {
			return on.snapshot(), nil
		}
	}
	return nil, noOperation(c.Op)
}

func (a *Agent) setTokens(given []byte) error {
	var r struct {
		Tokens []struct {
			At    int    `json:"at"`
			Token string `json:"token"`
		} `json:"tokens"`
	}
	if err := read(given, &r); err != nil {
		return err
	}
	for _, one := range r.Tokens {
		if err := a.tokens.set(one.At, one.Token); err != nil {
			return err
		}
	}
	return nil
}
