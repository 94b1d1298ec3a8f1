package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
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

// One reason may end many questions at once, and each has an address and a count of its own.
func TestOneReasonEndsManyQuestions(t *testing.T) {
	var waiting sync.WaitGroup
	waiting.Add(8)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		waiting.Done()
		<-r.Context().Done()
	})
	c := client(t, s.URL, Options{})
	ctx, end := context.WithCancelCause(context.Background())
	reason := problem.New(problem.Closed, "the client is closed", "")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := c.Do(ctx, get(fmt.Sprintf("%s/%d", s.URL, i)))
			e := detail(t, err, problem.Closed)
			assert.Equal(t, fmt.Sprintf("%s/%d", s.URL, i), e.URL)
		})
	}
	waiting.Wait()
	end(reason)
	all.Wait()
	assert.Empty(t, reason.URL)
	assert.Zero(t, reason.Attempts)
}

// An agent repeats the token that it was sent wherever an error may quote it.
func TestNoErrorTellsTheToken(t *testing.T) {
	const token = "sk-live-0123456789"
	const none, body = "\r\nContent-Length: 0\r\n\r\n", "\r\nContent-Length: 18\r\n\r\n" + token
	for name, said := range map[string]string{
		"redirect":       "HTTP/1.1 302 Found\r\nLocation: https://evil.example/" + token + none,
		"encoding":       "HTTP/1.1 200 OK\r\nContent-Encoding: " + token + none,
		"first line":     token + "\r\n\r\n",
		"version":        "HTTP/" + token + " 200 OK\r\n\r\n",
		"status":         "HTTP/1.1 " + token + " OK\r\n\r\n",
		"header line":    "HTTP/1.1 200 OK\r\n" + token + "\r\n\r\n",
		"header name":    "HTTP/1.1 200 OK\r\n" + token + " : x\r\n\r\n",
		"length":         "HTTP/1.1 200 OK\r\nContent-Length: " + token + "\r\n\r\n",
		"transfer":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + token + "\r\n\r\n",
		"chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + token + "\r\n",
		"challenge":      "HTTP/1.1 401 no\r\nWWW-Authenticate: Bearer realm=\"" + token + "\"" + body,
		"body of a 500":  "HTTP/1.1 500 " + token + body,
		"retry after it": "HTTP/1.1 429 " + token + "\r\nRetry-After: " + token + body,
	} {
		url := script(t, func(conn net.Conn) { _, _ = io.WriteString(conn, said) })
		c := client(t, url, Options{Retry: Retry{Max: -1}})
		require.NoError(t, c.SetCredentials([]Credential{{Kind: Bearer, Secret: token, Force: true}}))
		answer, err := c.Do(soon(t), Request{Method: "GET", URL: url, Credentials: true})
		if err == nil {
			err = c.Refusal(answer)
		}
		var e *problem.Error
		require.ErrorAs(t, err, &e, name)
		assert.NotContains(t, fmt.Sprintf("%v %v %v", e, e.Detail, e.URL), token, name)
	}
}

// HTTP/2 keeps a connection whose streams have ended: after Close nothing may keep it.
func TestClosingLeavesNoConnection(t *testing.T) {
	gone, begun := make(chan struct{}, 1), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		close(begun)
		<-r.Context().Done()
	}))
	s.EnableHTTP2 = true
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			gone <- struct{}{}
		}
	}
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := client(t, s.URL, Options{TLS: &tls.Config{RootCAs: roots}})
	stream, err := c.Open(soon(t), get(s.URL))
	require.NoError(t, err)
	<-begun
	c.Close()
	_, err = stream.Read(make([]byte, 1))
	assert.True(t, problem.Is(err, problem.Closed), err)
	require.NoError(t, stream.Close())
	select {
	case <-gone:
	case <-time.After(30 * time.Second):
		t.Fatal("the connection is still there")
	}
}
