package arrowidx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// wideTask is rows and queries of float64 that float32 cannot tell apart, or cannot hold.
type wideTask struct {
	name          string
	d             int
	rows, queries []float64
	metrics       []arrowidx.Metric
}

var distances = []arrowidx.Metric{arrowidx.L2, arrowidx.SqEuclidean}

// wideTasks are n rows each.
func wideTasks(r *rand.Rand, n, nq int) []wideTask {
	at := wideTask{name: "coordinates", d: 2, metrics: distances}
	for i := range n {
		at.rows = append(at.rows, 1.7e9+float64(i), 4.5e6+0.01*float64(i))
	}
	out := []wideTask{at}
	for _, c := range []struct {
		d             int
		offset, noise float64
	}{{32, 1e6, 1}, {100, 1e9, 1e-3}, {3, 0, 1}, {32, 1e6, 1e-9}, {8, 1e-12, 1e-17}} {
		t := wideTask{name: fmt.Sprintf("%g+%g in %d-d", c.offset, c.noise, c.d), d: c.d,
			metrics: arrowidxtest.Metrics}
		for range n * c.d {
			t.rows = append(t.rows, c.offset+c.noise*r.NormFloat64())
		}
		out = append(out, t)
	}
	far := wideTask{name: "lengths far apart", d: 5, metrics: []arrowidx.Metric{arrowidx.Cosine}}
	for range n {
		length := math.Pow(10, 600*r.Float64()-300)
		for range far.d {
			far.rows = append(far.rows, length*r.NormFloat64())
		}
	}
	out = append(out, far)
	for i := range out {
		t := &out[i]
		t.queries = slices.Clone(t.rows[:nq*t.d])
		for j := range t.queries[t.d:] {
			t.queries[t.d+j] *= 1 + 1e-13*r.NormFloat64()
		}
	}
	return out
}

func wideColumn(t testing.TB, rows []float64, d, chunks int) *arrowidx.Column {
	t.Helper()
	var arrays []arrow.Array
	n := len(rows) / d
	for i := range chunks {
		b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, int32(d),
			arrow.PrimitiveTypes.Float64)
		for row := i * n / chunks; row < (i+1)*n/chunks; row++ {
			b.Append(true)
			b.ValueBuilder().(*array.Float64Builder).AppendValues(rows[row*d:(row+1)*d], nil)
		}
		arrays = append(arrays, b.NewArray())
		b.Release()
	}
	return arrowidxtest.ColumnOf(t, arrays...)
}

// wideDistance is smaller for nearer rows: the squared distance, or minus the score.
func wideDistance(metric arrowidx.Metric, x, q []float64) float64 {
	scale := func(v []float64) (float64, float64) {
		largest := 0.0
		for _, e := range v {
			largest = max(largest, math.Abs(e))
		}
		_, exp := math.Frexp(largest)
		sum := 0.0
		for _, e := range v {
			e = math.Ldexp(e, -exp)
			sum += e * e
		}
		return float64(exp), math.Sqrt(sum)
	}
	sum := 0.0
	switch metric {
	case arrowidx.Cosine:
		ex, lx := scale(x)
		eq, lq := scale(q)
		if lx == 0 || lq == 0 {
			return 0
		}
		for j := range x {
			sum += math.Ldexp(x[j], -int(ex)) * math.Ldexp(q[j], -int(eq))
		}
		return -sum / (lx * lq)
	case arrowidx.Dot:
		for j := range x {
			sum -= x[j] * q[j]
		}
		return sum
	}
	for j := range x {
		sum += (x[j] - q[j]) * (x[j] - q[j])
	}
	return sum
}

// checkWide compares one answer with all float64 distances; which rows count is for admits to say.
func (k *wideTask) checkWide(
	t testing.TB, metric arrowidx.Metric, q []float64, rows []int64, scores []float32, want int,
	admits func(i int) bool, what string,
) {
	t.Helper()
	var all []float64
	for i := range len(k.rows) / k.d {
		if admits == nil || admits(i) {
			all = append(all, wideDistance(metric, k.rows[i*k.d:(i+1)*k.d], q))
		}
	}
	sort.Float64s(all)
	require.Len(t, rows, min(want, len(all)), what)
	norm := 0.0
	for _, v := range q {
		norm += v * v
	}
	slack := map[arrowidx.Metric]float64{arrowidx.Cosine: 1e-14, arrowidx.Dot: 1e-13 * norm}[metric]
	for j, row := range rows {
		dist := wideDistance(metric, k.rows[int(row)*k.d:(int(row)+1)*k.d], q)
		require.InDelta(t, all[j], dist, slack+1e-12*math.Abs(all[j]), "%s: place %d, row %d", what,
			j, row)
		score := -dist
		switch metric {
		case arrowidx.L2:
			score = math.Sqrt(dist)
		case arrowidx.SqEuclidean:
			score = dist
		}
		require.InDelta(t, score, scores[j], slack+2e-7*math.Abs(score)+1e-44, "%s: row %d", what, row)
	}
}

// eachWide builds every kind of index over every task and metric.
func eachWide(
	t *testing.T, seed uint64, n, nq int,
	check func(t *testing.T, k *wideTask, ix *arrowidx.Index, metric arrowidx.Metric),
) {
	r := arrowidxtest.Rand(t, seed)
	for _, k := range wideTasks(r, n, nq) {
		for _, metric := range k.metrics {
			for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
				name := fmt.Sprintf("%s/%s/%s", k.name, metric, kind)
				t.Run(name, func(t *testing.T) {
					col := wideColumn(t, k.rows, k.d, 3)
					ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind,
						Metric: metric, Keep: arrowidx.KeepCopy})
					col.Release()
					require.NoError(t, err)
					defer ix.Close()
					check(t, &k, ix, metric)
				})
			}
		}
	}
}

