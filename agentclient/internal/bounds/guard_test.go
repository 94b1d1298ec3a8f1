package bounds

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func guard(t *testing.T, caps Caps) (*Guard, *handClock) {
	l, clock := ledger(t, caps)
	return &Guard{Gate: NewGate(), Ledger: l, Self: agent(1), Clock: clock}, clock
}

// untouched requires that a task which was refused has left nothing behind.
func untouched(t *testing.T, g *Guard) {
	t.Helper()
	s := g.Ledger.Snapshot()
	assert.Equal(t, []int64{0, 0, 0, 0}, []int64{s.Tokens, s.Tasks, int64(s.Open), int64(s.Queued)})
	assert.Empty(t, g.Gate.lanes)
}

func TestChecksComeInTheirOrder(t *testing.T) {
	g, _ := guard(t, Caps{TokensPerMinute: ptr(int64(10))})
	d := Dispatch{Target: agent(1), Skill: "gone", Estimate: Estimate{Tokens: ptr(int64(11))},
		Policy: TaskPolicy{MaxTokens: ptr(int64(5))}}
	_, err := g.Begin(t.Context(), d)
	is(t, err, problem.BudgetExceeded)
	d.Estimate.Tokens = ptr(int64(10))
	_, err = g.Begin(t.Context(), d)
	is(t, err, problem.RecursionLimit)
	untouched(t, g)
	d.Target = agent(2)
	_, err = g.Begin(t.Context(), d)
	is(t, err, problem.PolicyViolation, "field", "skill")
	d.Offered = []string{"gone"}
	_, err = g.Begin(t.Context(), d)
	is(t, err, problem.PolicyViolation, "field", "max_tokens")
	untouched(t, g)
	d.Policy.MaxTokens = ptr(int64(-5))
	_, err = g.Begin(t.Context(), d)
	is(t, err, problem.InvalidArgument)
	d.Policy, d.Estimate.Tokens = TaskPolicy{}, ptr(int64(-5))
	_, err = g.Begin(t.Context(), d)
	is(t, err, problem.InvalidArgument)
	untouched(t, g)
}

func TestWhatIsRefusedAnywayDoesNotWait(t *testing.T) {
	g, _ := guard(t, Caps{TasksPerMinute: ptr(int64(1)), Queue: true})
	_, err := g.Ledger.Try(Spend{})
	require.NoError(t, err)
	_, err = g.Begin(t.Context(), Dispatch{Target: agent(1)})
	is(t, err, problem.RecursionLimit)
	never, stop := context.WithCancel(t.Context())
	stop()
	_, err = g.Begin(never, Dispatch{Target: agent(2)})
	assert.True(t, problem.Is(err, problem.Cancelled))
}

func TestATaskAtTheGateGivesItsBudgetBack(t *testing.T) {
	g, _ := guard(t, Caps{})
	d := Dispatch{Target: agent(2), Policy: TaskPolicy{MaxConcurrency: 1, MaxTokens: ptr(int64(7))}}
	run, err := g.Begin(t.Context(), d)
	require.NoError(t, err)
	_, err = g.Begin(t.Context(), d)
	is(t, err, problem.PolicyViolation, "field", "max_concurrency")
	s := g.Ledger.Snapshot()
	assert.Equal(t, []int64{7, 1, 1}, []int64{s.Tokens, s.Tasks, int64(s.Open)})
	run.Cancel()
	run.End()
	untouched(t, g)
}

// What a task may take at most is reserved where nobody estimates, so that agents which call
// agents stay within one budget.
func TestWhatIsReserved(t *testing.T) {
	p := TaskPolicy{MaxTokens: ptr(int64(9)), MaxCostUSD: ptr(0.9)}
	assert.Equal(t, Spend{}, Dispatch{}.expected())
	assert.Equal(t, Spend{Tokens: 9, USD: 0.9}, Dispatch{Policy: p}.expected())
	assert.Equal(t, Spend{Tokens: 2, USD: 0.9},
		Dispatch{Policy: p, Estimate: Estimate{Tokens: ptr(int64(2))}}.expected())
	assert.Equal(t, Spend{Tokens: 9, USD: 0.25},
		Dispatch{Policy: p, Estimate: Estimate{CostUSD: ptr(0.25)}}.expected())
}

