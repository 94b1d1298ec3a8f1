package calibrate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// threeCells is a query that considers three cells, of which the nearest is looked into anyway, and
// whose four neighbours lie in these and in one that is not considered.
var threeCells = surveyed{
	cells: []listed{{5, 0, 10, -mem.Infinity}, {6, 2, 20, 0.25}, {8, 1, 40, 0.125}},
	homes: []int32{0, 1, 2, -1},
}

func TestSharesAndCostsOfACut(t *testing.T) {
	seen := []surveyed{threeCells}
	rule := search.Rule{Cut: 0.7, Weight: 0.5}
	second, third := rule.Score(0.25, 2), rule.Score(0.125, 1)
	scores := scoresOf(seen, 3, 0.5)
	require.Equal(t, [][]float32{{-mem.Infinity, second, third, mem.Infinity}}, scores)
	share, doubt := held(scores, rule.Cut)
	require.Equal(t, 0.5, share)
	require.Zero(t, doubt, "one query does not vary")
	rows, visits := read(seen, settings{3, rule})
	require.Equal(t, [2]int{50, 2}, [2]int{rows, visits})
	all := settings{3, search.Rule{Cut: cutMost, Weight: 0.5}}
	rows, visits = read(seen, all)
	require.Equal(t, [2]int{70, 3}, [2]int{rows, visits})
	require.Equal(t, 0.75, all.share(seen))
	// With two considered cells the second nearest, third in routing's order, is out.
	scores = scoresOf(seen, 2, 0.5)
	require.Equal(t, [][]float32{{-mem.Infinity, mem.Infinity, third, mem.Infinity}}, scores)
	rows, visits = read(seen, settings{2, all.rule})
	require.Equal(t, [2]int{50, 2}, [2]int{rows, visits})
}

func TestKeepingFewerCellsForgetsTheOthers(t *testing.T) {
	s := surveyed{cells: slices.Clone(threeCells.cells), homes: slices.Clone(threeCells.homes)}
	s.keep(2)
	require.Equal(t, []listed{{5, 0, 10, -mem.Infinity}, {8, 1, 40, 0.125}}, s.cells)
	require.Equal(t, []int32{0, -1, 1, -1}, s.homes)
}

func TestCautionGrowsWithDoubtAndWithFewQueries(t *testing.T) {
	require.Greater(t, caution(32), caution(256))
	require.InDelta(t, 1, caution(1<<20), 0.01)
	half := [][]float32{{0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}, {0, 0, 1, 1}}
	require.True(t, holds(half, 0.5, 0.5), "queries that agree leave no doubt")
	uneven := [][]float32{{0, 0, 0, 0}, {1, 1, 1, 1}, {0, 0, 0, 0}, {1, 1, 1, 1}}
	require.False(t, holds(uneven, 0.5, 0.5))
	require.True(t, holds(uneven, 1, 1))
	require.True(t, holds(nil, 0, 1), "where nobody asks nothing is missed")
}

func TestTheLeastThatHolds(t *testing.T) {
	for want := range 20 {
		require.Equal(t, want, least(0, 19, func(n int) bool { return n >= want }))
	}
}

// The tails of smooth distributions: the parabola is as right as the quantile on average, and
// depends on chance less.
func TestSmoothedTailsAreRightAndSteadier(t *testing.T) {
	r := rand.New(rand.NewPCG(453, 0))
	for _, c := range []struct {
		name string
		draw func() float64
		at   float64 // all but one in a hundred keep to it
	}{
		{"normal", r.NormFloat64, 2.3263},
		{"exponential", r.ExpFloat64, 4.6052},
	} {
		var plain, smooth []float64
		for range 300 {
			values := make([]float32, 4000)
			for i := range values {
				values[i] = float32(c.draw())
			}
			slices.Sort(values)
			plain = append(plain, float64(quantile(values, 0.01)))
			smooth = append(smooth, float64(smoothed(values, 0.01)))
		}
		_, off := moments(plain, c.at)
		mean, steadier := moments(smooth, c.at)
		t.Logf("%s: off by %.4f, smoothed %.4f with mean %.4f", c.name, off, steadier, mean)
		require.InDelta(t, c.at, mean, 0.02, c.name)
		require.Less(t, steadier, 0.95*off, c.name)
	}
}

func moments(values []float64, at float64) (mean, off float64) {
	for _, v := range values {
		mean += v / float64(len(values))
		off += (v - at) * (v - at) / float64(len(values))
	}
	return mean, math.Sqrt(off)
}

func TestATailThatIsNotFiniteIsNotSmoothed(t *testing.T) {
	values := []float32{1, 2, 3, 4, 5, 6, 7, 8, mem.Infinity, mem.Infinity}
	require.Equal(t, quantile(values, 0.5), smoothed(values, 0.5))
	require.Equal(t, mem.Infinity, smoothed(values, 0.1))
	sum := 0.0
	for _, w := range tailWeights {
		sum += w
	}
	require.InDelta(t, 1, sum, 1e-6, "a constant stays what it is")
	require.Len(t, tailWeights, len(tailLevels))
}
