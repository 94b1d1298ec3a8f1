package arrowidx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Inputs at the edge of what cells are made for: the right answer or a named error.

// edge is an input with its options.
type edge struct {
	name string
	d    int
	rows []float32
	o    arrowidx.BuildOptions
}

// equalRows are n rows of the same d numbers and others of their own.
func equalRows(r *rand.Rand, n, others, d int) []float32 {
	one := arrowidxtest.Gaussian(r, 1, d)
	var x []float32
	for range n {
		x = append(x, one...)
	}
	return append(x, arrowidxtest.Gaussian(r, others, d)...)
}

func edges(r *rand.Rand) []edge {
	many := arrowidx.BuildOptions{Cells: 500}
	return []edge{
		{"more cells than rows", 6, arrowidxtest.Gaussian(r, 120, 6), many},
		{"as many cells as rows", 6, arrowidxtest.Gaussian(r, 500, 6), many},
		{"a row less than cells", 6, arrowidxtest.Gaussian(r, 499, 6), many},
		{"a row more than cells", 6, arrowidxtest.Gaussian(r, 501, 6), many},
		{"all rows equal", 9, equalRows(r, 1500, 0, 9), arrowidx.BuildOptions{}},
		{"one cell holds everything", 9, equalRows(r, 5000, 10, 9), arrowidx.BuildOptions{}},
		{"equal rows, many cells", 9, equalRows(r, 2000, 5, 9), many},
		{"all rows zero", 7, make([]float32, 1400*7), arrowidx.BuildOptions{}},
		{"one cell", 12, arrowidxtest.Gaussian(r, 3000, 12), arrowidx.BuildOptions{Cells: 1}},
		{"no row", 5, nil, arrowidx.BuildOptions{}},
		{"no row, many cells", 5, nil, many},
		{"a row", 5, arrowidxtest.Gaussian(r, 1, 5), arrowidx.BuildOptions{}},
		{"calibration on 3 rows", 5, arrowidxtest.Gaussian(r, 24, 5), arrowidx.BuildOptions{}},
		{"33 rows", 5, arrowidxtest.Gaussian(r, 33, 5), arrowidx.BuildOptions{}},
		{"one dimension", 1, arrowidxtest.Gaussian(r, 3000, 1), arrowidx.BuildOptions{}},
		{"one dimension, few values", 1, wholes(r, 2000), arrowidx.BuildOptions{Cells: 64}},
		{"4,096 dimensions", 4096, arrowidxtest.Gaussian(r, 70, 4096), arrowidx.BuildOptions{}},
		{"tiny numbers", 8, scaled(arrowidxtest.Gaussian(r, 1500, 8), 1e-30),
			arrowidx.BuildOptions{}},
		{"huge numbers", 8, scaled(arrowidxtest.Gaussian(r, 1500, 8), 1e15),
			arrowidx.BuildOptions{}},
	}
}

func wholes(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.IntN(9) - 4)
	}
	return x
}

// With all cells probed and bounds that lose nothing, every edge is answered like brute force; with
// one cell and with calibrated settings it still finds k rows with their right scores.
func TestEveryEdgeOfCellsIsAnswered(t *testing.T) {
	t.Parallel()
	r := arrowidxtest.Rand(t, 310)
	for i, e := range edges(r) {
		metric := arrowidxtest.Metrics[i%4]
		bits := []int{1, 5, 3, 8, 1}[i%5]
		e.o.Kind, e.o.Metric, e.o.Bits = arrowidx.IVF, metric, bits
		ix, file := build(t, e.rows, e.d, e.o, true)
		name := fmt.Sprintf("%s, %s, %d bits", e.name, metric, bits)
		n := len(e.rows) / e.d
		e.check(t, name, ix, r, []int{1, 10, 40, n, n + 7})
		again, err := arrowidx.Decode(t.Context(), file)
		require.NoError(t, err, name)
		e.check(t, name+", loaded", again, r, []int{10})
		again.Close()
		ix.Close()
	}
}

