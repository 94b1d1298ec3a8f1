package wire

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// line is what the bindings share: where the peer is and what every request carries.
type line struct {
	at      Interface
	web     *web.Client
	options Options
	header  http.Header
}

// prepare makes the headers that all requests have.
func (l *line) prepare() error {
	l.header = http.Header{}
	if l.at.Version == Current {
		l.header.Set("A2A-Version", Current)
	}
	_, err := l.headers(nil)
	return err
}

// headers are those of one call: the extensions of the transport and of the call are one value.
func (l *line) headers(more http.Header) (http.Header, error) {
	uris := append([]string(nil), l.options.Extensions...)
	made := l.header.Clone()
	for name, values := range more {
		if http.CanonicalHeaderKey(name) == http.CanonicalHeaderKey(ext.Header) {
			for _, value := range values {
				for uri := range strings.SplitSeq(value, ",") {
					uris = append(uris, strings.TrimSpace(uri))
				}
			}
			continue
		}
		made[http.CanonicalHeaderKey(name)] = values
	}
	value, err := ext.HeaderValue(uris)
	if err != nil || value == "" || l.at.Version == Rvagent {
		return made, err
	}
	name := ext.Header
	if l.at.Version != Current {
		name = ext.OldHeader
	}
	made.Set(name, value)
	return made, nil
}

// ask sends a request and reads its answer.
func (l *line) ask(ctx context.Context, r web.Request) (*web.Response, error) {
	r.Credentials = true
	return l.web.Do(ctx, r)
}

// invalid is the error of an answer that is none.
func (l *line) invalid(what string) *problem.Error {
	e := problem.New(problem.InvalidAgentResponse, "the agent's answer: "+
		problem.Said(l.web.Scrub(what)), "")
	e.URL = problem.Address(l.at.URL)
	return e
}

// media is the type of an answer's content, without parameters.
func media(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return strings.ToLower(h.Get("Content-Type"))
	}
	return kind
}

// isJSON tells whether a type of content is JSON.
func isJSON(kind string) bool {
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// checked looks at a result of A2A 1.0: an object; of a message that was sent, one with a task or a
// message.
func (l *line) checked(op string, result json.RawMessage) (json.RawMessage, error) {
	if op == DeletePush {
		return json.RawMessage("{}"), nil
	}
	fields, err := raw.Part(result)
	if err != nil {
		return nil, l.invalid("its result is " + err.Error())
	}
	if op == SendMessage && fields.Has("task") == fields.Has("message") {
		return nil, l.invalid("its result has not one of task and message")
	}
	return result, nil
}
