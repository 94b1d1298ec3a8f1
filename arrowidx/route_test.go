package arrowidx

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/simd"
)

var routedMetrics = []Metric{Cosine, Dot, L2, SqEuclidean}

// stretched gives rows lengths between 0.6 and 1.8 and a common direction, so that lengths and the
// mean matter.
func stretched(x []float32, d int) []float32 {
	for i := range x {
		x[i] = (x[i] + 0.1) * (0.6 + float32(i/d%13)/10)
	}
	return x
}

// asking is a run that reads queries.
func asking(ix *segment, queries []float32, epsilon float64) *run {
	return &run{ix: ix, p: &SearchParams{Queries: queries}, epsilon: epsilon}
}

// preparedProbes are queries ready for routing.
func preparedProbes(t *testing.T, ix *Index, queries []float32) []*probe {
	t.Helper()
	var out []*probe
	for i := range len(queries) / ix.base().dim {
		q := &query{}
		require.NoError(t, q.prepare(asking(ix.base(), queries, 2), i))
		out = append(out, &probe{query: q})
	}
	return out
}

// routed chooses cells for the probes, as many at a time as a search would.
func routed(ix *Index, ps []*probe, probes, together int) {
	c, t := ix.base().cells, &router{}
	plane, lanes := usesPlane(c, probes), c.plane.count*simd.BlockRows
	var four [4]simd.ScanQuery
	for len(ps) > 0 {
		n := 1
		if len(ps) >= together {
			n = together
		}
		if plane {
			t.estimate(c, ps[:n], &four)
		}
		for i, p := range ps[:n] {
			var est []float32
			if plane {
				est = t.est[i*lanes : i*lanes+c.n]
			}
			t.route(p, ix.base(), probes, est)
		}
		ps = ps[n:]
	}
}

// trueOrder values every cell in float64: the squared distance of its centroid, for dot the least
// negative inner product that a row within its radius can have.
func trueOrder(ix *Index, q *query, query []float32) []float64 {
	c := ix.base().cells
	out := make([]float64, c.n)
	middle := make([]float32, c.padded)
	copy(middle, ix.base().mean)
	ix.base().rot.apply(middle, 1)
	for i := range c.n {
		x := c.centroid(i)
		if ix.base().metric != Dot {
			out[i] = squared(q.rotated, x)
			continue
		}
		// q.rotated is the scaled query less the mean.
		for j, v := range x {
			whole := float64(q.rotated[j]) + float64(middle[j])
			out[i] -= whole * (float64(v) + float64(middle[j]))
		}
		out[i] -= float64(q.length) * float64(c.radius[i])
	}
	return out
}

// chosen compares the cells of the probes with the nearest ones: the share of these that was found,
// and how much farther than the last of them the farthest other is (a share of its distance).
func chosen(ix *Index, ps []*probe, queries []float32, probes int) (share, farther float64) {
	found, d := 0, ix.base().dim
	for i, p := range ps {
		order := trueOrder(ix, p.query, queries[i*d:(i+1)*d])
		sorted := slices.Sorted(slices.Values(order))
		last := sorted[probes-1]
		for _, v := range p.visits {
			if order[v.cell] <= last+1e-6*math.Abs(last) {
				found++
			} else if ix.base().metric != Dot {
				farther = max(farther, math.Sqrt(order[v.cell]/last)-1)
			}
		}
	}
	return float64(found) / float64(probes*len(ps)), farther
}

// The int8 and float32 steps lose nothing that counts. The plane of one bit does, among many cells
// of much the same distance: what stands in their place must be hardly farther.
func TestRoutingFindsTheNearestCells(t *testing.T) {
	const n, d, nq = 4200, 64, 60
	all := stretched(blobs(t, 500, n+nq, d, 150), d)
	queries := all[n*d:]
	for _, cells := range []int{64, 500, 2048} {
		for _, metric := range []Metric{Cosine, Dot, L2} {
			ix := builtCells(t, all[:n*d], d, BuildOptions{
				Metric: metric, Bits: 1, Cells: cells, Seed: uint64(cells)})
			ps := preparedProbes(t, ix, queries)
			for _, probes := range []int{1, 8, 32} {
				for _, p := range ps {
					(&router{}).route(p, ix.base(), probes, nil)
					require.Len(t, p.visits, probes)
				}
				share, _ := chosen(ix, ps, queries, probes)
				require.GreaterOrEqual(t, share, 0.99, "%s, %d of %d cells", metric, probes, cells)
				routed(ix, ps, probes, 4)
				share, farther := chosen(ix, ps, queries, probes)
				t.Logf("%s, %d of %d cells: %.4f, others at most %.3f farther", metric, probes, cells,
					share, farther)
				least := 0.90
				if !usesPlane(ix.base().cells, probes) || metric == Dot {
					least = 0.99
				}
				require.GreaterOrEqual(t, share, least, "%s, %d of %d cells", metric, probes, cells)
				require.LessOrEqual(t, farther, 0.08, "%s, %d of %d cells", metric, probes, cells)
			}
		}
	}
}

