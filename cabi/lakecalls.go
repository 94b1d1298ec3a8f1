//go:build cshared

package main

/*
#include "shim.h"
*/
import "C"

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ruvector/ruvector-arrow/cabi/internal/guard"
	"github.com/ruvector/ruvector-arrow/cabi/internal/handle"
	"github.com/ruvector/ruvector-arrow/cabi/internal/task"
	"github.com/ruvector/ruvector-arrow/lake"
)

// lakeRequest is the JSON of rv_lake_ask and rv_lake_call_start: a verb, and what some verbs need.
type lakeRequest struct {
	Verb string `json:"verb"`
	lakeKey
	Dir     string `json:"dir"`
	Format  int    `json:"format"`
	Content bool   `json:"content"`
	Mode    int    `json:"mode"` // as of rv_lake_query
	TTL     int64  `json:"ttl_ns"`
}

func (r *lakeRequest) target(l *lake.Lake) *lake.Target { return l.Target(r.key()) }

// quickVerbs ask no store, and answer at once.
var quickVerbs = map[string]func(*lake.Lake, *lakeRequest) (any, error){
	"backends": func(l *lake.Lake, _ *lakeRequest) (any, error) {
		return map[string][]string{"backends": emptyNotNil(l.Backends())}, nil
	},
	"stats": func(l *lake.Lake, _ *lakeRequest) (any, error) { return sayStats(l.Stats()), nil },
	"stats_by_backend": func(l *lake.Lake, _ *lakeRequest) (any, error) {
		return statsBy(l.StatsByBackend(), func(id string) lakeKey { return lakeKey{Backend: id} }), nil
	},
	"stats_by_collection": func(l *lake.Lake, _ *lakeRequest) (any, error) {
		return statsBy(l.StatsByCollection(), keyOf), nil
	},
	"witness": func(l *lake.Lake, r *lakeRequest) (any, error) {
		witness, _ := r.target(l).Witness()
		return map[string]string{"witness": witness}, nil
	},
	"facts": func(l *lake.Lake, r *lakeRequest) (any, error) {
		entry, info, wide := r.target(l).Facts()
		return struct {
			Entry uint64    `json:"entry"`
			Index indexInfo `json:"index"`
		}{entry, indexInfo{Info: info, Wide: wide}}, nil
	},
	"invalidate": func(l *lake.Lake, r *lakeRequest) (any, error) {
		return map[string]bool{"dropped": r.target(l).Invalidate()}, nil
	},
	"pin":   func(l *lake.Lake, r *lakeRequest) (any, error) { return done{}, r.target(l).Pin() },
	"unpin": func(l *lake.Lake, r *lakeRequest) (any, error) { return done{}, r.target(l).Unpin() },
	"set_consistency": func(l *lake.Lake, r *lakeRequest) (any, error) {
		if r.Mode == asBefore {
			return done{}, l.SetConsistency(r.key(), nil)
		}
		if r.Mode < 0 || r.Mode > int(lake.Frozen) {
			return nil, invalid("lake", fmt.Sprintf("consistency %d", r.Mode), "")
		}
		return done{}, l.SetConsistency(r.key(),
			&lake.Consistency{Mode: lake.Mode(r.Mode), TTL: time.Duration(r.TTL)})
	},
}

// longVerbs ask stores, or read and write files.
var longVerbs = map[string]func(context.Context, *lake.Lake, *lakeRequest) (any, error){
	"collections": func(ctx context.Context, l *lake.Lake, _ *lakeRequest) (any, error) {
		keys, err := l.Collections(ctx)
		all := []lakeKey{}
		for _, k := range keys {
			all = append(all, keyOf(k))
		}
		return map[string][]lakeKey{"collections": all}, err
	},
	"resolve": func(ctx context.Context, l *lake.Lake, r *lakeRequest) (any, error) {
		k, err := l.Resolve(ctx, r.Collection)
		return keyOf(k), err
	},
	"prime": func(ctx context.Context, l *lake.Lake, r *lakeRequest) (any, error) {
		return done{}, r.target(l).Prime(ctx)
	},
	"publish": func(ctx context.Context, l *lake.Lake, r *lakeRequest) (any, error) {
		b, err := l.Publish(ctx, r.key(), r.Dir, r.Format)
		if err != nil {
			return nil, err
		}
		text, err := b.Encode()
		return map[string]string{"bundle": string(text)}, err
	},
	"refresh": func(_ context.Context, l *lake.Lake, r *lakeRequest) (any, error) {
		found, err := l.Refresh(r.key(), r.Dir)
		return map[string]string{"result": refreshed[found]}, err
	},
	"save": func(ctx context.Context, l *lake.Lake, r *lakeRequest) (any, error) {
		path, err := l.Save(ctx, r.key(), r.Dir)
		return map[string]string{"path": path}, err
	},
	"warm": func(ctx context.Context, l *lake.Lake, r *lakeRequest) (any, error) {
		rows, err := l.WarmWith(ctx, r.key(), r.Dir, lake.WarmOptions{Content: r.Content})
		return map[string]int64{"rows": rows}, err
	},
}

