package web

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// Stream is an answer whose body comes in time. Its body is read by one goroutine at a time; Close
// may be called by any, and ends a Read.
type Stream struct {
	Status   int
	Header   http.Header
	URL      string
	Attempts int
	flight   *flight
	body     io.Reader
	raw      io.Closer
	most     int64
	total    time.Duration
}

// inflate returns what a body says, whatever it is packed in.
func inflate(response *http.Response, body io.Reader) (io.Reader, error) {
	packed := strings.ToLower(strings.TrimSpace(response.Header.Get("Content-Encoding")))
	switch packed {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return &unpacked{packed: body}, nil
	default:
		return nil, problem.New(problem.InvalidAgentResponse,
			"the answer is encoded as "+problem.Said(packed)+", which was not asked for",
			"the agent must answer in gzip or plainly")
	}
}

// unpacked reads gzip, and its header at the first read only: an answer may begin late.
type unpacked struct {
	packed io.Reader
	reader *gzip.Reader
}

// Read inflates.
func (u *unpacked) Read(p []byte) (int, error) {
	if u.reader == nil {
		reader, err := gzip.NewReader(bufio.NewReader(u.packed))
		if err != nil {
			return 0, err
		}
		u.reader = reader
	}
	return u.reader.Read(p)
}

// whole reads an answer of Do.
func (c *Client) whole(f *flight, response *http.Response, r *Request) (*Response, error) {
	defer response.Body.Close()
	body, err := inflate(response, response.Body)
	if err != nil {
		return nil, err
	}
	answer := &Response{Status: response.StatusCode, Header: response.Header, URL: r.URL}
	most := or(r.MaxBody, c.options.Limits.Body)
	answer.Body, answer.Cut, err = c.readAll(f, body, answer.Status, most)
	return answer, err
}

// readAll reads a body up to its cap: a longer success is an error, a longer failure is cut.
func (c *Client) readAll(f *flight, body io.Reader, status int, most int64) ([]byte, bool, error) {
	failed := status < 200 || status > 299
	if failed {
		most = min(most, c.options.Limits.Error)
	}
	data, err := io.ReadAll(io.LimitReader(body, most+1))
	switch {
	case int64(len(data)) > most && failed:
		return data[:most], true, nil
	case int64(len(data)) > most:
		return nil, false, problem.New(problem.ResponseTooLarge, "the answer is longer than "+
			bytesText(most), "raise the limit if the agent is right").
			With("what", "body").With("limit", most)
	case err != nil && failed && f.life.Err() == nil:
		return data, true, nil
	case err != nil:
		return nil, false, c.failure(f, err)
	}
	return data, false, nil
}

// streamOf makes the stream of an answer.
func (c *Client) streamOf(f *flight, response *http.Response, r *Request) (*Stream, error) {
	s := &Stream{Status: response.StatusCode, Header: response.Header, URL: r.URL, flight: f,
		raw: response.Body, most: or(r.MaxBody, c.options.Limits.Body),
		total: or(r.Total, c.options.Timeouts.Total)}
	var err error
	body := &watched{f: f, body: response.Body, idle: c.options.Timeouts.Idle}
	if s.body, err = inflate(response, body); err != nil {
		response.Body.Close()
		return nil, err
	}
	return s, nil
}

// watched ends a flight whose body is silent for too long while somebody reads. Who does not read
// holds the peer back, and is not told that it is silent.
type watched struct {
	f     *flight
	body  io.Reader
	idle  time.Duration
	timer *time.Timer
}

// Read waits for bytes, at most for the time of a silence.
func (w *watched) Read(p []byte) (int, error) {
	if w.timer == nil {
		w.timer = time.AfterFunc(w.idle, func() { w.f.cancel(errIdle) })
	} else {
		w.timer.Reset(w.idle)
	}
	n, err := w.body.Read(p)
	w.timer.Stop()
	return n, err
}

// Read reads what the peer sends. At a clean end it says io.EOF; any other error is of package
// problem: StreamInterrupted where the connection broke, A2aTimeout after a silence, Closed,
// Cancelled.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil && err != io.EOF {
		e := s.flight.c.Clean(s.flight.c.failure(s.flight, err))
		if problem.Is(e, problem.ConnectFailed) {
			e = problem.New(problem.StreamInterrupted, "the connection broke within the stream",
				"").Because(err)
		}
		return n, e
	}
	return n, err
}

// All reads the rest of the answer as Do would have: for streams that turn out to be none.
func (s *Stream) All() (*Response, error) {
	timer := time.AfterFunc(s.total, func() { s.flight.cancel(errTotal) })
	defer timer.Stop()
	body, cut, err := s.flight.c.readAll(s.flight, s.body, s.Status, s.most)
	if err != nil {
		return nil, err
	}
	return &Response{Status: s.Status, Header: s.Header, Body: body, URL: s.URL,
		Attempts: s.Attempts, Cut: cut}, nil
}

// Stop ends the stream for a reason: a Read that waits fails with what the reason is.
func (s *Stream) Stop(reason error) { s.flight.cancel(reason) }

// Close ends the stream. It may be called twice.
func (s *Stream) Close() error {
	s.flight.land()
	_ = s.raw.Close() // says at most that the flight has landed
	return nil
}
