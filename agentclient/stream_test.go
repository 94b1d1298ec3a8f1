package agentclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func TestAStreamIsFollowedToTheEnd(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"SendStreamingMessage": func(a *answer) {
		a.events(task(Submitted), state(Working), piece("a"), piece("b"), state(Completed))
		a.hang() // an agent that forgets to close
	}})
	c := p.connect(Options{})
	s, err := c.Stream(soon(t), Text("x"))
	require.NoError(t, err)
	list, err := all(t, s)
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, "task status artifact! artifact status", kinds(list))
	assert.Equal(t, []any{"t", "c", Completed, uint64(5)},
		[]any{list[4].TaskID, list[4].ContextID, list[4].State, list[4].Seq})
	now := s.Snapshot()
	assert.Equal(t, "ab", textOf(t, now.Task))
	assert.Equal(t, []any{"t", "c", Completed, true},
		[]any{now.TaskID, now.ContextID, now.State, now.Gap})
	assert.NoError(t, s.Close())
	assert.NoError(t, s.Close())
	message, err := p.last("SendStreamingMessage").params.Object("message")
	require.NoError(t, err)
	id, _ := message.Text("messageId")
	role, _ := message.Text("role")
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
	assert.Equal(t, "ROLE_USER", role)
}

// While a task waits for input nothing more comes; while it waits for credentials it may go on.
func TestWhereAStreamEnds(t *testing.T) {
	for name, c := range map[string]struct {
		then func(*answer)
		want string
		last State
	}{
		"message": {func(a *answer) {
			a.events(`{"message":{"messageId":"m","role":"ROLE_AGENT","parts":[{"text":"hi"}]}}`)
			a.hang()
		}, "message", ""},
		"input": {func(a *answer) {
			a.events(task(Working), state(InputRequired))
			a.hang()
		}, "task status", InputRequired},
		"credentials, then closed": {func(a *answer) {
			a.events(task(Working), state(AuthRequired))
		}, "task status", AuthRequired},
		"credentials, then on": {func(a *answer) {
			a.events(task(Working), state(AuthRequired), state(Working), state(Failed), state(Working))
		}, "task status status status", Failed},
		"terminal at once": {func(a *answer) { a.events(task(Rejected)); a.hang() }, "task", Rejected},
		"one answer":       {func(a *answer) { a.result(task(Completed)) }, "task", Completed},
		"unknown events are left out": {func(a *answer) {
			a.events(task(Working), `{"later":{}}`, `{}`, state(Canceled))
		}, "task status", Canceled},
	} {
		p := streaming(t, map[string]func(*answer){"SendStreamingMessage": c.then})
		s, err := p.connect(Options{}).Stream(soon(t), Text("x"))
		require.NoError(t, err, name)
		list, err := all(t, s)
		assert.Equal(t, io.EOF, err, name)
		assert.Equal(t, c.want, kinds(list), name)
		assert.Equal(t, c.last, s.Snapshot().State, name)
		assert.Equal(t, []string{"SendStreamingMessage"}, p.calls(), name)
		assert.Equal(t, strings.HasPrefix(name, "unknown"), s.Skipped() == 2, name)
	}
}

// Connections that end in any way are taken up again, and nothing is told twice.
func TestAStreamThatBreaksIsResumed(t *testing.T) {
	for name, end := range map[string]func(*answer){
		"end":        func(*answer) {},
		"reset":      func(a *answer) { a.cut() },
		"half event": func(a *answer) { a.raw(`data: {"jsonrpc":"2.0",`); a.cut() },
		"half line":  func(a *answer) { a.raw("data: {}\n") },
	} {
		p := streaming(t, map[string]func(*answer){
			"SendStreamingMessage": func(a *answer) {
				a.events(task(Working), piece("1"), piece("2"))
				end(a)
			},
			"SubscribeToTask": func(a *answer) {
				a.events(task(Working, artifact("1", "2", "3", "4")), piece("4"), piece("5"),
					state(Completed))
			},
		})
		s, err := p.connect(Options{}).Stream(soon(t), Text("x"))
		require.NoError(t, err, name)
		list, err := all(t, s)
		assert.Equal(t, io.EOF, err, name)
		assert.Equal(t, "task artifact! artifact task+ artifact status", kinds(list), name)
		assert.Equal(t, "12345", textOf(t, s.Snapshot().Task), name)
		assert.Equal(t, []string{"SendStreamingMessage", "SubscribeToTask"}, p.calls(), name)
		id, _ := p.last("SubscribeToTask").params.Text("id")
		assert.Equal(t, "t", id)
	}
}