func (e edge) check(
	t *testing.T, name string, ix *arrowidx.Index, r *rand.Rand, ks []int,
) {
	t.Helper()
	n := len(e.rows) / e.d
	in := ix.Info()
	require.LessOrEqual(t, in.Cells, max(n, 1), name)
	require.GreaterOrEqual(t, in.Cells, 1, name)
	query := arrowidxtest.Gaussian(r, 1, e.d)
	if n > 2 {
		copy(query, e.rows[(n-1)*e.d:])
		query = scaled(query, 1.25)
	}
	order := arrowidxtest.Nearest(ix.Metric(), e.rows, query, n, nil)
	for _, k := range ks {
		for _, probes := range []int{0, 1, math.MaxInt32} {
			p := arrowidx.SearchParams{Queries: query, NQ: 1, K: k, Rerank: -1, Probes: probes,
				Epsilon0: arrowidxtest.Sure}
			out, plan := arrowidxtest.Search(t, ix, p)
			require.EqualValues(t, min(k, n), out.Counts[0], "%s, k=%d, %d probes", name, k, probes)
			require.LessOrEqual(t, plan.Probed, plan.Cells, "%s: a cell is probed once", name)
			if probes > in.Cells || in.Cells == 1 {
				diff := arrowidxtest.Differs(order[:min(k, n)], out, 0, k)
				require.Empty(t, diff, "%s, k=%d", name, k)
			}
			distinct(t, name, out, k)
			p.Estimates = true
			out, _ = arrowidxtest.Search(t, ix, p)
			require.EqualValues(t, min(k, n), out.Counts[0], "%s: estimates, k=%d", name, k)
			distinct(t, name, out, k)
		}
	}
}

// distinct makes sure that no row is found twice and that no score is NaN.
func distinct(t *testing.T, name string, out arrowidx.SearchOut, k int) {
	t.Helper()
	seen := map[int64]bool{}
	for i, row := range out.Rows[:out.Counts[0]] {
		require.False(t, seen[row], "%s, k=%d: row %d twice", name, k, row)
		seen[row] = true
		score := float64(out.Scores[i])
		require.False(t, math.IsNaN(score) || math.IsInf(score, 0), "%s: score of row %d", name, row)
	}
}

func TestCellsOfNullsAloneFindNothing(t *testing.T) {
	const n, d = 1500, 6
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 311), n, d)
	for _, alive := range []int{0, 1, 3, 40} {
		valid := make([]bool, n)
		for i := range alive {
			valid[n-1-31*i] = true
		}
		col := arrowidxtest.ColumnOf(t, arrow.Array(arrowidxtest.FixedSizeList(rows, d, valid)))
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.IVF,
			Nulls: arrowidx.SkipNulls, Metric: arrowidx.L2, Cells: 20})
		require.NoError(t, err, "%d rows", alive)
		for _, rerank := range []int{-1, 0} {
			out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Queries: rows[:2*d], NQ: 2, K: 50, Rerank: rerank, Estimates: rerank == 0, Probes: 2})
			require.EqualValues(t, n-alive, plan.Nulls)
			require.Equal(t, []int64{int64(alive), int64(alive)}, out.Counts)
			for _, row := range out.Rows[:alive] {
				require.True(t, valid[row], "row %d is null", row)
			}
		}
		again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
		require.NoError(t, err, "%d rows", alive)
		require.Equal(t, alive, again.Info().Usable)
		again.Close()
		ix.Close()
		col.Release()
	}
}

// A mask may leave rows only in cells that are far from the query: k stays k.
func TestKMeansKWhateverTheMaskLeaves(t *testing.T) {
	const n, d, nq = 6000, 24, 9
	all := arrowidxtest.Clustered(arrowidxtest.Rand(t, 312), n+nq, d, 40)
	rows, queries := all[:n*d], all[n*d:]
	for i, metric := range arrowidxtest.Metrics {
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{
			Kind: arrowidx.IVF, Metric: metric, Bits: 1 + 2*i}, false)
		for q := i; q < nq; q += 4 {
			query := queries[q*d : (q+1)*d]
			order := arrowidxtest.Nearest(metric, rows, query, n, nil)
			mask := make([]byte, n)
			for _, h := range order[n-2000:] {
				mask[h.Row] = 1
			}
			for _, k := range []int{1, 10, 200, 2000, n} {
				for _, p := range []arrowidx.SearchParams{
					{Probes: 1, Estimates: true}, {Probes: 1},
					{Recall: 0.8, Rerank: -1}, {Probes: 2, Rerank: 30}, {Probes: n, Rerank: -1}} {
					p.Queries, p.NQ, p.K, p.Mask = query, 1, k, mask
					p.Epsilon0 = arrowidxtest.Sure
					out, _ := arrowidxtest.Search(t, ix, p)
					require.EqualValues(t, min(k, 2000), out.Counts[0], "%s, k=%d, %d probes", metric,
						k, p.Probes)
					distinct(t, metric.String(), out, k)
					for _, row := range out.Rows[:out.Counts[0]] {
						require.NotZero(t, mask[row], "row %d is masked", row)
					}
					if p.Probes == n || k >= 2000 && !p.Estimates && p.Rerank <= 0 {
						want := order[n-2000 : n-2000+min(k, 2000)]
						require.Empty(t, arrowidxtest.Differs(want, out, 0, k), "%s, k=%d", metric, k)
					}
				}
			}
		}
		ix.Close()
	}
}

