package arrowidx_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Numbers of every size that float32 has: what the rows' lengths are must not decide whether an
// answer is right.

var bothKinds = []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat}

// agrees builds an index of the rows and compares its answers with brute force in float64.
func agrees(
	t *testing.T, rows, queries []float32, d, k int, o arrowidx.BuildOptions,
) arrowidx.Plan {
	t.Helper()
	col := arrowidxtest.Column(t, rows, d, 1)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	defer ix.Close()
	nq := len(queries) / d
	out := arrowidxtest.Outputs(nq, k)
	plan, err := ix.Search(t.Context(), &arrowidx.SearchParams{
		Queries: queries, NQ: nq, K: k, Rerank: -1, Epsilon0: arrowidxtest.Sure}, &out)
	require.NoError(t, err, "%s by %s", o.Kind, o.Metric)
	for i := range nq {
		want := arrowidxtest.Nearest(o.Metric, rows, queries[i*d:(i+1)*d], k, nil)
		require.Len(t, want, int(out.Counts[i]), "%s by %s", o.Kind, o.Metric)
		for j, h := range want {
			require.Equal(t, h.Row, out.Rows[i*k+j], "%s by %s: query %d, place %d, want %v",
				o.Kind, o.Metric, i, j, h.Score)
		}
	}
	return plan
}

func scaled(x []float32, factor float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(float64(v) * factor)
	}
	return out
}

func TestAnswersAreRightAtEveryMagnitude(t *testing.T) {
	const n, d, nq, k = 2000, 10, 4, 8
	r := arrowidxtest.Rand(t, 200)
	rows, queries := arrowidxtest.Gaussian(r, n, d), arrowidxtest.Gaussian(r, nq, d)
	for _, exponent := range []int{-130, -110, -90, -74, -70, -60, -30, 0, 30, 55} {
		for _, kind := range bothKinds {
			for _, metric := range arrowidxtest.Metrics {
				size := math.Ldexp(1, exponent)
				agrees(t, scaled(rows, size), scaled(queries, size), d, k,
					arrowidx.BuildOptions{Kind: kind, Metric: metric})
			}
		}
	}
}

func TestQueriesFarLongerOrShorterThanTheRowsAreAnswered(t *testing.T) {
	const n, d, nq, k = 3000, 16, 3, 6
	r := arrowidxtest.Rand(t, 201)
	rows, queries := arrowidxtest.Gaussian(r, n, d), arrowidxtest.Gaussian(r, nq, d)
	for _, exponents := range [][2]int{
		{-100, 40}, {0, 50}, {0, 12}, {0, 7}, {0, -40}, {0, -120}, {50, -100}, {-60, -60},
	} {
		x := scaled(rows, math.Ldexp(1, exponents[0]))
		q := scaled(queries, math.Ldexp(1, exponents[1]))
		for _, kind := range bothKinds {
			for _, metric := range arrowidxtest.Metrics {
				if !metric.Larger() && exponents[1] > exponents[0]+20 {
					continue // all rows are equally far, as far as float64 can tell
				}
				agrees(t, x, q, d, k, arrowidx.BuildOptions{Kind: kind, Metric: metric, Bits: 4})
			}
		}
	}
}

// Rows that share their large coordinates differ by numbers whose squares are below float32.
func TestDifferencesWhoseSquaresVanishStillOrderRows(t *testing.T) {
	const n, d, k = 400, 3, 20
	r := arrowidxtest.Rand(t, 202)
	for _, exponent := range []int{-62, -66, -70, -74, -80, -100} {
		rows := make([]float32, n*d)
		for i := range n {
			rows[i*d] = 1
			rows[i*d+1] = float32(math.Ldexp(r.NormFloat64(), exponent))
			rows[i*d+2] = float32(math.Ldexp(r.NormFloat64(), exponent))
		}
		for _, metric := range []arrowidx.Metric{arrowidx.L2, arrowidx.SqEuclidean} {
			agrees(t, rows, []float32{1, 0, 0}, d, k,
				arrowidx.BuildOptions{Kind: arrowidx.Exact, Metric: metric})
		}
	}
}

