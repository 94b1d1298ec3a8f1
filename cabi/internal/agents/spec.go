package agents

import (
	"encoding/json"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient"
)

// policy is what one task may cost; nil members set no limit.
type policy struct {
	MaxTokens      *int64   `json:"max_tokens"`
	MaxCostUSD     *float64 `json:"max_cost_usd"`
	MaxDurationMS  *int64   `json:"max_duration_ms"`
	AllowedSkills  []string `json:"allowed_skills"`
	MaxConcurrency *int     `json:"max_concurrency"`
	Wait           bool     `json:"wait"`
}

func (p *policy) policy() *agentclient.TaskPolicy {
	if p == nil {
		return nil
	}
	made := &agentclient.TaskPolicy{MaxTokens: p.MaxTokens, MaxCostUSD: p.MaxCostUSD,
		AllowedSkills: p.AllowedSkills, Wait: p.Wait}
	if p.MaxConcurrency != nil {
		made.MaxConcurrency = *p.MaxConcurrency
	}
	if p.MaxDurationMS != nil {
		d := time.Duration(min(*p.MaxDurationMS, int64(forever/time.Millisecond))) * time.Millisecond
		made.MaxDuration = &d
	}
	return made
}

// recursion is how deep agents may call agents.
type recursion struct {
	MaxCallDepth     int      `json:"max_call_depth"`
	DenyRevisit      bool     `json:"deny_revisit"`
	RevisitAllowlist []string `json:"revisit_allowlist"`
}

func (r *recursion) policy() agentclient.RecursionPolicy {
	if r == nil {
		return agentclient.RecursionPolicy{}
	}
	return agentclient.RecursionPolicy{MaxCallDepth: r.MaxCallDepth, AllowRevisit: !r.DenyRevisit,
		RevisitAllowed: r.RevisitAllowlist}
}

// lineage reads how a task came to be, in the form in which agents tell each other of it.
func lineage(context json.RawMessage) (*agentclient.TaskContext, error) {
	if absent(context) {
		return nil, nil
	}
	found, err := agentclient.ParseContext(context)
	return &found, err
}

// absent tells whether a value of JSON was left out.
func absent(value json.RawMessage) bool { return len(value) == 0 || string(value) == "null" }

// spec is what an agent is asked for.
type spec struct {
	Message       json.RawMessage `json:"message"`
	TaskID        string          `json:"task_id"`
	ContextID     string          `json:"context_id"`
	Skill         string          `json:"skill"`
	Policy        *policy         `json:"policy"`
	OutputModes   []string        `json:"accepted_output_modes"`
	HistoryLength *int            `json:"history_length"`
	Metadata      json.RawMessage `json:"metadata"`
	EstTokens     *int64          `json:"est_tokens"`
	EstCostUSD    *float64        `json:"est_cost_usd"`
	Push          json.RawMessage `json:"push"`
	ParentTaskID  string          `json:"parent_task_id"`
}

// task makes the client's of ours.
func (s *spec) task(context json.RawMessage) (made agentclient.TaskSpec, err error) {
	made = agentclient.TaskSpec{Message: s.Message, TaskID: s.TaskID, ContextID: s.ContextID,
		Skill: s.Skill, Policy: s.Policy.policy(), ParentTask: s.ParentTaskID,
		Estimate:    agentclient.Estimate{Tokens: s.EstTokens, CostUSD: s.EstCostUSD},
		OutputModes: s.OutputModes, HistoryLength: s.HistoryLength}
	if !absent(s.Metadata) {
		made.Metadata = s.Metadata
	}
	if !absent(s.Push) {
		made.Push = s.Push
	}
	made.Context, err = lineage(context)
	return made, err
}

// sayUsage makes JSON of what an agent reports to have used; null where it reports nothing.
func sayUsage(u *agentclient.Usage) json.RawMessage {
	if u == nil || !u.Reported {
		return json.RawMessage("null")
	}
	return object("input_tokens", u.InputTokens, "output_tokens", u.OutputTokens, "cost_usd",
		u.CostUSD, "final", u.Final)
}

// sayTask makes JSON of a task and what is known beside it.
func sayTask(t *agentclient.TaskState) json.RawMessage {
	return object("task", t.Task, "direct_message", t.Message, "usage", sayUsage(t.Usage), "gap",
		t.Gap)
}
