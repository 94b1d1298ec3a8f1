package wire

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func restAt(p *peer) Interface {
	return Interface{URL: p.URL + "/a2a/", Binding: HTTPJSON, Version: Current}
}

// Specification, section 11.3: verbs, paths, queries and bodies.
func TestOperationsOverHTTP(t *testing.T) {
	for _, c := range []struct{ op, params, want, body string }{
		{SendMessage, hello, "POST /message:send", hello},
		{SendStreamingMessage, hello, "POST /message:stream", hello},
		{GetTask, `{"id":"a:b@c~1"}`, "GET /tasks/a%3Ab@c~1", ""},
		{GetTask, `{"id":"t","historyLength":0}`, "GET /tasks/t?historyLength=0", ""},
		{ListTasks, `{"contextId":"c&d","status":"TASK_STATE_WORKING","pageSize":5,"pageToken":"",` +
			`"includeArtifacts":true,"statusTimestampAfter":"2026-01-01T00:00:00+01:00","x":null}`,
			"GET /tasks?contextId=c%26d&includeArtifacts=true&pageSize=5&pageToken=&" +
				"status=TASK_STATE_WORKING&statusTimestampAfter=2026-01-01T00%3A00%3A00%2B01%3A00", ""},
		{CancelTask, `{"id":"t","metadata":{"n":9007199254740993}}`, "POST /tasks/t:cancel",
			`{"metadata":{"n":9007199254740993}}`},
		{SubscribeToTask, `{"id":"t"}`, "POST /tasks/t:subscribe", `{}`},
		{CreatePush, `{"taskId":"t","url":"https://x"}`, "POST /tasks/t/pushNotificationConfigs",
			`{"taskId":"t","url":"https://x"}`},
		{GetPush, `{"taskId":"t","id":"c"}`, "GET /tasks/t/pushNotificationConfigs/c", ""},
		{ListPush, `{"taskId":"t","pageSize":2}`, "GET /tasks/t/pushNotificationConfigs?pageSize=2", ""},
		{DeletePush, `{"taskId":"t","id":"c"}`, "DELETE /tasks/t/pushNotificationConfigs/c", ""},
		{GetExtendedCard, ``, "GET /extendedAgentCard", ""},
	} {
		for _, tenant := range []string{"", "acme corp/1"} {
			p := listen(t, func(w http.ResponseWriter, a asked) {
				if a.Method == "DELETE" {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				write(w, "application/a2a+json", 200, `{"task":{"id":"t"}}`)
			})
			at := restAt(p)
			at.Tenant = tenant
			line := transport(t, at, Options{Extensions: []string{"https://x.example/a"}})
			var err error
			if methods[c.op].stream {
				_, err = line.Open(soon(t), Call{Op: c.op, Params: params(c.params)})
			} else {
				_, err = line.Call(soon(t), Call{Op: c.op, Params: params(c.params)})
			}
			require.NoError(t, err, c.op)
			a := p.requests()[0]
			path := "/a2a/"
			if tenant != "" {
				path = "/a2a/acme%20corp%2F1/"
			}
			assert.Equal(t, strings.Replace(c.want, "/", path, 1), a.Method+" "+a.RequestURI)
			if c.body != "" {
				assert.JSONEq(t, c.body, string(raw.Of(a.body)))
				assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
			} else {
				assert.Empty(t, a.body)
			}
			assert.Equal(t, "1.0", a.Header.Get("A2A-Version"))
			assert.Equal(t, "https://x.example/a", a.Header.Get("A2A-Extensions"))
		}
	}
}

func TestParametersThatNoQueryHolds(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		write(w, "application/json", 200, `{"tasks":[]}`)
	})
	at := restAt(p)
	line := transport(t, at, Options{})
	for _, bad := range []string{`{"a":{}}`, `{"a":[1]}`} {
		_, err := line.Call(soon(t), Call{Op: ListTasks, Params: params(bad)})
		detail(t, err, problem.InvalidArgument)
	}
	at.URL = p.URL + "/a2a?key=1"
	_, err := transport(t, at, Options{}).Call(soon(t), Call{Op: ListTasks,
		Params: params(`{"pageSize":2}`)})
	require.NoError(t, err)
	_, err = transport(t, at, Options{}).Call(soon(t), Call{Op: CancelTask,
		Params: params(`{"id":"t"}`)})
	require.NoError(t, err)
	assert.Equal(t, "/a2a/tasks?key=1&pageSize=2", p.requests()[0].RequestURI)
	assert.Equal(t, "/a2a/tasks/t:cancel?key=1", p.requests()[1].RequestURI)
	for _, tenant := range []string{".", ".."} {
		at.Tenant = tenant
		_, err := New(at, nil, Options{})
		detail(t, err, problem.CardInvalid)
	}
}

