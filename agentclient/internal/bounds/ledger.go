package bounds

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Caps are what a budget has for a minute; nil is no cap.
type Caps struct {
	USDPerMinute    *float64
	TokensPerMinute *int64
	TasksPerMinute  *int64
	// Queue has a task that finds no room wait for it, in the order of calls, rather than fail.
	Queue bool
	// MaxQueue is how many wait, 0 for 1000.
	MaxQueue int
}

// defaultQueue is how many wait where the caller does not say.
const defaultQueue = 1000

// Spend is what a task takes.
type Spend struct {
	Tokens int64
	USD    float64
}

func (s Spend) amount() amount {
	return amount{nanos(max(0, s.USD)), min(max(0, s.Tokens), mostTokens), 1}
}

// Ledger is a budget that any number of clients share. What a task is expected to take is reserved
// before it is sent, and made right when it is known; at no time have 60 seconds reserved more than
// a cap, but for what tasks took beyond what was expected of them, for which later ones wait.
type Ledger struct {
	caps  Caps
	clock Clock
	start time.Time

	mu     sync.Mutex
	window window
	open   int
	queue  []*waiter
}

// NewLedger checks the caps; a clock of nil is the machine's.
func NewLedger(caps Caps, clock Clock) (*Ledger, error) {
	switch {
	case caps.USDPerMinute != nil && !(*caps.USDPerMinute >= 0 && *caps.USDPerMinute <= mostUSD):
		return nil, badLimit("max_usd_per_minute", *caps.USDPerMinute, "0 to 10^9 dollars")
	case caps.TokensPerMinute != nil &&
		(*caps.TokensPerMinute < 0 || *caps.TokensPerMinute > mostTokens):
		return nil, badLimit("max_tokens_per_minute", *caps.TokensPerMinute, "0 to 10^15")
	case caps.TasksPerMinute != nil &&
		(*caps.TasksPerMinute < 0 || *caps.TasksPerMinute > mostConcurrent):
		return nil, badLimit("max_tasks_per_minute", *caps.TasksPerMinute, "0 to 10^6")
	case caps.MaxQueue < 0 || caps.MaxQueue > mostConcurrent:
		return nil, badLimit("max_queue", caps.MaxQueue, "1 to 10^6")
	}
	caps.USDPerMinute, caps.TokensPerMinute = copied(caps.USDPerMinute), copied(caps.TokensPerMinute)
	caps.TasksPerMinute = copied(caps.TasksPerMinute)
	if caps.MaxQueue == 0 {
		caps.MaxQueue = defaultQueue
	}
	if clock == nil {
		clock = System{}
	}
	return &Ledger{caps: caps, clock: clock, start: clock.Now()}, nil
}

// second is the number of whole seconds since the ledger was made.
func (l *Ledger) second() int64 { return int64(l.clock.Now().Sub(l.start) / time.Second) }

// lacks names the part of a budget that has no room for more beside what is spent, "" where all
// have, with its cap and what is spent in the caller's unit.
func (l *Ledger) lacks(spent, more amount) (dim string, limit, current any) {
	usd, tokens, tasks := l.caps.USDPerMinute, l.caps.TokensPerMinute, l.caps.TasksPerMinute
	switch {
	case usd != nil && add(spent.nano, more.nano) > nanos(*usd):
		return "usd", *usd, float64(spent.nano) / 1e9
	case tokens != nil && add(spent.tokens, more.tokens) > *tokens:
		return "tokens", *tokens, spent.tokens
	case tasks != nil && add(spent.tasks, more.tasks) > *tasks:
		return "tasks", *tasks, spent.tasks
	}
	return "", nil, nil
}

// exceeded is the error of a budget without room, nil where it has.
func (l *Ledger) exceeded(spent, more amount, why, fix string) error {
	dim, limit, current := l.lacks(spent, more)
	if dim == "" {
		return nil
	}
	return budget(dim, limit, current, fmt.Sprintf("the budget has %v %s a minute, %v are spent%s",
		limit, dim, current, why), fix)
}

func budget(dim string, limit, current any, msg, fix string) *problem.Error {
	return problem.New(problem.BudgetExceeded, msg, fix).
		With("dim", dim).With("limit", limit).With("current", current)
}

