package web

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Client asks agents. Its methods may be called from any goroutine.
type Client struct {
	options Options
	proxy   func(*url.URL) (*url.URL, error)
	life    context.Context
	end     context.CancelFunc
	// resolver and sleep are set by tests only.
	resolver *net.Resolver
	sleep    func(context.Context, time.Duration) error

	mu      sync.Mutex
	own     map[string]bool   // origins that the caller typed
	vouched map[string]bool   // origins of verified cards
	doors   map[string]*place // hosts with their ports that the caller typed
	ways    map[way]*http.Transport
	keys    keyring

	// conns are all that are open. They have a lock of their own, because giving idle connections
	// back, which is done under mu, closes them.
	connMu sync.Mutex
	conns  map[*conn]struct{}
}

// place is where a host that the caller typed was found to be when it first answered. A name that
// leads elsewhere later was bound anew by somebody.
type place struct {
	settled bool
	reach   reach
}

// way tells apart connections that must not be shared.
type way struct {
	proxied   bool
	certified bool // with the caller's certificate
	issuer    bool // to who issues tokens: no pins
}

// New returns a client that knows no address yet: Own gives it the caller's.
func New(o Options) (*Client, error) {
	o.Timeouts, o.Limits, o.Retry = o.Timeouts.filled(), o.Limits.filled(), o.Retry.filled()
	if o.UserAgent == "" {
		o.UserAgent = "ruvector"
	}
	if o.TLS != nil && o.TLS.InsecureSkipVerify {
		return nil, problem.New(problem.InvalidArgument,
			"the TLS configuration takes every certificate", "give the agent's root in RootCAs")
	}
	for _, pin := range o.Pins {
		if sum, err := base64.StdEncoding.DecodeString(pin); err != nil || len(sum) != sha256.Size {
			return nil, problem.New(problem.InvalidArgument, "a pin is no SHA-256 sum in base64",
				"give 44 characters")
		}
	}
	if err := plain("user_agent", o.UserAgent); err != nil {
		return nil, err
	}
	c := &Client{options: o, sleep: sleep, own: map[string]bool{}, vouched: map[string]bool{},
		doors: map[string]*place{}, ways: map[way]*http.Transport{}, conns: map[*conn]struct{}{}}
	var err error
	if c.proxy, err = proxyOf(o.Proxy); err != nil {
		return nil, err
	}
	c.life, c.end = context.WithCancel(context.Background())
	for _, raw := range o.AllowedOrigins {
		if err := c.Own(raw); err != nil {
			c.end()
			return nil, err
		}
	}
	return c, nil
}

// Close ends what is under way and closes all connections. It may be called twice.
func (c *Client) Close() {
	c.end()
	c.mu.Lock()
	for _, t := range c.ways {
		t.CloseIdleConnections()
	}
	c.mu.Unlock()
	c.connMu.Lock()
	open := slices.Collect(maps.Keys(c.conns))
	c.connMu.Unlock()
	for _, one := range open {
		_ = one.Close() // nothing is to be said on it any more
	}
}

// conn is a connection that its client can close: HTTP/2 keeps one whose last stream has just ended
// for its next, and would for a minute after the client is gone.
type conn struct {
	net.Conn
	client *Client
}

// Close closes the connection.
func (o *conn) Close() error {
	o.client.connMu.Lock()
	delete(o.client.conns, o)
	o.client.connMu.Unlock()
	return o.Conn.Close()
}

// keep has a new connection closed with the client.
func (c *Client) keep(made net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	one := &conn{made, c}
	c.connMu.Lock()
	defer c.connMu.Unlock()
	if c.life.Err() != nil {
		_ = made.Close()
		return nil, c.ended(errClosed)
	}
	c.conns[one] = struct{}{}
	return one, nil
}

// proxyOf returns what names the proxy of an address, nil for no proxy at all.
func proxyOf(setting string) (func(*url.URL) (*url.URL, error), error) {
	switch setting {
	case "":
		return nil, nil
	case "env":
		return func(u *url.URL) (*url.URL, error) {
			return http.ProxyFromEnvironment(&http.Request{URL: u})
		}, nil
	}
	u, err := url.Parse(setting)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, problem.New(problem.InvalidArgument, "the proxy is no address of http or https",
			`give "http://host:port", "env", or nothing`)
	}
	return func(*url.URL) (*url.URL, error) { return u, nil }, nil
}

