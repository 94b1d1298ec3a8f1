package task

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
)

func fixed(n int) *Slots { return NewSlots(func() int { return n }) }

// waiters is how many wait for a slot.
func (s *Slots) waiters() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting.Len()
}

func TestNoMoreThanTheSlotsComputeAtOnce(t *testing.T) {
	for _, most := range []int{0, 1, 3} {
		slots := fixed(most)
		var now, peak, ran atomic.Int64
		var tasks []*Task
		for range 500 {
			tasks = append(tasks, start(&handle.Table{}, func(ctx context.Context) (Result, error) {
				return Result{}, slots.Run(ctx, "work", func() error {
					n := now.Add(1)
					for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
					}
					runtime.Gosched()
					now.Add(-1)
					ran.Add(1)
					return nil
				})
			}))
		}
		for _, task := range tasks {
			require.True(t, task.Wait(patience))
		}
		require.EqualValues(t, 500, ran.Load())
		require.LessOrEqual(t, peak.Load(), int64(max(most, 1)))
		require.Zero(t, slots.busy)
	}
}

func TestSlotsAreGivenInTheOrderOfAsking(t *testing.T) {
	slots := fixed(1)
	hold := make(chan bool)
	var order []int
	var all sync.WaitGroup
	ask := func(f func() error) {
		all.Add(1)
		go func() {
			defer all.Done()
			_ = slots.Run(context.Background(), "work", f)
		}()
	}
	begun := make(chan bool)
	ask(func() error { close(begun); <-hold; return nil })
	<-begun
	for i := range 20 {
		ask(func() error { order = append(order, i); return nil })
		require.Eventually(t, func() bool { return slots.waiters() == i+1 }, patience,
			10*time.Microsecond)
	}
	close(hold)
	all.Wait()
	require.IsIncreasing(t, order)
	require.Len(t, order, 20)
}

func TestWhoIsCancelledWaitsNoLonger(t *testing.T) {
	slots := fixed(1)
	hold, begun := make(chan bool), make(chan bool)
	first := start(&handle.Table{}, func(ctx context.Context) (Result, error) {
		return Result{}, slots.Run(ctx, "work", func() error { close(begun); <-hold; return nil })
	})
	<-begun
	var others []*Task
	for range 10 {
		others = append(others, start(&handle.Table{}, func(ctx context.Context) (Result, error) {
			return Result{}, slots.Run(ctx, "search", func() error { return errors.New("ran") })
		}))
	}
	for _, task := range others {
		task.Cancel()
		require.True(t, task.Wait(patience))
		_, err := task.Handle(&handle.Table{})
		require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
	}
	require.Zero(t, slots.waiters())
	close(hold)
	require.True(t, first.Wait(patience))
	require.NoError(t, slots.Run(context.Background(), "work", func() error { return nil }))
}

func TestASlotOfOneThatPanicsIsFreeAgain(t *testing.T) {
	slots := fixed(1)
	task := start(&handle.Table{}, func(ctx context.Context) (Result, error) {
		return Result{}, slots.Run(ctx, "work", func() error { panic("broken") })
	})
	require.True(t, task.Wait(patience))
	_, err := task.Handle(&handle.Table{})
	require.Equal(t, arrowidx.NativeError, arrowidx.KindOf(err))
	require.NoError(t, slots.Run(context.Background(), "work", func() error { return nil }))
}

func TestMoreSlotsAreUsedFromTheNextEndOn(t *testing.T) {
	var most atomic.Int64
	most.Store(1)
	slots := NewSlots(func() int { return int(most.Load()) })
	var all sync.WaitGroup
	release := make(chan bool)
	var now atomic.Int64
	for range 4 {
		all.Add(1)
		go func() {
			defer all.Done()
			_ = slots.Run(context.Background(), "work", func() error {
				now.Add(1)
				<-release
				return nil
			})
		}()
	}
	require.Eventually(t, func() bool { return slots.waiters() == 3 }, patience, time.Millisecond)
	require.EqualValues(t, 1, now.Load())
	most.Store(3)
	release <- true
	require.Eventually(t, func() bool { return now.Load() == 4 }, patience, time.Millisecond)
	close(release)
	all.Wait()
	require.Zero(t, slots.busy)
}

// Cancelling and giving race: no slot may be lost.
func TestNoSlotIsLostWhereGivingAndCancellingMeet(t *testing.T) {
	slots := fixed(2)
	var all sync.WaitGroup
	for range 2000 {
		ctx, cancel := context.WithCancel(context.Background())
		all.Add(2)
		go func() {
			defer all.Done()
			_ = slots.Run(ctx, "work", func() error { runtime.Gosched(); return nil })
		}()
		go func() {
			defer all.Done()
			cancel()
		}()
	}
	all.Wait()
	require.Zero(t, slots.busy)
	require.Zero(t, slots.waiters())
}

func TestWideWorkTakesAsManySlotsAsItUses(t *testing.T) {
	slots := fixed(3)
	var now, peak atomic.Int64
	var all sync.WaitGroup
	for i := range 300 {
		wide := i%5 + 1 // more than there are, too
		all.Add(1)
		go func() {
			defer all.Done()
			err := slots.RunWide(context.Background(), "work", wide, func() error {
				n := now.Add(int64(min(wide, 3)))
				for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
				}
				runtime.Gosched()
				now.Add(-int64(min(wide, 3)))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	require.EqualValues(t, 3, peak.Load())
	require.Zero(t, slots.busy)
}

func TestThoseBehindOneWhoLeavesAreServed(t *testing.T) {
	slots := fixed(2)
	hold, begun := make(chan bool), make(chan bool)
	first := start(&handle.Table{}, func(ctx context.Context) (Result, error) {
		return Result{}, slots.Run(ctx, "work", func() error { close(begun); <-hold; return nil })
	})
	<-begun
	wide := start(&handle.Table{}, func(ctx context.Context) (Result, error) {
		return Result{}, slots.RunWide(ctx, "work", 2, func() error { return nil })
	})
	require.Eventually(t, func() bool { return slots.waiters() == 1 }, patience, time.Millisecond)
	narrow := start(&handle.Table{}, func(ctx context.Context) (Result, error) {
		return Result{}, slots.Run(ctx, "work", func() error { return nil })
	})
	require.Eventually(t, func() bool { return slots.waiters() == 2 }, patience, time.Millisecond)
	wide.Cancel()
	require.True(t, narrow.Wait(patience), "it needs what is free")
	close(hold)
	require.True(t, first.Wait(patience))
}
