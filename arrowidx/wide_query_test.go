package arrowidx_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

var everyNumberKind = []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF}

// A query of float64 between two float32 numbers is nearer to one of them.
func TestQueriesOfFloat64AreNotRoundedBesideRowsOfAnyType(t *testing.T) {
	const n, d, nq, top = 400, 4, 7, 6
	r := arrowidxtest.Rand(t, 1211)
	numbers := wholeRows(t, n, d)
	for i := range numbers {
		numbers[i] = float32(math.Abs(float64(numbers[i])))
	}
	for name, a := range arrowidxtest.Layouts(numbers, d, nil) {
		k := &wideTask{name: name, d: d}
		for _, v := range numbers {
			k.rows = append(k.rows, float64(v))
		}
		for i := range nq * d {
			k.queries = append(k.queries, k.rows[i]+0.5+1e-9*r.NormFloat64())
		}
		for _, metric := range arrowidxtest.Metrics {
			for _, kind := range everyNumberKind {
				col := arrowidxtest.ColumnOf(t, a)
				ix, err := arrowidx.Build(t.Context(), col,
					arrowidx.BuildOptions{Kind: kind, Metric: metric})
				col.Release()
				require.NoError(t, err)
				out := k.search(t, ix, arrowidx.SearchParams{Wide: k.queries, NQ: nq, K: top})
				for i := range nq {
					part := arrowidxtest.Part(out, i, 1, top)
					k.checkWide(t, metric, k.query(i), part.Rows, part.Scores, top, nil, name)
				}
				ix.Close()
			}
		}
	}
}

// A float64 query whose numbers float32 holds is the float32 query.
func TestAQueryThatFloat32HoldsAnswersTheSameAsFloat64(t *testing.T) {
	const n, d, nq, top = 3000, 24, 5, 7
	r := arrowidxtest.Rand(t, 1212)
	rows, queries := arrowidxtest.Gaussian(r, n, d), arrowidxtest.Gaussian(r, nq, d)
	wide := make([]float64, len(queries))
	for i, v := range queries {
		wide[i] = float64(v)
	}
	for _, metric := range arrowidxtest.Metrics {
		for _, kind := range everyNumberKind {
			col := arrowidxtest.Column(t, rows, d, 2)
			ix, err := arrowidx.Build(t.Context(), col,
				arrowidx.BuildOptions{Kind: kind, Metric: metric})
			col.Release()
			require.NoError(t, err)
			a, planA := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: queries, NQ: nq,
				K: top, Rerank: -1})
			b, planB := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Wide: wide, NQ: nq,
				K: top, Rerank: -1})
			require.Empty(t, arrowidxtest.Unequal(a, b))
			require.Equal(t, planA.Scanned, planB.Scanned)
			ix.Close()
		}
	}
}

func TestRowsAndQueriesOfAnyLengthHaveADirection(t *testing.T) {
	const n, d, nq, top = 500, 6, 12, 8
	r := arrowidxtest.Rand(t, 1213)
	k := &wideTask{d: d}
	rows := arrowidxtest.Gaussian(r, n, d)
	for i := range rows {
		length := []float64{1, 1e-20, 1e-38, 1e-42, 1e20, 1e37}[i/d%6]
		rows[i] = float32(float64(rows[i]) * length)
	}
	for i := range d {
		rows[d*7+i] = 0
	}
	for _, v := range rows {
		k.rows = append(k.rows, float64(v))
	}
	k.queries = k.rows[:nq*d]
	ask := map[string]arrowidx.SearchParams{
		"float32": {Queries: rows[:nq*d], NQ: nq, K: top}, "float64": {Wide: k.queries, NQ: nq, K: top},
	}
	few := make([]byte, n)
	for i := range few {
		few[i] = byte(i % 2)
	}
	for _, kind := range everyNumberKind {
		col := arrowidxtest.Column(t, rows, d, 2)
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
		require.NoError(t, err)
		again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
		require.NoError(t, err)
		for name, p := range ask {
			for _, mask := range [][]byte{nil, few} {
				p.Mask = mask
				admits := func(i int) bool { return mask == nil || mask[i] != 0 }
				a, b := k.search(t, ix, p), k.search(t, again, p)
				require.Empty(t, arrowidxtest.Unequal(a, b))
				for i := range nq {
					part := arrowidxtest.Part(a, i, 1, top)
					k.checkWide(t, arrowidx.Cosine, k.query(i), part.Rows, part.Scores, top, admits, name)
				}
			}
		}
		again.Close()
		ix.Close()
		col.Release()
	}
}

func TestATinyRowIsADirectionBesideALongOne(t *testing.T) {
	for _, tiny := range []float64{1e-20, 1e-60, 1e-300, 5e-324, 1e300} {
		rows := []float64{tiny, 0, 0, 1, 1, 1}
		for _, kind := range everyNumberKind {
			col := wideColumn(t, rows, 2, 1)
			ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
			col.Release()
			require.NoError(t, err)
			out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Queries: []float32{1, 0}, NQ: 1, K: 3, Rerank: -1, Recall: 1})
			require.Equal(t, []int64{0, 2, 1}, out.Rows, "%g", tiny)
			require.Equal(t, []float32{1, float32(math.Sqrt(0.5)), 0}, out.Scores, "%g", tiny)
			out, _ = arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Wide: []float64{0, tiny}, NQ: 1, K: 1, Rerank: -1, Recall: 1})
			require.Equal(t, int64(1), out.Rows[0], "%g", tiny)
			require.Equal(t, float32(1), out.Scores[0], "%g", tiny)
			ix.Close()
		}
	}
}

