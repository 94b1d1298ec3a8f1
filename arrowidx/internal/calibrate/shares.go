package calibrate

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// scoresOf returns for every neighbour of every query the least score of its cells by a rule of a
// weight, infinity where so many considered cells are without them.
func scoresOf(seen []surveyed, considered int, weight float32) [][]float32 {
	rule := search.Rule{Weight: weight}
	return leastOf(seen, func(l *listed) float32 {
		if int(l.place) < considered {
			return l.score(rule)
		}
		return mem.Infinity
	})
}

// leastOf returns for every neighbour of every query the least value of its cells, infinity where
// they are not known.
func leastOf(seen []surveyed, value func(l *listed) float32) [][]float32 {
	out := make([][]float32, len(seen))
	for q := range seen {
		s, own := &seen[q], make([]float32, len(seen[q].homes))
		for i := range own {
			own[i] = mem.Infinity
		}
		for _, homes := range [][]int32{s.homes, s.seconds} {
			for i, home := range homes {
				if home >= 0 {
					own[i] = min(own[i], value(&s.cells[home]))
				}
			}
		}
		out[q] = own
	}
	return out
}

// read returns the rows and cells that queries look into.
func read(seen []surveyed, s settings) (rows, visits int) {
	for q := range seen {
		for i := range seen[q].cells {
			l := &seen[q].cells[i]
			if int(l.place) < s.considered && l.score(s.rule) <= s.rule.Cut {
				rows += int(l.rows)
				visits++
			}
		}
	}
	return rows, visits
}

// placesOf returns for every neighbour the least place of its cells in routing's order.
func placesOf(seen []surveyed) [][]float32 {
	return leastOf(seen, func(l *listed) float32 { return float32(l.place) })
}

// held returns the share of neighbours of at most a value, averaged over the queries, and its
// standard error.
func held(values [][]float32, most float32) (mean, doubt float64) {
	var sum, squares float64
	n := 0
	for _, own := range values {
		if len(own) == 0 {
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
func holds(values [][]float32, most float32, share float64) bool {
	mean, doubt := held(values, most)
	return mean-float64(caution(len(values))*doubt) >= share
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
