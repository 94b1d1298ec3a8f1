package lake_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// hostility is a way for a store to be wrong about the collection "c", from its second state on.
type hostility struct {
	name  string
	do    func(f *fake)
	kind  fault.Kind
	words []string
}

func hostilities() []hostility {
	edit := func(change func(*table)) func(*fake) {
		return func(f *fake) {
			f.put("c", 2, 200, line(4, 0))
			f.edit("c", change)
		}
	}
	streamed := func(stream func(table, []arrow.RecordBatch) array.RecordReader) func(*fake) {
		return func(f *fake) {
			f.put("c", 2, 200, line(4, 0))
			f.stream = func(t table, b []arrow.RecordBatch) array.RecordReader {
				if t.ref != "fake://b/c" {
					whole, _ := array.NewRecordReader(t.schema(), b)
					return whole
				}
				return stream(t, b)
			}
		}
	}
	for1 := func(fail func(ctx context.Context) error) func(context.Context, string) error {
		return func(ctx context.Context, collection string) error {
			if collection == "c" {
				return fail(ctx)
			}
			return nil
		}
	}
	raise := for1(func(context.Context) error { return errors.New("disk on fire") })
	crash := for1(func(context.Context) error { panic("nil map") })
	renew := func(f *fake) { f.put("c", 2, 200, line(4, 0)) }
	be := fault.BackendError
	return []hostility{
		{"a stamp that raises", func(f *fake) { f.onStamp = raise }, be, []string{"disk on fire"}},
		{"a stamp that panics", func(f *fake) { f.onStamp = crash }, be, []string{"nil map"}},
		{"a pull that raises", func(f *fake) { renew(f); f.onPull = raise }, be,
			[]string{"disk on fire"}},
		{"a pull that panics", func(f *fake) { renew(f); f.onPull = crash }, be, []string{"nil map"}},
		{"other dimensions", edit(func(t *table) { t.dim = 3 }), be, []string{"3", "2"}},
		{"a number that is none", edit(func(t *table) { t.rows[5] = float32(math.NaN()) }), be,
			[]string{"row 2"}},
		{"an infinite number", edit(func(t *table) { t.rows[2] = float32(math.Inf(1)) }), be,
			[]string{"row 1"}},
		{"an id used twice", edit(func(t *table) { t.ids[3] = t.ids[0] }), be,
			[]string{"200", "row 3"}},
		{"a generation that goes back", edit(func(t *table) { t.generation = bundle.Number(0) }), be,
			[]string{"went back from 1 to 0", "invalidate"}},
		{"a stream that breaks in the middle",
			streamed(func(t table, b []arrow.RecordBatch) array.RecordReader {
				whole, _ := array.NewRecordReader(t.schema(), b)
				return &broken{whole, 1}
			}), be, []string{"connection reset", "2 rows"}},
		{"no stream at all",
			streamed(func(table, []arrow.RecordBatch) array.RecordReader { return nil }), be,
			[]string{"no stream"}},
		{"a reference too long for a bundle",
			edit(func(t *table) { t.ref = strings.Repeat("x", 5000) }), be, []string{"data_ref"}},
	}
}

// Whatever a store does wrong with one collection: the error says which, all others are searched as
// before, and what was there answers where it may.
func TestWhatAStoreDoesWrongIsNamedAndStaysWithItsCollection(t *testing.T) {
	for _, h := range hostilities() {
		for _, stale := range []bool{false, true} {
			t.Run(h.name, func(t *testing.T) {
				f := newFake("b")
				f.put("c", 2, 100, line(4, 0))
				f.put("d", 2, 500, line(4, 0))
				o := lake.Defaults()
				o.StaleIfError = stale
				l := open(t, o, f)
				require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
				h.do(f)
				got, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
				if stale {
					require.NoError(t, err)
					assert.Equal(t, int64(100), got.IDs[0])
					assert.Equal(t, int64(1), l.Stats().Stale)
				} else {
					requireFault(t, err, h.kind, append(h.words, "b/c")...)
				}
				assert.Equal(t, int64(100), first(t, l, "b", "c", one(1, in(lake.Frozen))))
				assert.Equal(t, int64(500), first(t, l, "b", "d", one(1, nil)))
				assert.LessOrEqual(t, l.Stats().Entries, 2)
			})
		}
	}
}

