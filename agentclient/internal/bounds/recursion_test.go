package bounds

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// agent is an agent_id.
func agent(n int) string { return fmt.Sprintf("%064x", n) }

func TestAChainOfCalls(t *testing.T) {
	var policy RecursionPolicy
	first, err := policy.Call(TaskContext{}, agent(1), agent(2), "")
	require.NoError(t, err)
	assert.Equal(t, 1, first.Depth)
	assert.Equal(t, []string{agent(1)}, first.VisitedAgents)
	assert.Equal(t, agent(1), first.RootAgent)
	second, err := policy.Call(first, agent(2), "https://Third.example:443/a2a?x=1", "task-7")
	require.NoError(t, err)
	assert.Equal(t, 2, second.Depth)
	assert.Equal(t, []string{agent(1), agent(2)}, second.VisitedAgents)
	assert.Equal(t, agent(1), second.RootAgent)
	assert.Equal(t, "task-7", second.ParentTaskID)
	assert.Equal(t, first.Trace.TraceID, second.Trace.TraceID)
	assert.NotEqual(t, first.Trace.SpanID, second.Trace.SpanID)
	assert.Equal(t, []string{agent(1)}, first.VisitedAgents, "a context is not changed by its child")
}

// The original compared the agent that began, not the one that is called.
func TestNoAgentIsCalledInACircle(t *testing.T) {
	var policy RecursionPolicy
	c := TaskContext{Depth: 2, RootAgent: agent(1),
		VisitedAgents: []string{agent(1), "https://b.example"}}
	for _, target := range []string{agent(1), strings.ToUpper(agent(10)), "https://B.example:443/x",
		agent(3)} {
		self := agent(3)
		if target == strings.ToUpper(agent(10)) {
			self = agent(10)
		}
		_, err := policy.Call(c, self, target, "")
		found := is(t, err, problem.RecursionLimit, "depth", int64(3))
		assert.Equal(t, []string{agent(1), "https://b.example", self, Agent(target)},
			found.Detail["path"])
	}
	for _, target := range []string{agent(4), "https://b.example:8443", "http://b.example", ""} {
		_, err := policy.Call(c, agent(3), target, "")
		assert.NoError(t, err, target)
	}
	_, err := policy.Call(TaskContext{RootAgent: agent(9)}, agent(3), agent(9), "")
	assert.NoError(t, err, "who began is asked again only if it called")
	some := RecursionPolicy{RevisitAllowed: []string{"https://b.example/"}}
	_, err = some.Call(c, agent(3), "https://b.example", "")
	assert.NoError(t, err)
	_, err = some.Call(c, agent(3), agent(1), "")
	is(t, err, problem.RecursionLimit)
	_, err = RecursionPolicy{AllowRevisit: true}.Call(c, agent(3), agent(3), "")
	assert.NoError(t, err)
}

// The depth of the task that is sent counts, and the limit itself is allowed.
func TestDepthIsThatOfTheCall(t *testing.T) {
	for most, allowed := range map[int]int{1: 1, 3: 3, 0: 8, 64: 64} {
		policy := RecursionPolicy{MaxCallDepth: most}
		require.NoError(t, policy.Check())
		c, err := TaskContext{}, error(nil)
		depth := 0
		for ; err == nil && depth <= 70; depth++ {
			c, err = policy.Call(c, agent(depth), agent(depth+1), "")
		}
		assert.Equal(t, allowed, depth-1, most)
		is(t, err, problem.RecursionLimit, "depth", int64(allowed+1))
	}
	for _, bad := range []RecursionPolicy{{MaxCallDepth: -1}, {MaxCallDepth: 65},
		{RevisitAllowed: []string{"somebody"}}, {RevisitAllowed: make([]string, 513)}} {
		is(t, bad.Check(), problem.InvalidArgument)
	}
}

func TestWithoutANameOnlyDepthCounts(t *testing.T) {
	c, err := RecursionPolicy{}.Call(TaskContext{}, "", "https://a.example", "")
	require.NoError(t, err)
	assert.Empty(t, c.VisitedAgents)
	assert.Empty(t, c.RootAgent)
	assert.Equal(t, 1, c.Depth)
}