// Reserve books what a task is expected to take. Where there is no room it fails with
// BudgetExceeded, or waits until there is: first come, first served, and no longer than ctx. What
// can never fit, and what cannot fit before the deadline of ctx, fails at once.
func (l *Ledger) Reserve(ctx context.Context, expected Spend) (*Reservation, error) {
	r, err := l.Try(expected)
	if err == nil || !l.Waits(expected) {
		return r, err
	}
	return l.wait(ctx, expected.amount())
}

// Waits reports whether Reserve waits for room, rather than fail.
func (l *Ledger) Waits(expected Spend) bool {
	dim, _, _ := l.lacks(amount{}, expected.amount())
	return l.caps.Queue && dim == ""
}

// Try is Reserve that never waits. Who waits already comes before it.
func (l *Ledger) Try(expected Spend) (*Reservation, error) {
	need := expected.amount()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.exceeded(amount{}, need, fmt.Sprintf(", and the task alone is expected to take more"+
		" (%v tokens, %v usd)", expected.Tokens, expected.USD),
		"raise the cap, or give est_tokens and est_cost_usd"); err != nil {
		return nil, err
	}
	now := l.second()
	if err := l.exceeded(l.window.sum(now), need, "", "try again within a minute, raise the cap,"+
		" or set overflow to queue"); err != nil {
		return nil, err
	}
	if len(l.queue) > 0 {
		return nil, l.crowded()
	}
	return l.book(now, need), nil
}

func (l *Ledger) crowded() error {
	return budget("queue", int64(l.caps.MaxQueue), int64(len(l.queue)),
		fmt.Sprintf("%d tasks wait for the budget already", len(l.queue)), "try again later")
}

// book is a reservation; l.mu is held.
func (l *Ledger) book(now int64, need amount) *Reservation {
	l.window.book(now, need)
	l.open++
	return &Reservation{ledger: l, second: now, booked: need}
}

// Snapshot is a budget at one moment.
type Snapshot struct {
	// USD, Tokens and Tasks are reserved or spent in the last minute.
	USD    float64
	Tokens int64
	Tasks  int64
	// Open reservations are of tasks that run; Queued tasks wait for room.
	Open, Queued int
	Caps         Caps
}

// Snapshot returns what is spent now.
func (l *Ledger) Snapshot() Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	spent := l.window.sum(l.second())
	caps := l.caps
	caps.USDPerMinute, caps.TokensPerMinute = copied(caps.USDPerMinute), copied(caps.TokensPerMinute)
	caps.TasksPerMinute = copied(caps.TasksPerMinute)
	return Snapshot{USD: float64(spent.nano) / 1e9, Tokens: spent.tokens, Tasks: spent.tasks,
		Open: l.open, Queued: len(l.queue), Caps: caps}
}

// Reservation is what one task has of a budget. Its methods do nothing on nil, and after Settle or
// Cancel.
type Reservation struct {
	ledger *Ledger
	second int64
	// booked was expected; extra was taken beyond it, and is booked when it was seen.
	booked, extra amount
	done          bool
}

// Note books what a running task has taken beyond what was expected, so that a task which
// overruns holds others back before it ends.
func (r *Reservation) Note(taken Spend) {
	if r == nil {
		return
	}
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	r.note(taken.amount())
}

func (r *Reservation) note(taken amount) {
	if more := taken.past(r.booked.plus(r.extra)); !r.done {
		r.ledger.window.book(r.ledger.second(), more)
		r.extra = r.extra.plus(more)
	}
}

// Settle replaces what was expected with what was taken. What was not taken comes back, unless its
// minute is over; who waits for it is let in.
func (r *Reservation) Settle(taken Spend) {
	if r == nil {
		return
	}
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	r.note(taken.amount())
	r.end(r.booked.past(taken.amount()))
}

// Cancel gives all back, the task too: nothing was sent.
func (r *Reservation) Cancel() {
	if r == nil {
		return
	}
	r.ledger.mu.Lock()
	defer r.ledger.mu.Unlock()
	r.end(r.booked)
}

func (r *Reservation) end(back amount) {
	if r.done {
		return
	}
	r.done = true
	r.ledger.open--
	r.ledger.window.give(r.second, back)
	r.ledger.wake()
}