// Section 1.4: the reason decides, then a number of JSON-RPC, then the status.
func TestErrorsOverHTTP(t *testing.T) {
	status := func(text string) string {
		return `{"error":{"code":404,"status":"NOT_FOUND","message":"gone","details":` + text + `}}`
	}
	reason := status(`[{"@type":"x"},{"reason":"TASK_NOT_CANCELABLE","domain":"a2a-protocol.org"}]`)
	for _, c := range []struct {
		status int
		kind   string
		text   string
		code   problem.Code
	}{
		{404, "application/a2a+json", reason, problem.TaskNotCancelable},
		{404, "application/json", reason, problem.TaskNotCancelable},
		{404, "text/plain", reason, problem.TaskNotCancelable},
		{404, "application/json", status(`[]`), problem.TaskNotFound},
		{404, "application/json", status(`"text"`), problem.TaskNotFound},
		{404, "application/json", `{"code":-32004,"message":"x"}`, problem.UnsupportedOperation},
		{404, "application/json", `{"error":"gone"}`, problem.TaskNotFound},
		{400, "application/json", `{"error":{"code":"-32002","message":7}}`, problem.TaskNotCancelable},
		{400, "application/json", `{"error":{"code":400}}`, problem.OtherPeerError},
		{501, "application/json", `{"error":{"code":501}}`, problem.UnsupportedOperation},
		{500, "application/json", `{"error":{"code":500}}`, problem.PeerInternalError},
		{404, "text/html", `<html>`, problem.HTTPStatus},
		{500, "text/html", ``, problem.HTTPStatus},
		{401, "application/json", reason, problem.Unauthenticated},
		{403, "application/json", `{}`, problem.PermissionDenied},
		{503, "application/json", `{"error":{"code":503}}`, problem.HTTPStatus},
		{200, "application/json", `{"error":{"code":404}}`, problem.TaskNotFound},
		{200, "application/json", `{"error":{"code":1e30}}`, problem.PeerInternalError},
		{200, "text/html", `<html>`, problem.InvalidAgentResponse},
		{200, "application/json", `<html>`, problem.InvalidAgentResponse},
		{200, "application/json", `[]`, problem.InvalidAgentResponse},
		{200, "application/json", `{"id":"a","id":"b"}`, problem.InvalidAgentResponse},
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) { write(w, c.kind, c.status, c.text) })
		line := transport(t, restAt(p), Options{})
		_, err := line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"t1"}`)})
		var e *problem.Error
		require.ErrorAs(t, err, &e, c.text)
		assert.Equal(t, c.code, e.Code, "%d %s: %v", c.status, c.text, err)
		assert.Equal(t, "t1", e.TaskID)
	}
}

// A2A#1574: the text says POST, a2a.proto says GET. POST is asked first, GET once, and what works
// is remembered.
func TestSubscribingByEitherVerb(t *testing.T) {
	stream := func(w http.ResponseWriter) {
		write(w, "text/event-stream", 200, "data: {\"task\":{\"id\":\"t\"}}\n\n")
	}
	gone := `{"error":{"code":404,"message":"x","details":[{"reason":"TASK_NOT_FOUND"}]}}`
	for _, c := range []struct {
		name  string
		post  func(http.ResponseWriter)
		get   func(http.ResponseWriter)
		verbs string
		code  problem.Code
	}{
		{"both", stream, stream, "POST POST", ""},
		{"405", func(w http.ResponseWriter) { w.WriteHeader(405) }, stream, "POST GET GET", ""},
		{"404", func(w http.ResponseWriter) { write(w, "text/html", 404, "no") }, stream,
			"POST GET GET", ""},
		{"404 in JSON", func(w http.ResponseWriter) {
			write(w, "application/json", 404, `{"detail":"Not Found"}`)
		}, stream, "POST GET GET", ""},
		{"no task", func(w http.ResponseWriter) { write(w, "application/json", 404, gone) }, stream,
			"POST POST", problem.TaskNotFound},
		{"neither", func(w http.ResponseWriter) { w.WriteHeader(405) },
			func(w http.ResponseWriter) { w.WriteHeader(404) }, "POST GET POST GET", problem.HTTPStatus},
		{"no task by GET", func(w http.ResponseWriter) { w.WriteHeader(405) },
			func(w http.ResponseWriter) { write(w, "application/json", 404, gone) },
			"POST GET GET", problem.TaskNotFound},
		{"500", func(w http.ResponseWriter) { w.WriteHeader(500) }, stream, "POST POST",
			problem.HTTPStatus},
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) {
			if a.Method == "POST" {
				c.post(w)
			} else {
				c.get(w)
			}
		})
		line := transport(t, restAt(p), Options{})
		for range 2 {
			feed, err := line.Open(soon(t), Call{Op: SubscribeToTask, Params: params(`{"id":"t"}`)})
			if c.code != "" {
				detail(t, err, c.code)
				continue
			}
			require.NoError(t, err, c.name)
			got, err := all(t, feed)
			require.NoError(t, err)
			assert.Equal(t, []string{`{"task":{"id":"t"}}`}, got)
		}
		var verbs []string
		for _, a := range p.requests() {
			verbs = append(verbs, a.Method)
		}
		assert.Equal(t, c.verbs, strings.Join(verbs, " "), c.name)
	}
}

// Streams over HTTP carry StreamResponses bare, and errors beside them.
func TestStreamsOverHTTP(t *testing.T) {
	var said atomic.Value
	p := listen(t, func(w http.ResponseWriter, a asked) {
		write(w, "text/event-stream", 200, "data: {\"task\":{}}\n\n"+said.Load().(string))
	})
	line := transport(t, restAt(p), Options{})
	for _, c := range []struct {
		name, data string
		code       problem.Code
	}{
		{"", `{"error":{"code":-32004}}`, problem.UnsupportedOperation},
		{"error", `{"error":{"code":404,"details":[{"reason":"TASK_NOT_FOUND"}]}}`, problem.TaskNotFound},
		{"error", `{"message":"x"}`, problem.OtherPeerError},
		{"error", `{"jsonrpc":"2.0","id":null,"error":{"code":-32603}}`, problem.PeerInternalError},
		{"", `x`, problem.InvalidAgentResponse},
		{"", `[]`, problem.InvalidAgentResponse},
	} {
		said.Store("event: " + c.name + "\ndata: " + c.data + "\n\n")
		feed, err := line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(hello)})
		require.NoError(t, err)
		got, err := all(t, feed)
		detail(t, err, c.code)
		assert.Equal(t, []string{`{"task":{}}`}, got)
	}
	said.Store("data: {\"later\":1}\n\ndata: {\"half\"")
	feed, err := line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(hello)})
	require.NoError(t, err)
	got, err := all(t, feed)
	require.NoError(t, err)
	assert.Equal(t, []string{`{"task":{}}`, `{"later":1}`}, got)
	_, err = line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(hello),
		Header: http.Header{"A2A-Extensions": {"a b"}}})
	detail(t, err, problem.InvalidArgument)
	_, err = line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"t"}`),
		Header: http.Header{"A2A-Extensions": {"a b"}}})
	detail(t, err, problem.InvalidArgument)
	line.Close()
}

// A path that an identifier would change is never asked.
func TestPathsStayWhereTheyAre(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) { write(w, "application/json", 200, `{}`) })
	line := transport(t, restAt(p), Options{})
	for _, id := range []string{"...", "a..b", "-", "~", "a:cancel", "a:subscribe"} {
		_, err := line.Call(soon(t), Call{Op: GetTask, Params: params(fmt.Sprintf(`{"id":%q}`, id))})
		require.NoError(t, err)
	}
	for _, a := range p.requests() {
		assert.Regexp(t, `^/a2a/tasks/[^/:?]+$`, a.RequestURI)
	}
}
