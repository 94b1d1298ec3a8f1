package arrowidx

import (
	"cmp"
	"slices"

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
)

// visit is a cell that a query looks into.
type visit struct {
	cell  uint32
	order float32 // cells are probed by rising order
	least float32 // no row of the cell is nearer, but for rounding
	place
}

// router is one worker's memory for choosing cells.
type router struct {
	est    []float32
	masks  []uint32
	values []float32
	spare  []float32
	near   []uint32
	ids    []uint32
	dots   []int32
	all    []visit
	home   []uint32 // under a filter: the cells around the query
}

// leastOf writes the indexes of the want least values (and of others equal to the greatest of
// them) to near, rising.
func (t *router) leastOf(v []float32, want int) []uint32 {
	n := len(v)
	t.near = grow(t.near, n)
	t.spare = grow(t.spare, n)
	if want >= n {
		for i := range t.near {
			t.near[i] = uint32(i)
		}
		return t.near
	}
	few := t.near[:t.fewOf(v, want)]
	spare := t.spare[:len(few)]
	for i, j := range few {
		spare[i] = v[j]
	}
	tau := simd.SelectKth(spare, want-1)
	kept := few[:0]
	for _, j := range few {
		if v[j] <= tau {
			kept = append(kept, j)
		}
	}
	return kept
}

// fewOf writes the indexes of at least the want least values to near and returns how many: those
// up to a value that a sample suggests, all if it was too small.
func (t *router) fewOf(v []float32, want int) int {
	const sample = 64
	if n := len(v); want*4 <= n && n >= 4*sample {
		for i := range sample {
			t.spare[i] = v[i*n/sample]
		}
		at := want*sample/n + 3
		if some := simd.SelectBelow(t.near, v, simd.SelectKth(t.spare[:sample], at)); some >= want {
			return some
		}
	}
	for i := range v {
		t.near[i] = uint32(i)
	}
	return len(v)
}

// estimate scans the plane of centroids for one or four queries.
func (t *router) estimate(c *cells, qs []*probe, four *[4]simd.ScanQuery) {
	lanes := c.plane.count * simd.BlockRows
	t.est = grow(t.est, 4*lanes)
	t.masks = grow(t.masks, 4*c.plane.count)
	for i, q := range qs {
		four[i] = q.scan
		four[i].Add, four[i].Err, four[i].TabErr, four[i].Tau = 0, 0, 0, infinity
	}
	blocks := c.plane.blocks.mem
	if len(qs) == 4 {
		simd.Scan4(blocks, c.padded, c.plane.alive, four, t.masks, t.est)
		return
	}
	simd.Scan(blocks, c.padded, c.plane.alive, &four[0], t.masks[:c.plane.count], t.est[:lanes])
}

// route writes the cells nearest to the query to p.visits, rising by number. est are the estimates
// of the plane, nil when the plane is not used.
func (t *router) route(p *probe, ix *segment, probes int, est []float32) {
	p.visits = p.visits[:0]
	c := ix.cells
	ids := t.coarse(p, c, ix.metric == Dot, probes, est)
	for i, id := range ids {
		if i+2 < len(ids) {
			simd.Fetch(c.ahead[int(ids[i+2])*4*c.padded:][:4*c.padded])
		}
		p.visits = append(p.visits, p.visitOf(ix, id))
	}
	if len(p.visits) <= probes {
		return
	}
	p.keepNearest(t, probes)
}

// visitOf measures a cell.
func (q *query) visitOf(ix *segment, cell uint32) visit {
	c := ix.cells
	at := q.in(ix.cells, ix.metric.Larger(), int(cell))
	v := visit{cell: cell, place: at, order: at.add}
	if !ix.metric.Larger() {
		gap := max(sqrt32(max(at.add, 0))-c.radius[cell], 0)
		v.least = float32(gap * gap)
		return v
	}
	// With x = mean + c + r: <x, q> is at most <mean + c, q> + |q| radius.
	v.least = at.add - ix.meanSq + c.lean[cell] - float32(q.length*c.radius[cell])
	v.order = v.least
	if ix.metric == Cosine { // rows have length one: by distance
		far2 := q.norm2 + 2*(at.add-q.origin.add) + c.norm2[cell]
		gap := max(sqrt32(max(far2, 0))-c.radius[cell], 0)
		v.order = far2
		v.least = max(v.least, float32(gap*gap)/2-1)
	}
	return v
}

// cosine returns the cosine that a row of mean residual length must have to the direction of the
// query to be within tau, a squared distance. far2 is that of the cell's centroid.
func (c *cells) cosine(far2 float32, cell int, tau float32) float32 {
	far2, length := max(far2, 0), c.spread[cell]
	if far2 == 0 || length == 0 {
		return -1
	}
	return (far2 + float32(length*length) - tau) / (2 * sqrt32(far2) * length)
}

// keepNearest drops all but the nearest visits, of equal ones the greater cells.
func (p *probe) keepNearest(t *router, probes int) {
	t.values = t.values[:0]
	for _, v := range p.visits {
		t.values = append(t.values, v.order)
	}
	tau := simd.SelectKth(t.values, probes-1)
	equal := probes
	for _, v := range p.visits {
		if v.order < tau {
			equal--
		}
	}
	kept := p.visits[:0]
	for _, v := range p.visits {
		if v.order == tau {
			if equal--; equal < 0 {
				continue
			}
		}
		if v.order <= tau {
			kept = append(kept, v)
		}
	}
	p.visits = kept
}

