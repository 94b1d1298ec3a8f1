package lake

import (
	"errors"
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// refuse is an InvalidArgument whose message is formatted with the values.
func refuse(op, format, fix string, values ...any) error {
	return fault.New(fault.InvalidArgument, op, fmt.Sprintf(format, values...), fix)
}

// asked calls a backend, and makes an error of it, or a panic in it, say which collection it is of.
func asked(op string, k backend.Key, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(op, k, r)
		}
	}()
	if err := call(); err != nil {
		return failed(op, k, err)
	}
	return nil
}

// panicked is the error of a backend that panicked.
func panicked(op string, k backend.Key, value any) error {
	if err, ok := value.(error); ok {
		return failed(op, k, err)
	}
	return failed(op, k, fmt.Errorf("it panicked: %v", value))
}

// kept are the kinds that an error of a backend keeps; all others mean that the store failed.
var kept = map[fault.Kind]bool{
	fault.Cancelled: true, fault.UnknownCollection: true, fault.BackendError: true,
	fault.LimitExceeded: true, fault.OutOfMemory: true, fault.LakeError: true,
	fault.WitnessMismatch: true, fault.ForkedProcess: true, fault.Poisoned: true,
}

// failed is an error of a backend, with the collection it is of.
func failed(op string, k backend.Key, err error) error {
	name := k.String()
	if k.Collection == "" {
		name = k.Backend
	}
	kind := fault.KindOf(err)
	if kind == fault.Cancelled {
		return &fault.Error{Kind: kind, Op: op, Msg: name + ": its store did not answer in time",
			Row: -1, Column: -1, Err: err}
	}
	if !kept[kind] {
		kind = fault.BackendError
	}
	made := fault.Error{Kind: kind, Op: op, Msg: name + ": its store failed", Row: -1, Column: -1,
		Err: err}
	if known := (*fault.Error)(nil); errors.As(err, &known) {
		made.Row, made.Column = known.Row, known.Column
		if kind == known.Kind {
			made.Msg = name
		}
	}
	return &made
}

// located makes an error of an index say which collection it is of.
func located(k backend.Key, err error) error {
	known := (*fault.Error)(nil)
	if !errors.As(err, &known) {
		return err
	}
	own := *known
	own.Msg = k.String() + ": " + known.Msg
	return &own
}

// miss is the error of a search that only an entry can answer.
func miss(k backend.Key) error {
	return fault.New(fault.CacheMiss, "search",
		k.String()+" is not in the cache, and FROZEN pulls nothing",
		"prime it, warm it from a folder, or search with FRESH or EVENTUAL")
}
