package web

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Section 6.4: what is asked again, and how often.
func TestWhenAQuestionIsAskedAgain(t *testing.T) {
	const after = "1"
	for _, c := range []struct {
		name        string
		again       Again
		send        string
		status      int
		after       string
		attempts    int
		finalStatus int
	}{
		{"reading 503", Reading, "", 503, "", 4, 503},
		{"reading 429", Reading, "", 429, "", 4, 429},
		{"reading 502", Reading, "", 502, "", 4, 502},
		{"reading 504", Reading, "never", 504, "", 4, 504},
		{"reading 500", Reading, "", 500, "", 1, 500},
		{"reading 404", Reading, "", 404, after, 1, 404},
		{"sending 503", Sending, "", 503, "", 1, 503},
		{"sending 503 after", Sending, "", 503, after, 4, 503},
		{"sending 429 after", Sending, "safe", 429, after, 4, 429},
		{"sending 502 after", Sending, "", 502, after, 1, 502},
		{"never 503 after", Sending, "never", 503, after, 1, 503},
		{"always 502", Sending, "always", 502, "", 4, 502},
		{"always 500", Sending, "always", 500, "", 1, 500},
		{"once", Never, "always", 503, after, 1, 503},
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if c.after != "" {
				w.Header().Set("Retry-After", c.after)
			}
			w.WriteHeader(c.status)
		})
		asker := client(t, s.URL, Options{Retry: Retry{Send: c.send}})
		r := Request{Method: "POST", URL: s.URL, Again: c.again}
		answer, err := asker.Do(soon(t), r)
		require.NoError(t, err, c.name)
		assert.Equal(t, c.finalStatus, answer.Status, c.name)
		assert.Equal(t, c.attempts, answer.Attempts, c.name)
		stream, err := asker.Open(soon(t), r)
		require.NoError(t, err, c.name)
		assert.Equal(t, c.attempts, stream.Attempts, c.name)
		require.NoError(t, stream.Close())
		assert.Len(t, s.requests(), 2*c.attempts, c.name)
	}
}

// A connection that was refused saw nothing; one that broke may have.
func TestAskingAgainAfterAConnectionFailed(t *testing.T) {
	var asked atomic.Int32
	broken := script(t, func(net.Conn) { asked.Add(1) })
	const refused = "http://127.0.0.1:1" // where nobody listens
	for _, c := range []struct {
		url      string
		again    Again
		send     string
		attempts int
	}{
		{refused, Reading, "", 4}, {refused, Sending, "", 4}, {refused, Sending, "never", 1},
		{refused, Never, "", 1}, {broken, Reading, "", 4}, {broken, Sending, "", 1},
		{broken, Sending, "always", 4},
	} {
		asker := client(t, c.url, Options{Retry: Retry{Send: c.send}})
		_, err := asker.Do(soon(t), Request{Method: "POST", URL: c.url, Again: c.again,
			Body: []byte("{}")})
		e := detail(t, err, problem.ConnectFailed)
		assert.Equal(t, c.attempts, e.Attempts, "%+v", c)
	}
	assert.Equal(t, int32(9), asked.Load())
}

func TestAnAnswerThatComesAtLast(t *testing.T) {
	var asked atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(503)
		}
	})
	c := client(t, s.URL, Options{Retry: Retry{Max: 2}})
	answer, err := c.Do(soon(t), Request{Method: "GET", URL: s.URL, Again: Reading})
	require.NoError(t, err)
	assert.Equal(t, 200, answer.Status)
	assert.Equal(t, 3, answer.Attempts)
	none := client(t, s.URL, Options{Retry: Retry{Max: -1}})
	asked.Store(0)
	answer, err = none.Do(soon(t), Request{Method: "GET", URL: s.URL, Again: Reading})
	require.NoError(t, err)
	assert.Equal(t, 503, answer.Status)
}

// H18: a peer that wants to be left alone for a day gets half a minute, and no longer than the
// caller has.
func TestWaitsAreBounded(t *testing.T) {
	said := "99999"
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", said)
		w.WriteHeader(429)
	})
	c := client(t, s.URL, Options{})
	var waits []time.Duration
	c.sleep = func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}
	r := Request{Method: "GET", URL: s.URL, Again: Reading}
	answer, err := c.Do(context.Background(), r)
	require.NoError(t, err)
	assert.Equal(t, []time.Duration{30 * time.Second, 30 * time.Second, 30 * time.Second}, waits)
	assert.Equal(t, 99999.0, c.Refusal(answer).Detail["retry_after"])
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	answer, err = c.Do(ctx, r)
	require.NoError(t, err)
	assert.Equal(t, 1, answer.Attempts)
	for text, want := range map[string]time.Duration{"0": 0, " 7 ": 7 * time.Second,
		"99999999999999999999999": time.Second << 30, "Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		got, named := retryAfter(http.Header{"Retry-After": {text}})
		assert.True(t, named, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "-1", "soon", "1.5"} {
		_, named := retryAfter(http.Header{"Retry-After": {text}})
		assert.False(t, named, text)
	}
	got, named := retryAfter(http.Header{"Retry-After": {
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}})
	assert.True(t, named)
	assert.Greater(t, got, 30*time.Minute)
}

func TestWaitsGrowAndDiffer(t *testing.T) {
	r := Retry{}.filled()
	seen := map[time.Duration]bool{}
	for n := 1; n < 60; n++ {
		d := r.jittered(n)
		assert.GreaterOrEqual(t, d, r.Base)
		assert.LessOrEqual(t, d, min(r.Most, r.Base<<min(n, 16)))
		seen[d] = true
	}
	assert.Greater(t, len(seen), 50)
}

func TestAWaitEndsWithItsContextAndItsClient(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	r := Request{Method: "GET", URL: s.URL, Again: Reading}
	c := client(t, s.URL, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	c.sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return sleep(ctx, patience)
	}
	_, err := c.Do(ctx, r)
	detail(t, err, problem.Cancelled)
	c.sleep = func(ctx context.Context, _ time.Duration) error {
		c.Close()
		return sleep(ctx, patience)
	}
	_, err = c.Open(context.Background(), r)
	detail(t, err, problem.Closed)
	require.NoError(t, sleep(context.Background(), time.Nanosecond))
}