func TestARunFromBeginningToEnd(t *testing.T) {
	g, clock := guard(t, Caps{TokensPerMinute: ptr(int64(100))})
	run, err := g.Begin(t.Context(), Dispatch{Target: agent(2), Skill: "echo",
		Offered: []string{"echo"}, Policy: TaskPolicy{MaxTokens: ptr(int64(50)),
			MaxDuration: ptr(time.Minute)}, Estimate: Estimate{Tokens: ptr(int64(20))}})
	require.NoError(t, err)
	assert.Equal(t, int64(20), g.Ledger.Snapshot().Tokens)
	u, err := run.Observe(report(t, `{"inputTokens":10,"outputTokens":30}`))
	require.NoError(t, err)
	assert.Equal(t, int64(40), u.Tokens())
	assert.Equal(t, int64(40), g.Ledger.Snapshot().Tokens, "a task that overruns is booked at once")
	u, err = run.Observe(raw.Object{})
	require.NoError(t, err)
	assert.Nil(t, u)
	assert.NoError(t, run.Overdue())
	is(t, run.TooLong(), problem.PolicyViolation, "field", "max_duration_ms",
		"limit", int64(60_000), "actual", int64(60_000))
	clock.move(59 * time.Second)
	left, limited := run.Left()
	assert.Equal(t, []any{time.Second, true}, []any{left, limited})
	clock.move(2 * time.Second)
	is(t, run.Overdue(), problem.PolicyViolation, "field", "max_duration_ms", "limit", int64(60_000),
		"actual", int64(61_000))
	_, err = run.Observe(report(t, `{"outputTokens":41}`))
	is(t, err, problem.PolicyViolation, "field", "max_tokens", "actual", int64(51))
	run.End()
	run.End()
	assert.Zero(t, g.Ledger.Snapshot().Open)
	assert.Empty(t, g.Gate.lanes)
	assert.Equal(t, int64(51), run.Usage().Tokens())
}

func TestAShortTaskGivesRoomBackAndASilentOneNone(t *testing.T) {
	g, _ := guard(t, Caps{TokensPerMinute: ptr(int64(100))})
	d := Dispatch{Target: agent(2), Estimate: Estimate{Tokens: ptr(int64(50))}}
	run, err := g.Begin(t.Context(), d)
	require.NoError(t, err)
	_, err = run.Observe(report(t, `{"inputTokens":1,"outputTokens":2,"final":true}`))
	require.NoError(t, err)
	run.End()
	assert.Equal(t, int64(3), g.Ledger.Snapshot().Tokens)
	run, err = g.Begin(t.Context(), d)
	require.NoError(t, err)
	run.End()
	assert.Equal(t, int64(53), g.Ledger.Snapshot().Tokens)
	_, limited := run.Left()
	assert.False(t, limited)
	assert.NoError(t, run.Overdue())
	assert.NoError(t, run.TooLong())
}

func TestWithoutABudget(t *testing.T) {
	g := &Guard{Gate: NewGate()}
	run, err := g.Begin(t.Context(), Dispatch{Target: "https://a.example/a2a"})
	require.NoError(t, err)
	_, err = run.Observe(report(t, `{"costUsd":1}`))
	require.NoError(t, err)
	run.End()
	assert.Equal(t, 1, run.Child.Depth)
	_, err = g.Begin(t.Context(), Dispatch{Target: agent(1), Context: TaskContext{Depth: 8}})
	is(t, err, problem.RecursionLimit)
}

func TestWhatThePeerIsTold(t *testing.T) {
	g, _ := guard(t, Caps{})
	run, err := g.Begin(t.Context(), Dispatch{Target: agent(2), Skill: "echo",
		Offered: []string{"echo"}, Policy: TaskPolicy{MaxTokens: ptr(int64(5)),
			MaxCostUSD: ptr(0.5), MaxDuration: ptr(time.Second)}, ParentTask: "t"})
	require.NoError(t, err)
	defer run.End()
	message := raw.Object{"messageId": raw.Of("m")}
	told, err := run.Annotate(message, func(string) bool { return false })
	require.NoError(t, err)
	assert.JSONEq(t, `{"messageId":"m","metadata":{"skill":"echo"}}`, string(raw.Of(told)))
	assert.Len(t, message, 1)
	told, err = run.Annotate(message, func(string) bool { return true })
	require.NoError(t, err)
	assert.JSONEq(t, `["`+ext.Policy+`","`+ext.Trace+`"]`, string(told["extensions"]))
	metadata, err := told.Object("metadata")
	require.NoError(t, err)
	assert.JSONEq(t, `{"skillId":"echo","maxTokens":5,"maxCostUsd":0.5,"maxDurationMs":1000}`,
		string(metadata[ext.Policy]))
	back, err := ParseContext(raw.Of(metadata))
	require.NoError(t, err)
	assert.Equal(t, run.Child, back)
	own := raw.Object{"metadata": raw.Of(map[string]any{"skill": "mine"})}
	told, err = run.Annotate(own, func(string) bool { return false })
	require.NoError(t, err)
	assert.JSONEq(t, string(raw.Of(own)), string(raw.Of(told)))
	for _, bad := range []raw.Object{{"metadata": raw.Of(1)}, {"extensions": raw.Of(1)},
		{"metadata": raw.Of(map[string]any{ext.Trace: 1})}} {
		_, err = run.Annotate(bad, func(string) bool { return true })
		is(t, err, problem.InvalidArgument)
	}
	plain, err := g.Begin(t.Context(), Dispatch{Target: agent(2)})
	require.NoError(t, err)
	defer plain.End()
	told, err = plain.Annotate(message, func(uri string) bool { return uri == ext.Policy })
	require.NoError(t, err)
	assert.Equal(t, message, told)
}
