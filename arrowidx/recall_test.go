package arrowidx

import (
	"context"
	"math"
	rand "math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/calibrate"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// recallIndex builds an index over Gaussian rows, the hardest there are: none is much nearer than
// the others.
func recallIndex(t *testing.T, rows []float32, d int, o BuildOptions, valid []bool) *Index {
	t.Helper()
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, int32(d),
		arrow.PrimitiveTypes.Float32)
	defer b.Release()
	for i := 0; i*d < len(rows); i++ {
		b.Append(valid == nil || valid[i])
		b.ValueBuilder().(*array.Float32Builder).AppendValues(rows[i*d:(i+1)*d], nil)
	}
	col, err := column.NewColumn([]arrow.Array{b.NewListArray()})
	require.NoError(t, err)
	defer col.Release()
	ix, err := Build(t.Context(), col, o)
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix
}

func gaussianRows(t *testing.T, seed uint64, n int) []float32 {
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// bruteRecall answers the same question with nothing but Score: the share of the true neighbours of
// the sampled rows that separate searches find.
func bruteRecall(
	t *testing.T, ix *Index, rows []float32, sample []int, k int, recall float64,
) float64 {
	t.Helper()
	d, hits := ix.base().Dim, 0
	for _, own := range sample {
		q := rows[own*d : (own+1)*d]
		var truth []float64
		for i := range ix.base().Rows {
			if i != own && ix.base().IsAlive(i) {
				truth = append(truth, l2(rows[i*d:(i+1)*d], q))
			}
		}
		slices.Sort(truth)
		out := SearchOut{Rows: make([]int64, k+1), Scores: make([]float32, k+1),
			Counts: make([]int64, 1)}
		_, err := ix.Search(t.Context(), &SearchParams{Queries: q, NQ: 1, K: k + 1, Recall: recall,
			Rerank: -1}, &out)
		require.NoError(t, err)
		left := k
		for _, row := range out.Rows[:out.Counts[0]] {
			if row == int64(own) || left == 0 {
				continue
			}
			left--
			if l2(rows[int(row)*d:(int(row)+1)*d], q) <= truth[k-1]+1e-12 {
				hits++
			}
		}
	}
	return float64(hits) / float64(len(sample)*k)
}

func l2(a, b []float32) (sum float64) {
	for i := range a {
		diff := float64(a[i]) - float64(b[i])
		sum += diff * diff
	}
	return sum
}

func TestMeasuredRecallIsThatOfSearchesOneByOne(t *testing.T) {
	const n, d = 3_000, 24
	rows := gaussianRows(t, 11, n*d)
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = i%7 != 3
	}
	for _, kind := range []Kind{Exact, Flat, IVF} {
		ix := recallIndex(t, rows, d, BuildOptions{Kind: kind, Bits: 1, Metric: SqEuclidean,
			Cells: 50, Nulls: SkipNulls, Seed: 5}, valid)
		g := mem.Generator{State: ix.base().Seed}
		sample := calibrate.RowsOfRanks(ix.base().Alive, calibrate.DrawRanks(&g, ix.base().Usable, 150))
		for _, row := range sample {
			require.True(t, valid[row])
		}
		for _, target := range []float64{0.5, 0.99, 1} {
			got, err := ix.MeasureRecall(t.Context(),
				RecallParams{K: 7, Sample: 150, Recall: target})
			require.NoError(t, err)
			assert.Equal(t, 7, got.K)
			assert.Equal(t, 150, got.Sample)
			want := bruteRecall(t, ix, rows, sample, 7, target)
			assert.InDelta(t, want, got.Mean, 1e-12, "%v at %v", kind, target)
			assert.True(t, got.Low <= got.Mean && got.Mean <= got.High, "%+v", got)
			assert.True(t, kind != IVF || target != 0.5 || got.Mean < 1, "nothing was missed")
		}
	}
}

// countedContext is cancelled once it was asked for the given number of times.
type countedContext struct {
	context.Context
	left atomic.Int64
}

