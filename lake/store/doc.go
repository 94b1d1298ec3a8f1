// Package store has the stores of vectors that a lake reads by itself: in memory (Local), files of
// one folder (FS), and parquet files (Parquet). Each is a backend.Backend, safe for concurrent use.
//
// What a pull hands over is one state of a collection, whatever is changed meanwhile, and lies in
// memory that nobody writes to: an index may borrow it.
//
// Reading order: rows.go (streams and memory); local.go, pieces.go, changes.go, tidy.go; file.go
// (files that others may write to), fs.go, ruvec.go, rvx.go, fs_write.go; parquet.go,
// parquet_pull.go.
package store

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// op is what errors call the reading of a collection.
const op = "pull"

// unknown is the error of a collection that is not there, or of a name that none can have.
func unknown(id, collection string) error {
	if err := bundle.CheckName(collection); err != nil {
		return err
	}
	return fault.New(fault.UnknownCollection, op,
		fmt.Sprintf("backend %q has no collection %q", id, collection),
		"ask the backend for its collections")
}

// checkID refuses the name of a backend that could not be one of a collection either.
func checkID(id string) error {
	if err := bundle.CheckName(id); err != nil {
		return fault.New(fault.InvalidArgument, "backend",
			fmt.Sprintf("%q cannot be the name of a backend: %v", id, err), "choose another name")
	}
	return nil
}

// checkShape compares a collection with what a lake takes.
func checkShape(collection string, rows int64, f form) error {
	for _, l := range []struct {
		what        string
		have, limit int64
	}{
		{"dimensions", int64(f.dim), backend.MaxDim}, {"rows", rows, backend.MaxRows},
		{"bytes of vectors", rows * int64(f.width()), backend.MaxBytes},
	} {
		if l.have > l.limit {
			return fault.New(fault.LimitExceeded, op, fmt.Sprintf(
				"collection %q: %d %s, at most %d are taken", collection, l.have, l.what, l.limit),
				"split the collection")
		}
	}
	return nil
}
