package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Request is one question. URL must be of an origin that the client trusts.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        []byte
	Accept      string
	// MaxBody is the most to read of the answer, 0 for the client's limit.
	MaxBody int64
	// Credentials asks for what proves the caller to be attached where it belongs.
	Credentials bool
	// Follow is how many redirects within the origin a GET follows: 0 for none.
	Follow int
	// Again says when the question may be asked again.
	Again Again
	// Total is the time of one attempt, 0 for the client's. Patient waits for headers and end as
	// long as the context lets it: for answers that come when work is done.
	Total   time.Duration
	Patient bool
}

// Response is a whole answer of any status. Cut tells that it was no success and longer than what
// is read of such.
type Response struct {
	Status   int
	Header   http.Header
	Body     []byte
	URL      string
	Attempts int
	Cut      bool
}

// flight is one attempt under way.
type flight struct {
	c      *Client
	cancel context.CancelCauseFunc
	life   context.Context
	// stops are undone when it ends; caller is that of the caller's context.
	stops   []func() bool
	caller  func() bool
	header  *time.Timer
	patient bool
	// stage is how far it came; from sent on the peer may have seen the question.
	stage atomic.Int32
	// tokens gave the token that was sent, nil for none.
	tokens *tokens
	token  string
}

// Stages of a flight.
const (
	connecting int32 = iota
	greeting         // the TLS handshake
	sent
)

// Reasons to end a flight.
var (
	errHeaders = errors.New("no headers in time")
	errTotal   = errors.New("no end in time")
	errIdle    = errors.New("silent for too long")
	errClosed  = errors.New("the client is closed")
)

// land ends a flight; what is still read of it fails.
func (f *flight) land() {
	for _, stop := range f.stops {
		stop()
	}
	f.cancel(errClosed)
}

// after ends the flight for a reason when the time has passed.
func (f *flight) after(d time.Duration, why error) {
	timer := time.AfterFunc(d, func() { f.cancel(why) })
	f.stops = append(f.stops, timer.Stop)
}

// fly makes a flight that ends with the caller's context and with the client.
func (c *Client) fly(ctx context.Context) *flight {
	f := &flight{c: c}
	f.life, f.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	f.caller = context.AfterFunc(ctx, func() { f.cancel(context.Cause(ctx)) })
	f.stops = append(f.stops, f.caller,
		context.AfterFunc(c.life, func() { f.cancel(errClosed) }))
	// What has ended already is not left to those, which run some time later: nothing must be sent.
	if c.life.Err() != nil {
		f.cancel(errClosed)
	}
	if ctx.Err() != nil {
		f.cancel(context.Cause(ctx))
	}
	return f
}

// trace keeps the stage, and starts the clock of the headers once there is a connection.
func (f *flight) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		TLSHandshakeStart: func() { f.stage.CompareAndSwap(connecting, greeting) },
		GotConn: func(httptrace.GotConnInfo) {
			f.stage.Store(sent)
			if !f.patient {
				f.header.Reset(f.c.options.Timeouts.Header)
			}
		},
	}
}

// Do asks and reads the whole answer, of whatever status; asking again as Again and the client's
// Retry say.
//
// Errors: ConnectFailed, TlsError, A2aTimeout, BlockedAddress, RedirectBlocked, UntrustedOrigin,
// ResponseTooLarge, InvalidAgentResponse (an encoding that was not asked for), InvalidArgument (a
// header with a line break), Cancelled, Closed.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	var answer *Response
	err := c.again(ctx, r, func() (verdict, error) {
		f, response, err := c.ask(ctx, &r, or(r.Total, c.options.Timeouts.Total))
		if err != nil {
			return f.verdict(nil), err
		}
		defer f.land()
		answer, err = c.whole(f, response, &r)
		if err != nil {
			return verdict{seen: true}, err
		}
		return f.verdict(response), nil
	})
	if err.final != nil {
		return nil, c.told(err, r.URL)
	}
	answer.Attempts = err.attempts
	return answer, nil
}

