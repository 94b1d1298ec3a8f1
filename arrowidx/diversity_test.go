package arrowidx_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

var arrowFloat32 = arrow.PrimitiveTypes.Float32

func arrays(a ...arrow.Array) []arrow.Array { return a }

func TestADiverseAnswerBeginsWithTheBestRow(t *testing.T) {
	const n, d, k, nq = 3000, 12, 9, 40
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 610), n, d, 9)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.IVF}, false)
	p := arrowidx.SearchParams{Queries: rows[:nq*d], NQ: nq, K: k, Rerank: -1}
	want, _ := arrowidxtest.Search(t, ix, p)
	p.Diversity = 1e-300
	got, plan := arrowidxtest.Search(t, ix, p)
	require.EqualValues(t, nq, plan.Queries)
	require.Equal(t, want.Scores[:1], got.Scores[:1])
	for i := range nq {
		require.Equal(t, want.Rows[i*k], got.Rows[i*k], "the best is the first whatever follows")
	}
}

// TestRowsLikeARowAreDiverseWithoutIt asks for both at once, on an index whose rows changed, with
// a filter by ids.
func TestRowsLikeARowAreDiverseWithoutIt(t *testing.T) {
	const n, d, k = 900, 6, 8
	r := arrowidxtest.Rand(t, 611)
	rows := arrowidxtest.Clustered(r, n+300, d, 12)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for _, metric := range arrowidxtest.Metrics {
			ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: kind, Metric: metric}, false)
			col := arrowidxtest.Column(t, rows[n*d:], d, 1)
			_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
			col.Release()
			require.NoError(t, err)
			_, err = ix.Delete(arrowidxtest.Positions(3, 4, 5, 1000), false)
			require.NoError(t, err)
			var may []int64
			for i := range int64(n + 300) {
				if i%4 != 3 && (i < 3 || i > 5) && i != 1000 {
					may = append(may, i)
				}
			}
			asked := []int64{0, 7, 899, 900, 1199}
			p := arrowidx.SearchParams{Like: arrowidxtest.Positions(asked...), NQ: len(asked), K: k,
				Rerank: -1, Epsilon0: arrowidxtest.Sure, Probes: 1 << 30, Diversity: 0.4,
				IDs: arrowidxtest.Positions(may...)}
			out, _ := arrowidxtest.Search(t, ix, p)
			for i, row := range asked {
				q := rows[row*d : (row+1)*d]
				near := arrowidxtest.Nearest(metric, rows, q, 64, func(j int) bool {
					return int64(j) != row && j%4 != 3 && (j < 3 || j > 5) && j != 1000
				})
				want := arrowidxtest.Diverse(metric, rows, q, near, k, 0.4)
				require.Empty(t, arrowidxtest.Differs(want, out, i, k), "%s %s row %d", kind, metric, row)
			}
		}
	}
}

// TestBitsHaveNeighborsAndDiverseAnswers asks the same of packed bits.
func TestBitsHaveNeighborsAndDiverseAnswers(t *testing.T) {
	const n, w, k = 300, 5, 6
	r := arrowidxtest.Rand(t, 614)
	rows := bitRows(r, n, w)
	row := func(i int64) []byte { return rows[i*w : (i+1)*w] }
	for _, metric := range bitMetrics {
		col := arrowidxtest.ColumnOf(t, packed(rows, w, nil))
		ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
		col.Release()
		graph, _ := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{K: k})
		for i := range int64(n) {
			want := nearestBits(metric, rows, row(i), k, func(j int) bool { return int64(j) != i })
			require.Empty(t, arrowidxtest.Differs(want, graph.SearchOut, int(i), k), "row %d", i)
		}
		for _, asked := range []int64{0, 5, 299} {
			p := arrowidx.SearchParams{NQ: 1, K: k, Diversity: 0.5, Bits: row(asked)}
			near := nearestBits(metric, rows, row(asked), 64, nil)
			for range 2 {
				want := arrowidxtest.DiverseBy(near, k, 0.5,
					func(a int64) float64 { return -bitScore(metric, row(a), row(asked)) },
					func(a, b int64) float64 { return -bitScore(metric, row(a), row(b)) })
				out, _ := arrowidxtest.Search(t, ix, p)
				require.Empty(t, arrowidxtest.Differs(want, out, 0, k), "%s row %d", metric, asked)
				p.Bits, p.Like = nil, arrowidxtest.Positions(asked)
				near = nearestBits(metric, rows, row(asked), 64, func(j int) bool {
					return int64(j) != asked
				})
			}
		}
		ix.Close()
	}
}

