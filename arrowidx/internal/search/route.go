package search

import (
	"cmp"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Routing narrows cells down in up to three steps, each on fewer of them: codes of one bit where
// the int8 forms of all centroids are too many bytes to read, int8 products, and the stored
// float32 sum, which decides.
const (
	// planeBytes is the size of all int8 centroids from which on the plane comes first: below, it
	// saves no time, and one bit is a poor guide to cells of few dimensions.
	planeBytes = 1 << 20
	// planeShare and planeMore: of p probes, planeShare*p + planeMore cells stay after the plane.
	planeShare = 4
	planeMore  = 64
	// coarseShare and coarseMore: of p probes, p + p/coarseShare + coarseMore stay after int8.
	coarseShare = 8
	coarseMore  = 8
	// nearCells and nearDims are the fewest cells and dimensions with which one bit tells which
	// cells a rule should consider (docs/decisions/0045).
	nearCells = 512
	nearDims  = 256
	// nearMore: one cell more in so many may be considered, where that is found sooner.
	nearMore = 16
	// cellAhead is how many bytes of the codes of the cell that is probably visited first are asked
	// for while centroids are measured.
	cellAhead = 8 << 10
)

// Visit is a cell that a query looks into.
type Visit struct {
	Cell  uint32
	Order float32 // cells are probed by rising order
	Least float32 // no row of the cell is nearer, but for rounding
	Place
}

// Router is one worker's memory for choosing cells.
type Router struct {
	Est    []float32
	masks  []uint32
	Values []float32
	near   []uint32
	ids    []uint32
	dots   []int32
	all    []Visit
	home   []uint32 // under a filter: the cells around the query
	// Of measured cells: products with their centroids, and visits.
	products []float32
	fresh    []Visit
}

// LeastOf writes the indexes of the want least values (and of others equal to the greatest of
// them) to near, rising.
func (t *Router) LeastOf(v []float32, want int) []uint32 {
	t.near = mem.Grow(t.near, len(v))
	return t.near[:simd.SelectLeast(t.near, v, want, want)]
}

// Estimate scans the plane of centroids for one or four queries.
func (t *Router) Estimate(c *segment.Cells, qs []*Probe, four *[4]simd.ScanQuery) {
	lanes := c.Plane.Count * simd.BlockRows
	t.Est = mem.Grow(t.Est, 4*lanes)
	t.masks = mem.Grow(t.masks, 4*c.Plane.Count)
	for i, q := range qs {
		four[i] = q.Scan
		four[i].Add, four[i].Err, four[i].TabErr, four[i].Tau = 0, 0, 0, mem.Infinity
	}
	blocks := c.Plane.Blocks.Mem
	if len(qs) == 4 {
		simd.Scan4(blocks, c.Padded, c.Plane.Alive, four, t.masks, t.Est, simd.Further(blocks))
		return
	}
	simd.Scan(blocks, c.Padded, c.Plane.Alive, &four[0], t.masks[:c.Plane.Count], t.Est[:lanes],
		simd.Further(blocks))
}

// Route writes the cells nearest to the query to p.Visits, rising by number. est are the estimates
// of the plane, nil when the plane is not used.
func (t *Router) Route(p *Probe, seg *segment.Segment, probes int, est []float32) {
	p.Visits = p.Visits[:0]
	t.measure(p, seg, t.coarse(p, seg.Cells, seg.Metric == column.Dot, probes, est))
	if len(p.Visits) > probes {
		p.keepNearest(t, probes)
	}
}

// nearest lists the cells of the `want` least estimates, rising by number, and returns the
// estimates: of the plane where est is not nil, else of int8 products. It asks for the codes of the
// cell that is probably visited first.
func (t *Router) nearest(
	p *Probe, seg *segment.Segment, want int, est []float32,
) (cells []uint32, of []float32) {
	if est == nil {
		t.coarseAll(p, seg.Cells, false)
		est = t.Values
	}
	t.near = mem.Grow(t.near, len(est))
	cells = t.near[:simd.SelectLeast(t.near, est, want, want+want/nearMore)]
	first := cells[0]
	for _, cell := range cells {
		if est[cell] < est[first] {
			first = cell
		}
	}
	codes := seg.Codes.Soon(int(seg.Cells.Block[first]), int(seg.Cells.Block[first+1]))
	simd.Fetch(codes[:min(len(codes), cellAhead)])
	return cells, est
}

// measure adds visits of cells.
func (t *Router) measure(p *Probe, seg *segment.Segment, cells []uint32) {
	p.Visits = t.visitsOf(p.Visits, p.Query, seg, cells)
}

// visitsOf measures cells, several at a time, and adds their visits to dst.
func (t *Router) visitsOf(
	dst []Visit, q *Query, seg *segment.Segment, cells []uint32,
) []Visit {
	t.products = mem.Grow(t.products, len(cells))
	simd.Dot16Of(t.products, q.Rotated, seg.Cells.Centroids, cells)
	for i, cell := range cells {
		dst = append(dst, q.visit(seg, cell, t.products[i]))
	}
	return dst
}

// VisitOf measures a cell.
func (q *Query) VisitOf(seg *segment.Segment, cell uint32) Visit {
	return q.visit(seg, cell, simd.Dot16(q.Rotated, seg.Cells.Centroid(int(cell))))
}

// visit is VisitOf where the product of query and centroid is known.
func (q *Query) visit(seg *segment.Segment, cell uint32, product float32) Visit {
	c := seg.Cells
	at := q.place(seg.Cells, seg.Metric.Larger(), int(cell), product)
	v := Visit{Cell: cell, Place: at, Order: at.Add}
	if !seg.Metric.Larger() {
		gap := max(mem.Sqrt32(max(at.Add, 0))-c.Radius[cell], 0)
		v.Least = float32(gap * gap)
		return v
	}
	// With x = mean + c + r: <x, q> is at most <mean + c, q> + |q| radius.
	v.Least = at.Add - seg.MeanSq + c.Lean[cell] - float32(q.Length*c.Radius[cell])
	v.Order = v.Least
	if seg.Metric == column.Cosine { // rows have length one: by distance
		far2 := q.Norm2 + 2*(at.Add-q.Origin.Add) + c.Norm2[cell]
		gap := max(mem.Sqrt32(max(far2, 0))-c.Radius[cell], 0)
		v.Order = far2
		v.Least = max(v.Least, float32(gap*gap)/2-1)
	}
	return v
}

// keepNearest drops all but the nearest visits, of equal ones the greater cells.
func (p *Probe) keepNearest(t *Router, probes int) {
	t.Values = t.Values[:0]
	for _, v := range p.Visits {
		t.Values = append(t.Values, v.Order)
	}
	tau := simd.SelectKth(t.Values, probes-1)
	equal := probes
	for _, v := range p.Visits {
		if v.Order < tau {
			equal--
		}
	}
	kept := p.Visits[:0]
	for _, v := range p.Visits {
		if v.Order == tau {
			if equal--; equal < 0 {
				continue
			}
		}
		if v.Order <= tau {
			kept = append(kept, v)
		}
	}
	p.Visits = kept
}

// coarse returns about as many cells as are worth measuring in float32, rising.
func (t *Router) coarse(p *Probe, c *segment.Cells, dot bool, probes int, est []float32) []uint32 {
	measured := probes + probes/coarseShare + coarseMore
	if measured >= c.N {
		t.ids = t.ids[:0]
		for i := range c.N {
			t.ids = append(t.ids, uint32(i))
		}
		return t.ids
	}
	if est == nil {
		t.coarseAll(p, c, dot)
	} else {
		if dot {
			for i, r := range c.Radius {
				est[i] += c.Lean[i] - float32(p.Length*r)
			}
		}
		t.ids = append(t.ids[:0], t.LeastOf(est, planeShare*probes+planeMore)...)
		t.coarseSome(p, c, dot)
	}
	if dot {
		for i := range t.Values {
			id := i
			if est != nil {
				id = int(t.ids[i])
			}
			t.Values[i] -= float32(p.Length * c.Radius[id])
		}
	}
	near := t.LeastOf(t.Values, measured)
	if est != nil {
		for i, j := range near {
			near[i] = t.ids[j]
		}
	}
	return near
}

// coarseAll values all cells by their int8 products.
func (t *Router) coarseAll(p *Probe, c *segment.Cells, dot bool) {
	t.dots, t.Values = mem.Grow(t.dots, c.N), mem.Grow(t.Values, c.N)
	simd.DotInt8Tile(t.dots, c.Coarse, c.N, c.Padded, p.z, 1)
	if dot {
		simd.ScaleAdd(t.Values, t.dots, c.Step, c.Lean, -p.zStep)
	} else {
		simd.ScaleAdd(t.Values, t.dots, c.Step, c.Norm2, -2*p.zStep)
	}
}

// coarseSome values the cells in t.ids.
func (t *Router) coarseSome(p *Probe, c *segment.Cells, dot bool) {
	t.dots, t.Values = mem.Grow(t.dots, len(t.ids)), mem.Grow(t.Values, len(t.ids))
	for i, id := range t.ids {
		row := c.Coarse[int(id)*c.Padded : (int(id)+1)*c.Padded]
		simd.DotInt8Tile(t.dots[i:i+1], row, 1, c.Padded, p.z, 1)
		if dot {
			t.Values[i] = c.Lean[id] + float32(float32(t.dots[i])*(c.Step[id]*-p.zStep))
		} else {
			t.Values[i] = c.Norm2[id] + float32(float32(t.dots[i])*(c.Step[id]*(-2*p.zStep)))
		}
	}
}

// UsesPlane reports whether routing begins with the plane.
func UsesPlane(c *segment.Cells, probes int) bool {
	return len(c.Coarse) >= planeBytes && planeShare*probes+planeMore <= c.N/3
}

// planeFirst reports whether routing begins with the plane.
func (r *Run) planeFirst() bool {
	c := r.Seg.Cells
	switch {
	case r.reaches() && !r.amid():
		return false
	case r.rule.Weight > 0:
		return c.N >= nearCells && c.Padded >= nearDims
	}
	return UsesPlane(c, r.probes)
}

// Widen adds cells in their order until enough rows that may be found lie in the visited ones.
func (t *Router) Widen(p *Probe, r *Run, enough int) {
	held := 0
	for _, v := range p.Visits {
		held += r.InCell(int(v.Cell))
	}
	if held >= enough || len(p.Visits) == r.Seg.Cells.N {
		return
	}
	probes := len(p.Visits)
	t.Route(p, r.Seg, r.Seg.Cells.N, nil)
	t.all = append(t.all[:0], p.Visits...)
	slices.SortFunc(t.all, func(a, b Visit) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Cell, b.Cell))
	})
	held = 0
	for n, v := range t.all {
		if n >= probes && held >= enough {
			t.all = t.all[:n]
			break
		}
		held += r.InCell(int(v.Cell))
	}
	sortVisits(t.all)
	p.Visits = append(p.Visits[:0], t.all...)
}

