package bounds

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Limits of what may be asked for, and of what a peer is believed: more is a mistake, or a lie.
const (
	mostTokens     = 1_000_000_000_000_000
	mostUSD        = 1e9
	mostSkills     = 512
	mostConcurrent = 1_000_000
	mostDuration   = 366 * 24 * time.Hour
)

// TaskPolicy is what one task may cost. A nil limit is none.
type TaskPolicy struct {
	// MaxTokens is the sum of tokens in and out; MaxCostUSD is in dollars.
	MaxTokens  *int64
	MaxCostUSD *float64
	// MaxDuration is wall clock from dispatch.
	MaxDuration *time.Duration
	// AllowedSkills are ids of skills; nil is any that the card has, an empty slice is none.
	AllowedSkills []string
	// MaxConcurrency is how many tasks of one client and one skill run at once, 0 for any number.
	// Wait has a task wait for its turn, in the order of calls, rather than fail.
	MaxConcurrency int
	Wait           bool
}

// Check reports limits that mean nothing as InvalidArgument.
func (p TaskPolicy) Check() error {
	switch {
	case p.MaxTokens != nil && (*p.MaxTokens < 0 || *p.MaxTokens > mostTokens):
		return badLimit("max_tokens", *p.MaxTokens, "0 to 10^15")
	case p.MaxCostUSD != nil && !(*p.MaxCostUSD >= 0 && *p.MaxCostUSD <= mostUSD):
		return badLimit("max_cost_usd", *p.MaxCostUSD, "0 to 10^9 dollars")
	case p.MaxDuration != nil && (*p.MaxDuration < time.Millisecond || *p.MaxDuration > mostDuration):
		return badLimit("max_duration_ms", p.MaxDuration.Milliseconds(), "1 ms to 366 days")
	case p.MaxConcurrency < 0 || p.MaxConcurrency > mostConcurrent:
		return badLimit("max_concurrency", p.MaxConcurrency, "1 to 10^6, or none")
	case len(p.AllowedSkills) > mostSkills:
		return badLimit("allowed_skills", len(p.AllowedSkills), "at most 512 skills")
	}
	return nil
}

func badLimit(field string, value any, possible string) error {
	return problem.New(problem.InvalidArgument, fmt.Sprintf("%s is %v", field, value),
		"possible are "+possible).With("field", field)
}

// Estimate is what a caller expects that a task takes; nil is not known.
type Estimate struct {
	Tokens  *int64
	CostUSD *float64
}

// Check reports an estimate that is no amount as InvalidArgument.
func (e Estimate) Check() error {
	if e.Tokens != nil && *e.Tokens < 0 {
		return badLimit("est_tokens", *e.Tokens, "0 and more")
	}
	if e.CostUSD != nil && !(*e.CostUSD >= 0 && *e.CostUSD <= math.MaxFloat64) {
		return badLimit("est_cost_usd", *e.CostUSD, "0 dollars and more")
	}
	return nil
}

// Admit checks, before anything is sent, that the card has the skill (offered are its ids), that
// the policy lets it be used and that the estimate is within limits.
func (p TaskPolicy) Admit(skill string, offered []string, e Estimate) error {
	if skill != "" && !slices.Contains(offered, skill) {
		return violation("skill", shown(offered), problem.Said(skill),
			fmt.Sprintf("the agent has no skill %q", problem.Said(skill)), "take one of its card's skills")
	}
	if p.AllowedSkills != nil && !slices.Contains(p.AllowedSkills, skill) {
		msg := fmt.Sprintf("the policy does not allow the skill %q", problem.Said(skill))
		if skill == "" {
			msg = "the policy allows some skills, and the task names none"
		}
		return violation("skill", shown(p.AllowedSkills), problem.Said(skill), msg,
			"name an allowed skill, or extend allowed_skills")
	}
	if p.MaxTokens != nil && e.Tokens != nil && *e.Tokens > *p.MaxTokens {
		return over("max_tokens", *p.MaxTokens, *e.Tokens, "is estimated at")
	}
	if p.MaxCostUSD != nil && e.CostUSD != nil && *e.CostUSD > *p.MaxCostUSD {
		return over("max_cost_usd", *p.MaxCostUSD, *e.CostUSD, "is estimated at")
	}
	return nil
}

// shown is a list of names fit for an error.
func shown(names []string) []string {
	list := make([]string, 0, min(len(names), 16))
	for _, name := range names[:min(len(names), 16)] {
		list = append(list, problem.Said(name))
	}
	return list
}

func violation(field string, limit, actual any, msg, fix string) *problem.Error {
	return problem.New(problem.PolicyViolation, msg, fix).
		With("field", field).With("limit", limit).With("actual", actual)
}

func over(field string, limit, actual any, how string) error {
	return violation(field, limit, actual,
		fmt.Sprintf("%s is %v, and the task %s %v", field, limit, how, actual),
		"raise the limit, or ask for less")
}

// Clone returns a policy that the caller's later changes do not reach.
func (p TaskPolicy) Clone() TaskPolicy {
	p.MaxTokens, p.MaxCostUSD = copied(p.MaxTokens), copied(p.MaxCostUSD)
	p.MaxDuration, p.AllowedSkills = copied(p.MaxDuration), slices.Clone(p.AllowedSkills)
	return p
}

func copied[T any](value *T) *T {
	if value == nil {
		return nil
	}
	c := *value
	return &c
}
