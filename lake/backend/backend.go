// Package backend says what a lake needs of a store of vectors, and checks what stores hand over.
//
// Stores are in package store (ours) and package foreign (those of other languages). A store that
// passes the checks of package laketest keeps what a lake relies on.
package backend

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// Key names a collection of a lake.
type Key struct{ Backend, Collection string }

// String returns "backend/collection".
func (k Key) String() string { return k.Backend + "/" + k.Collection }

// Stamp is what a collection is at one moment, as far as its store tells without reading vectors.
// Equal stamps of one collection mean equal ids and vectors.
type Stamp struct {
	DataRef    string // the same for every backend that reads the same data
	Dim        int    // 0: not known before a pull
	Generation bundle.Generation
}

// Pulled is a collection's rows of one generation.
//
// Rows are record batches of "id" (int64, uint64, string or large_string) and "vector" (what
// arrowidx.NewColumn takes). Owned says that nobody will write to their memory while they are
// retained, so that an index may borrow it; else the vectors are copied.
type Pulled struct {
	Rows       array.RecordReader
	Generation bundle.Generation
	Owned      bool
	Embedder   string // what made the vectors, as bundle.ReadEmbedder returns it; "": not known
}

// Backend is a store of named collections of vectors. Safe for concurrent use.
//
// Every method checks the name of a collection with bundle.CheckName before anything else.
// Errors are UnknownCollection for one that is not there, BackendError for what failed in the
// store, and those of the context.
type Backend interface {
	// ID returns the name of this store, which is unique in a lake and never changes.
	ID() string
	// Collections returns the names of all collections, sorted.
	Collections(ctx context.Context) ([]string, error)
	// Stamp returns what a collection is now. It is asked before every search that must be fresh,
	// and must be cheap.
	Stamp(ctx context.Context, collection string) (Stamp, error)
	// Pull begins to read a collection. The caller releases the reader, whose errors are those of
	// the store.
	Pull(ctx context.Context, collection string) (*Pulled, error)
}

// Outside is a backend that somebody outside answers: a stamp may take long, so that only calls
// which can be ended wait for it. It belongs to the one lake that it is registered with.
type Outside interface {
	Backend
	// LakeClosed is called once that lake has been closed.
	LakeClosed()
}

// Describer is a backend that says more of a collection than its stamp: policies, a lineage, or a
// data reference of its own. The lake takes it for the bundle, with its own seed and rerank factor.
type Describer interface {
	// Describe returns what the bundle of a collection says.
	Describe(ctx context.Context, collection string) (bundle.Bundle, error)
}

// Searcher is a backend that can search itself. It is asked where a collection does not fit into
// the cache. Answers are written as arrowidx.Index.Search writes them.
type Searcher interface {
	// Search answers queries from a collection.
	Search(
		ctx context.Context, collection string, p *arrowidx.SearchParams, out *arrowidx.SearchOut,
	) error
}
