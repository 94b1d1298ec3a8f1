package agents

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
	"github.com/ruvector/ruvector-arrow/fault"
)

// event is an update as it is read by others.
type event struct {
	Kind    string          `json:"kind"`
	Seq     int             `json:"seq"`
	Resumed bool            `json:"resumed"`
	Raw     json.RawMessage `json:"raw"`
	Error   *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// taken waits for updates and takes them.
func taken(t *testing.T, s *Stream, most int) (events []event) {
	t.Helper()
	require.True(t, s.Wait(patience))
	require.NoError(t, json.Unmarshal(s.Take(most), &events))
	return events
}

// whole reads a stream to its end, which is the last event.
func whole(t *testing.T, s *Stream) (events []event) {
	t.Helper()
	for len(events) == 0 || events[len(events)-1].Raw != nil {
		events = append(events, taken(t, s, 7)...)
	}
	return events
}

func TestUpdatesComeInOrderAndThenTheEnd(t *testing.T) {
	s := streamed(t, connected(t, start(t), ""), "count 500")
	events := whole(t, s)
	require.Len(t, events, 501)
	for i, e := range events[:500] {
		require.Equal(t, i+1, e.Seq)
		require.False(t, e.Resumed)
	}
	require.Equal(t, "task", events[0].Kind)
	require.Equal(t, "status", events[499].Kind)
	require.Contains(t, string(events[1].Raw), "9007199254740993", "numbers as they were written")
	for range 3 {
		require.Equal(t, "end", taken(t, s, 1)[0].Kind, "the end is told to all who ask")
	}
	var known struct {
		Task struct{ Artifacts []struct{ Parts []any } }
	}
	require.NoError(t, json.Unmarshal(
		parsed(t, Call{Op: "snapshot", On: s}.Ask()).OK, &known))
	require.Len(t, known.Task.Artifacts[0].Parts, 498)
}

func TestNothingIsTakenWhereNothingIs(t *testing.T) {
	s := streamed(t, connected(t, start(t), ""), "hang")
	require.Len(t, taken(t, s, 5), 1)
	require.Equal(t, "[]", string(s.Take(5)))
	require.False(t, s.Wait(0))
	require.False(t, s.Wait(-time.Hour))
	require.False(t, s.Wait(time.Millisecond))
}

func TestWhoWatchesIsToldOnce(t *testing.T) {
	p := start(t)
	s := streamed(t, connected(t, p, ""), "hang")
	require.Len(t, taken(t, s, 5), 1)
	require.Equal(t, "[]", string(s.Take(5)))
	told := make(chan int, 9)
	s.OnEnd(func() { told <- 1 })
	require.Empty(t, told)
	s.Watch(func() { told <- 2 })
	require.Equal(t, 1, <-told, "a second one has the first look again")
	s.Close()
	require.Equal(t, 2, <-told)
	s.Watch(func() { told <- 3 })
	require.Equal(t, 3, <-told, "closed streams are ready")
	require.Empty(t, told)
	eventually(t, func() bool { return p.left() == 1 })
	require.Equal(t, "Closed", taken(t, s, 5)[0].Error.Code)
}

func TestCancellingAnOpenerClosesWhatItOpens(t *testing.T) {
	p := start(t)
	a := connected(t, p, `,"cancel_remote_on_abort":true`)
	s := streamed(t, a, "hang")
	require.Len(t, taken(t, s, 5), 1)
	require.Nil(t, parsed(t, Call{Op: "abort", On: s}.Ask()).Error)
	s.Close()
	eventually(t, func() bool {
		all := p.methods()
		return len(all) == 2 && all[1] == "CancelTask" && p.left() == 1
	})
	a.Close()
	eventually(t, func() bool { return a.client.Close() == nil })
	require.Equal(t, "Closed", fails(t, "stream", a, `{"task_id":"t-1"}`))
}

func TestARefusedStreamGoesOnWithAnotherToken(t *testing.T) {
	p := start(t)
	p.refuse = func(method, proof string) bool {
		return method == "SubscribeToTask" && proof != "Bearer new"
	}
	a := connected(t, p, `,"auth":[{"kind":"bearer","secret":"old","changes":true}]`)
	s := streamed(t, a, "cut 5")
	events := whole(t, s)
	require.Equal(t, "Unauthenticated", events[len(events)-1].Error.Code)
	require.Equal(t, "Unauthenticated", fails(t, "resume", s, "{}"), "the token is the same")
	asked := Call{Op: "tokens", On: a, Request: []byte(`{"tokens":[{"at":0,"token":"new"}]}`)}
	require.Nil(t, parsed(t, asked.Ask()).Error)
	do(t, "resume", s, "{}")
	more := whole(t, s)
	require.Equal(t, "end", more[len(more)-1].Kind)
	require.True(t, more[0].Resumed)
	require.Equal(t, len(events), more[0].Seq, "counted on")
	asked.Request = []byte(`{"tokens":[{"at":1,"token":"x"}]}`)
	require.Equal(t, "InvalidArgument", parsed(t, asked.Ask()).Error.Code)
}

func TestManyStreamsAtOnce(t *testing.T) {
	a := connected(t, start(t), "")
	var all sync.WaitGroup
	for range 100 {
		s := streamed(t, a, "count 40")
		all.Add(1)
		go func() {
			defer all.Done()
			n := 0
			for end := time.Now().Add(patience); time.Now().Before(end); {
				var part []event
				s.Wait(patience)
				assert.NoError(t, json.Unmarshal(s.Take(9), &part))
				for _, e := range part {
					if n++; e.Kind == "end" {
						assert.Equal(t, 41, n)
						return
					}
				}
			}
			assert.Fail(t, "no end")
		}()
	}
	all.Wait()
}

func TestErrorsAreJSONAndTellNoMoreThanTheyMay(t *testing.T) {
	assert.NotContains(t, string(Describe(errors.New("Bearer secret"))), "secret")
	odd := problem.New(problem.Timeout, "slow", "").With("channel", make(chan int))
	assert.JSONEq(t, `{"code":"A2aTimeout","message":"slow","attempts":0}`, string(Describe(odd)))
	assert.JSONEq(t, `{"code":"A2aTimeout","message":"slow","attempts":0}`,
		string(Describe(fmt.Errorf("outer: %w", problem.New(problem.Timeout, "slow", "")))))
	broken := fault.New(fault.NativeError, "x", "it broke", "report it")
	assert.Contains(t, string(Describe(broken)), `"code":"NativeError"`)
	full := &problem.Error{Code: problem.StreamInterrupted, Op: "stream_task", TaskID: "t-1",
		Msg: "it broke <here>", Fix: "subscribe", URL: "https://a.example/", Attempts: 8,
		Detail: map[string]any{"last_seq": int64(9007199254740993)}}
	assert.Equal(t, `{"code":"StreamInterrupted","message":"stream_task: it broke <here> `+
		`(https://a.example/), asked 8 times; subscribe","op":"stream_task",`+
		`"url":"https://a.example/","task_id":"t-1","attempts":8,`+
		`"detail":{"last_seq":9007199254740993}}`, string(Describe(full)))
}