func TestErrorsOfLikeAndDiversityNameTheWayOut(t *testing.T) {
	const n, d = 60, 4
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 612), n, d)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Flat}, false)
	_, err := ix.Delete(arrowidxtest.Positions(7), false)
	require.NoError(t, err)
	query := rows[:d]
	texts := idArray(arrowidx.IDString, []int64{1})
	like := arrowidxtest.Positions
	search := func(p arrowidx.SearchParams) error {
		out := arrowidxtest.Outputs(max(p.NQ, 0), max(p.K, 0))
		_, err := ix.Search(t.Context(), &p, &out)
		return err
	}
	for _, c := range []struct {
		p    arrowidx.SearchParams
		kind arrowidx.ErrorKind
		says string
	}{
		{arrowidx.SearchParams{Queries: query, NQ: 1, K: 3, Diversity: 1.01},
			arrowidx.InvalidArgument, "diversity 1.01 is not in [0, 1]"},
		{arrowidx.SearchParams{Queries: query, NQ: 1, K: 3, Diversity: -0.1},
			arrowidx.InvalidArgument, "diversity -0.1"},
		{arrowidx.SearchParams{Queries: query, NQ: 1, K: 3, Diversity: math.NaN()},
			arrowidx.InvalidArgument, "diversity NaN"},
		{arrowidx.SearchParams{Queries: query, NQ: 1, K: -1, Diversity: 0.5},
			arrowidx.InvalidArgument, "k = -1"},
		{arrowidx.SearchParams{Queries: query[:3], NQ: 1, K: 3, Diversity: 0.5},
			arrowidx.DimensionMismatch, "3 numbers"},
		{arrowidx.SearchParams{Like: like(1, 7), NQ: 2, K: 3}, arrowidx.UnknownID,
			"1 of 2 ids are not in the index, first 7"},
		{arrowidx.SearchParams{Like: like(60), NQ: 1, K: 3}, arrowidx.UnknownID, "60"},
		{arrowidx.SearchParams{Like: texts, NQ: 1, K: 3}, arrowidx.InvalidArgument, "string ids"},
		{arrowidx.SearchParams{Like: like(1), NQ: 2, K: 3}, arrowidx.InvalidArgument, "1 ids"},
		{arrowidx.SearchParams{Like: like(1), Queries: query, NQ: 1, K: 3},
			arrowidx.InvalidArgument, "leave Queries nil"},
	} {
		err := search(c.p)
		require.Equal(t, c.kind, arrowidx.KindOf(err), "%v", err)
		require.ErrorContains(t, err, c.says)
	}
	require.NoError(t, search(arrowidx.SearchParams{Like: like(), K: 3}), "no ids, no answers")
	ix.Detach()
	for _, p := range []arrowidx.SearchParams{
		{Queries: query, NQ: 1, K: 3, Diversity: 0.5}, {Like: like(1), NQ: 1, K: 3},
	} {
		err := search(p)
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "attach the column")
	}
}

func TestARowWithoutAVectorCannotBeAskedWith(t *testing.T) {
	col := arrowidxtest.ColumnOf(t, arrowidxtest.FixedSizeList([]float32{1, 0, 3, 4}, 1,
		[]bool{true, false, true, true}))
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: arrowidx.L2,
		Nulls: arrowidx.SkipNulls})
	require.NoError(t, err)
	defer ix.Close()
	out := arrowidxtest.Outputs(1, 2)
	p := arrowidx.SearchParams{Like: arrowidxtest.Positions(1), NQ: 1, K: 2}
	_, err = ix.Search(t.Context(), &p, &out)
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "row 1")
}

func TestADiverseSearchCanBeCancelled(t *testing.T) {
	const n, d = 4000, 8
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 613), n, d)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{}, false)
	p := arrowidx.SearchParams{Queries: rows[:d], NQ: 1, K: 300, Diversity: 0.5, Threads: 1}
	out := arrowidxtest.Outputs(1, p.K)
	ctx := lasting(t, endless)
	_, err := ix.Search(ctx, &p, &out)
	require.NoError(t, err)
	looks := ctx.looks(endless)
	require.Greater(t, looks, int64(300))
	_, err = ix.Search(lasting(t, looks-50), &p, &out)
	require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%v", err)
}

// line is an index of points on a line.
func line(points ...float32) *arrowidx.Index {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 1, arrowFloat32)
	for _, x := range points {
		b.Append(true)
		b.ValueBuilder().(*array.Float32Builder).Append(x)
	}
	col, err := arrowidx.NewColumn(arrays(b.NewArray()))
	if err != nil {
		panic(err)
	}
	ix, err := arrowidx.Build(context.Background(), col,
		arrowidx.BuildOptions{Metric: arrowidx.L2, Keep: arrowidx.KeepCopy})
	if err != nil {
		panic(err)
	}
	return ix
}

// What lies near row 2, itself left out.
func ExampleIndex_Search_like() {
	ix := line(0, 1, 3, 3, 9)
	defer ix.Close()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.Append(2)
	out := arrowidx.SearchOut{
		Rows: make([]int64, 2), Scores: make([]float32, 2), Counts: make([]int64, 1)}
	_, err := ix.Search(context.Background(),
		&arrowidx.SearchParams{Like: b.NewArray(), NQ: 1, K: 2, Rerank: -1}, &out)
	fmt.Println(out.Rows, out.Scores, err)
	// Output: [3 1] [0 2] <nil>
}

// Rows 2 and 3 are the nearest to 2.5, but equal each other: one of them is enough.
func ExampleIndex_Search_diversity() {
	ix := line(0, 1, 3, 3, 9)
	defer ix.Close()
	out := arrowidx.SearchOut{
		Rows: make([]int64, 2), Scores: make([]float32, 2), Counts: make([]int64, 1)}
	for _, diversity := range []float64{0, 0.6} {
		_, err := ix.Search(context.Background(), &arrowidx.SearchParams{Queries: []float32{2.5},
			NQ: 1, K: 2, Rerank: -1, Diversity: diversity}, &out)
		fmt.Println(out.Rows, out.Scores, err)
	}
	// Output:
	// [2 3] [0.5 0.5] <nil>
	// [2 4] [0.5 6.5] <nil>
}
