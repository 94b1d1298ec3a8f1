package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func rpcAt(p *peer) Interface {
	return Interface{URL: p.URL + "/rpc", Binding: JSONRPC, Version: Current}
}

// params of a call.
func params(text string) json.RawMessage { return json.RawMessage(text) }

const hello = `{"message":{"messageId":"m1","role":"ROLE_USER","parts":[{"text":"hello"}]}}`

func TestPayloadsAreNotChanged(t *testing.T) {
	const task = `{"id":"t1","status":{"state":"TASK_STATE_WORKING"},"n":18446744073709551615,` +
		`"later":{"x":[1.50,9007199254740993]}}`
	p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, task) })
	at := rpcAt(p)
	at.Tenant = "acme corp"
	line := transport(t, at, Options{Extensions: []string{"https://x.example/a"}})
	got, err := line.Call(soon(t), Call{Op: GetTask,
		Params: params(`{"id":"t1","historyLength":2,"tenant":"other"}`),
		Header: http.Header{"A2a-Extensions": {"https://x.example/b,https://x.example/a"},
			"traceparent": {"00-1-2-01"}}})
	require.NoError(t, err)
	assert.Equal(t, task, string(got))
	a := p.requests()[0]
	assert.Equal(t, "POST /rpc", a.Method+" "+a.URL.String())
	assert.Equal(t, `"GetTask"`, string(a.body["method"]))
	assert.JSONEq(t, `{"id":"t1","historyLength":2,"tenant":"acme corp"}`, string(a.body["params"]))
	assert.Equal(t, "1.0", a.Header.Get("A2A-Version"))
	assert.Equal(t, []string{"https://x.example/a, https://x.example/b"}, a.Header["A2a-Extensions"])
	assert.Equal(t, "00-1-2-01", a.Header.Get("traceparent"))
	assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
}

func TestEveryOperationIsAMethod(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		result(w, a, map[string]string{`"DeleteTaskPushNotificationConfig"`: "null",
			`"SendMessage"`: `{"task":{}}`}[string(a.body["method"])])
	})
	line := transport(t, rpcAt(p), Options{})
	for op, m := range methods {
		if m.stream {
			continue
		}
		_, err := line.Call(soon(t), Call{Op: op, Params: params(`{"id":"a","taskId":"b"}`)})
		if op == SendMessage || op == DeletePush {
			assert.NoError(t, err)
		} else {
			detail(t, err, problem.InvalidAgentResponse) // a result that is nothing
		}
	}
	assert.Len(t, p.requests(), 9)
	_, err := line.Call(soon(t), Call{Op: "Sing"})
	detail(t, err, problem.InvalidArgument)
	_, err = line.Call(soon(t), Call{Op: SendStreamingMessage})
	detail(t, err, problem.InvalidArgument)
	_, err = line.Open(soon(t), Call{Op: SendMessage})
	detail(t, err, problem.InvalidArgument)
	for _, at := range []Interface{{Binding: "GRPC", Version: "1.0"}, {Binding: JSONRPC,
		Version: "2.0"},
		{Binding: HTTPJSON, Version: Former}} {
		_, err := New(at, nil, Options{})
		detail(t, err, problem.UnsupportedPeer)
	}
	_, err = New(rpcAt(p), nil, Options{Extensions: []string{"a,b"}})
	detail(t, err, problem.InvalidArgument)
}

