package arrowidx_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// lengthened are rows so many times as long as usual.
func lengthened(t *testing.T, seed uint64, n, d int, length float64) []float32 {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, seed), n, d)
	for i := range rows {
		rows[i] *= float32(length)
	}
	return rows
}

// finite checks that an index answers, tells of itself in JSON, and goes through a file.
func finite(t *testing.T, ix *arrowidx.Index, query []float32, what string) arrowidx.Info {
	in := ix.Info()
	text, err := json.Marshal(in)
	require.NoError(t, err, "%s: %+v", what, in)
	require.NotContains(t, in.Advice, "Inf", what)
	require.NotContains(t, in.Advice, "NaN", what)
	var back arrowidx.Info
	require.NoError(t, json.Unmarshal(text, &back))
	out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: query, NQ: 1, K: 9,
		Rerank: -1})
	for _, score := range out.Scores[:out.Counts[0]] {
		require.False(t, math.IsNaN(float64(score)) || math.IsInf(float64(score), 0), what)
	}
	_, err = json.Marshal(plan)
	require.NoError(t, err, what)
	var file bytes.Buffer
	require.NoError(t, ix.Encode(t.Context(), &file, true), what)
	again, err := arrowidx.Decode(t.Context(), file.Bytes())
	require.NoError(t, err, what)
	again.Close()
	return in
}

func TestNumbersOfAnIndexAreFiniteWhateverIsAdded(t *testing.T) {
	const n, d = 60, 8
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for _, metric := range arrowidxtest.Metrics {
			for _, built := range []float64{0, 1e-18, 1e-15, 1, 1e5, 1e18} {
				for _, added := range []float64{0, 1e-18, 1, 1e5, 1e18} {
					changing(t, kind, metric, lengthened(t, 1, n, d, built),
						lengthened(t, 2, 5, d, added))
				}
			}
		}
	}
}

// changing adds rows to an index twice, compacts it and asks after each.
func changing(
	t *testing.T, kind arrowidx.Kind, metric arrowidx.Metric, rows, more []float32,
) {
	const d = 8
	o := arrowidx.BuildOptions{Kind: kind, Metric: metric, Keep: arrowidx.KeepCopy, Cells: 3}
	if kind == arrowidx.Exact {
		o.Cells = 0
	}
	ix, _ := build(t, rows, d, o, true)
	defer ix.Close()
	col := arrowidxtest.Column(t, more, d, 1)
	defer col.Release()
	for range 2 {
		_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
		if err != nil { // rows too short or too long beside the others have an error
			require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err), "%v", err)
		}
		finite(t, ix, more[:d], kind.String()+" "+metric.String())
		require.NoError(t, ix.Compact(t.Context(), 1))
		finite(t, ix, rows[:d], kind.String()+" "+metric.String()+", compacted")
	}
}

func TestDriftIsHowMuchFartherTheAddedRowsLie(t *testing.T) {
	const n, d = 400, 8
	for _, metric := range arrowidxtest.Metrics {
		for _, times := range []float64{1, 1e3, 1e20} {
			rows, more := lengthened(t, 3, n, d, 1e-15), lengthened(t, 4, 200, d, 1e-15*times)
			ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Exact, Metric: metric},
				true)
			col := arrowidxtest.Column(t, more, d, 1)
			_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
			require.NoError(t, err)
			want := away(metric, rows, rows, d)
			want = away(metric, rows, more, d) / want
			require.InEpsilon(t, want, finite(t, ix, more[:d], metric.String()).Drift, 1e-3, "%s, %g",
				metric, times)
			col.Release()
			ix.Close()
		}
	}
}

// away is the mean distance of rows from the mean of the built ones, both of length one for cosine.
func away(metric arrowidx.Metric, built, rows []float32, d int) float64 {
	at := func(of []float32, i, j int) float64 {
		x, norm := of[i*d:(i+1)*d], 1.0
		if metric == arrowidx.Cosine {
			norm = arrowidxtest.Score(arrowidx.L2, x, make([]float32, d))
		}
		return float64(x[j]) / norm
	}
	mean, sum := make([]float64, d), 0.0
	for i := range len(built) {
		mean[i%d] += at(built, i/d, i%d) / float64(len(built)/d)
	}
	for i := range len(rows) / d {
		square := 0.0
		for j := range d {
			square += math.Pow(at(rows, i, j)-mean[j], 2)
		}
		sum += math.Sqrt(square)
	}
	return sum / float64(len(rows)/d)
}