func TestNamesOfAgents(t *testing.T) {
	for name, want := range map[string]string{
		strings.ToUpper(agent(171)):           agent(171),
		"https://A.example/p?q#f":             "https://a.example",
		"HTTPS://user:secret@a.example":       "https://a.example",
		"http://127.0.0.1:80/":                "http://127.0.0.1",
		"http://[::1]:8080/x":                 "http://[::1]:8080",
		"http://[::1]":                        "http://[::1]",
		"https://a.example:80":                "https://a.example:80",
		"":                                    "",
		"a.example":                           "",
		"ftp://a.example":                     "",
		"https://":                            "",
		"https://a\u202e.example":             "",
		"https://" + strings.Repeat("a", 300): "",
		strings.Repeat("a", 1e6):              "",
		agent(1) + "0":                        "",
	} {
		assert.Equal(t, want, Agent(name), "%.80s", name)
		assert.Equal(t, Agent(name), Agent(Agent(name)))
	}
}

func TestAContextGoesThereAndBack(t *testing.T) {
	c := TaskContext{Trace: NewTrace(), ParentTaskID: "t-1", Depth: 3, RootAgent: agent(1),
		VisitedAgents: []string{agent(1), "https://a.example"}}
	for _, sent := range []any{c.Metadata(), map[string]any{ext.Trace: c.Metadata(), "x": 1}} {
		back, err := ParseContext(raw.Of(sent))
		require.NoError(t, err)
		assert.Equal(t, c, back)
	}
	for _, nothing := range []string{`{}`, `{"x":1}`, `{"` + ext.Trace + `":null}`} {
		back, err := ParseContext([]byte(nothing))
		require.NoError(t, err)
		assert.Equal(t, TaskContext{}, back)
	}
	least := TaskContext{}.Child("", "")
	var keys map[string]any
	require.NoError(t, json.Unmarshal(raw.Of(least.Metadata()), &keys))
	assert.Len(t, keys, 2)
}

// H15: contexts of strangers.
func TestHostileContexts(t *testing.T) {
	visited := func(n int, item string) string {
		return `{"depth":` + fmt.Sprint(n) + `,"visitedAgents":[` +
			strings.TrimSuffix(strings.Repeat(item+",", n), ",") + `]}`
	}
	id := `"` + agent(1) + `"`
	for text, code := range map[string]problem.Code{
		visited(1e6, id):   problem.InvalidArgument,
		visited(1e4, `""`): problem.RecursionLimit,
		strings.Replace(visited(65, id), ":65,", ":64,", 1): problem.RecursionLimit,
		`{"depth":-1}`:    problem.InvalidArgument,
		`{"depth":1.5}`:   problem.InvalidArgument,
		`{"depth":"x"}`:   problem.InvalidArgument,
		`{"depth":[]}`:    problem.InvalidArgument,
		`{"depth":65}`:    problem.RecursionLimit,
		`{"depth":1e308}`: problem.RecursionLimit,
		`{"depth":1e400}`: problem.InvalidArgument,
		`{"depth":0,"visitedAgents":[` + id + `]}`:     problem.InvalidArgument,
		visited(1, `"../../x"`):                        problem.InvalidArgument,
		visited(1, `"https://a.example/p"`):            problem.InvalidArgument,
		visited(1, `"`+strings.ToUpper(agent(10))+`"`): problem.InvalidArgument,
		visited(1, `7`):                                problem.InvalidArgument,
		visited(1, `null`):                             problem.InvalidArgument,
		`{"depth":1,"visitedAgents":{}}`:               problem.InvalidArgument,
		`{"depth":1,"rootAgentId":"me"}`:               problem.InvalidArgument,
		`{"depth":1,"rootAgentId":[]}`:                 problem.InvalidArgument,
		`{"depth":1,"parentTaskId":"../x"}`:            problem.InvalidArgument,
		`{"depth":1,"parentTaskId":5}`:                 problem.InvalidArgument,
		`{"depth":1,"traceparent":5}`:                  problem.InvalidArgument,
		`{"depth":1,"traceparent":"00"}`:               problem.InvalidArgument,
		`{"depth":1,"depth":2}`:                        problem.InvalidArgument,
		`{"` + ext.Trace + `":[]}`:                     problem.InvalidArgument,
		`[]`:                                           problem.InvalidArgument,
		``:                                             problem.InvalidArgument,
		strings.Repeat("[", 1e5):                       problem.InvalidArgument,
		strings.Repeat("[", 100):                       problem.InvalidArgument,
	} {
		_, err := ParseContext([]byte(text))
		assert.Equal(t, code, problem.CodeOf(err), "%.100s", text)
		assert.Less(t, len(err.Error()), 2000)
	}
}

