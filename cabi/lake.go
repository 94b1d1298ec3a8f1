//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// mostRequest is the longest JSON that is read: names and numbers.
const mostRequest = 16 << 20

// readJSON reads a request into a struct, which has a field for everything in it.
func readJSON(op string, p *C.char, n C.int64_t, into any) error {
	if p == nil || n < 0 {
		return invalid(op, "no request", "")
	}
	if n > mostRequest {
		return &arrowidx.Error{Kind: arrowidx.LimitExceeded, Op: op, Row: -1, Column: -1,
			Msg: fmt.Sprintf("a request of %d bytes", n), Fix: "name less at once"}
	}
	text := stringOf(p, n)
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, rest := d.Token(); rest != io.EOF {
			err = fmt.Errorf("something follows the request")
		}
	}
	if err != nil {
		return invalid(op, "the request cannot be read: "+err.Error(), "")
	}
	return nil
}

// lakeOptions is the JSON of rv_lake_new.
type lakeOptions struct {
	Consistency          string  `json:"consistency"`
	TTL                  int64   `json:"ttl_ns"`
	Metric               string  `json:"metric"`
	Kind                 string  `json:"kind"`
	Recall               float64 `json:"recall"`
	RerankFactor         int     `json:"rerank_factor"`
	RotationSeed         uint64  `json:"rotation_seed"`
	CacheBytes           int64   `json:"cache_bytes"`
	CacheEntries         int     `json:"cache_entries"`
	Threads              int     `json:"threads"`
	StaleIfError         bool    `json:"stale_if_error"`
	StaleWhileRevalidate bool    `json:"stale_while_revalidate"`
}

// modes are the names of rv_lake_new's consistencies.
var modes = map[string]lake.Mode{
	"fresh": lake.Fresh, "eventual": lake.Eventual, "frozen": lake.Frozen,
}

func (o lakeOptions) read() (made lake.Options, err error) {
	mode, known := modes[o.Consistency]
	if !known {
		return made, invalid("lake", fmt.Sprintf("consistency %q", o.Consistency),
			"use fresh, eventual or frozen")
	}
	made = lake.Options{
		Consistency:  lake.Consistency{Mode: mode, TTL: time.Duration(o.TTL)},
		RerankFactor: o.RerankFactor, RotationSeed: o.RotationSeed, CacheBytes: o.CacheBytes,
		CacheEntries: o.CacheEntries, Recall: o.Recall, Threads: o.Threads,
		StaleIfError: o.StaleIfError, StaleWhileRevalidate: o.StaleWhileRevalidate,
	}
	if made.Metric, err = arrowidx.ParseMetric(o.Metric); err != nil {
		return made, err
	}
	made.Kind, err = arrowidx.ParseKind(o.Kind)
	return made, err
}

//export goLakeNew
func goLakeNew(p *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "lake", func(*guard.Scope) error {
		if out == nil {
			return invalid("lake", "no place for the handle", "")
		}
		usual := lake.Defaults()
		o := lakeOptions{Consistency: "fresh", Metric: "l2", Kind: "auto", Recall: usual.Recall,
			RerankFactor: usual.RerankFactor, RotationSeed: usual.RotationSeed}
		if err := readJSON("lake", p, n, &o); err != nil {
			return err
		}
		options, err := o.read()
		if err != nil {
			return err
		}
		l, err := lake.New(options)
		if err != nil {
			return err
		}
		*out = C.rv_handle(table.Put(handle.Lake, l, l.Close))
		return nil
	})
}

func useLake(s *guard.Scope, h C.rv_handle) (*lake.Lake, error) {
	return guard.Use[*lake.Lake](s, uint64(h), handle.Lake)
}

func useStore(s *guard.Scope, h C.rv_handle) (backend.Backend, error) {
	return guard.Use[backend.Backend](s, uint64(h), handle.Backend)
}

// storeOptions is the JSON of rv_backend_new.
type storeOptions struct {
	Type   string `json:"type"`
	ID     string `json:"id"`
	Root   string `json:"root"`
	Column string `json:"column"`
	IDs    string `json:"ids"`
	Dim    int    `json:"dim"`
}

func (o storeOptions) open() (backend.Backend, error) {
	switch o.Type {
	case "local":
		return store.NewLocal(o.ID)
	case "fs":
		return store.NewFS(o.ID, o.Root)
	case "parquet":
		return store.NewParquet(o.ID, o.Root,
			store.ParquetOptions{Column: o.Column, IDs: o.IDs, Dim: o.Dim})
	}
	return nil, invalid("store", fmt.Sprintf("a store of type %q", o.Type),
		"use local, fs or parquet")
}

