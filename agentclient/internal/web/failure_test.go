package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Names that nobody answers for, and handshakes that nobody ends: nothing was sent, so that even a
// message may be sent again.
func TestConnectionsThatDoNotCome(t *testing.T) {
	mute, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer mute.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	quick := Timeouts{Connect: 50 * time.Millisecond, TLS: 50 * time.Millisecond}
	for _, url := range []string{"https://agent.example/", "https://" + silent.Addr().String()} {
		if url != "https://agent.example/" {
			quick.Connect = 0
		}
		c := client(t, url, Options{Timeouts: quick})
		c.resolver = &net.Resolver{PreferGo: true,
			Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "udp", mute.LocalAddr().String())
			}}
		_, err := c.Do(soon(t), Request{Method: "POST", URL: url, Again: Sending})
		e := detail(t, err, problem.Timeout)
		assert.Equal(t, "connect", e.Detail["stage"])
		assert.Equal(t, 0.05, e.Detail["seconds"])
		assert.Equal(t, 4, e.Attempts)
	}
}

func TestNamesThatAreNotKnown(t *testing.T) {
	c := client(t, "https://agent.example/", Options{})
	c.resolver = &net.Resolver{PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "udp", Err: &net.AddrError{Err: "no network"}}
		}}
	_, err := c.Do(soon(t), get("https://agent.example/?key=1"))
	e := detail(t, err, problem.ConnectFailed)
	assert.Contains(t, e.Error(), "the name agent.example is not known")
	assert.Equal(t, "https://agent.example/", e.URL)
}

// H8 over HTTP/2.
func TestHeadersOverHTTP2HaveACap(t *testing.T) {
	s := secure(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		for range 300 {
			w.Header().Add("X-A", strings.Repeat("a", 1000))
		}
	})
	c := client(t, s.URL, Options{TLS: roots(s)})
	_, err := c.Do(soon(t), get(s.URL))
	assert.Equal(t, "headers", detail(t, err, problem.ResponseTooLarge).Detail["what"])
}

// The text of a proxy's address may have a password.
func TestAProxyThatCannotBeRead(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := client(t, s.URL, Options{Proxy: "http://proxy.example"})
	c.proxy = func(*url.URL) (*url.URL, error) { return nil, errors.New("http://me:" + secret + "@p") }
	_, err := c.Do(soon(t), get(s.URL))
	assert.NotContains(t, detail(t, err, problem.InvalidArgument).Error(), secret)
}