// H12: what is no identifier is not sent.
func TestIdentifiersAreCheckedHere(t *testing.T) {
	p := listen(t, func(http.ResponseWriter, asked) {})
	for _, at := range []Interface{rpcAt(p), restAt(p), formerAt(p), oldestAt(p)} {
		line := transport(t, at, Options{})
		for _, id := range []string{"", ".", "..", "../x?y", "a/b", "a\r\nX: y", "a b", "é", "%2e",
			strings.Repeat("x", 257), strings.Repeat("x", 1<<20)} {
			given := params(fmt.Sprintf(`{"id":%q,"taskId":"t"}`, id))
			_, err := line.Call(soon(t), Call{Op: GetTask, Params: given})
			e := detail(t, err, problem.InvalidArgument)
			assert.Less(t, len(e.Error()), 2000)
			_, err = line.Open(soon(t), Call{Op: SubscribeToTask, Params: given})
			detail(t, err, problem.InvalidArgument)
			_, err = line.Call(soon(t), Call{Op: GetPush, Params: given})
			detail(t, err, problem.InvalidArgument)
		}
		for _, bad := range []string{`{"id":7}`, `{"id":null}`, `[]`, `{"id":"a","id":"b"}`, `{`} {
			_, err := line.Call(soon(t), Call{Op: GetTask, Params: params(bad)})
			detail(t, err, problem.InvalidArgument)
		}
		_, err := line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"a"}`),
			Header: http.Header{"X": {"a\r\nb"}}})
		detail(t, err, problem.InvalidArgument)
	}
	assert.Empty(t, p.requests())
	assert.NoError(t, CheckID("id", "urn:task~1@a.b-c_D"))
}

// H9: answers that are no response to what was asked.
func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct{ kind, text string }{
		"page":        {"text/html", "<html>hello</html>"},
		"nothing":     {"application/json", ""},
		"text":        {"application/json", `"hello"`},
		"other id":    {"application/json", `{"jsonrpc":"2.0","id":"other","result":{}}`},
		"number":      {"application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`},
		"no id":       {"application/json", `{"jsonrpc":"2.0","result":{}}`},
		"null id":     {"application/json", `{"jsonrpc":"2.0","id":null,"result":{}}`},
		"other's":     {"application/json", `{"jsonrpc":"2.0","id":"other","error":{"code":-32001}}`},
		"old":         {"application/json", `{"jsonrpc":"1.0","id":%ID%,"result":{}}`},
		"no version":  {"application/json", `{"id":%ID%,"result":{}}`},
		"null":        {"application/json", `{"jsonrpc":"2.0","id":%ID%,"result":null}`},
		"no result":   {"application/json", `{"jsonrpc":"2.0","id":%ID%}`},
		"list":        {"application/json", `{"jsonrpc":"2.0","id":%ID%,"result":[]}`},
		"twice":       {"application/json", `{"jsonrpc":"2.0","id":%ID%,"result":{},"result":{}}`},
		"other case":  {"application/json", `{"jsonrpc":"2.0","id":%ID%,"Result":{}}`},
		"deep":        {"application/json", strings.Repeat("[", 100_000)},
		"mark":        {"application/json", "\ufeff" + `{"jsonrpc":"2.0","id":%ID%,"result":{}}`},
		"not a thing": {"application/json", `{"jsonrpc":"2.0","id":%ID%,"result":{"a":NaN}}`},
		"huge number": {"application/json", `{"jsonrpc":"2.0","id":%ID%,"result":{"a":1e999}}`},
		"surrogate":   {"application/json", `{"jsonrpc":"2.0","id":%ID%,"result":{"a":"\ud800"}}`},
		"stream":      {"text/event-stream", "data: {}\n\n"},
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) {
			write(w, c.kind, 200, strings.ReplaceAll(c.text, "%ID%", a.id()))
		})
		line := transport(t, rpcAt(p), Options{})
		_, err := line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"t1"}`)})
		var e *problem.Error
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, problem.InvalidAgentResponse, e.Code, "%s: %v", name, err)
		assert.Equal(t, "t1", e.TaskID)
		assert.NotEmpty(t, e.URL)
	}
	for _, text := range []string{`{}`, `{"task":{},"message":{}}`, `{"task":null}`, `{"Task":{}}`} {
		p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, text) })
		_, err := transport(t, rpcAt(p), Options{}).Call(soon(t), Call{Op: SendMessage,
			Params: params(hello)})
		detail(t, err, problem.InvalidAgentResponse)
	}
}

// Types of content other than JSON's are forgiven where the content is JSON.
func TestTheTypeOfContentIsForgiven(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		write(w, "text/plain", 200, `{"jsonrpc":"2.0","id":`+a.id()+`,"result":{"id":"t1"}}`)
	})
	_, err := transport(t, rpcAt(p), Options{}).Call(soon(t), Call{Op: GetTask,
		Params: params(`{"id":"t1"}`)})
	assert.NoError(t, err)
}

// An answer of HTTP without success says more in its body, if that is a response of JSON-RPC.
func TestStatusesOverJSONRPC(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		code   problem.Code
	}{
		{400, `{"jsonrpc":"2.0","id":%ID%,"error":{"code":-32602,"message":"x"}}`,
			problem.InvalidParams},
		{404, `{"jsonrpc":"2.0","id":%ID%,"error":{"code":-32001}}`, problem.TaskNotFound},
		{500, `{"jsonrpc":"2.0","id":null,"error":{"code":-32603}}`, problem.PeerInternalError},
		{500, `{"jsonrpc":"2.0","id":"other","error":{"code":-32603}}`, problem.HTTPStatus},
		{404, `{"detail":"Not Found"}`, problem.HTTPStatus},
		{500, `{"jsonrpc":"2.0","id":%ID%,"result":{}}`, problem.HTTPStatus},
		{500, `<html>`, problem.HTTPStatus},
		{200, `{"jsonrpc":"2.0","error":{"code":-32700}}`, problem.OtherPeerError},
		{401, `{"jsonrpc":"2.0","id":%ID%,"error":{"code":-32603}}`, problem.Unauthenticated},
		{403, ``, problem.PermissionDenied},
		{429, `{"jsonrpc":"2.0","id":%ID%,"error":{"code":-32603}}`, problem.HTTPStatus},
		{500, `{"pad":"` + strings.Repeat("x", 70_000) + `"}`, problem.HTTPStatus},
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.Header().Set("Retry-After", "0")
			write(w, "application/json", c.status, strings.ReplaceAll(c.body, "%ID%", a.id()))
		})
		line := transport(t, rpcAt(p), Options{})
		_, err := line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"t1"}`)})
		e := detail(t, err, c.code)
		assert.Equal(t, int64(c.status), e.Detail["status"], "%v", e)
		_, err = line.Open(soon(t), Call{Op: SubscribeToTask, Params: params(`{"id":"t1"}`)})
		detail(t, err, c.code)
		assert.Equal(t, c.status == 429, e.Attempts == 4)
	}
}

