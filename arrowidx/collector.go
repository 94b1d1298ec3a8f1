package arrowidx

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/simd"
)

// candidate is the position of a row whose distance may be among the k smallest: it is at least
// low, and about est.
type candidate struct {
	pos      uint32
	low, est float32
}

// collector keeps the rows of one query that may be among its k nearest, and a threshold that only
// falls: tau, the smallest known upper bound of the k-th distance. Rows are offered in a fixed
// order, so that tau does not depend on threads or batches.
type collector struct {
	k     int
	tau   float32
	upper []float32 // max-heap of the k smallest upper bounds
	rows  []candidate
	limit int // length of rows at which those above tau are dropped
}

func (c *collector) reset(k int) {
	c.k, c.tau = k, float32(math.Inf(1))
	c.upper, c.rows = c.upper[:0], c.rows[:0]
	c.limit = 1024 + 4*k
}

// offer adds a row whose distance lies in [low, up] (at the search's epsilon0).
func (c *collector) offer(pos int, low, up, est float32) {
	if low > c.tau {
		return
	}
	c.rows = append(c.rows, candidate{uint32(pos), low, est})
	c.bound(up)
	if len(c.rows) >= c.limit {
		c.prune()
		c.limit = max(c.limit, 2*len(c.rows))
	}
}

// bound lowers tau when up is among the k smallest upper bounds; with k = 0 tau stays.
func (c *collector) bound(up float32) {
	if c.k == 0 {
		return
	}
	h := c.upper
	if len(h) < c.k {
		h = append(h, up)
		for i := len(h) - 1; i > 0 && h[(i-1)/2] < h[i]; i = (i - 1) / 2 {
			h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		}
		c.upper = h
	} else if up < h[0] {
		h[0] = up
		siftDown(h)
	}
	if len(h) == c.k && h[0] < c.tau {
		c.tau = h[0]
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

// prune drops rows whose lower bound is above tau.
func (c *collector) prune() {
	kept := c.rows[:0]
	for _, r := range c.rows {
		if r.low <= c.tau {
			kept = append(kept, r)
		}
	}
	c.rows = kept
}

// merge takes over another collector's rows; it must have seen other rows.
func (c *collector) merge(o *collector) {
	c.tau = min(c.tau, o.tau)
	for _, up := range o.upper {
		c.bound(up)
	}
	c.rows = append(c.rows, o.rows...)
}

// sortedFirst is how many candidates are put in order before any is measured: bounds usually close
// within them.
const sortedFirst = 24

// byBound puts the first candidates in order of their lower bounds, smaller positions first among
// equals, and returns how many; all others have greater bounds. values is scratch memory.
func (c *collector) byBound(values *[]float32) int {
	if len(c.rows) <= 2*sortedFirst {
		sortByBound(c.rows)
		return len(c.rows)
	}
	v := (*values)[:0]
	for _, r := range c.rows {
		v = append(v, r.low)
	}
	*values = v
	last := simd.SelectKth(v, sortedFirst-1)
	n := 0
	for i, r := range c.rows {
		if r.low <= last {
			c.rows[i], c.rows[n] = c.rows[n], r
			n++
		}
	}
	sortByBound(c.rows[:n])
	return n
}

// sortByBound sorts by lower bound, then position.
func sortByBound(rows []candidate) {
	if len(rows) > 2*sortedFirst {
		slices.SortFunc(rows, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.pos, b.pos))
		})
		return
	}
	for i := 1; i < len(rows); i++ {
		r, j := rows[i], i
		for ; j > 0 && (rows[j-1].low > r.low || rows[j-1].low == r.low && rows[j-1].pos > r.pos); j-- {
			rows[j] = rows[j-1]
		}
		rows[j] = r
	}
}

// byEstimate sorts rows by estimate, smaller rows first among equals.
func (c *collector) byEstimate(rowAt func(pos uint32) uint32) {
	slices.SortFunc(c.rows, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.est, b.est), cmp.Compare(rowAt(a.pos), rowAt(b.pos)))
	})
}

// hit is a row with its distance.
type hit struct {
	dist float64
	row  uint32
}

func (a hit) less(b hit) bool { return a.dist < b.dist || a.dist == b.dist && a.row < b.row }

// nearest keeps the k smallest hits: a max-heap by distance, then row.
type nearest struct {
	k    int
	heap []hit
}

func (n *nearest) reset(k int) { n.k, n.heap = k, n.heap[:0] }

// full reports whether k hits are held; worst is then the largest distance among them.
func (n *nearest) full() bool     { return len(n.heap) == n.k }
func (n *nearest) worst() float64 { return n.heap[0].dist }

func (n *nearest) push(h hit) {
	a := n.heap
	if len(a) < n.k {
		a = append(a, h)
		for i := len(a) - 1; i > 0 && a[(i-1)/2].less(a[i]); i = (i - 1) / 2 {
			a[i], a[(i-1)/2] = a[(i-1)/2], a[i]
		}
		n.heap = a
		return
	}
	if n.k == 0 || !h.less(a[0]) {
		return
	}
	a[0] = h
	for i := 0; ; {
		big := 2*i + 1
		if big >= len(a) {
			return
		}
		if big+1 < len(a) && a[big].less(a[big+1]) {
			big++
		}
		if !a[i].less(a[big]) {
			return
		}
		a[i], a[big] = a[big], a[i]
		i = big
	}
}

// sorted puts the hits in order, nearest first; the heap is used up.
func (n *nearest) sorted() []hit {
	slices.SortFunc(n.heap, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.dist, b.dist), cmp.Compare(a.row, b.row))
	})
	return n.heap
}