// round sends one request on the connections that are fit for it.
func (c *Client) round(r *http.Request, w way) (*http.Response, error) {
	if c.proxy != nil {
		proxy, err := c.proxy(r.URL)
		if err != nil { // its text has the proxy's address, with a password perhaps
			return nil, problem.New(problem.InvalidArgument,
				"the address of the proxy in the environment cannot be read", "mend HTTPS_PROXY")
		}
		if w.proxied = proxy != nil; w.proxied {
			if err := c.checkWritten(doorOf(r.URL)); err != nil {
				return nil, err
			}
		}
	}
	return c.transport(w).RoundTrip(r)
}

// transport returns the connections of a way, made at first use.
func (c *Client) transport(w way) *http.Transport {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.ways[w]; t != nil {
		return t
	}
	o := c.options
	t := &http.Transport{
		DialContext: c.dial, TLSClientConfig: c.tlsOf(w), TLSHandshakeTimeout: o.Timeouts.TLS,
		ForceAttemptHTTP2: true, DisableCompression: true, MaxIdleConns: 16,
		IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: o.Limits.Header,
	}
	if w.proxied {
		dialer := &net.Dialer{Timeout: o.Timeouts.Connect, Resolver: c.resolver}
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			return c.keep(dialer.DialContext(ctx, network, address))
		}
		t.Proxy = func(r *http.Request) (*url.URL, error) { return c.proxy(r.URL) }
	}
	c.ways[w] = t
	return t
}

// tlsOf makes the configuration of a way's connections. c.mu is held.
func (c *Client) tlsOf(w way) *tls.Config {
	conf := &tls.Config{}
	if c.options.TLS != nil {
		conf = c.options.TLS.Clone()
	}
	// Certificates are credentials, and go where these may go.
	conf.Certificates, conf.GetClientCertificate = nil, nil
	conf.MinVersion = max(conf.MinVersion, tls.VersionTLS12)
	if w.certified && c.keys.certificate != nil {
		conf.Certificates = []tls.Certificate{*c.keys.certificate}
	}
	if len(c.options.Pins) > 0 && !w.issuer {
		inner := conf.VerifyConnection
		conf.VerifyConnection = func(state tls.ConnectionState) error {
			if inner != nil {
				if err := inner(state); err != nil {
					return err
				}
			}
			return c.checkPins(state)
		}
	}
	return conf
}

// checkPins looks for a pinned key in the chains that verified.
func (c *Client) checkPins(state tls.ConnectionState) error {
	for _, chain := range state.VerifiedChains {
		for _, certificate := range chain {
			sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
			if slices.Contains(c.options.Pins, base64.StdEncoding.EncodeToString(sum[:])) {
				return nil
			}
		}
	}
	return problem.New(problem.TLSFailed, "no certificate of the agent has a pinned key",
		"ask its operator whether the keys changed")
}

// dial connects to a host, at addresses that allowed lets through when they are known.
func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.options.Timeouts.Connect, Resolver: c.resolver,
		Control: func(_, resolved string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return blocked(host, resolved)
			}
			return c.allowed(address, at.Addr())
		}}
	made, err := dialer.DialContext(ctx, network, address)
	if err == nil {
		c.settle(address, made.RemoteAddr())
	}
	return c.keep(made, err)
}

// allowed tells whether an address may be dialled for a host.
func (c *Client) allowed(door string, ip netip.Addr) error {
	host, _, _ := net.SplitHostPort(door) // what is no door was never typed
	at := reachOf(ip)
	if at == public || c.options.AllowPrivate && at != special {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	typed := c.doors[strings.ToLower(door)]
	_, err := netip.ParseAddr(host)
	literal := err == nil
	switch {
	case typed == nil:
	case literal, at == loopback && isLocal(host):
		return nil
	case at != special && (!typed.settled || typed.reach == at):
		return nil
	}
	return blocked(host, ip.String())
}

// settle remembers where a typed host was found.
func (c *Client) settle(door string, remote net.Addr) {
	at, err := netip.ParseAddrPort(remote.String())
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if typed := c.doors[strings.ToLower(door)]; typed != nil && !typed.settled {
		typed.settled, typed.reach = true, reachOf(at.Addr())
	}
}

// checkWritten judges a host by what is written, for requests whose names a proxy resolves.
func (c *Client) checkWritten(door string) error {
	host, _, _ := net.SplitHostPort(door)
	if ip, err := netip.ParseAddr(host); err == nil {
		return c.allowed(door, ip)
	}
	if isLocal(host) {
		return c.allowed(door, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return nil
}

// blocked is the error of an address that must not be dialled.
func blocked(host, address string) error {
	return problem.New(problem.BlockedAddress, problem.Said(host)+" leads to "+
		problem.Said(address)+", which is no public address",
		"connect to that address by its own name, or set allow_private=True").
		With("address", problem.Said(address))
}
