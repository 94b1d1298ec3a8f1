package calibrate

import (
	"cmp"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
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
func (c *calibration) asked() *search.Run {
	r := &search.Run{Seg: c.seg, Col: c.col, Epsilon: 1,
		P: &search.SearchParams{Queries: c.queries, Wide: c.wide}}
	if r.Col == nil {
		r.Col = c.seg.Source
	}
	r.Lens = c.seg.LensFor(r.Col)
	return r
}

// rank finds the homes of every query's neighbours, and the cosines of all cells.
func (c *calibration) rank() {
	seg, cells := c.seg, c.seg.Cells
	cellOf := make([]uint32, seg.Rows)
	for i := range cells.N {
		for _, r := range cells.Rows[cells.First[i]:cells.First[i+1]] {
			cellOf[r] = uint32(i)
		}
	}
	q, r := search.Query{}, c.asked()
	visits, place := make([]search.Visit, cells.N), make([]int, cells.N)
	c.homes, c.order = make([][]home, c.nq), make([][]float32, c.nq)
	c.nearest = c.nearest[:0]
	for i := range c.nq {
		if q.Prepare(r, i) != nil || q.Zero {
			continue // a search says what is wrong with it, or finds everything at distance 0
		}
		for cell := range cells.N {
			visits[cell] = q.VisitOf(seg, uint32(cell))
		}
		slices.SortFunc(visits, func(a, b search.Visit) int {
			return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Cell, b.Cell))
		})
		c.nearest = append(c.nearest, visits[0].Order)
		tau := c.farthest(&q, i)
		c.order[i] = make([]float32, cells.N)
		for rank := range visits {
			place[visits[rank].Cell] = rank
			c.order[i][rank] = search.Cosine(cells, visits[rank].Order, int(visits[rank].Cell), tau)
		}
		for _, r := range c.exact[i] {
			rank := place[cellOf[r]]
			c.homes[i] = append(c.homes[i], home{rank, c.order[i][rank]})
		}
	}
}

// usualShare of the calibrating queries keep the usual distance to their nearest centroid, and
// usualLeast queries are the fewest that tell.
const (
	usualShare = 0.99
	usualLeast = 64
)

// usual returns the distance that nearly all queries keep to their nearest centroid, 0 where too
// few were asked or cells have no distance, as for inner products.
func (c *calibration) usual() float32 {
	if c.seg.Metric == column.Dot || len(c.nearest) < usualLeast {
		return 0
	}
	slices.Sort(c.nearest)
	return max(c.nearest[int(usualShare*float64(len(c.nearest)))], 0)
}

// farthest returns the squared distance, in engine units, of a query's k-th neighbour.
func (c *calibration) farthest(q *search.Query, i int) float32 {
	score := float64(c.kth[i])
	switch c.seg.Metric {
	case column.Cosine:
		return float32(2 - 2*score)
	case column.L2:
		return float32(float64(score*score) * q.Unit)
	}
	return float32(score * q.Unit)
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
	low, high := 1, c.seg.CellCount()
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
	cells := c.seg.Cells
	probes, cut = c.enough(share, 1), 1
	if c.seg.Metric == column.Dot {
		return probes, cut
	}
	least := math.Inf(1)
	base := probes
	for _, times := range probesTried {
		p := min(int(math.Ceil(times*float64(base))), cells.N)
		tight := c.tightest(p, share)
		visits := c.visited(p, tight)
		block := float64(c.seg.Codes.Stride)
		blocks := float64(cells.Block[cells.N]) / float64(cells.N)
		cost := float64(p*routedBytes*cells.Padded) + visits*(blocks*block+visitBytes)
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
