package lake_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// first is the id nearest to the origin, of collections made by line.
func first(t testing.TB, l *lake.Lake, b, collection string, q *lake.Query) int64 {
	t.Helper()
	got, err := askAs(t.Context(), l, key(b, collection), q)
	require.NoError(t, err)
	return got.IDs[0]
}

func TestEachModeSeesWhatItPromises(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("b")
		f.put("c", 2, 100, line(3, 0))
		l := open(t, lake.Defaults(), f)
		fresh, frozen := one(1, in(lake.Fresh)), one(1, in(lake.Frozen))
		eventual := one(1, &lake.Consistency{Mode: lake.Eventual, TTL: time.Minute})
		require.Equal(t, int64(100), first(t, l, "b", "c", eventual))
		f.put("c", 2, 200, line(3, 0))
		require.Equal(t, int64(100), first(t, l, "b", "c", frozen))
		require.Equal(t, int64(100), first(t, l, "b", "c", eventual))
		require.Equal(t, int64(200), first(t, l, "b", "c", fresh))
		require.Equal(t, int64(200), first(t, l, "b", "c", eventual))
		f.put("c", 2, 300, line(3, 0))
		stamps := f.stamps.Load()
		time.Sleep(time.Minute - time.Nanosecond)
		require.Equal(t, int64(200), first(t, l, "b", "c", eventual))
		require.Equal(t, stamps, f.stamps.Load())
		time.Sleep(time.Nanosecond)
		require.Equal(t, int64(300), first(t, l, "b", "c", eventual))
		stamps = f.stamps.Load()
		time.Sleep(time.Minute)
		require.Equal(t, int64(300), first(t, l, "b", "c", eventual)) // asked, and confirmed
		require.Equal(t, stamps+1, f.stamps.Load())
		time.Sleep(time.Minute - time.Nanosecond)
		require.Equal(t, int64(300), first(t, l, "b", "c", eventual))
		require.Equal(t, stamps+1, f.stamps.Load())
		require.Equal(t, int64(3), f.pulls.Load())
	})
}

func TestConsistencyOfACallGoesBeforeThatOfTheCollectionAndTheLake(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 1, line(1, 0))
	f.put("d", 2, 1, line(1, 0))
	o := lake.Defaults()
	o.Consistency.Mode = lake.Frozen
	l := open(t, o, f)
	_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.CacheMiss, "b/c is not in the cache", "prime it")
	require.Zero(t, f.stamps.Load(), "and no store was asked")
	require.NoError(t, l.Target(key("b", "c")).Prime(t.Context()))
	require.Equal(t, int64(1), first(t, l, "b", "c", one(1, nil)))
	f.put("c", 2, 7, line(1, 0))
	require.Equal(t, int64(1), first(t, l, "b", "c", one(1, nil)))
	require.NoError(t, l.SetConsistency(key("b", "c"), in(lake.Fresh)))
	require.Equal(t, int64(7), first(t, l, "b", "c", one(1, nil)))
	require.Equal(t, int64(1), first(t, l, "b", "d", one(1, in(lake.Fresh))))
	f.put("c", 2, 2, line(1, 0))
	require.Equal(t, int64(7), first(t, l, "b", "c", one(1, in(lake.Frozen))))
	require.NoError(t, l.SetConsistency(key("b", "c"), nil))
	require.Equal(t, int64(7), first(t, l, "b", "c", one(1, nil)))
	_, err = askAs(t.Context(), l, key("b", "c"), one(1, in(9)))
	requireFault(t, err, fault.InvalidArgument)
}

func TestInvalidatingPullsAgainAlsoWhenNothingChanged(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 1, line(1, 0))
	l := open(t, lake.Defaults(), f)
	target := l.Target(key("b", "c"))
	assert.False(t, target.Invalidate())
	require.NoError(t, target.Prime(t.Context()))
	require.NoError(t, target.Prime(t.Context()))
	require.Equal(t, int64(1), f.pulls.Load())
	assert.True(t, target.Invalidate())
	assert.False(t, target.Invalidate())
	require.NoError(t, target.Prime(t.Context()))
	require.Equal(t, int64(2), f.pulls.Load())
	require.Equal(t, int64(1), l.Stats().Invalidations)
}

// gate lets pulls begin, and end when it is opened.
type gate struct{ begun, open chan struct{} }