// Open asks and returns the answer with its body unread, to be closed. The context bounds the
// opening alone.
//
// Errors: those of Do.
func (c *Client) Open(ctx context.Context, r Request) (*Stream, error) {
	var stream *Stream
	err := c.again(ctx, r, func() (verdict, error) {
		if stream != nil {
			stream.Close()
			stream = nil
		}
		f, response, err := c.ask(ctx, &r, 0)
		if err != nil {
			return f.verdict(nil), err
		}
		stream, err = c.streamOf(f, response, &r)
		if err != nil {
			f.land()
			return verdict{seen: true}, err
		}
		return f.verdict(response), nil
	})
	if err.final != nil {
		if stream != nil {
			stream.Close()
		}
		return nil, c.told(err, r.URL)
	}
	stream.flight.caller()
	stream.Attempts = err.attempts
	return stream, nil
}

// ask sends a question once and follows redirects; on success the flight is the caller's to land.
// total of 0 is no bound.
func (c *Client) ask(ctx context.Context, r *Request, total time.Duration) (
	*flight, *http.Response, error) {
	f := c.fly(ctx)
	f.header = time.AfterFunc(time.Hour, func() { f.cancel(errHeaders) })
	f.header.Stop()
	f.stops = append(f.stops, f.header.Stop)
	if f.patient = r.Patient; total > 0 && !r.Patient {
		f.after(total, errTotal)
	}
	response, err := c.follow(f, r)
	f.header.Stop()
	if err != nil {
		f.land()
		return f, nil, err
	}
	return f, response, nil
}

// follow sends a question and the redirects that its answers ask for.
func (c *Client) follow(f *flight, r *Request) (*http.Response, error) {
	at, err := c.target(r.URL)
	if err != nil {
		return nil, err
	}
	for hop := 0; ; hop++ {
		response, err := c.once(f, r, at, r.Credentials && hop == 0)
		if err != nil || !redirects(response) {
			return response, err
		}
		response.Body.Close()
		to, err := c.next(r, at, response.Header.Get("Location"), hop)
		if err != nil {
			return nil, err
		}
		at = to
	}
}

// redirects tells whether an answer sends elsewhere.
func redirects(r *http.Response) bool {
	return r.StatusCode >= 300 && r.StatusCode < 400 && r.StatusCode != http.StatusNotModified
}

// next returns where a redirect leads, if it may be followed.
func (c *Client) next(r *Request, at *url.URL, location string, hop int) (*url.URL, error) {
	refuse := func(why string) error {
		to := problem.Address(location)
		e := problem.New(problem.RedirectBlocked, "the answer leads to "+to+": "+why,
			"if that is the right place, connect to it").With("to", to)
		e.URL = problem.Address(at.String())
		return e
	}
	if r.Method != http.MethodGet || r.Follow == 0 {
		return nil, refuse("no redirect is followed here")
	}
	if hop >= r.Follow {
		return nil, refuse("there were too many redirects before it")
	}
	to, err := at.Parse(location)
	if err != nil || location == "" {
		return nil, refuse("that is no address")
	}
	if _, wrong := read(to.String()); wrong != "" {
		return nil, refuse("that address " + wrong)
	}
	if origin(to) != origin(at) {
		return nil, refuse("that is another origin")
	}
	return to, nil
}

// once sends one request of HTTP.
func (c *Client) once(f *flight, r *Request, at *url.URL, prove bool) (*http.Response, error) {
	ctx := httptrace.WithClientTrace(f.life, f.trace())
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	h, err := http.NewRequestWithContext(ctx, r.Method, at.String(), body)
	if err != nil {
		return nil, problem.New(problem.InvalidArgument, "the request cannot be written", "")
	}
	for name, values := range r.Header {
		for _, value := range values {
			if err := plain(name, value); err != nil {
				return nil, err
			}
			h.Header.Add(name, value)
		}
	}
	h.Header.Set("User-Agent", c.options.UserAgent)
	if r.Accept != "" {
		h.Header.Set("Accept", r.Accept)
	}
	h.Header.Set("Accept-Encoding", "gzip")
	if strings.Contains(r.Accept, "event-stream") {
		h.Header.Set("Accept-Encoding", "identity")
	}
	w := way{}
	if prove {
		if w, err = c.attach(f, h, at); err != nil {
			return nil, c.failure(f, err)
		}
	}
	response, err := c.round(h, w)
	if err != nil {
		return nil, c.failure(f, err)
	}
	return response, nil
}

// plain refuses what would end a line of a header.
func plain(name, value string) error {
	for _, r := range value {
		if r < ' ' && r != '\t' || r == 0x7f {
			return problem.New(problem.InvalidArgument,
				"the header "+problem.Said(name)+" has a control character", "take it out")
		}
	}
	return nil
}
