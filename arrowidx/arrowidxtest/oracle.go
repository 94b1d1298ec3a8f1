// Package arrowidxtest is the conformance suite of arrowidx: an oracle that answers queries by
// brute force in float64, makers of test columns, and the checks that every kind of index must
// pass.
package arrowidxtest

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Hit is a row and its score.
type Hit struct {
	Row   int64
	Score float64
}

// Score compares two vectors in float64: the cosine of a zero vector is 0, L2 is not squared.
func Score(metric arrowidx.Metric, x, q []float32) float64 {
	var dot, xx, qq, sq float64
	for i := range x {
		a, b := float64(x[i]), float64(q[i])
		dot += a * b
		xx += a * a
		qq += b * b
		sq += (a - b) * (a - b)
	}
	switch metric {
	case arrowidx.Cosine:
		if xx == 0 || qq == 0 {
			return 0
		}
		return dot / (math.Sqrt(xx) * math.Sqrt(qq))
	case arrowidx.Dot:
		return dot
	case arrowidx.L2:
		return math.Sqrt(sq)
	}
	return sq
}

// Nearest returns the k best of the n rows that admit lets through, best first, ties by row. rows
// are row-major with len(q) numbers each; admit may be nil.
func Nearest(
	metric arrowidx.Metric, rows []float32, q []float32, k int, admit func(row int) bool,
) []Hit {
	var best []Hit
	order := func(a, b Hit) int {
		if metric.Larger() {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row))
		}
		return cmp.Or(cmp.Compare(a.Score, b.Score), cmp.Compare(a.Row, b.Row))
	}
	cut := func() {
		slices.SortFunc(best, order)
		best = best[:min(k, len(best))]
	}
	d := len(q)
	for i := 0; i*d < len(rows); i++ {
		if admit == nil || admit(i) {
			best = append(best, Hit{int64(i), Score(metric, rows[i*d:(i+1)*d], q)})
		}
		if len(best) > 2*k+200 {
			cut()
		}
	}
	cut()
	return best
}