// coarse returns about as many cells as are worth measuring in float32, rising.
func (t *router) coarse(p *probe, c *cells, dot bool, probes int, est []float32) []uint32 {
	measured := probes + probes/coarseShare + coarseMore
	if measured >= c.n {
		t.ids = t.ids[:0]
		for i := range c.n {
			t.ids = append(t.ids, uint32(i))
		}
		return t.ids
	}
	if est == nil {
		t.coarseAll(p, c, dot)
	} else {
		if dot {
			for i, r := range c.radius {
				est[i] += c.lean[i] - float32(p.length*r)
			}
		}
		t.ids = append(t.ids[:0], t.leastOf(est, planeShare*probes+planeMore)...)
		t.coarseSome(p, c, dot)
	}
	if dot {
		for i := range t.values {
			id := i
			if est != nil {
				id = int(t.ids[i])
			}
			t.values[i] -= float32(p.length * c.radius[id])
		}
	}
	near := t.leastOf(t.values, measured)
	if est != nil {
		for i, j := range near {
			near[i] = t.ids[j]
		}
	}
	return near
}

// coarseAll values all cells by their int8 products.
func (t *router) coarseAll(p *probe, c *cells, dot bool) {
	t.dots, t.values = grow(t.dots, c.n), grow(t.values, c.n)
	simd.DotInt8Tile(t.dots, c.coarse, c.n, c.padded, p.z, 1)
	if dot {
		simd.ScaleAdd(t.values, t.dots, c.step, c.lean, -p.zStep)
	} else {
		simd.ScaleAdd(t.values, t.dots, c.step, c.norm2, -2*p.zStep)
	}
}

// coarseSome values the cells in t.ids.
func (t *router) coarseSome(p *probe, c *cells, dot bool) {
	t.dots, t.values = grow(t.dots, len(t.ids)), grow(t.values, len(t.ids))
	for i, id := range t.ids {
		row := c.coarse[int(id)*c.padded : (int(id)+1)*c.padded]
		simd.DotInt8Tile(t.dots[i:i+1], row, 1, c.padded, p.z, 1)
		if dot {
			t.values[i] = c.lean[id] + float32(float32(t.dots[i])*(c.step[id]*-p.zStep))
		} else {
			t.values[i] = c.norm2[id] + float32(float32(t.dots[i])*(c.step[id]*(-2*p.zStep)))
		}
	}
}

// usesPlane reports whether routing begins with the plane.
func usesPlane(c *cells, probes int) bool {
	return len(c.coarse) >= planeBytes && planeShare*probes+planeMore <= c.n/3
}

// widen adds cells in their order until enough rows that may be found lie in the visited ones.
func (t *router) widen(p *probe, r *run, enough int) {
	held := 0
	for _, v := range p.visits {
		held += r.inCell(int(v.cell))
	}
	if held >= enough || len(p.visits) == r.ix.cells.n {
		return
	}
	probes := len(p.visits)
	t.route(p, r.ix, r.ix.cells.n, nil)
	t.all = append(t.all[:0], p.visits...)
	slices.SortFunc(t.all, func(a, b visit) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.cell, b.cell))
	})
	held = 0
	for n, v := range t.all {
		if n >= probes && held >= enough {
			t.all = t.all[:n]
			break
		}
		held += r.inCell(int(v.cell))
	}
	sortVisits(t.all)
	p.visits = append(p.visits[:0], t.all...)
}

// spread chooses the query's cells under a filter, from those nearest without one: enough to hold
// as many rows that may be found as those hold rows, empty ones left out. Where the nearest hold
// less than three quarters of their share, the rows lie elsewhere: no order of cells far away tells
// much, so that all are visited.
func (t *router) spread(p *probe, r *run) {
	c, held, room := r.ix.cells, 0, 0
	for _, v := range p.visits {
		held += r.inCell(int(v.cell))
		room += c.size(int(v.cell))
	}
	enough := room
	if r.ix.metric == Dot && held < room { // its order of cells tells less
		enough = 2 * room
	}
	enough = min(max(enough, r.collect()), r.eligible)
	if 4*int64(held)*int64(r.ix.usable) < 3*int64(r.eligible)*int64(room) {
		enough = r.eligible
	}
	if r.p.Probes > 0 {
		t.widen(p, r, r.collect())
		enough = 0
	}
	for held < enough {
		want := max(2*len(p.visits), len(p.visits)*enough/max(held, 1)*5/4+coarseMore)
		if enough == r.eligible || 2*want > c.n {
			t.visitAll(p, r)
			return
		}
		t.route(p, r.ix, want, nil)
		held = 0
		for _, v := range p.visits {
			held += r.inCell(int(v.cell))
		}
	}
	kept := p.visits[:0]
	for _, v := range p.visits {
		if r.inCell(int(v.cell)) > 0 {
			kept = append(kept, v)
		}
	}
	p.visits = kept
}

// visitAll visits every cell with rows that may be found.
func (t *router) visitAll(p *probe, r *run) {
	p.visits = p.visits[:0]
	t.addAll(p, r)
}
