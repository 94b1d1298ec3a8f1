package web

import (
	"crypto/tls"
	"time"
)

// Timeouts are how long things may take; 0 is the default of each.
type Timeouts struct {
	// Connect is for the name and the connection, TLS for the handshake, 10 s each.
	Connect, TLS time.Duration
	// Header is from the connection to the last header of the answer, 30 s.
	Header time.Duration
	// Total is one attempt of a request that is answered at once, 60 s. Streams have none.
	Total time.Duration
	// Idle is how long a stream may be silent while it is read, 90 s; any byte ends a silence.
	Idle time.Duration
}

// Limits are the most that is read of a peer, in bytes; 0 is the default of each.
type Limits struct {
	Body   int64 // an answer after inflation, 8 MiB
	Error  int64 // an answer that is no success, 64 KiB; the rest is left unread
	Header int64 // all headers of an answer, 64 KiB
}

// Options say whom a client may ask and how.
type Options struct {
	// AllowedOrigins are origins ("https://api.example:8443") that the caller trusts as much as the
	// address it connects to.
	AllowedOrigins []string
	// AllowPrivate lets names that the caller did not type resolve to private and loopback addresses.
	AllowPrivate bool
	// AllowLoopbackHTTP lets the caller type http addresses of this machine.
	AllowLoopbackHTTP bool
	// Proxy is "" for none, "env" for HTTPS_PROXY and its like, or the address of one. With a proxy
	// only the address as written is checked: what it resolves to is the proxy's to know.
	Proxy string
	// TLS is what connections begin with: roots, suites. It is copied; certificates of the caller
	// are a Credential.
	TLS *tls.Config
	// Pins are SHA-256 sums of public keys (SubjectPublicKeyInfo, base64), one of which must be in
	// every chain of certificates; none means that the roots decide.
	Pins      []string
	Timeouts  Timeouts
	Limits    Limits
	Retry     Retry
	UserAgent string
}

// or returns the first of two that is positive.
func or[T int | int64 | time.Duration](value, standard T) T {
	if value > 0 {
		return value
	}
	return standard
}

// filled returns the timeouts with their defaults.
func (t Timeouts) filled() Timeouts {
	return Timeouts{
		Connect: or(t.Connect, 10*time.Second), TLS: or(t.TLS, 10*time.Second),
		Header: or(t.Header, 30*time.Second), Total: or(t.Total, time.Minute),
		Idle: or(t.Idle, 90*time.Second),
	}
}

// filled returns the limits with their defaults.
func (l Limits) filled() Limits {
	return Limits{Body: or(l.Body, 8<<20), Error: or(l.Error, 64<<10), Header: or(l.Header, 64<<10)}
}
