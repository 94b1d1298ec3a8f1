package lake_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// A stamp is of the state that was pulled only if all that it says is the same.
func TestEveryPartOfAStampCounts(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(3, 0))
	f.put("c", 2, 200, line(3, 0))
	l := open(t, lake.Defaults(), f)
	require.Equal(t, int64(200), first(t, l, "b", "c", one(1, nil)))
	f.edit("c", func(t *table) { t.ref, t.ids[0] = "s3://moved", 7 })
	require.Equal(t, int64(7), first(t, l, "b", "c", one(1, nil)))
	f.edit("c", func(t *table) { t.ref, t.generation, t.ids[0] = "s3://new", bundle.Number(1), 8 })
	require.Equal(t, int64(8), first(t, l, "b", "c", one(1, nil)), "other data counts anew")
	f.edit("c", func(t *table) { t.dim = 3 })
	_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.BackendError, "b/c", "3")
	require.Equal(t, int64(3), l.Stats().Primes)
}

func TestManyMissesOfAnUnknownDimensionPullOnce(t *testing.T) {
	f, g := newFake("b"), newGate()
	f.onPull = g.wait
	f.put("c", 2, 7, line(50, 0))
	l := open(t, lake.Defaults(), &unknowing{f})
	var wait sync.WaitGroup
	for range 30 {
		wait.Go(func() { assert.Equal(t, int64(7), first(t, l, "b", "c", one(3, nil))) })
	}
	<-g.begun
	for l.Stats().Misses < 30 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(10 * time.Millisecond) // all wait
	close(g.open)
	wait.Wait()
	assert.Equal(t, int64(1), f.pulls.Load())
}

func TestARevalidationGoesOnWhenItsOnlyCallerLeaves(t *testing.T) {
	f, g := newFake("b"), newGate()
	f.put("c", 2, 100, line(3, 0))
	o := lake.Defaults()
	o.StaleWhileRevalidate = true
	l := open(t, o, f)
	require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
	f.onPull = g.wait
	f.put("c", 2, 200, line(3, 0))
	require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
	<-g.begun
	require.True(t, l.Target(key("b", "c")).Invalidate()) // who comes now must wait for it
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := askAs(ctx, l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.Cancelled, "b/c")
	close(g.open)
	require.Eventually(t, func() bool { return l.Stats().Primes == 2 }, 5*time.Second,
		time.Millisecond)
	require.Equal(t, int64(2), f.pulls.Load())
	require.Equal(t, int64(200), first(t, l, "b", "c", one(1, in(lake.Frozen))))
}

// What nobody waits for any more changes nothing, also when it would only point to another's entry.
func TestAnAbandonedFlightDoesNotPoint(t *testing.T) {
	a, b := newFake("a"), newFake("b")
	for _, f := range []*fake{a, b} {
		f.put("c", 2, 7, line(3, 0))
		f.edit("c", func(t *table) { t.ref = "s3://c" })
	}
	l := open(t, lake.Defaults(), a, b)
	require.Equal(t, int64(7), first(t, l, "a", "c", one(1, nil)))
	begun, release := make(chan struct{}), make(chan struct{})
	b.onStamp = func(context.Context, string) error { // the first is the caller's
		if b.stamps.Load() == 2 {
			close(begun)
			<-release
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	_, err := askAs(ctx, l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.Cancelled, "b/c")
	close(release)
	time.Sleep(20 * time.Millisecond)
	_, has := l.Target(key("b", "c")).Witness()
	assert.False(t, has)
	assert.Zero(t, l.Stats().SharedHits)
	assert.Equal(t, int64(7), first(t, l, "b", "c", one(1, nil)))
	assert.Equal(t, int64(1), l.Stats().SharedHits)
}

func TestACollectionOfNoRowsFindsNothing(t *testing.T) {
	for _, batches := range []int{2, 0} {
		f := newFake("b")
		f.put("c", 2, 100, line(1, 0))
		f.edit("c", func(t *table) { t.ids, t.rows = nil, nil })
		f.stream = func(t table, b []arrow.RecordBatch) array.RecordReader {
			if len(t.ids) == 0 {
				b = b[:batches]
			}
			rows, _ := array.NewRecordReader(t.schema(), b)
			return rows
		}
		l := open(t, lake.Defaults(), f)
		for range 2 {
			out := arrowidxtest.Outputs(1, 3)
			_, err := l.Target(key("b", "c")).Search(t.Context(), one(3, nil), &out)
			require.NoError(t, err)
			assert.Zero(t, out.Counts[0])
			assert.Equal(t, []int64{-1, -1, -1}, out.Rows)
		}
		witness, _ := l.Target(key("b", "c")).Witness()
		assert.Equal(t, bundle.Witness2("fake://b/c", 2, 42, 20, bundle.Number(1)), witness)
		assert.Equal(t, int64(1), l.Stats().Hits)
		f.put("c", 2, 100, line(1, 0))
		assert.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
	}
}

func TestACallerThatIsGoneIsGivenNothingStale(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(1, 0))
	o := lake.Defaults()
	o.StaleIfError = true
	l := open(t, o, f)
	require.Equal(t, int64(100), first(t, l, "b", "c", one(1, nil)))
	f.onStamp = func(ctx context.Context, _ string) error { return ctx.Err() }
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := askAs(ctx, l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.Cancelled, "b/c")
	assert.Zero(t, l.Stats().Stale)
}

func TestACollectionThatMovesBetweenStampAndPullIsFiledAsWhatItBecame(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 100, line(3, 0))
	f.before = func() {
		f.before = nil
		f.put("c", 3, 200, make([]float32, 9))
		f.edit("c", func(t *table) { t.ref = "s3://moved" })
	}
	l := open(t, lake.Defaults(), f)
	require.NoError(t, l.Target(key("b", "c")).Prime(t.Context()))
	witness, _ := l.Target(key("b", "c")).Witness()
	assert.Equal(t, bundle.Witness2("s3://moved", 3, 42, 20, bundle.Number(2)), witness)
	_, err := askAs(t.Context(), l, key("b", "c"), one(1, nil))
	requireFault(t, err, fault.DimensionMismatch, "b/c")
	assert.Equal(t, int64(1), l.Stats().Hits)
}
