package search

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

func TestLogarithmsOfRanksAreCloseAndRise(t *testing.T) {
	for n := 1; n < 1<<17; n++ {
		have, want := float64(log2(n)), math.Log2(float64(n))
		require.LessOrEqual(t, have, want+1e-6, "log2(%d)", n)
		require.Greater(t, have, want-0.0861, "log2(%d)", n)
		require.Greater(t, log2(n+1), log2(n), "log2(%d)", n)
	}
	for _, power := range []int{0, 1, 5, 16} {
		require.Equal(t, float32(power), log2(1<<power))
	}
}

func TestAFartherCellOfOneCosineScoresMore(t *testing.T) {
	rule := Rule{Cut: 0.5, Weight: 0.06}
	require.Equal(t, float32(0.25), rule.Score(0.25, 0))
	for rank := range 500 {
		require.Greater(t, rule.Score(0.25, rank+1), rule.Score(0.25, rank))
	}
	require.Equal(t, float32(0.25), Rule{Cut: 0.5}.Score(0.25, 77), "without weight ranks are nothing")
	require.True(t, rule.leaves())
	require.True(t, Rule{Cut: 0.5}.leaves())
	require.False(t, Rule{Cut: 1}.leaves())
}

// The cosine is that of the triangle of query, centroid and a row of mean residual length at the
// distance tau.
func TestTheCosineIsThatOfTheTriangle(t *testing.T) {
	r := rand.New(rand.NewPCG(450, 0))
	for range 1000 {
		far, length, angle := 0.1+r.Float64(), 0.1+r.Float64(), math.Pi*r.Float64()
		tau := far*far + length*length - 2*far*length*math.Cos(angle)
		c := &segment.Cells{MeanResidual: []float32{float32(length)}}
		require.InDelta(t, math.Cos(angle), Cosine(c, float32(far*far), 0, float32(tau)), 1e-4)
	}
	c := &segment.Cells{MeanResidual: []float32{0, 1}}
	require.EqualValues(t, -1, Cosine(c, 1, 0, 0.5), "a cell whose rows are all its centroid")
	require.EqualValues(t, -1, Cosine(c, 0, 1, 0.5), "a query at a centroid")
	require.EqualValues(t, -1, Cosine(c, -1e-9, 1, 0.5), "rounding")
}

// A bucket holds few cells, so a rank is right to within those that share its bucket.
func TestRanksAreThoseOfSortingToWithinABucket(t *testing.T) {
	r := rand.New(rand.NewPCG(451, 0))
	for _, n := range []int{1, 2, 30, 700, 5000} {
		order, visits := make([]float32, n), make([]Visit, n)
		for i := range order {
			order[i] = float32(1 + r.NormFloat64()/5)
			visits[i] = Visit{Cell: uint32(i), Order: order[i]}
		}
		k, other := &ranks{}, &ranks{}
		k.count(append(order, mem.Infinity, mem.Infinity))
		other.countVisits(visits)
		require.Equal(t, *k, *other, "infinite distances are not counted")
		for _, v := range order {
			nearer, together := 0, 0
			for _, o := range order {
				if o < v && k.bucket(o) < k.bucket(v) {
					nearer++
				}
				if k.bucket(o) == k.bucket(v) {
					together++
				}
			}
			require.Equal(t, nearer, k.of(v))
			require.LessOrEqual(t, together, 1+n/4)
		}
	}
	one := &ranks{}
	one.count([]float32{2, 2, 2})
	require.Zero(t, one.of(2), "equal distances have no nearer ones")
	one.count(nil)
	require.Zero(t, one.of(2))
}

func TestPlacesAreRanksToWithinAStep(t *testing.T) {
	r := rand.New(rand.NewPCG(452, 0))
	s := &Searcher{}
	for _, n := range []int{1, 2, 50, 900, 0, 7} {
		s.out = make([]float32, n)
		for i := range s.out {
			s.out[i] = float32(r.NormFloat64())
		}
		seen := make([]bool, n)
		places := s.places()
		require.Len(t, places, n)
		for i, place := range places {
			require.False(t, seen[place], "every place is taken once")
			seen[place] = true
			nearer := 0
			for _, v := range s.out {
				if v < s.out[i] {
					nearer++
				}
			}
			require.InDelta(t, nearer, int(place), 1+float64(n)/200)
		}
	}
	s.out = []float32{7, 7, 7}
	require.Equal(t, []uint32{0, 1, 2}, s.places(), "equal ones stay in their order")
	s.out = []float32{4095, 0, 64, 63, 64}
	require.Equal(t, []uint32{4, 0, 2, 1, 3}, s.places(), "by the greater digit, then the smaller")
}

// Bounds that are made wider are those of a query that was made ready with the greater epsilon0.
func TestWidenedBoundsAreThoseOfAGreaterEpsilon(t *testing.T) {
	q := Query{epsilon: 1.5, zErr: 0.25, Origin: Place{Add: 3, Err: 2}}
	q.Scan.Err, q.Scan.TabErr, q.Scan.Add = 2, 0.5, 3
	q.widen(2)
	require.Equal(t, [...]float32{3, 0.5, 4, 4, 1},
		[...]float32{q.epsilon, q.zErr, q.Origin.Err, q.Scan.Err, q.Scan.TabErr})
	require.Equal(t, [...]float32{3, 3}, [...]float32{q.Origin.Add, q.Scan.Add})
}

func TestMergedVisitsRise(t *testing.T) {
	r := rand.New(rand.NewPCG(452, 0))
	for turn := range 200 {
		cells, n := r.Perm(50)[:turn%40], 0
		visits, others := []Visit{}, []Visit{}
		slices.Sort(cells)
		for _, cell := range cells {
			if v := (Visit{Cell: uint32(cell), Order: float32(cell)}); r.IntN(2) == 0 {
				visits = append(visits, v)
				n++
			} else {
				others = append(others, v)
			}
		}
		visits = append(visits, make([]Visit, len(others))...)
		mergeVisits(visits, n, others)
		for i, cell := range cells {
			require.Equal(t, Visit{Cell: uint32(cell), Order: float32(cell)}, visits[i])
		}
	}
}
