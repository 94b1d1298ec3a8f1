package calibrate

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
)

// Costs in bytes read, by which settings are compared.
const (
	// consideredBytes is what considering a cell reads, per padded dimension: a float32 centroid,
	// which is asked for ahead of time.
	consideredBytes = 3
	// visitBytes is what a visit costs besides the codes of its rows.
	visitBytes = 1024
	// codedBytes is what scoring a row by its whole code costs, most of it the wait for memory.
	codedBytes = 900
)

const (
	// weight of the rank, and how many cells are considered as a multiple of what suffices when all
	// are looked into. Between .05 and .1 and between 1.5 and 2 neither changes the cost by more
	// than 5 % on any set measured, and choosing them by some hundred queries costs more than that
	// (docs/decisions/0045).
	weight = 0.06
	times  = 1.75
)

// costing is the most queries by which costs are compared.
const costing = 256

// Cuts are multiples of 1/cutSteps up to cutMost, which leaves no considered cell out.
const (
	cutSteps = 1024
	cutMost  = 3
)

// settings are which cells a search looks into.
type settings struct {
	considered int
	rule       search.Rule
}

// most is the greatest score of a cell that is looked into: without a rule all considered ones are.
func (s settings) most() float32 {
	if s.rule.Weight == 0 {
		return cutMost
	}
	return s.rule.Cut
}

// weight is that of the rule, 0 for inner products, which have none.
func (c *calibration) weight() float32 {
	if c.seg.Metric == column.Dot {
		return 0
	}
	return weight
}

// cells is the ledger of the surveyed cells.
func (c *calibration) cells() *ledger {
	if c.ledger == nil {
		c.ledger = ledgerOf(c.seen)
	}
	return c.ledger
}

// reaching returns the settings with which cells hold a share of the neighbours of all queries.
// Inner products have no rule.
func (c *calibration) reaching(share float64) settings {
	l := c.cells()
	s, known := l.known[share]
	if known {
		return s
	}
	s = settings{c.enough(l, share), search.Rule{Cut: 1}}
	if s.rule.Weight = c.weight(); s.rule.Weight > 0 {
		s.considered = min(int(math.Ceil(times*float64(s.considered))), c.seg.Cells.N)
		s.rule.Cut = l.cutFor(s.considered, share)
	}
	l.known[share] = s
	return s
}

// cost is the bytes that a query reads, but for those of rows coded, on average.
func (c *calibration) cost(s settings) float64 {
	l := c.cells()
	cost, known := l.costs[s]
	if !known {
		few := min(costing, c.nq)
		rows, visits := l.read(few, s)
		each := float64(c.seg.Codes.Stride) / 32
		read := float64(float64(rows)*each) + float64(visits*visitBytes)
		cost = read/float64(few) + float64(s.considered*consideredBytes*c.seg.Cells.Padded)
		l.costs[s] = cost
	}
	return cost
}

// cutFor returns the cut with which a share of the neighbours is held, with caution, by queries
// that consider so many cells.
func (l *ledger) cutFor(considered int, share float64) float32 {
	missed := 1 - share
	if len(l.sorted) == 0 {
		return cutMost
	}
	_, doubt := l.held(l.scores, quantile(l.sorted, missed))
	missed = max(missed-float64(caution(len(l.ends))*doubt), missed/4)
	cut := smoothed(l.sorted, missed)
	// Neighbours in cells that would pass, but are not considered, are missed as well.
	cut = smoothed(l.sorted, max(missed-l.beyond(considered, cut), missed/2))
	return float32(math.Ceil(float64(min(max(cut, -1), cutMost)*cutSteps))) / cutSteps
}

// beyond is the share of neighbours whose cells score at most cut, but not among the considered
// ones.
func (l *ledger) beyond(considered int, cut float32) float64 {
	n := 0
	for i, v := range l.considering(considered) {
		if l.scores[i] <= cut && v > cut {
			n++
		}
	}
	return float64(n) / float64(max(len(l.scores), 1))
}

// enough returns the least number of considered cells that hold a share of the neighbours when all
// of them are looked into.
func (c *calibration) enough(l *ledger, share float64) int {
	return 1 + least(0, c.seg.CellCount()-1, func(n int) bool {
		return l.holds(l.places, float32(n), share)
	})
}
