// Package topk keeps the best rows of a query: [Candidates] while distances are known within
// bounds, [Heap] once they are known. Both order ties by the smaller row or position, so that what
// they hold does not depend on threads.
package topk

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Candidate is the position of a row whose distance may be among the k smallest: it is at least
// low, and about est.
type Candidate struct {
	Pos      uint32
	Low, Est float32
}

// Candidates keeps the rows of one query that may be among its k nearest, and a threshold that only
// falls: tau, the smallest known upper bound of the k-th distance. Rows are offered in a fixed
// order, so that tau does not depend on threads or batches.
type Candidates struct {
	K     int
	Tau   float32
	Upper []float32 // max-heap of the k smallest upper bounds
	Rows  []Candidate
	Limit int // length of rows at which those above tau are dropped
}

// Reset empties the candidates for a search of the k nearest; memory is kept. Rows are dropped when
// there are 1024 + 4k, at first.
func (c *Candidates) Reset(k int) {
	c.K, c.Tau = k, float32(math.Inf(1))
	c.Upper, c.Rows = c.Upper[:0], c.Rows[:0]
	c.Limit = 1024 + 4*k
}

// Offer adds a row whose distance lies in [low, up] (at the search's epsilon0), unless it is too
// far, and reports whether it did.
func (c *Candidates) Offer(pos int, low, up, est float32) bool {
	if low > c.Tau {
		return false
	}
	c.Rows = append(c.Rows, Candidate{uint32(pos), low, est})
	c.Bound(up)
	if len(c.Rows) >= c.Limit {
		c.Prune()
		c.Limit = max(c.Limit, 2*len(c.Rows))
	}
	return true
}

// Bound lowers tau when up is among the k smallest upper bounds; with k = 0 tau stays.
func (c *Candidates) Bound(up float32) {
	if c.K == 0 {
		return
	}
	h := c.Upper
	if len(h) < c.K {
		h = append(h, up)
		for i := len(h) - 1; i > 0 && h[(i-1)/2] < h[i]; i = (i - 1) / 2 {
			h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		}
		c.Upper = h
	} else if up < h[0] {
		h[0] = up
		siftDown(h)
	}
	if len(h) == c.K && h[0] < c.Tau {
		c.Tau = h[0]
	}
}

// siftDown restores a max-heap whose root was replaced.
func siftDown(h []float32) {
	for i := 0; ; {
		big := 2*i + 1
		if big >= len(h) {
			return
		}
		if big+1 < len(h) && h[big+1] > h[big] {
			big++
		}
		if h[i] >= h[big] {
			return
		}
		h[i], h[big] = h[big], h[i]
		i = big
	}
}

// Prune drops rows whose lower bound is above tau.
func (c *Candidates) Prune() {
	kept := c.Rows[:0]
	for _, r := range c.Rows {
		if r.Low <= c.Tau {
			kept = append(kept, r)
		}
	}
	c.Rows = kept
}

// Merge takes over another's candidates; it must have seen other rows.
func (c *Candidates) Merge(o *Candidates) {
	c.Tau = min(c.Tau, o.Tau)
	for _, up := range o.Upper {
		c.Bound(up)
	}
	c.Rows = append(c.Rows, o.Rows...)
}

// sortedFirst is how many candidates are put in order before any is measured: bounds usually close
// within them.
const sortedFirst = 16

// ByBound puts the first candidates in order of their lower bounds, smaller positions first among
// equals, and returns how many; all others have greater bounds. values and least are scratch
// memory.
func (c *Candidates) ByBound(values *[]float32, least *[]uint32) int {
	if len(c.Rows) <= sortedFirst*3/2 {
		SortByBound(c.Rows)
		return len(c.Rows)
	}
	v := (*values)[:0]
	for _, r := range c.Rows {
		v = append(v, r.Low)
	}
	*values = v
	*least = mem.Grow(*least, len(v))
	n := simd.SelectLeast(*least, v, sortedFirst, sortedFirst*3/2)
	for to, from := range (*least)[:n] {
		c.Rows[to], c.Rows[from] = c.Rows[from], c.Rows[to]
	}
	SortByBound(c.Rows[:n])
	return n
}

// SortByBound sorts by lower bound, then position.
func SortByBound(rows []Candidate) {
	if len(rows) > 3*sortedFirst {
		slices.SortFunc(rows, func(a, b Candidate) int {
			return cmp.Or(cmp.Compare(a.Low, b.Low), cmp.Compare(a.Pos, b.Pos))
		})
		return
	}
	for i := 1; i < len(rows); i++ {
		r, j := rows[i], i
		for ; j > 0 && (rows[j-1].Low > r.Low || rows[j-1].Low == r.Low && rows[j-1].Pos > r.Pos); j-- {
			rows[j] = rows[j-1]
		}
		rows[j] = r
	}
}

// ByEstimate sorts rows by estimate, smaller rows first among equals.
func (c *Candidates) ByEstimate(rowAt func(pos uint32) uint32) {
	slices.SortFunc(c.Rows, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Est, b.Est), cmp.Compare(rowAt(a.Pos), rowAt(b.Pos)))
	})
}
