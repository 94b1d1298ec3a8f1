package bounds

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// soon fails a test that waits for what never comes.
func soon[T any](t *testing.T, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		t.Fatal("it did not come")
	}
	return v
}

func (g *Gate) waiting(skill string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lanes[skill] == nil {
		return 0
	}
	return len(g.lanes[skill].queue)
}

// until waits for what another goroutine is about to do.
func until(t *testing.T, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 30*time.Second, time.Millisecond)
}

// The original made its guard for each request, so that its limit never bit.
func TestTasksAtOnceAreLimited(t *testing.T) {
	g, ctx := NewGate(), t.Context()
	leave, err := g.Enter(ctx, "echo", 2, false)
	require.NoError(t, err)
	second, err := g.Enter(ctx, "echo", 2, false)
	require.NoError(t, err)
	_, err = g.Enter(ctx, "echo", 2, false)
	is(t, err, problem.PolicyViolation, "field", "max_concurrency", "limit", int64(2),
		"actual", int64(3))
	other, err := g.Enter(ctx, "sum", 1, false)
	require.NoError(t, err, "skills are counted each by itself")
	free, err := g.Enter(ctx, "echo", 0, false)
	require.NoError(t, err)
	leave()
	leave()
	_, err = g.Enter(ctx, "echo", 2, false)
	is(t, err, problem.PolicyViolation, "actual", int64(3))
	second()
	again, err := g.Enter(ctx, "echo", 2, false)
	require.NoError(t, err)
	for _, f := range []func(){again, free, other} {
		f()
	}
	assert.Empty(t, g.lanes, "skills of which nothing runs are forgotten")
}

func TestAFullGateIsLeftWithoutATrace(t *testing.T) {
	g := NewGate()
	for i := range 1000 {
		leave, err := g.Enter(t.Context(), fmt.Sprint(i), 1, false)
		require.NoError(t, err)
		_, err = g.Enter(t.Context(), fmt.Sprint(i), 1, false)
		require.Error(t, err)
		leave()
	}
	assert.Empty(t, g.lanes)
}

func TestWaitersComeInOrder(t *testing.T) {
	g := NewGate()
	leave, err := g.Enter(t.Context(), "a", 1, true)
	require.NoError(t, err)
	order := make(chan int, 20)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			next, err := g.Enter(context.Background(), "a", 1, true)
			assert.NoError(t, err)
			order <- i
			next()
		})
		until(t, func() bool { return g.waiting("a") == i+1 })
	}
	_, err = g.Enter(t.Context(), "a", 20, false)
	is(t, err, problem.PolicyViolation)
	leave()
	all.Wait()
	for i := range 20 {
		assert.Equal(t, i, <-order)
	}
	assert.Empty(t, g.lanes)
}

func TestWhoStopsWaitingHoldsNobodyUp(t *testing.T) {
	g := NewGate()
	leave, err := g.Enter(t.Context(), "a", 1, true)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	failed, came := make(chan error, 1), make(chan func(), 1)
	go func() {
		_, err := g.Enter(ctx, "a", 1, true)
		failed <- err
	}()
	until(t, func() bool { return g.waiting("a") == 1 })
	go func() {
		next, _ := g.Enter(context.Background(), "a", 2, true)
		came <- next
	}()
	until(t, func() bool { return g.waiting("a") == 2 })
	cancel()
	assert.True(t, problem.Is(soon(t, failed), problem.Cancelled))
	soon(t, came)() // its own limit is 2: it waited only for the one before it
	leave()
	assert.Empty(t, g.lanes)
	over, stop := context.WithTimeout(t.Context(), time.Nanosecond)
	defer stop()
	leave, _ = g.Enter(t.Context(), "a", 1, true)
	_, err = g.Enter(over, "a", 1, true)
	is(t, err, problem.Timeout, "stage", "queue")
	leave()
	assert.Empty(t, g.lanes)
}

// Who is cancelled while a place comes must pass it on.
func TestNoPlaceIsLostAndNoneIsMade(t *testing.T) {
	g := NewGate()
	var running, most atomic.Int64
	var all sync.WaitGroup
	for i := range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		all.Go(func() {
			leave, err := g.Enter(ctx, "a", 3, true)
			if err != nil {
				return
			}
			n := running.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			running.Add(-1)
			leave()
		})
		if i%2 == 0 {
			all.Go(cancel)
		} else {
			defer cancel()
		}
	}
	all.Wait()
	assert.LessOrEqual(t, most.Load(), int64(3))
	assert.Empty(t, g.lanes)
}
