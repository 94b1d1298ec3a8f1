package cache

import (
	"sync/atomic"
	"time"
)

// Counters count what happened to a key.
type Counters struct {
	hits, misses, primes, invalidated, shared, evicted, stale, pushed atomic.Int64
}

// Hit counts a search answered by an entry that is as fresh as was asked for.
func (c *Counters) Hit() { c.hits.Add(1) }

// Miss counts a search that no such entry was there for.
func (c *Counters) Miss() { c.misses.Add(1) }

// Stale counts a search answered by an entry that is older than was asked for, as allowed.
func (c *Counters) Stale() { c.stale.Add(1) }

// Pushed counts a search that the store did itself.
func (c *Counters) Pushed() { c.pushed.Add(1) }

// primes counts the indexes that came into a cache.
type primes struct {
	warm, total, last atomic.Int64
}

func (p *primes) count(took time.Duration) {
	p.total.Add(int64(took))
	p.last.Store(int64(took))
}

// Stats is what happened to a cache, or to what one backend or one collection has in it.
type Stats struct {
	Hits          int64 // searches answered by an entry that was as fresh as asked for
	Misses        int64 // searches that no such entry was there for
	Primes        int64 // indexes pulled and built
	Invalidations int64 // entries freed for newer ones, and explicit invalidations
	SharedHits    int64 // misses that found the entry of another key
	Evictions     int64 // entries that went because of the limits
	Stale         int64 // searches answered by an older entry, as allowed
	Pushed        int64 // searches that stores did themselves
	Entries       int   // now; a shared one counts once in the whole, and once for each that has it
	// ResidentBytes are held alive by entries now, by those too that were evicted and are in use (of
	// the whole only).
	ResidentBytes int64
	// Of the whole only: indexes that came from files, and the time to pull and build, of all
	// primes and of the last.
	WarmInstalls          int64
	PrimeTotal, PrimeLast time.Duration
}

// HitRate returns hits / (hits + misses), false when there were none of either.
func (s Stats) HitRate() (float64, bool) {
	if s.Hits+s.Misses == 0 {
		return 0, false
	}
	return float64(s.Hits) / float64(s.Hits+s.Misses), true
}

// AvgPrime returns the mean time of a prime, false when there was none.
func (s Stats) AvgPrime() (time.Duration, bool) {
	if s.Primes == 0 {
		return 0, false
	}
	return s.PrimeTotal / time.Duration(s.Primes), true
}

// add adds the counts of a slot.
func (s *Stats) add(c *Counters) {
	s.Hits += c.hits.Load()
	s.Misses += c.misses.Load()
	s.Primes += c.primes.Load()
	s.Invalidations += c.invalidated.Load()
	s.SharedHits += c.shared.Load()
	s.Evictions += c.evicted.Load()
	s.Stale += c.stale.Load()
	s.Pushed += c.pushed.Load()
}

// Stats returns what happened to the whole cache.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all Stats
	for _, s := range c.slots {
		all.add(&s.Counters)
	}
	all.Evictions = c.evicted
	all.Entries, all.ResidentBytes = len(c.entries), c.resident.Load()
	all.WarmInstalls = c.primes.warm.Load()
	all.PrimeTotal = time.Duration(c.primes.total.Load())
	all.PrimeLast = time.Duration(c.primes.last.Load())
	return all
}

// Grouped returns the stats of slots that group gives one name; slots that nothing has happened to
// are left out.
func Grouped[K comparable](c *Cache, group func(*Slot) K) map[K]Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	all, seen := map[K]Stats{}, map[K]map[*Entry]bool{}
	for _, s := range c.slots {
		var one Stats
		if one.add(&s.Counters); one == (Stats{}) && s.now.Load() == nil {
			continue
		}
		name := group(s)
		sum := all[name]
		sum.add(&s.Counters)
		if p := s.now.Load(); p != nil && !seen[name][p.Entry] {
			if seen[name] == nil {
				seen[name] = map[*Entry]bool{}
			}
			seen[name][p.Entry] = true
			sum.Entries++
			sum.ResidentBytes += p.Entry.Bytes
		}
		all[name] = sum
	}
	return all
}