func TestCodesRefuseQueriesTheyCannotAnswer(t *testing.T) {
	const n, d = 3000, 8
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 203), n, d)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Metric: arrowidx.L2, Keep: arrowidx.KeepNone}, false)
	for factor, want := range map[float64]arrowidx.ErrorKind{
		1: arrowidx.OK, 50: arrowidx.OK, 1e5: arrowidx.InvalidVector, 1e18: arrowidx.InvalidVector,
		1e25: arrowidx.InvalidVector,
	} {
		out := arrowidxtest.Outputs(1, 3)
		_, err := ix.Search(t.Context(), &arrowidx.SearchParams{
			Queries: scaled(rows[:d], factor), NQ: 1, K: 3, Rerank: -1}, &out)
		require.Equal(t, want, arrowidx.KindOf(err), "%v times a row", factor)
		if want != arrowidx.OK {
			var e *arrowidx.Error
			require.ErrorAs(t, err, &e)
			require.Zero(t, e.Row)
			require.NotEmpty(t, e.Fix)
		}
	}
}

// Up to 8 dimensions errors of codes are far from Gaussian: honest vectors must not be accused of
// having changed, whatever bounds are asked for.
func TestHonestVectorsAreNeverCalledChanged(t *testing.T) {
	const nq, k = 40, 10
	n := 8000
	if arrowidxtest.Whole() {
		n = 20_000
	}
	r := arrowidxtest.Rand(t, 204)
	for d := 1; d <= 8; d++ {
		rows, queries := arrowidxtest.Gaussian(r, n, d), arrowidxtest.Gaussian(r, nq, d)
		for _, bits := range []int{1, 2, 5, 9} {
			metric := arrowidxtest.Metrics[(d+bits)%4]
			ix, _ := build(t, rows, d, arrowidx.BuildOptions{
				Kind: arrowidx.Flat, Bits: bits, Metric: metric}, false)
			for _, epsilon := range []float64{0.01, 0.3, 1, 1.9, 6} {
				for _, rerank := range []int{-1, 50} {
					out := arrowidxtest.Outputs(nq, k)
					_, err := ix.Search(t.Context(), &arrowidx.SearchParams{Queries: queries,
						NQ: nq, K: k, Rerank: rerank, Epsilon0: epsilon}, &out)
					require.NoError(t, err, "d=%d, %d bits, %s, epsilon0 %v, rerank %d", d, bits,
						metric, epsilon, rerank)
				}
			}
			ix.Close()
		}
	}
}

func TestTheWidestVectorsAreIndexed(t *testing.T) {
	const n, d = 70, arrowidx.MaxDim
	r := arrowidxtest.Rand(t, 205)
	rows := arrowidxtest.Gaussian(r, n, d)
	queries := append([]float32(nil), rows[33*d:35*d]...)
	for _, kind := range bothKinds {
		agrees(t, rows, queries, d, 5, arrowidx.BuildOptions{Kind: kind, Metric: arrowidx.L2})
	}
	// Codes alone find the row itself: what they lose is small beside the distance of others.
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Bits: 2, Metric: arrowidx.L2, Keep: arrowidx.KeepNone}, false)
	out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: queries, NQ: 2, K: 1,
		Rerank: -1})
	require.Equal(t, []int64{33, 34}, out.Rows)
}

func TestAnEpsilonWithoutEndIsRefused(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 206), 3000, 6)
	copy(rows, []float32{1, 0, 0, 0, 0, 0})
	ix, _ := build(t, rows, 6, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 2}, false)
	for _, epsilon := range []float64{math.Inf(1), 1e39, 1e300, -1, math.Inf(-1)} {
		out := arrowidxtest.Outputs(1, 1)
		_, err := ix.Search(t.Context(), &arrowidx.SearchParams{
			Queries: rows[:6], NQ: 1, K: 1, Rerank: -1, Epsilon0: epsilon}, &out)
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "epsilon0 = %v", epsilon)
	}
	agrees(t, rows, rows[:6], 6, 10, arrowidx.BuildOptions{Kind: arrowidx.Flat})
}
