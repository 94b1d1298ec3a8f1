// Package foreign is a store whose answers come from somebody outside: who asks the store waits,
// and whoever answers takes the questions one by one from Next, on threads of its own. Nothing of
// theirs is ever called from here.
//
// Reading order: question.go, backend.go (who asks), answer.go (who answers), rows.go (what a pull
// is answered with).
package foreign

import (
	"context"
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Op is what a question asks for.
type Op string

// What can be asked. Each has an answer of its own: Backend.AnswerNames, AnswerStamp, AnswerBundle,
// and AnswerRows or Begin; Fail answers all.
const (
	Names    Op = "collections" // the names of all collections
	Stamp    Op = "stamp"       // what a collection is now
	Pull     Op = "pull"        // its rows
	Describe Op = "bundle"      // what its bundle says
)

// Question is one call of a store. IDs are never used twice by one Backend.
type Question struct {
	ID         uint64 `json:"id"`
	Op         Op     `json:"op"`
	Collection string `json:"collection"`
}

// asked is a question that somebody waits for.
type asked struct {
	Question
	ctx    context.Context
	answer chan any // room for one; what is sent is *backend.Pulled, an error, ...
	floor  uint64   // a generation that the collection had before the question was asked
}

// Failure is what somebody outside said in place of an answer. Code is theirs: by it they find what
// they know of it beyond the text.
type Failure struct {
	Text string
	Code int32
}

// Error returns the text.
func (f *Failure) Error() string { return f.Text }

// failure makes the error of one question. Msg names the backend and the collection.
func (b *Backend) failure(kind fault.Kind, collection, msg, fix string) *fault.Error {
	return fault.New(kind, "", b.named(collection)+": "+msg, fix)
}

// named says which backend, and which collection of it, an error is about.
func (b *Backend) named(collection string) string {
	if collection == "" {
		return fmt.Sprintf("backend %q", b.id)
	}
	return fmt.Sprintf("backend %q, collection %q", b.id, collection)
}

func (b *Backend) closedError(collection string) error {
	return b.failure(fault.BackendError, collection, "the adapter is closed",
		"register it again")
}
