package bounds

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// handClock is a clock that a test moves. It begins now, because deadlines of contexts are read
// against it.
type handClock struct {
	mu     sync.Mutex
	change *sync.Cond
	now    time.Time
	timers []*handTimer
}

type handTimer struct {
	at   time.Time
	fire chan time.Time
}

func newHandClock() *handClock {
	c := &handClock{now: time.Now()}
	c.change = sync.NewCond(&c.mu)
	return c
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) Timer(after time.Duration) (<-chan time.Time, func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &handTimer{at: c.now.Add(after), fire: make(chan time.Time, 1)}
	c.timers = append(c.timers, t)
	c.change.Broadcast()
	return t.fire, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.timers = slices.DeleteFunc(c.timers, func(o *handTimer) bool { return o == t })
	}
}

// armed waits until so many timers wait.
func (c *handClock) armed(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.timers) != n {
		c.change.Wait()
	}
}

func (c *handClock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
	c.timers = slices.DeleteFunc(c.timers, func(t *handTimer) bool {
		due := !t.at.After(c.now)
		if due {
			t.fire <- c.now
		}
		return due
	})
	c.change.Broadcast()
}

func TestTheClockOfTheMachine(t *testing.T) {
	before := time.Now()
	fired, stop := System{}.Timer(time.Nanosecond)
	defer stop()
	select {
	case <-fired:
	case <-time.After(30 * time.Second):
		t.Fatal("no alarm")
	}
	assert.False(t, System{}.Now().Before(before))
	_, stop = System{}.Timer(time.Hour)
	stop()
}
