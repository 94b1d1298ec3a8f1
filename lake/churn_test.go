package lake_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/lake"
)

// many is a store of n collections of so many rows; the nearest id of collection i is 100*i.
func many(n, rows int) *fake {
	f := newFake("b")
	for i := range n {
		f.put(fmt.Sprint(i), 2, int64(100*i), line(rows, 0))
	}
	return f
}

func TestTheByteCapHoldsWhileTenThousandCollectionsComeAndGo(t *testing.T) {
	const rows = 20
	n := 10_000
	if raced {
		n = 1000
	}
	f := many(n, rows)
	one20 := open(t, lake.Defaults(), f)
	require.Equal(t, int64(0), first(t, one20, "b", "0", one(1, nil)))
	size := one20.Stats().ResidentBytes
	o := lake.Defaults()
	o.CacheBytes = 50*size + size/2
	for _, clients := range []int{1, 4} {
		l := open(t, o, f)
		var wait sync.WaitGroup
		var most atomic.Int64
		for c := range clients {
			wait.Go(func() {
				r := arrowidxtest.Rand(t, uint64(c))
				for i := range n / clients {
					name := c*(n/clients) + i
					if r.IntN(2) == 0 {
						name = r.IntN(n)
					}
					assert.Equal(t, int64(100*name), first(t, l, "b", fmt.Sprint(name), one(1, nil)))
					now := l.Stats().ResidentBytes
					for was := most.Load(); now > was && !most.CompareAndSwap(was, now); {
						was = most.Load()
					}
				}
			})
		}
		wait.Wait()
		s := l.Stats()
		// Over the cap is what a client uses, or brings, and, where others evict that meanwhile, what
		// it has evicted itself and is about to close.
		over := 2*int64(clients) - 1
		assert.LessOrEqual(t, most.Load(), o.CacheBytes+over*size, "what is over the cap is in use")
		assert.LessOrEqual(t, s.ResidentBytes, o.CacheBytes)
		assert.Equal(t, 50, s.Entries)
		assert.Equal(t, s.Primes-50, s.Evictions)
		assert.Equal(t, int64(n), s.Hits+s.Misses)
		l.Close()
		assert.Zero(t, l.Stats().ResidentBytes)
	}
}

// Ten collections in a cache of two entries: at no moment are there more than two.
func TestACapOfTwoEntriesHoldsTwo(t *testing.T) {
	f := many(10, 5)
	o := lake.Defaults()
	o.CacheEntries = 2
	l := open(t, o, f)
	for i := range 30 {
		require.Equal(t, int64(100*(i%10)), first(t, l, "b", fmt.Sprint(i%10), one(1, nil)))
		require.LessOrEqual(t, l.Stats().Entries, 2)
	}
	s := l.Stats()
	assert.Equal(t, 2, s.Entries)
	assert.Equal(t, [2]int64{30, 28}, [2]int64{s.Primes, s.Evictions})
}

// The workload that the cache is for: collections are asked for by Zipf's law, one search in a
// hundred is followed by a write, and the cache has no room for one collection in ten.
func TestTheHitRateOfARealisticWorkload(t *testing.T) {
	const n, calls = 40, 20_000
	f := many(n, 20)
	o := lake.Defaults()
	o.CacheEntries = 36
	l := open(t, o, f)
	r := arrowidxtest.Rand(t, 5)
	firsts := make([]int64, n)
	for i := range firsts {
		firsts[i] = int64(100 * i)
	}
	zipf := rand.NewZipf(r, 1.1, 1, n-1)
	for i := range calls {
		if i%100 == 99 {
			c := r.IntN(n)
			firsts[c]++
			f.put(fmt.Sprint(c), 2, firsts[c], line(20, 0))
		}
		c := int(zipf.Uint64())
		require.Equal(t, firsts[c], first(t, l, "b", fmt.Sprint(c), one(1, nil)))
	}
	rate, _ := l.Stats().HitRate()
	t.Log("hit rate", rate)
	assert.GreaterOrEqual(t, rate, .95)
}

// Eight clients search while collections change, entries are evicted and keys are invalidated:
// every answer is that of a state during the call.
func TestClientsBesideWritersAndEvictions(t *testing.T) {
	const n, clients = 6, 8
	calls := 1500
	if raced {
		calls = 300
	}
	f := many(n, 5)
	o := lake.Defaults()
	o.CacheEntries = 4
	l := open(t, o, f)
	var states [n]atomic.Int64 // number of the state that is written, or was last
	var done atomic.Bool
	var readers, writer sync.WaitGroup
	writer.Go(func() {
		r := arrowidxtest.Rand(t, 6)
		for !done.Load() {
			c := r.IntN(n)
			f.put(fmt.Sprint(c), 2, int64(100*c)+1_000_000*(states[c].Load()+1), line(5, 0))
			states[c].Add(1)
			if r.IntN(4) == 0 {
				l.Target(key("b", fmt.Sprint(r.IntN(n)))).Invalidate()
			}
			runtime.Gosched()
		}
	})
	for id := range clients {
		readers.Go(func() {
			r := arrowidxtest.Rand(t, uint64(100+id))
			for range calls {
				c := r.IntN(n)
				before := states[c].Load()
				got := first(t, l, "b", fmt.Sprint(c), one(1, nil))
				after := states[c].Load() + 1
				state := got / 1_000_000
				if got%1_000_000 != int64(100*c) || state < before || state > after {
					t.Errorf("collection %d: id %d while states %d to %d were there", c, got, before, after)
					return
				}
			}
		})
	}
	readers.Wait()
	done.Store(true)
	writer.Wait()
	s := l.Stats()
	assert.Equal(t, int64(clients*calls), s.Hits+s.Misses)
	assert.LessOrEqual(t, s.Entries, 4)
}

// What an entry takes beside its index is counted, so that a cache of many small ones keeps to its
// limit in truth.
func TestBytesOfSmallEntriesAreThoseOfTheProcess(t *testing.T) {
	const n = 3000
	f := many(n, 1)
	l := open(t, lake.Defaults(), f)
	for i := range n { // what stays with a key, whether or not it has an entry
		l.Target(key("b", fmt.Sprint(i)))
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for i := range n {
		require.NoError(t, l.Target(key("b", fmt.Sprint(i))).Prime(t.Context()))
	}
	took, says := heap()-before, l.Stats().ResidentBytes
	t.Logf("%d bytes an entry, the cache says %d", took/n, says/n)
	assert.InEpsilon(t, took, says, .4)
}
