package task

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
)

func TestManyWaitersGetOneHandle(t *testing.T) {
	var table handle.Table
	release := make(chan bool)
	task := start(&table, func(context.Context) (Result, error) {
		<-release
		return Result{handle.Column, "made", nil}, nil
	})
	var wg sync.WaitGroup
	handles := make([]uint64, 16)
	for i := range handles {
		wg.Go(func() {
			if task.Wait(patience) {
				handles[i], _ = task.Handle(&table)
			}
		})
	}
	close(release)
	wg.Wait()
	for _, h := range handles {
		require.NotZero(t, h)
		require.Equal(t, handles[0], h)
	}
	require.Equal(t, 1, table.Len())
}

func TestCloseAndHandleMeetInEitherOrder(t *testing.T) {
	for range 200 {
		var table handle.Table
		var closed atomic.Int64
		task := start(&table, func(context.Context) (Result, error) {
			return Result{handle.Index, "made", func() { closed.Add(1) }}, nil
		})
		var taken uint64
		var wg sync.WaitGroup
		wg.Go(task.Close)
		wg.Go(func() { taken, _ = task.Handle(&table) })
		wg.Wait()
		if taken != 0 {
			require.Zero(t, closed.Load(), "who took it closes it")
			require.NoError(t, table.Free(taken))
		}
		require.EqualValues(t, 1, closed.Load(), "closed once")
		require.Zero(t, table.Len())
	}
}

func TestAFailedTaskTellsItsErrorEveryTime(t *testing.T) {
	boom := errors.New("boom")
	task := start(&handle.Table{}, func(context.Context) (Result, error) { return Result{}, boom })
	require.True(t, task.Wait(patience))
	for range 3 {
		h, err := task.Handle(&handle.Table{})
		require.Zero(t, h)
		require.Equal(t, boom, err)
	}
	task.Cancel() // after the end: nothing happens
	task.Close()
	task.Close()
}

func TestAResultBesideAnErrorIsNotGivenOut(t *testing.T) {
	closed := 0
	task := start(&handle.Table{}, func(context.Context) (Result, error) {
		return Result{handle.Index, "half made", func() { closed++ }}, context.Canceled
	})
	require.True(t, task.Wait(patience))
	h, err := task.Handle(&handle.Table{})
	require.Zero(t, h)
	require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
	task.Close()
	require.Equal(t, 1, closed)
}

func TestWaitingIsBounded(t *testing.T) {
	release := make(chan bool)
	task := start(&handle.Table{}, func(context.Context) (Result, error) {
		<-release
		return Result{}, nil
	})
	begun := time.Now()
	require.False(t, task.Wait(20*time.Millisecond))
	require.GreaterOrEqual(t, time.Since(begun), 20*time.Millisecond)
	require.False(t, task.Wait(-time.Second), "a negative time is none")
	close(release)
	require.True(t, task.Wait(patience))
	require.True(t, task.Wait(0), "an ended task needs no time")
}
