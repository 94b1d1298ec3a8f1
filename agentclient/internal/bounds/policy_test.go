package bounds

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

func ptr[T any](v T) *T { return &v }

// is requires an error of a code with details, one line of text, and returns it.
func is(t *testing.T, err error, code problem.Code, detail ...any) *problem.Error {
	t.Helper()
	var found *problem.Error
	require.ErrorAs(t, err, &found)
	require.Equal(t, code, found.Code, err.Error())
	for i := 0; i < len(detail); i += 2 {
		assert.Equal(t, detail[i+1], found.Detail[detail[i].(string)], detail[i])
	}
	assert.NotContains(t, err.Error(), "\n")
	assert.Less(t, len(err.Error()), 2000)
	assert.NotEmpty(t, found.Fix)
	return found
}

func TestLimitsThatMeanNothingAreRefused(t *testing.T) {
	for field, p := range map[string]TaskPolicy{
		"max_tokens":      {MaxTokens: ptr(int64(-1))},
		"max_cost_usd":    {MaxCostUSD: ptr(math.NaN())},
		"max_duration_ms": {MaxDuration: ptr(time.Duration(0))},
		"max_concurrency": {MaxConcurrency: -1},
		"allowed_skills":  {AllowedSkills: make([]string, 513)},
	} {
		is(t, p.Check(), problem.InvalidArgument, "field", field)
	}
	for _, p := range []TaskPolicy{
		{MaxTokens: ptr(int64(math.MaxInt64))}, {MaxCostUSD: ptr(math.Inf(1))},
		{MaxCostUSD: ptr(-0.1)}, {MaxDuration: ptr(time.Duration(math.MaxInt64))},
		{MaxConcurrency: 1e7},
	} {
		is(t, p.Check(), problem.InvalidArgument)
	}
	assert.NoError(t, TaskPolicy{}.Check())
	assert.NoError(t, TaskPolicy{MaxTokens: ptr(int64(0)), MaxCostUSD: ptr(0.0),
		MaxDuration: ptr(time.Millisecond), AllowedSkills: []string{}, MaxConcurrency: 1}.Check())
	is(t, Estimate{Tokens: ptr(int64(-1))}.Check(), problem.InvalidArgument, "field", "est_tokens")
	for _, cost := range []float64{-1, math.NaN(), math.Inf(1)} {
		is(t, Estimate{CostUSD: ptr(cost)}.Check(), problem.InvalidArgument, "field", "est_cost_usd")
	}
}

func TestEstimatesAreCheckedBeforeAnythingIsSent(t *testing.T) {
	p := TaskPolicy{MaxTokens: ptr(int64(100)), MaxCostUSD: ptr(0.5)}
	for _, e := range []Estimate{{}, {Tokens: ptr(int64(100)), CostUSD: ptr(0.5)},
		{Tokens: ptr(int64(0))}} {
		assert.NoError(t, p.Admit("", nil, e))
		assert.NoError(t, TaskPolicy{}.Admit("", nil, e))
	}
	is(t, p.Admit("", nil, Estimate{Tokens: ptr(int64(101))}), problem.PolicyViolation,
		"field", "max_tokens", "limit", int64(100), "actual", int64(101))
	is(t, p.Admit("", nil, Estimate{CostUSD: ptr(1e308)}), problem.PolicyViolation,
		"field", "max_cost_usd", "limit", 0.5, "actual", 1e308)
}

func TestSkillsAreTheCardsAndThePolicys(t *testing.T) {
	offered := []string{"echo", "sum"}
	var any TaskPolicy
	assert.NoError(t, any.Admit("", offered, Estimate{}))
	assert.NoError(t, any.Admit("sum", offered, Estimate{}))
	is(t, any.Admit("Sum", offered, Estimate{}), problem.PolicyViolation, "field", "skill",
		"limit", offered, "actual", "Sum")
	is(t, any.Admit("x\n"+strings.Repeat("y", 1e6), nil, Estimate{}), problem.PolicyViolation,
		"field", "skill")
	some := TaskPolicy{AllowedSkills: []string{"echo", "gone"}}
	assert.NoError(t, some.Admit("echo", offered, Estimate{}))
	is(t, some.Admit("sum", offered, Estimate{}), problem.PolicyViolation, "field", "skill",
		"limit", []string{"echo", "gone"}, "actual", "sum")
	is(t, some.Admit("gone", offered, Estimate{}), problem.PolicyViolation, "field", "skill")
	is(t, some.Admit("", offered, Estimate{}), problem.PolicyViolation, "field", "skill")
	none := TaskPolicy{AllowedSkills: []string{}}
	is(t, none.Admit("echo", offered, Estimate{}), problem.PolicyViolation, "field", "skill")
	many := is(t, any.Admit("x", make([]string, 1000), Estimate{}), problem.PolicyViolation)
	assert.Len(t, many.Detail["limit"], 16)
}

func TestAPolicyIsNotChangedAfterItWasGiven(t *testing.T) {
	p := TaskPolicy{MaxTokens: ptr(int64(1)), MaxCostUSD: ptr(1.0), MaxDuration: ptr(time.Second),
		AllowedSkills: []string{"a"}}
	kept := p.Clone()
	*p.MaxTokens, *p.MaxCostUSD, *p.MaxDuration, p.AllowedSkills[0] = 2, 2, 2, "b"
	assert.Equal(t, TaskPolicy{MaxTokens: ptr(int64(1)), MaxCostUSD: ptr(1.0),
		MaxDuration: ptr(time.Second), AllowedSkills: []string{"a"}}, kept)
	assert.Nil(t, TaskPolicy{}.Clone().AllowedSkills)
	assert.NotNil(t, TaskPolicy{AllowedSkills: []string{}}.Clone().AllowedSkills)
}