func TestRoutesAreTheSameAloneAndByFours(t *testing.T) {
	const n, d, nq = 4000, 40, 23
	all := stretched(blobs(t, 501, n+nq, d, 80), d)
	for _, metric := range routedMetrics {
		ix := builtCells(t, all[:n*d], d, BuildOptions{Metric: metric, Bits: 1, Cells: 400})
		alone, byFours := preparedProbes(t, ix, all[n*d:]), preparedProbes(t, ix, all[n*d:])
		for _, probes := range []int{1, 5, 20, 100, 399, 400} {
			routed(ix, alone, probes, 1)
			routed(ix, byFours, probes, 4)
			for i := range alone {
				require.Equal(t, alone[i].visits, byFours[i].visits, "%s, %d probes", metric, probes)
				require.Len(t, alone[i].visits, probes)
				rising := slices.IsSortedFunc(alone[i].visits, func(a, b visit) int {
					return int(a.cell) - int(b.cell)
				})
				require.True(t, rising, "visits are in the order of cells")
			}
		}
	}
}

// More probes only add cells, as long as every cell is measured.
func TestMoreProbesKeepTheCellsOfFewer(t *testing.T) {
	const n, d, nq = 2000, 24, 10
	all := stretched(blobs(t, 502, n+nq, d, 30), d)
	for _, metric := range routedMetrics {
		ix := builtCells(t, all[:n*d], d, BuildOptions{Metric: metric, Bits: 1, Cells: 60})
		few, more := preparedProbes(t, ix, all[n*d:]), preparedProbes(t, ix, all[n*d:])
		for probes := 55; probes < 60; probes++ {
			routed(ix, few, probes, 1)
			routed(ix, more, probes+1, 1)
			for i := range few {
				for _, v := range few[i].visits {
					require.True(t, slices.ContainsFunc(more[i].visits, func(w visit) bool {
						return w.cell == v.cell
					}), "%s: cell %d of %d probes", metric, v.cell, probes)
				}
			}
		}
	}
}

// A cell is left out when its bound is above a query's threshold: no row of it may be nearer.
func TestNoRowIsNearerThanTheBoundOfItsCell(t *testing.T) {
	const n, d, nq = 3000, 24, 25
	for _, shift := range []float32{0, 0.5, -2} {
		all := stretched(blobs(t, 503, n+nq, d, 40), d)
		for i := range all {
			all[i] += shift
		}
		rows, queries := all[:n*d], all[n*d:]
		for i := range d { // one query against the mean, one far away
			queries[i], queries[d+i] = -queries[i], 20*queries[d+i]
		}
		for _, metric := range routedMetrics {
			ix := builtCells(t, rows, d, BuildOptions{Metric: metric, Bits: 1, Cells: 80})
			c := ix.base().cells
			tight := 0
			for _, p := range preparedProbes(t, ix, queries) {
				for cell := range c.n {
					v := p.visitOf(ix.base(), uint32(cell))
					for _, row := range c.rows[c.first[cell]:c.first[cell+1]] {
						dist := p.exact(metric, rows[int(row)*d:(int(row)+1)*d])
						require.LessOrEqual(t, float64(v.least), dist+float64(p.slack),
							"%s, shift %v, row %d of cell %d", metric, shift, row, cell)
						if metric == Dot && float64(v.least) > dist-0.3*float64(p.length) {
							tight++
						}
					}
				}
			}
			if metric == Dot {
				require.Positive(t, tight, "the bound is not just far below everything")
			}
		}
	}
}

func TestWideningAddsTheNextCellsUntilEnoughRowsAreHeld(t *testing.T) {
	const n, d = 3000, 16
	rows := blobs(t, 504, n, d, 30)
	ix := builtCells(t, rows, d, BuildOptions{Metric: L2, Bits: 1, Cells: 100})
	c := ix.base().cells
	mask := make([]byte, n)
	for i := 0; i < n; i += 3 {
		mask[i] = 1
	}
	for _, m := range [][]byte{nil, mask} {
		r := &run{ix: ix.base(), p: &SearchParams{Mask: m}, k: 1}
		require.NoError(t, r.setFilter())
		for _, enough := range []int{1, 30, 300, 900, r.eligible} {
			ps := preparedProbes(t, ix, rows[:5*d])
			for i, p := range ps {
				routed(ix, ps[i:i+1], 1, 1)
				(&router{}).widen(p, r, enough)
				held, last := 0, 0
				order := trueOrder(ix, p.query, nil)
				farthest := -1.0
				for _, v := range p.visits {
					held += r.inCell(int(v.cell))
					if order[v.cell] > farthest {
						farthest, last = order[v.cell], r.inCell(int(v.cell))
					}
				}
				require.GreaterOrEqual(t, held, enough)
				if len(p.visits) > 1 {
					require.Less(t, held-last, enough, "without the farthest there are too few")
				}
				near := 0
				for _, o := range order {
					if o < farthest-1e-5 {
						near++
					}
				}
				require.LessOrEqual(t, near, len(p.visits), "no nearer cell is left out")
			}
		}
	}
	require.Equal(t, n, int(c.first[c.n]))
}

func TestTheLeastValuesAreFoundWithTheirEquals(t *testing.T) {
	r := &router{}
	for seed := range uint64(40) {
		v := gaussianRows(t, 510+seed, 1+int(seed)*37)
		if seed%2 == 0 { // many equals
			for i := range v {
				v[i] = float32(math.Round(float64(v[i])))
			}
		}
		sorted := slices.Clone(v)
		slices.Sort(sorted)
		for _, want := range []int{1, 2, len(v) / 8, len(v) / 2, len(v) - 1, len(v), len(v) + 5} {
			if want < 1 {
				continue
			}
			var expect []uint32
			for i, x := range v {
				if x <= sorted[min(want, len(v))-1] {
					expect = append(expect, uint32(i))
				}
			}
			have := slices.Clone(r.leastOf(v, want))
			require.Equal(t, expect, have, fmt.Sprintf("%d of %d", want, len(v)))
		}
	}
}
