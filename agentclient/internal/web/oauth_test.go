package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// issue answers as an issuer of tokens does.
func issue(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, text)
}

// asker returns a client with OAuth2 at an issuer, whose card demands it.
func asker(t *testing.T, agent, tokens string) *Client {
	c := client(t, agent, Options{})
	require.NoError(t, c.SetCredentials([]Credential{{Kind: OAuth2, User: "me", Secret: secret,
		TokenURL: tokens, Scopes: []string{"read", "write"}}}))
	c.Demand(demand("oauth"))
	return c
}

func TestTokensOfOAuth2AreKept(t *testing.T) {
	var given atomic.Int32
	tokens := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		_ = r.ParseForm()
		assert.Equal(t, "me", user)
		assert.NotEmpty(t, password)
		assert.Equal(t, "client_credentials read write",
			r.Form.Get("grant_type")+" "+r.Form.Get("scope"))
		issue(w, fmt.Sprintf(`{"access_token":"token-%d","token_type":"bearer","expires_in":3600}`,
			given.Add(1)))
	})
	agent := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := asker(t, agent.URL, tokens.URL)
	r := get(agent.URL)
	r.Credentials = true
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := c.Do(soon(t), r)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Equal(t, int32(1), given.Load())
	for _, asked := range agent.requests() {
		assert.Equal(t, "Authorization=Bearer token-1", seen(asked))
	}
	kept := c.keys.held[0].tokens
	kept.mu.Lock()
	kept.now.Expiry = time.Now().Add(early / 2)
	kept.mu.Unlock()
	_, err := c.Do(soon(t), r)
	require.NoError(t, err)
	assert.Equal(t, int32(2), given.Load())
}

// An agent that takes a token no more gets a new one, once.
func TestATokenThatWasRevokedIsReplaced(t *testing.T) {
	var given atomic.Int32
	tokens := serve(t, func(w http.ResponseWriter, r *http.Request) {
		issue(w, fmt.Sprintf(`{"access_token":"token-%d","token_type":"bearer"}`, given.Add(1)))
	})
	good := "Authorization=Bearer token-2"
	agent := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if seen(r) != good {
			w.WriteHeader(401)
		}
	})
	c := asker(t, agent.URL, tokens.URL)
	r := Request{Method: "POST", URL: agent.URL, Credentials: true}
	answer, err := c.Do(soon(t), r)
	require.NoError(t, err)
	assert.Equal(t, 200, answer.Status)
	stream, err := c.Open(soon(t), r)
	require.NoError(t, err)
	assert.Equal(t, 200, stream.Status)
	require.NoError(t, stream.Close())
	good = "nothing"
	answer, err = c.Do(soon(t), r)
	require.NoError(t, err)
	assert.Equal(t, 401, answer.Status)
	assert.Equal(t, int32(3), given.Load())
}

// What an issuer does instead of giving a token; none of it shows the secret.
func TestIssuersThatGiveNoToken(t *testing.T) {
	agent := serve(t, func(http.ResponseWriter, *http.Request) {})
	other := serve(t, func(http.ResponseWriter, *http.Request) {})
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"refusal": func(w http.ResponseWriter, r *http.Request) {
			_, password, _ := r.BasicAuth()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":"`+password+`","error_description":"`+secret+`"}`)
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
		"page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"no token": func(w http.ResponseWriter, _ *http.Request) { issue(w, `{}`) },
		"mac": func(w http.ResponseWriter, _ *http.Request) {
			issue(w, `{"access_token":"x","token_type":"mac"}`)
		},
		"break": func(w http.ResponseWriter, _ *http.Request) {
			issue(w, `{"access_token":"a\r\nX: y","token_type":"bearer"}`)
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
	} {
		tokens := serve(t, answer)
		c := asker(t, agent.URL, tokens.URL+"/token?tenant=1")
		r := get(agent.URL)
		r.Credentials = true
		_, err := c.Do(soon(t), r)
		e := detail(t, err, problem.Unauthenticated)
		assert.Equal(t, tokens.URL+"/token", e.URL, name)
		assert.NotContains(t, fmt.Sprintf("%v %v", e, e.Detail), "s3same", name)
	}
	assert.Empty(t, other.requests())
	assert.Empty(t, agent.requests())
	lost := asker(t, agent.URL, "http://127.0.0.1:1/token")
	r := get(agent.URL)
	r.Credentials = true
	_, err := lost.Do(soon(t), r)
	assert.Equal(t, "http://127.0.0.1:1/token", detail(t, err, problem.ConnectFailed).URL)
}

// The issuer is within the same guards, and is waited for no longer than the question.
func TestWaitingForAToken(t *testing.T) {
	agent := serve(t, func(http.ResponseWriter, *http.Request) {})
	came := make(chan struct{}, 8)
	tokens := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		came <- struct{}{}
		<-r.Context().Done()
	})
	c := asker(t, agent.URL, tokens.URL)
	r := get(agent.URL)
	r.Credentials = true
	ctx, cancel := context.WithCancel(context.Background())
	first, second := make(chan error), make(chan error)
	go func() { _, err := c.Do(ctx, r); first <- err }()
	<-came
	waiting, stop := context.WithCancel(context.Background())
	go func() { _, err := c.Do(waiting, r); second <- err }()
	stop()
	detail(t, <-second, problem.Cancelled)
	cancel()
	detail(t, <-first, problem.Cancelled)
	quick := client(t, agent.URL, Options{Timeouts: Timeouts{Total: 50 * time.Millisecond}})
	require.NoError(t, quick.SetCredentials(
		[]Credential{{Kind: OAuth2, User: "me", Secret: secret, TokenURL: tokens.URL, Force: true}}))
	_, err := quick.Do(soon(t), r)
	detail(t, err, problem.Timeout)
}
