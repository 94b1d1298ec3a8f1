package agentclient

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func pointer[T any](value T) *T { return &value }

func TestSendingAsksOnce(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"SendMessage": func(a *answer) {
		a.result(`{"message":{"messageId":"m","role":"ROLE_AGENT","parts":[]}}`)
	}})
	c := p.connect(Options{})
	spec := Text("hi")
	spec.ContextID, spec.OutputModes, spec.HistoryLength = "c1", []string{"text/plain"}, pointer(3)
	spec.Metadata = json.RawMessage(`{"n":9007199254740993}`)
	spec.Push = json.RawMessage(`{"url":"u"}`)
	spec.ReturnAtOnce = true
	reply, err := c.Send(soon(t), spec)
	require.NoError(t, err)
	assert.Nil(t, reply.Task)
	assert.JSONEq(t, `{"messageId":"m","role":"ROLE_AGENT","parts":[]}`, string(reply.Message))
	params := p.last("SendMessage").params
	assert.Equal(t, `{"n":9007199254740993}`, string(params["metadata"]))
	assert.JSONEq(t, `{"returnImmediately":true,"acceptedOutputModes":["text/plain"],
		"historyLength":3,"taskPushNotificationConfig":{"url":"u"}}`, string(params["configuration"]))
	message, _ := params.Object("message")
	id, _ := message.Text("contextId")
	assert.Equal(t, "c1", id)
	assert.Regexp(t, "^00-[0-9a-f]{32}-[0-9a-f]{16}-00$",
		p.last("SendMessage").header.Get("traceparent"))
	p.now("SendMessage", func(a *answer) { a.result(task(Completed)) })
	reply, err = c.Send(soon(t), Text("hi"))
	require.NoError(t, err)
	assert.Nil(t, reply.Message)
	assert.JSONEq(t, bare(Completed), string(reply.Task))
	assert.Contains(t, string(p.last("SendMessage").params["configuration"]), `false`)
}

func TestTasksThatMeanNothingAreNotSent(t *testing.T) {
	p := streaming(t, map[string]func(*answer){})
	c := p.connect(Options{})
	text := Text("x").Message
	for name, spec := range map[string]TaskSpec{
		"nothing": {}, "no JSON": {Message: json.RawMessage("{")}, "no parts": {Message: []byte("{}")},
		"parts": {Message: []byte(`{"parts":{}}`)}, "task": {Message: text, TaskID: "../x"},
		"context":  {Message: text, ContextID: "a b"},
		"history":  {Message: text, HistoryLength: pointer(-1)},
		"metadata": {Message: text, Metadata: []byte("[]")}, "push": {Message: text, Push: []byte("1")},
		"estimate": {Message: text, Estimate: Estimate{Tokens: pointer(int64(-1))}},
		"extension": {Message: []byte(`{"parts":[{"text":"x"}],"extensions":1}`),
			Policy: &TaskPolicy{MaxTokens: pointer(int64(1))}},
	} {
		c.options.Extensions = []string{ext.Policy}
		for _, do := range []func() error{
			func() error { _, err := c.Send(soon(t), spec); return err },
			func() error { _, err := c.Stream(soon(t), spec); return err },
			func() error { _, err := c.Run(soon(t), spec); return err },
		} {
			err := do()
			assert.True(t, problem.Is(err, problem.InvalidArgument), "%s: %v", name, err)
		}
	}
	assert.Empty(t, p.calls())
}

func TestAnAgentThatDoesNotStreamIsAskedAgain(t *testing.T) {
	for name, capabilities := range map[string]string{
		"says so": "", "says it does": `"streaming":true`} {
		var asks atomic.Int64
		p := start(t, capabilities, map[string]func(*answer){
			"SendStreamingMessage": func(a *answer) { a.fail(-32004, "no streams") },
			"SendMessage":          func(a *answer) { a.result(task(Submitted)) },
			"GetTask": func(a *answer) {
				if asks.Add(1) < 4 {
					a.result(bare(Working, artifact("a")))
					return
				}
				a.result(bare(Completed, artifact("a", "b")))
			},
			"SubscribeToTask": func(a *answer) { a.fail(-32004, "no streams") },
		})
		c := p.connect(Options{})
		stream, err := c.Stream(soon(t), Text("x"))
		require.NoError(t, err, name)
		list, err := all(t, stream)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, "task task task", kinds(list), "what did not change is not told again")
		done, err := c.Run(soon(t), Text("x"))
		require.NoError(t, err, name)
		assert.Equal(t, "ab", textOf(t, done.Task), name)
		assert.Equal(t, Completed, done.State)
		assert.Contains(t, string(p.last("SendMessage").params["configuration"]), `true`, name)
		s, err := c.Subscribe(soon(t), "t")
		require.NoError(t, err, name)
		list, err = all(t, s)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, "task", kinds(list))
		p.now("SendMessage", func(a *answer) { a.result(task(AuthRequired)) })
		done, err = c.Run(soon(t), Text("x"))
		require.NoError(t, err, name)
		assert.Equal(t, AuthRequired, done.State)
		p.now("SendMessage", func(a *answer) { a.result(`{"message":{"messageId":"m","parts":[]}}`) })
		done, err = c.Run(soon(t), Text("x"))
		require.NoError(t, err, name)
		assert.Nil(t, done.Task)
		assert.NotNil(t, done.Message)
	}
}

