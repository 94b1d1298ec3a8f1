package cache

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// index is one of n rows of the numbers at, at+1, ...
func index(t testing.TB, n int, at float32) *arrowidx.Index {
	rows := make([]float32, n)
	for i := range rows {
		rows[i] = at + float32(i)
	}
	col, err := arrowidx.MatrixColumn(rows, n, 1)
	require.NoError(t, err)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col,
		arrowidx.BuildOptions{Metric: arrowidx.L2, Threads: 1})
	require.NoError(t, err)
	return ix
}

// facts are of a collection's generation; both are in the witness.
func facts(collection string, generation uint64) Facts {
	return Facts{
		Stamp:  backend.Stamp{DataRef: collection, Dim: 1, Generation: bundle.Number(generation)},
		Bundle: bundle.Bundle{Witness: fmt.Sprintf("%s@%d", collection, generation)},
	}
}

func slot(c *Cache, collection string) *Slot {
	return c.Slot(backend.Key{Backend: "b", Collection: collection})
}

// install puts an index of a collection into the cache, and gives its use up.
func install(t testing.TB, c *Cache, collection string, generation uint64, n int) {
	t.Helper()
	e, err := c.Install(slot(c, collection), facts(collection, generation),
		Made{Index: index(t, n, 0), Took: time.Millisecond})
	require.NoError(t, err)
	e.Release()
}

// use searches an entry by way of its slot, as readers do; false when there is none.
func use(t testing.TB, s *Slot) bool {
	p := s.Pointer()
	if p == nil {
		return false
	}
	e := p.Acquire()
	if e == nil {
		return false
	}
	defer e.Release()
	out := arrowidxtest.Outputs(1, 1)
	_, err := e.Index.Search(t.Context(),
		&arrowidx.SearchParams{Queries: []float32{0}, NQ: 1, K: 1, Threads: 1}, &out)
	assert.NoError(t, err, "an index that is in use is open")
	return true
}

// there are the collections of a list that have an entry.
func there(c *Cache, names ...string) string {
	has := ""
	for _, name := range names {
		if slot(c, name).Pointer() != nil {
			has += name
		}
	}
	return has
}

func TestTheEntryUsedLeastRecentlyGoes(t *testing.T) {
	c := New(Limits{Entries: 3})
	for _, name := range []string{"a", "b", "c"} {
		install(t, c, name, 1, 1)
	}
	require.True(t, use(t, slot(c, "a")))
	install(t, c, "d", 1, 1)
	assert.Equal(t, "acd", there(c, "a", "b", "c", "d"))
	require.True(t, use(t, slot(c, "c")))
	install(t, c, "e", 1, 1)
	install(t, c, "f", 1, 1)
	assert.Equal(t, "cef", there(c, "a", "b", "c", "d", "e", "f"))
	assert.Equal(t, int64(3), c.Stats().Evictions)
	by := Grouped(c, func(s *Slot) string { return s.Key.Collection })
	assert.Equal(t, int64(1), by["b"].Evictions)
}

// Readers may have used all others since the new one came: it stays all the same.
func TestTheEntryThatHasJustComeIsSpared(t *testing.T) {
	c := New(Limits{Entries: 2})
	install(t, c, "a", 1, 1)
	install(t, c, "b", 1, 1)
	a := slot(c, "a").Pointer().Entry
	c.mu.Lock()
	c.limits.Entries = 1
	c.shrink(a)
	c.unlock()
	assert.Equal(t, "a", there(c, "a", "b"))
	install(t, c, "c", 1, 1)
	assert.Equal(t, "c", there(c, "a", "b", "c"))
}

// Ten collections in a cache of two entries are two entries.
func TestAnEntryCapEvictsWhatPointersLeadTo(t *testing.T) {
	c := New(Limits{Entries: 2})
	for i := range 10 {
		install(t, c, fmt.Sprint(i), 1, 1)
		assert.LessOrEqual(t, c.Stats().Entries, 2)
	}
	assert.Equal(t, 2, c.Stats().Entries)
	assert.Equal(t, int64(8), c.Stats().Evictions)
}

func TestBytesAreCountedAndLimited(t *testing.T) {
	size := newEntry(New(Limits{}), "", index(t, 100, 0)).Bytes
	require.GreaterOrEqual(t, size, int64(400), "the vectors are held alive")
	c := New(Limits{Bytes: 3 * size})
	for i := range 20 {
		install(t, c, fmt.Sprint(i), 1, 100)
		s := c.Stats()
		assert.Equal(t, min(int64(i+1), 3)*size, s.ResidentBytes)
		assert.Equal(t, min(i+1, 3), s.Entries)
	}
}

