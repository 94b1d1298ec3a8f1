package arrowidx_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// What must not change when the question is put in another way. These relations hold without an
// oracle: they catch what an oracle with the same mistake would not.

const metaRows, metaDim, metaQueries, metaK = 9000, 24, 12, 8

type meta struct {
	rows, queries []float32
}

func newMeta(t *testing.T, seed uint64) meta {
	all := arrowidxtest.Clustered(arrowidxtest.Rand(t, seed), metaRows+metaQueries, metaDim, 30)
	return meta{all[:metaRows*metaDim], all[metaRows*metaDim:]}
}

// find builds an index of the rows and asks the queries.
func find(
	t *testing.T, rows, queries []float32, o arrowidx.BuildOptions, p arrowidx.SearchParams,
) arrowidx.SearchOut {
	t.Helper()
	ix, _ := build(t, rows, metaDim, o, false)
	defer ix.Close()
	p.Queries, p.NQ, p.Rerank = queries, len(queries)/metaDim, -1
	if p.K == 0 {
		p.K = metaK
	}
	p.Epsilon0 = arrowidxtest.Sure
	out, _ := arrowidxtest.Search(t, ix, p)
	return out
}

// variants are all kinds and metrics, one number of bits each.
func variants(t *testing.T, f func(t *testing.T, o arrowidx.BuildOptions)) {
	for i, metric := range arrowidxtest.Metrics {
		f(t, arrowidx.BuildOptions{Kind: arrowidx.Exact, Metric: metric})
		f(t, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 1 + 2*i, Metric: metric})
	}
}

func TestShuffledRowsAreFoundWhereTheyWent(t *testing.T) {
	m := newMeta(t, 240)
	to := arrowidxtest.Rand(t, 241).Perm(metaRows)
	shuffled := make([]float32, len(m.rows))
	for from, at := range to {
		copy(shuffled[at*metaDim:], m.rows[from*metaDim:(from+1)*metaDim])
	}
	variants(t, func(t *testing.T, o arrowidx.BuildOptions) {
		want := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
		got := find(t, shuffled, m.queries, o, arrowidx.SearchParams{})
		for i, row := range want.Rows {
			want.Rows[i] = int64(to[row])
		}
		require.Empty(t, arrowidxtest.Unequal(want, got), "%s by %s", o.Kind, o.Metric)
	})
}

// Scaling rows and queries by a power of two rounds nothing: answers scale along.
func TestScalingByAPowerOfTwoScalesScores(t *testing.T) {
	m := newMeta(t, 242)
	variants(t, func(t *testing.T, o arrowidx.BuildOptions) {
		want := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
		for _, exponent := range []int{-20, -1, 1, 13} {
			size := math.Ldexp(1, exponent)
			got := find(t, scaled(m.rows, size), scaled(m.queries, size), o, arrowidx.SearchParams{})
			require.Equal(t, want.Rows, got.Rows, "%s by %s, 2^%d", o.Kind, o.Metric, exponent)
			factor := map[arrowidx.Metric]float64{arrowidx.Cosine: 1, arrowidx.L2: size,
				arrowidx.Dot: size * size, arrowidx.SqEuclidean: size * size}[o.Metric]
			require.Equal(t, scaled(want.Scores, factor), got.Scores)
		}
	})
}

func TestFarRowsChangeNothing(t *testing.T) {
	m := newMeta(t, 243)
	r := arrowidxtest.Rand(t, 244)
	variants(t, func(t *testing.T, o arrowidx.BuildOptions) {
		if o.Metric.Larger() {
			return // no row is far by an inner product
		}
		far := arrowidxtest.Gaussian(r, 500, metaDim)
		for i := range far {
			far[i] = far[i] + 40
		}
		want := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
		got := find(t, append(append([]float32{}, m.rows...), far...), m.queries, o,
			arrowidx.SearchParams{})
		require.Empty(t, arrowidxtest.Unequal(want, got), "%s by %s", o.Kind, o.Metric)
	})
}

func TestEveryRowTwiceIsFoundTwiceSmallerRowFirst(t *testing.T) {
	m := newMeta(t, 245)
	twice := append(append([]float32{}, m.rows...), m.rows...)
	variants(t, func(t *testing.T, o arrowidx.BuildOptions) {
		want := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
		got := find(t, twice, m.queries, o, arrowidx.SearchParams{K: 2 * metaK})
		for i, row := range want.Rows {
			require.Equal(t, []int64{row, row + metaRows}, got.Rows[2*i:2*i+2], "%s by %s", o.Kind,
				o.Metric)
			require.Equal(t, []float32{want.Scores[i], want.Scores[i]}, got.Scores[2*i:2*i+2])
		}
	})
}

