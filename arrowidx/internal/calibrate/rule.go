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

// share is the share of the neighbours whose cells are looked into: without a rule all considered
// ones are.
func (s settings) share(seen []surveyed) float64 {
	cut := s.rule.Cut
	if s.rule.Weight == 0 {
		cut = cutMost
	}
	mean, _ := held(scoresOf(seen, s.considered, s.rule.Weight), cut)
	return mean
}

// reaching returns the settings with which cells hold a share of the neighbours of all queries.
// Inner products have no rule.
func (c *calibration) reaching(share float64) settings {
	s := settings{c.enough(c.seen, share), search.Rule{Cut: 1}}
	if c.seg.Metric != column.Dot {
		s.considered = min(int(math.Ceil(times*float64(s.considered))), c.seg.Cells.N)
		s.rule.Weight = weight
		s.rule.Cut = c.cutFor(s.considered, share)
	}
	return s
}

// cost is the bytes that a query reads, but for those of rows coded, on average.
func (c *calibration) cost(s settings) float64 {
	few := c.seen[:min(costing, c.nq)]
	rows, visits := read(few, s)
	each := float64(c.seg.Codes.Stride) / 32
	read := float64(float64(rows)*each) + float64(visits*visitBytes)
	return read/float64(len(few)) + float64(s.considered*consideredBytes*c.seg.Cells.Padded)
}

// cutFor returns the cut with which a share of the neighbours is held, with caution, by queries
// that consider so many cells.
func (c *calibration) cutFor(considered int, share float64) float32 {
	scores := scoresOf(c.seen, c.seg.Cells.N, weight)
	sorted, missed := pooled(scores), 1-share
	if len(sorted) == 0 {
		return cutMost
	}
	_, doubt := held(scores, quantile(sorted, missed))
	missed = max(missed-float64(caution(len(scores))*doubt), missed/4)
	cut := smoothed(sorted, missed)
	// Neighbours in cells that would pass, but are not considered, are missed as well.
	beyond := beyond(scores, scoresOf(c.seen, considered, weight), cut)
	cut = smoothed(sorted, max(missed-beyond, missed/2))
	return float32(math.Ceil(float64(min(max(cut, -1), cutMost)*cutSteps))) / cutSteps
}

// beyond is the share of neighbours whose cells score at most cut, but not among the considered
// ones.
func beyond(scores, considered [][]float32, cut float32) float64 {
	n, all := 0, 0
	for q := range scores {
		for i, v := range scores[q] {
			if v <= cut && considered[q][i] > cut {
				n++
			}
		}
		all += len(scores[q])
	}
	return float64(n) / float64(max(all, 1))
}

// enough returns the least number of considered cells that hold a share of the neighbours when all
// of them are looked into.
func (c *calibration) enough(seen []surveyed, share float64) int {
	places := placesOf(seen)
	return 1 + least(0, c.seg.CellCount()-1, func(n int) bool {
		return holds(places, float32(n), share)
	})
}
