package bounds

import (
	"context"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Guard is what a client checks its tasks with. Make one with the client, not with each task.
type Guard struct {
	Gate      *Gate
	Ledger    *Ledger // nil: no budget
	Recursion RecursionPolicy
	// Self is the agent that this client belongs to, "" if it is none.
	Self  string
	Clock Clock
}

// Dispatch is a task that is to be sent.
type Dispatch struct {
	Policy   TaskPolicy
	Estimate Estimate
	// Skill is what the task asks for, "" for whatever the agent makes of it; Offered are the ids of
	// the card.
	Skill   string
	Offered []string
	// Context is that of the task which the caller handles, and ParentTask its id.
	Context    TaskContext
	ParentTask string
	// Target is the agent_id that was verified, else the URL of the agent.
	Target string
}

// expected is what a task reserves: the estimate, else the most that its policy lets it take.
func (d Dispatch) expected() (s Spend) {
	if tokens := d.Estimate.Tokens; tokens != nil {
		s.Tokens = *tokens
	} else if tokens = d.Policy.MaxTokens; tokens != nil {
		s.Tokens = *tokens
	}
	if cost := d.Estimate.CostUSD; cost != nil {
		s.USD = *cost
	} else if cost = d.Policy.MaxCostUSD; cost != nil {
		s.USD = *cost
	}
	return s
}

// Begin checks a task before anything is sent: budget, recursion, policy, in this order; and
// returns what follows it. A task that will be refused anyway does not wait for the budget. Who
// gets a Run ends it with End or Cancel.
func (g *Guard) Begin(ctx context.Context, d Dispatch) (*Run, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	d.Policy = d.Policy.Clone()
	run := &Run{guard: g, dispatch: d, meter: NewMeter(d.Policy)}
	refusal := g.refuses(d, run)
	var err error
	if run.reservation, err = g.reserve(ctx, d.expected(), refusal); err != nil {
		return nil, err
	}
	if refusal != nil {
		run.reservation.Cancel()
		return nil, refusal
	}
	run.leave, err = g.Gate.Enter(ctx, d.Skill, d.Policy.MaxConcurrency, d.Policy.Wait)
	if err != nil {
		run.reservation.Cancel()
		return nil, err
	}
	run.began = g.clock().Now()
	return run, nil
}

// reserve asks the budget; nil without one.
func (g *Guard) reserve(ctx context.Context, s Spend, refusal error) (*Reservation, error) {
	if g.Ledger == nil {
		return nil, nil
	}
	if refusal == nil {
		return g.Ledger.Reserve(ctx, s)
	}
	r, err := g.Ledger.Try(s)
	if err != nil && g.Ledger.Waits(s) {
		return nil, refusal
	}
	return r, err
}

func (d Dispatch) check() error {
	if err := d.Policy.Check(); err != nil {
		return err
	}
	return d.Estimate.Check()
}

// refuses is why a task is not sent, whatever the budget says.
func (g *Guard) refuses(d Dispatch, run *Run) error {
	child, err := g.Recursion.Call(d.Context, g.Self, d.Target, d.ParentTask)
	if err != nil {
		return err
	}
	run.Child = child
	return d.Policy.Admit(d.Skill, d.Offered, d.Estimate)
}

func (g *Guard) clock() Clock {
	if g.Clock == nil {
		return System{}
	}
	return g.Clock
}

// Run is a task that was let through.
type Run struct {
	// Child is the context to send.
	Child TaskContext

	guard       *Guard
	dispatch    Dispatch
	meter       *Meter
	reservation *Reservation
	leave       func()
	began       time.Time
	once        sync.Once
}

// Annotate returns the message with what the peer may know: the skill, and under the addresses of
// our extensions, where the peer declares them or the caller enabled them (on says so), limits and
// context. The traceparent header, which every peer gets, is Child.Trace.
func (r *Run) Annotate(message raw.Object, on func(uri string) bool) (raw.Object, error) {
	d, err := r.dispatch, error(nil)
	if d.Skill != "" {
		metadata, err := message.Object("metadata")
		if err != nil {
			return nil, problem.New(problem.InvalidArgument, "a message: "+problem.Said(err.Error()),
				"give an object")
		}
		if !metadata.Has("skill") {
			message = ext.With(message, "metadata", ext.With(metadata, "skill", d.Skill))
		}
	}
	limits := d.Policy.limits("maxTokens", "maxCostUsd", "maxDurationMs")
	if d.Skill != "" {
		limits["skillId"] = d.Skill
	}
	if len(limits) > 0 && on(ext.Policy) {
		if message, err = ext.Put(message, ext.Policy, limits); err != nil {
			return nil, err
		}
	}
	if !on(ext.Trace) {
		return message, nil
	}
	return ext.Put(message, ext.Trace, r.Child.Metadata())
}

// Observe reads the metadata of what the peer sends. What the task has taken beyond what was
// reserved is booked at once; past a limit it is a PolicyViolation, for which the caller cancels.
func (r *Run) Observe(metadata raw.Object) (*Usage, error) {
	usage, err := r.meter.Observe(metadata)
	if usage != nil {
		r.reservation.Note(Spend{Tokens: usage.Tokens(), USD: usage.CostUSD})
	}
	return usage, err
}

// Usage is what was reported until now.
func (r *Run) Usage() Usage { return r.meter.Usage() }

// Left is how much of the policy's duration there is, and whether there is such a limit.
func (r *Run) Left() (time.Duration, bool) {
	if r.dispatch.Policy.MaxDuration == nil {
		return 0, false
	}
	return *r.dispatch.Policy.MaxDuration - r.guard.clock().Now().Sub(r.began), true
}

// Overdue is the PolicyViolation of a task that takes longer than it may, nil before.
func (r *Run) Overdue() error {
	left, limited := r.Left()
	if !limited || left > 0 {
		return nil
	}
	return r.TooLong()
}

// TooLong is the PolicyViolation of a task whose duration has just ended, whatever the clock says.
func (r *Run) TooLong() error {
	left, limited := r.Left()
	if !limited {
		return nil
	}
	most := r.dispatch.Policy.MaxDuration.Milliseconds()
	return over("max_duration_ms", most, most+max(0, -left.Milliseconds()), "has taken")
}

// End settles the budget and gives the place back. What the peer never reported is taken for what
// was expected: only a report gives room back. It may be called more than once.
func (r *Run) End() {
	r.once.Do(func() {
		r.reservation.Settle(r.meter.Usage().taken(r.dispatch.expected()))
		r.leave()
	})
}

// Cancel is End of a task of which nothing was sent: all comes back.
func (r *Run) Cancel() {
	r.once.Do(func() {
		r.reservation.Cancel()
		r.leave()
	})
}
