package bounds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Gate counts the tasks of one client that run, by skill. It lives as long as the client: a gate
// made for each request would never close.
type Gate struct {
	mu    sync.Mutex
	lanes map[string]*lane
}

// lane is one skill: what runs, and who waits, in the order of calls.
type lane struct {
	running int
	queue   []*turn
}

// turn is one who waits; come is closed when the place is its own.
type turn struct {
	limit int
	come  chan struct{}
}

// NewGate returns a gate through which nobody has gone.
func NewGate() *Gate { return &Gate{lanes: map[string]*lane{}} }

// Enter takes a place among the tasks of a skill, of which at most limit run at once (0 for any
// number), and returns what gives it back; giving back twice is once. Where there is no place, it
// waits for one until ctx ends, or fails at once with a PolicyViolation.
func (g *Gate) Enter(ctx context.Context, skill string, limit int, wait bool) (func(), error) {
	g.mu.Lock()
	l := g.lanes[skill]
	if l == nil {
		l = &lane{}
		g.lanes[skill] = l
	}
	if limit <= 0 || l.running < limit && len(l.queue) == 0 {
		l.running++
		g.mu.Unlock()
		return g.leave(skill, l), nil
	}
	if !wait {
		defer g.mu.Unlock()
		return nil, violation("max_concurrency", int64(limit), int64(l.running+1),
			fmt.Sprintf("%d tasks of the skill %q run, max_concurrency is %d", l.running,
				problem.Said(skill), limit), "wait for one of them, or set wait")
	}
	mine := &turn{limit: limit, come: make(chan struct{})}
	l.queue = append(l.queue, mine)
	g.mu.Unlock()
	select {
	case <-mine.come:
		return g.leave(skill, l), nil
	case <-ctx.Done():
		return nil, g.giveUp(ctx, skill, l, mine)
	}
}

// giveUp takes one who no longer waits out of the queue; a place that came meanwhile goes on.
func (g *Gate) giveUp(ctx context.Context, skill string, l *lane, mine *turn) error {
	g.mu.Lock()
	if at := slices.Index(l.queue, mine); at >= 0 {
		l.queue = slices.Delete(l.queue, at, at+1)
	} else {
		l.running--
	}
	g.advance(skill, l)
	g.mu.Unlock()
	return ended(ctx, "a place among the tasks of a skill",
		"allow more time, or raise max_concurrency")
}

// leave returns what gives a place back.
func (g *Gate) leave(skill string, l *lane) func() {
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		l.running--
		g.advance(skill, l)
	})
}

// advance lets in who is next and has room, and forgets a skill of which nothing runs.
func (g *Gate) advance(skill string, l *lane) {
	for len(l.queue) > 0 && l.running < l.queue[0].limit {
		l.running++
		close(l.queue[0].come)
		l.queue = slices.Delete(l.queue, 0, 1)
	}
	if l.running == 0 && len(l.queue) == 0 {
		delete(g.lanes, skill)
	}
}

// ended is the error of a wait that its context ended.
func ended(ctx context.Context, what, fix string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return problem.New(problem.Timeout, "the time was over before "+what+" came free", fix).
			With("stage", "queue").Because(ctx.Err())
	}
	return problem.New(problem.Cancelled, "cancelled while waiting for "+what, "").
		Because(ctx.Err())
}