// An end without the end of TLS may have been made by anyone on the way (H10).
func TestACutOfTLSIsNoEnd(t *testing.T) {
	p := streaming(t, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) {
			a.events(task(Working), piece("1"))
			a.cut()
		},
		"SubscribeToTask": func(a *answer) { a.events(task(Completed, artifact("1", "2"))) },
	})
	p.kill()
	p.secure = true
	p.listen("127.0.0.1:0")
	roots := x509.NewCertPool()
	roots.AddCert(p.server.Certificate())
	done, err := p.connect(Options{TLS: &tls.Config{RootCAs: roots}}).Run(soon(t), Text("x"))
	require.NoError(t, err)
	assert.Equal(t, "12", textOf(t, done.Task))
	assert.Equal(t, 1, p.times("SubscribeToTask"))
	_, err = Connect(soon(t), p.url(), quick(Options{}))
	assert.True(t, problem.Is(err, problem.TLSFailed), "%v", err)
}

// A connection that is silent is broken, and taken up again.
func TestSilenceIsABreak(t *testing.T) {
	var again atomic.Int64
	p := streaming(t, map[string]func(*answer){
		"SendStreamingMessage": func(a *answer) {
			a.events(task(Working))
			a.hang()
		},
		"SubscribeToTask": func(a *answer) {
			if a.events(task(Working, artifact("1"))); again.Add(1) < 3 {
				a.hang()
				return
			}
			a.events(state(Completed))
		},
	})
	// patient follows a task with more and more patience, until the agent is quicker than that.
	patient := func() (*TaskState, error) {
		for idle := 100 * time.Millisecond; ; idle *= 2 {
			o := quick(Options{Timeouts: Timeouts{Idle: idle}})
			o.Resume.Attempts = 1000
			s, err := p.connect(o).Stream(soon(t), Text("x"))
			require.NoError(t, err)
			if _, err = all(t, s); !problem.Is(err, problem.StreamInterrupted) || idle > patience {
				return s.Snapshot(), err
			}
		}
	}
	done, err := patient()
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, "1", textOf(t, done.Task))
	assert.GreaterOrEqual(t, again.Load(), int64(3))
	p.now("SendStreamingMessage", func(a *answer) {
		a.events(task(Working), state(AuthRequired))
		a.hang()
	})
	done, err = patient()
	assert.Equal(t, io.EOF, err, "who waits for credentials need not say anything")
	assert.Equal(t, AuthRequired, done.State)
}

func TestHowToResumeIsEachStreamsOwn(t *testing.T) {
	begun := func(a *answer) { a.events(task(Working)) }
	p := streaming(t, map[string]func(*answer){
		"SubscribeToTask": begun, "SendStreamingMessage": begun})
	c := p.connect(Options{})
	s, err := c.Subscribe(soon(t), "t", Resume{Off: true})
	require.NoError(t, err)
	_, err = all(t, s)
	assert.True(t, problem.Is(err, problem.StreamInterrupted), "%v", err)
	spec := Text("x")
	spec.Resume = &Resume{Off: true}
	_, err = c.Run(soon(t), spec)
	assert.True(t, problem.Is(err, problem.StreamInterrupted), "%v", err)
	assert.Equal(t, 1, p.times("SubscribeToTask"))
}

