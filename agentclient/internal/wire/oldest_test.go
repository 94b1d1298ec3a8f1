package wire

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/bounds"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func oldestAt(p *peer) Interface {
	return Interface{URL: p.URL, Binding: JSONRPC, Version: Rvagent}
}

// done is a task of rvagent that has ended, and what 1.0 makes of it.
const (
	done = `{"id":"m1","sessionId":"s","status":{"state":"completed",` +
		`"timestamp":"2026-01-01T00:00:02Z"},` +
		`"history":[{"role":"agent","parts":[{"type":"text","text":"hi"}],"metadata":null}],` +
		`"artifacts":[` +
		`{"name":"n","parts":[{"type":"data","data":{"kind":"vector_ref","count":9007199254740993}}],` +
		`"index":0,"append":false,"lastChunk":true,` +
		`"metadata":{"ruvector":{"artifact_kind":"vector_ref"}}},` +
		`{"parts":[{"type":"file","file":{"uri":"u","mimeType":"m"}}],"index":0}],"metadata":null}`
	done10 = `{"id":"m1","contextId":"s","status":{"state":"TASK_STATE_COMPLETED",` +
		`"timestamp":"2026-01-01T00:00:02Z"},"history":[{"role":"ROLE_AGENT","parts":[{"text":"hi"}],` +
		`"metadata":null}],"artifacts":[{"artifactId":"artifact-0","name":"n","parts":[{"data":` +
		`{"kind":"vector_ref","count":9007199254740993}}],"metadata":{"ruvector":{"artifact_kind":` +
		`"vector_ref"}}},{"artifactId":"artifact-0-2","parts":[{"url":"u","mediaType":"m"}]}],` +
		`"metadata":null}`
)

// statusOf is a status of rvagent as a stream has it.
func statusOf(state, at string, final bool) string {
	return fmt.Sprintf("event: status\n"+
		"data: {\"id\":\"m1\",\"status\":{\"state\":%q,\"timestamp\":%q},"+
		"\"final\":%v,\"metadata\":null}\n\n", state, at, final)
}

// rvagent is a peer of the oldest dialect: methods answers requests, streams what is listened to.
func rvagent(t *testing.T, methods map[string]string, stream func(io.Writer, asked)) *peer {
	return listen(t, func(w http.ResponseWriter, a asked) {
		if a.Method == "GET" {
			w.Header().Set("Content-Type", "text/event-stream")
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			stream(flushed{w}, a)
			return
		}
		name, _ := a.body.Text("method")
		if answer := methods[name]; strings.HasPrefix(answer, `{"code"`) {
			write(w, "application/json", 200, `{"jsonrpc":"2.0","id":`+a.id()+`,"error":`+answer+`}`)
		} else {
			result(w, a, answer)
		}
	})
}

// flushed writes through.
type flushed struct{ http.ResponseWriter }

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

func quiet(io.Writer, asked) {}

const unknownTask = `{"code":-32010,"message":"not found: m1"}`

func TestRequestsOfTheOldestDialect(t *testing.T) {
	p := rvagent(t, map[string]string{"tasks/send": done, "tasks/get": done}, quiet)
	line := transport(t, oldestAt(p), Options{Extensions: []string{"https://x.example/a"}})
	root, other := strings.Repeat("a", 64), strings.Repeat("b", 64)
	trace := bounds.TaskContext{Trace: bounds.NewTrace(), Depth: 2, ParentTaskID: "p",
		RootAgent: root, VisitedAgents: []string{root, other}}
	metadata := raw.Of(map[string]any{ext.Trace: trace.Metadata(), "mine": 1,
		ext.Policy: map[string]any{"skillId": "echo", "maxTokens": 5, "maxCostUsd": 0.5}})
	got, err := line.Call(soon(t), Call{Op: SendMessage, Params: params(
		`{"metadata":{"other":2},"message":{"messageId":"m1","role":"ROLE_USER","extensions":["u"],` +
			`"parts":[{"text":"a","mediaType":"x/y"},{"data":[1.50]},{"raw":"AA==","filename":"f"}],` +
			`"metadata":` + string(metadata) + `}}`)})
	require.NoError(t, err)
	assert.JSONEq(t, `{"task":`+done10+`}`, string(got))
	assert.Contains(t, string(got), "9007199254740993")
	a := p.requests()[0]
	assert.Equal(t, "POST /", a.Method+" "+a.RequestURI)
	for _, name := range []string{"A2A-Version", "A2A-Extensions", "X-A2A-Extensions"} {
		assert.Empty(t, a.Header.Values(name))
	}
	sent, err := a.body.Object("params")
	require.NoError(t, err)
	context, err := bounds.ParseLegacyContext(sent["context"])
	require.NoError(t, err)
	assert.Equal(t, trace.Trace.TraceID, context.Trace.TraceID)
	assert.Equal(t, []string{root, other}, context.VisitedAgents)
	delete(sent, "context")
	assert.JSONEq(t, `{"id":"m1","skill":"echo","policy":{"max_tokens":5,"max_cost_usd":0.5},`+
		`"message":{`+
		`"role":"user","parts":[{"type":"text","text":"a"},{"type":"data","data":[1.50]},`+
		`{"type":"file","file":{"bytes":"AA==","name":"f"}}]},"metadata":{"mine":1,"other":2}}`,
		string(raw.Of(sent)))
	got, err = line.Call(soon(t), Call{Op: GetTask, Params: params(`{"id":"m1","historyLength":1}`)})
	require.NoError(t, err)
	assert.JSONEq(t, done10, string(got))
	assert.JSONEq(t, `{"id":"m1"}`, string(p.requests()[1].body["params"]))
}

