package queue

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
)

const patience = 10 * time.Second

func newQueue(t *testing.T) *Queue {
	t.Helper()
	q, err := New()
	require.NoError(t, err)
	t.Cleanup(q.Close)
	return q
}

// started is a task that ends when release is closed.
func started(release <-chan bool) *task.Task {
	return task.Start(guard.Scope{Table: &handle.Table{}}, "work", nil,
		func(ctx context.Context) (task.Result, error) {
			select {
			case <-release:
			case <-ctx.Done():
			}
			return task.Result{}, ctx.Err()
		})
}

// bytesIn takes what the descriptor holds, -1 if reading would wait.
func bytesIn(t *testing.T, fd int) int {
	t.Helper()
	var b [16]byte
	n, err := syscall.Read(fd, b[:])
	if err != nil {
		require.ErrorIs(t, err, syscall.EAGAIN)
		return -1
	}
	return n
}

// readable waits until the descriptor can be read.
func readable(t *testing.T, q *Queue) {
	t.Helper()
	require.Eventually(t, func() bool {
		q.mu.Lock()
		defer q.mu.Unlock()
		return len(q.tokens) > 0
	}, patience, time.Millisecond)
}

func TestATokenAppearsWhenTheTaskHasEnded(t *testing.T) {
	q, release := newQueue(t), make(chan bool)
	work := started(release)
	q.Watch(work, 7)
	out := make([]uint64, 4)
	require.Zero(t, q.Drain(out))
	require.Equal(t, -1, bytesIn(t, q.Descriptor()), "nothing to read")
	close(release)
	require.True(t, work.Wait(patience))
	readable(t, q)
	require.Equal(t, 1, q.Drain(out))
	require.Equal(t, uint64(7), out[0])
	require.Equal(t, -1, bytesIn(t, q.Descriptor()), "drained")
}

func TestATaskThatHasEndedLeavesItsTokenAtOnce(t *testing.T) {
	q, release := newQueue(t), make(chan bool)
	close(release)
	work := started(release)
	require.True(t, work.Wait(patience))
	q.Watch(work, 1)
	q.Watch(work, 2)
	out := make([]uint64, 4)
	require.Equal(t, 2, q.Drain(out))
	require.Equal(t, []uint64{1, 2}, out[:2])
}

func TestCancelledAndFreedTasksLeaveTheirTokens(t *testing.T) {
	q, never := newQueue(t), make(chan bool)
	one, two := started(never), started(never)
	q.Watch(one, 1)
	q.Watch(two, 2)
	one.Cancel()
	require.True(t, one.Wait(patience))
	two.Close()
	readable(t, q)
	out := make([]uint64, 4)
	n := 0
	require.Eventually(t, func() bool { n += q.Drain(out[n:]); return n == 2 }, patience,
		time.Millisecond)
	require.ElementsMatch(t, []uint64{1, 2}, out[:2])
}

func TestOneByteStandsForAnyNumberOfTokens(t *testing.T) {
	q := newQueue(t)
	for token := range uint64(100_000) {
		q.put(token)
	}
	out := make([]uint64, 99_999)
	require.Equal(t, len(out), q.Drain(out))
	require.True(t, slices.IsSorted(out), "first come, first told")
	require.Equal(t, 1, bytesIn(t, q.Descriptor()), "one is left")
	q.pipe.wake() // which bytesIn took
	require.Equal(t, 1, q.Drain(out))
	require.Equal(t, uint64(99_999), out[0])
	require.Equal(t, -1, bytesIn(t, q.Descriptor()))
	require.Zero(t, q.Drain(nil))
}

func TestNoTokenIsLostBetweenManyTasksAndOneReader(t *testing.T) {
	const tasks = 2_000
	q, release := newQueue(t), make(chan bool)
	var all sync.WaitGroup
	for token := range uint64(tasks) {
		all.Add(1)
		guard.Scope{}.Go("watch", func() error { q.Watch(started(release), token); return nil },
			func(error) { all.Done() })
		if token == tasks/2 {
			close(release)
		}
	}
	seen := map[uint64]bool{}
	out := make([]uint64, 17)
	for end := time.Now().Add(patience); len(seen) < tasks && time.Now().Before(end); {
		for _, token := range out[:q.Drain(out)] {
			require.False(t, seen[token], "told twice")
			seen[token] = true
		}
	}
	all.Wait()
	require.Len(t, seen, tasks)
	require.Equal(t, -1, bytesIn(t, q.Descriptor()))
}

func TestAClosedQueueForgetsAndGivesItsDescriptorsBack(t *testing.T) {
	before := descriptors(t)
	for range 50 {
		q, err := New()
		require.NoError(t, err)
		release := make(chan bool)
		work := started(release)
		q.Watch(work, 1)
		q.put(2)
		q.Close()
		q.Close()
		close(release)
		require.True(t, work.Wait(patience))
		require.Zero(t, q.Drain(make([]uint64, 4)))
	}
	require.Equal(t, before, descriptors(t))
}

func TestAProgramThatIsStartedGetsNoDescriptor(t *testing.T) {
	q := newQueue(t)
	for _, fd := range []int{q.pipe.read, q.pipe.write} {
		flags, _, err := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		require.Zero(t, err)
		require.NotZero(t, flags&syscall.FD_CLOEXEC)
	}
}

func TestWithoutDescriptorsThereIsAnError(t *testing.T) {
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	none := limit
	none.Cur = 0
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none))
	_, err := New()
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit))
	require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err))
	require.True(t, errors.Is(err, syscall.EMFILE))
	require.ErrorContains(t, err, "ulimit -n")
}

// descriptors are the pipes that the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	n := 0
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil &&
			strings.HasPrefix(to, "pipe:") {
			n++
		}
	}
	return n
}