// The agent is killed while it streams, and started again at the same address, many times over.
func TestAnAgentThatIsKilledIsFollowedOn(t *testing.T) {
	const pieces = 40
	var told atomic.Int64
	tell := func(a *answer, from int64) {
		for n := from; n < pieces; n++ {
			told.Store(n + 1)
			a.events(piece(fmt.Sprintf("%d,", n)))
			if n%10 == 9 && n < pieces-1 {
				a.hang() // to be killed here
				return
			}
		}
		a.events(state(Completed))
	}
	p := streaming(t, map[string]func(*answer){})
	p.now("SendStreamingMessage", func(a *answer) {
		a.events(task(Working, artifact()))
		tell(a, 0)
	})
	p.now("SubscribeToTask", func(a *answer) {
		var before []string
		for n := range told.Load() {
			before = append(before, fmt.Sprintf("%d,", n))
		}
		a.events(task(Working, artifact(before...)))
		tell(a, told.Load())
	})
	o := quick(Options{})
	o.Resume.Attempts = 1000
	s, err := p.connect(o).Stream(soon(t), Text("x"))
	require.NoError(t, err)
	want, got := "", ""
	for n := range pieces {
		want += fmt.Sprintf("%d,", n)
		for len(got) < len(want) {
			update, err := s.Next(soon(t))
			require.NoError(t, err)
			if update.Kind == KindArtifact {
				got += textOf(t, []byte(`{"artifacts":[`+artifactOf(t, update)+`]}`))
			}
			require.False(t, update.Gap)
		}
		if n%10 == 9 && n < pieces-1 {
			p.kill()
			p.listen(p.address)
		}
	}
	list, err := all(t, s)
	assert.Equal(t, io.EOF, err)
	assert.Len(t, list, 1)
	assert.Equal(t, want, got)
	assert.Equal(t, want, textOf(t, s.Snapshot().Task))
	assert.False(t, s.Snapshot().Gap)
	assert.Equal(t, 1, p.times("SendStreamingMessage"), "a task is sent once")
}

// What cannot be subscribed to is asked for.
func TestTasksThatCannotBeSubscribedToAreAskedFor(t *testing.T) {
	for name, refuse := range map[string]func(*answer){
		"not found":   func(a *answer) { a.fail(-32001, "no active execution") },
		"unsupported": func(a *answer) { a.fail(-32004, "terminal") },
		"no method":   func(a *answer) { a.fail(-32601, "what?") },
		"by an event": func(a *answer) {
			a.w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprintf(a.w, "data: {\"jsonrpc\":\"2.0\",\"id\":%s,"+
				"\"error\":{\"code\":-32001,\"message\":\"no execution\"}}\n\n", a.id)
		},
		"404": func(a *answer) { a.w.WriteHeader(404) },
		"405": func(a *answer) { a.w.WriteHeader(405) },
		"a page": func(a *answer) {
			a.w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(a.w, "<html>")
		},
	} {
		var asks atomic.Int64
		p := streaming(t, map[string]func(*answer){
			"SendStreamingMessage": func(a *answer) { a.events(task(Working), piece("1")) },
			"SubscribeToTask":      refuse,
			"GetTask": func(a *answer) {
				switch n := asks.Add(1); {
				case n < 3:
					a.result(bare(Working, artifact("1")))
				case n == 3:
					a.w.WriteHeader(503)
				case n < 6:
					a.result(bare(Working, artifact("1", "2")))
				default:
					a.result(bare(Completed, artifact("1", "2", "3")))
				}
			},
		})
		s, err := p.connect(Options{}).Stream(soon(t), Text("x"))
		require.NoError(t, err, name)
		list, err := all(t, s)
		assert.Equal(t, io.EOF, err, name)
		assert.Equal(t, "task artifact! task+ task task", kinds(list), name)
		assert.Equal(t, "123", textOf(t, s.Snapshot().Task), name)
	}
}

