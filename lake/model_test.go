package lake_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// state is a collection of a model: its ids are first, first+1, ..., the nearest one first.
type state struct {
	generation uint64
	first      int64
	rows       int
}

// held is an entry of a model.
type held struct {
	state
	name  string // of the data
	bytes int64
	used  int
	keys  []backend.Key
}

// model is a lake in the plainest words: one thing after another, and lists that are read through.
// Collection "s" is the same data in both backends.
type model struct {
	o       lake.Options
	size    []int64 // bytes of an index of so many rows
	data    map[string]state
	entries []*held
	pinned  map[backend.Key]bool
	now     int
	stats   lake.Stats
}

// dataOf names what a key reads.
func dataOf(k backend.Key) string {
	if k.Collection == "s" {
		return "shared://s"
	}
	return "fake://" + k.String()
}

func (m *model) entry(k backend.Key) *held {
	for _, e := range m.entries {
		if slices.Contains(e.keys, k) {
			return e
		}
	}
	return nil
}

func (m *model) touch(e *held) {
	m.now++
	e.used = m.now
}

func (m *model) isPinned(e *held) bool {
	return slices.ContainsFunc(e.keys, func(k backend.Key) bool { return m.pinned[k] })
}

func (m *model) over(bytes int64, entries int) bool {
	return m.o.CacheBytes > 0 && bytes > m.o.CacheBytes ||
		m.o.CacheEntries > 0 && entries > m.o.CacheEntries
}

// leave takes a key off its entry, and the entry away with its last key.
func (m *model) leave(k backend.Key) (freed bool) {
	e := m.entry(k)
	if e == nil {
		return false
	}
	e.keys = slices.DeleteFunc(e.keys, func(o backend.Key) bool { return o == k })
	if len(e.keys) > 0 {
		return false
	}
	m.entries = slices.DeleteFunc(m.entries, func(o *held) bool { return o == e })
	return true
}

// search returns the id that must be found first, or the kind of the error.
func (m *model) search(k backend.Key, check, frozen bool) (int64, fault.Kind) {
	e := m.entry(k)
	if e == nil && frozen {
		m.stats.Misses++
		return 0, fault.CacheMiss
	}
	if e != nil && !check {
		m.touch(e)
		m.stats.Hits++
		return e.first, fault.OK
	}
	now, is := m.data[dataOf(k)]
	if !is {
		return 0, fault.UnknownCollection
	}
	if e != nil && e.state == now {
		m.touch(e)
		m.stats.Hits++
		return e.first, fault.OK
	}
	m.stats.Misses++
	for _, other := range m.entries {
		if other.name == dataOf(k) && other.state == now {
			m.stats.SharedHits++
			m.point(k, other)
			return now.first, fault.OK
		}
	}
	return m.prime(k, now)
}

func (m *model) prime(k backend.Key, now state) (int64, fault.Kind) {
	e := &held{state: now, name: dataOf(k), bytes: m.size[now.rows]}
	if m.over(e.bytes, 1) {
		return 0, fault.LimitExceeded
	}
	bytes, entries := e.bytes, 1
	for _, other := range m.entries {
		if m.isPinned(other) && !slices.Equal(other.keys, []backend.Key{k}) {
			bytes += other.bytes
			entries++
		}
	}
	if m.over(bytes, entries) {
		return 0, fault.LimitExceeded
	}
	m.stats.Primes++
	m.point(k, e)
	m.entries = append(m.entries, e)
	m.shrink(e)
	return now.first, fault.OK
}

func (m *model) point(k backend.Key, e *held) {
	if m.leave(k) {
		m.stats.Invalidations++
	}
	e.keys = append(e.keys, k)
	m.touch(e)
}

func (m *model) shrink(spared *held) {
	for m.over(m.bytes(), len(m.entries)) {
		var oldest *held
		for _, e := range m.entries {
			if e != spared && !m.isPinned(e) && (oldest == nil || e.used < oldest.used) {
				oldest = e
			}
		}
		m.stats.Evictions++
		m.entries = slices.DeleteFunc(m.entries, func(o *held) bool { return o == oldest })
	}
}

func (m *model) bytes() (sum int64) {
	for _, e := range m.entries {
		sum += e.bytes
	}
	return sum
}

// sizes are the bytes of indexes of 0 to 4 rows.
func sizes(t testing.TB) (all []int64) {
	all = append(all, 0)
	for n := 1; n <= 4; n++ {
		f := newFake("b")
		f.put("c", 2, 0, line(n, 0))
		l := open(t, lake.Defaults(), f)
		require.NoError(t, l.Target(key("b", "c")).Prime(t.Context()))
		all = append(all, l.Stats().ResidentBytes)
	}
	return all
}

