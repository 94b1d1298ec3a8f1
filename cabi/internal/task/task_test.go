package task

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
)

const patience = 10 * time.Second

func start(table *handle.Table, f func(context.Context) (Result, error)) *Task {
	return Start(guard.Scope{Table: table}, "work", nil, f)
}

func TestATaskGivesItsResultAHandleOnce(t *testing.T) {
	var table handle.Table
	closed := 0
	task := start(&table, func(context.Context) (Result, error) {
		return Result{handle.Index, "made", func() { closed++ }}, nil
	})
	require.True(t, task.Wait(patience))
	h, err := task.Handle(&table)
	require.NoError(t, err)
	again, err := task.Handle(&table)
	require.NoError(t, err)
	require.Equal(t, h, again)
	task.Close()
	require.Zero(t, closed, "the handle's owner has it")
	require.NoError(t, table.Free(h))
	require.Equal(t, 1, closed)
}

func TestAResultThatNobodyTookIsClosed(t *testing.T) {
	closed := 0
	task := start(&handle.Table{}, func(context.Context) (Result, error) {
		return Result{handle.Index, "made", func() { closed++ }}, nil
	})
	task.Close()
	require.Equal(t, 1, closed)
}

func TestARunningTaskHasNoResult(t *testing.T) {
	release := make(chan bool)
	task := start(&handle.Table{}, func(context.Context) (Result, error) {
		<-release
		return Result{}, nil
	})
	require.False(t, task.Wait(0))
	require.False(t, task.Wait(time.Millisecond))
	_, err := task.Handle(&handle.Table{})
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
	close(release)
	require.True(t, task.Wait(patience))
	h, err := task.Handle(&handle.Table{})
	require.NoError(t, err)
	require.Zero(t, h, "nothing was made")
}

func TestCancelEndsTheContext(t *testing.T) {
	task := start(&handle.Table{}, func(ctx context.Context) (Result, error) {
		<-ctx.Done()
		return Result{}, ctx.Err()
	})
	task.Cancel()
	require.True(t, task.Wait(patience))
	_, err := task.Handle(&handle.Table{})
	require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
}

func TestCloseWaitsUntilNothingIsTouchedAnyMore(t *testing.T) {
	var touched bool
	task := start(&handle.Table{}, func(ctx context.Context) (Result, error) {
		<-ctx.Done()
		time.Sleep(20 * time.Millisecond)
		touched = true
		return Result{}, nil
	})
	task.Close()
	require.True(t, touched)
}

func TestATaskHoldsItsHandlesUntilItEnds(t *testing.T) {
	var table handle.Table
	closed := make(chan bool, 1)
	h := table.Put(handle.Column, "column", func() { closed <- true })
	s := guard.Scope{Table: &table}
	_, err := guard.Use[string](&s, h, handle.Column)
	require.NoError(t, err)
	release := make(chan bool)
	task := Start(s.Move(), "work", nil, func(context.Context) (Result, error) {
		<-release
		return Result{}, nil
	})
	require.NoError(t, table.Free(h))
	require.Empty(t, closed)
	close(release)
	require.True(t, task.Wait(patience))
	require.True(t, <-closed)
}

func TestAPanicIsTheTasksErrorAndPoisons(t *testing.T) {
	var table handle.Table
	h := table.Put(handle.Column, "column", nil)
	s := guard.Scope{Table: &table}
	_, err := guard.Use[string](&s, h, handle.Column)
	require.NoError(t, err)
	task := Start(s.Move(), "build", nil, func(context.Context) (Result, error) { panic("boom") })
	require.True(t, task.Wait(patience))
	_, err = task.Handle(&table)
	require.Equal(t, arrowidx.NativeError, arrowidx.KindOf(err))
	_, err = table.Acquire(h, handle.Column)
	require.Equal(t, arrowidx.Poisoned, arrowidx.KindOf(err))
}

func TestProgressIsTheOperations(t *testing.T) {
	task := Start(guard.Scope{}, "work", func() (int64, int64) { return 3, 4 },
		func(context.Context) (Result, error) { return Result{}, nil })
	done, total := task.Progress()
	require.Equal(t, []int64{3, 4}, []int64{done, total})
	done, total = start(nil, func(context.Context) (Result, error) { return Result{}, nil }).Progress()
	require.Equal(t, []int64{0, 0}, []int64{done, total})
}
