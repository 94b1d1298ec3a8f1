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
	l := ledgerOf([]surveyed{threeCells})
	rule := search.Rule{Cut: 0.2, Weight: 0.5}
	inf := mem.Infinity
	require.Equal(t, []float32{-inf, 0.25, 0.125, inf}, l.considering(3))
	share, doubt := l.held(l.considering(3), rule.Cut)
	require.Equal(t, 0.5, share)
	require.Zero(t, doubt, "one query does not vary")
	rows, visits := l.read(1, settings{3, rule})
	require.Equal(t, [2]int{50, 2}, [2]int{rows, visits})
	all := settings{3, search.Rule{Cut: cutMost, Weight: 0.5}}
	rows, visits = l.read(1, all)
	require.Equal(t, [2]int{70, 3}, [2]int{rows, visits})
	require.Equal(t, 0.75, l.share(all))
	require.Equal(t, 0.75, l.share(settings{considered: 3}), "without a rule all are looked into")
	// With two considered cells the second nearest, third in routing's order, is out.
	require.Equal(t, []float32{-inf, inf, 0.125, inf}, l.considering(2))
	rows, visits = l.read(1, settings{2, all.rule})
	require.Equal(t, [2]int{50, 2}, [2]int{rows, visits})
	require.Equal(t, 0.25, l.beyond(2, 0.3), "it would pass, but is not considered")
	require.Zero(t, l.beyond(2, 0.2))
}

// What a ledger was asked before it does not work out again, and answers alike.
func TestALedgerRemembersWhatItWasAsked(t *testing.T) {
	c := halves()
	s := c.reaching(0.9)
	require.Equal(t, s, c.reaching(0.9))
	cost := c.cost(s)
	require.Equal(t, cost, c.cost(s))
	fresh := halves()
	require.Equal(t, s, fresh.reaching(0.9))
	require.Equal(t, cost, fresh.cost(s))
	require.Len(t, c.ledger.known, 1)
	require.Len(t, c.ledger.costs, 1)
	less := c.reaching(0.3)
	require.Less(t, less.considered, s.considered)
	require.Less(t, c.cost(less), cost)
}

// Queries whose cells do not matter have no neighbours in a ledger.
func TestALedgerPassesOverQueriesWithoutCells(t *testing.T) {
	l := ledgerOf([]surveyed{{}, threeCells, {}})
	require.Equal(t, []int{0, 4, 4}, l.ends)
	share, _ := l.held(l.scores, cutMost)
	require.Equal(t, 0.75, share)
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
	four := &ledger{ends: []int{4, 8, 12, 16}}
	half := []float32{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}
	require.True(t, four.holds(half, 0.5, 0.5), "queries that agree leave no doubt")
	uneven := []float32{0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1}
	require.False(t, four.holds(uneven, 0.5, 0.5))
	require.True(t, four.holds(uneven, 1, 1))
	require.True(t, ledgerOf(nil).holds(nil, 0, 1), "where nobody asks nothing is missed")
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

func TestWhatBoundsLoseIsDoubtedByItsStandardError(t *testing.T) {
	require.Zero(t, doubtOf(0, 256, 10), "wide bounds lose nothing")
	// 10 of 2,560 neighbours are lost: 3.2 more or fewer, with caution.
	require.InDelta(t, caution(256)*math.Sqrt(10)/2560, doubtOf(10.0/2560, 256, 10), 1e-12)
	require.Greater(t, doubtOf(0.01, 64, 10), doubtOf(0.01, 256, 10), "fewer queries tell less")
	require.Zero(t, doubtOf(0, 0, 0))
}
