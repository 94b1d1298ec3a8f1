package topk

import (
	"cmp"
	"math"
	rand "math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// randomHits draws distances from few values, so that many are equal.
func randomHits(r *rand.Rand, n, values int) []Hit {
	hits := make([]Hit, n)
	for i := range hits {
		hits[i] = Hit{float64(r.IntN(values)) - float64(values)/2, uint32(i)}
	}
	r.Shuffle(n, func(i, j int) { hits[i], hits[j] = hits[j], hits[i] })
	return hits
}

func sortedHits(hits []Hit) []Hit {
	out := slices.Clone(hits)
	slices.SortFunc(out, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.Dist, b.Dist), cmp.Compare(a.Row, b.Row))
	})
	return out
}

func TestNearestKeepsTheKSmallestInAnyOrder(t *testing.T) {
	const seed = 300
	r := rand.New(rand.NewPCG(seed, 0))
	for range 400 {
		n, k := r.IntN(200), r.IntN(60)
		hits := randomHits(r, n, 1+r.IntN(50))
		var heap Heap
		heap.Reset(k)
		for _, h := range hits {
			heap.Push(h)
			if heap.Full() && k > 0 {
				worst := slices.MaxFunc(heap.Heap, func(a, b Hit) int {
					return cmp.Compare(a.Dist, b.Dist)
				})
				require.Equal(t, worst.Dist, heap.Worst(), "seed %d", seed)
			}
		}
		want := sortedHits(hits)[:min(n, k)]
		require.Equal(t, n >= k, heap.Full(), "seed %d", seed)
		require.Equal(t, want, append([]Hit{}, heap.Sorted()...), "seed %d: %d of %d", seed, k, n)
		heap.Reset(k + 1)
		require.Empty(t, heap.Heap, "a reset heap is empty")
	}
}

// Pushing rows in parts, between single hits too, keeps what pushing each of them keeps.
func TestRowsArePushedAsOneByOne(t *testing.T) {
	const seed = 301
	r := rand.New(rand.NewPCG(seed, 0))
	for turn := range 600 {
		n, k := r.IntN(120), r.IntN(40)
		hits := randomHits(r, n, 1+r.IntN(50))
		var heap Heap
		heap.Reset(k)
		for from := 0; from < n; {
			to := min(from+1+r.IntN(30), n)
			if turn%3 == 0 && from%2 == 1 {
				to = from + 1
				heap.Push(hits[from])
			} else {
				var dists []float64
				var rows []uint32
				for _, h := range hits[from:to] {
					dists, rows = append(dists, h.Dist), append(rows, h.Row)
				}
				heap.PushRows(dists, rows)
			}
			if from = to; heap.Full() && k > 0 {
				require.Equal(t, sortedHits(hits[:to])[k-1].Dist, heap.Worst(), "seed %d", seed)
			}
		}
		require.Equal(t, sortedHits(hits)[:min(n, k)], append([]Hit{}, heap.Sorted()...), "seed %d", seed)
	}
}

func TestNearestOfNothingHoldsNothing(t *testing.T) {
	var heap Heap
	heap.Reset(0)
	heap.Push(Hit{1, 1})
	require.Empty(t, heap.Sorted())
}

func TestHitsAtOneDistanceAreOrderedByRow(t *testing.T) {
	require.True(t, Hit{1, 2}.Less(Hit{1, 3}))
	require.False(t, Hit{1, 3}.Less(Hit{1, 2}))
	require.False(t, Hit{1, 2}.Less(Hit{1, 2}))
	require.True(t, Hit{-1, 9}.Less(Hit{1, 0}))
}

// interval is what candidates are offered: a true distance somewhere in [low, up].
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
		var c Candidates
		c.Reset(k)
		for i, v := range rows {
			before := c.Tau
			c.Offer(i, v.low, v.up, v.truth)
			require.LessOrEqual(t, c.Tau, before, "seed %d", seed)
			require.Equal(t, kthUpper(rows[:i+1], k), c.Tau, "seed %d after %d", seed, i+1)
		}
	}
}

