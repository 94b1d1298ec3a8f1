// Package problem is how the client of agents tells what went wrong: one error type, with a code
// for each thing that callers may want to tell apart.
//
// Reading order: codes.go, the codes; problem.go, the error; text.go, how what a peer said is made
// fit to be shown.
package problem

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Error is what every exported function of the client returns when it fails. It never holds a
// credential: what goes into Msg, URL and Detail is made of addresses, names and what peers said,
// and nobody puts the header of a request there.
type Error struct {
	Code Code
	// Msg says what happened and Fix the way out; what a peer said in Msg went through Said.
	Msg, Fix string
	// Op is the operation, as callers name it: "connect", "send_task".
	Op string
	// URL is what was asked, without its query. TaskID is the task that the peer named, if any.
	URL, TaskID string
	// Attempts is how often it was asked, 0 where nothing was.
	Attempts int
	// Detail is what a code has beside its text, under the names of its row in codes.go; values are
	// strings, int64, float64, bool, []string, map[string]any and json.RawMessage.
	Detail map[string]any
	// Err is the cause, if there is one. Its text is not part of Error's: it may name addresses with
	// a query, or repeat what a peer sent.
	Err error
}

// New makes an error of a code.
func New(code Code, msg, fix string) *Error { return &Error{Code: code, Msg: msg, Fix: fix} }

// With returns the error with one more detail.
func (e *Error) With(name string, value any) *Error {
	if e.Detail == nil {
		e.Detail = map[string]any{}
	}
	e.Detail[name] = value
	return e
}

// Copy returns an error that the caller may add to: one that ends many operations, as the cause of
// a context does, is each one's own.
func (e *Error) Copy() *Error {
	c := *e
	c.Detail = maps.Clone(e.Detail)
	return &c
}

// Because returns the error with its cause.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// Error joins operation, message, place and fix into one sentence.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Msg)
	if e.URL != "" && !strings.Contains(e.Msg, e.URL) {
		b.WriteString(" (" + e.URL + ")")
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, ", asked %d times", e.Attempts)
	}
	if e.Fix != "" {
		b.WriteString("; " + e.Fix)
	}
	return b.String()
}

// Unwrap returns the error's kind, which is A2aError, or Cancelled, and its cause.
func (e *Error) Unwrap() []error {
	kind := fault.A2aError
	if e.Code == Cancelled {
		kind = fault.Cancelled
	}
	wrapped := []error{fault.New(kind, e.Op, e.Msg, e.Fix)}
	if e.Err != nil {
		wrapped = append(wrapped, e.Err)
	}
	return wrapped
}

// CodeOf returns the code of an error: None for nil, Internal for one that is not of this package.
func CodeOf(err error) Code {
	if err == nil {
		return None
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// Is reports whether an error has one of the codes.
func Is(err error, codes ...Code) bool {
	for _, code := range codes {
		if err != nil && CodeOf(err) == code {
			return true
		}
	}
	return false
}