func (c *countedContext) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestAMeasurementStopsWhereverItsContextEnds(t *testing.T) {
	rows := gaussianRows(t, 19, 2_000*16)
	ix := recallIndex(t, rows, 16, BuildOptions{Kind: IVF, Cells: 20}, nil)
	whole := &countedContext{Context: t.Context()}
	whole.left.Store(1 << 40)
	want, err := ix.MeasureRecall(whole, RecallParams{Sample: 600})
	require.NoError(t, err)
	looks := 1<<40 - whole.left.Load()
	require.Greater(t, looks, int64(6), "three batches, each searched twice")
	live := ix.base().Source.Refs.Load()
	for at := range 12 {
		ctx := &countedContext{Context: t.Context()}
		ctx.left.Store(looks * int64(at) / 12)
		_, err := ix.MeasureRecall(ctx, RecallParams{Sample: 600, Threads: 1})
		assert.Equal(t, Cancelled, fault.KindOf(err), "after look %d of %d", looks*int64(at)/12, looks)
	}
	assert.Equal(t, live, ix.base().Source.Refs.Load())
	got, err := ix.MeasureRecall(t.Context(), RecallParams{Sample: 600})
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

func TestRecallOfAnExactSearchIsOne(t *testing.T) {
	rows := gaussianRows(t, 12, 2_000*16)
	for _, kind := range []Kind{Exact, Flat} {
		for metric := range Metric(4) {
			ix := recallIndex(t, rows, 16, BuildOptions{Kind: kind, Metric: metric}, nil)
			got, err := ix.MeasureRecall(t.Context(), RecallParams{Recall: 1})
			require.NoError(t, err)
			assert.Equal(t, RecallReport{Mean: 1, Low: got.Low, High: 1, K: 10, Sample: 200}, got,
				"%v %v", kind, metric)
			assert.InDelta(t, 0.981, got.Low, 0.001, "as sure as 200 queries make it")
		}
	}
}

func TestASearchThatMissesRowsMeasuresBelowOne(t *testing.T) {
	const n, d = 8_000, 128
	ix := recallIndex(t, gaussianRows(t, 13, n*d), d,
		BuildOptions{Kind: Flat, Bits: 1, Metric: SqEuclidean}, nil)
	got, err := ix.MeasureRecall(t.Context(), RecallParams{K: 20, Sample: 300, Recall: 0.5})
	require.NoError(t, err)
	t.Logf("%+v", got)
	assert.Less(t, got.Mean, 1.0)
	assert.Greater(t, got.Mean, 0.8)
	own, err := ix.MeasureRecall(t.Context(), RecallParams{K: 20, Sample: 300})
	require.NoError(t, err)
	assert.Greater(t, own.Mean, got.Mean, "the index's target is 0.95")
}

func TestEqualRowsAreAllEquallyFound(t *testing.T) {
	rows := make([]float32, 500*8)
	for i := range rows {
		rows[i] = float32(1 + i/8%2) // two different rows, 250 times each
	}
	for metric := range Metric(4) {
		ix := recallIndex(t, rows, 8, BuildOptions{Kind: Flat, Metric: metric}, nil)
		got, err := ix.MeasureRecall(t.Context(), RecallParams{K: 30, Sample: 500})
		require.NoError(t, err)
		assert.Equal(t, 1.0, got.Mean, metric)
		assert.Equal(t, 500, got.Sample)
	}
}

func TestTheSameIndexGivesTheSameReportForAnyNumberOfThreads(t *testing.T) {
	rows := gaussianRows(t, 14, 6_000*16)
	ix := recallIndex(t, rows, 16, BuildOptions{Kind: Flat, Bits: 1, Seed: 1}, nil)
	want, err := ix.MeasureRecall(t.Context(), RecallParams{Recall: 0.5, Threads: 1})
	require.NoError(t, err)
	for _, threads := range []int{1, 2, 7} {
		got, err := ix.MeasureRecall(t.Context(), RecallParams{Recall: 0.5, Threads: threads})
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	g, h := mem.Generator{State: 1}, mem.Generator{State: 2}
	assert.NotEqual(t, calibrate.DrawRanks(&g, 6_000, 200), calibrate.DrawRanks(&h, 6_000, 200))
}

func TestASampleIsCutToTheRowsThereAre(t *testing.T) {
	rows := gaussianRows(t, 15, 40*4)
	for n := 2; n < 40; n++ {
		for _, kind := range []Kind{Exact, Flat, IVF} { // of ivf as many cells as rows
			ix := recallIndex(t, rows[:n*4], 4, BuildOptions{Kind: kind, Cells: n}, nil)
			got, err := ix.MeasureRecall(t.Context(), RecallParams{K: 50, Recall: 1})
			require.NoError(t, err)
			assert.Equal(t, RecallReport{Mean: 1, Low: got.Low, High: 1, K: n - 1, Sample: n}, got)
		}
	}
}

func TestRecallThatCannotBeMeasuredIsRefused(t *testing.T) {
	rows := gaussianRows(t, 16, 100*4)
	check := func(ix *Index, p RecallParams, kind ErrorKind, words string) {
		t.Helper()
		_, err := ix.MeasureRecall(t.Context(), p)
		assert.Equal(t, kind, fault.KindOf(err))
		assert.ErrorContains(t, err, words)
	}
	none := recallIndex(t, rows, 4, BuildOptions{Keep: KeepNone}, nil)
	check(none, RecallParams{}, InvalidArgument, "vectors=column")
	ix := recallIndex(t, rows, 4, BuildOptions{Kind: Flat}, nil)
	check(ix, RecallParams{K: -1}, InvalidArgument, "k = -1")
	check(ix, RecallParams{Sample: -1}, InvalidArgument, "-1 rows")
	check(ix, RecallParams{Recall: 2}, InvalidArgument, "recall target 2")
	alone := recallIndex(t, rows[:4], 4, BuildOptions{}, nil)
	check(alone, RecallParams{}, InvalidArgument, "1 rows can be found")
	check(recallIndex(t, nil, 4, BuildOptions{}, nil), RecallParams{}, InvalidArgument, "0 rows")
	live := ix.base().Source.Refs.Load()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := ix.MeasureRecall(gone, RecallParams{})
	assert.Equal(t, Cancelled, fault.KindOf(err))
	assert.Equal(t, live, ix.base().Source.Refs.Load(), "a reference to the column is left")
	ix.Close()
	check(ix, RecallParams{}, IndexClosed, "closed")
}

func TestDrawnRanksAreDifferentSortedAndEvenlySpread(t *testing.T) {
	g := mem.Generator{State: 17}
	seen := make([]int, 40)
	const rounds = 4_000
	for range rounds {
		ranks := calibrate.DrawRanks(&g, len(seen), 10)
		require.Len(t, ranks, 10)
		require.True(t, slices.IsSorted(ranks))
		require.Len(t, slices.Compact(slices.Clone(ranks)), 10)
		for _, r := range ranks {
			seen[r]++
		}
	}
	for r, count := range seen { // a binomial of mean 1000 and deviation 27
		assert.InDelta(t, rounds/4, count, 140, "rank %d", r)
	}
	assert.Equal(t, []int{0, 1, 2}, calibrate.DrawRanks(&g, 3, 3))
	assert.Equal(t, []int{35, 64, 95},
		calibrate.RowsOfRanks([]uint32{0, 1 << 3, 1<<31 | 1}, []int{0, 1, 2}))
}

// The true mean lies inside the interval about as often as it says, whether neighbours are lost one
// by one, by the query, or in between.
func TestIntervalsHoldTheTruth(t *testing.T) {
	const seed, rounds, k, m = 18, 3_000, 10, 200
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, c := range []struct {
		name  string
		truth float64
		miss  func() int
	}{
		{"one by one", 0.95, func() int { return binomial(r, k, 0.05) }},
		{"one by one, seldom", 0.999, func() int { return binomial(r, k, 0.001) }},
		{"by the query", 0.95, func() int { return k * binomial(r, 1, 0.05) }},
		{"by the query, seldom", 0.99, func() int { return k * binomial(r, 1, 0.01) }},
		{"half the queries are hard", 0.90, func() int {
			return binomial(r, k, 0.2*float64(r.IntN(2)))
		}},
		{"in halves", 0.95, func() int { return k / 2 * binomial(r, 1, 0.1) }},
	} {
		inside, width := 0, 0.0
		for range rounds {
			sums := calibrate.HitSums{K: k}
			for range m {
				sums.Add(k - c.miss())
			}
			report := sums.Report()
			width += report.High - report.Low
			if report.Low <= c.truth && c.truth <= report.High {
				inside++
			}
		}
		share := float64(inside) / rounds
		assert.Greater(t, share, 0.93, "%s: inside %.3f", c.name, share)
		assert.Less(t, width/rounds, 0.065, "%s: so wide that it says nothing", c.name)
	}
}

func binomial(r *rand.Rand, n int, p float64) (sum int) {
	for range n {
		if r.Float64() < p {
			sum++
		}
	}
	return sum
}

func TestAReportOfNoHitsOrOneQueryIsStillAnInterval(t *testing.T) {
	for _, hits := range [][]int{{0}, {5}, {0, 0}, {5, 5}, {0, 5}, {3}} {
		sums := calibrate.HitSums{K: 5}
		for _, h := range hits {
			sums.Add(h)
		}
		got := sums.Report()
		assert.False(t, math.IsNaN(got.Low+got.High), "%v: %+v", hits, got)
		assert.True(t, 0 <= got.Low && got.Low <= got.Mean && got.Mean <= got.High && got.High <= 1,
			"%v: %+v", hits, got)
		assert.Greater(t, got.High-got.Low, 0.3, "%v: %+v", hits, got)
	}
}