func TestAStreamOverJSONRPC(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, text := range []string{`{"task":{"id":"t1","n":9007199254740993}}`,
			`{"statusUpdate":{"taskId":"t1"}}`, `{"later":{}}`} {
			_, _ = fmt.Fprintf(w, ": hi\n\nid: 7\ndata: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":%s}\n\n",
				a.id(), text)
			w.(http.Flusher).Flush()
		}
	})
	line := transport(t, rpcAt(p), Options{})
	for op, given := range map[string]string{SendStreamingMessage: hello,
		SubscribeToTask: `{"id":"t1"}`} {
		feed, err := line.Open(soon(t), Call{Op: op, Params: params(given)})
		require.NoError(t, err)
		got, err := all(t, feed)
		require.NoError(t, err)
		assert.Equal(t, []string{`{"task":{"id":"t1","n":9007199254740993}}`,
			`{"statusUpdate":{"taskId":"t1"}}`, `{"later":{}}`}, got)
		_, err = feed.Next(soon(t))
		assert.Equal(t, io.EOF, err)
		require.NoError(t, feed.Close())
		require.NoError(t, feed.Close())
	}
	a := p.requests()[0]
	assert.Equal(t, "text/event-stream, application/json", a.Header.Get("Accept"))
	assert.Equal(t, "identity", a.Header.Get("Accept-Encoding"))
}

// H9: streams that answer with something else, all at once or after a good event.
func TestStreamsThatAreNone(t *testing.T) {
	good := "data: {\"jsonrpc\":\"2.0\",\"id\":%ID%,\"result\":{\"task\":{}}}\n\n"
	frame := func(text string) string { return good + "data: " + text + "\n\n" }
	refusal := `{"jsonrpc":"2.0","id":%ID%,"error":{"code":-32004,"message":"over"}}`
	for name, c := range map[string]struct {
		kind, text string
		events     int
		code       problem.Code
	}{
		"JSON error": {"application/json", refusal, -1, problem.UnsupportedOperation},
		"page":       {"text/html", "<html>", -1, problem.InvalidAgentResponse},
		"no type":    {"", "hello", -1, problem.InvalidAgentResponse},
		"wrong id": {"text/event-stream", frame(`{"jsonrpc":"2.0","id":"x","result":{"task":{}}}`),
			1, problem.InvalidAgentResponse},
		"numeric id": {"text/event-stream", frame(`{"jsonrpc":"2.0","id":1,"result":{"task":{}}}`), 1,
			problem.InvalidAgentResponse},
		"null": {"text/event-stream", frame(`{"jsonrpc":"2.0","id":%ID%,"result":null}`), 1,
			problem.InvalidAgentResponse},
		"no JSON": {"text/event-stream", frame(`hello`), 1, problem.InvalidAgentResponse},
		"error": {"text/event-stream", good + "event: error\ndata: " + refusal + "\n\n", 1,
			problem.UnsupportedOperation},
		"null error": {"text/event-stream", frame(`{"jsonrpc":"2.0","id":null,` +
			`"error":{"code":-32603}}`), 1, problem.PeerInternalError},
		"long": {"text/event-stream", frame(strings.Repeat("x", 70_000)), 1,
			problem.ResponseTooLarge},
	} {
		p := listen(t, func(w http.ResponseWriter, a asked) {
			write(w, c.kind, 200, strings.ReplaceAll(c.text, "%ID%", a.id()))
		})
		line := transport(t, rpcAt(p), Options{MaxEvent: 64 << 10})
		feed, err := line.Open(soon(t), Call{Op: SubscribeToTask, Params: params(`{"id":"t1"}`)})
		var got []string
		if err == nil {
			got, err = all(t, feed)
			_, again := feed.Next(soon(t))
			assert.Equal(t, err, again, name)
			require.NoError(t, feed.Close())
		}
		var e *problem.Error
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, c.code, e.Code, "%s: %v", name, err)
		assert.Equal(t, "t1", e.TaskID)
		assert.Len(t, got, max(0, c.events), name)
	}
}