// H15: an agent that finds itself among the visited is in a circle already.
func TestSelfAmongTheVisited(t *testing.T) {
	c := TaskContext{Depth: 2, VisitedAgents: []string{agent(1), agent(2)}}
	found := is(t, RecursionPolicy{}.Receive(c, strings.ToUpper(agent(2))), problem.RecursionLimit,
		"depth", int64(2))
	assert.Equal(t, []string{agent(1), agent(2), agent(2)}, found.Detail["path"])
	assert.NoError(t, RecursionPolicy{}.Receive(c, agent(3)))
	assert.NoError(t, RecursionPolicy{}.Receive(c, ""))
	assert.NoError(t, RecursionPolicy{RevisitAllowed: []string{agent(2)}}.Receive(c, agent(2)))
	assert.NoError(t, RecursionPolicy{AllowRevisit: true}.Receive(c, agent(2)))
}

func TestTraceparent(t *testing.T) {
	const sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	trace, err := ParseTrace(sent)
	require.NoError(t, err)
	assert.True(t, trace.Sampled)
	assert.Equal(t, sent, trace.String())
	assert.True(t, trace.Next().Sampled, "the flag is passed on")
	later, err := ParseTrace("cc" + sent[2:] + "-what-comes-later")
	require.NoError(t, err)
	assert.Equal(t, trace, later)
	for _, bad := range []string{"", "00", "ff" + sent[2:], sent + "-00", strings.ToUpper(sent),
		"0" + sent, sent[1:], strings.Replace(sent, "-", "_", 1), "00--00f067aa0ba902b7-01",
		"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", sent + "\r\nX: y",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", strings.Repeat("-", 1e6)} {
		_, err := ParseTrace(bad)
		is(t, err, problem.InvalidArgument, "field", "traceparent")
	}
	form := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-00$`)
	seen := map[string]bool{}
	for range 100 {
		text := NewTrace().String()
		assert.Regexp(t, form, text)
		_, err := ParseTrace(text)
		require.NoError(t, err)
		seen[text[:35]] = true
	}
	assert.Len(t, seen, 100)
}

func FuzzContext(f *testing.F) {
	f.Add([]byte(`{"depth":1,"visitedAgents":["https://a.example"]}`))
	f.Add([]byte(raw.Of(TaskContext{}.Child(agent(1), "t").Metadata())))
	f.Add([]byte(`{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","depth":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func([]byte) (TaskContext, error){ParseContext, ParseLegacyContext} {
			c, err := parse(data)
			if err != nil {
				require.NotEqual(t, problem.Internal, problem.CodeOf(err))
				continue
			}
			all := RecursionPolicy{MaxCallDepth: 64, AllowRevisit: true}
			child, err := all.Call(c, agent(1), agent(2), "")
			if err == nil {
				back, err := ParseContext(raw.Of(child.Metadata()))
				require.NoError(t, err)
				require.Equal(t, child, back)
			}
		}
	})
}

func TestTheDialectOfRvagent(t *testing.T) {
	c := TaskContext{Trace: NewTrace(), Depth: 1, RootAgent: agent(1),
		VisitedAgents: []string{agent(1)}}
	said := LegacyContext(c, agent(2))
	assert.Equal(t, agent(2), said["current_agent"])
	assert.NotContains(t, said, "parent_task_id")
	c.ParentTaskID = "t"
	assert.Equal(t, "t", LegacyContext(c, "")["parent_task_id"])
	for _, sent := range []any{LegacyContext(c, agent(2)),
		map[string]any{"ruvector": map[string]any{"context": LegacyContext(c, agent(2))}}} {
		back, err := ParseLegacyContext(raw.Of(sent))
		require.NoError(t, err)
		back.Trace.SpanID = c.Trace.SpanID
		assert.Equal(t, c, back)
	}
	assert.JSONEq(t, `[]`, string(raw.Of(LegacyContext(TaskContext{}, "")["visited_agents"])))
	for _, bad := range []string{`{}`, `[]`, `{"ruvector":1}`, `{"ruvector":{}}`,
		`{"trace_id":"4BF92F3577B34DA6A3CE929D0E0E4736"}`, `{"trace_id":7}`,
		`{"trace_id":"` + agent(1)[:32] + `","depth":-1}`, strings.Repeat(" ", mostContext+1)} {
		_, err := ParseLegacyContext([]byte(bad))
		is(t, err, problem.InvalidArgument)
	}
	assert.Nil(t, LegacyPolicy(TaskPolicy{}))
	assert.JSONEq(t, `{"max_tokens":5,"max_cost_usd":0.5,"max_duration_ms":1500,
		"allowed_skills":["echo"],"max_concurrency":2}`, string(raw.Of(LegacyPolicy(TaskPolicy{
		MaxTokens: ptr(int64(5)), MaxCostUSD: ptr(0.5), MaxDuration: ptr(1500 * time.Millisecond),
		AllowedSkills: []string{"echo"}, MaxConcurrency: 2}))))
}
