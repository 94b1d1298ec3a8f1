package calibrate

import (
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// ledger is what the surveyed cells of queries say of the neighbours, query by query, and what
// several targets ask of that: it is worked out once.
type ledger struct {
	seen    []surveyed
	ends    []int     // where the neighbours of each query end
	own     []home    // of every neighbour
	seconds []home    // where copies are looked at, else nil
	scores  []float32 // of every neighbour the least of its cells, infinity: none is known
	places  []float32
	sorted  []float32 // scores, rising
	known   map[float64]settings
	costs   map[settings]float64
}

// home is the cell of a neighbour, or its second one, as a query sees it.
type home struct {
	place uint32
	score float32
}

// nowhere is a cell that is not known.
var nowhere = home{math.MaxUint32, mem.Infinity}

// ledgerOf lists the cells of all neighbours.
func ledgerOf(seen []surveyed) *ledger {
	l := &ledger{seen: seen, known: map[float64]settings{}, costs: map[settings]float64{}}
	n := 0
	for q := range seen {
		n += len(seen[q].homes)
		l.ends = append(l.ends, n)
	}
	l.own = make([]home, 0, n)
	for q := range seen {
		s := &seen[q]
		l.own = s.list(l.own, s.homes)
		if s.seconds != nil {
			l.seconds = s.list(l.seconds, s.seconds)
		}
	}
	l.scores, l.places = make([]float32, n), make([]float32, n)
	l.within(l.scores, math.MaxInt32)
	l.leastOf(l.places, func(h home) float32 {
		if h == nowhere {
			return mem.Infinity
		}
		return float32(h.place)
	})
	l.sorted = slices.Clone(l.scores)
	slices.Sort(l.sorted)
	return l
}

// list appends the homes at indexes among the cells.
func (s *surveyed) list(to []home, at []int32) []home {
	for _, i := range at {
		h := nowhere
		if i >= 0 {
			h = home{s.cells[i].place, s.cells[i].score}
		}
		to = append(to, h)
	}
	return to
}

// leastOf writes the least value of every neighbour's cells.
func (l *ledger) leastOf(to []float32, value func(h home) float32) {
	for i, h := range l.own {
		to[i] = value(h)
	}
	for i, h := range l.seconds {
		to[i] = min(to[i], value(h))
	}
}

// within writes the least score of every neighbour's cells, of those with less than so many places.
func (l *ledger) within(to []float32, considered int) {
	most := uint32(considered)
	l.leastOf(to, func(h home) float32 {
		if h.place < most {
			return h.score
		}
		return mem.Infinity
	})
}

// considering returns the least score of every neighbour's cells, infinity where so many considered
// cells are without them.
func (l *ledger) considering(considered int) []float32 {
	out := make([]float32, len(l.own))
	l.within(out, considered)
	return out
}

// share is the share of the neighbours whose cells are looked into: without a rule all considered
// ones are.
func (l *ledger) share(s settings) float64 {
	mean, _ := l.held(l.considering(s.considered), s.most())
	return mean
}

// read returns the rows and cells that the first n queries look into.
func (l *ledger) read(n int, s settings) (rows, visits int) {
	most := s.most()
	for q := range l.seen[:n] {
		for _, c := range l.seen[q].cells {
			if int(c.place) < s.considered && c.score <= most {
				rows += int(c.rows)
				visits++
			}
		}
	}
	return rows, visits
}

// held returns the share of neighbours of at most a value, averaged over the queries, and its
// standard error.
func (l *ledger) held(values []float32, most float32) (mean, doubt float64) {
	var sum, squares float64
	n, from := 0, 0
	for _, end := range l.ends {
		own := values[from:end]
		if from = end; len(own) == 0 {
			continue
		}
		hits := 0
		for _, v := range own {
			if v <= most {
				hits++
			}
		}
		share := float64(hits) / float64(len(own))
		sum += share
		squares += float64(share * share)
		n++
	}
	if n == 0 {
		return 1, 0
	}
	mean = sum / float64(n)
	return mean, math.Sqrt(max(squares/float64(n)-float64(mean*mean), 0) / float64(n))
}

// caution is how many standard errors of the mean the share that n calibrating queries hold must be
// above the one asked for: what other queries get is uncertain by as much, and of few queries the
// error itself is not known well.
func caution(n int) float64 { return 1 + 5/math.Sqrt(float64(max(n, 1))) }

// holds reports whether a share of the neighbours is held, with caution.
func (l *ledger) holds(values []float32, most float32, share float64) bool {
	mean, doubt := l.held(values, most)
	return mean-float64(caution(len(l.ends))*doubt) >= share
}

// least returns the least number in [low, high) for which ok is true, as for all above it; high if
// there is none.
func least(low, high int, ok func(n int) bool) int {
	for low < high {
		if mid := (low + high) >> 1; ok(mid) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}
