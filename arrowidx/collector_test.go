package arrowidx

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The heaps of a search against sorting everything.

// randomHits draws distances from few values, so that many are equal.
func randomHits(r *rand.Rand, n, values int) []hit {
	hits := make([]hit, n)
	for i := range hits {
		hits[i] = hit{float64(r.IntN(values)) - float64(values)/2, uint32(i)}
	}
	r.Shuffle(n, func(i, j int) { hits[i], hits[j] = hits[j], hits[i] })
	return hits
}

func sortedHits(hits []hit) []hit {
	out := slices.Clone(hits)
	slices.SortFunc(out, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.dist, b.dist), cmp.Compare(a.row, b.row))
	})
	return out
}

func TestNearestKeepsTheKSmallestInAnyOrder(t *testing.T) {
	const seed = 300
	r := rand.New(rand.NewPCG(seed, 0))
	for range 400 {
		n, k := r.IntN(200), r.IntN(60)
		hits := randomHits(r, n, 1+r.IntN(50))
		var heap nearest
		heap.reset(k)
		for _, h := range hits {
			heap.push(h)
			if heap.full() && k > 0 {
				worst := slices.MaxFunc(heap.heap, func(a, b hit) int {
					return cmp.Compare(a.dist, b.dist)
				})
				require.Equal(t, worst.dist, heap.worst(), "seed %d", seed)
			}
		}
		want := sortedHits(hits)[:min(n, k)]
		require.Equal(t, n >= k, heap.full(), "seed %d", seed)
		require.Equal(t, want, append([]hit{}, heap.sorted()...), "seed %d: %d of %d", seed, k, n)
		heap.reset(k + 1)
		require.Empty(t, heap.heap, "a reset heap is empty")
	}
}

func TestNearestOfNothingHoldsNothing(t *testing.T) {
	var heap nearest
	heap.reset(0)
	heap.push(hit{1, 1})
	require.Empty(t, heap.sorted())
}

func TestHitsAtOneDistanceAreOrderedByRow(t *testing.T) {
	require.True(t, hit{1, 2}.less(hit{1, 3}))
	require.False(t, hit{1, 3}.less(hit{1, 2}))
	require.False(t, hit{1, 2}.less(hit{1, 2}))
	require.True(t, hit{-1, 9}.less(hit{1, 0}))
}

// interval is what a collector is offered: a true distance somewhere in [low, up].
type interval struct{ low, up, truth float32 }

func randomIntervals(r *rand.Rand, n int) []interval {
	out := make([]interval, n)
	for i := range out {
		truth, width := r.Float32()*100, r.Float32()*10
		out[i] = interval{truth - width*r.Float32(), truth + width*r.Float32(), truth}
	}
	return out
}

func kthUpper(rows []interval, k int) float32 {
	if len(rows) < k {
		return float32(math.Inf(1))
	}
	ups := make([]float32, len(rows))
	for i, v := range rows {
		ups[i] = v.up
	}
	slices.Sort(ups)
	return ups[k-1]
}

func TestTauIsTheKthUpperBoundAndOnlyFalls(t *testing.T) {
	const seed = 301
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		k := 1 + r.IntN(20)
		rows := randomIntervals(r, r.IntN(300))
		var c collector
		c.reset(k)
		for i, v := range rows {
			before := c.tau
			c.offer(i, v.low, v.up, v.truth)
			require.LessOrEqual(t, c.tau, before, "seed %d", seed)
			require.Equal(t, kthUpper(rows[:i+1], k), c.tau, "seed %d after %d", seed, i+1)
		}
	}
}

func TestNoRowOfTheKNearestIsLost(t *testing.T) {
	const seed = 302
	r := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		k := 1 + r.IntN(30)
		rows := randomIntervals(r, 3000)
		var c collector
		c.reset(k)
		c.limit = 1 + r.IntN(200) // pruned often
		for i, v := range rows {
			c.offer(i, v.low, v.up, v.truth)
		}
		c.prune()
		kept := map[uint32]bool{}
		for _, row := range c.rows {
			kept[row.pos] = true
			require.LessOrEqual(t, row.low, c.tau)
		}
		order := make([]int, len(rows))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(rows[a].truth, rows[b].truth) })
		for _, row := range order[:k] {
			require.True(t, kept[uint32(row)], "seed %d: row %d at %v", seed, row, rows[row].truth)
		}
		require.Less(t, len(c.rows), len(rows)/2, "most rows are dropped")
	}
}

func TestMergedCollectorsAreOne(t *testing.T) {
	const seed = 303
	r := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		k, rows := 1+r.IntN(10), randomIntervals(r, 400)
		var one, left, right collector
		one.reset(k)
		left.reset(k)
		right.reset(k)
		cut := r.IntN(len(rows))
		for i, v := range rows {
			one.offer(i, v.low, v.up, v.truth)
			if i < cut {
				left.offer(i, v.low, v.up, v.truth)
			} else {
				right.offer(i, v.low, v.up, v.truth)
			}
		}
		left.merge(&right)
		one.prune()
		left.prune()
		require.Equal(t, one.tau, left.tau, "seed %d", seed)
		var values []float32
		one.byBound(&values)
		left.byBound(&values)
		require.Equal(t, one.rows, left.rows, "seed %d", seed)
	}
}

func TestCandidatesAreSortedByBoundOrEstimateThenRow(t *testing.T) {
	rows := []candidate{{5, 1, 3}, {2, 1, 2}, {9, 0, 3}, {1, 2, 2}, {0, 2, 1}}
	order := func(c *collector) (out []uint32) {
		for _, r := range c.rows {
			out = append(out, r.pos)
		}
		return out
	}
	c := collector{rows: slices.Clone(rows)}
	var values []float32
	require.Equal(t, len(rows), c.byBound(&values))
	require.Equal(t, []uint32{9, 2, 5, 0, 1}, order(&c))
	c.byEstimate(func(pos uint32) uint32 { return pos })
	require.Equal(t, []uint32{0, 1, 2, 5, 9}, order(&c))
}

func TestTheLeastBoundsComeFirstAndTheRestLater(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, distinct := range []int{1, 3, 1000} {
		var c collector
		for i := range 500 {
			c.rows = append(c.rows, candidate{uint32(i), float32(r.IntN(distinct)), 0})
		}
		want := slices.Clone(c.rows)
		sortByBound(want)
		require.True(t, slices.IsSortedFunc(want, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.pos, b.pos))
		}))
		var values []float32
		n := c.byBound(&values)
		require.GreaterOrEqual(t, n, sortedFirst)
		sortByBound(c.rows[n:])
		require.Equal(t, want, c.rows, "%d bounds", distinct)
	}
}

func TestAThresholdFromOutsideHoldsFromTheFirstRow(t *testing.T) {
	var c collector
	c.reset(2)
	c.tau = 5
	c.offer(0, 6, 7, 6)
	require.Empty(t, c.rows)
	c.offer(1, 5, 8, 6)
	require.Len(t, c.rows, 1, "at the threshold is in")
	c.offer(2, 1, 2, 1)
	require.Equal(t, float32(5), c.tau, "the second of two upper bounds is 8")
}

func TestNextUpIsTheNextNumber(t *testing.T) {
	inf := float32(math.Inf(1))
	for x, want := range map[float32]float32{
		0: math.SmallestNonzeroFloat32, 1: 1 + 1.0/(1<<23), inf: inf,
		math.MaxFloat32: inf, -1: -1 + 1.0/(1<<24),
	} {
		require.Equal(t, want, nextUp(x))
	}
}
