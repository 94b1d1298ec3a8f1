package agents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// options are how a client is made. What is absent has its default.
type options struct {
	URL            string          `json:"url"`
	Card           []byte          `json:"card"`
	Trust          json.RawMessage `json:"trust"`
	StrictVerify   *bool           `json:"strict_verify"`
	Auth           []credential    `json:"auth"`
	Policy         *policy         `json:"policy"`
	Recursion      *recursion      `json:"recursion"`
	Context        json.RawMessage `json:"context"`
	Identity       *identity       `json:"identity"`
	Extensions     []string        `json:"extensions"`
	Versions       []string        `json:"versions"`
	Bindings       []string        `json:"bindings"`
	Fallback       bool            `json:"fallback"`
	Dialect        string          `json:"dialect"`
	Endpoint       string          `json:"endpoint"`
	CardPath       string          `json:"card_path"`
	Timeouts       *timeouts       `json:"timeouts"`
	Limits         *limits         `json:"limits"`
	Retry          *retry          `json:"retry"`
	Network        *network        `json:"network"`
	CancelsOnAbort bool            `json:"cancel_remote_on_abort"`
}

// credential is one of the client's. Changes tells that others will take the place of its secret.
type credential struct {
	Kind        string   `json:"kind"`
	Scheme      string   `json:"scheme"`
	Origins     []string `json:"origins"`
	Force       bool     `json:"force"`
	Changes     bool     `json:"changes"`
	Secret      string   `json:"secret"`
	User        string   `json:"user"`
	Name        string   `json:"name"`
	Location    string   `json:"location"`
	TokenURL    string   `json:"token_url"`
	Scopes      []string `json:"scopes"`
	Certificate string   `json:"certificate"`
	Key         string   `json:"key"`
}

type identity struct {
	AgentID string `json:"agent_id"`
}

// timeouts are in seconds, 0 for none.
type timeouts struct {
	Connect float64 `json:"connect"`
	TLS     float64 `json:"tls"`
	Headers float64 `json:"headers"`
	Total   float64 `json:"total"`
	Card    float64 `json:"card"`
	Idle    float64 `json:"idle"`
}

type limits struct {
	Answer int64 `json:"answer"`
	Error  int64 `json:"error"`
	Header int64 `json:"header"`
	Event  int   `json:"event"`
	Task   int   `json:"task"`
}

// retry is in seconds.
type retry struct {
	Retries        int     `json:"retries"`
	FirstWait      float64 `json:"first_wait"`
	LongestWait    float64 `json:"longest_wait"`
	LongestAfter   float64 `json:"longest_retry_after"`
	Send           string  `json:"send"`
	ResumeAttempts int     `json:"resume_attempts"`
	ResumeFor      float64 `json:"resume_for"`
}

type network struct {
	AllowedOrigins    []string `json:"allowed_origins"`
	AllowLoopbackHTTP bool     `json:"allow_loopback_http"`
	AllowPrivate      bool     `json:"allow_private"`
	Proxy             string   `json:"proxy"`
}

// forever stands for no limit, which nothing reaches.
const forever = 365 * 24 * time.Hour

// read reads a request of ours, whose keys are all known.
func read(request []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(request))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, rest := d.Token(); rest != io.EOF {
			err = errors.New("something follows the request")
		}
	}
	if err != nil {
		return problem.New(problem.InvalidArgument,
			"the request cannot be read: "+problem.Said(err.Error()), "")
	}
	return nil
}

// seconds reads a time; 0 is no limit.
func seconds(s float64) time.Duration {
	if s <= 0 || s >= forever.Seconds() {
		return forever
	}
	return max(time.Duration(s*float64(time.Second)), 1)
}

// tokens are those of credentials that change while a client is used, by their places.
type tokens []*atomic.Pointer[string]

// set changes a token: requests from now on show it.
func (t tokens) set(at int, token string) error {
	if at < 0 || at >= len(t) {
		return problem.New(problem.InvalidArgument, fmt.Sprintf("there is no credential %d", at), "")
	}
	t[at].Store(&token)
	return nil
}

// credentials makes the client's of ours. Tokens that change are looked up for each request.
func credentials(given []credential) (made []agentclient.Credential, held tokens) {
	for _, c := range given {
		one := agentclient.Credential{Scheme: c.Scheme, Origins: c.Origins, Force: c.Force,
			Secret: c.Secret, User: c.User, Name: c.Name, Location: c.Location,
			TokenURL: c.TokenURL, Scopes: c.Scopes, Certificate: []byte(c.Certificate),
			Key: []byte(c.Key)}
		one.Kind = agentclient.CredentialKind(c.Kind)
		token := &atomic.Pointer[string]{}
		token.Store(&c.Secret)
		if c.Changes {
			one.Secret = ""
			one.Token = func(context.Context) (string, error) { return *token.Load(), nil }
		}
		made, held = append(made, one), append(held, token)
	}
	return made, held
}

// client makes the client's options.
func (o *options) client(budget *Budget) (made agentclient.Options, held tokens, err error) {
	made = agentclient.Options{Versions: o.Versions, Bindings: o.Bindings, Fallback: o.Fallback,
		Dialect: o.Dialect, Endpoint: o.Endpoint, CardPath: o.CardPath, Extensions: o.Extensions,
		Policy: o.Policy.policy(), Recursion: o.Recursion.policy()}
	made.Auth, held = credentials(o.Auth)
	if budget != nil {
		made.Budget = budget.ledger
	}
	if o.Identity != nil {
		made.Self = o.Identity.AgentID
	}
	if made.Context, err = lineage(o.Context); err != nil {
		return made, nil, err
	}
	o.setNetwork(&made)
	return made, held, o.setTrust(&made)
}

func (o *options) setNetwork(made *agentclient.Options) {
	if n := o.Network; n != nil {
		made.AllowedOrigins, made.AllowPrivate = n.AllowedOrigins, n.AllowPrivate
		made.AllowLoopbackHTTP, made.Proxy = n.AllowLoopbackHTTP, n.Proxy
	}
	if t := o.Timeouts; t != nil {
		made.Timeouts = agentclient.Timeouts{Connect: seconds(t.Connect), TLS: seconds(t.TLS),
			Header: seconds(t.Headers), Total: seconds(t.Total), Card: seconds(t.Card),
			Idle: seconds(t.Idle)}
	}
	if l := o.Limits; l != nil {
		made.Limits = agentclient.Limits{Body: l.Answer, Error: l.Error, Header: l.Header,
			Event: l.Event, Task: l.Task}
	}
	if r := o.Retry; r != nil {
		made.Retry = agentclient.Retry{Max: r.Retries, Base: seconds(r.FirstWait),
			Most: seconds(r.LongestWait), MostAfter: seconds(r.LongestAfter), Send: r.Send}
		if r.Retries == 0 {
			made.Retry.Max = -1
		}
		made.Resume = agentclient.Resume{Off: r.ResumeAttempts == 0, Attempts: r.ResumeAttempts,
			For: seconds(r.ResumeFor)}
	}
}

// setTrust reads who must have signed the card.
func (o *options) setTrust(made *agentclient.Options) (err error) {
	text := o.Trust
	if len(text) == 0 || string(text) == "null" || o.StrictVerify != nil && !*o.StrictVerify {
		text = json.RawMessage(`{"kind":"tls"}`)
	}
	if o.StrictVerify != nil && *o.StrictVerify {
		text = object("kind", "require", "all", json.RawMessage(list([][]byte{text})))
	}
	made.Trust, err = agentclient.ParseTrust(text)
	return err
}