// What is given under the dialect's own names is not made of metadata.
func TestOwnNamesOfTheOldestDialect(t *testing.T) {
	given, err := raw.Parse([]byte(`{"skill":"s","policy":{"max_concurrency":1},` +
		`"context":{"depth":1},` +
		`"message":{"taskId":"t","messageId":"m","parts":[],"metadata":{"skill":"hint"}}}`))
	require.NoError(t, err)
	made, err := oldestDialect{}.params(SendMessage, given)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id":"t","skill":"s","policy":{"max_concurrency":1},"context":{"depth":1},`+
		`"message":{"role":"user","parts":[]},"metadata":{"skill":"hint"}}`, string(raw.Of(made)))
	for _, bad := range []string{`{}`, `{"message":7}`, `{"message":{"parts":7}}`,
		`{"message":{"metadata":7}}`, `{"message":{"metadata":{"` + ext.Trace + `":{"depth":-1}}}}`} {
		given, err := raw.Parse([]byte(bad))
		require.NoError(t, err)
		_, err = oldestDialect{}.params(SendMessage, given)
		assert.Error(t, err, bad)
	}
	line := transport(t, oldestAt(listen(t, nil)), Options{})
	for _, op := range []string{ListTasks, CreatePush, GetExtendedCard} {
		_, err := line.Call(soon(t), Call{Op: op, Params: params(`{"taskId":"t"}`)})
		detail(t, err, problem.UnsupportedOperation)
	}
	_, err = line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(`{"message":{}}`)})
	detail(t, err, problem.InvalidArgument)
}

// An agent says only that it cancelled; the task is asked for.
func TestCancellingInTheOldestDialect(t *testing.T) {
	for _, c := range []struct {
		cancel, get, want string
		code              problem.Code
	}{
		{`{"id":"m1","canceled":true}`, done, done10, ""},
		{`{"id":"m1","canceled":true}`, unknownTask,
			`{"id":"m1","status":{"state":"TASK_STATE_CANCELED"}}`, ""},
		{`{"id":"m1","canceled":false}`, done, "", problem.TaskNotCancelable},
		{`{"id":"m1"}`, done, "", problem.TaskNotCancelable},
		{unknownTask, done, "", problem.TaskNotFound},
		{`{"id":"m1","canceled":true}`, `{"code":-32603}`, "", problem.PeerInternalError},
	} {
		p := rvagent(t, map[string]string{"tasks/cancel": c.cancel, "tasks/get": c.get}, quiet)
		got, err := transport(t, oldestAt(p), Options{}).Call(soon(t),
			Call{Op: CancelTask, Params: params(`{"id":"m1"}`)})
		if c.code != "" {
			assert.Equal(t, "m1", detail(t, err, c.code).TaskID)
			continue
		}
		require.NoError(t, err)
		assert.JSONEq(t, c.want, string(got))
	}
}