// visitShare chooses the query's cells under a filter, from those nearest without one: enough to
// hold as many rows that may be found as those hold rows, empty ones left out. Where the nearest
// hold less than three quarters of their share, the rows lie elsewhere: no order of cells far away
// tells much, so that all are visited.
func (t *Router) visitShare(p *Probe, r *Run) {
	c, held, room := r.Seg.Cells, 0, 0
	for _, v := range p.Visits {
		held += r.InCell(int(v.Cell))
		room += c.Size(int(v.Cell))
	}
	enough := room
	if r.Seg.Metric == column.Dot && held < room { // its order of cells tells less
		enough = 2 * room
	}
	enough = min(max(enough, r.collect()), r.Eligible)
	if 4*int64(held)*int64(r.Seg.Usable) < 3*int64(r.Eligible)*int64(room) {
		enough = r.Eligible
	}
	if r.P.Probes > 0 {
		t.Widen(p, r, r.collect())
		enough = 0
	}
	for held < enough {
		want := max(2*len(p.Visits), len(p.Visits)*enough/max(held, 1)*5/4+coarseMore)
		if enough == r.Eligible || 2*want > c.N {
			t.visitAll(p, r)
			return
		}
		t.Route(p, r.Seg, want, nil)
		held = 0
		for _, v := range p.Visits {
			held += r.InCell(int(v.Cell))
		}
	}
	kept := p.Visits[:0]
	for _, v := range p.Visits {
		if r.InCell(int(v.Cell)) > 0 {
			kept = append(kept, v)
		}
	}
	p.Visits = kept
}

// visitAll visits every cell with rows that may be found.
func (t *Router) visitAll(p *Probe, r *Run) {
	p.Visits = p.Visits[:0]
	t.addAll(p, r)
}
