package arrowidx_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// TestSixteenReadersBesideOneWriter searches while rows are added, replaced, deleted and compacted.
// Row i holds the number i in every dimension and keeps it through every change, and is replaced by
// an equal one only, so that every answer can be checked without knowing its version.
func TestSixteenReadersBesideOneWriter(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		t.Run(kind.String(), func(t *testing.T) {
			const d, n, readers, changes = 8, 600, 16, 60
			ix := numberedIndex(t, kind, d, n)
			defer ix.Close()
			var stop atomic.Bool
			var wait sync.WaitGroup
			for reader := range readers {
				wait.Go(func() {
					for i := reader; !stop.Load(); i++ {
						if !numberedAnswer(t, ix, d, float32(i%n)) {
							return
						}
					}
				})
			}
			for c := range changes {
				changeNumbered(t, ix, d, n, c)
			}
			stop.Store(true)
			wait.Wait()
			require.Equal(t, n, ix.Len())
		})
	}
}

// numbered makes rows whose numbers are all i, for i in [from, to).
func numbered(d, from, to int) (rows []float32, ids []int64) {
	for i := from; i < to; i++ {
		ids = append(ids, int64(i))
		for range d {
			rows = append(rows, float32(i))
		}
	}
	return rows, ids
}

func numberedIndex(t *testing.T, kind arrowidx.Kind, d, n int) *arrowidx.Index {
	rows, ids := numbered(d, 0, n)
	col := arrowidxtest.Column(t, rows, d, 2)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
		Kind: kind, Metric: arrowidx.L2, IDs: namesOf(t, arrowidx.IDInt64, ids), Cells: 8,
	})
	require.NoError(t, err)
	return ix
}

// numberedAnswer searches for the rows nearest to number x and checks that each is as far away as
// its id says, and that no id comes twice.
func numberedAnswer(t *testing.T, ix *arrowidx.Index, d int, x float32) bool {
	q := make([]float32, d)
	for i := range q {
		q[i] = x
	}
	const k = 5
	out := arrowidxtest.Outputs(1, k)
	_, err := ix.Search(t.Context(), &arrowidx.SearchParams{
		Queries: q, NQ: 1, K: k, Rerank: -1, Epsilon0: arrowidxtest.Sure, Probes: math.MaxInt32,
		Threads: 1,
	}, &out)
	if !assert.NoError(t, err) || !assert.Equal(t, int64(k), out.Counts[0]) {
		return false
	}
	rows := append([]int64(nil), out.Rows...)
	out.IDs.Numbers(rows, 0)
	seen := map[int64]bool{}
	for j, id := range rows {
		want := math.Abs(float64(id)-float64(x)) * math.Sqrt(float64(d))
		if seen[id] || !assert.InDelta(t, want, out.Scores[j], 1e-3, "id %d for %v", id, x) {
			return false
		}
		seen[id] = true
	}
	return true
}

// changeNumbered deletes some rows and brings them back, in one of several ways.
func changeNumbered(t *testing.T, ix *arrowidx.Index, d, n, c int) {
	from := c * 37 % (n - 40)
	rows, ids := numbered(d, from, from+20)
	col := arrowidxtest.Column(t, rows, d, 1)
	defer col.Release()
	names := namesOf(t, arrowidx.IDInt64, ids)
	if c%3 == 0 {
		_, err := ix.Upsert(t.Context(), names, col, arrowidx.AddOptions{})
		require.NoError(t, err)
	} else {
		deleted, err := ix.Delete(idArray(arrowidx.IDInt64, ids), false)
		require.NoError(t, err)
		require.Equal(t, 20, deleted)
		_, err = ix.Add(t.Context(), names, col, arrowidx.AddOptions{})
		require.NoError(t, err)
	}
	if c%10 == 9 {
		require.NoError(t, ix.Compact(t.Context(), 1))
	}
}

func TestPositionsGivenAsIDsAreNumbers(t *testing.T) {
	const d, n = 4, 20
	rows, names := numbered(d, 0, n)
	col := arrowidxtest.Column(t, rows, d, 1)
	defer col.Release()
	three := arrowidxtest.Column(t, rows[:3*d], d, 1)
	defer three.Release()
	for _, ids := range []*arrowidx.IDs{nil, arrowidx.PositionIDs(n),
		namesOf(t, arrowidx.IDInt64, names), namesOf(t, arrowidx.IDUint64, names)} {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{IDs: ids,
			Metric: arrowidx.L2})
		require.NoError(t, err)
		replaced, err := ix.Upsert(t.Context(), arrowidx.PositionIDs(3), three, arrowidx.AddOptions{})
		require.NoError(t, err)
		assert.Equal(t, 3, replaced)
		assert.Equal(t, n, ix.Len())
		_, err = ix.Add(t.Context(), arrowidx.PositionIDs(3), three, arrowidx.AddOptions{})
		require.Equal(t, arrowidx.DuplicateID, arrowidx.KindOf(err))
		ix.Close()
	}
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
		IDs: namesOf(t, arrowidx.IDString, names)})
	require.NoError(t, err)
	defer ix.Close()
	_, err = ix.Upsert(t.Context(), arrowidx.PositionIDs(3), three, arrowidx.AddOptions{})
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
}
