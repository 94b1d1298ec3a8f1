package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// packed is zeros in gzip: a thousandth of their number.
func packed(t *testing.T, zeros int) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(make([]byte, zeros))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

// H8: endless bodies, and small ones that are large when they are unpacked.
func TestAnswersHaveACap(t *testing.T) {
	bomb := packed(t, 4<<20)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/endless":
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		case "/exact":
			_, _ = w.Write(make([]byte, 1<<20))
		case "/failed":
			w.WriteHeader(500)
			_, _ = w.Write(make([]byte, 1<<20))
		}
	})
	c := client(t, s.URL, Options{Limits: Limits{Body: 1 << 20}})
	for _, path := range []string{"/endless", "/bomb"} {
		_, err := c.Do(soon(t), get(s.URL+path))
		e := detail(t, err, problem.ResponseTooLarge)
		assert.Equal(t, int64(1<<20), e.Detail["limit"])
		assert.Contains(t, e.Error(), "1 MiB")
		stream, err := c.Open(soon(t), get(s.URL+path))
		require.NoError(t, err)
		_, err = stream.All()
		detail(t, err, problem.ResponseTooLarge)
		require.NoError(t, stream.Close())
	}
	answer, err := c.Do(soon(t), get(s.URL+"/exact"))
	require.NoError(t, err)
	assert.Len(t, answer.Body, 1<<20)
	answer, err = c.Do(soon(t), get(s.URL+"/failed"))
	require.NoError(t, err)
	assert.Len(t, answer.Body, 64<<10)
	assert.True(t, answer.Cut)
	small := get(s.URL + "/exact")
	small.MaxBody = 1000
	_, err = c.Do(soon(t), small)
	assert.Contains(t, detail(t, err, problem.ResponseTooLarge).Error(), "1000 bytes")
}

func TestEncodingsThatWereNotAskedFor(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", r.URL.Query().Get("e"))
		_, _ = io.WriteString(w, "not packed at all")
	})
	c := client(t, s.URL, Options{})
	for _, encoding := range []string{"br", "gzip", "deflate", "gzip, gzip"} {
		_, err := c.Do(soon(t), get(s.URL+"/?e="+strings.ReplaceAll(encoding, " ", "")))
		detail(t, err, problem.InvalidAgentResponse)
	}
	_, err := c.Open(soon(t), get(s.URL+"/?e=br"))
	detail(t, err, problem.InvalidAgentResponse)
	answer, err := c.Do(soon(t), get(s.URL+"/?e=identity"))
	require.NoError(t, err)
	assert.Equal(t, "not packed at all", string(answer.Body))
}

// H8: what is no HTTP, what has too much in its head, what breaks off.
func TestAnswersThatAreNone(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
	chunked := head + "Transfer-Encoding: chunked\r\n\r\n"
	line := "X-A: " + strings.Repeat("a", 1000) + "\r\n"
	for name, c := range map[string]struct {
		said string
		code problem.Code
	}{
		"nothing":      {"", problem.ConnectFailed},
		"no HTTP":      {"SSH-2.0-OpenSSH\r\n\r\n", problem.InvalidAgentResponse},
		"long headers": {head + strings.Repeat(line, 200) + "\r\n", problem.ResponseTooLarge},
		"endless 1xx": {strings.Repeat("HTTP/1.1 103 Early\r\n"+line+"\r\n", 200),
			problem.ResponseTooLarge},
		"half a head":  {head, problem.ConnectFailed},
		"half a body":  {head + "Content-Length: 10\r\n\r\nhalf", problem.ConnectFailed},
		"half a chunk": {chunked + "ff\r\nhalf", problem.ConnectFailed},
		"no chunk":     {chunked + "zz\r\n", problem.InvalidAgentResponse},
		"two lengths": {head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
			problem.InvalidAgentResponse},
		"other packing": {head + "Transfer-Encoding: gzip\r\n\r\n", problem.InvalidAgentResponse},
	} {
		url := script(t, func(conn net.Conn) { _, _ = io.WriteString(conn, c.said) })
		asker := client(t, url, Options{})
		_, err := asker.Do(soon(t), get(url))
		var e *problem.Error
		require.ErrorAs(t, err, &e, name)
		assert.Equal(t, c.code, e.Code, "%s: %v", name, err)
		assert.NotEmpty(t, e.URL)
	}
}