// sequence is a random sequence of calls, made on a lake and on a model of it.
type sequence struct {
	*rand.Rand
	l      *lake.Lake
	fakes  map[string]*fake
	m      model
	keys   []backend.Key
	nextID int64
	did    []string
}

func newSequence(t testing.TB, seed uint64, size []int64) *sequence {
	s := &sequence{Rand: rand.New(rand.NewPCG(seed, 15)), nextID: 1}
	o := lake.Defaults()
	if s.IntN(3) > 0 {
		o.CacheBytes = s.Int64N(4*size[4]) + size[1]/2
	}
	if s.IntN(3) > 0 {
		o.CacheEntries = 1 + s.IntN(4)
	}
	s.m = model{o: o, size: size, data: map[string]state{}, pinned: map[backend.Key]bool{}}
	s.fakes = map[string]*fake{}
	var err error
	s.l, err = lake.New(o)
	require.NoError(t, err)
	for _, id := range []string{"x", "y"} {
		s.fakes[id] = newFake(id)
		require.NoError(t, s.l.Register(s.fakes[id]))
		for _, c := range []string{"p", "q", "r", "s"} {
			s.keys = append(s.keys, key(id, c))
		}
	}
	return s
}

// put writes a new state of a collection, where it is shared to both backends.
func (s *sequence) put(k backend.Key) {
	data := dataOf(k)
	now := state{s.m.data[data].generation + 1, s.nextID, 1 + s.IntN(4)}
	s.nextID += 4
	s.m.data[data] = now
	for id, f := range s.fakes {
		if id == k.Backend || k.Collection == "s" {
			f.put(k.Collection, 2, now.first, line(now.rows, 0))
			f.edit(k.Collection, func(t *table) {
				t.ref, t.generation = data, bundle.Number(now.generation)
			})
		}
	}
}

// search is one call on both.
func (s *sequence) search(t testing.TB, k backend.Key) {
	mode := s.IntN(5)
	q := one(2, []*lake.Consistency{nil, in(lake.Fresh), in(lake.Frozen),
		{Mode: lake.Eventual, TTL: 1000 * time.Hour}, {Mode: lake.Eventual}}[mode])
	s.did = append(s.did, fmt.Sprintf("search %s %v", k, q.Consistency))
	want, kind := s.m.search(k, mode != 2 && mode != 3, mode == 2)
	got, err := askAs(t.Context(), s.l, k, q)
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	if err == nil {
		require.Equal(t, want, got.IDs[0])
	}
}

// step makes one call.
func (s *sequence) step(t testing.TB) {
	k := s.keys[s.IntN(len(s.keys))]
	target := s.l.Target(k)
	switch s.IntN(12) {
	case 0, 1, 2:
		s.did = append(s.did, "put "+k.String())
		s.put(k)
	case 3:
		s.did = append(s.did, "invalidate "+k.String())
		had := s.m.entry(k) != nil
		if had {
			s.m.leave(k)
			s.m.stats.Invalidations++
		}
		require.Equal(t, had, target.Invalidate())
	case 4:
		s.did = append(s.did, "pin "+k.String())
		s.m.pinned[k] = s.IntN(3) > 0
		if s.m.pinned[k] {
			require.NoError(t, target.Pin())
		} else {
			require.NoError(t, target.Unpin())
		}
	default:
		s.search(t, k)
	}
}

// check compares all that can be seen of the cache.
func (s *sequence) check(t testing.TB) {
	got := s.l.Stats()
	got.PrimeLast, got.PrimeTotal = 0, 0
	want := s.m.stats
	want.Entries, want.ResidentBytes = len(s.m.entries), s.m.bytes()
	require.Equal(t, want, got)
	for _, k := range s.keys {
		e := s.m.entry(k)
		witness, has := s.l.Target(k).Witness()
		require.Equal(t, e != nil, has, "%s", k)
		if has {
			require.Equal(t, bundle.Witness2(e.name, 2, 42, 20, bundle.Number(e.generation)), witness)
		}
	}
}

// TestTheCacheIsThatOfAPlainModel makes random sequences of calls on a lake and on a model of it:
// answers, errors, counts, bytes and what each key points to are the same after every call.
func TestTheCacheIsThatOfAPlainModel(t *testing.T) {
	size := sizes(t)
	sequences, start := 10_000, arrowidxtest.Rand(t, 3).Uint64()
	if raced {
		sequences = 2000
	}
	for i := range sequences {
		seed := start + uint64(i)
		s := newSequence(t, seed, size)
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			defer s.l.Close()
			defer func() {
				if t.Failed() {
					t.Log("limits", s.m.o.CacheBytes, s.m.o.CacheEntries, "calls", s.did)
				}
			}()
			for range 30 {
				s.step(t)
				s.check(t)
			}
		})
		if !ok {
			break
		}
		s.l.Close()
		require.Zero(t, s.l.Stats().ResidentBytes)
	}
}