func newGate() gate { return gate{make(chan struct{}, 1000), make(chan struct{})} }

func (g gate) wait(ctx context.Context, _ string) error {
	g.begun <- struct{}{}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func TestManyMissesPullOnce(t *testing.T) {
	f, g := newFake("b"), newGate()
	f.onPull = g.wait
	f.put("c", 2, 7, line(50, 0))
	l := open(t, lake.Defaults(), f)
	var wait sync.WaitGroup
	for range 100 {
		wait.Go(func() { assert.Equal(t, int64(7), first(t, l, "b", "c", one(3, nil))) })
	}
	<-g.begun
	for l.Stats().Misses < 100 {
		time.Sleep(time.Millisecond)
	}
	close(g.open)
	wait.Wait()
	s := l.Stats()
	assert.Equal(t, int64(1), f.pulls.Load())
	assert.Equal(t, [3]int64{0, 100, 1}, [3]int64{s.Hits, s.Misses, s.Primes})
	assert.Equal(t, 1, s.Entries)
}

func TestKeysOfOneWitnessPullOnce(t *testing.T) {
	a, b := newFake("a"), newFake("b")
	for _, f := range []*fake{a, b} {
		f.put("c", 2, 7, line(50, 0))
		f.edit("c", func(t *table) { t.ref = "s3://bucket/c" })
	}
	g := newGate()
	a.onPull, b.onPull = g.wait, g.wait
	l := open(t, lake.Defaults(), a, b)
	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			assert.Equal(t, int64(7), first(t, l, []string{"a", "b"}[i%2], "c", one(3, nil)))
		})
	}
	<-g.begun
	for l.Stats().Misses < 40 {
		time.Sleep(time.Millisecond)
	}
	close(g.open)
	wait.Wait()
	s := l.Stats()
	assert.Equal(t, int64(1), a.pulls.Load()+b.pulls.Load())
	assert.Equal(t, [3]int64{1, 1, 40}, [3]int64{s.Primes, s.SharedHits, s.Misses})
	assert.Equal(t, 1, s.Entries)
	by := l.StatsByBackend()
	assert.Equal(t, by["a"].ResidentBytes, by["b"].ResidentBytes)
	assert.Equal(t, s.ResidentBytes, by["a"].ResidentBytes)
	require.True(t, l.Target(key("a", "c")).Invalidate())
	assert.Equal(t, 1, l.Stats().Entries, "the other key has it still")
	require.True(t, l.Target(key("b", "c")).Invalidate())
	assert.Zero(t, l.Stats().Entries)
	assert.Zero(t, l.Stats().ResidentBytes)
}

func TestACallerThatLeavesDoesNotEndThePullOfOthers(t *testing.T) {
	f, g := newFake("b"), newGate()
	f.onPull = g.wait
	f.put("c", 2, 7, line(50, 0))
	l := open(t, lake.Defaults(), f)
	leaving, leave := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		_, err := askAs(leaving, l, key("b", "c"), one(3, nil))
		requireFault(t, err, fault.Cancelled, "b/c")
	})
	<-g.begun
	wait.Go(func() { assert.Equal(t, int64(7), first(t, l, "b", "c", one(3, nil))) })
	for l.Stats().Misses < 2 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond) // the second joins
	leave()
	time.Sleep(10 * time.Millisecond)
	close(g.open)
	wait.Wait()
	assert.Equal(t, int64(1), f.pulls.Load())
}

func TestAPullThatNobodyWaitsForEnds(t *testing.T) {
	f := newFake("b")
	ended, begun := make(chan error, 1), make(chan struct{})
	f.onPull = func(ctx context.Context, _ string) error {
		close(begun)
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	}
	f.put("c", 2, 7, line(50, 0))
	l := open(t, lake.Defaults(), f)
	leaving, leave := context.WithCancel(t.Context())
	go func() { <-begun; leave() }()
	_, err := askAs(leaving, l, key("b", "c"), one(3, nil))
	requireFault(t, err, fault.Cancelled, "b/c")
	require.ErrorIs(t, <-ended, context.Canceled)
	f.onPull = nil
	assert.Equal(t, int64(7), first(t, l, "b", "c", one(3, nil)))
}