func TestWhatDoesNotFitIsRefusedAndNothingGoes(t *testing.T) {
	size := newEntry(New(Limits{}), "", index(t, 100, 0)).Bytes
	c := New(Limits{Bytes: 2 * size})
	install(t, c, "a", 1, 100)
	_, err := c.Install(slot(c, "big"), facts("big", 1), Made{Index: index(t, 5000, 0)})
	require.Equal(t, fault.LimitExceeded, fault.KindOf(err))
	assert.ErrorContains(t, err, "b/big")
	assert.ErrorContains(t, err, fmt.Sprint(2*size))
	assert.Equal(t, "a", there(c, "a", "big"))
	assert.Equal(t, size, c.Stats().ResidentBytes)
}

func TestPinnedEntriesStay(t *testing.T) {
	c := New(Limits{Entries: 2})
	c.Pin(slot(c, "a")) // before there is an entry
	c.Pin(slot(c, "a"))
	install(t, c, "a", 1, 1)
	for i := range 5 {
		install(t, c, fmt.Sprint(i), 1, 1)
	}
	assert.Equal(t, "a4", there(c, "a", "0", "1", "2", "3", "4"))
	install(t, c, "a", 2, 1) // the pin is the key's
	install(t, c, "x", 1, 1)
	install(t, c, "y", 1, 1)
	assert.Equal(t, "ay", there(c, "a", "x", "y"))
	c.Pin(slot(c, "y"))
	_, err := c.Install(slot(c, "z"), facts("z", 1), Made{Index: index(t, 1, 0)})
	require.Equal(t, fault.LimitExceeded, fault.KindOf(err))
	assert.ErrorContains(t, err, "pinned")
	install(t, c, "y", 2, 1) // takes the place of its own
	c.Unpin(slot(c, "a"))
	c.Unpin(slot(c, "a"))
	install(t, c, "z", 1, 1)
	assert.Equal(t, "yz", there(c, "a", "y", "z"))
	assert.True(t, c.Pinned(slot(c, "y")))
	c.Drop(slot(c, "y"))
	c.Unpin(slot(c, "y"))
	assert.Zero(t, c.pinned)
	assert.Zero(t, c.pinnedBytes)
}

func TestASharedEntryIsPinnedByAnyOfItsKeys(t *testing.T) {
	c := New(Limits{Entries: 2})
	install(t, c, "a", 1, 1)
	e := c.Share(slot(c, "b"), facts("a", 1))
	require.NotNil(t, e)
	e.Release()
	c.Pin(slot(c, "a"))
	c.Pin(slot(c, "b"))
	c.Unpin(slot(c, "a"))
	for i := range 3 {
		install(t, c, fmt.Sprint(i), 1, 1)
	}
	assert.Equal(t, "ab2", there(c, "a", "b", "0", "1", "2"))
	c.Share(slot(c, "b"), facts("a", 1)).Release() // it has it already
	c.Drop(slot(c, "b"))
	install(t, c, "x", 1, 1)
	install(t, c, "y", 1, 1)
	assert.Equal(t, "xy", there(c, "a", "b", "0", "1", "2", "x", "y"))
	assert.Equal(t, int64(1), c.Stats().SharedHits)
}

func TestTheSecondOfTwoEqualIndexesIsDropped(t *testing.T) {
	c := New(Limits{})
	install(t, c, "a", 1, 10)
	bytes := c.Stats().ResidentBytes
	e, err := c.Install(slot(c, "b"), facts("a", 1), Made{Index: index(t, 10, 0)})
	require.NoError(t, err)
	assert.Same(t, slot(c, "a").Pointer().Entry, e)
	e.Release()
	s := c.Stats()
	assert.Equal(t, bytes, s.ResidentBytes)
	assert.Equal(t, [3]int64{1, 1, 0}, [3]int64{s.Primes, s.SharedHits, s.Evictions})
}

func TestAReplacedEntryIsAnInvalidationOnceNobodySharesIt(t *testing.T) {
	c := New(Limits{})
	install(t, c, "a", 1, 1)
	c.Share(slot(c, "b"), facts("a", 1)).Release()
	install(t, c, "a", 2, 1)
	assert.Zero(t, c.Stats().Invalidations)
	assert.Equal(t, 2, c.Stats().Entries)
	install(t, c, "b", 2, 1)
	assert.Equal(t, int64(1), c.Stats().Invalidations)
	assert.Equal(t, 2, c.Stats().Entries)
	assert.True(t, c.Drop(slot(c, "a")))
	assert.False(t, c.Drop(slot(c, "a")))
	assert.Equal(t, int64(2), c.Stats().Invalidations)
}

