package bounds

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// report is metadata with a usage report.
func report(t *testing.T, usage string) raw.Object {
	t.Helper()
	metadata, err := raw.Parse([]byte(`{"other":1,"` + ext.Usage + `":` + usage + `}`))
	require.NoError(t, err)
	return metadata
}

func TestReportsAreTotals(t *testing.T) {
	m := NewMeter(TaskPolicy{})
	for _, r := range []string{`{"inputTokens":3}`, `{"outputTokens":"4","costUsd":0.25}`,
		`{"inputTokens":5,"final":true}`} {
		_, err := m.Observe(report(t, r))
		require.NoError(t, err)
	}
	u := m.Usage()
	assert.Equal(t, int64(9), u.Tokens())
	assert.Equal(t, 0.25, u.CostUSD)
	assert.True(t, u.Final && u.Reported)
	assert.Zero(t, u.Ignored)
}

func TestNoReportIsNoUsage(t *testing.T) {
	m := NewMeter(TaskPolicy{MaxTokens: ptr(int64(0))})
	for _, metadata := range []raw.Object{nil, {}, {ext.Usage: raw.Of(nil)}, {"x": raw.Of(1)}} {
		u, err := m.Observe(metadata)
		assert.NoError(t, err)
		assert.Nil(t, u)
	}
	assert.False(t, m.Usage().Reported)
}

// H14: usage over a cap while the stream runs.
func TestUsageOverALimitIsAViolationEachTime(t *testing.T) {
	m := NewMeter(TaskPolicy{MaxTokens: ptr(int64(10)), MaxCostUSD: ptr(1.0)})
	_, err := m.Observe(report(t, `{"inputTokens":4,"outputTokens":6,"costUsd":1}`))
	require.NoError(t, err)
	u, err := m.Observe(report(t, `{"outputTokens":7}`))
	is(t, err, problem.PolicyViolation, "field", "max_tokens", "limit", int64(10), "actual", int64(11))
	assert.Equal(t, int64(11), u.Tokens())
	_, err = m.Observe(report(t, `{"final":true}`))
	is(t, err, problem.PolicyViolation, "field", "max_tokens")
	m = NewMeter(TaskPolicy{MaxCostUSD: ptr(1.0)})
	_, err = m.Observe(report(t, `{"costUsd":1.0000001}`))
	is(t, err, problem.PolicyViolation, "field", "max_cost_usd", "limit", 1.0, "actual", 1.0000001)
}

// H14: what cannot be is ignored and flagged, and hides nothing that can.
func TestUsageThatCannotBeIsIgnored(t *testing.T) {
	for _, bad := range []string{
		`{"inputTokens":-1}`, `{"inputTokens":1.5}`, `{"inputTokens":1e308}`, `{"outputTokens":1e16}`,
		`{"inputTokens":"NaN"}`, `{"inputTokens":"Infinity"}`, `{"inputTokens":"1e400"}`,
		`{"inputTokens":true}`, `{"inputTokens":[1]}`, `{"inputTokens":{}}`, `{"costUsd":-0.1}`,
		`{"costUsd":1e308}`, `{"costUsd":"-Infinity"}`, `{"costUsd":"NaN"}`, `{"costUsd":1e10}`,
		`{"final":"yes"}`, `[]`, `1`, `"x"`, `true`,
	} {
		m := NewMeter(TaskPolicy{MaxTokens: ptr(int64(1)), MaxCostUSD: ptr(1.0)})
		u, err := m.Observe(report(t, bad))
		require.NoError(t, err, bad)
		assert.Equal(t, Usage{Ignored: 1}, *u, bad)
	}
	m := NewMeter(TaskPolicy{MaxTokens: ptr(int64(1))})
	u, err := m.Observe(report(t, `{"inputTokens":2,"costUsd":1e308}`))
	is(t, err, problem.PolicyViolation, "field", "max_tokens", "actual", int64(2))
	assert.Equal(t, 1, u.Ignored)
}

func TestLessThanBeforeIsIgnored(t *testing.T) {
	m := NewMeter(TaskPolicy{})
	for _, r := range []string{`{"inputTokens":5,"costUsd":2}`, `{"inputTokens":3,"costUsd":1}`} {
		_, err := m.Observe(report(t, r))
		require.NoError(t, err)
	}
	u := m.Usage()
	assert.Equal(t, int64(5), u.Tokens())
	assert.Equal(t, 2.0, u.CostUSD)
	assert.Equal(t, 2, u.Ignored)
}

// What never was reported is held to be what was expected.
func TestOnlyWhatWasReportedGivesRoomBack(t *testing.T) {
	expected := Spend{Tokens: 100, USD: 1}
	for r, want := range map[string]Spend{
		`{}`:                                  expected,
		`{"inputTokens":5}`:                   expected,
		`{"outputTokens":200}`:                {Tokens: 200, USD: 1},
		`{"inputTokens":5,"outputTokens":0}`:  {Tokens: 5, USD: 1},
		`{"costUsd":0.25}`:                    {Tokens: 100, USD: 0.25},
		`{"costUsd":3,"final":true}`:          {Tokens: 100, USD: 3},
		`{"costUsd":1e308,"inputTokens":"a"}`: expected,
	} {
		m := NewMeter(TaskPolicy{})
		_, err := m.Observe(report(t, r))
		require.NoError(t, err)
		assert.Equal(t, want, m.Usage().taken(expected), r)
	}
}

func TestAMeterMayBeReadWhileItIsWritten(t *testing.T) {
	m := NewMeter(TaskPolicy{})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				_, _ = m.Observe(report(t, `{"inputTokens":1}`))
				_ = m.Usage()
			}
		})
	}
	all.Wait()
	assert.Equal(t, int64(1), m.Usage().Tokens())
}
