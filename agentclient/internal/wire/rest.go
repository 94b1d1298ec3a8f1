package wire

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// rest is the binding to HTTP and JSON (specification, section 11).
type rest struct {
	*line
	// base is the address that paths are added to, query what it had after them.
	base, query string
	// subscribesByGET remembers that the peer subscribes by GET: a2a.proto says so, the text of the
	// specification says POST.
	subscribesByGET atomic.Bool
}

// newREST makes the transport of an interface.
func newREST(l *line) (*rest, error) {
	base, query, _ := strings.Cut(l.at.URL, "?")
	t := &rest{line: l, base: strings.TrimRight(base, "/"), query: query}
	if tenant := l.at.Tenant; tenant != "" {
		if tenant == "." || tenant == ".." {
			return nil, problem.New(problem.CardInvalid, "the interface's tenant is "+tenant+
				", which no path can hold", "ask the agent's operator")
		}
		t.base += "/" + url.PathEscape(tenant)
	}
	return t, nil
}

// Close does nothing: connections are the client's.
func (t *rest) Close() {}

// Call sends a request and reads its result.
func (t *rest) Call(ctx context.Context, call Call) (json.RawMessage, error) {
	p, err := t.check(call, false)
	if err != nil {
		return nil, err
	}
	r, err := t.request(p, p.verb, "application/a2a+json, application/json")
	if err != nil {
		return nil, about(err, p)
	}
	answer, err := t.ask(ctx, r)
	if err != nil {
		return nil, about(err, p)
	}
	result, err := t.read(answer, p)
	if err != nil {
		return nil, about(err, p)
	}
	return result, nil
}

// Open sends a request whose answer is a stream.
func (t *rest) Open(ctx context.Context, call Call) (Feed, error) {
	p, err := t.check(call, true)
	if err != nil {
		return nil, err
	}
	verb := p.verb
	if p.Op == SubscribeToTask && t.subscribesByGET.Load() {
		verb = http.MethodGet
	}
	feed, status, err := t.open(ctx, p, verb)
	if p.Op != SubscribeToTask || verb == http.MethodGet || !otherVerb(status, err) {
		return feed, err
	}
	feed, status, second := t.open(ctx, p, http.MethodGet)
	if second != nil && (status == 0 || otherVerb(status, second)) {
		return nil, err
	}
	t.subscribesByGET.Store(true)
	return feed, second
}

// otherVerb tells whether a refusal may be one of the verb: no such path, and nothing of a task.
func otherVerb(status int, err error) bool {
	e, _ := err.(*problem.Error)
	return e != nil && e.Detail["reason"] == nil && e.Code != problem.TaskNotFound &&
		(status == http.StatusMethodNotAllowed || status == http.StatusNotFound)
}

// open sends the request of a stream once; status is that of a refusal.
func (t *rest) open(ctx context.Context, p *prepared, verb string) (Feed, int, error) {
	r, err := t.request(p, verb, "text/event-stream, application/a2a+json, application/json")
	if err != nil {
		return nil, 0, about(err, p)
	}
	r.Credentials = true
	stream, err := t.web.Open(ctx, r)
	if err != nil {
		return nil, 0, about(err, p)
	}
	if isStream(stream) {
		return newFeed(t.line, stream, p, func(name string, data []byte) (json.RawMessage, error) {
			return t.event(name, data, p)
		}), 0, nil
	}
	defer stream.Close()
	answer, err := stream.All()
	if err != nil {
		return nil, 0, about(err, p)
	}
	result, err := t.read(answer, p)
	if err != nil {
		return nil, answer.Status, about(err, p)
	}
	return &single{event: result}, 0, nil
}

// event reads one event of a stream: a StreamResponse, or an error.
func (t *rest) event(name string, data []byte, p *prepared) (json.RawMessage, error) {
	fields, err := raw.Parse(data)
	if err != nil {
		return nil, t.invalid(err.Error())
	}
	if name == "error" || fields.Has("error") {
		return nil, t.restError(fields, 0, p)
	}
	return data, nil
}

