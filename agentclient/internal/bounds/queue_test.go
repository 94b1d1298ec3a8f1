package bounds

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

type reserved struct {
	name string
	r    *Reservation
	err  error
}

// ask reserves on another goroutine and returns once it waits.
func ask(t *testing.T, l *Ledger, ctx context.Context, name string, s Spend, to chan reserved) {
	t.Helper()
	before := l.Snapshot().Queued
	go func() {
		r, err := l.Reserve(ctx, s)
		to <- reserved{name, r, err}
	}()
	until(t, func() bool { return l.Snapshot().Queued == before+1 })
}

// The original only counted who waited, and failed each.
func TestAQueueReallyWaits(t *testing.T) {
	l, clock := ledger(t, Caps{TokensPerMinute: ptr(int64(10)), Queue: true})
	_, err := l.Reserve(t.Context(), Spend{Tokens: 10})
	require.NoError(t, err)
	got := make(chan reserved, 1)
	ask(t, l, t.Context(), "a", Spend{Tokens: 3}, got)
	clock.armed(1)
	clock.move(59 * time.Second)
	assert.Equal(t, 1, l.Snapshot().Queued)
	clock.armed(1)
	clock.move(2 * time.Second)
	first := soon(t, got)
	require.NoError(t, first.err)
	s := l.Snapshot()
	assert.Equal(t, []int64{3, 0}, []int64{s.Tokens, int64(s.Queued)})
}

func TestAQueueIsFirstComeFirstServed(t *testing.T) {
	l, clock := ledger(t, Caps{TokensPerMinute: ptr(int64(10)), Queue: true})
	running, err := l.Try(Spend{Tokens: 10})
	require.NoError(t, err)
	got := make(chan reserved, 3)
	ask(t, l, t.Context(), "large", Spend{Tokens: 9}, got)
	ask(t, l, t.Context(), "small", Spend{Tokens: 1}, got)
	ask(t, l, t.Context(), "last", Spend{Tokens: 5}, got)
	_, err = l.Try(Spend{})
	is(t, err, problem.BudgetExceeded, "dim", "queue", "current", int64(3))
	running.Settle(Spend{Tokens: 5})
	clock.armed(1)
	assert.Empty(t, got, "the small one does not overtake, though it fits")
	clock.move(61 * time.Second)
	one, two := soon(t, got), soon(t, got)
	assert.ElementsMatch(t, []string{"large", "small"}, []string{one.name, two.name})
	clock.armed(1)
	assert.Equal(t, 1, l.Snapshot().Queued)
	clock.move(61 * time.Second)
	assert.Equal(t, "last", soon(t, got).name)
}

func TestRoomThatComesBackIsTakenAtOnce(t *testing.T) {
	l, clock := ledger(t, Caps{TasksPerMinute: ptr(int64(1)), Queue: true})
	for _, back := range []func(*Reservation){(*Reservation).Cancel} {
		r, err := l.Try(Spend{})
		require.NoError(t, err)
		got := make(chan reserved, 1)
		ask(t, l, t.Context(), "a", Spend{}, got)
		clock.armed(1)
		back(r)
		next := soon(t, got)
		require.NoError(t, next.err)
		next.r.Cancel()
	}
	clock.armed(0)
}

func TestAQueueIsBounded(t *testing.T) {
	l, clock := ledger(t, Caps{TasksPerMinute: ptr(int64(1)), Queue: true, MaxQueue: 2})
	_, err := l.Try(Spend{})
	require.NoError(t, err)
	got := make(chan reserved, 2)
	ask(t, l, t.Context(), "a", Spend{}, got)
	ask(t, l, t.Context(), "b", Spend{}, got)
	_, err = l.Reserve(t.Context(), Spend{})
	is(t, err, problem.BudgetExceeded, "dim", "queue", "limit", int64(2), "current", int64(2))
	for range 2 {
		clock.armed(1)
		clock.move(61 * time.Second)
		require.NoError(t, soon(t, got).err)
	}
}