func TestBuildsOfEqualRowsTellNoDrift(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		for _, metric := range arrowidxtest.Metrics {
			rows := bytes.Repeat([]byte{1}, 30)
			same := make([]float32, 0, 90)
			for range rows {
				same = append(same, 0.1, 0.7, -0.3)
			}
			ix, _ := build(t, same, 3, arrowidx.BuildOptions{Kind: kind, Metric: metric}, true)
			col := arrowidxtest.Column(t, []float32{-0.2, 0.1, 0.3}, 3, 1)
			_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
			require.NoError(t, err)
			in := ix.Info()
			require.Equal(t, 0.0, in.Drift, "%s %s", kind, metric)
			require.Empty(t, in.Advice)
			col.Release()
			ix.Close()
		}
	}
}

// TestForgedScalesTellNothingInfinite gives files another power of two, all of which are legal.
func TestForgedScalesTellNothingInfinite(t *testing.T) {
	const d = 8
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for _, metric := range arrowidxtest.Metrics {
			for _, exponent := range []int{-128, -126, -60, 60, 100, 126} {
				o := arrowidx.BuildOptions{Kind: kind, Metric: metric, Cells: 3, Bits: 5}
				if kind == arrowidx.Exact {
					o.Cells, o.Bits = 0, 0
				}
				_, file := build(t, lengthened(t, 5, 60, d, 1), d, o, true)
				forged := openForged(file)
				copy(forged.section(parametersSection)[40:], float32Bytes(math.Ldexp(1, exponent)))
				repair(forged.bytes)
				ix, err := arrowidx.Decode(t.Context(), forged.bytes)
				if err != nil {
					require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%v", err)
					continue
				}
				what := kind.String() + " " + metric.String()
				query := lengthened(t, 7, 1, d, 1)
				_, err = json.Marshal(ix.Info())
				require.NoError(t, err, what)
				for _, length := range []float64{1, 1e15} {
					col := arrowidxtest.Column(t, lengthened(t, 6, 5, d, length), d, 1)
					_, err = ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
					if err != nil {
						require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err), "%v", err)
					}
					_, err = json.Marshal(ix.Info())
					require.NoError(t, err, "%s, 2^%d: %+v", what, exponent, ix.Info())
					col.Release()
				}
				out := arrowidxtest.Outputs(1, 9)
				_, _ = ix.Search(t.Context(), &arrowidx.SearchParams{Queries: query, NQ: 1, K: 9,
					Estimates: true}, &out)
				for _, score := range out.Scores[:out.Counts[0]] {
					require.False(t, math.IsNaN(float64(score)) || math.IsInf(float64(score), 0),
						"%s, 2^%d: %v", what, exponent, out.Scores)
				}
				ix.Close()
			}
		}
	}
}

func TestCodesOfRowsOfAnyLengthAreThoseOfTheirDirection(t *testing.T) {
	const n, more, d, k = 60, 20, 40, 10
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
		for _, built := range []float64{1e-18, 1, 5e17} {
			for _, added := range []float64{1e-18, 1e-15, 1, 1e5, 5e17} {
				rows := append(lengthened(t, 8, n, d, built), lengthened(t, 9, more, d, added)...)
				ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: kind, Bits: 9, Cells: 3},
					false)
				col := arrowidxtest.Column(t, rows[n*d:], d, 1)
				_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
				require.NoError(t, err)
				query := rows[n*d : (n+1)*d] // the first of those added
				for _, rerank := range []int{-1, 0} {
					out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: query, NQ: 1,
						K: k, Rerank: rerank, Estimates: rerank == 0, Epsilon0: arrowidxtest.Sure, Probes: 3})
					want := arrowidxtest.Nearest(arrowidx.Cosine, rows, query, k, nil)
					for i := range want {
						require.Equal(t, want[i].Row, out.Rows[i], "%s, %g and %g, place %d", kind, built,
							added, i)
						require.InDelta(t, want[i].Score, out.Scores[i], 0.01)
					}
				}
				col.Release()
				ix.Close()
			}
		}
	}
}
