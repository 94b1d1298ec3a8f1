package arrowidx

import (
	"cmp"
	"math"
	"slices"
)

// Costs in bytes read, by which settings are compared.
const (
	// routedBytes is what choosing a cell reads, per padded dimension: a float32 centroid, and
	// int8 ones of cells that are not chosen.
	routedBytes = 8
	// visitBytes is what a visit costs besides the codes of its rows.
	visitBytes = 1024
)

// probesTried are the numbers of cells compared, as multiples of what suffices without a cut.
var probesTried = [...]float64{1, 1.25, 1.5, 2, 2.5, 3, 4}

// home is the cell of a true neighbour: how many cells are nearer to the query, and the cosine of
// cells.cosine for the distance of the query's k-th neighbour.
type home struct {
	rank   int
	cosine float32
}

// asked is a run that reads the queries.
func (c *calibration) asked() *run {
	r := &run{ix: c.ix, col: c.col, epsilon: 1, p: &SearchParams{Queries: c.queries, Wide: c.wide}}
	if r.col == nil {
		r.col = c.ix.source
	}
	r.lens = c.ix.lensFor(r.col)
	return r
}

// rank finds the homes of every query's neighbours, and the cosines of all cells.
func (c *calibration) rank() {
	ix, cells := c.ix, c.ix.cells
	cellOf := make([]uint32, ix.rows)
	for i := range cells.n {
		for _, r := range cells.rows[cells.first[i]:cells.first[i+1]] {
			cellOf[r] = uint32(i)
		}
	}
	q, r := query{}, c.asked()
	visits, place := make([]visit, cells.n), make([]int, cells.n)
	c.homes, c.order = make([][]home, c.nq), make([][]float32, c.nq)
	for i := range c.nq {
		if q.prepare(r, i) != nil || q.zero {
			continue // a search says what is wrong with it, or finds everything at distance 0
		}
		for cell := range cells.n {
			visits[cell] = q.visitOf(ix, uint32(cell))
		}
		slices.SortFunc(visits, func(a, b visit) int {
			return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.cell, b.cell))
		})
		tau := c.farthest(&q, i)
		c.order[i] = make([]float32, cells.n)
		for rank := range visits {
			place[visits[rank].cell] = rank
			c.order[i][rank] = cells.cosine(visits[rank].order, int(visits[rank].cell), tau)
		}
		for _, r := range c.exact[i] {
			rank := place[cellOf[r]]
			c.homes[i] = append(c.homes[i], home{rank, c.order[i][rank]})
		}
	}
}

// farthest returns the squared distance, in engine units, of a query's k-th neighbour.
func (c *calibration) farthest(q *query, i int) float32 {
	score := float64(c.kth[i])
	switch c.ix.metric {
	case Cosine:
		return float32(2 - 2*score)
	case L2:
		return float32(float64(score*score) * q.unit)
	}
	return float32(score * q.unit)
}

// held returns the share of neighbours whose cells are among so many and under the cut, averaged
// over the queries, and its standard error.
func (c *calibration) held(probes int, cut float32) (mean, doubt float64) {
	var sum, squares float64
	n := 0
	for _, homes := range c.homes {
		if len(homes) == 0 {
			continue
		}
		hits := 0
		for _, h := range homes {
			if h.rank < probes && (cut >= 1 || h.cosine <= cut) {
				hits++
			}
		}
		share := float64(hits) / float64(len(homes))
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

func (c *calibration) holds(probes int, cut float32, share float64) bool {
	mean, doubt := c.held(probes, cut)
	return mean-float64(caution*doubt) >= share
}

// enough returns the least number of cells that hold a share of the neighbours, with caution.
func (c *calibration) enough(share float64, cut float32) int {
	low, high := 1, c.ix.cellCount()
	for low < high {
		mid := (low + high) / 2
		if c.holds(mid, cut, share) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// cheapest returns the number of cells and the cut that hold a share of the neighbours and cost the
// fewest bytes. Inner products have no cut.
func (c *calibration) cheapest(share float64) (probes int, cut float64) {
	cells := c.ix.cells
	probes, cut = c.enough(share, 1), 1
	if c.ix.metric == Dot {
		return probes, cut
	}
	least := math.Inf(1)
	base := probes
	for _, times := range probesTried {
		p := min(int(math.Ceil(times*float64(base))), cells.n)
		tight := c.tightest(p, share)
		visits := c.visited(p, tight)
		block := float64(c.ix.codes.stride)
		blocks := float64(cells.block[cells.n]) / float64(cells.n)
		cost := float64(p*routedBytes*cells.padded) + visits*(blocks*block+visitBytes)
		if cost < least {
			least, probes, cut = cost, p, float64(tight)
		}
	}
	return probes, cut
}

// tightest returns the least cut, in steps of 1/64, with which so many cells hold the share.
func (c *calibration) tightest(probes int, share float64) float32 {
	low, high := -64, 64
	for low < high {
		mid := (low + high) >> 1
		if c.holds(probes, float32(mid)/64, share) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return float32(low) / 64
}

// visited returns the mean number of cells that are looked into.
func (c *calibration) visited(probes int, cut float32) float64 {
	visits, n := 0, 0
	for _, cosines := range c.order {
		for _, v := range cosines[:min(probes, len(cosines))] {
			if cut >= 1 || v <= cut {
				visits++
			}
		}
		n++
	}
	return float64(visits) / float64(max(n, 1))
}
