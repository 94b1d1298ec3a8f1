package fault

import "errors"

// Raise panics with an error, from code that has none to return because it almost never fails: what
// reads a row of a column, which may lie in a file. Caught, the loops of internal/mem and the doors
// of the C interface return it as the error that it is; it damages nothing. An error of another
// package becomes a PersistError.
func Raise(op string, err error) {
	var known *Error
	if !errors.As(err, &known) {
		known = New(PersistError, op, "a row cannot be read", "")
		known.Err = err
	}
	panic(known)
}

// Caught, deferred, sets err to an error that was raised; other panics go on.
func Caught(err *error) {
	switch r := recover().(type) {
	case nil:
	case *Error:
		*err = r
	default:
		panic(r)
	}
}