func TestAnIndexClosesWithItsLastUser(t *testing.T) {
	for name, end := range map[string]func(c *Cache){
		"evicted":     func(c *Cache) { install(t, c, "b", 1, 1) },
		"invalidated": func(c *Cache) { c.Drop(slot(c, "a")) },
		"replaced":    func(c *Cache) { install(t, c, "a", 2, 1) },
		"closed":      func(c *Cache) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := New(Limits{Entries: 1})
			install(t, c, "a", 1, 5)
			p := slot(c, "a").Pointer()
			first, second := p.Acquire(), p.Acquire()
			end(c)
			var row [1]float32
			require.NoError(t, first.Index.Row(2, row[:]))
			assert.Nil(t, c.Share(slot(c, "x"), facts("a", 1)), "nobody finds it any more")
			assert.GreaterOrEqual(t, c.Stats().ResidentBytes, first.Bytes)
			first.Release()
			require.NoError(t, second.Index.Row(2, row[:]))
			second.Release()
			require.Equal(t, fault.IndexClosed, fault.KindOf(second.Index.Row(2, row[:])))
			assert.Nil(t, p.Acquire())
			var left int64
			for _, s := range []string{"a", "b"} {
				if p := slot(c, s).Pointer(); p != nil {
					left += p.Entry.Bytes
				}
			}
			assert.Equal(t, left, c.Stats().ResidentBytes)
		})
	}
}

func TestAClosedCacheTakesNothing(t *testing.T) {
	c := New(Limits{})
	install(t, c, "a", 1, 1)
	c.Close()
	c.Close()
	_, err := c.Install(slot(c, "b"), facts("b", 1), Made{Index: index(t, 1, 0)})
	require.Equal(t, fault.LakeError, fault.KindOf(err))
	assert.Zero(t, c.Stats().ResidentBytes)
	assert.Zero(t, c.Stats().Entries)
}

func TestWarmIndexesAreNoPrimes(t *testing.T) {
	c := New(Limits{})
	e, err := c.Install(slot(c, "a"), facts("a", 1), Made{Index: index(t, 1, 0), Warm: true})
	require.NoError(t, err)
	e.Release()
	s := c.Stats()
	assert.Equal(t, [2]int64{0, 1}, [2]int64{s.Primes, s.WarmInstalls})
	_, ok := s.HitRate()
	assert.False(t, ok)
	_, ok = s.AvgPrime()
	assert.False(t, ok)
}

// Readers of many keys run beside primes that evict, pins and drops. Every index that a reader has
// is open, and in the end all bytes are accounted for.
func TestReadersBesideChanges(t *testing.T) {
	const names, readers, changes = 12, 6, 1500
	c := New(Limits{Entries: 4})
	var stop atomic.Bool
	var wait sync.WaitGroup
	for r := range readers {
		wait.Go(func() {
			for i := r; !stop.Load(); i++ {
				use(t, slot(c, fmt.Sprint(i%names)))
			}
		})
	}
	for w := range 2 {
		wait.Go(func() {
			r := arrowidxtest.Rand(t, uint64(w))
			for i := range changes {
				name := fmt.Sprint(r.IntN(names))
				switch r.IntN(6) {
				case 0:
					c.Drop(slot(c, name))
				case 1:
					if r.IntN(8) == 0 && w == 0 {
						c.Pin(slot(c, name))
						c.Unpin(slot(c, name))
					}
				case 2:
					if e := c.Share(slot(c, name), facts(fmt.Sprint(r.IntN(names)), 1)); e != nil {
						e.Release()
					}
				default:
					install(t, c, name, uint64(i%3), 1+r.IntN(4))
				}
			}
			stop.Store(true)
		})
	}
	wait.Wait()
	var held int64
	for _, e := range c.entries {
		held += e.Bytes
		require.NotEmpty(t, e.slots)
		require.Equal(t, int64(1), e.refs.Load())
	}
	assert.LessOrEqual(t, len(c.entries), 4)
	assert.Equal(t, held, c.resident.Load())
	assert.Equal(t, held, c.held)
	assert.Len(t, c.queue, len(c.entries))
	c.Close()
	assert.Zero(t, c.resident.Load())
}