func TestWhoIsCancelledLeavesTheQueue(t *testing.T) {
	l, clock := ledger(t, Caps{TokensPerMinute: ptr(int64(10)), Queue: true})
	_, err := l.Try(Spend{Tokens: 8})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan reserved, 1), make(chan reserved, 1)
	ask(t, l, ctx, "first", Spend{Tokens: 5}, first)
	ask(t, l, t.Context(), "second", Spend{Tokens: 2}, second)
	cancel()
	err = soon(t, first).err
	assert.True(t, problem.Is(err, problem.Cancelled), err)
	assert.ErrorIs(t, err, context.Canceled)
	require.NoError(t, soon(t, second).err, "it fits beside what runs, once nobody is before it")
	clock.armed(0)
	assert.Equal(t, int64(10), l.Snapshot().Tokens)
	_, err = l.Reserve(ctx, Spend{Tokens: 1})
	assert.True(t, problem.Is(err, problem.Cancelled), err)
}

func TestAQueueKnowsDeadlines(t *testing.T) {
	l, clock := ledger(t, Caps{TokensPerMinute: ptr(int64(10)), Queue: true})
	running, err := l.Try(Spend{Tokens: 10})
	require.NoError(t, err)
	near, stop := context.WithDeadline(t.Context(), clock.Now().Add(50*time.Second))
	defer stop()
	got := make(chan reserved, 1)
	ask(t, l, near, "a", Spend{Tokens: 1}, got) // what runs may give something back
	running.Settle(Spend{Tokens: 9})
	require.NoError(t, soon(t, got).err)
	l, clock = ledger(t, Caps{TokensPerMinute: ptr(int64(10)), Queue: true})
	running, err = l.Try(Spend{Tokens: 10})
	require.NoError(t, err)
	running.Settle(Spend{Tokens: 10})
	_, err = l.Reserve(near, Spend{Tokens: 1})
	is(t, err, problem.BudgetExceeded, "dim", "tokens", "current", int64(10))
	assert.Contains(t, err.Error(), "there is room in 1m1s")
	assert.Zero(t, l.Snapshot().Queued)
	far, stop := context.WithDeadline(t.Context(), clock.Now().Add(time.Hour))
	defer stop()
	ask(t, l, far, "a", Spend{Tokens: 1}, got)
	clock.armed(1)
	clock.move(61 * time.Second)
	require.NoError(t, soon(t, got).err)
}

func TestADeadlineThatPassesInTheQueueIsTheBudgets(t *testing.T) {
	l, _ := ledger(t, Caps{TokensPerMinute: ptr(int64(10)), Queue: true})
	_, err := l.Try(Spend{Tokens: 10})
	require.NoError(t, err)
	for _, allowed := range []time.Duration{-time.Second, time.Millisecond} {
		ctx, stop := context.WithTimeout(t.Context(), allowed)
		_, err = l.Reserve(ctx, Spend{Tokens: 1})
		is(t, err, problem.BudgetExceeded, "dim", "tokens", "current", int64(10))
		stop()
	}
	assert.Zero(t, l.Snapshot().Queued)
}

// Cancelling, settling and waiting in any order lose no wake-up and keep the cap.
func TestAQueueUnderLoad(t *testing.T) {
	l, err := NewLedger(Caps{TasksPerMinute: ptr(int64(4)), Queue: true}, nil)
	require.NoError(t, err)
	var running atomic.Int64
	var all sync.WaitGroup
	for i := range 400 {
		ctx, cancel := context.WithCancel(context.Background())
		all.Go(func() {
			r, err := l.Reserve(ctx, Spend{})
			if err != nil {
				assert.True(t, problem.Is(err, problem.Cancelled), err)
				return
			}
			assert.LessOrEqual(t, running.Add(1), int64(4))
			running.Add(-1)
			r.Cancel()
		})
		if i%3 == 0 {
			all.Go(cancel)
		} else {
			defer cancel()
		}
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	soon(t, done)
	s := l.Snapshot()
	assert.Equal(t, []int64{0, 0, 0}, []int64{s.Tasks, int64(s.Open), int64(s.Queued)})
}
