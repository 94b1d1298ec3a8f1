package arrowidx_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// scoresOf scores a column and checks that a score is NaN where it is not valid, and only there.
func scoresOf(
	t testing.TB, col, other *arrowidx.Column, p arrowidx.ScoresParams,
) ([]float32, []byte) {
	t.Helper()
	out, valid := make([]float32, col.Len()), make([]byte, col.Len())
	p.Other = other
	require.NoError(t, arrowidx.Scores(t.Context(), col, p, out, valid))
	for i, v := range out {
		require.Equal(t, valid[i] == 0, v != v, "row %d", i)
	}
	return out, valid
}

// searched returns the score of every row in an exact search, NaN for rows that it cannot find.
func searched(
	t testing.TB, col *arrowidx.Column, metric arrowidx.Metric, p arrowidx.SearchParams,
) []float32 {
	t.Helper()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Exact,
		Metric: metric, Nulls: arrowidx.SkipNulls})
	require.NoError(t, err)
	defer ix.Close()
	p.NQ, p.K = 1, col.Len()
	out, _ := arrowidxtest.Search(t, ix, p)
	scores := make([]float32, col.Len())
	for i := range scores {
		scores[i] = float32(math.NaN())
	}
	for i, row := range out.Rows[:out.Counts[0]] {
		scores[row] = out.Scores[i]
	}
	return scores
}

// equalBits compares scores, NaN equal to NaN.
func equalBits(t testing.TB, want, got []float32, about ...any) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if want[i] != want[i] && got[i] != got[i] {
			continue
		}
		require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), "row %d %v", i, about)
	}
}

func TestScoresAreThoseOfASearch(t *testing.T) {
	const n, d = 300, 19
	r := arrowidxtest.Rand(t, 4100)
	for _, valid := range [][]bool{nil, holes(r, n)} {
		for name, a := range arrowidxtest.Layouts(arrowidxtest.Gaussian(r, n, d), d, valid) {
			col := arrowidxtest.ColumnOf(t, pieces(r, a)...)
			query := arrowidxtest.Gaussian(r, 1, d)
			other := arrowidxtest.Column(t, query, d, 1)
			for _, metric := range arrowidxtest.Metrics {
				want := searched(t, col, metric, arrowidx.SearchParams{Queries: query})
				for _, threads := range []int{1, 2} {
					p := arrowidx.ScoresParams{Metric: metric, Threads: threads}
					got, _ := scoresOf(t, col, other, p)
					equalBits(t, want, got, name, metric)
				}
			}
			col.Release()
			other.Release()
		}
	}
}

// stretched makes rows whose lengths are far apart, zeros among them.
func stretched(r *rand.Rand, n, d int) []float32 {
	rows := arrowidxtest.Gaussian(r, n, d)
	for i := range n {
		factor := float32(math.Ldexp(1, r.IntN(200)-100))
		if i%17 == 0 {
			factor = 0
		}
		for j := range d {
			rows[i*d+j] *= factor
		}
	}
	return rows
}

func TestScoresOfRowsOfAnyLengthAreThoseOfASearch(t *testing.T) {
	const n, d = 400, 7
	r := arrowidxtest.Rand(t, 4101)
	col := arrowidxtest.Column(t, stretched(r, n, d), d, 3)
	defer col.Release()
	for range 8 {
		query := stretched(r, 2, d)[d:]
		other := arrowidxtest.Column(t, query, d, 1)
		p := arrowidx.ScoresParams{Metric: arrowidx.Cosine}
		got, _ := scoresOf(t, col, other, p)
		equalBits(t, searched(t, col, arrowidx.Cosine, arrowidx.SearchParams{Queries: query}), got)
		other.Release()
	}
}

