package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// early is how long before its end a token is replaced.
const early = 10 * time.Second

// tokens are the tokens of one client at one issuer: one at a time, kept until shortly before it
// ends.
type tokens struct {
	config clientcredentials.Config
	client *http.Client
	turn   chan struct{} // one asks, others wait
	mu     sync.Mutex
	now    *oauth2.Token
}

// newTokens makes the tokens of a credential.
func newTokens(c *Client, of Credential) *tokens {
	return &tokens{
		config: clientcredentials.Config{ClientID: of.User, ClientSecret: of.Secret,
			TokenURL: of.TokenURL, Scopes: of.Scopes},
		client: &http.Client{Transport: issuer{c}, CheckRedirect: func(*http.Request,
			[]*http.Request) error {
			return http.ErrUseLastResponse
		}},
		turn: make(chan struct{}, 1),
	}
}

// kept returns the token that is still good, "" for none.
func (t *tokens) kept() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil || !t.now.Expiry.IsZero() && time.Until(t.now.Expiry) < early {
		return ""
	}
	return t.now.AccessToken
}

// drop forgets a token that an agent did not take, and tells whether it was the one kept.
func (t *tokens) drop(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil || t.now.AccessToken != token {
		return false
	}
	t.now = nil
	return true
}

// get returns a token, asking the issuer for one if none is kept.
func (t *tokens) get(ctx context.Context) (string, error) {
	if token := t.kept(); token != "" {
		return token, nil
	}
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if token := t.kept(); token != "" {
		return token, nil
	}
	token, err := t.config.Token(context.WithValue(ctx, oauth2.HTTPClient, t.client))
	if err != nil {
		return "", t.failure(ctx, err)
	}
	if plain("Authorization", token.AccessToken) != nil || !strings.EqualFold(token.Type(), "bearer") {
		return "", t.refusal("gave no bearer token")
	}
	t.mu.Lock()
	t.now = token
	t.mu.Unlock()
	return token.AccessToken, nil
}

// failure says why there is no token, and nothing of what was sent for it.
func (t *tokens) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e := (*problem.Error)(nil); errors.As(err, &e) {
		e.URL = problem.Address(t.config.TokenURL)
		return e
	}
	if e := (*oauth2.RetrieveError)(nil); errors.As(err, &e) && e.Response != nil {
		said := strings.TrimSpace(e.Response.Status + " " + e.ErrorCode)
		return t.refusal("answered " + strings.ReplaceAll(said, t.config.ClientSecret, "***"))
	}
	return t.refusal("answered nothing that is a token")
}

// refusal is the error of an issuer that gives no token.
func (t *tokens) refusal(what string) error {
	e := problem.New(problem.Unauthenticated, "the issuer of tokens "+problem.Said(what),
		"check client_id, client_secret, scopes and token_url")
	e.URL = problem.Address(t.config.TokenURL)
	return e
}

// issuer carries requests for tokens: within the same guards, on connections of its own.
type issuer struct{ c *Client }

// RoundTrip asks the issuer.
func (i issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	f := i.c.fly(r.Context())
	f.after(i.c.options.Timeouts.Total, errTotal)
	r = r.Clone(f.life)
	r.Header.Set("User-Agent", i.c.options.UserAgent)
	response, err := i.c.round(r, way{issuer: true})
	if err != nil {
		defer f.land()
		return nil, i.c.failure(f, err)
	}
	response.Body = landing{io.LimitReader(response.Body, i.c.options.Limits.Error), response.Body, f}
	return response, nil
}

// landing is a body whose flight ends when it is closed.
type landing struct {
	io.Reader
	body io.Closer
	f    *flight
}

// Close ends the flight.
func (l landing) Close() error {
	defer l.f.land()
	return l.body.Close()
}
