package agentclient

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// rvagent is an agent as the Rust crates make it: a stream listens, the request beside it works and
// is answered at the end, tasks are kept only then.
type rvagent struct {
	mu        sync.Mutex
	tasks     map[string]string
	listening map[string]chan string
	cut       bool // break the stream before its last event
}

// channel is where the events of a task go.
func (a *rvagent) channel(id string) chan string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.listening[id] == nil {
		a.listening[id] = make(chan string, 8)
	}
	return a.listening[id]
}

func (a *rvagent) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.(http.Flusher).Flush()
	events := a.channel(r.URL.Query().Get("id"))
	for {
		select {
		case event := <-events:
			if event == "" {
				return
			}
			_, _ = io.WriteString(w, event)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// status is an event of a stream.
func legacyStatus(id, state string, final bool) string {
	return fmt.Sprintf("event: status\ndata: {\"id\":%q,\"status\":{\"state\":%q,"+
		"\"timestamp\":\"2026-01-01T00:00:00Z\"},\"final\":%v,\"metadata\":null}\n\n", id, state, final)
}

func (a *rvagent) answer(method string, params raw.Object) string {
	id, _ := params.Text("id")
	switch method {
	case "tasks/send":
		events := a.channel(id)
		events <- legacyStatus(id, "working", false)
		events <- fmt.Sprintf("event: artifact\ndata: {\"id\":%q,\"artifact\":{\"parts\":["+
			"{\"type\":\"text\",\"text\":\"he\"}],\"index\":0,\"append\":false}}\n\n", id)
		if a.cut {
			events <- ""
		} else {
			events <- legacyStatus(id, "completed", true)
		}
		task := fmt.Sprintf(`{"id":%q,"status":{"state":"completed","timestamp":"2026-01-01T00:00:01Z"},`+
			`"artifacts":[{"parts":[{"type":"text","text":"hello"}],"index":0}],"metadata":null}`, id)
		a.mu.Lock()
		a.tasks[id] = task
		a.mu.Unlock()
		return `"result":` + task
	case "tasks/get":
		a.mu.Lock()
		defer a.mu.Unlock()
		if task := a.tasks[id]; task != "" {
			return `"result":` + task
		}
		return `"error":{"code":-32010,"message":"not found"}`
	case "tasks/cancel":
		return fmt.Sprintf(`"result":{"id":%q,"canceled":true}`, id)
	}
	return `"error":{"code":-32600,"message":"method not found: ` + method + `"}`
}

// rvagentAt starts such an agent.
func rvagentAt(t *testing.T, cut bool) string {
	a := &rvagent{tasks: map[string]string{}, listening: map[string]chan string{}, cut: cut}
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	mux.HandleFunc("GET /.well-known/agent.json", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"name":"n","description":"d","url":"%s/","version":"0.1.0",`+
			`"provider":{"organization":"o"},"capabilities":{"streaming":true},"skills":[],`+
			`"authentication":{"schemes":[]},"metadata":null}`, s.URL)
	})
	mux.HandleFunc("GET /tasks/sendSubscribe", a.stream)
	mux.HandleFunc("GET /tasks/resubscribe", a.stream)
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		body, err := raw.Parse(data)
		assert.NoError(t, err)
		method, _ := body.Text("method")
		params, _ := body.Object("params")
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, body["id"], a.answer(method, params))
	})
	return s.URL
}

// Section 4: everything that is kept of the dialect, from its card to its end.
func TestAnAgentOfRvagentIsAsked(t *testing.T) {
	for _, cut := range []bool{false, true} {
		c, err := Connect(soon(t), rvagentAt(t, cut),
			Options{Dialect: "rvagent-0.1", AllowLoopbackHTTP: true})
		require.NoError(t, err)
		s, err := c.Stream(soon(t), Text("x"))
		require.NoError(t, err)
		list, err := all(t, s)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, "status artifact task", strings.ReplaceAll(kinds(list), "!", ""))
		assert.Equal(t, Completed, s.Snapshot().State)
		assert.Equal(t, "hello", textOf(t, s.Snapshot().Task))
		done, err := c.Run(soon(t), Text("x"))
		require.NoError(t, err)
		assert.Equal(t, "hello", textOf(t, done.Task))
		task, err := c.GetTask(soon(t), done.TaskID, nil)
		require.NoError(t, err)
		assert.Equal(t, "hello", textOf(t, task))
		again, err := c.Subscribe(soon(t), done.TaskID)
		require.NoError(t, err)
		list, err = all(t, again)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, "task", kinds(list))
		task, err = c.CancelTask(soon(t), "other", nil)
		require.NoError(t, err)
		assert.Contains(t, string(task), "TASK_STATE_CANCELED")
		_, err = c.ListTasks(soon(t), ListQuery{})
		assert.True(t, problem.Is(err, problem.UnsupportedOperation), "%v", err)
		require.NoError(t, c.Close())
	}
}