func TestAMaskIsAnIndexOfTheRowsItAdmits(t *testing.T) {
	m := newMeta(t, 246)
	r := arrowidxtest.Rand(t, 247)
	mask, kept, rows := make([]byte, metaRows), []float32{}, []int64{}
	for i := range mask {
		if r.IntN(3) > 0 {
			mask[i] = 1
			rows = append(rows, int64(i))
			kept = append(kept, m.rows[i*metaDim:(i+1)*metaDim]...)
		}
	}
	variants(t, func(t *testing.T, o arrowidx.BuildOptions) {
		got := find(t, m.rows, m.queries, o, arrowidx.SearchParams{Mask: mask})
		want := find(t, kept, m.queries, o, arrowidx.SearchParams{})
		for i, row := range want.Rows {
			want.Rows[i] = rows[row]
		}
		require.Empty(t, arrowidxtest.Unequal(want, got), "%s by %s", o.Kind, o.Metric)
	})
}

func TestFewerAnswersAreTheFirstOfMore(t *testing.T) {
	m := newMeta(t, 248)
	variants(t, func(t *testing.T, o arrowidx.BuildOptions) {
		most := find(t, m.rows, m.queries, o, arrowidx.SearchParams{K: 100})
		for _, k := range []int{1, 2, 9, 64} {
			got := find(t, m.rows, m.queries, o, arrowidx.SearchParams{K: k})
			for i := range metaQueries {
				require.Equal(t, most.Rows[i*100:i*100+k], got.Rows[i*k:(i+1)*k], "%s by %s, k=%d",
					o.Kind, o.Metric, k)
			}
		}
	})
}

// The seed turns codes, not answers.
func TestTheSeedChangesCodesAndNotAnswers(t *testing.T) {
	m := newMeta(t, 249)
	o := arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 3}
	want := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
	_, file := build(t, m.rows, metaDim, o, false)
	for _, seed := range []uint64{1, 42, math.MaxUint64} {
		o.Seed = seed
		require.Empty(t, arrowidxtest.Unequal(want,
			find(t, m.rows, m.queries, o, arrowidx.SearchParams{})), "seed %d", seed)
		_, other := build(t, m.rows, metaDim, o, false)
		require.NotEqual(t, file, other)
	}
}

func TestL2IsTheRootOfSqEuclidean(t *testing.T) {
	m := newMeta(t, 250)
	for _, kind := range bothKinds {
		o := arrowidx.BuildOptions{Kind: kind, Metric: arrowidx.L2}
		root := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
		o.Metric = arrowidx.SqEuclidean
		square := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
		require.Equal(t, square.Rows, root.Rows)
		for i, v := range root.Scores {
			require.InEpsilon(t, square.Scores[i], v*v, 1e-6)
		}
	}
}

// The rows are of length one: all metrics agree on the order but for rounding of that length.
func TestMetricsAgreeOnRowsOfLengthOne(t *testing.T) {
	m := newMeta(t, 251)
	for _, kind := range bothKinds {
		answers := map[arrowidx.Metric]arrowidx.SearchOut{}
		for _, metric := range arrowidxtest.Metrics {
			answers[metric] = find(t, m.rows, m.queries,
				arrowidx.BuildOptions{Kind: kind, Metric: metric}, arrowidx.SearchParams{})
		}
		same, all := 0, 0
		for i, row := range answers[arrowidx.Cosine].Rows {
			for _, metric := range arrowidxtest.Metrics[1:] {
				all++
				if answers[metric].Rows[i] == row {
					same++
				}
			}
			cosine := float64(answers[arrowidx.Cosine].Scores[i])
			require.InDelta(t, 2-2*cosine, answers[arrowidx.SqEuclidean].Scores[i], 2e-6)
			require.InDelta(t, cosine, answers[arrowidx.Dot].Scores[i], 2e-6)
		}
		require.Greater(t, float64(same)/float64(all), 0.95)
	}
}

func TestAColumnInAnyChunksIsOneColumn(t *testing.T) {
	m := newMeta(t, 252)
	variants(t, func(t *testing.T, o arrowidx.BuildOptions) {
		want := find(t, m.rows, m.queries, o, arrowidx.SearchParams{})
		for _, chunks := range []int{2, 31, 1000} {
			col := arrowidxtest.Column(t, m.rows, metaDim, chunks)
			ix, err := arrowidx.Build(t.Context(), col, o)
			require.NoError(t, err)
			got, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: m.queries,
				NQ: metaQueries, K: metaK, Rerank: -1, Epsilon0: arrowidxtest.Sure})
			require.Empty(t, arrowidxtest.Unequal(want, got), "%d chunks", chunks)
			ix.Close()
			col.Release()
		}
	})
}