func TestATaskThatIsThereIsFollowed(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"SubscribeToTask": func(a *answer) {
		a.events(task(Working, artifact("a")), piece("b"), state(Completed))
	}})
	c := p.connect(Options{})
	s, err := c.Subscribe(soon(t), "t")
	require.NoError(t, err)
	list, err := all(t, s)
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, "task artifact status", kinds(list))
	for name, refuse := range map[string]func(*answer){
		"ended":  func(a *answer) { a.fail(-32004, "terminal") },
		"nobody": func(a *answer) { a.fail(-32001, "no active execution") },
	} {
		p.now("SubscribeToTask", refuse)
		p.now("GetTask", func(a *answer) { a.result(bare(InputRequired)) })
		s, err = c.Subscribe(soon(t), "t")
		require.NoError(t, err, name)
		list, err = all(t, s)
		assert.Equal(t, io.EOF, err, name)
		assert.Equal(t, "task", kinds(list), name)
	}
	p.now("GetTask", func(a *answer) { a.fail(-32001, "?") })
	_, err = c.Subscribe(soon(t), "t")
	assert.True(t, problem.Is(err, problem.TaskNotFound), "%v", err)
	p.now("SubscribeToTask", func(a *answer) { a.w.WriteHeader(401) })
	_, err = c.Subscribe(soon(t), "t")
	assert.True(t, problem.Is(err, problem.Unauthenticated), "%v", err)
}

// Budget, recursion and policy are asked in this order, and before the agent is.
func TestNothingIsSentBeyondTheBounds(t *testing.T) {
	p := streaming(t, map[string]func(*answer){})
	ledger, err := NewLedger(Caps{TasksPerMinute: pointer(int64(0))})
	require.NoError(t, err)
	deep := &TaskContext{Depth: 9}
	spec := Text("x")
	spec.Skill = "unknown"
	for _, c := range []struct {
		options Options
		code    problem.Code
	}{
		{Options{Budget: ledger, Context: deep}, problem.BudgetExceeded},
		{Options{Context: deep}, problem.RecursionLimit},
		{Options{}, problem.PolicyViolation},
	} {
		client := p.connect(c.options)
		for _, do := range []func() error{
			func() error { _, err := client.Send(soon(t), spec); return err },
			func() error { _, err := client.Stream(soon(t), spec); return err },
		} {
			err := do()
			assert.Equal(t, c.code, problem.CodeOf(err), "%v", err)
		}
	}
	assert.Empty(t, p.calls())
}

// The agent may go no further than its last event allowed, however much it has sent since (H14).
func TestATaskThatTakesTooMuchIsCancelled(t *testing.T) {
	usage := func(report string) string {
		return fmt.Sprintf(`{"statusUpdate":{"taskId":"t","status":{"state":"TASK_STATE_WORKING"},
			"metadata":{"%s":%s}}}`, ext.Usage, report)
	}
	cancelled := make(chan bool, 10)
	p := streaming(t, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) {
			a.events(task(Working), usage(`{"inputTokens":-5,"costUsd":1e308}`),
				usage(`{"inputTokens":"NaN"}`), usage(`{"inputTokens":40,"outputTokens":2}`),
				usage(`{"inputTokens":99,"outputTokens":2}`), piece("more"))
			a.hang()
		},
		"CancelTask": func(a *answer) {
			a.result(bare(Canceled))
			cancelled <- true
		},
	})
	ledger, err := NewLedger(Caps{TokensPerMinute: pointer(int64(1000))})
	require.NoError(t, err)
	c := p.connect(Options{Policy: &TaskPolicy{MaxTokens: pointer(int64(100))}, Budget: ledger})
	s, err := c.Stream(soon(t), Text("x"))
	require.NoError(t, err)
	list, err := all(t, s)
	assert.True(t, problem.Is(err, problem.PolicyViolation), "%v", err)
	assert.Equal(t, []any{"max_tokens", int64(100), int64(101)},
		[]any{detail(err, "field"), detail(err, "limit"), detail(err, "actual")})
	assert.Equal(t, "task status status status status", kinds(list))
	require.NotNil(t, list[1].Usage)
	assert.Equal(t, []any{2, false}, []any{list[1].Usage.Ignored, list[1].Usage.Reported})
	assert.Equal(t, int64(42), list[3].Usage.Tokens())
	assert.Equal(t, int64(101), s.Snapshot().Usage.Tokens())
	select {
	case <-cancelled:
	case <-soon(t).Done():
		t.Fatal("the task is not cancelled")
	}
	assert.Equal(t, int64(101), ledger.Snapshot().Tokens)
	assert.Equal(t, 0, ledger.Snapshot().Open)
}

