package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// mostQuoted is how much of an answer goes into the detail of an error.
const mostQuoted = 4 << 10

// Refusal is the error of an answer whose status is no success and whose body says nothing more:
// Unauthenticated with its challenges, PermissionDenied, or HttpStatusError.
func (c *Client) Refusal(r *Response) *problem.Error {
	var e *problem.Error
	said := c.Scrub(string(r.Body[:min(len(r.Body), mostQuoted)]))
	switch r.Status {
	case http.StatusUnauthorized:
		e = problem.New(problem.Unauthenticated, "the agent wants to know who is asking", c.wanted()).
			With("challenges", c.challenges(r.Header))
	case http.StatusForbidden:
		e = problem.New(problem.PermissionDenied, "the agent refuses this caller",
			"ask its operator for the right, or give other credentials")
	default:
		e = problem.New(problem.HTTPStatus, fmt.Sprintf("the agent answered %d %s", r.Status,
			http.StatusText(r.Status)), fixOf(r.Status))
	}
	e.URL, e.Attempts = problem.Address(r.URL), r.Attempts
	e.With("status", int64(r.Status)).With("body", strings.ToValidUTF8(said, "\uFFFD"))
	if wait, ok := retryAfter(r.Header); ok {
		e.With("retry_after", wait.Seconds())
	}
	return e
}

// fixOf is what may help against a status.
func fixOf(status int) string {
	switch {
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return "check the address: the card may name another one"
	case status == http.StatusTooManyRequests:
		return "ask less often"
	case status >= 500:
		return "ask again later"
	}
	return ""
}

// challenges are the values of WWW-Authenticate, cut to what an error may hold.
func (c *Client) challenges(h http.Header) []string {
	var found []string
	for _, value := range h.Values("WWW-Authenticate") {
		if len(found) < 8 {
			found = append(found, problem.Said(c.Scrub(value)))
		}
	}
	return found
}

// ScrubJSON takes the caller's secrets out of JSON that an error quotes.
func (c *Client) ScrubJSON(data json.RawMessage) json.RawMessage {
	text := c.Scrub(string(data))
	if !json.Valid([]byte(text)) {
		return json.RawMessage("null")
	}
	return json.RawMessage(text)
}

// Clean returns an error of its own, without the caller's secrets in it: what ends one question may
// end others, and a peer may repeat what it was sent wherever an error quotes it.
func (c *Client) Clean(err error) error {
	if e := (*problem.Error)(nil); errors.As(err, &e) {
		return c.cleaned(e)
	}
	return err
}

func (c *Client) cleaned(e *problem.Error) *problem.Error {
	own := *e
	own.Msg, own.Fix = c.Scrub(e.Msg), c.Scrub(e.Fix)
	own.URL, own.TaskID = c.Scrub(e.URL), c.Scrub(e.TaskID)
	own.Detail = nil
	for name, value := range e.Detail {
		switch v := value.(type) {
		case string:
			value = c.Scrub(v)
		case []string:
			list := make([]string, len(v))
			for i, text := range v {
				list[i] = c.Scrub(text)
			}
			value = list
		case json.RawMessage:
			value = c.ScrubJSON(v)
		}
		own.With(name, value)
	}
	return &own
}