func TestWhatFloat32ScoresCannotHoldIsAnErrorOfItsRow(t *testing.T) {
	for name, rows := range map[string][]float64{
		"overflow": {1, 2, 3, 4, 1e25, 0}, "beyond float32": {1, 2, 3, 4, 1e200, 0},
		"underflow": {1, 2, 3, 4, 1e-60, 0}, "square underflow": {1, 2, 3, 4, 0, 1e-200},
		"not a number": {1, 2, 3, 4, math.NaN(), 1}, "infinite": {1, 2, 3, 4, 1, math.Inf(1)},
	} {
		metrics := []arrowidx.Metric{arrowidx.Dot}
		if name != "underflow" && name != "square underflow" {
			metrics = append(metrics, distances...)
		}
		if name == "not a number" || name == "infinite" {
			metrics = append(metrics, arrowidx.Cosine)
		}
		for _, metric := range metrics {
			for _, kind := range everyNumberKind {
				col := wideColumn(t, rows, 2, 1)
				_, err := arrowidx.Build(t.Context(), col,
					arrowidx.BuildOptions{Kind: kind, Metric: metric})
				var e *arrowidx.Error
				require.ErrorAs(t, err, &e, "%s %s", name, metric)
				require.Equal(t, arrowidx.InvalidVector, e.Kind, name)
				require.Equal(t, int64(2), e.Row, "%s %s: %v", name, metric, err)
				ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind,
					Metric: metric, Bad: arrowidx.SkipBad})
				require.NoError(t, err)
				require.Equal(t, 1, ix.Info().Bad, "%s %s", name, metric)
				ix.Close()
				col.Release()
			}
		}
	}
}

func TestQueriesThatNoScoreCanAnswerAreErrors(t *testing.T) {
	col := arrowidxtest.Column(t, []float32{1, 2, 3, 4}, 2, 1)
	defer col.Release()
	for _, metric := range arrowidxtest.Metrics {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: metric})
		require.NoError(t, err)
		counted := arrowidxtest.Outputs(2, 1)
		_, err = ix.Search(t.Context(),
			&arrowidx.SearchParams{Wide: []float64{1, 2, 3, 4}, K: 1}, &counted)
		require.NoError(t, err)
		require.Equal(t, []int64{1, 1}, counted.Counts, "NQ follows from the numbers")
		for _, q := range []float64{math.NaN(), math.Inf(-1), 1e30, 1e300} {
			out := arrowidxtest.Outputs(1, 1)
			_, err := ix.Search(t.Context(),
				&arrowidx.SearchParams{Wide: []float64{1, q}, NQ: 1, K: 1}, &out)
			if metric == arrowidx.Cosine && q-q == 0 {
				require.NoError(t, err)
				continue
			}
			require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err), "%s %v", metric, q)
		}
		for _, p := range []arrowidx.SearchParams{
			{Wide: []float64{1}}, {Wide: []float64{1, 2}, Queries: []float32{1, 2}},
		} {
			p.NQ, p.K = 1, 1
			out := arrowidxtest.Outputs(1, 1)
			_, err := ix.Search(t.Context(), &p, &out)
			require.Equal(t, arrowidx.DimensionMismatch, arrowidx.KindOf(err))
		}
		ix.Close()
	}
}

func TestDiverseAndSimilarRowsAreChosenInFloat64(t *testing.T) {
	const n, d, top = 200, 3, 5
	r := arrowidxtest.Rand(t, 1214)
	near := make([]float64, n*d)
	for i := range near {
		near[i] = r.NormFloat64()
	}
	far := make([]float64, n*d)
	for i, v := range near {
		far[i] = 1e7 + math.Round(v*0x1p28)/0x1p28 // exact, and lost in float32
		near[i] = far[i] - 1e7
	}
	ids := arrowidxtest.Positions(3, 77)
	defer ids.Release()
	var out [2]arrowidx.SearchOut
	for i, rows := range [][]float64{near, far} {
		col := wideColumn(t, rows, d, 2)
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: arrowidx.L2})
		require.NoError(t, err)
		col.Release()
		out[i], _ = arrowidxtest.Search(t, ix, arrowidx.SearchParams{Like: ids, NQ: 2, K: top,
			Diversity: 0.4, Recall: 1, Rerank: -1})
		report, err := ix.MeasureRecall(t.Context(), arrowidx.RecallParams{})
		require.NoError(t, err)
		require.Equal(t, 1.0, report.Mean)
		ix.Close()
	}
	require.Equal(t, out[0].Rows, out[1].Rows)
	require.Equal(t, out[0].Scores, out[1].Scores)
}
