package agents

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryOperationAnswersJSON(t *testing.T) {
	p := start(t)
	a := connected(t, p, "")
	for _, c := range []struct{ op, request, want string }{
		{"send", `{"task":{"message":{"parts":[{"text":"count 2"}]}}}`, "TASK_STATE_WORKING"},
		{"run", `{"task":{"message":{"parts":[{"text":"count 3"}]}},"timeout":30}`, "COMPLETED"},
		{"get", `{"task_id":"t-1","history_length":2}`, `"id":"t-1"`},
		{"cancel", `{"task_id":"t-1"}`, "CANCELED"},
		{"list", `{"since":"2026-01-02T03:04:05Z","page_size":7}`, `"next_page_token":"2"`},
		{"refresh", `{}`, `"changed":false`},
		{"push_set", `{"task_id":"t-1","config":{"url":"https://me.example/"}}`, "p-1"},
		{"push_get", `{"task_id":"t-1","config_id":"p-1"}`, "p-1"},
		{"push_list", `{"task_id":"t-1"}`, "p-1"},
		{"push_delete", `{"task_id":"t-1","config_id":"p-1"}`, "null"},
	} {
		said, made := do(t, c.op, a, c.request)
		require.Contains(t, string(said), c.want, c.op)
		require.Nil(t, made)
	}
	require.Equal(t, "ExtendedCardNotConfigured", fails(t, "extended", a, "{}"))
}

func TestWhatMeansNothingIsRefused(t *testing.T) {
	a := connected(t, start(t), "")
	for _, c := range []struct {
		op      string
		on      any
		request string
	}{
		{"dance", nil, "{}"}, {"dance", a, "{}"}, {"get", nil, "{}"}, {"get", &Budget{}, "{}"},
		{"get", a, "{"}, {"get", a, "{} {}"}, {"get", a, `{"taks_id":"t"}`}, {"get", a, "[]"},
		{"get", a, `{"task_id":"../x"}`}, {"send", a, "{}"}, {"run", a, `{"task":null}`},
		{"stream", a, "{}"}, {"stream", a, "{"}, {"stream", a, `{"task":{"message":{}}}`},
		{"list", a, `{"since":"today"}`}, {"list", a, `{"page_size":101}`}, {"push_set", a, "{}"},
		{"connect", nil, "{"}, {"connect", nil, `{"url":"x","trust":{"kind":"mine"}}`},
		{"connect", nil, `{"url":"x","context":[]}`}, {"connect", nil, `{"url":"x"}`},
		{"connect", nil, `{"url":"https://a","auth":[{"kind":"song","secret":"x"}]}`},
		{"budget", nil, `{"max_usd_per_minute":-1}`}, {"budget", nil, "["},
		{"send", a, `{"task":{"message":{"parts":[{"text":"x"}]}},"context":7}`},
	} {
		require.Equal(t, "InvalidArgument", fails(t, c.op, c.on, c.request), "%s %s", c.op, c.request)
	}
	for _, c := range []Call{{Op: "close"}, {Op: "dance", On: a}, {Op: "snapshot", On: a},
		{Op: "tokens", On: a, Request: []byte("{")}, {Op: "abort", On: &Budget{}}} {
		require.Equal(t, "InvalidArgument", parsed(t, c.Ask()).Error.Code)
	}
}

func TestAConnectionTellsWhatItIs(t *testing.T) {
	p := start(t)
	request := `{"url":"` + p.URL + `",` + local + `,"strict_verify":false,
		"timeouts":{"connect":5,"tls":0,"headers":5,"total":5,"card":5,"idle":0},
		"limits":{"answer":1000000,"error":1000,"header":1000,"event":100000,"task":1000000},
		"policy":{"max_tokens":5,"max_duration_ms":60000,"max_concurrency":3},
		"recursion":{"max_call_depth":2,"deny_revisit":true,"revisit_allowlist":[]},
		"identity":{"agent_id":"https://me.example"},"context":{"depth":0},"fallback":true}`
	said, made := do(t, "connect", nil, request)
	defer made.(*Agent).Close()
	var known struct {
		Card      struct{ Name string }
		Interface map[string]string
		Trust     map[string]string
	}
	require.NoError(t, json.Unmarshal(said, &known))
	require.Equal(t, "counter", known.Card.Name)
	require.Equal(t, "unsigned", known.Trust["level"])
	require.Equal(t, map[string]string{"url": p.URL + "/rpc", "binding": "JSONRPC", "version": "1.0",
		"tenant": ""}, known.Interface)
	require.Equal(t, "CardUntrusted", fails(t, "connect", nil,
		`{"url":"`+p.URL+`",`+local+`,"strict_verify":true}`))
}

func TestABudgetIsShared(t *testing.T) {
	p := start(t)
	_, made := do(t, "budget", nil, `{"max_tasks_per_minute":2,"overflow":"shed","max_queue":3}`)
	budget := made.(*Budget)
	request := `{"url":"` + p.URL + `",` + local + `}`
	for i := range 3 {
		answer := Call{Op: "connect", Budget: budget, Request: []byte(request)}.Do(context.Background())
		a := answer.Made.(*Agent)
		task := `{"task":{"message":{"parts":[{"text":"count 2"}]}}}`
		if i < 2 {
			do(t, "run", a, task)
		} else {
			require.Equal(t, "BudgetExceeded", fails(t, "run", a, task))
		}
		a.Close()
	}
	require.Contains(t, string(parsed(t, Call{Op: "snapshot", On: budget}.Ask()).OK), `"tasks":2`)
}

func TestCallersStopWaiting(t *testing.T) {
	p := start(t)
	a := connected(t, p, `,"cancel_remote_on_abort":true`)
	hang := `{"task":{"message":{"parts":[{"text":"hang"}]}}`
	require.Equal(t, "A2aTimeout", fails(t, "run", a, hang+`,"timeout":0.2}`))
	eventually(t, func() bool { return p.left() == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	answer := Call{Op: "run", On: a, Request: []byte(hang + "}")}.Do(ctx)
	require.Equal(t, "Cancelled", parsed(t, answer.JSON).Error.Code)
	eventually(t, func() bool { return p.left() >= 1 })
}

func TestTimesThatAreNoLimit(t *testing.T) {
	require.Equal(t, forever, seconds(0))
	require.Equal(t, forever, seconds(1e30))
	require.Equal(t, time.Duration(1), seconds(1e-12))
	require.Equal(t, 1500*time.Millisecond, seconds(1.5))
}