func TestScoresOfFloat64AreThoseOfASearch(t *testing.T) {
	const n, d = 200, 5
	r := arrowidxtest.Rand(t, 4102)
	rows := make([]float64, n*d)
	for i := range rows {
		rows[i] = 1e6 + r.NormFloat64()
	}
	query := append([]float64(nil), rows[:d]...)
	query[0] += 1e-7
	col, other := wideColumn(t, rows, d, 3), wideColumn(t, query, d, 1)
	narrow := make([]float32, d)
	for i := range narrow {
		narrow[i] = float32(query[i])
	}
	plain := arrowidxtest.Column(t, narrow, d, 1)
	defer plain.Release()
	for _, metric := range arrowidxtest.Metrics {
		p := arrowidx.ScoresParams{Metric: metric}
		got, _ := scoresOf(t, col, other, p)
		equalBits(t, searched(t, col, metric, arrowidx.SearchParams{Wide: query}), got, metric)
		got, _ = scoresOf(t, col, plain, p)
		equalBits(t, searched(t, col, metric, arrowidx.SearchParams{Queries: narrow}), got, metric)
	}
}

func TestRowsAreScoredWithTheRowBesideThem(t *testing.T) {
	const n, d = 257, 12
	r := arrowidxtest.Rand(t, 4103)
	rows, others := arrowidxtest.Gaussian(r, n, d), arrowidxtest.Gaussian(r, n, d)
	valid, otherValid := holes(r, n), holes(r, n)
	for name, a := range arrowidxtest.Layouts(rows, d, valid) {
		col := arrowidxtest.ColumnOf(t, pieces(r, a)...)
		other := arrowidxtest.ColumnOf(t, pieces(r, arrowidxtest.Layouts(others, d, otherValid)[name])...)
		for _, metric := range arrowidxtest.Metrics {
			p := arrowidx.ScoresParams{Metric: metric}
			got, there := scoresOf(t, col, other, p)
			back, _ := scoresOf(t, other, col, p)
			equalBits(t, got, back, name, "the other way round")
			for i := range n {
				require.Equal(t, valid[i] && otherValid[i], there[i] != 0)
				if there[i] == 0 {
					continue
				}
				one := arrowidxtest.Column(t, other.Row(i, make([]float32, d)), d, 1)
				alone, _ := scoresOf(t, col, one, p)
				equalBits(t, alone[i:i+1], got[i:i+1], name, metric, i)
				one.Release()
			}
		}
		col.Release()
		other.Release()
	}
}

func TestOneRowIsScoredWithOneRow(t *testing.T) {
	col := arrowidxtest.Column(t, []float32{3, 4}, 2, 1)
	defer col.Release()
	got, _ := scoresOf(t, col, col, arrowidx.ScoresParams{Metric: arrowidx.Dot})
	require.Equal(t, []float32{25}, got)
}

func TestBadRowsAreRefusedByPlaceOrLeftOut(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	query := arrowidxtest.Column(t, []float32{1, 0}, 2, 1)
	defer query.Release()
	for _, bad := range []float32{nan, inf, -inf, 2e38} {
		col := arrowidxtest.Column(t, []float32{1, 2, 3, 4, 5, bad}, 2, 2)
		for _, metric := range arrowidxtest.Metrics {
			p := arrowidx.ScoresParams{Metric: metric, Other: query}
			out, valid := make([]float32, 3), make([]byte, 3)
			err := arrowidx.Scores(t.Context(), col, p, out, valid)
			if bad == 2e38 && metric == arrowidx.Cosine {
				require.NoError(t, err)
				continue
			}
			var known *arrowidx.Error
			require.ErrorAs(t, err, &known)
			require.Equal(t, arrowidx.InvalidVector, known.Kind)
			require.Equal(t, int64(2), known.Row)
			p.SkipBad = true
			_, valid = scoresOf(t, col, query, p)
			require.Equal(t, []byte{1, 1, 0}, valid)
			beside, _ := scoresOf(t, col, col, p)
			require.True(t, beside[2] != beside[2])
		}
		col.Release()
	}
}

