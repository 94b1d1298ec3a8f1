package bounds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// waiter is one who waits for room. Only the first of the queue looks at the clock; it runs on the
// goroutine of its caller, so that a budget has none of its own.
type waiter struct {
	need amount
	// poke has room for one: that the waiter has become the first, or that room came back.
	poke chan struct{}
}

// wake has the first of the queue look again; l.mu is held.
func (l *Ledger) wake() {
	if len(l.queue) > 0 {
		select {
		case l.queue[0].poke <- struct{}{}:
		default:
		}
	}
}

// wait joins the queue and returns when it is this one's turn and there is room.
func (l *Ledger) wait(ctx context.Context, need amount) (*Reservation, error) {
	mine := &waiter{need: need, poke: make(chan struct{}, 1)}
	l.mu.Lock()
	if len(l.queue) >= l.caps.MaxQueue {
		defer l.mu.Unlock()
		return nil, l.crowded()
	}
	if err := l.tooLate(ctx, need); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	l.queue = append(l.queue, mine)
	l.mu.Unlock()
	for {
		r, after, err := l.look(ctx, mine)
		if r != nil || err != nil {
			return r, err
		}
		l.sleep(ctx, mine, after)
	}
}

// sleep waits until somebody pokes, ctx ends or, where after is not 0, so much time is over.
func (l *Ledger) sleep(ctx context.Context, mine *waiter, after time.Duration) {
	var fired <-chan time.Time
	if after > 0 {
		alarm, stop := l.clock.Timer(after)
		defer stop()
		fired = alarm
	}
	select {
	case <-mine.poke:
	case <-fired:
	case <-ctx.Done():
	}
}

// look takes the room if it is there for this one, and leaves the queue; or says after what time
// there is, 0 for one who is not the first and need not look.
func (l *Ledger) look(ctx context.Context, mine *waiter) (*Reservation, time.Duration, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		err := l.ended(ctx, mine.need)
		l.leave(mine)
		return nil, 0, err
	}
	if l.queue[0] != mine {
		return nil, 0, nil
	}
	now := l.second()
	if dim, _, _ := l.lacks(l.window.sum(now), mine.need); dim == "" {
		l.leave(mine)
		return l.book(now, mine.need), 0, nil
	}
	return nil, l.room(now, mine.need), nil
}

// leave takes one out of the queue, and has the next look.
func (l *Ledger) leave(mine *waiter) {
	if at := slices.Index(l.queue, mine); at >= 0 {
		l.queue = slices.Delete(l.queue, at, at+1)
	}
	l.wake()
}

// room is how long it takes until a need fits, if nothing more is spent and nothing comes back.
func (l *Ledger) room(now int64, need amount) time.Duration {
	second := l.window.clears(now, func(spent amount) bool {
		dim, _, _ := l.lacks(spent, need)
		return dim == ""
	})
	at := l.start.Add(time.Duration(second) * time.Second)
	return max(time.Nanosecond, at.Sub(l.clock.Now()))
}

// tooLate refuses to wait where there is surely no room before the deadline: while tasks run,
// something may come back, and it waits.
func (l *Ledger) tooLate(ctx context.Context, need amount) error {
	deadline, has := ctx.Deadline()
	if ctx.Err() != nil {
		return l.ended(ctx, need)
	}
	if !has || l.open > 0 {
		return nil
	}
	now := l.second()
	after, left := l.room(now, need), deadline.Sub(l.clock.Now())
	if after <= left {
		return nil
	}
	return l.exceeded(l.window.sum(now), need, fmt.Sprintf(", there is room in %v and the time"+
		" is over in %v", after.Round(time.Second), left.Round(time.Millisecond)),
		"allow more time, or raise the cap")
}

// ended is the error of one whose context is over; l.mu is held.
func (l *Ledger) ended(ctx context.Context, need amount) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err := l.exceeded(l.window.sum(l.second()), need, ", and the time to wait for room is over",
			"allow more time, or raise the cap")
		if err != nil {
			return err
		}
	}
	return ended(ctx, "room in the budget", "allow more time, or raise the cap")
}
