package agents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

const patience = 30 * time.Second

// script is a source that tells what it is told to.
type script struct {
	tell   chan []byte // closed: the source ends with end
	end    error
	read   atomic.Int64 // how often Next was called
	closed atomic.Int64
	panics bool
}

func newScript(events ...string) *script {
	s := &script{tell: make(chan []byte, len(events)), end: io.EOF}
	for _, e := range events {
		s.tell <- []byte(e)
	}
	return s
}

func (s *script) Next(ctx context.Context) ([]byte, error) {
	s.read.Add(1)
	if s.panics {
		panic("in the source")
	}
	select {
	case event, more := <-s.tell:
		if !more {
			return nil, s.end
		}
		return event, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *script) Snapshot() []byte { return []byte(`{"task":1}`) }
func (s *script) Close() error     { s.closed.Add(1); return nil }

// endless is a source that always has an update of n bytes.
type endless struct {
	script
	event []byte
}

func (e *endless) Next(ctx context.Context) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	e.read.Add(1)
	return e.event, nil
}

func open(t *testing.T, source Source) *Stream {
	t.Helper()
	s := Open(source)
	t.Cleanup(func() { s.Close(); wait(t, s.Gone()) })
	return s
}

func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		require.Fail(t, "it goes on")
	}
}

// taken returns the next updates of a stream, as they are read by others.
func taken(t *testing.T, s *Stream, most int) []map[string]any {
	t.Helper()
	require.True(t, s.Wait(patience))
	var events []map[string]any
	require.NoError(t, json.Unmarshal(s.Take(most), &events))
	return events
}

func numbered(n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = fmt.Sprintf(`{"n":%d}`, i)
	}
	return events
}

func TestUpdatesComeInOrderAndThenTheEnd(t *testing.T) {
	source := newScript(numbered(1000)...)
	close(source.tell)
	s := open(t, source)
	var seen []map[string]any
	for len(seen) == 0 || seen[len(seen)-1]["kind"] != "end" {
		part := taken(t, s, 7)
		require.LessOrEqual(t, len(part), 7)
		seen = append(seen, part...)
	}
	require.Len(t, seen, 1001)
	for i, event := range seen[:1000] {
		require.Equal(t, float64(i), event["n"])
	}
	for range 3 {
		require.Equal(t, "end", taken(t, s, 1)[0]["kind"], "the end is told to all who ask")
	}
	wait(t, s.Gone())
	require.Equal(t, int64(1), source.closed.Load())
}

func TestNothingIsTakenWhereNothingIs(t *testing.T) {
	source := newScript()
	s := open(t, source)
	require.Equal(t, "[]", string(s.Take(5)))
	require.False(t, s.Wait(0))
	require.False(t, s.Wait(-time.Hour))
	source.tell <- []byte(`{"n":1}`)
	require.Len(t, taken(t, s, 5), 1)
	require.False(t, s.Wait(time.Millisecond))
	require.Equal(t, `{"task":1}`, string(s.Snapshot()))
}

func TestASourceIsReadNoFurtherThanTheWindow(t *testing.T) {
	for name, c := range map[string]struct{ bytes, held int }{
		"by number": {10, window},
		"by bytes":  {1 << 20, windowBytes >> 20},
		"by one":    {windowBytes + 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			event := []byte(`"` + strings.Repeat("x", c.bytes-2) + `"`)
			source := &endless{event: event}
			s := open(t, source)
			held := func() bool { return source.read.Load() == int64(c.held) }
			require.Eventually(t, held, patience, time.Millisecond)
			var part []json.RawMessage
			require.NoError(t, json.Unmarshal(s.Take(1), &part))
			require.Len(t, part, 1)
			more := func() bool { return source.read.Load() == int64(c.held)+1 }
			require.Eventually(t, more, patience, time.Millisecond, "taking gives room back")
			for range 50 {
				runtime.Gosched()
			}
			require.True(t, more(), "and no more than that")
		})
	}
}

func TestOneTurnIsShortAndTakesAtLeastOneUpdate(t *testing.T) {
	large := `"` + strings.Repeat("x", turnBytes/2) + `"`
	source := newScript(large, large, `1`, `"`+strings.Repeat("y", 2*turnBytes)+`"`)
	s := open(t, source)
	all := func() bool { return source.read.Load() == 5 }
	require.Eventually(t, all, patience, time.Millisecond)
	for _, want := range []int{1, 2, 1} {
		var part []json.RawMessage
		require.NoError(t, json.Unmarshal(s.Take(turn), &part))
		require.Len(t, part, want)
	}
	require.Equal(t, "[]", string(s.Take(0)))
}