func TestATaskThatTakesTooLongIsCancelled(t *testing.T) {
	cancelled := make(chan bool, 10)
	hang := func(a *answer) { a.hang() }
	p := streaming(t, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) {
			a.events(task(Working))
			a.hang()
		},
		"SendMessage": hang,
		"CancelTask": func(a *answer) {
			a.result(bare(Canceled))
			cancelled <- true
		},
	})
	c := p.connect(Options{})
	for most := 100 * time.Millisecond; ; most *= 2 { // until the agent is quicker than that
		c.options.Policy = &TaskPolicy{MaxDuration: &most}
		state, err := c.Run(soon(t), Text("x"))
		assert.True(t, problem.Is(err, problem.PolicyViolation), "%v", err)
		assert.Equal(t, "max_duration_ms", detail(err, "field"))
		if state != nil && state.TaskID == "t" {
			break
		}
	}
	<-cancelled
	c.options.Policy = &TaskPolicy{MaxDuration: pointer(100 * time.Millisecond)}
	_, err := c.Send(soon(t), Text("x"))
	assert.True(t, problem.Is(err, problem.PolicyViolation), "%v", err)
	p.now("SendStreamingMessage", hang)
	_, err = c.Stream(soon(t), Text("x"))
	assert.True(t, problem.Is(err, problem.PolicyViolation), "%v", err)
}

func TestOnlySoManyTasksRunAtOnce(t *testing.T) {
	p := streaming(t, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) {
			a.events(task(Working))
			a.hang()
		},
	})
	c := p.connect(Options{Policy: &TaskPolicy{MaxConcurrency: 1}})
	s, err := c.Stream(soon(t), Text("x"))
	require.NoError(t, err)
	_, err = c.Stream(soon(t), Text("x"))
	assert.True(t, problem.Is(err, problem.PolicyViolation), "%v", err)
	require.NoError(t, s.Close())
	require.Eventually(t, func() bool {
		s, err = c.Stream(soon(t), Text("x"))
		return err == nil
	}, patience, time.Millisecond, "the place comes back")
	p.now("SendStreamingMessage", func(a *answer) { a.w.WriteHeader(500) })
	require.NoError(t, s.Close())
	require.Eventually(t, func() bool {
		_, err = c.Stream(soon(t), Text("x"))
		return !problem.Is(err, problem.PolicyViolation)
	}, patience, time.Millisecond)
	for range 3 { // a place is not lost where opening fails
		_, err = c.Stream(soon(t), Text("x"))
		assert.False(t, problem.Is(err, problem.PolicyViolation), "%v", err)
	}
}

// An agent that requires what the caller does not speak is not asked (H13).
func TestRequiredExtensionsAreSpokenOrNothingIsSent(t *testing.T) {
	const uri = "https://pay.example/v1"
	p := start(t, `"streaming":true,"extensions":[{"uri":"`+uri+`","required":true},
		{"uri":"`+ext.Trace+`"}]`, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) { a.events(task(Completed)) },
	})
	c := p.connect(Options{})
	for _, do := range []func() error{
		func() error { _, err := c.Send(soon(t), Text("x")); return err },
		func() error { _, err := c.Run(soon(t), Text("x")); return err },
		func() error { _, err := c.Subscribe(soon(t), "t"); return err },
	} {
		err := do()
		assert.True(t, problem.Is(err, problem.ExtensionRequired), "%v", err)
		assert.Equal(t, []string{uri}, detail(err, "uris"))
	}
	assert.Empty(t, p.calls())
	c = p.connect(Options{Extensions: []string{uri}, Self: "https://me.example"})
	_, err := c.Run(soon(t), Text("x"))
	require.NoError(t, err)
	sent := p.last("SendStreamingMessage")
	assert.Equal(t, uri+", "+ext.Trace, sent.header.Get("A2A-Extensions"))
	message, _ := sent.params.Object("message")
	metadata, _ := message.Object("metadata")
	said, err := metadata.Object(ext.Trace)
	require.NoError(t, err)
	assert.JSONEq(t, `["https://me.example"]`, string(said["visitedAgents"]))
	parent, _ := said.Text("traceparent")
	assert.Equal(t, parent, sent.header.Get("traceparent"))
}