// Agents that do not stream answer with one result of JSON: a stream of one event.
func TestAnAnswerInsteadOfAStream(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, `{"message":{"parts":[]}}`) })
	for range 2 {
		feed, err := transport(t, rpcAt(p), Options{}).Open(soon(t), Call{Op: SendStreamingMessage,
			Params: params(hello)})
		require.NoError(t, err)
		got, err := all(t, feed)
		require.NoError(t, err)
		assert.Equal(t, []string{`{"message":{"parts":[]}}`}, got)
		require.NoError(t, feed.Close())
	}
}

func TestAFeedEndsWithItsContextAndByClose(t *testing.T) {
	gone := make(chan struct{})
	p := listen(t, nil)
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	})
	line := transport(t, rpcAt(p), Options{})
	for _, c := range []struct {
		end  func(Feed, context.CancelFunc)
		code problem.Code
	}{
		{func(f Feed, _ context.CancelFunc) { _ = f.Close() }, problem.Closed},
		{func(_ Feed, cancel context.CancelFunc) { cancel() }, problem.Cancelled},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		feed, err := line.Open(soon(t), Call{Op: SubscribeToTask, Params: params(`{"id":"t1"}`)})
		require.NoError(t, err)
		failed := make(chan error)
		go func() {
			_, err := feed.Next(ctx)
			failed <- err
		}()
		time.Sleep(time.Millisecond)
		c.end(feed, cancel)
		detail(t, <-failed, c.code)
		<-gone
		cancel()
		_ = feed.Close()
	}
}

// Section 6.4: what starts work is sent again only where the peer took nothing of it.
func TestSendingIsAskedOnce(t *testing.T) {
	status, after := 502, ""
	p := listen(t, func(w http.ResponseWriter, a asked) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
	})
	line := transport(t, rpcAt(p), Options{})
	_, err := line.Call(soon(t), Call{Op: SendMessage, Params: params(hello)})
	assert.Equal(t, 1, detail(t, err, problem.HTTPStatus).Attempts)
	status, after = 503, "1"
	_, err = line.Call(soon(t), Call{Op: SendMessage, Params: params(hello)})
	assert.Equal(t, 4, detail(t, err, problem.HTTPStatus).Attempts)
	_, err = line.Call(soon(t), Call{Op: CancelTask, Params: params(`{"id":"t"}`)})
	assert.Equal(t, 4, detail(t, err, problem.HTTPStatus).Attempts)
	bodies := p.requests()
	assert.Equal(t, bodies[1].body, bodies[4].body, "the same request, the same messageId")
}

// What a peer's request could look like when a credential is sent: only at its origin.
func TestCredentialsAreAttachedToOperations(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) { result(w, a, `{"id":"t1"}`) })
	client, err := web.New(web.Options{AllowLoopbackHTTP: true})
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.Own(p.URL))
	require.NoError(t, client.SetCredentials([]web.Credential{{Kind: web.Bearer, Secret: "tok-en"}}))
	client.Demand(web.Demands{Schemes: map[string]web.Scheme{"b": {Kind: "oauth2"}},
		Any: []map[string][]string{{"b": nil}}})
	line, err := New(rpcAt(p), client, Options{})
	require.NoError(t, err)
	_, err = line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"t1"}`)})
	require.NoError(t, err)
	assert.Equal(t, "Bearer tok-en", p.requests()[0].Header.Get("Authorization"))
}

// a2a-go answers the removal of an address with no result at all; nothing else may.
func TestAnAnswerOfNothing(t *testing.T) {
	p := listen(t, func(w http.ResponseWriter, a asked) {
		write(w, "application/json", 200, `{"jsonrpc":"2.0","id":`+a.id()+`}`)
	})
	line := transport(t, rpcAt(p), Options{})
	got, err := line.Call(soon(t), Call{Op: DeletePush, Params: params(`{"taskId":"t1","id":"7"}`)})
	require.NoError(t, err)
	assert.Equal(t, "{}", string(got))
	_, err = line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"t1"}`)})
	detail(t, err, problem.InvalidAgentResponse)
}
