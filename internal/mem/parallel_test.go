package mem

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

var threadCounts = []int{1, 2, 3, 16}

func TestEveryTaskRunsOnce(t *testing.T) {
	for _, threads := range threadCounts {
		for _, n := range []int{0, 1, 2, 15, 16, 17, 1000} {
			runs := make([]atomic.Int32, n)
			err := Parallel(t.Context(), "op", threads, n, func(worker, i int) error {
				if worker < 0 || worker >= min(threads, max(n, 1)) {
					return fmt.Errorf("worker %d of %d", worker, threads)
				}
				runs[i].Add(1)
				return nil
			})
			require.NoError(t, err)
			for i := range runs {
				require.EqualValues(t, 1, runs[i].Load(), "task %d of %d on %d", i, n, threads)
			}
		}
	}
}

func TestAWorkerHasOneTaskAtATime(t *testing.T) {
	const threads, n = 8, 4000
	var busy [threads]atomic.Bool
	err := Parallel(t.Context(), "op", threads, n, func(worker, _ int) error {
		if !busy[worker].CompareAndSwap(false, true) {
			return errors.New("two tasks share a worker")
		}
		runtime.Gosched()
		busy[worker].Store(false)
		return nil
	})
	require.NoError(t, err)
}

func TestTheSmallestFailingTaskIsTheError(t *testing.T) {
	fails := map[int]bool{37: true, 38: true, 90: true, 199: true}
	for _, threads := range threadCounts {
		for range 50 {
			err := Parallel(t.Context(), "op", threads, 200, func(_, i int) error {
				if fails[i] {
					return fmt.Errorf("task %d", i)
				}
				runtime.Gosched()
				return nil
			})
			require.EqualError(t, err, "task 37", "%d threads", threads)
		}
	}
}

func TestAfterAFailureLittleIsBegun(t *testing.T) {
	for _, threads := range threadCounts {
		var begun atomic.Int64
		err := Parallel(t.Context(), "op", threads, 100_000, func(_, i int) error {
			begun.Add(1)
			if i == 10 {
				return errors.New("stop")
			}
			return nil
		})
		require.Error(t, err)
		require.Less(t, begun.Load(), int64(100_000), "%d threads", threads)
	}
}

func TestAPanicOfATaskIsANativeError(t *testing.T) {
	for _, threads := range threadCounts {
		err := Parallel(t.Context(), "build", threads, 20, func(_, i int) error {
			if i >= 7 {
				panic(fmt.Sprintf("boom %d", i))
			}
			return nil
		})
		require.Equal(t, fault.NativeError, fault.KindOf(err), "%d threads", threads)
		require.ErrorContains(t, err, "boom 7", "%d threads", threads)
		require.ErrorContains(t, err, "parallel_test.go", "the stack tells where")
		require.ErrorContains(t, err, "build: ")
	}
}

func TestAFaultOnLostMemoryIsANativeError(t *testing.T) {
	mem, err := syscall.Mmap(-1, 0, 1<<16, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	defer func() { require.NoError(t, syscall.Munmap(mem)) }()
	for _, threads := range threadCounts {
		var sum atomic.Int64
		err := Parallel(t.Context(), "search", threads, 20, func(_, i int) error {
			sum.Add(int64(mem[i]))
			return nil
		})
		require.Equal(t, fault.NativeError, fault.KindOf(err), "%d threads", threads)
	}
}

func TestACancelledContextStopsTasks(t *testing.T) {
	for _, threads := range threadCounts {
		ctx, cancel := context.WithCancel(t.Context())
		var begun, late atomic.Int64
		var over atomic.Bool
		err := Parallel(ctx, "search", threads, 1_000_000, func(_, i int) error {
			if over.Load() {
				late.Add(1)
			}
			if begun.Add(1) == 50 {
				cancel()
				over.Store(true)
			}
			return nil
		})
		require.Equal(t, fault.Cancelled, fault.KindOf(err), "%d threads", threads)
		require.ErrorIs(t, err, context.Canceled)
		require.LessOrEqual(t, late.Load(), int64(2*threads), "begun after the cancel")
		begun.Store(0)
		err = Parallel(ctx, "search", threads, 5, func(_, _ int) error {
			begun.Add(1)
			return nil
		})
		require.Equal(t, fault.Cancelled, fault.KindOf(err))
		require.Zero(t, begun.Load(), "nothing is begun after a cancel")
	}
}

func TestOneWorkerRunsInOrderOnTheCallersGoroutine(t *testing.T) {
	var order []int // no lock: the race detector and the order would tell
	stack := make([]byte, 1<<16)
	stack = stack[:runtime.Stack(stack, false)]
	head := string(stack[:20])
	err := Parallel(t.Context(), "op", 1, 100, func(_, i int) error {
		own := make([]byte, 1<<16)
		own = own[:runtime.Stack(own, false)]
		if string(own[:20]) != head {
			return errors.New("another goroutine")
		}
		order = append(order, i)
		return nil
	})
	require.NoError(t, err)
	for i, v := range order {
		require.Equal(t, i, v)
	}
	require.Len(t, order, 100)
}

func TestThreadsAreTheSettingTheDefaultOrAllCores(t *testing.T) {
	defer SetThreads(0)
	cores := runtime.GOMAXPROCS(0)
	for _, c := range []struct{ byDefault, setting, want int }{
		{0, 0, cores}, {0, -3, cores}, {0, 1, 1}, {0, cores + 5, cores},
		{1, 0, 1}, {1, cores, cores}, {-7, 0, cores}, {cores + 9, 0, cores},
	} {
		SetThreads(c.byDefault)
		require.Equal(t, c.want, Threads(c.setting), "%+v", c)
	}
}

func TestCallersFindRoomAndThreadsStayAsMany(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(cores)
		callersFrom.Store(0)
		callers = sync.Once{}
	})
	for range 2 {
		AdmitCallers()
		require.Equal(t, cores, Threads(0))
		require.Equal(t, cores, Threads(cores+5))
		require.Equal(t, 1, Threads(1))
		require.Equal(t, 2*cores+1, runtime.GOMAXPROCS(0))
	}
}

func TestGuardedPassesErrorsAndResults(t *testing.T) {
	plain := errors.New("plain")
	require.Equal(t, plain, Guarded("op", func() error { return plain }))
	require.NoError(t, Guarded("op", func() error { return nil }))
	err := Guarded("op", func() error {
		var none []int
		_ = none[len(none)]
		return nil
	})
	require.Equal(t, fault.NativeError, fault.KindOf(err))
}

func TestThePoolKeepsTheEarliestFailureInAnyOrder(t *testing.T) {
	p := &pool{n: 100, failed: 100}
	var wg sync.WaitGroup
	for i := 99; i >= 3; i -= 4 {
		wg.Go(func() { p.fail(int64(i), fmt.Errorf("task %d", i)) })
	}
	wg.Wait()
	require.EqualError(t, p.err, "task 3")
	require.True(t, p.failedBefore(4))
	require.False(t, p.failedBefore(3), "the failed task itself is not after it")
}
