package mem

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/fault"
)

// threadLimit is the default number of threads of one operation, 0 for all cores.
var threadLimit atomic.Int64

// SetThreads sets how many threads an operation uses when it does not say: 0 means all cores that
// the process may use. It does not change GOMAXPROCS.
func SetThreads(n int) { threadLimit.Store(int64(max(n, 0))) }

// callersFrom is how many threads may compute since AdmitCallers, 0 before it.
var callersFrom atomic.Int64

var callers sync.Once

// AdmitCallers has short calls of other threads find the runtime free while as many threads compute
// as may: without it a call waits until one of these ends or is stopped, which takes up to 10 ms.
// The number of threads stays what it was; from then on it does not follow the limits of the
// process any more.
func AdmitCallers() {
	callers.Do(func() {
		cores := runtime.GOMAXPROCS(0)
		callersFrom.Store(int64(cores))
		runtime.GOMAXPROCS(2*cores + 1) // Slots of package task let twice as many compute
	})
}

// Threads returns the number of threads that an operation with the given setting uses: the
// setting itself if positive, else the default of SetThreads, never more than GOMAXPROCS, or what
// that was before AdmitCallers.
func Threads(setting int) int {
	if setting <= 0 {
		setting = int(threadLimit.Load())
	}
	cores := int(callersFrom.Load())
	if cores == 0 {
		cores = runtime.GOMAXPROCS(0)
	}
	if setting <= 0 || setting > cores {
		return cores
	}
	return setting
}

// Parallel runs task(worker, i) for i in [0, n) on at most `threads` workers, in increasing order
// of i. It returns the error of the smallest failing i, so that errors do not depend on the number
// of threads; after a failure only tasks before it are still begun. A panic in a task becomes an
// error, see Guarded. With one thread everything runs on the calling goroutine.
func Parallel(
	ctx context.Context, op string, threads, n int, task func(worker, i int) error,
) error {
	if threads = min(threads, n); threads <= 1 {
		for i := range n {
			if err := fault.FromContext(ctx, op); err != nil {
				return err
			}
			if err := Guarded(op, func() error { return task(0, i) }); err != nil {
				return err
			}
		}
		return nil
	}
	p := &pool{n: int64(n), failed: int64(n)}
	var wg sync.WaitGroup
	for w := range threads {
		wg.Add(1)
		spawn(func() {
			defer wg.Done()
			p.work(ctx, op, w, task)
		})
	}
	wg.Wait()
	return p.err
}

// spawn is the only place of this package that starts a goroutine. fn must not panic: tasks are
// run by Guarded, which recovers.
func spawn(fn func()) { go fn() }

// pool hands out task numbers to workers.
type pool struct {
	n    int64
	next atomic.Int64

	mu     sync.Mutex
	failed int64 // smallest task that failed, n if none
	err    error
}

// work runs tasks until none is left.
func (p *pool) work(ctx context.Context, op string, worker int, task func(worker, i int) error) {
	for {
		i := p.next.Add(1) - 1
		if i >= p.n || p.failedBefore(i) {
			return
		}
		err := fault.FromContext(ctx, op)
		if err == nil {
			err = Guarded(op, func() error { return task(worker, int(i)) })
		}
		if err != nil {
			p.fail(i, err)
		}
	}
}

func (p *pool) failedBefore(i int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed < i
}

func (p *pool) fail(i int64, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i < p.failed {
		p.failed, p.err = i, err
	}
}
