package build

import (
	"math"

	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// A row without a cell looks into the centroids of one group of groupShare, and of leastGroups at
// least; groups themselves are found by groupRounds rounds of k-means over the centroids.
const groupShare, leastGroups, groupRounds = 4, 8, 4

// groups are centroids in about as many groups as each has members.
type groups struct {
	heads   *coarse // the middles
	first   []uint32
	members []uint32 // centroids by group
	codes   []int8   // side by side, in the same order
	step    []float32
	norm2   []float32
}

// group makes groups of measured centroids.
func (n *coarse) group(centroids []float32) *groups {
	d, count := n.padded, max(1, int(math.Sqrt(float64(n.k))))
	g := &groups{
		heads: newCoarse(count, d), first: make([]uint32, count+1), members: make([]uint32, n.k),
	}
	heads := make([]float32, count*d)
	for i := range count {
		c := i * n.k / count
		copy(heads[i*d:(i+1)*d], centroids[c*d:(c+1)*d])
	}
	owner, sum := make([]uint32, n.k), make([]float64, d)
	for round := range groupRounds {
		for i := range count {
			x := heads[i*d : (i+1)*d]
			g.heads.norm2[i] = simd.Norm16(x)
			g.heads.step[i] = simd.QuantizeInt8(g.heads.of(uint32(i)), x)
		}
		g.heads.nearest(n, owner)
		clear(g.first)
		GroupByCell(owner, g.first, g.members)
		for i := range count {
			if round < groupRounds-1 && g.first[i] < g.first[i+1] {
				meanOf(heads[i*d:(i+1)*d], centroids, g.members[g.first[i]:g.first[i+1]], sum)
			}
		}
	}
	g.codes = make([]int8, n.k*d)
	g.step, g.norm2 = make([]float32, n.k), make([]float32, n.k)
	for i, c := range g.members {
		copy(g.codes[i*d:(i+1)*d], n.of(c))
		g.step[i], g.norm2[i] = n.step[c], n.norm2[c]
	}
	return g
}

// meanOf writes the mean of some centroids to x.
func meanOf(x, centroids []float32, some []uint32, sum []float64) {
	clear(sum)
	for _, c := range some {
		simd.AddScaled(sum, centroids[int(c)*len(x):(int(c)+1)*len(x)], 1)
	}
	for j, v := range sum {
		x[j] = float32(v / float64(len(some)))
	}
}

// nearest writes to owner which of n is nearest to each of others.
func (n *coarse) nearest(others *coarse, owner []uint32) {
	d := n.padded
	dots, values := make([]int32, 4*n.k), make([]float32, n.k)
	for at := 0; at < others.k; at += 4 {
		some := min(4, others.k-at)
		simd.DotInt8Tile(dots, n.codes, n.k, d, others.codes[at*d:(at+some)*d], some)
		for j := range some {
			simd.ScaleAdd(values, dots[j*n.k:(j+1)*n.k], n.step, n.norm2, -2*others.step[at+j])
			owner[at+j] = uint32(max(simd.ArgMin(values), 0))
		}
	}
}

// enter leads rows from `from` on, one for each of owner, to the nearest centroid that is in one of
// the groups nearest to them.
func (w *mover) enter(g *groups, s *Sample, from int, owner []uint32) {
	h, d := g.heads, s.Padded
	probes := min(max(h.k/groupShare, leastGroups), h.k)
	w.chosen = mem.Grow(w.chosen, 4*probes)
	for at := 0; at < len(owner); at += 4 {
		some := min(4, len(owner)-at)
		w.dots, w.values = mem.Grow(w.dots, 4*h.k), mem.Grow(w.values, h.k)
		w.spare, w.places = mem.Grow(w.spare, h.k), mem.Grow(w.places, h.k)
		r := from + at
		simd.DotInt8Tile(w.dots, h.codes, h.k, d, s.Codes[r*d:(r+some)*d], some)
		for j := range some {
			simd.ScaleAdd(w.values, w.dots[j*h.k:(j+1)*h.k], h.step, h.norm2, -2*s.Step[r+j])
			w.least(w.chosen[j*probes : (j+1)*probes])
		}
		for j := range some {
			owner[at+j] = w.among(g, w.chosen[j*probes:(j+1)*probes], s.Of(r+j), s.Step[r+j])
		}
	}
}

// among returns the centroid nearest to a row in some groups.
func (w *mover) among(g *groups, chosen []uint32, z []int8, step float32) uint32 {
	best, least, d := uint32(0), float32(math.Inf(1)), len(z)
	for _, group := range chosen {
		a, b := int(g.first[group]), int(g.first[group+1])
		w.dots, w.values = mem.Grow(w.dots, b-a), mem.Grow(w.values, b-a)
		simd.DotInt8Tile(w.dots, g.codes[a*d:b*d], b-a, d, z, 1)
		simd.ScaleAdd(w.values, w.dots, g.step[a:b], g.norm2[a:b], -2*step)
		if i := simd.ArgMin(w.values); i >= 0 && w.values[i] < least {
			best, least = g.members[a+i], w.values[i]
		}
	}
	return best
}