// A stream listens first and sends then; at its end comes the task, with whatever was lost.
func TestAStreamOfTheOldestDialect(t *testing.T) {
	sent := make(chan struct{})
	p := listen(t, func(w http.ResponseWriter, a asked) {
		if a.Method == "POST" {
			close(sent)
			result(w, a, done)
			return
		}
		assert.Equal(t, "/tasks/sendSubscribe?id=m1", a.RequestURI)
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-sent
		_, _ = io.WriteString(w, statusOf("working", "2026-01-01T00:00:01Z", false)+
			"event: artifact\ndata: {\"id\":\"m1\",\"artifact\":{\"parts\":[],\"index\":3,\"append\":true,"+
			"\"lastChunk\":false}}\n\nevent: warning\ndata: {\"lagged\":3}\n\n"+
			statusOf("completed", "2026-01-01T00:00:02Z", true)+statusOf("working", "late", false))
		w.(http.Flusher).Flush()
		<-a.Context().Done()
	})
	line := transport(t, oldestAt(p), Options{})
	feed, err := line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(hello)})
	require.NoError(t, err)
	got, err := all(t, feed)
	require.NoError(t, err)
	require.Len(t, got, 3)
	assert.JSONEq(t, `{"statusUpdate":{"taskId":"m1","status":{"state":"TASK_STATE_WORKING",`+
		`"timestamp":"2026-01-01T00:00:01Z"},"metadata":null}}`, got[0])
	assert.JSONEq(t, `{"artifactUpdate":{"taskId":"m1","append":true,"lastChunk":false,`+
		`"artifact":{"artifactId":"artifact-3","parts":[]}}}`, got[1])
	assert.JSONEq(t, `{"task":`+done10+`}`, got[2], "in place of the last status, with all artifacts")
	_, err = feed.Next(soon(t))
	assert.Equal(t, io.EOF, err)
	require.NoError(t, feed.Close())
	assert.Empty(t, line.(*oldestLine).last("m1"))
}

// However the stream ends, what the request was answered with decides.
func TestTheRequestDecidesHowAStreamEnds(t *testing.T) {
	endless := func(w io.Writer, a asked) { <-a.Context().Done() }
	for name, c := range map[string]struct {
		answer string
		stream func(io.Writer, asked)
		want   int
		code   problem.Code
	}{
		"no final":  {done, endless, 1, ""},
		"early end": {done, quiet, 1, ""},
		"refused": {`{"code":-32002,"message":"policy violation"}`, endless, 0,
			problem.PolicyViolation},
		"no result": {`7`, endless, 0, problem.InvalidAgentResponse},
		"bad status": {done, func(w io.Writer, _ asked) {
			_, _ = io.WriteString(w,
				"event: status\ndata: {}\n\n")
		}, 0, problem.InvalidAgentResponse},
		"bad final": {done, func(w io.Writer, _ asked) {
			_, _ = io.WriteString(w, "event: status\ndata: {\"final\":7}\n\n")
		}, 0, problem.InvalidAgentResponse},
		"bad artifact": {done, func(w io.Writer, _ asked) {
			_, _ = io.WriteString(w, "event: artifact\ndata: {\"artifact\":{\"index\":\"x\"}}\n\n")
		}, 0, problem.InvalidAgentResponse},
		"no JSON": {done, func(w io.Writer, _ asked) {
			_, _ = io.WriteString(w, "event: status\ndata: x\n\n")
		}, 0, problem.InvalidAgentResponse},
	} {
		p := rvagent(t, map[string]string{"tasks/send": c.answer}, c.stream)
		line := transport(t, oldestAt(p), Options{})
		if line.(*oldestLine).grace = enough; name == "no final" {
			line.(*oldestLine).grace = time.Millisecond
		}
		feed, err := line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(hello)})
		require.NoError(t, err, name)
		got, err := all(t, feed)
		assert.Len(t, got, c.want, name)
		if c.code != "" {
			assert.Equal(t, "m1", detail(t, err, c.code).TaskID, name)
		} else {
			require.NoError(t, err, name)
			assert.JSONEq(t, `{"task":`+done10+`}`, got[0], name)
		}
		require.NoError(t, feed.Close())
	}
}

// Section 6.5: a stream is taken up after the last status that was seen.
func TestResumingInTheOldestDialect(t *testing.T) {
	working := strings.Replace(done, "completed", "working", 1)
	var second func(io.Writer, asked)
	p := rvagent(t, map[string]string{"tasks/get": working, "tasks/send": working},
		func(w io.Writer, a asked) {
			if a.URL.Path == "/tasks/sendSubscribe" {
				_, _ = io.WriteString(w, statusOf("working", "2026-01-01T00:00:01.5+01:00", false))
				return
			}
			second(w, a)
		})
	line := transport(t, oldestAt(p), Options{})
	feed, err := line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(hello)})
	require.NoError(t, err)
	got, err := all(t, feed)
	require.NoError(t, err)
	require.Len(t, got, 2) // the status, and the task as far as it is
	second = func(w io.Writer, a asked) {
		assert.Equal(t, "id=m1&last_event_id=2026-01-01T00%3A00%3A01.5%2B01%3A00", a.URL.RawQuery)
		_, _ = io.WriteString(w, statusOf("failed", "2026-01-01T00:00:02Z", true))
	}
	feed, err = line.Open(soon(t), Call{Op: SubscribeToTask, Params: params(`{"id":"m1"}`)})
	require.NoError(t, err)
	got, err = all(t, feed)
	require.NoError(t, err)
	require.Len(t, got, 2)
	assert.Contains(t, got[0], `{"task":`)
	assert.Contains(t, got[1], "TASK_STATE_FAILED")
}

