package web

import (
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// failure says what went wrong in a flight.
func (c *Client) failure(f *flight, err error) error {
	if f.life.Err() != nil {
		if e := c.ended(context.Cause(f.life)); e != nil {
			return e
		}
	}
	if c.life.Err() != nil {
		return c.ended(errClosed) // before the flight was told
	}
	if e := (*problem.Error)(nil); errors.As(err, &e) {
		return e
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "response headers exceeded"),
		strings.Contains(text, "header list larger"):
		return problem.New(problem.ResponseTooLarge, "the headers of the answer are longer than "+
			bytesText(c.options.Limits.Header), "").With("what", "headers").
			With("limit", c.options.Limits.Header).Because(err)
	case isTLS(err):
		return problem.New(problem.TLSFailed, "no safe connection: "+why(err),
			"check the agent's certificate, or give its root in the TLS configuration").Because(err)
	case isTimeout(err):
		limit := c.options.Timeouts.Connect
		if f.stage.Load() == greeting {
			limit = c.options.Timeouts.TLS
		}
		return late("connect", "no connection", limit).Because(err)
	case isDamage(err):
		return problem.New(problem.InvalidAgentResponse, "the answer cannot be read: "+why(err),
			"").Because(err)
	}
	return problem.New(problem.ConnectFailed, "no answer: "+why(err),
		"check that the agent runs there").Because(err)
}

// ended says why a flight was ended from here, nil where it was not.
func (c *Client) ended(cause error) error {
	t := c.options.Timeouts
	switch e := (*problem.Error)(nil); {
	case errors.Is(cause, errHeaders):
		return late("headers", "no answer", t.Header)
	case errors.Is(cause, errTotal):
		return late("total", "no end of the answer", t.Total)
	case errors.Is(cause, errIdle):
		return late("idle", "the stream was silent", t.Idle)
	case errors.Is(cause, errClosed):
		return problem.New(problem.Closed, "the client is closed", "make a new one")
	case errors.As(cause, &e):
		return e.Copy()
	case errors.Is(cause, context.DeadlineExceeded):
		return problem.New(problem.Timeout, "no answer within the time that the caller gave",
			"give more").With("stage", "total")
	case cause != nil:
		return problem.New(problem.Cancelled, "cancelled", "").Because(cause)
	}
	return nil
}

// late is the error of something that took too long.
func late(stage, what string, limit time.Duration) *problem.Error {
	return problem.New(problem.Timeout, fmt.Sprintf("%s within %v", what, limit),
		"give more time if the agent is slow").
		With("stage", stage).With("seconds", limit.Seconds())
}

// isTimeout tells whether an error says of itself that time ran out.
func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// isTLS tells whether the handshake failed for what certificates or versions are.
func isTLS(err error) bool {
	var (
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &unknown) || errors.As(err, &host) ||
		errors.Is(err, http.ErrSchemeMismatch) || strings.Contains(err.Error(), "tls: ")
}

// isDamage tells whether bytes came that are no HTTP, or no gzip where gzip was said.
func isDamage(err error) bool {
	var corrupt flate.CorruptInputError
	text := err.Error()
	return errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) ||
		errors.As(err, &corrupt) || strings.Contains(text, "malformed") ||
		strings.Contains(text, "invalid byte in chunk length") ||
		strings.Contains(text, "unsupported transfer encoding") ||
		strings.Contains(text, "unexpected HTTP") || strings.Contains(text, "Content-Length")
}

// why is the last cause of an error, where an answer to "what can be done" lies.
func why(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "the name " + problem.Said(dns.Name) + " is not known"
	}
	for {
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	return problem.Said(strings.TrimPrefix(err.Error(), "net/http: "))
}

// bytesText writes a limit.
func bytesText(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	if n >= 1<<10 && n%(1<<10) == 0 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