func TestMoreRowsThanOneCellHoldsAreFoundFromOneProbe(t *testing.T) {
	const n, d = 6000, 16
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 313), n, d)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.IVF, Cells: 300}, false)
	for _, k := range []int{100, 200, 700} {
		for _, rerank := range []int{-1, 0, k + 5} {
			out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Queries: rows[:d], NQ: 1, K: k, Probes: 1, Rerank: rerank, Estimates: rerank == 0})
			require.EqualValues(t, k, out.Counts[0])
			require.Zero(t, out.Rows[0], "the query is row 0")
			distinct(t, "gaussian", out, k)
			require.Greater(t, plan.Probed, int64(1), "one cell has too few rows")
			require.Less(t, plan.Probed, plan.Cells, "not all cells are needed")
		}
	}
}

func TestImpossibleSettingsOfCellsAreRefused(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 314), 2000, 8)
	col := arrowidxtest.Column(t, rows, 8, 1)
	defer col.Release()
	for _, o := range []arrowidx.BuildOptions{
		{Cells: -1}, {Cells: math.MinInt32}, {Budget: -1}, {Budget: math.MinInt64}, {Bits: 10},
		{Bits: -1}, {Recall: 1.5},
	} {
		for _, kind := range []arrowidx.Kind{arrowidx.IVF, arrowidx.Flat} {
			o.Kind = kind
			_, err := arrowidx.Build(t.Context(), col, o)
			require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%s %+v", kind, o)
		}
	}
	ix, _ := build(t, rows, 8, arrowidx.BuildOptions{Kind: arrowidx.IVF}, false)
	for _, probes := range []int{-1, math.MinInt32} {
		out := arrowidxtest.Outputs(1, 3)
		_, err := ix.Search(t.Context(), &arrowidx.SearchParams{
			Queries: rows[:8], NQ: 1, K: 3, Probes: probes}, &out)
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%d probes", probes)
		require.ErrorContains(t, err, strconv.Itoa(probes))
	}
}

var smallestBudget = regexp.MustCompile(`smallest that works is (\d+)`)

// A budget that is too small names the smallest that works, and that one works.
func TestTheSmallestBudgetIsNamedAndWorks(t *testing.T) {
	r := arrowidxtest.Rand(t, 315)
	for i, c := range []struct{ n, d int }{{3000, 16}, {1, 8}, {33, 300}, {3000, 64}, {400, 1}} {
		rows := arrowidxtest.Gaussian(r, c.n, c.d)
		col := arrowidxtest.Column(t, rows, c.d, 2)
		for j, keep := range []arrowidx.Keep{
			arrowidx.KeepBorrow, arrowidx.KeepCopy, arrowidx.KeepNone} {
			o := arrowidx.BuildOptions{Kind: arrowidx.IVF, Keep: keep, Bits: 1 + (2*i+j)%9,
				Threads: 1 + j%2, Budget: 1}
			_, err := arrowidx.Build(t.Context(), col, o)
			require.Equal(t, arrowidx.LimitExceeded, arrowidx.KindOf(err), "%v", err)
			found := smallestBudget.FindStringSubmatch(err.Error())
			require.NotNil(t, found, "%v", err)
			o.Budget, err = strconv.ParseInt(found[1], 10, 64)
			require.NoError(t, err)
			ix, err := arrowidx.Build(t.Context(), col, o)
			require.NoError(t, err, "the smallest that works works")
			require.LessOrEqual(t, ix.Info().IndexBytes, o.Budget, "%+v, keep %s", c, keep)
			out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Queries: rows[:c.d], NQ: 1, K: 1})
			require.EqualValues(t, 1, out.Counts[0])
			ix.Close()
			o.Budget--
			_, err = arrowidx.Build(t.Context(), col, o)
			require.Equal(t, arrowidx.LimitExceeded, arrowidx.KindOf(err), "a byte less")
		}
		col.Release()
	}
}

// A budget with room for the whole sample changes nothing.
func TestAGenerousBudgetGivesTheSameBytes(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 316), 4000, 20)
	o := arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 3}
	_, want := build(t, rows, 20, o, true)
	o.Budget = 1 << 32
	_, got := build(t, rows, 20, o, true)
	require.Equal(t, hash(want), hash(got))
}
