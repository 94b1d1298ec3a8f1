package handle

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

func TestAHandleFindsItsValue(t *testing.T) {
	var table Table
	h := table.Put(Column, "value", nil)
	ref, err := table.Acquire(h, Column)
	require.NoError(t, err)
	require.Equal(t, "value", ref.Value())
	require.Equal(t, Column, ref.Kind())
	ref.Release()
	ref, err = table.Acquire(h, Any)
	require.NoError(t, err)
	ref.Release()
}

func TestHandlesAreNeverUsedTwice(t *testing.T) {
	var table Table
	seen := map[uint64]bool{}
	for range 1000 {
		h := table.Put(Index, 1, nil)
		require.False(t, seen[h])
		seen[h] = true
		require.NoError(t, table.Free(h))
	}
	require.Zero(t, table.Len())
}

func TestWrongHandlesAreErrors(t *testing.T) {
	var table Table
	h := table.Put(Column, 1, nil)
	freed := table.Put(Index, 1, nil)
	require.NoError(t, table.Free(freed))
	gone := table.Put(Column, 1, nil)
	require.NoError(t, table.Free(gone))
	for name, c := range map[string]struct {
		handle uint64
		kind   Kind
		want   arrowidx.ErrorKind
	}{
		"zero index":      {0, Index, arrowidx.IndexClosed},
		"zero column":     {0, Column, arrowidx.InvalidArgument},
		"freed":           {freed, Index, arrowidx.IndexClosed},
		"freed, any":      {freed, Any, arrowidx.IndexClosed},
		"freed, other":    {freed, Column, arrowidx.InvalidArgument},
		"freed column":    {gone, Any, arrowidx.InvalidArgument},
		"kind never made": {freed | 7, Any, arrowidx.InvalidArgument},
		"another kind":    {h, Index, arrowidx.InvalidArgument},
		"never given out": {1 << 60, Index, arrowidx.InvalidArgument},
	} {
		_, err := table.Acquire(c.handle, c.kind)
		require.Equal(t, c.want, arrowidx.KindOf(err), name)
	}
	require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(table.Free(freed)))
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(table.Free(1<<60)))
	require.NoError(t, table.Free(0), "freeing nothing is fine")
	require.Equal(t, 1, table.Len(), "errors hold no reference")
}

func TestCloseRunsOnceWhenTheLastUserIsDone(t *testing.T) {
	var table Table
	closed := 0
	h := table.Put(Index, 1, func() { closed++ })
	a, err := table.Acquire(h, Index)
	require.NoError(t, err)
	b, err := table.Acquire(h, Index)
	require.NoError(t, err)
	require.NoError(t, table.Free(h))
	require.Zero(t, closed, "two users are left")
	a.Release()
	require.Zero(t, closed, "one user is left")
	b.Release()
	require.Equal(t, 1, closed)
}

func TestPoisonedObjectsSayWhy(t *testing.T) {
	var table Table
	h := table.Put(Index, 1, nil)
	ref, err := table.Acquire(h, Index)
	require.NoError(t, err)
	ref.Poison("search: boom")
	ref.Poison("later")
	ref.Release()
	_, err = table.Acquire(h, Index)
	require.Equal(t, arrowidx.Poisoned, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "search: boom")
	require.NoError(t, table.Free(h), "a poisoned object can be freed")
}

func TestManyGoroutinesShareATable(t *testing.T) {
	var table Table
	var closed atomic.Int64
	var wg sync.WaitGroup
	const goroutines, rounds = 8, 500
	shared := table.Put(Index, 1, func() { closed.Add(1) })
	for range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range rounds {
				h := table.Put(Column, 1, func() { closed.Add(1) })
				for _, use := range []uint64{h, shared} {
					if ref, err := table.Acquire(use, Any); err == nil {
						ref.Release()
					}
				}
				_ = table.Free(h)
			}
		}()
	}
	wg.Wait()
	require.Equal(t, int64(goroutines*rounds), closed.Load())
	require.Equal(t, 1, table.Len())
}