func TestErrorsFollowTheUpdatesAsJSON(t *testing.T) {
	source := newScript(`1`)
	source.end = &problem.Error{Code: problem.StreamInterrupted, Op: "stream_task", TaskID: "t-1",
		Msg: "the stream broke <here>", Fix: "subscribe", URL: "https://a.example/", Attempts: 8,
		Detail: map[string]any{"last_seq": int64(9007199254740993)}}
	close(source.tell)
	s := open(t, source)
	require.Eventually(t, func() bool { return source.closed.Load() == 1 }, patience,
		time.Millisecond)
	require.Equal(t, `[1,{"kind":"error","error":{"code":"StreamInterrupted","message":"stream_task:`+
		` the stream broke <here> (https://a.example/), asked 8 times; subscribe",`+
		`"op":"stream_task","url":"https://a.example/","task_id":"t-1","attempts":8,`+
		`"detail":{"last_seq":9007199254740993}}}]`, string(s.Take(9)))
}

func TestErrorsThatAreNotTheClientsTellNoText(t *testing.T) {
	assert.NotContains(t, string(Describe(errors.New("Bearer secret"))), "secret")
	odd := problem.New(problem.Timeout, "slow", "").With("channel", make(chan int))
	assert.JSONEq(t, `{"code":"A2aTimeout","message":"slow","attempts":0}`, string(Describe(odd)))
	assert.JSONEq(t, `{"code":"A2aTimeout","message":"slow","attempts":0}`,
		string(Describe(fmt.Errorf("outer: %w", problem.New(problem.Timeout, "slow", "")))))
}

func TestAPanicInASourceIsTheStreamsError(t *testing.T) {
	source := newScript()
	source.panics = true
	s := open(t, source)
	said := taken(t, s, 1)[0]["error"].(map[string]any)
	require.Equal(t, "NativeError", said["code"])
	require.Contains(t, said["message"], "in the source")
	wait(t, s.Gone())
}

func TestWhoWatchesIsToldOnce(t *testing.T) {
	source := newScript()
	s := open(t, source)
	told := make(chan int, 9)
	s.OnEnd(func() { told <- 1 })
	require.Empty(t, told)
	s.Watch(func() { told <- 2 })
	require.Equal(t, 1, <-told, "a second one has the first look again")
	source.tell <- []byte(`1`)
	require.Equal(t, 2, <-told)
	s.Watch(func() { told <- 3 })
	require.Equal(t, 3, <-told, "there is something")
	require.Len(t, s.Take(9), 3)
	s.Watch(func() { told <- 4 })
	require.Empty(t, told)
	s.Close()
	require.Equal(t, 4, <-told)
}

func TestClosingEndsWhoeverWaits(t *testing.T) {
	source := &endless{event: []byte(`1`)}
	s := Open(source)
	require.Eventually(t, func() bool { return source.read.Load() == window }, patience,
		time.Millisecond)
	silent := Open(newScript())
	var waiting sync.WaitGroup
	for range 3 {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			assert.True(t, silent.Wait(patience))
		}()
	}
	for _, closed := range []*Stream{s, silent} {
		closed.Close()
		closed.Close()
		require.Equal(t, `[{"kind":"end"}]`, string(closed.Take(9)), "what nobody took is gone")
		wait(t, closed.Gone())
	}
	waiting.Wait()
	require.Equal(t, int64(1), source.closed.Load())
}

func TestManyStreamsAtOnceLoseNothing(t *testing.T) {
	const streams, updates = 100, 300
	before := runtime.NumGoroutine()
	var all sync.WaitGroup
	for range streams {
		all.Add(1)
		go func() {
			defer all.Done()
			source := newScript(numbered(updates)...)
			close(source.tell)
			s := Open(source)
			n := 0
			for {
				if !assert.True(t, s.Wait(patience)) {
					return
				}
				var part []struct {
					N    int
					Kind string
				}
				assert.NoError(t, json.Unmarshal(s.Take(20), &part))
				for _, event := range part {
					if event.Kind == "end" {
						assert.Equal(t, updates, n)
						s.Close()
						<-s.Gone()
						return
					}
					assert.Equal(t, n, event.N)
					n++
				}
			}
		}()
	}
	all.Wait()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; {
		require.True(t, time.Now().Before(end), "goroutines are left")
		time.Sleep(time.Millisecond)
	}
}