// refreshed are the names of what a refresh found.
var refreshed = map[lake.RefreshResult]string{
	lake.UpToDate: "up_to_date", lake.Invalidated: "invalidated",
	lake.BundleMissing: "bundle_missing",
}

// done is the answer of verbs that answer nothing.
type done struct{}

func emptyNotNil(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// lakeStats is lake.Stats as JSON.
type lakeStats struct {
	Hits          int64   `json:"hits"`
	Misses        int64   `json:"misses"`
	Primes        int64   `json:"primes"`
	Evictions     int64   `json:"evictions"`
	Resident      int64   `json:"resident_bytes"`
	Entries       int     `json:"entries"`
	Shared        int64   `json:"shared_hits"`
	Invalidations int64   `json:"invalidations"`
	Stale         int64   `json:"stale"`
	Pushed        int64   `json:"pushed"`
	Warm          int64   `json:"warm_installs"`
	PrimeSeconds  float64 `json:"prime_seconds"`
}

func sayStats(s lake.Stats) lakeStats {
	return lakeStats{s.Hits, s.Misses, s.Primes, s.Evictions, s.ResidentBytes, s.Entries,
		s.SharedHits, s.Invalidations, s.Stale, s.Pushed, s.WarmInstalls, s.PrimeTotal.Seconds()}
}

// statsOf is what happened to one backend, or to one collection.
type statsOf struct {
	lakeKey
	Stats lakeStats `json:"stats"`
}

// statsBy lists stats, sorted by their names.
func statsBy[K comparable](all map[K]lake.Stats, name func(K) lakeKey) map[string][]statsOf {
	listed := make([]statsOf, 0, len(all))
	for _, k := range slices.Collect(maps.Keys(all)) {
		listed = append(listed, statsOf{name(k), sayStats(all[k])})
	}
	slices.SortFunc(listed, func(a, b statsOf) int {
		return cmp.Or(cmp.Compare(a.Backend, b.Backend), cmp.Compare(a.Collection, b.Collection))
	})
	return map[string][]statsOf{"stats": listed}
}

func readRequest(
	s *guard.Scope, h C.rv_handle, p *C.char, n C.int64_t,
) (l *lake.Lake, r *lakeRequest, err error) {
	if l, err = useLake(s, h); err != nil {
		return nil, nil, err
	}
	r = &lakeRequest{Format: 2}
	return l, r, readJSON("lake", p, n, r)
}

//export goLakeAsk
func goLakeAsk(
	h C.rv_handle, p *C.char, n C.int64_t, out *C.rv_bytes, e *C.rv_error,
) C.int32_t {
	return door(e, "lake", func(s *guard.Scope) error {
		l, r, err := readRequest(s, h, p, n)
		if err != nil {
			return err
		}
		verb := quickVerbs[r.Verb]
		if out == nil || verb == nil {
			return invalid("lake", fmt.Sprintf("no place for the answer, or no verb %q", r.Verb), "")
		}
		answer, err := verb(l, r)
		if err != nil {
			return err
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		return memoryError("lake", setBytes(out, text, nil))
	})
}

//export goLakeCallStart
func goLakeCallStart(
	h C.rv_handle, p *C.char, n C.int64_t, out *C.rv_handle, e *C.rv_error,
) C.int32_t {
	return door(e, "lake", func(s *guard.Scope) error {
		l, r, err := readRequest(s, h, p, n)
		if err != nil {
			return err
		}
		verb := longVerbs[r.Verb]
		if out == nil || verb == nil {
			return invalid("lake", fmt.Sprintf("no place for the task, or no verb %q", r.Verb), "")
		}
		putTask(out, start(s, r.Verb, nil,
			func(ctx context.Context) (task.Result, error) {
				answer, err := verb(ctx, l, r)
				if err != nil {
					return task.Result{}, err
				}
				return noteOf(answer)
			}))
		return nil
	})
}

//export goSessionNew
func goSessionNew(h C.rv_handle, out *C.rv_handle, e *C.rv_error) C.int32_t {
	return door(e, "session", func(s *guard.Scope) error {
		l, err := useLake(s, h)
		if err != nil {
			return err
		}
		if out == nil {
			return invalid("session", "no place for the handle", "")
		}
		session := l.NewSession()
		*out = C.rv_handle(table.Put(handle.Session, session, session.Drop))
		return nil
	})
}
