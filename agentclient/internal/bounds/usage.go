package bounds

import (
	"math"
	"sync"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

// Usage is what a peer says that a task has taken so far. It is the peer's word.
type Usage struct {
	InputTokens, OutputTokens int64
	CostUSD                   float64
	// Final says that nothing will be added.
	Final bool
	// Reported is false while the peer has said nothing: limits of tokens and dollars are then only
	// advice. Ignored counts what was reported and cannot be: negative, not a number, beyond 10^15
	// tokens or 10^9 dollars, or less than before.
	Reported bool
	Ignored  int
	// Which numbers were reported: what never was gives no room of a budget back.
	input, output, cost bool
}

// Tokens is the sum of both directions.
func (u Usage) Tokens() int64 { return u.InputTokens + u.OutputTokens }

// taken is what a task is held to have taken: what was reported in full, else what was expected, or
// more if a part is more.
func (u Usage) taken(expected Spend) Spend {
	if u.input && u.output || u.Tokens() > expected.Tokens {
		expected.Tokens = u.Tokens()
	}
	if u.cost {
		expected.USD = u.CostUSD
	}
	return expected
}

// Meter follows what a peer reports of one task.
type Meter struct {
	policy TaskPolicy
	mu     sync.Mutex
	usage  Usage
}

// NewMeter returns a meter that has seen nothing.
func NewMeter(policy TaskPolicy) *Meter { return &Meter{policy: policy.Clone()} }

// Usage is the highest that was reported until now.
func (m *Meter) Usage() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.usage
}

// Observe reads metadata of a status, an artifact, a message or a task. Reports are totals of the
// task, each number counts by itself (a bad cost does not hide tokens), and what is past a limit is
// a PolicyViolation, each time. It returns nil where the metadata reports nothing.
func (m *Meter) Observe(metadata raw.Object) (*Usage, error) {
	if !metadata.Has(ext.Usage) {
		return nil, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	report, err := ext.Value(metadata, ext.Usage)
	if err != nil {
		m.usage.Ignored++
		return copied(&m.usage), m.within()
	}
	m.tokens(report, "inputTokens", &m.usage.InputTokens, &m.usage.input)
	m.tokens(report, "outputTokens", &m.usage.OutputTokens, &m.usage.output)
	if cost, ok := m.number(report, "costUsd", m.usage.CostUSD, mostUSD); ok {
		m.usage.CostUSD, m.usage.cost, m.usage.Reported = cost, true, true
	}
	if final, err := report.Bool("final"); err != nil {
		m.usage.Ignored++
	} else if final {
		m.usage.Final = true
	}
	return copied(&m.usage), m.within()
}

func (m *Meter) tokens(report raw.Object, key string, total *int64, seen *bool) {
	count, ok := m.number(report, key, float64(*total), mostTokens)
	switch {
	case !ok:
	case count != math.Trunc(count):
		m.usage.Ignored++
	default:
		*total, *seen, m.usage.Reported = int64(count), true, true
	}
}

// number reads a total that is at least what it was.
func (m *Meter) number(report raw.Object, key string, was, most float64) (float64, bool) {
	if !report.Has(key) {
		return 0, false
	}
	found, err := report.Number(key)
	if err != nil || !(found >= was && found <= most) {
		m.usage.Ignored++
		return 0, false
	}
	return found, true
}

// within compares with the policy.
func (m *Meter) within() error {
	p, u := m.policy, m.usage
	if p.MaxTokens != nil && u.Tokens() > *p.MaxTokens {
		return over("max_tokens", *p.MaxTokens, u.Tokens(), "has taken")
	}
	if p.MaxCostUSD != nil && u.CostUSD > *p.MaxCostUSD {
		return over("max_cost_usd", *p.MaxCostUSD, u.CostUSD, "has taken")
	}
	return nil
}