// Of a task that it does not know such an agent says that it failed.
func TestTasksThatTheOldestDialectKeepsNot(t *testing.T) {
	failed := func(w io.Writer, _ asked) {
		_, _ = io.WriteString(w, statusOf("failed", "2026-01-01T00:00:02Z", true))
	}
	open := func(get string, stream func(io.Writer, asked)) ([]string, error) {
		p := rvagent(t, map[string]string{"tasks/get": get}, stream)
		feed, err := transport(t, oldestAt(p), Options{}).Open(soon(t),
			Call{Op: SubscribeToTask, Params: params(`{"id":"m1"}`)})
		if err != nil {
			return nil, err
		}
		defer feed.Close()
		return all(t, feed)
	}
	_, err := open(unknownTask, failed)
	detail(t, err, problem.TaskNotFound)
	got, err := open(done, func(w io.Writer, a asked) { <-a.Context().Done() })
	require.NoError(t, err)
	assert.Len(t, got, 1)
	_, err = open(`{"code":-32603}`, failed)
	detail(t, err, problem.PeerInternalError)
	asked := 0
	p := listen(t, nil)
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, statusOf("completed", "2026-01-01T00:00:02Z", true))
			return
		}
		data, _ := io.ReadAll(r.Body)
		body, _ := raw.Parse(data)
		answer := `"error":` + unknownTask
		if asked++; asked > 1 {
			answer = `"result":` + done
		}
		write(w, "application/json", 200, `{"jsonrpc":"2.0","id":`+string(body["id"])+`,`+answer+`}`)
	})
	feed, err := transport(t, oldestAt(p), Options{}).Open(soon(t),
		Call{Op: SubscribeToTask, Params: params(`{"id":"m1"}`)})
	require.NoError(t, err)
	got, err = all(t, feed)
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.JSONEq(t, `{"task":`+done10+`}`, got[0])
}

func TestWhatIsNoStreamOfTheOldestDialect(t *testing.T) {
	for _, c := range []struct {
		status int
		code   problem.Code
	}{{200, problem.InvalidAgentResponse}, {404, problem.HTTPStatus}, {401,
		problem.Unauthenticated}} {
		p := listen(t, func(w http.ResponseWriter, a asked) {
			write(w, "text/html", c.status,
				"<html>")
		})
		for op, given := range map[string]string{SubscribeToTask: `{"id":"m1"}`,
			SendStreamingMessage: hello} {
			_, err := transport(t, oldestAt(p), Options{}).Open(soon(t), Call{Op: op,
				Params: params(given)})
			assert.Equal(t, "m1", detail(t, err, c.code).TaskID)
		}
		for _, a := range p.requests() {
			assert.Equal(t, "GET", a.Method, "nothing was sent")
		}
	}
}

func TestAJoinedStreamEndsWithItsContextAndByClose(t *testing.T) {
	came, gone := make(chan struct{}, 4), make(chan struct{}, 4)
	p := listen(t, nil)
	p.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		if r.Method == "GET" {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, statusOf("working", "2026-01-01T00:00:01Z", false)+
				statusOf("completed", "2026-01-01T00:00:02Z", true))
			w.(http.Flusher).Flush()
		} else {
			came <- struct{}{}
		}
		<-r.Context().Done()
		gone <- struct{}{}
	})
	line := transport(t, oldestAt(p), Options{})
	for _, code := range []problem.Code{problem.Cancelled, problem.Closed} {
		feed, err := line.Open(soon(t), Call{Op: SendStreamingMessage, Params: params(hello)})
		require.NoError(t, err)
		_, err = feed.Next(soon(t))
		require.NoError(t, err)
		<-came
		ctx, cancel := context.WithCancel(context.Background())
		failed := make(chan error)
		go func() {
			_, err := feed.Next(ctx)
			failed <- err
		}()
		if code == problem.Cancelled {
			cancel()
		} else {
			_ = feed.Close()
		}
		assert.True(t, problem.Is(<-failed, code, problem.Cancelled))
		cancel()
		require.NoError(t, feed.Close())
		<-gone
		<-gone
	}
}

func TestOnlySoManyTasksAreRemembered(t *testing.T) {
	line := newOldest(&line{})
	for i := range 2 * mostSeen {
		line.remember(fmt.Sprint(i), "2026-01-01T00:00:02Z", false)
	}
	assert.Len(t, line.seen, mostSeen)
	line.remember("x", "yesterday", false)
	assert.Empty(t, line.last("x"))
}
