package web

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Again says when a question may be asked again.
type Again int

const (
	// Never asks once.
	Never Again = iota
	// Reading is a question that changes nothing: after a connection that failed, and 429, 502, 503
	// and 504.
	Reading
	// Sending is one that starts work: as Retry.Send says; by default where the peer saw nothing of
	// it, or said with Retry-After that it took nothing.
	Sending
)

// Retry says how often and when to ask again; 0 is the default of each.
type Retry struct {
	Max        int           // after the first time: 3; negative for never
	Base, Most time.Duration // waits are between Base and Base * 2^n, at most Most: 0.2 s, 5 s
	MostAfter  time.Duration // what of a Retry-After is waited at most: 30 s
	Send       string        // of what starts work: "safe" (default), "never", "always"
}

// filled returns the policy with its defaults.
func (r Retry) filled() Retry {
	if r.Max == 0 {
		r.Max = 3
	}
	if r.Send == "" {
		r.Send = "safe"
	}
	r.Base, r.Most = or(r.Base, 200*time.Millisecond), or(r.Most, 5*time.Second)
	r.MostAfter = or(r.MostAfter, 30*time.Second)
	return r
}

// verdict is what one attempt says about another: the answer's status and headers, and whether the
// peer may have seen the question.
type verdict struct {
	status int
	header http.Header
	seen   bool
	// stale tells that a token of ours was not taken, and forgotten.
	stale bool
}

// verdict of a flight with its answer, nil for none.
func (f *flight) verdict(response *http.Response) verdict {
	if response == nil {
		return verdict{seen: f.stage.Load() == sent}
	}
	v := verdict{status: response.StatusCode, header: response.Header, seen: true}
	if v.status == http.StatusUnauthorized && f.tokens != nil {
		v.stale = f.tokens.drop(f.token)
	}
	return v
}

// outcome is how all attempts ended.
type outcome struct {
	final    error
	attempts int
	// seen tells that the peer may have seen the question.
	seen bool
}

// told returns the error of all attempts with the place and how many there were.
func (c *Client) told(o outcome, raw string) error {
	e := (*problem.Error)(nil)
	if !errors.As(o.final, &e) {
		return o.final
	}
	e = c.cleaned(e)
	if e.URL == "" {
		e.URL = problem.Address(raw)
	}
	e.Attempts = max(e.Attempts, o.attempts)
	if o.seen && e.Code == problem.ConnectFailed {
		e.With("sent", true)
	}
	return e
}

// again attempts until an attempt is good, or another would not help or not be right.
func (c *Client) again(ctx context.Context, r Request, attempt func() (verdict, error)) outcome {
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(c.life, func() { stop(errClosed) })()
	renewed, seen := false, false
	for n := 1; ; n++ {
		v, err := attempt()
		seen = seen || v.seen
		if err == nil && v.stale && !renewed {
			renewed = true
			continue
		}
		wait, more := c.options.Retry.wait(r.Again, n, v, err)
		if !more {
			return outcome{err, n, seen}
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < wait {
			return outcome{err, n, seen}
		}
		if c.sleep(waiting, wait) != nil {
			return outcome{c.ended(context.Cause(waiting)), n, seen}
		}
	}
}

// wait says whether to ask for the n-th time again, and after what time.
func (r Retry) wait(class Again, n int, v verdict, err error) (time.Duration, bool) {
	if n > r.Max || class == Never {
		return 0, false
	}
	after, named := retryAfter(v.header)
	after = min(after, r.MostAfter)
	var good bool
	switch {
	case err != nil:
		lost := problem.Is(err, problem.ConnectFailed) || isConnectTimeout(err)
		good = lost && (class == Reading || !v.seen || r.Send == "always")
	case v.status == http.StatusTooManyRequests || v.status == http.StatusServiceUnavailable:
		good = class == Reading || named || r.Send == "always"
	case v.status == http.StatusBadGateway || v.status == http.StatusGatewayTimeout:
		good = class == Reading || r.Send == "always"
	}
	if class == Sending && r.Send == "never" || !good {
		return 0, false
	}
	if named {
		return after, true
	}
	return r.jittered(n), true
}

// isConnectTimeout tells whether no connection came in time.
func isConnectTimeout(err error) bool {
	e := (*problem.Error)(nil)
	return errors.As(err, &e) && e.Code == problem.Timeout && e.Detail["stage"] == "connect"
}

// jittered is a time between Base and the n-th bound, so that callers who failed together do not
// come back together.
func (r Retry) jittered(n int) time.Duration {
	span := min(r.Most, r.Base<<min(n, 16)) - r.Base
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return r.Base + time.Duration(float64(span)*float64(binary.LittleEndian.Uint64(b[:])>>11)/(1<<53))
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(h http.Header) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if n, err := strconv.ParseUint(text, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(n, 1<<30)) * time.Second, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

// sleep waits, or returns the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
