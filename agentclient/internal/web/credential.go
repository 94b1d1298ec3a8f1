package web

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Kind is how a caller proves who it is.
type Kind string

// The kinds.
const (
	Bearer    Kind = "bearer"
	APIKey    Kind = "api_key"
	Basic     Kind = "basic"
	OAuth2    Kind = "oauth2" // client credentials, RFC 6749 section 4.4
	MutualTLS Kind = "mtls"
)

// Credential is one proof of who the caller is. It goes to the origins that the caller typed, or to
// Origins if there are any, and there only if the card demands a scheme that it fits, or Force is
// set. However it is printed, only its kind is seen.
type Credential struct {
	Kind Kind
	// Scheme is the card's name of the scheme that it is for, "" for any that it fits.
	Scheme  string
	Origins []string
	Force   bool
	// Secret is the token, the key, the password or the client's secret.
	Secret string
	// Token gives the token of a Bearer for each request, where Secret is "".
	Token func(context.Context) (string, error)
	// User is the user of Basic, or the client of OAuth2.
	User string
	// Name and Location ("header", "query", "cookie") of an APIKey; "" for what the card says.
	Name, Location string
	// TokenURL and Scopes of OAuth2. The card's own URL for tokens is never asked.
	TokenURL string
	Scopes   []string
	// Certificate and Key of MutualTLS, PEM.
	Certificate, Key []byte
}

// Format writes the kind, whatever is asked for.
func (c Credential) Format(w fmt.State, _ rune) {
	_, _ = io.WriteString(w, c.String()) // the printer keeps its own errors
}

// String returns the kind.
func (c Credential) String() string { return "credential(" + string(c.Kind) + ")" }

// MarshalText keeps what is secret out of every encoding.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Scheme is a way to prove oneself as a card declares it: Kind "apiKey", "http", "oauth2",
// "openIdConnect" or "mutualTLS"; Location and Name of a key; HTTPScheme "bearer" or "basic".
type Scheme struct{ Kind, Location, Name, HTTPScheme string }

// Demands are a card's schemes by name, and its requirements: every scheme of any one of them.
type Demands struct {
	Schemes map[string]Scheme
	Any     []map[string][]string
}

// keyring is what a client has to prove itself with.
type keyring struct {
	held        []*held
	demands     Demands
	certificate *tls.Certificate
	// secrets are what was sent or may be, to be taken out of what peers say.
	secrets []string
}

// held is a credential in use.
type held struct {
	Credential
	origins map[string]bool
	tokens  *tokens
}

// mostSecrets is how many secrets are remembered: tokens that a function gave come and go.
const mostSecrets = 64

// SetCredentials takes the place of all credentials given before. Requests under way keep theirs.
//
// Errors: InvalidArgument, which names what is wrong and never quotes a value.
func (c *Client) SetCredentials(list []Credential) error {
	var ring []*held
	var certificate *tls.Certificate
	for _, credential := range list {
		h := &held{Credential: credential, origins: map[string]bool{}}
		if err := credential.check(); err != nil {
			return err
		}
		for _, raw := range credential.Origins {
			at, err := Origin(raw)
			if err != nil {
				return err
			}
			h.origins[at] = true
		}
		switch credential.Kind {
		case OAuth2:
			if _, err := c.typed(credential.TokenURL); err != nil {
				return err
			}
			h.tokens = newTokens(c, credential)
		case MutualTLS:
			pair, err := tls.X509KeyPair(credential.Certificate, credential.Key)
			if err != nil {
				return bad("the certificate and the key of mutual TLS do not fit or cannot be read")
			}
			certificate = &pair
		}
		ring = append(ring, h)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys.held, c.keys.certificate = ring, certificate
	for _, h := range ring {
		c.remember(h.Secret, base64.StdEncoding.EncodeToString([]byte(h.User+":"+h.Secret)))
	}
	for w, t := range c.ways {
		if w.certified {
			t.CloseIdleConnections()
			delete(c.ways, w)
		}
	}
	return nil
}

// bad is the error of a credential that cannot be used.
func bad(what string) error { return problem.New(problem.InvalidArgument, what, "") }

// check tells what a credential lacks.
func (c Credential) check() error {
	for _, text := range []string{c.Secret, c.User, c.Name} {
		if err := plain("of a credential", text); err != nil {
			return err
		}
	}
	switch {
	case !slices.Contains([]Kind{Bearer, APIKey, Basic, OAuth2, MutualTLS}, c.Kind):
		return bad("a credential of an unknown kind")
	case c.Kind == Bearer && (c.Secret == "") == (c.Token == nil):
		return bad("a bearer needs a token, or a function that gives one")
	case c.Kind == APIKey && c.Secret == "":
		return bad("the API key is empty")
	case c.Kind == APIKey && c.Force && c.Name == "":
		return bad("an API key that is sent whatever the card says needs a name")
	case !slices.Contains([]string{"", "header", "query", "cookie"}, c.Location):
		return bad(`an API key goes into "header", "query" or "cookie"`)
	case c.Kind == Basic && (c.User == "" || strings.Contains(c.User, ":")):
		return bad("a user has at least one character and no colon")
	case c.Kind == OAuth2 && (c.User == "" || c.Secret == ""):
		return bad("OAuth2 needs the client's name and secret")
	}
	return nil
}

// Demand takes what the card wants to be proved.
func (c *Client) Demand(d Demands) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys.demands = d
}

// remember keeps secrets for Scrub. c.mu is held.
func (c *Client) remember(secrets ...string) {
	for _, secret := range secrets {
		if len(secret) < 4 || slices.Contains(c.keys.secrets, secret) {
			continue
		}
		c.keys.secrets = append(c.keys.secrets, secret)
		if escaped := url.QueryEscape(secret); escaped != secret {
			c.keys.secrets = append(c.keys.secrets, escaped)
		}
	}
	if over := len(c.keys.secrets) - mostSecrets; over > 0 {
		c.keys.secrets = slices.Delete(c.keys.secrets, 0, over)
	}
}

// Secret has texts taken out of errors like the caller's credentials: what an agent is told to send
// to others.
func (c *Client) Secret(texts ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remember(texts...)
}

// Scrub takes the caller's secrets out of a text: a peer may repeat what it was sent.
func (c *Client) Scrub(text string) string {
	c.mu.Lock()
	secrets := slices.Clone(c.keys.secrets)
	c.mu.Unlock()
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}