func TestGivingUpMayCancelTheTask(t *testing.T) {
	begun, cancelled := make(chan bool, 10), make(chan string, 10)
	p := streaming(t, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) {
			a.events(task(Working))
			begun <- true
			a.hang()
		},
		"CancelTask": func(a *answer) {
			id, _ := a.params.Text("id")
			a.result(bare(Canceled))
			cancelled <- id
		},
	})
	c := p.connect(Options{})
	for _, cancel := range []bool{false, true} {
		spec := Text("x")
		spec.CancelOnAbort = cancel
		ctx, stop := context.WithCancel(context.Background())
		var s *Stream
		go func() {
			<-begun
			for s == nil || s.TaskID() == "" {
				c.mu.Lock()
				for s = range c.streams {
				}
				c.mu.Unlock()
				time.Sleep(time.Millisecond)
			}
			stop()
		}()
		state, err := c.Run(ctx, spec)
		assert.True(t, problem.Is(err, problem.Cancelled), "%v", err)
		assert.NotNil(t, state)
		if cancel {
			assert.Equal(t, "t", <-cancelled)
		}
		require.Eventually(t, func() bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.streams) == 0
		}, patience, time.Millisecond)
	}
	assert.Equal(t, 1, p.times("CancelTask"))
	ctx, stop := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer stop()
	_, err := c.Run(ctx, Text("x"))
	assert.True(t, problem.Is(err, problem.Timeout, problem.Cancelled), "%v", err)
}

func TestAStreamCancelsItsTask(t *testing.T) {
	go1 := make(chan bool)
	p := streaming(t, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) {
			a.raw(": wait\n\n")
			<-go1
			a.events(task(Working))
			<-go1
			a.events(state(Canceled))
		},
		"CancelTask": func(a *answer) {
			a.result(bare(Canceled))
			go1 <- true
		},
	})
	s, err := p.connect(Options{}).Stream(soon(t), Text("x"))
	require.NoError(t, err)
	_, err = s.Cancel(soon(t))
	assert.True(t, problem.Is(err, problem.TaskNotFound), "%v", err)
	go1 <- true
	_, err = s.Next(soon(t))
	require.NoError(t, err)
	got, err := s.Cancel(soon(t))
	require.NoError(t, err)
	assert.JSONEq(t, bare(Canceled), string(got))
	list, err := all(t, s)
	assert.Equal(t, io.EOF, err)
	assert.Len(t, list, 1)
}

// A task that was sent is not sent again, whatever becomes of the connection.
func TestATaskIsSentOnce(t *testing.T) {
	for name, end := range map[string]func(*answer){
		"reset": func(a *answer) { a.cut() }, "failure": func(a *answer) { a.w.WriteHeader(502) },
		"busy": func(a *answer) { a.w.WriteHeader(503) },
		"error": func(a *answer) {
			a.raw("event: error\ndata: {\"jsonrpc\":\"2.0\",\"id\":" + string(a.id) +
				",\"error\":{\"code\":-32603,\"message\":\"broken\"}}\n\n")
		},
		"page": func(a *answer) { _, _ = io.WriteString(a.w, "<html>") },
	} {
		p := streaming(t, map[string]func(*answer){"SendStreamingMessage": end, "SendMessage": end})
		c := p.connect(Options{})
		s, err := c.Stream(soon(t), Text("x"))
		if err == nil {
			_, err = all(t, s)
		}
		assert.Error(t, err, name)
		assert.NotEqual(t, io.EOF, err, name)
		assert.Equal(t, 1, len(p.calls()), name)
	}
	p := streaming(t, map[string]func(*answer){})
	var ids []string
	p.now("SendStreamingMessage", func(a *answer) {
		message, _ := a.params.Object("message")
		ids = append(ids, string(message["messageId"]))
		if len(ids) == 1 {
			a.w.Header().Set("Retry-After", "0")
			a.w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		a.events(task(Completed))
	})
	_, err := p.connect(Options{}).Run(soon(t), Text("x"))
	require.NoError(t, err)
	require.Len(t, ids, 2)
	assert.Equal(t, ids[0], ids[1], "asked again with the same messageId")
}