// request writes the request of a call.
func (t *rest) request(p *prepared, verb, accept string) (web.Request, error) {
	header, err := t.headers(p.Header)
	if err != nil {
		return web.Request{}, err
	}
	params := with(with(p.params, "tenant", nil), p.config, nil)
	if p.task == "id" || p.verb != http.MethodPost {
		params = with(params, p.task, nil)
	}
	r := web.Request{Method: verb, Header: header, Accept: accept, Again: p.again}
	query := t.query
	if verb == http.MethodPost {
		r.Body = raw.Of(params)
		header.Set("Content-Type", "application/json")
	} else if query, err = t.queried(params); err != nil {
		return r, err
	}
	path := strings.NewReplacer("{task}", segment(p.taskID), "{config}", segment(p.configID)).
		Replace(p.path)
	if r.URL = t.base + path; query != "" {
		r.URL += "?" + query
	}
	return r, nil
}

// segment writes an identifier as one segment of a path; a colon would begin a verb.
func segment(id string) string { return strings.ReplaceAll(url.PathEscape(id), ":", "%3A") }

// queried writes parameters as a query.
func (t *rest) queried(params raw.Object) (string, error) {
	values := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch raw.KindOf(params[name]) {
		case "null", "nothing":
		case "string":
			text, err := params.Text(name)
			if err != nil {
				return "", problem.New(problem.InvalidArgument, problem.Said(err.Error()), "")
			}
			values.Set(name, text)
		case "number", "boolean":
			values.Set(name, strings.TrimSpace(string(params[name])))
		default:
			return "", problem.New(problem.InvalidArgument, "the parameter "+problem.Said(name)+
				" is no text, number or truth value", "HTTP+JSON takes only such for this operation")
		}
	}
	made := values.Encode()
	if t.query != "" && made != "" {
		made = "&" + made
	}
	return t.query + made, nil
}

// read takes the result out of an answer.
func (t *rest) read(answer *web.Response, p *prepared) (json.RawMessage, error) {
	if answer.Status >= 200 && answer.Status < 300 {
		if p.Op == DeletePush {
			return t.checked(p.Op, nil)
		}
		fields, err := raw.Parse(answer.Body)
		if err != nil && !isJSON(media(answer.Header)) {
			return nil, t.invalid("it is "+media(answer.Header)+", not JSON").
				With("status", int64(answer.Status))
		}
		if err != nil {
			return nil, t.invalid(err.Error())
		}
		if fields.Has("error") {
			return nil, attempts(t.restError(fields, 0, p), answer.Attempts)
		}
		return t.checked(p.Op, answer.Body)
	}
	fields, err := raw.Parse(answer.Body)
	if err != nil || answer.Cut || denied(answer.Status) || busy(answer.Status) {
		return nil, t.web.Refusal(answer)
	}
	return nil, attempts(t.restError(fields, answer.Status, p), answer.Attempts)
}

// restError reads an error: of the form of google.rpc.Status, or whatever else is there.
func (t *rest) restError(fields raw.Object, status int, p *prepared) *problem.Error {
	if inner, err := fields.Object("error"); err == nil && inner != nil {
		fields = inner
	}
	s := said{status: status, ofTask: p.taskID != "" && p.Op != SubscribeToTask}
	s.read(fields)
	if s.data = fields["details"]; !fields.Has("details") {
		s.data = fields["data"]
	}
	s.reason = reasonIn(s.data)
	if s.known && s.number >= 0 {
		s.known = false // a status of HTTP
		if s.status == 0 {
			s.status = int(min(s.number, 999))
		}
	}
	return t.meant(s)
}

// denied tells whether a status asks for, or refuses, who is asking.
func denied(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// busy tells whether a status says to come again.
func busy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}