func TestTheFirstPullMayBeWrongToo(t *testing.T) {
	for _, h := range hostilities() {
		t.Run(h.name, func(t *testing.T) {
			f := newFake("b")
			f.put("d", 2, 500, line(4, 0))
			h.do(f)
			o := lake.Defaults()
			o.StaleIfError = true // there is nothing stale
			l := open(t, o, f)
			if h.name == "a generation that goes back" {
				return // it is the first that is seen
			}
			if strings.HasPrefix(h.name, "a stamp") {
				f.put("c", 2, 1, line(1, 0))
			}
			_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
			requireFault(t, err, h.kind, append(h.words, "b/c")...)
			_, err = askAs(t.Context(), l, key("b", "c"), one(1, in(lake.Frozen)))
			requireFault(t, err, fault.CacheMiss, "b/c")
			assert.Equal(t, int64(500), first(t, l, "b", "d", one(1, nil)))
			s := l.StatsByCollection()[key("b", "c")]
			assert.Zero(t, s.Primes)
			assert.Zero(t, s.Entries)
		})
	}
}

func TestAGenerationThatWentBackIsAcceptedAfterInvalidation(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(4, 0))
	f.put("c", 2, 200, line(4, 0))
	l := open(t, lake.Defaults(), f)
	require.Equal(t, int64(200), first(t, l, "b", "c", one(1, nil)))
	f.edit("c", func(t *table) { t.generation, t.ids[0] = bundle.Number(1), 7 })
	_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.BackendError, "went back from 2 to 1")
	require.True(t, l.Target(key("b", "c")).Invalidate())
	require.Equal(t, int64(7), first(t, l, "b", "c", one(1, nil)))
}

func TestGenerationsWithoutOrderMayComeInAny(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(4, 0))
	l := open(t, lake.Defaults(), f)
	for i, text := range []string{"9f", "1a", "", "1a"} {
		f.edit("c", func(t *table) { t.generation, t.ids[0] = bundle.Opaque(text), int64(i) })
		require.Equal(t, int64(i), first(t, l, "b", "c", one(1, nil)))
	}
	require.Equal(t, int64(4), f.pulls.Load())
}

// A store that goes back between the stamp and the pull.
func TestAPullThatIsOlderThanItsStampIsRefused(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(4, 0))
	f.put("c", 2, 200, line(4, 0))
	l := open(t, lake.Defaults(), &lagging{f})
	_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.BackendError, "b/c", "went back from 2 to 1")
}

// lagging is a store that is asked on one server and pulled from another, which is behind.
type lagging struct{ *fake }

func (g *lagging) Pull(ctx context.Context, collection string) (*backend.Pulled, error) {
	p, err := g.fake.Pull(ctx, collection)
	if err == nil {
		p.Generation = bundle.Number(1)
	}
	return p, err
}

