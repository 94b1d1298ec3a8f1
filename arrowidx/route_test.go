package arrowidx

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
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
func asking(seg *segment.Segment, queries []float32, epsilon float64) *search.Run {
	return &search.Run{Seg: seg, P: &SearchParams{Queries: queries}, Epsilon: epsilon}
}

// preparedProbes are queries ready for routing.
func preparedProbes(t *testing.T, ix *Index, queries []float32) []*search.Probe {
	t.Helper()
	var out []*search.Probe
	for i := range len(queries) / ix.base().Dim {
		q := &search.Query{}
		require.NoError(t, q.Prepare(asking(ix.base(), queries, 2), i))
		out = append(out, &search.Probe{Query: q})
	}
	return out
}

// routed chooses cells for the probes, as many at a time as a search would.
func routed(ix *Index, ps []*search.Probe, probes, together int) {
	c, t := ix.base().Cells, &search.Router{}
	plane, lanes := search.UsesPlane(c, probes), c.Plane.Count*simd.BlockRows
	var four [4]simd.ScanQuery
	for len(ps) > 0 {
		n := 1
		if len(ps) >= together {
			n = together
		}
		if plane {
			t.Estimate(c, ps[:n], &four)
		}
		for i, p := range ps[:n] {
			var est []float32
			if plane {
				est = t.Est[i*lanes : i*lanes+c.N]
			}
			t.Route(p, ix.base(), probes, est)
		}
		ps = ps[n:]
	}
}

// trueOrder values every cell in float64: the squared distance of its centroid, for dot the least
// negative inner product that a row within its radius can have.
func trueOrder(ix *Index, q *search.Query, query []float32) []float64 {
	c := ix.base().Cells
	out := make([]float64, c.N)
	middle := make([]float32, c.Padded)
	copy(middle, ix.base().Mean)
	ix.base().Rot.Apply(middle, 1)
	for i := range c.N {
		x := c.Centroid(i)
		if ix.base().Metric != Dot {
			out[i] = squared(q.Rotated, x)
			continue
		}
		// q.rotated is the scaled query less the mean.
		for j, v := range x {
			whole := float64(q.Rotated[j]) + float64(middle[j])
			out[i] -= whole * (float64(v) + float64(middle[j]))
		}
		out[i] -= float64(q.Length) * float64(c.Radius[i])
	}
	return out
}

// chosen compares the cells of the probes with the nearest ones: the share of these that was found,
// and how much farther than the last of them the farthest other is (a share of its distance).
func chosen(ix *Index, ps []*search.Probe, queries []float32, probes int) (share, farther float64) {
	found, d := 0, ix.base().Dim
	for i, p := range ps {
		order := trueOrder(ix, p.Query, queries[i*d:(i+1)*d])
		sorted := slices.Sorted(slices.Values(order))
		last := sorted[probes-1]
		for _, v := range p.Visits {
			if order[v.Cell] <= last+1e-6*math.Abs(last) {
				found++
			} else if ix.base().Metric != Dot {
				farther = max(farther, math.Sqrt(order[v.Cell]/last)-1)
			}
		}
	}
	return float64(found) / float64(probes*len(ps)), farther
}

// The int8 and float32 steps lose nothing that counts. The plane of one bit does, among many cells
// of much the same distance: what stands in their place must be hardly farther.
func TestRoutingFindsTheNearestCells(t *testing.T) {
	t.Parallel()
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
					(&search.Router{}).Route(p, ix.base(), probes, nil)
					require.Len(t, p.Visits, probes)
				}
				share, _ := chosen(ix, ps, queries, probes)
				require.GreaterOrEqual(t, share, 0.99, "%s, %d of %d cells", metric, probes, cells)
				routed(ix, ps, probes, 4)
				share, farther := chosen(ix, ps, queries, probes)
				t.Logf("%s, %d of %d cells: %.4f, others at most %.3f farther", metric, probes, cells,
					share, farther)
				least := 0.90
				if !search.UsesPlane(ix.base().Cells, probes) || metric == Dot {
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
				require.Equal(t, alone[i].Visits, byFours[i].Visits, "%s, %d probes", metric, probes)
				require.Len(t, alone[i].Visits, probes)
				rising := slices.IsSortedFunc(alone[i].Visits, func(a, b search.Visit) int {
					return int(a.Cell) - int(b.Cell)
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
				for _, v := range few[i].Visits {
					require.True(t, slices.ContainsFunc(more[i].Visits, func(w search.Visit) bool {
						return w.Cell == v.Cell
					}), "%s: cell %d of %d probes", metric, v.Cell, probes)
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
			c := ix.base().Cells
			tight := 0
			for _, p := range preparedProbes(t, ix, queries) {
				for cell := range c.N {
					v := p.VisitOf(ix.base(), uint32(cell))
					for _, row := range c.Rows[c.First[cell]:c.First[cell+1]] {
						dist := p.Exact(metric, rows[int(row)*d:(int(row)+1)*d])
						require.LessOrEqual(t, float64(v.Least), dist+float64(p.Slack),
							"%s, shift %v, row %d of cell %d", metric, shift, row, cell)
						if metric == Dot && float64(v.Least) > dist-0.3*float64(p.Length) {
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
	c := ix.base().Cells
	mask := make([]byte, n)
	for i := 0; i < n; i += 3 {
		mask[i] = 1
	}
	for _, m := range [][]byte{nil, mask} {
		r := &search.Run{Seg: ix.base(), P: &SearchParams{Mask: m}, K: 1}
		require.NoError(t, r.SetFilter())
		for _, enough := range []int{1, 30, 300, 900, r.Eligible} {
			ps := preparedProbes(t, ix, rows[:5*d])
			for i, p := range ps {
				routed(ix, ps[i:i+1], 1, 1)
				(&search.Router{}).Widen(p, r, enough)
				held, last := 0, 0
				order := trueOrder(ix, p.Query, nil)
				farthest := -1.0
				for _, v := range p.Visits {
					held += r.InCell(int(v.Cell))
					if order[v.Cell] > farthest {
						farthest, last = order[v.Cell], r.InCell(int(v.Cell))
					}
				}
				require.GreaterOrEqual(t, held, enough)
				if len(p.Visits) > 1 {
					require.Less(t, held-last, enough, "without the farthest there are too few")
				}
				near := 0
				for _, o := range order {
					if o < farthest-1e-5 {
						near++
					}
				}
				require.LessOrEqual(t, near, len(p.Visits), "no nearer cell is left out")
			}
		}
	}
	require.Equal(t, n, int(c.First[c.N]))
}

func TestTheLeastValuesAreFoundWithTheirEquals(t *testing.T) {
	r := &search.Router{}
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
			have := slices.Clone(r.LeastOf(v, want))
			require.Equal(t, expect, have, fmt.Sprintf("%d of %d", want, len(v)))
		}
	}
}