// A caller that finds a pull of an older state under way must not be given that state.
func TestAFreshSearchIsNotAnsweredByAPullThatBeganBefore(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(3, 0))
	begun, open1 := make(chan struct{}, 10), make(chan struct{})
	var once atomic.Bool
	f.onPull = func(context.Context, string) error { // after the state was taken
		begun <- struct{}{}
		if once.CompareAndSwap(false, true) {
			<-open1
		}
		return nil
	}
	l := open(t, lake.Defaults(), f)
	var wait sync.WaitGroup
	wait.Go(func() { assert.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil))) })
	<-begun
	f.put("c", 2, 200, line(3, 0))
	for range 5 {
		wait.Go(func() { assert.Equal(t, int64(200), first(t, l, "b", "c", one(1, nil))) })
	}
	for l.Stats().Misses < 6 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond)
	close(open1)
	wait.Wait()
	assert.Equal(t, int64(2), f.pulls.Load())
}

func TestWhatWasPulledIsFiledUnderTheGenerationOfThePull(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(3, 0))
	moved := false
	f.onPull = func(context.Context, string) error { // after the state was taken
		if !moved {
			moved = true
			f.put("c", 2, 200, line(3, 0))
		}
		return nil
	}
	l := open(t, lake.Defaults(), f)
	got := first(t, l, "b", "c", one(1, nil))
	assert.Equal(t, int64(100), got, "it was the state when the call began")
	witness, _ := l.Target(key("b", "c")).Witness()
	assert.Equal(t, bundle.Witness2("fake://b/c", 2, 42, 20, bundle.Number(1)), witness)
	assert.Equal(t, int64(200), first(t, l, "b", "c", one(1, nil)))
	witness, _ = l.Target(key("b", "c")).Witness()
	assert.Equal(t, bundle.Witness2("fake://b/c", 2, 42, 20, bundle.Number(2)), witness)
}

func TestADimensionThatTheStampDoesNotKnowComesFromThePull(t *testing.T) {
	a := newFake("a")
	a.put("c", 2, 100, line(3, 0))
	hidden := &unknowing{a}
	l := open(t, lake.Defaults(), hidden)
	assert.Equal(t, int64(100), first(t, l, "a", "c", one(1, nil)))
	assert.Equal(t, int64(100), first(t, l, "a", "c", one(1, nil)))
	witness, _ := l.Target(key("a", "c")).Witness()
	assert.Equal(t, bundle.Witness2("fake://a/c", 2, 42, 20, bundle.Number(1)), witness)
	s := l.Stats()
	assert.Equal(t, [2]int64{1, 1}, [2]int64{s.Hits, s.Primes})
}

func TestStaleWhileRevalidateAnswersFromWhatIsThere(t *testing.T) {
	f, g := newFake("b"), newGate()
	f.put("c", 2, 100, line(3, 0))
	o := lake.Defaults()
	o.StaleWhileRevalidate = true
	l := open(t, o, f)
	require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
	f.onPull = g.wait
	f.put("c", 2, 200, line(3, 0))
	for range 10 {
		require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
	}
	<-g.begun
	close(g.open)
	require.Eventually(t, func() bool { return l.Stats().Primes == 2 }, 5*time.Second,
		time.Millisecond)
	require.Equal(t, int64(200), first(t, l, "b", "c", one(1, nil)))
	s := l.Stats()
	assert.Equal(t, int64(10), s.Stale)
	assert.Equal(t, int64(2), f.pulls.Load())
}

func TestStaleIfErrorAnswersFromWhatIsThere(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		f := newFake("b")
		f.put("c", 2, 100, line(3, 0))
		o := lake.Defaults()
		o.StaleIfError = allowed
		l := open(t, o, f)
		require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
		broken := errors.New("no route to host")
		failing := []func(){
			func() { f.onStamp = func(context.Context, string) error { return broken } },
			func() { f.onPull = func(context.Context, string) error { return broken } },
		}
		for _, fail := range failing {
			fail()
			f.put("c", 2, 200, line(3, 0))
			got, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
			if allowed {
				require.NoError(t, err)
				require.Equal(t, int64(100), got.IDs[0])
			} else {
				requireFault(t, err, fault.BackendError, "b/c", "no route to host")
			}
			f.onStamp, f.onPull = nil, nil
		}
		require.Equal(t, int64(100), first(t, l, "b", "c", one(1, in(lake.Frozen))))
		require.Equal(t, int64(200), first(t, l, "b", "c", one(1, nil)))
		f.drop("c")
		_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
		requireFault(t, err, fault.UnknownCollection, "b/c") // an answer, not a failure
	}
}

