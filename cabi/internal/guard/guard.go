// Package guard stands between C and everything that can panic: each export runs inside Call, each
// goroutine inside Go. A recovered panic becomes a NativeError and poisons the handles in use.
package guard

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
)

// Scope holds the handles that one operation uses. It belongs to one goroutine at a time.
type Scope struct {
	Table *handle.Table
	refs  [3]handle.Ref
	n     int
}

// Use acquires a handle for as long as the operation runs and returns its value.
//
// Errors: those of handle.Table.Acquire.
func Use[T any](s *Scope, h uint64, kind handle.Kind) (T, error) {
	var none T
	ref, err := s.Acquire(h, kind)
	if err != nil {
		return none, err
	}
	return ref.Value().(T), nil
}

// Acquire is Use without the type.
func (s *Scope) Acquire(h uint64, kind handle.Kind) (handle.Ref, error) {
	return s.keep(s.Table.Acquire(h, kind))
}

// AcquireDamaged is Acquire for what can be done with a poisoned object, too: saving its last good
// version, telling about it, closing it.
func (s *Scope) AcquireDamaged(h uint64, kind handle.Kind) (handle.Ref, error) {
	return s.keep(s.Table.AcquireDamaged(h, kind))
}

func (s *Scope) keep(ref handle.Ref, err error) (handle.Ref, error) {
	if err == nil {
		s.refs[s.n] = ref
		s.n++
	}
	return ref, err
}

// Release gives the handles up.
func (s *Scope) Release() {
	for i := range s.refs[:s.n] {
		s.refs[i].Release()
	}
	s.n = 0
}

// Move hands the handles over to another scope, for example a task's.
func (s *Scope) Move() Scope {
	to := *s
	s.n = 0
	return to
}

// Call runs f. A panic in f, a fault on foreign memory included, becomes a NativeError, and the
// handles of the scope are poisoned. The handles are released in every case.
func Call(table *handle.Table, op string, f func(*Scope) error) (err error) {
	s := Scope{Table: table}
	defer s.Release()
	return s.Run(op, func() error { return f(&s) })
}

// Run runs f like Call and keeps the handles.
func (s *Scope) Run(op string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case Refusal: // before anything was done
			err = r.error(op)
		case *arrowidx.Error: // of an interface that can return none, an allocator's
			err = r
		default:
			err = s.damaged(op, r)
		}
	}()
	if err = f(); err != nil {
		s.failed(err)
	}
	return err
}

// failed poisons the handles when the engine turned a panic on one of its own goroutines into err.
func (s *Scope) failed(err error) {
	var known *arrowidx.Error
	if errors.As(err, &known) && known.Kind == arrowidx.NativeError {
		s.poison(known.Msg)
	}
}

// Go starts a goroutine that runs f with the scope's handles, releases them and then calls done
// with f's error.
func (s Scope) Go(op string, f func() error, done func(error)) {
	go func() {
		err := s.Run(op, f)
		if lost := (&Scope{}).Run(op, func() error { s.Release(); return nil }); lost != nil {
			err = lost
		}
		done(err)
	}()
}

// Refusal is what code that reads arguments panics with where they are impossible: an error of the
// caller's, which poisons nothing.
type Refusal struct{ Msg string }

func (r Refusal) error(op string) error {
	return &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: op, Msg: r.Msg,
		Fix: "no memory holds so many", Row: -1, Column: -1}
}

// Reading runs f, which copies what a caller describes. A panic in it, a fault on memory that is
// not there included, is the description's fault: an InvalidArgument that poisons nothing.
func Reading(op, what string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch r := recover().(type) {
		case nil:
		case Refusal:
			err = r.error(op)
		default:
			err = &arrowidx.Error{Kind: arrowidx.InvalidArgument, Op: op, Row: -1, Column: -1,
				Msg: fmt.Sprintf("%s cannot be read (%v)", what, r),
				Fix: "give counts and memory that fit each other"}
		}
	}()
	return f()
}

func (s *Scope) damaged(op string, r any) error {
	s.poison(fmt.Sprintf("%s: %v", op, r))
	return &arrowidx.Error{
		Kind: arrowidx.NativeError, Op: op, Msg: fmt.Sprintf("internal error: %v", r),
		Fix: fmt.Sprintf("please report it with these lines:\n%s", debug.Stack()),
		Row: -1, Column: -1,
	}
}

// poison marks every handle in use as damaged. The first line of why says it all.
func (s *Scope) poison(why string) {
	why, _, _ = strings.Cut(why, "\n")
	for i := range s.refs[:s.n] {
		s.refs[i].Poison(why)
	}
}
