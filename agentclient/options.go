package agentclient

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/bounds"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/card"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/ext"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// What other packages of the client define, under the names that callers use.
type (
	// CredentialKind is "bearer", "api_key", "basic", "oauth2" or "mtls".
	CredentialKind = web.Kind
	// Credential is one proof of who the caller is.
	Credential = web.Credential
	// Retry says how often and when to ask again.
	Retry = web.Retry
	// TaskPolicy is what one task may cost.
	TaskPolicy = bounds.TaskPolicy
	// Estimate is what a caller expects that a task takes.
	Estimate = bounds.Estimate
	// Usage is what an agent says that a task has taken.
	Usage = bounds.Usage
	// Ledger is a budget that clients share, Caps what it has for a minute.
	Ledger = bounds.Ledger
	// Caps are what a budget has for a minute.
	Caps = bounds.Caps
	// RecursionPolicy is how deep agents may call agents.
	RecursionPolicy = bounds.RecursionPolicy
	// TaskContext is how a task came to be.
	TaskContext = bounds.TaskContext
)

// NewLedger makes a budget to be shared by clients.
func NewLedger(caps Caps) (*Ledger, error) { return bounds.NewLedger(caps, nil) }

// ParseContext reads the context that came with a request, from the metadata of its message.
func ParseContext(metadata []byte) (TaskContext, error) { return bounds.ParseContext(metadata) }

// Timeouts are how long things may take; 0 is the default of each. Streams have no total.
type Timeouts struct {
	Connect, TLS time.Duration // 10 s each
	Header       time.Duration // from the connection to the last header of an answer, 30 s
	Total        time.Duration // one attempt of a request that is answered at once, 60 s
	Card         time.Duration // one attempt to get a card, 15 s
	Idle         time.Duration // silence of a stream while it is read, 90 s
}

// Limits are the most that is read of an agent, in bytes; 0 is the default of each.
type Limits struct {
	Body   int64 // an answer after inflation, 8 MiB
	Error  int64 // an answer that is no success, 64 KiB
	Header int64 // all headers of an answer, 64 KiB
	Event  int   // one event of a stream, 4 MiB
	Task   int   // the merged task of a stream, 256 MiB
}

// Options are what a client is made with. The zero value trusts whoever has the certificate of
// the address, sends no credentials, and has no limits but those of Limits and Timeouts.
type Options struct {
	// Trust says which cards are believed; the zero value is any that came over TLS.
	Trust TrustPolicy
	// Auth are the caller's proofs; each goes only where it belongs.
	Auth []Credential
	// Versions and Bindings are what may be spoken, best first; nil is {"1.0", "0.3"} and
	// {"JSONRPC", "HTTP+JSON"}.
	Versions, Bindings []string
	// Fallback has another version tried where the agent does not know what its card says it does.
	Fallback bool
	// Dialect is "" or "a2a", or "rvagent-0.1" for an agent of RuVector's Rust crates, which is
	// never guessed.
	Dialect string
	// Endpoint is asked instead of the address in the card. CardPath is where the card is, instead
	// of ".well-known/agent-card.json" below the address.
	Endpoint, CardPath string
	// AllowedOrigins, AllowPrivate and AllowLoopbackHTTP widen whom the client may ask; Proxy is
	// "env" or an address, TLS what connections begin with, Pins are public keys of servers.
	AllowedOrigins                  []string
	AllowPrivate, AllowLoopbackHTTP bool
	Proxy                           string
	TLS                             *tls.Config
	Pins                            []string
	Timeouts                        Timeouts
	Limits                          Limits
	Retry                           Retry
	Resume                          Resume
	// Extensions are the URIs of extensions that the caller speaks.
	Extensions []string
	// Policy holds for tasks that bring none of their own.
	Policy    *TaskPolicy
	Budget    *Ledger
	Recursion RecursionPolicy
	// Context is that of the task which the caller handles itself, for tasks that bring none; Self
	// is the caller's own agent_id.
	Context   *TaskContext
	Self      string
	UserAgent string
	// Logger gets warnings; nil drops them.
	Logger *slog.Logger
}

// ways are the versions and bindings to speak.
func (o *Options) ways() (versions, bindings []string) {
	if o.Dialect == card.VersionLegacy {
		return []string{card.VersionLegacy}, []string{card.JSONRPC}
	}
	if versions = o.Versions; versions == nil {
		versions = []string{card.Version10, card.Version03}
	}
	if bindings = o.Bindings; bindings == nil {
		bindings = []string{card.JSONRPC, card.REST}
	}
	return versions, bindings
}

// check reports options that mean nothing, before anything is asked.
func (o *Options) check() error {
	bad := func(field, value, possible string) error {
		return problem.New(problem.InvalidArgument,
			fmt.Sprintf("%s is %q", field, problem.Said(value)), "possible are "+possible)
	}
	versions, bindings := o.ways()
	known := []string{card.Version10, card.Version03, card.VersionLegacy}
	for _, version := range versions {
		if !slices.Contains(known, version) {
			return bad("versions", version, `"1.0" and "0.3"`)
		}
	}
	for _, binding := range bindings {
		if binding != card.JSONRPC && binding != card.REST {
			return bad("bindings", binding, `"JSONRPC" and "HTTP+JSON"`)
		}
	}
	if len(versions) == 0 || len(bindings) == 0 {
		return problem.New(problem.InvalidArgument, "there is no version or no binding to speak",
			"leave versions and bindings out, or name at least one of each")
	}
	if o.Dialect != "" && o.Dialect != "a2a" && o.Dialect != card.VersionLegacy {
		return bad("dialect", o.Dialect, `"a2a" and "rvagent-0.1"`)
	}
	if _, err := ext.HeaderValue(o.Extensions); err != nil {
		return err
	}
	if o.Policy != nil {
		if err := o.Policy.Check(); err != nil {
			return err
		}
	}
	if o.Self != "" && bounds.Agent(o.Self) == "" {
		return bad("self", o.Self, "an agent_id of 64 hex digits, and an address of https")
	}
	return o.Recursion.Check()
}

// web makes the client of the network.
func (o *Options) web() (*web.Client, error) {
	c, err := web.New(web.Options{AllowedOrigins: o.AllowedOrigins, AllowPrivate: o.AllowPrivate,
		AllowLoopbackHTTP: o.AllowLoopbackHTTP, Proxy: o.Proxy, TLS: o.TLS, Pins: o.Pins,
		Timeouts: web.Timeouts{Connect: o.Timeouts.Connect, TLS: o.Timeouts.TLS,
			Header: o.Timeouts.Header, Total: o.Timeouts.Total, Idle: o.Timeouts.Idle},
		Limits: web.Limits{Body: o.Limits.Body, Error: o.Limits.Error, Header: o.Limits.Header},
		Retry:  o.Retry, UserAgent: o.UserAgent})
	if err != nil {
		return nil, err
	}
	if err := c.SetCredentials(o.Auth); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