//export goBackendNew
func goBackendNew(p *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "store", func(*guard.Scope) error {
		if out == nil {
			return invalid("store", "no place for the handle", "")
		}
		var o storeOptions
		if err := readJSON("store", p, n, &o); err != nil {
			return err
		}
		b, err := o.open()
		if err != nil {
			return err
		}
		var end func()
		if c, ok := b.(io.Closer); ok {
			end = func() { _ = c.Close() } // of what was only read
		}
		*out = C.rv_handle(table.Put(handle.Backend, b, end))
		return nil
	})
}

//export goLakeRegister
func goLakeRegister(h, b C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "register", func(s *guard.Scope) error {
		l, err := useLake(s, h)
		if err != nil {
			return err
		}
		held, err := useStore(s, b)
		if err != nil {
			return err
		}
		return l.Register(held)
	})
}

// lakeKey is the JSON of a key.
type lakeKey struct {
	Backend    string `json:"backend"`
	Collection string `json:"collection"`
}

func (k lakeKey) key() backend.Key {
	return backend.Key{Backend: k.Backend, Collection: k.Collection}
}

func keyOf(k backend.Key) lakeKey { return lakeKey{k.Backend, k.Collection} }

//export goLakeTarget
func goLakeTarget(
	h C.rv_handle, p *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "lake", func(s *guard.Scope) error {
		l, err := useLake(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("lake", "no place for the handle", "")
		}
		var k lakeKey
		if err := readJSON("lake", p, n, &k); err != nil {
			return err
		}
		*out = C.rv_handle(table.Put(handle.Target, l.Target(k.key()), nil))
		return nil
	})
}

// The verbs of rv_backend_change.
const (
	storePut    = 0
	storeAppend = 1
	storeUpsert = 2
	storeDelete = 3
)

// storeChange is one change of a collection of a store.
type storeChange struct {
	store      backend.Backend
	verb       int
	collection string
	vectors    *arrowidx.Column
	ids        *C.rv_values
	missing    bool
	count      []int64
}

// These are what stores can do that can be written to.
type (
	putter interface {
		Put(context.Context, string, *arrowidx.IDs, *arrowidx.Column) error
	}
	writer interface {
		Write(context.Context, string, *arrowidx.IDs, *arrowidx.Column) error
	}
)

func (ch *storeChange) run(ctx context.Context) (err error) {
	n := 0
	if ch.verb == storeDelete {
		n, err = ch.remove(ctx)
	} else {
		n, err = ch.write(ctx)
	}
	ch.count[0] = int64(n)
	return err
}

func (ch *storeChange) remove(ctx context.Context) (int, error) {
	b, ok := ch.store.(*store.Local)
	if !ok {
		return 0, ch.refused("delete")
	}
	ids, err := values("delete", ch.ids)
	if err != nil {
		return 0, err
	}
	return b.Delete(ctx, ch.collection, ids, ch.missing)
}

func (ch *storeChange) write(ctx context.Context) (int, error) {
	ids, err := readIDs("ids", ch.ids)
	if err != nil {
		return 0, err
	}
	local, isLocal := ch.store.(*store.Local)
	switch {
	case ch.verb == storeAppend && isLocal:
		return 0, local.Append(ctx, ch.collection, ids, ch.vectors)
	case ch.verb == storeUpsert && isLocal:
		return local.Upsert(ctx, ch.collection, ids, ch.vectors)
	case ch.verb != storePut:
		return 0, ch.refused("append")
	}
	switch b := ch.store.(type) {
	case putter:
		return 0, b.Put(ctx, ch.collection, ids, ch.vectors)
	case writer:
		return 0, b.Write(ctx, ch.collection, ids, ch.vectors)
	}
	return 0, ch.refused("put")
}

func (ch *storeChange) refused(verb string) error {
	return invalid(verb, fmt.Sprintf("store %q cannot do this", ch.store.ID()), "")
}

//export goBackendChangeStart
func goBackendChangeStart(
	h C.rv_handle, p *C.rv_backend_change, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "store", func(s *guard.Scope) (err error) {
		if p == nil || p.size < C.sizeof_rv_backend_change {
			return invalid("store", "parameters of an older version", "")
		}
		if out == nil || p.count == nil {
			return invalid("store", "no place for the task or the count", "")
		}
		if p.verb < storePut || p.verb > storeDelete || p.collection_len < 0 || p.ids == nil {
			return invalid("store", "a change without its verb, collection or ids", "")
		}
		ch := &storeChange{verb: int(p.verb), ids: p.ids, missing: p.missing != 0,
			collection: stringOf(p.collection, p.collection_len), count: view[int64](p.count, 1)}
		if ch.store, err = useStore(s, h); err != nil {
			return err
		}
		if ch.verb != storeDelete {
			ch.vectors, err = guard.Use[*arrowidx.Column](s, uint64(p.vectors), handle.Column)
			if err != nil {
				return err
			}
		}
		putTask(out, start(s, "store", nil,
			func(ctx context.Context) (task.Result, error) {
				return task.Result{}, ch.run(ctx)
			}))
		return nil
	})
}