func TestWhatCannotBeResumedIsAnError(t *testing.T) {
	begun := func(a *answer) { a.events(task(Working)) }
	for name, c := range map[string]struct {
		script map[string]func(*answer)
		resume Resume
		code   problem.Code
		calls  int // at least
	}{
		"no task yet": {map[string]func(*answer){
			"SendStreamingMessage": func(a *answer) { a.raw(": hello\n\n") }}, Resume{},
			problem.StreamInterrupted, 1},
		"not wanted": {map[string]func(*answer){"SendStreamingMessage": begun}, Resume{Off: true},
			problem.StreamInterrupted, 1},
		"too often": {map[string]func(*answer){"SendStreamingMessage": begun, "SubscribeToTask": begun},
			Resume{Attempts: 3, First: time.Millisecond, Most: time.Millisecond},
			problem.StreamInterrupted, 4},
		"too long": {map[string]func(*answer){"SendStreamingMessage": begun, "SubscribeToTask": begun},
			Resume{Attempts: 1 << 30, For: 50 * time.Millisecond, First: time.Millisecond,
				Most: 4 * time.Millisecond}, problem.StreamInterrupted, 2},
		"forgotten": {map[string]func(*answer){"SendStreamingMessage": begun,
			"SubscribeToTask": func(a *answer) { a.fail(-32001, "?") },
			"GetTask":         func(a *answer) { a.fail(-32001, "?") }}, Resume{First: 1},
			problem.TaskNotFound, 3},
		"refused": {map[string]func(*answer){"SendStreamingMessage": begun,
			"SubscribeToTask": func(a *answer) { a.w.WriteHeader(403) }}, Resume{First: 1},
			problem.PermissionDenied, 2},
	} {
		p := streaming(t, c.script)
		s, err := p.connect(Options{Resume: c.resume}).Stream(soon(t), Text("x"))
		require.NoError(t, err, name)
		_, err = all(t, s)
		assert.Equal(t, c.code, problem.CodeOf(err), "%s: %v", name, err)
		assert.GreaterOrEqual(t, len(p.calls()), c.calls, "%s: %s", name, p.calls())
		e := (*problem.Error)(nil)
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, "stream_task", e.Op, name)
		assert.Equal(t, name != "no task yet", e.TaskID == "t", name)
	}
}

// Who does not take updates makes the agent wait; nothing is lost.
func TestWhoDoesNotReadMakesTheAgentWait(t *testing.T) {
	const many = 6000
	var sent atomic.Int64
	big := strings.Repeat("x", 4096)
	p := streaming(t, map[string]func(*answer){"SendStreamingMessage": func(a *answer) {
		a.events(task(Working, artifact()))
		for range many {
			a.events(piece(big))
			sent.Add(1)
		}
		a.events(state(Completed))
	}})
	s, err := p.connect(Options{}).Stream(soon(t), Text("x"))
	require.NoError(t, err)
	still := int64(-1)
	require.Eventually(t, func() bool {
		was := still
		still = sent.Load()
		return was == still && still > window
	}, patience, 300*time.Millisecond, "the agent is never held")
	assert.Less(t, still, int64(many))
	s.mu.Lock()
	waiting, bytes := len(s.waiting), s.bytes
	s.mu.Unlock()
	assert.LessOrEqual(t, waiting, window)
	assert.LessOrEqual(t, bytes, windowBytes)
	list, err := all(t, s)
	assert.Equal(t, io.EOF, err)
	assert.Len(t, list, many+2)
}