func (k *wideTask) search(
	t testing.TB, ix *arrowidx.Index, p arrowidx.SearchParams,
) arrowidx.SearchOut {
	t.Helper()
	p.Recall, p.Rerank = 1, -1
	out := arrowidxtest.Outputs(p.NQ, p.K)
	plan, err := ix.Search(t.Context(), &p, &out)
	require.NoError(t, err)
	require.True(t, plan.Exact)
	return out
}

func (k *wideTask) query(i int) []float64 { return k.queries[i*k.d : (i+1)*k.d] }

func TestColumnsOfFloat64AreComparedAsFloat64(t *testing.T) {
	const n, nq, top = 700, 6, 9
	eachWide(t, 1201, n, nq, func(
		t *testing.T, k *wideTask, ix *arrowidx.Index, metric arrowidx.Metric,
	) {
		few := make([]byte, n)
		for i := range few {
			few[i] = byte((i % 3) &^ 1)
		}
		for name, mask := range map[string][]byte{"all": nil, "a third": few} {
			admits := func(i int) bool { return mask == nil || mask[i] != 0 }
			p := arrowidx.SearchParams{Wide: k.queries, NQ: nq, K: top, Mask: mask}
			out := k.search(t, ix, p)
			for i := range nq {
				part := arrowidxtest.Part(out, i, 1, top)
				k.checkWide(t, metric, k.query(i), part.Rows, part.Scores, top, admits, name)
				p.Wide, p.NQ = k.query(i), 1
				alone := k.search(t, ix, p)
				require.Empty(t, arrowidxtest.Unequal(part, alone), "%s, one query", name)
			}
		}
	})
}

func TestRangesGroupsAndGraphsAreThoseOfFloat64(t *testing.T) {
	const n, nq, top = 300, 3, 4
	eachWide(t, 1202, n, nq, func(
		t *testing.T, k *wideTask, ix *arrowidx.Index, metric arrowidx.Metric,
	) {
		groups := make([]uint32, n)
		for i := range groups {
			groups[i] = uint32(i % 5)
		}
		out := arrowidxtest.Outputs(nq*5, top)
		_, err := ix.SearchGroups(t.Context(), &arrowidx.SearchParams{Wide: k.queries, NQ: nq,
			K: top, Recall: 1, Rerank: -1}, groups, 5, &out)
		require.NoError(t, err)
		for i := range nq * 5 {
			k.checkWide(t, metric, k.query(i/5), out.Rows[i*top:(i+1)*top],
				out.Scores[i*top:(i+1)*top], top, func(row int) bool { return row%5 == i%5 }, "group")
		}
		best := k.search(t, ix, arrowidx.SearchParams{Wide: k.queries, NQ: nq, K: 20})
		for i := range nq {
			p := arrowidx.WithinParams{Wide: k.query(i), NQ: 1}
			arrowidxtest.Threshold(&p, metric, float64(best.Scores[i*20+19]))
			seen := map[int64]bool{}
			_, err := ix.Within(t.Context(), &p, func(r arrowidx.Range) error {
				for _, row := range r.Rows {
					seen[row] = true
				}
				return nil
			})
			require.NoError(t, err)
			for _, row := range best.Rows[i*20 : (i+1)*20] {
				require.True(t, seen[row], "row %d is within", row)
			}
		}
		graph := arrowidxtest.GraphOf(n, top)
		_, err = ix.Neighbors(t.Context(), arrowidx.NeighborsParams{K: top, Recall: 1}, &graph)
		require.NoError(t, err)
		for i := range n {
			k.checkWide(t, metric, k.rows[i*k.d:(i+1)*k.d], graph.Rows[i*top:(i+1)*top],
				graph.Scores[i*top:(i+1)*top], top, func(row int) bool { return row != i }, "graph")
		}
	})
}

func TestFloat64IsStoredAddedAndCompactedAsSuch(t *testing.T) {
	const n, nq, top = 400, 4, 5
	eachWide(t, 1203, n, nq, func(
		t *testing.T, k *wideTask, ix *arrowidx.Index, metric arrowidx.Metric,
	) {
		half := &wideTask{d: k.d, rows: slices.Concat(k.rows, k.rows[:n/2*k.d])}
		col := wideColumn(t, half.rows[n*k.d:], k.d, 1)
		defer col.Release()
		_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
		require.NoError(t, err)
		check := func(ix *arrowidx.Index, what string) {
			out := half.search(t, ix, arrowidx.SearchParams{Wide: k.queries, NQ: nq, K: top})
			for i := range nq {
				part := arrowidxtest.Part(out, i, 1, top)
				half.checkWide(t, metric, k.query(i), part.Rows, part.Scores, top, nil, what)
			}
		}
		check(ix, "added")
		again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
		require.NoError(t, err)
		defer again.Close()
		check(again, "decoded")
		require.Equal(t, arrowidxtest.Bytes(t, ix, true), arrowidxtest.Bytes(t, again, true))
		require.NoError(t, ix.Compact(t.Context(), 1))
		check(ix, "compacted")
		row := make([]float64, k.d)
		require.NoError(t, again.WideRow(n+3, row))
		require.Equal(t, k.rows[3*k.d:4*k.d], row)
	})
}