func TestASessionAsksOncePerKey(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(3, 0))
	l := open(t, lake.Defaults(), f)
	q := one(1, nil)
	q.Session = l.NewSession()
	defer q.Session.Drop()
	require.Equal(t, int64(100), first(t, l, "b", "c", q))
	f.put("c", 2, 200, line(3, 0))
	stamps := f.stamps.Load()
	require.Equal(t, int64(100), first(t, l, "b", "c", q))
	require.Equal(t, stamps, f.stamps.Load())
	q.Session = l.NewSession()
	defer q.Session.Drop()
	require.Equal(t, int64(200), first(t, l, "b", "c", q))
}

func TestABatchIsOneHit(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(3, 0))
	l := open(t, lake.Defaults(), f)
	q := &lake.Query{SearchParams: arrowidx.SearchParams{Queries: line(5, 0), NQ: 5, K: 1}}
	for range 3 {
		_, err := askAs(t.Context(), l, key("b", "c"), q)
		require.NoError(t, err)
	}
	s := l.Stats()
	assert.Equal(t, [3]int64{2, 1, 1}, [3]int64{s.Hits, s.Misses, s.Primes})
	assert.Equal(t, s.Hits, l.StatsByBackend()["b"].Hits)
	assert.Equal(t, s.Hits, l.StatsByCollection()[key("b", "c")].Hits)
	rate, ok := s.HitRate()
	assert.True(t, ok)
	assert.InDelta(t, 2./3, rate, 1e-9)
	avg, ok := s.AvgPrime()
	assert.True(t, ok)
	assert.Equal(t, s.PrimeLast, avg)
}

func TestVectorsThatAreLentAreCopied(t *testing.T) {
	for _, lent := range []bool{true, false} {
		f := newFake("b")
		f.lent = lent
		rows := line(6, 1)
		f.put("c", 2, 100, rows)
		f.stream = func(t table, _ []arrow.RecordBatch) array.RecordReader {
			ids := array.NewInt64Builder(memory.DefaultAllocator)
			ids.AppendValues(t.ids, nil)
			all, _ := array.NewRecordReader(t.schema(), []arrow.RecordBatch{array.NewRecordBatch(
				t.schema(), []arrow.Array{ids.NewArray(), borrowed(rows)}, 6)})
			return all
		}
		l := open(t, lake.Defaults(), f)
		require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
		rows[0], rows[10] = 50, 0 // the last is the nearest now
		got, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
		if lent {
			require.NoError(t, err)
			require.Equal(t, int64(100), got.IDs[0])
		} else { // who says that it keeps them and does not, is told
			requireFault(t, err, fault.VectorsChanged, "b/c")
		}
	}
}

// borrowed are rows of two dimensions as an array that does not copy them.
func borrowed(rows []float32) arrow.Array {
	bytes := memory.NewBufferBytes(arrow.Float32Traits.CastToBytes(rows))
	child := array.NewData(arrow.PrimitiveTypes.Float32, len(rows), []*memory.Buffer{nil, bytes}, nil,
		0, 0)
	return array.MakeFromData(array.NewData(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32),
		len(rows)/2, []*memory.Buffer{nil}, []arrow.ArrayData{child}, 0, 0))
}

// describing is a store that says more of a collection than its stamp.
type describing struct {
	*fake
	said bundle.Bundle
	err  error
}

func (d *describing) Describe(context.Context, string) (bundle.Bundle, error) {
	return d.said, d.err
}

func TestADescriptionNamesTheDataAndTheLakeTheRest(t *testing.T) {
	d := &describing{fake: newFake("b"), said: bundle.Bundle{DataRef: "s3://x", RotationSeed: 7,
		RerankFactor: 99, Dim: 77, PIIPolicy: "none", Generation: bundle.Number(55)}}
	d.put("c", 2, 100, line(3, 0))
	l := open(t, lake.Defaults(), d)
	for range 2 {
		require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
	}
	witness, _ := l.Target(key("b", "c")).Witness()
	assert.Equal(t, bundle.Witness2("s3://x", 2, 42, 20, bundle.Number(1)), witness)
	assert.Equal(t, int64(1), l.Stats().Hits)
	d.put("c", 2, 200, line(3, 0))
	d.err = errors.New("no catalogue")
	_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.BackendError, "b/c", "no catalogue")
}
