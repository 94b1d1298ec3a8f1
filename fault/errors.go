// Package fault holds the kinds of error that Go, C and Python share, and the error that carries
// one. It imports nothing of ours, so that every layer can return its own errors as such.
//
// Reading order: errors.go; raise.go, errors that pass code which returns none; shortage.go, how
// memory that runs out becomes an error in time.
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Kind classifies an error. The numbers are shared by Go, C and Python and are append-only.
type Kind int32

// The kinds of error. Kinds from LakeError on belong to packages built on this one; they are
// listed here because the numbers are one list.
const (
	OK Kind = iota
	InvalidArgument
	DimensionMismatch
	InvalidVector
	EmptyIndex
	IndexClosed
	UnknownID
	DuplicateID
	VectorsChanged
	ColumnError
	MetricError
	PersistError
	NotAnIndex
	FormatTooNew
	CorruptIndex
	LimitExceeded
	OutOfMemory
	Cancelled
	ForkedProcess
	NativeError
	Poisoned
	VectorIndexError
	LakeError
	BackendError
	UnknownBackend
	UnknownCollection
	WitnessMismatch
	CacheMiss
	EmbedError
	MissingExtra
	A2aError
	FileMissing
)

var kindNames = [...]string{
	"OK", "InvalidArgument", "DimensionMismatch", "InvalidVector", "EmptyIndex", "IndexClosed",
	"UnknownId", "DuplicateId", "VectorsChanged", "ColumnError", "MetricError", "PersistError",
	"NotAnIndex", "FormatTooNew", "CorruptIndex", "LimitExceeded", "OutOfMemory", "Cancelled",
	"ForkedProcess", "NativeError", "Poisoned", "VectorIndexError", "LakeError", "BackendError",
	"UnknownBackend", "UnknownCollection", "WitnessMismatch", "CacheMissError", "EmbedError",
	"MissingExtra", "A2aError", "FileMissing",
}

// String returns the name that the kind has in every language.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("ErrorKind(%d)", int32(k))
	}
	return kindNames[k]
}

// Error is what every exported function of the engine returns when it fails: what happened
// (Msg), in which operation (Op), where (Row and Column, -1 when there is no such place), and the
// way out (Fix).
type Error struct {
	Kind   Kind
	Op     string
	Msg    string
	Fix    string
	Row    int64
	Column int64
	Err    error
}

// Error joins operation, message, cause and fix into one sentence.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	b.WriteString(e.Msg)
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.Fix != "" {
		b.WriteString("; ")
		b.WriteString(e.Fix)
	}
	return b.String()
}

// Unwrap returns the cause, if there is one.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err: OK for nil, Cancelled for a context's errors, NativeError for
// errors of other kinds.
func KindOf(err error) Kind {
	if err == nil {
		return OK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Cancelled
	}
	return NativeError
}

// New makes an error that belongs to no row or column.
func New(kind Kind, op, msg, fix string) *Error {
	return &Error{Kind: kind, Op: op, Msg: msg, Fix: fix, Row: -1, Column: -1}
}

// At makes an error of a row and a column, -1 where there is none.
func At(kind Kind, op string, row, column int64, msg, fix string) *Error {
	return &Error{Kind: kind, Op: op, Msg: msg, Fix: fix, Row: row, Column: column}
}

// Closed is the error of an operation on a closed index.
func Closed(op string) *Error {
	return New(IndexClosed, op, "the index is closed", "build or load it again")
}

// FromContext returns why an operation must end now: its context has ended, or memory is short (see
// WatchMemory). nil: go on.
func FromContext(ctx context.Context, op string) error {
	err := ctx.Err()
	if err == nil {
		return memoryShort(op)
	}
	return &Error{Kind: Cancelled, Op: op, Msg: "cancelled", Row: -1, Column: -1, Err: err}
}