func TestAStoreThatHangsHangsNoOneElse(t *testing.T) {
	for _, where := range []string{"stamp", "pull"} {
		t.Run(where, func(t *testing.T) {
			f := newFake("b")
			f.put("c", 2, 100, line(4, 0))
			f.put("d", 2, 500, line(4, 0))
			hang := func(ctx context.Context, collection string) error {
				if collection == "c" {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}
			l := open(t, lake.Defaults(), f)
			if where == "stamp" {
				f.onStamp = hang
			} else {
				f.onPull = hang
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			begun := time.Now()
			_, err := askAs(ctx, l, key("b", "c"), one(1, nil))
			requireFault(t, err, fault.Cancelled, "b/c")
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Less(t, time.Since(begun), 5*time.Second)
			assert.Equal(t, int64(500), first(t, l, "b", "d", one(1, nil)))
		})
	}
}

// A pull that ignores its context holds up nobody: callers leave, and the lake closes.
func TestAPullThatCannotBeStoppedIsLeft(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(4, 0))
	release, begun := make(chan struct{}), make(chan struct{}, 2)
	var stuck atomic.Bool
	stuck.Store(true)
	f.onPull = func(context.Context, string) error {
		begun <- struct{}{}
		if stuck.Load() {
			<-release
		}
		return nil
	}
	l := open(t, lake.Defaults(), f)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := askAs(ctx, l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.Cancelled)
	stuck.Store(false)
	f.put("c", 2, 200, line(4, 0))
	require.Equal(t, int64(200), first(t, l, "b", "c", one(1, nil)), "another pull is begun")
	close(release)
	time.Sleep(20 * time.Millisecond)
	require.Equal(t, int64(200), first(t, l, "b", "c", one(1, in(lake.Frozen))),
		"what nobody wanted any more does not replace it")
	require.Equal(t, int64(1), l.Stats().Primes)
}

// large is a collection of a cache that one of 100 rows fits into.
func large(t *testing.T, b backend.Backend, f *fake) *lake.Lake {
	f.put("c", 2, 100, line(5002, 0))
	f.put("d", 2, 500, line(10, 0))
	o := lake.Defaults()
	o.CacheBytes = 20_000
	return open(t, o, b)
}

func TestACollectionThatDoesNotFitIsSearchedByItsStore(t *testing.T) {
	s := &searcher{fake: newFake("b")}
	l := large(t, s, s.fake)
	for range 3 {
		assert.Equal(t, int64(100), first(t, l, "b", "c", one(3, nil)))
		assert.Equal(t, int64(500), first(t, l, "b", "d", one(3, nil)))
	}
	assert.Equal(t, int64(3), s.searches.Load())
	assert.Equal(t, int64(2), s.pulls.Load(), "what does not fit is pulled once")
	stats := l.Stats()
	assert.Equal(t, int64(3), stats.Pushed)
	assert.Equal(t, 1, stats.Entries)
	requireFault(t, l.Target(key("b", "c")).Prime(t.Context()), fault.LimitExceeded, "b/c", "20000")
	s.put("c", 2, 300, line(10, 0))
	assert.Equal(t, int64(300), first(t, l, "b", "c", one(3, nil)), "it fits now")
	assert.Equal(t, int64(3), s.searches.Load())
}

func TestACollectionThatDoesNotFitIsRefusedWhereItsStoreCannotSearch(t *testing.T) {
	f := newFake("b")
	l := large(t, f, f)
	for range 3 {
		_, err := askAs(t.Context(), l, key("b", "c"), one(3, nil))
		requireFault(t, err, fault.LimitExceeded, "b/c", "20000")
	}
	assert.Equal(t, int64(1), f.pulls.Load(), "what does not fit is pulled once")
	assert.Equal(t, int64(500), first(t, l, "b", "d", one(3, nil)))
	f.edit("c", func(t *table) { t.ids, t.rows = t.ids[:10], t.rows[:20] }) // and tells nobody
	l.Target(key("b", "c")).Invalidate()
	assert.Equal(t, int64(100), first(t, l, "b", "c", one(3, nil)))
}

// counted is a stream that counts the batches that it was asked for.
type counted struct {
	array.RecordReader
	asked *int
}

func (c counted) Next() bool {
	*c.asked++
	return c.RecordReader.Next()
}

func TestAPullEndsAsSoonAsItIsTooLarge(t *testing.T) {
	f := newFake("b")
	asked := 0
	f.stream = func(t table, b []arrow.RecordBatch) array.RecordReader {
		whole, _ := array.NewRecordReader(t.schema(), append(b, b...))
		return counted{whole, &asked}
	}
	l := large(t, f, f)
	_, err := askAs(t.Context(), l, key("b", "c"), one(3, nil))
	requireFault(t, err, fault.LimitExceeded, "b/c", "20000")
	assert.Equal(t, 1, asked, "a batch has 20000 bytes, the limit is below")
}

// liar is a searcher that answers what is no answer.
type liar struct {
	*searcher
	lie func(out *arrowidx.SearchOut)
}

func (s *liar) Search(
	ctx context.Context, collection string, p *arrowidx.SearchParams, out *arrowidx.SearchOut,
) error {
	err := s.searcher.Search(ctx, collection, p, out)
	s.lie(out)
	return err
}

func TestAnAnswerOfAStoreThatIsNoneIsRefused(t *testing.T) {
	for name, lie := range map[string]func(out *arrowidx.SearchOut){
		"too many": func(out *arrowidx.SearchOut) { out.Counts[0] = 4 },
		"too few":  func(out *arrowidx.SearchOut) { out.Counts[0] = -1 },
		"no row":   func(out *arrowidx.SearchOut) { out.Rows[1] = 5002 },
		"negative": func(out *arrowidx.SearchOut) { out.Rows[1] = -1 },
		"no score": func(out *arrowidx.SearchOut) { out.Scores[0] = float32(math.NaN()) },
		"no names": func(out *arrowidx.SearchOut) { out.IDs = nil },
		"no room":  func(out *arrowidx.SearchOut) { *out = arrowidx.SearchOut{IDs: out.IDs} },
		"panics":   func(*arrowidx.SearchOut) { panic("oh") },
	} {
		t.Run(name, func(t *testing.T) {
			s := &liar{&searcher{fake: newFake("b")}, lie}
			l := large(t, s, s.fake)
			out := arrowidxtest.Outputs(1, 3)
			q := one(3, nil)
			_, err := l.Target(key("b", "c")).Search(t.Context(), q, &out)
			requireFault(t, err, fault.BackendError, "b/c")
			q.NQ, out = 0, arrowidxtest.Outputs(1, 3)
			_, err = l.Target(key("b", "c")).Search(t.Context(), q, &out)
			requireFault(t, err, fault.BackendError, "b/c")
		})
	}
}
