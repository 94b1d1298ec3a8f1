package bounds

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// LegacyPolicy is a policy as the params of tasks/send have it in the dialect of rvagent; nil where
// it limits nothing.
func LegacyPolicy(p TaskPolicy) map[string]any {
	said := p.limits("max_tokens", "max_cost_usd", "max_duration_ms")
	if p.AllowedSkills != nil {
		said["allowed_skills"] = p.AllowedSkills
	}
	if p.MaxConcurrency > 0 {
		said["max_concurrency"] = p.MaxConcurrency
	}
	if len(said) == 0 {
		return nil
	}
	return said
}

// limits are the three numbers that go to a peer, under the names of a dialect.
func (p TaskPolicy) limits(tokens, cost, duration string) map[string]any {
	said := map[string]any{}
	if p.MaxTokens != nil {
		said[tokens] = *p.MaxTokens
	}
	if p.MaxCostUSD != nil {
		said[cost] = *p.MaxCostUSD
	}
	if p.MaxDuration != nil {
		said[duration] = p.MaxDuration.Milliseconds()
	}
	return said
}

// LegacyContext is a context as the params of tasks/send have it in the dialect of rvagent, where
// current_agent is the one that the task goes to.
func LegacyContext(c TaskContext, target string) map[string]any {
	said := map[string]any{"trace_id": c.Trace.TraceID, "depth": c.Depth, "root_agent_id": c.RootAgent,
		"current_agent": Agent(target), "visited_agents": append([]string{}, c.VisitedAgents...)}
	if c.ParentTaskID != "" {
		said["parent_task_id"] = c.ParentTaskID
	}
	return said
}

// ParseLegacyContext reads a context of the dialect of rvagent: bare, or within
// {"ruvector":{"context":...}}. The rules are those of ParseContext.
func ParseLegacyContext(data []byte) (TaskContext, error) {
	if len(data) > mostContext {
		return TaskContext{}, badContext("context", fmt.Sprintf("has %d bytes", len(data)),
			fmt.Sprintf("at most %d are read", mostContext))
	}
	said, err := raw.Parse(data)
	if err != nil {
		return TaskContext{}, badContext("context", problem.Said(err.Error()), "give an object")
	}
	if said.Has("ruvector") {
		if said, err = said.Object("ruvector"); err == nil {
			said, err = said.Object("context")
		}
	}
	if err != nil || said == nil {
		return TaskContext{}, badContext("context", "is no object", "give an object")
	}
	trace, err := said.Text("trace_id")
	if err != nil || !isHex(trace, 32) {
		return TaskContext{}, badContext("trace_id", "is not 32 lower case hex", "give a trace's id")
	}
	named := raw.Object{"parentTaskId": said["parent_task_id"], "depth": said["depth"],
		"rootAgentId": said["root_agent_id"], "visitedAgents": said["visited_agents"],
		"traceparent": raw.Of(Trace{TraceID: trace, SpanID: random(8)}.String())}
	return readContext(named)
}