func TestNoRowOfTheKNearestIsLost(t *testing.T) {
	const seed = 302
	r := rand.New(rand.NewPCG(seed, 0))
	for range 60 {
		k := 1 + r.IntN(30)
		rows := randomIntervals(r, 3000)
		var c Candidates
		c.Reset(k)
		c.Limit = 1 + r.IntN(200) // pruned often
		for i, v := range rows {
			c.Offer(i, v.low, v.up, v.truth)
		}
		c.Prune()
		kept := map[uint32]bool{}
		for _, row := range c.Rows {
			kept[row.Pos] = true
			require.LessOrEqual(t, row.Low, c.Tau)
		}
		order := make([]int, len(rows))
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(rows[a].truth, rows[b].truth) })
		for _, row := range order[:k] {
			require.True(t, kept[uint32(row)], "seed %d: row %d at %v", seed, row, rows[row].truth)
		}
		require.Less(t, len(c.Rows), len(rows)/2, "most rows are dropped")
	}
}

func TestMergedCollectorsAreOne(t *testing.T) {
	const seed = 303
	r := rand.New(rand.NewPCG(seed, 0))
	for range 100 {
		k, rows := 1+r.IntN(10), randomIntervals(r, 400)
		var one, left, right Candidates
		one.Reset(k)
		left.Reset(k)
		right.Reset(k)
		cut := r.IntN(len(rows))
		for i, v := range rows {
			one.Offer(i, v.low, v.up, v.truth)
			if i < cut {
				left.Offer(i, v.low, v.up, v.truth)
			} else {
				right.Offer(i, v.low, v.up, v.truth)
			}
		}
		left.Merge(&right)
		one.Prune()
		left.Prune()
		require.Equal(t, one.Tau, left.Tau, "seed %d", seed)
		var values []float32
		var least []uint32
		one.ByBound(&values, &least)
		left.ByBound(&values, &least)
		require.Equal(t, one.Rows, left.Rows, "seed %d", seed)
	}
}

func TestCandidatesAreSortedByBoundOrEstimateThenRow(t *testing.T) {
	rows := []Candidate{{5, 1, 3}, {2, 1, 2}, {9, 0, 3}, {1, 2, 2}, {0, 2, 1}}
	order := func(c *Candidates) (out []uint32) {
		for _, r := range c.Rows {
			out = append(out, r.Pos)
		}
		return out
	}
	c := Candidates{Rows: slices.Clone(rows)}
	var values []float32
	var least []uint32
	require.Equal(t, len(rows), c.ByBound(&values, &least))
	require.Equal(t, []uint32{9, 2, 5, 0, 1}, order(&c))
	c.ByEstimate(func(pos uint32) uint32 { return pos })
	require.Equal(t, []uint32{0, 1, 2, 5, 9}, order(&c))
}

func TestTheLeastBoundsComeFirstAndTheRestLater(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, distinct := range []int{1, 3, 1000} {
		var c Candidates
		for i := range 500 {
			c.Rows = append(c.Rows, Candidate{uint32(i), float32(r.IntN(distinct)), 0})
		}
		want := slices.Clone(c.Rows)
		SortByBound(want)
		require.True(t, slices.IsSortedFunc(want, func(a, b Candidate) int {
			return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.Pos, b.Pos))
		}))
		var values []float32
		var least []uint32
		n := c.ByBound(&values, &least)
		require.GreaterOrEqual(t, n, sortedFirst)
		SortByBound(c.Rows[n:])
		require.Equal(t, want, c.Rows, "%d bounds", distinct)
	}
}

func TestAThresholdFromOutsideHoldsFromTheFirstRow(t *testing.T) {
	var c Candidates
	c.Reset(2)
	c.Tau = 5
	require.False(t, c.Offer(0, 6, 7, 6))
	require.Empty(t, c.Rows)
	require.True(t, c.Offer(1, 5, 8, 6))
	require.Len(t, c.Rows, 1, "at the threshold is in")
	c.Offer(2, 1, 2, 1)
	require.Equal(t, float32(5), c.Tau, "the second of two upper bounds is 8")
}

func TestNextUpIsTheNextNumber(t *testing.T) {
	inf := float32(math.Inf(1))
	for x, want := range map[float32]float32{
		0: math.SmallestNonzeroFloat32, 1: 1 + 1.0/(1<<23), inf: inf,
		math.MaxFloat32: inf, -1: -1 + 1.0/(1<<24),
	} {
		require.Equal(t, want, mem.NextUp(x))
	}
}
