package web

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// patience is far more than a loaded machine takes for anything here.
const patience = time.Minute

// soon is a context that ends a test that hangs.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// server is a peer of this machine that remembers what it was asked.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
}

func serve(t *testing.T, answer http.HandlerFunc) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // until then the server does not see that a client went away
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		s.asked = append(s.asked, r.Clone(context.Background()))
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// requests returns what was asked so far.
func (s *server) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.asked...)
}

// script is a peer that answers every connection with what speak writes, after the request's head.
func script(t *testing.T, speak func(net.Conn)) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				speak(conn)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// client returns a client whose own address is url; it never sleeps.
func client(t *testing.T, url string, o Options) *Client {
	o.AllowLoopbackHTTP = true
	c, err := New(o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	c.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	if url != "" {
		require.NoError(t, c.Own(url))
	}
	return c
}

// detail is the error as the one of package problem, of the code that is expected.
func detail(t *testing.T, err error, code problem.Code) *problem.Error {
	t.Helper()
	var e *problem.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, code, e.Code, "%v", err)
	return e
}

func get(url string) Request { return Request{Method: "GET", URL: url} }

func TestAnAnswerIsReadWhole(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Said", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
	})
	c := client(t, s.URL, Options{UserAgent: "tester"})
	answer, err := c.Do(soon(t), Request{Method: "POST", URL: s.URL + "/p?q=1", Body: []byte("{}"),
		Accept: "application/json", Header: http.Header{"A2a-Version": {"1.0"}}})
	require.NoError(t, err)
	assert.Equal(t, http.StatusTeapot, answer.Status)
	assert.Equal(t, "short and stout", string(answer.Body))
	assert.Equal(t, "yes", answer.Header.Get("X-Said"))
	assert.Equal(t, 1, answer.Attempts)
	r := s.requests()[0]
	assert.Equal(t, "/p?q=1", r.URL.String())
	assert.Equal(t, "tester", r.UserAgent())
	assert.Equal(t, "1.0", r.Header.Get("A2A-Version"))
	assert.Equal(t, "application/json", r.Header.Get("Accept"))
	assert.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
}

func TestHeadersWithLineBreaksAreNotSent(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, s.URL, Options{})
	r := get(s.URL)
	r.Header = http.Header{"X-A": {"1\r\nX-B: 2"}}
	_, err := c.Do(soon(t), r)
	detail(t, err, problem.InvalidArgument)
	_, err = New(Options{UserAgent: "a\nb"})
	detail(t, err, problem.InvalidArgument)
	assert.Empty(t, s.requests())
}

func TestAClosedClientAsksNobody(t *testing.T) {
	began := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})
	c := client(t, s.URL, Options{})
	failed := make(chan error)
	go func() {
		_, err := c.Do(context.Background(), get(s.URL))
		failed <- err
	}()
	<-began
	c.Close()
	c.Close()
	detail(t, <-failed, problem.Closed)
	for range 20 {
		_, err := c.Do(soon(t), get(s.URL))
		detail(t, err, problem.Closed)
	}
	assert.Len(t, s.requests(), 1)
}

func TestACancelledQuestionEndsAtThePeerToo(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(ended)
	})
	c := client(t, s.URL, Options{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-began; cancel() }()
	_, err := c.Do(ctx, get(s.URL))
	detail(t, err, problem.Cancelled)
	<-ended
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	for range 20 {
		_, err = c.Do(late, get(s.URL))
		assert.Equal(t, "total", detail(t, err, problem.Timeout).Detail["stage"])
	}
	assert.Len(t, s.requests(), 1)
}
