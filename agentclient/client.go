package agentclient

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/bounds"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
	"github.com/ruvector/ruvector-arrow/fault"
)

// Client talks to one agent. Close it.
type Client struct {
	options Options
	number  uint64 // of all clients of the process
	web     *web.Client
	guard   *bounds.Guard
	life    context.Context
	end     context.CancelCauseFunc
	running sync.WaitGroup
	// cardURL is where the card came from, "" where the caller gave it.
	cardURL string
	// changing holds a value while somebody puts another session in the place of one.
	changing chan struct{}

	mu      sync.Mutex
	now     *session
	closed  bool
	streams map[*Stream]struct{}
}

var clients atomic.Uint64

// wellKnown is where a card is, below the address of an agent (RFC 8615).
const wellKnown = "/.well-known/agent-card.json"

// Connect finds the agent at an address: it gets the card, decides whether to believe it, and
// chooses the interface to speak to. Errors: CardNotFound, CardInvalid, CardSignatureInvalid,
// CardUntrusted, UnsupportedPeer, UntrustedOrigin, BlockedAddress, RedirectBlocked, InvalidArgument
// and those of the connection.
func Connect(ctx context.Context, rawURL string, o Options) (*Client, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, named(err, "connect")
	}
	if c.cardURL, err = cardAddress(rawURL, &o); err == nil {
		err = c.web.Own(c.cardURL)
	}
	if err == nil {
		_, err = c.refresh(ctx, false)
	}
	if err != nil {
		c.Close()
		return nil, named(err, "connect")
	}
	return c, nil
}

// FromCard makes a client of a card that the caller has. It is believed under the same rules; that
// no address vouches for it makes Endpoint, AllowedOrigins or a signature needed.
func FromCard(_ context.Context, data []byte, o Options) (*Client, error) {
	c, err := newClient(o)
	if err != nil {
		return nil, named(err, "from_card")
	}
	if _, err = c.adopt(append([]byte(nil), data...), ""); err != nil {
		c.Close()
		return nil, named(err, "from_card")
	}
	return c, nil
}

func newClient(o Options) (*Client, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	network, err := o.web()
	if err != nil {
		return nil, err
	}
	c := &Client{options: o, web: network, streams: map[*Stream]struct{}{}, number: clients.Add(1),
		changing: make(chan struct{}, 1)}
	c.life, c.end = context.WithCancelCause(context.Background())
	c.guard = &bounds.Guard{Gate: bounds.NewGate(), Ledger: o.Budget, Recursion: o.Recursion,
		Self: o.Self}
	if o.Endpoint != "" {
		if err := network.Own(o.Endpoint); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

// cardAddress is where the card of the agent at an address is: that address itself where it ends
// with ".json".
func cardAddress(rawURL string, o *Options) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return "", &problem.Error{Code: problem.InvalidArgument, URL: problem.Address(rawURL),
			Msg: "this is no address of an agent", Fix: `give one as "https://agent.example"`}
	}
	path := o.CardPath
	switch {
	case path == "" && strings.HasSuffix(u.Path, ".json"):
		return u.String(), nil
	case path == "" && o.Dialect == "rvagent-0.1":
		path = "/.well-known/agent.json"
	case path == "":
		path = wellKnown
	}
	if strings.Contains(path, "://") {
		return path, nil
	}
	return u.JoinPath(path).String(), nil
}

// Close ends the client's streams and requests, and gives its connections back. It returns when
// nothing of it runs any more, and so must not be called by OnReady; closing again does nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	var open []*Stream
	for s := range c.streams {
		open = append(open, s)
	}
	c.mu.Unlock()
	c.end(errClosed())
	for _, s := range open {
		_ = s.Close()
	}
	c.web.Close()
	c.running.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil {
		c.now.transport.Close()
	}
	return nil
}

func errClosed() error {
	return problem.New(problem.Closed, "the client is closed", "make another one")
}

// SetCredentials takes the place of all credentials given before. Requests under way keep theirs.
func (c *Client) SetCredentials(list []Credential) error {
	return named(c.web.SetCredentials(list), "set_credentials")
}

// change waits for its turn to put another session in place, and returns what ends the turn.
func (c *Client) change(ctx context.Context) (func(), error) {
	select {
	case c.changing <- struct{}{}:
		return func() { <-c.changing }, nil
	case <-ctx.Done():
		return nil, cancelled(ctx, "refresh_card")
	case <-c.life.Done():
		return nil, errClosed()
	}
}

// session returns what the client is connected to.
func (c *Client) session() (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, errClosed()
	}
	return c.now, nil
}

// spawn runs f beside the caller until the client's end. It is the one place where goroutines of
// this package begin; what panics there becomes the error that failed is told.
func (c *Client) spawn(f func() error, done func(error)) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed()
	}
	c.running.Add(1)
	c.mu.Unlock()
	go func() {
		defer c.running.Done()
		done(contained(f))
	}()
	return nil
}

// contained turns a panic of ours into an error.
func contained(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.New(fault.NativeError, "stream_task", "the client of agents panicked",
				"report this as a fault of ruvector")
		}
	}()
	return f()
}

// apart returns a context that ends with the client or after a time, and with nothing else.
func (c *Client) apart(most time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.life, most)
}

// named is named of an error in which an agent may have repeated the caller's secrets.
func (c *Client) named(err error, op string) error { return named(c.web.Clean(err), op) }

// named adds the operation to an error that has none; every error becomes one of package problem.
func named(err error, op string) error {
	if err == nil {
		return nil
	}
	e := (*problem.Error)(nil)
	if !errors.As(err, &e) {
		if fault.KindOf(err) == fault.NativeError {
			return err
		}
		return (&problem.Error{Code: problem.Internal, Op: op, Msg: "the operation failed"}).Because(err)
	}
	if e.Op == "" {
		e.Op = op
	}
	return err
}