// H8: whoever drips headers or a body, or says nothing at all, is not waited for.
func TestSlowAnswersEnd(t *testing.T) {
	drip := func(conn net.Conn, head string) {
		_, _ = io.WriteString(conn, head)
		for {
			if _, err := io.WriteString(conn, "x"); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	quick := Timeouts{Header: 100 * time.Millisecond, Total: 100 * time.Millisecond,
		Idle: 100 * time.Millisecond}
	long := Timeouts{Header: patience, Total: patience, Idle: patience}
	headers := script(t, func(conn net.Conn) { drip(conn, "HTTP/1.1 200 OK\r\nX-") })
	body := script(t, func(conn net.Conn) { drip(conn, "HTTP/1.1 200 OK\r\n\r\n") })
	mute := script(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nx")
		_, _ = io.Copy(io.Discard, conn)
	})
	for _, c := range []struct {
		url, stage string
		times      Timeouts
	}{
		{headers, "headers", Timeouts{Header: quick.Header, Total: long.Total}},
		{headers, "total", Timeouts{Header: long.Header, Total: quick.Total}},
		{body, "total", Timeouts{Header: long.Header, Total: quick.Total}},
	} {
		asker := client(t, c.url, Options{Timeouts: c.times})
		_, err := asker.Do(soon(t), get(c.url))
		e := detail(t, err, problem.Timeout)
		assert.Equal(t, c.stage, e.Detail["stage"])
		assert.Equal(t, 0.1, e.Detail["seconds"])
	}
	asker := client(t, mute, Options{Timeouts: Timeouts{Idle: quick.Idle}})
	stream, err := asker.Open(soon(t), get(mute))
	require.NoError(t, err)
	data, err := io.ReadAll(stream)
	assert.Equal(t, "x", string(data))
	assert.Equal(t, "idle", detail(t, err, problem.Timeout).Detail["stage"])
	asker = client(t, body, Options{Timeouts: Timeouts{Total: quick.Total}})
	stream, err = asker.Open(soon(t), get(body))
	require.NoError(t, err)
	_, err = stream.All()
	assert.Equal(t, "total", detail(t, err, problem.Timeout).Detail["stage"])
	asker = client(t, headers, Options{Timeouts: Timeouts{Header: quick.Header}})
	_, err = asker.Open(soon(t), get(headers))
	assert.Equal(t, "headers", detail(t, err, problem.Timeout).Detail["stage"])
}

// A patient question waits for as long as its context.
func TestPatienceIsTheCallers(t *testing.T) {
	wait := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { <-wait })
	c := client(t, s.URL, Options{
		Timeouts: Timeouts{Header: time.Millisecond, Total: time.Millisecond}})
	r := get(s.URL)
	r.Patient = true
	time.AfterFunc(50*time.Millisecond, func() { close(wait) })
	_, err := c.Do(soon(t), r)
	assert.NoError(t, err)
}

// Who does not read is not told that the peer is silent, and a drip is no silence.
func TestASilenceIsMeasuredWhileSomebodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &flight{}
		f.life, f.cancel = context.WithCancelCause(context.Background())
		from, to := io.Pipe()
		w := &watched{f: f, body: from, idle: time.Second}
		one := make([]byte, 1)
		for range 5 {
			time.Sleep(time.Minute)
			go func() {
				time.Sleep(999 * time.Millisecond)
				_, _ = to.Write([]byte("x"))
			}()
			_, err := w.Read(one)
			require.NoError(t, err)
		}
		require.NoError(t, f.life.Err())
		go func() {
			time.Sleep(1001 * time.Millisecond)
			_ = to.Close()
		}()
		_, err := w.Read(one)
		assert.Equal(t, io.EOF, err)
		assert.Equal(t, errIdle, context.Cause(f.life))
	})
}

func TestAStreamEndsByItsContextOnlyWhileItIsOpened(t *testing.T) {
	gone := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		gone <- struct{}{}
	})
	c := client(t, s.URL, Options{})
	for _, end := range []struct {
		how  func(*Stream)
		code problem.Code
	}{
		{func(s *Stream) { _ = s.Close() }, problem.Closed},
		{func(s *Stream) { s.Stop(context.Canceled) }, problem.Cancelled},
		{func(s *Stream) { s.Stop(problem.New(problem.PolicyViolation, "", "")) },
			problem.PolicyViolation},
		{func(s *Stream) { s.Stop(errors.New("else")) }, problem.Cancelled},
		{func(*Stream) { c.Close() }, problem.Closed},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		stream, err := c.Open(ctx, get(s.URL))
		require.NoError(t, err)
		cancel()
		read := make(chan error)
		go func() {
			_, err := stream.Read(make([]byte, 1))
			read <- err
		}()
		end.how(stream)
		detail(t, <-read, end.code)
		<-gone
	}
}

// H10: a stream that breaks off is told apart from one that ends.
func TestABrokenStreamIsInterrupted(t *testing.T) {
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	for _, said := range []string{head + "Content-Length: 100\r\n\r\ndata: x",
		head + "Transfer-Encoding: chunked\r\n\r\nff\r\ndata"} {
		url := script(t, func(conn net.Conn) { _, _ = io.WriteString(conn, said) })
		c := client(t, url, Options{})
		stream, err := c.Open(soon(t), get(url))
		require.NoError(t, err)
		_, err = io.ReadAll(stream)
		detail(t, err, problem.StreamInterrupted)
	}
	reset := script(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, head+"\r\ndata: x")
		_ = conn.(*net.TCPConn).SetLinger(0)
	})
	c := client(t, reset, Options{})
	stream, err := c.Open(soon(t), get(reset))
	if err == nil {
		_, err = io.ReadAll(stream)
		detail(t, err, problem.StreamInterrupted)
	} else {
		detail(t, err, problem.ConnectFailed)
	}
}