func TestTakingNeverWaits(t *testing.T) {
	more := make(chan string)
	p := streaming(t, map[string]func(*answer){"SendStreamingMessage": func(a *answer) {
		a.raw(": here\n\n")
		for text := range more {
			a.events(text)
		}
	}})
	s, err := p.connect(Options{}).Stream(soon(t), Text("x"))
	require.NoError(t, err)
	list, done, err := s.Take(10)
	assert.Equal(t, []any{0, false, nil}, []any{len(list), done, err})
	ready := make(chan bool, 100)
	s.OnReady(func() { ready <- true })
	for i, text := range []string{task(Working), piece("a"), state(Completed)} {
		more <- text
		select {
		case <-ready:
		case <-soon(t).Done():
			t.Fatal("nobody is told")
		}
		list, _, err = s.Take(10)
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, uint64(i+1), list[0].Seq)
		if i < 2 {
			list, done, err = s.Take(10)
			assert.Equal(t, []any{0, false, nil}, []any{len(list), done, err})
		}
	}
	require.Eventually(t, func() bool {
		list, done, err = s.Take(10)
		return len(list) == 0 && done && err == nil
	}, patience, time.Millisecond)
	close(more)
	told := make(chan bool, 1)
	s.OnReady(func() { told <- true })
	assert.True(t, <-told, "the end is there already")
	s.OnReady(nil)
}

// Whoever waits is told of an end that another one met.
func TestAnEndIsEverybodys(t *testing.T) {
	for range 20 {
		p := streaming(t, map[string]func(*answer){"SendStreamingMessage": func(a *answer) {
			a.events(task(Working), piece("x"), piece(strings.Repeat("x", 2000)))
			a.hang()
		}})
		s, err := p.connect(Options{Limits: Limits{Task: 1000}}).Stream(soon(t), Text("x"))
		require.NoError(t, err)
		ended := make(chan error, 4)
		for range cap(ended) {
			go func() {
				_, err := all(t, s)
				ended <- err
			}()
		}
		for range cap(ended) {
			err := <-ended
			assert.True(t, problem.Is(err, problem.ResponseTooLarge), "%v", err)
		}
	}
}

func TestTakeGivesWhatFitsATurn(t *testing.T) {
	s := newStream(0, func(error) {})
	for range 5 {
		e := eventOf(t, piece(strings.Repeat("x", 100<<10)))
		assert.True(t, s.put(context.Background(), arrival{event: e}))
	}
	for _, want := range []int{2, 2, 1, 0} {
		list, done, err := s.Take(100)
		assert.Equal(t, []any{want, false, nil}, []any{len(list), done, err})
	}
	assert.True(t, s.put(context.Background(), arrival{event: eventOf(t, piece("x"))}))
	s.finish(io.EOF)
	assert.False(t, s.put(context.Background(), arrival{event: eventOf(t, piece("x"))}))
	list, done, err := s.Take(1)
	assert.Equal(t, []any{1, true, nil}, []any{len(list), done, err})
	ctx, stop := context.WithCancel(context.Background())
	stop()
	full := newStream(0, func(error) {})
	for n := range window {
		assert.Equal(t, n < window-1, full.put(ctx, arrival{event: eventOf(t, piece("x"))}) ||
			n < window-1)
	}
}

func TestClosingEndsWhoeverWaits(t *testing.T) {
	p := streaming(t, map[string]func(*answer){"SendStreamingMessage": func(a *answer) {
		a.events(task(Working))
		a.hang()
	}})
	c := p.connect(Options{})
	s, err := c.Stream(soon(t), Text("x"))
	require.NoError(t, err)
	_, err = s.Next(soon(t))
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	_, err = s.Next(ctx)
	assert.True(t, problem.Is(err, problem.Cancelled), "%v", err)
	ended := make(chan error)
	go func() {
		_, err := s.Next(context.Background())
		ended <- err
	}()
	require.NoError(t, s.Close())
	assert.True(t, problem.Is(<-ended, problem.Closed))
	_, done, err := s.Take(1)
	assert.True(t, done && problem.Is(err, problem.Closed), "%v", err)
	other, err := c.Stream(soon(t), Text("x"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = all(t, other)
	assert.True(t, problem.Is(err, problem.Closed), "%v", err)
	_, err = c.Stream(soon(t), Text("x"))
	assert.True(t, problem.Is(err, problem.Closed), "%v", err)
}
