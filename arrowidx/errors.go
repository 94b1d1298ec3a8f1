package arrowidx

import (
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/fault"
)

// Error is what every exported function of this package returns when it fails: what happened
// (Msg), in which operation (Op), where (Row and Column, -1 when there is no such place), and the
// way out (Fix).
type Error = fault.Error

// ErrorKind classifies an error. The numbers are shared by Go, C and Python and are append-only.
type ErrorKind = fault.Kind

// The kinds of error.
const (
	OK                = fault.OK
	InvalidArgument   = fault.InvalidArgument
	DimensionMismatch = fault.DimensionMismatch
	InvalidVector     = fault.InvalidVector
	EmptyIndex        = fault.EmptyIndex
	IndexClosed       = fault.IndexClosed
	UnknownID         = fault.UnknownID
	DuplicateID       = fault.DuplicateID
	VectorsChanged    = fault.VectorsChanged
	ColumnError       = fault.ColumnError
	MetricError       = fault.MetricError
	PersistError      = fault.PersistError
	NotAnIndex        = fault.NotAnIndex
	FormatTooNew      = fault.FormatTooNew
	CorruptIndex      = fault.CorruptIndex
	LimitExceeded     = fault.LimitExceeded
	OutOfMemory       = fault.OutOfMemory
	Cancelled         = fault.Cancelled
	ForkedProcess     = fault.ForkedProcess
	NativeError       = fault.NativeError
	Poisoned          = fault.Poisoned
	VectorIndexError  = fault.VectorIndexError
	LakeError         = fault.LakeError
	BackendError      = fault.BackendError
	UnknownBackend    = fault.UnknownBackend
	UnknownCollection = fault.UnknownCollection
	WitnessMismatch   = fault.WitnessMismatch
	CacheMiss         = fault.CacheMiss
	EmbedError        = fault.EmbedError
	MissingExtra      = fault.MissingExtra
	A2aError          = fault.A2aError
	FileMissing       = fault.FileMissing
)

// KindOf returns the kind of err: OK for nil, Cancelled for a context's errors, NativeError for
// errors that are not of this package.
func KindOf(err error) ErrorKind {
	return fault.KindOf(err)
}

// WatchMemory makes every operation end with OutOfMemory at its next look at its context while the
// flag is not 0. Go ends a process that gets no memory; who can tell in time says so here.
func WatchMemory(flag *atomic.Uint32) {
	fault.WatchMemory(flag)
}