func TestABadVectorToCompareWithIsNeverLeftOutSilently(t *testing.T) {
	col := arrowidxtest.Column(t, []float32{1, 2, 3, 4}, 2, 1)
	query := arrowidxtest.Column(t, []float32{1, float32(math.NaN())}, 2, 1)
	defer col.Release()
	defer query.Release()
	for _, skip := range []bool{false, true} {
		p := arrowidx.ScoresParams{Other: query, SkipBad: skip}
		err := arrowidx.Scores(t.Context(), col, p, make([]float32, 2), make([]byte, 2))
		require.ErrorContains(t, err, "query: row 0, column 1 holds NaN")
	}
	beside := arrowidxtest.Column(t, []float32{1, 2, float32(math.Inf(1)), 4}, 2, 1)
	defer beside.Release()
	p := arrowidx.ScoresParams{Other: beside}
	err := arrowidx.Scores(t.Context(), col, p, make([]float32, 2), make([]byte, 2))
	require.ErrorContains(t, err, "other column: row 1, column 0 holds infinity")
}

// lastNumberNull makes a column of rows of two numbers, of which the last is null.
func lastNumberNull(t *testing.T, numbers []float32) *arrowidx.Column {
	t.Helper()
	build := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	defer build.Release()
	values := build.ValueBuilder().(*array.Float32Builder)
	for i, v := range numbers {
		if i%2 == 0 {
			build.Append(true)
		}
		if i == len(numbers)-1 {
			values.AppendNull()
		} else {
			values.Append(v)
		}
	}
	lists := build.NewArray()
	defer lists.Release()
	return arrowidxtest.ColumnOf(t, lists)
}

func TestNullNumbersAreRefusedByScores(t *testing.T) {
	query := arrowidxtest.Column(t, []float32{1, 0}, 2, 1)
	defer query.Release()
	col := lastNumberNull(t, []float32{1, 2, 3, 4})
	defer col.Release()
	for _, metric := range arrowidxtest.Metrics {
		p := arrowidx.ScoresParams{Metric: metric, Other: query}
		err := arrowidx.Scores(t.Context(), col, p, make([]float32, 2), make([]byte, 2))
		require.ErrorContains(t, err, "row 1, column 1 holds null", metric)
		p.SkipBad = true
		_, valid := scoresOf(t, col, query, p)
		require.Equal(t, []byte{1, 0}, valid)
	}
}

func TestScoresRefuseWhatDoesNotFit(t *testing.T) {
	col := arrowidxtest.Column(t, []float32{1, 2, 3, 4, 5, 6}, 2, 1)
	three := arrowidxtest.Column(t, []float32{1, 2, 3}, 3, 1)
	two := arrowidxtest.Column(t, []float32{1, 2, 3, 4}, 2, 1)
	one := arrowidxtest.Column(t, []float32{1, 2}, 2, 1)
	for _, c := range []*arrowidx.Column{col, three, two, one} {
		defer c.Release()
	}
	for _, c := range []struct {
		p    arrowidx.ScoresParams
		room int
		kind arrowidx.ErrorKind
	}{
		{arrowidx.ScoresParams{Other: three}, 3, arrowidx.DimensionMismatch},
		{arrowidx.ScoresParams{Other: two}, 3, arrowidx.DimensionMismatch},
		{arrowidx.ScoresParams{Other: one}, 2, arrowidx.InvalidArgument},
		{arrowidx.ScoresParams{Other: one, Metric: arrowidx.Hamming}, 3, arrowidx.MetricError},
	} {
		err := arrowidx.Scores(t.Context(), col, c.p, make([]float32, c.room), make([]byte, c.room))
		require.Equal(t, c.kind, arrowidx.KindOf(err), "%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := arrowidx.Scores(ctx, col, arrowidx.ScoresParams{Other: one}, make([]float32, 3),
		make([]byte, 3))
	require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
}
