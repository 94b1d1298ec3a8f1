package wire

import (
	"context"
	"crypto/rand"
	"encoding/json"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// rpc is the binding to JSON-RPC 2.0.
type rpc struct {
	*line
	dialect dialect
}

// dialect is how a version says what 1.0 says.
type dialect interface {
	// method names an operation; "" where the version has none such.
	method(op string) string
	// params rewrites parameters of 1.0.
	params(op string, params raw.Object) (raw.Object, error)
	// result and event rewrite what comes into 1.0; an event of nil is one that is not known.
	result(op string, result json.RawMessage) (json.RawMessage, error)
	event(data json.RawMessage) (json.RawMessage, error)
}

// current is A2A 1.0: nothing is rewritten.
type current struct{}

func (current) method(op string) string { return op }

func (current) params(_ string, params raw.Object) (raw.Object, error) { return params, nil }

func (current) result(_ string, result json.RawMessage) (json.RawMessage, error) {
	return result, nil
}

func (current) event(data json.RawMessage) (json.RawMessage, error) { return data, nil }

// Call sends a request and reads its result.
func (t *rpc) Call(ctx context.Context, call Call) (json.RawMessage, error) {
	p, err := t.check(call, false)
	if err != nil {
		return nil, err
	}
	r, id, err := t.request(p, "application/json")
	if err != nil {
		return nil, err
	}
	answer, err := t.ask(ctx, r)
	if err != nil {
		return nil, about(err, p)
	}
	result, err := t.read(answer, id, p.Op)
	if err != nil {
		return nil, about(err, p)
	}
	return result, nil
}

// Open sends a request whose answer is a stream of responses to it.
func (t *rpc) Open(ctx context.Context, call Call) (Feed, error) {
	p, err := t.check(call, true)
	if err != nil {
		return nil, err
	}
	r, id, err := t.request(p, "text/event-stream, application/json")
	if err != nil {
		return nil, err
	}
	r.Credentials = true
	stream, err := t.web.Open(ctx, r)
	if err != nil {
		return nil, about(err, p)
	}
	read := func(_ string, data []byte) (json.RawMessage, error) {
		result, err := t.envelope(data, id, p.Op, 0)
		if err != nil {
			return nil, err
		}
		return t.rewritten(result)
	}
	if isStream(stream) {
		return newFeed(t.line, stream, p, read), nil
	}
	defer stream.Close()
	answer, err := stream.All()
	if err != nil {
		return nil, about(err, p)
	}
	result, err := t.read(answer, id, p.Op)
	if err != nil {
		return nil, about(err, p)
	}
	return &single{event: result}, nil
}

// rewritten is an event in JSON of 1.0.
func (t *rpc) rewritten(result json.RawMessage) (json.RawMessage, error) {
	event, err := t.dialect.event(result)
	if err != nil {
		return nil, t.invalid(err.Error())
	}
	if kind := raw.KindOf(event); kind != "object" {
		return nil, t.invalid("its result is " + kind + " where an object should be")
	}
	return event, nil
}

// Close does nothing: connections are the client's.
func (t *rpc) Close() {}

// request writes the request of a call; its identifier is to be found in the answer.
func (t *rpc) request(p *prepared, accept string) (web.Request, string, error) {
	name := t.dialect.method(p.Op)
	if name == "" {
		e := problem.New(problem.UnsupportedOperation, "A2A "+t.at.Version+" has no "+p.Op,
			"ask the agent for an interface of A2A 1.0")
		return web.Request{}, "", e
	}
	params := p.params
	if t.at.Tenant != "" && t.at.Version == Current {
		params = with(params, "tenant", raw.Of(t.at.Tenant))
	}
	params, err := t.dialect.params(p.Op, params)
	if err != nil {
		return web.Request{}, "", unfit(p.Op, err)
	}
	header, err := t.headers(p.Header)
	if err != nil {
		return web.Request{}, "", err
	}
	header.Set("Content-Type", "application/json")
	id := rand.Text()
	body := raw.Of(map[string]any{"jsonrpc": "2.0", "id": id, "method": name, "params": params})
	return web.Request{Method: "POST", URL: t.at.URL, Header: header, Body: body, Accept: accept,
		Again: p.again}, id, nil
}

// unfit is the error of parameters that a dialect cannot say.
func unfit(op string, err error) error {
	if problem.CodeOf(err) != problem.Internal {
		return err
	}
	return problem.New(problem.InvalidArgument, "the parameters of "+op+": "+
		problem.Said(err.Error()), "")
}

// read takes the result out of an answer.
func (t *rpc) read(answer *web.Response, id, op string) (json.RawMessage, error) {
	good := answer.Status >= 200 && answer.Status < 300
	if !good && (answer.Cut || denied(answer.Status) || busy(answer.Status) ||
		raw.KindOf(answer.Body) != "object") {
		return nil, t.web.Refusal(answer)
	}
	if good && !isJSON(media(answer.Header)) && raw.KindOf(answer.Body) != "object" {
		return nil, t.invalid("it is "+media(answer.Header)+", not JSON").
			With("status", int64(answer.Status))
	}
	result, err := t.envelope(answer.Body, id, op, answer.Status)
	if !good && (err == nil || problem.Is(err, problem.InvalidAgentResponse)) {
		return nil, t.web.Refusal(answer) // a result that the status denies is none
	}
	if err != nil {
		return nil, attempts(err, answer.Attempts)
	}
	if methods[op].stream {
		return t.rewritten(result)
	}
	if result, err = t.dialect.result(op, result); err != nil {
		return nil, t.invalid(err.Error())
	}
	return t.checked(op, result)
}

// envelope takes the result out of a response of JSON-RPC, which must be to the request with id.
func (t *rpc) envelope(data []byte, id, op string, status int) (json.RawMessage, error) {
	fields, err := raw.Parse(data)
	if err != nil {
		return nil, t.invalid(err.Error())
	}
	if version, err := fields.Text("jsonrpc"); err != nil || version != "2.0" {
		return nil, t.invalid("it is no response of JSON-RPC 2.0")
	}
	failed := fields.Has("error")
	echoed, err := fields.Text("id")
	if err != nil || echoed != id && !(failed && !fields.Has("id")) {
		return nil, t.invalid("its id is not that of the request")
	}
	if failed {
		return nil, t.rpcError(fields["error"], status)
	}
	if fields.Has("result") {
		return fields["result"], nil
	}
	if op != DeletePush { // a2a-go answers it with nothing at all
		return nil, t.invalid("it has neither result nor error")
	}
	return json.RawMessage("null"), nil
}
