package arrowidx_test

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// dedup asks for all rows of an index.
func dedup(t testing.TB, ix *arrowidx.Index, p arrowidx.DedupParams) arrowidx.DedupOut {
	t.Helper()
	out := dedupRoom(ix.Len())
	_, err := ix.Dedup(t.Context(), &p, &out)
	require.NoError(t, err)
	return out
}

func dedupRoom(n int) arrowidx.DedupOut {
	return arrowidx.DedupOut{Kept: make([]int64, n), Scores: make([]float32, n)}
}

// near sets the threshold that the metric has.
func near(m arrowidx.Metric, threshold float64) arrowidx.DedupParams {
	if m.Larger() {
		return arrowidx.DedupParams{MinSimilarity: &threshold}
	}
	return arrowidx.DedupParams{MaxDistance: &threshold}
}

// greedy is what Dedup says it does, row by row, with a range search for each.
func (s *ranges) greedy(threshold float64, last bool, groups []uint32) arrowidx.DedupOut {
	n := len(s.rows) / s.d
	p := s.params(threshold)
	p.Queries, p.NQ = s.rows, n
	all := within(s.t, s.ix, p)
	out := dedupRoom(n)
	for i := range n {
		row := i
		if last {
			row = n - 1 - i
		}
		out.Kept[row], out.Scores[row] = -1, float32(math.NaN())
		for j, other := range all.rows[row] {
			earlier := int(other) < row
			if last {
				earlier = int(other) > row
			}
			same := groups == nil || groups[row] != arrowidx.NoGroup && groups[row] == groups[other]
			if earlier && same && out.Kept[other] < 0 {
				out.Kept[row], out.Scores[row] = other, all.scores[row][j]
				break
			}
		}
	}
	return out
}

func (s *ranges) requireSame(want, got arrowidx.DedupOut) {
	s.t.Helper()
	require.Equal(s.t, want.Kept, got.Kept)
	for i := range want.Scores {
		require.Equal(s.t, math.Float32bits(want.Scores[i]), math.Float32bits(got.Scores[i]), i)
	}
}

func TestDedupIsGreedyInTheOrderOfRows(t *testing.T) {
	t.Parallel()
	r := arrowidxtest.Rand(t, 1300)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		s := newRanges(t, r, 1100, []int{1, 24, 65}[r.IntN(3)], 1, o)
		all := s.thresholds(r)
		for i, threshold := range []float64{all[3], all[[]int{1, 4, 6}[r.IntN(3)]]} {
			p := near(s.metric, threshold)
			p.Last = i%2 == r.IntN(2)
			s.requireSame(s.greedy(threshold, p.Last, nil), dedup(t, s.ix, p))
		}
	})
}

func TestDedupComparesRowsOfOneGroup(t *testing.T) {
	t.Parallel()
	r := arrowidxtest.Rand(t, 1301)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		s := newRanges(t, r, 1300, 12, 1, o)
		for _, n := range []uint32{2, 100, 3000} {
			groups := make([]uint32, 1300)
			for i := range groups {
				if groups[i] = r.Uint32N(n); r.IntN(20) == 0 {
					groups[i] = arrowidx.NoGroup
				}
			}
			threshold := s.thresholds(r)[3]
			p := near(s.metric, threshold)
			p.Groups, p.Last = groups, n%2 == 0
			s.requireSame(s.greedy(threshold, p.Last, groups), dedup(t, s.ix, p))
		}
	})
}

// No two kept rows are within the threshold, every dropped row is within that of its kept row:
// judged by the oracle, which shares no code.
func TestDedupKeepsItsPromiseByBruteForce(t *testing.T) {
	r := arrowidxtest.Rand(t, 1302)
	for _, metric := range arrowidxtest.Metrics {
		s := newRanges(t, r, 3000, 40, 1, arrowidx.BuildOptions{
			Kind: arrowidx.Flat, Bits: 5, Metric: metric})
		threshold := s.thresholds(r)[3]
		out := dedup(t, s.ix, near(metric, threshold))
		var kept []int
		for i, other := range out.Kept {
			if other < 0 {
				kept = append(kept, i)
				continue
			}
			score := arrowidxtest.Score(metric, s.row(int(other)), s.row(i))
			require.True(t, int(other) < i && out.Kept[other] < 0, "row %d for %d", i, other)
			require.True(t, inside(metric, score, threshold, 1e-5))
			require.InDelta(t, score, out.Scores[i], 1e-4)
		}
		require.Less(t, len(kept), 3000)
		for i, a := range kept {
			for _, b := range kept[:i] {
				score := arrowidxtest.Score(metric, s.row(a), s.row(b))
				require.False(t, inside(metric, score, threshold, -1e-5), "%d and %d", a, b)
			}
		}
	}
}

func TestDedupOfRowsThatAreAllAlike(t *testing.T) {
	const n, d = 20_000, 16
	row := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 1303), 1, d)
	col := arrowidxtest.Column(t, slices.Repeat(row, n), d, 2)
	defer col.Release()
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
		require.NoError(t, err)
		p := near(arrowidx.Cosine, 0.99)
		out := dedup(t, ix, p)
		require.EqualValues(t, -1, out.Kept[0])
		require.Equal(t, make([]int64, n-1), out.Kept[1:])
		p.Last = true
		require.EqualValues(t, n-1, slices.Max(dedup(t, ix, p).Kept))
		ix.Close()
	}
}

func TestDedupDoesNotDependOnThreads(t *testing.T) {
	s := newRanges(t, arrowidxtest.Rand(t, 1304), 5000, 24, 1, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Metric: arrowidx.Cosine})
	p := near(arrowidx.Cosine, 0.8)
	p.Threads = 1
	one := dedup(t, s.ix, p)
	p.Threads = 2
	s.requireSame(one, dedup(t, s.ix, p))
}

func TestDedupKeepsRowsWithoutVectors(t *testing.T) {
	rows := []float32{1, 0, 1, 0, 0, 1, 1, 0}
	col, err := arrowidx.NewColumn([]arrow.Array{
		arrowidxtest.FixedSizeList(rows, 2, []bool{true, false, true, true})})
	require.NoError(t, err)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Nulls: arrowidx.SkipNulls})
	require.NoError(t, err)
	defer ix.Close()
	require.Equal(t, []int64{-1, -1, -1, 0}, dedup(t, ix, near(arrowidx.Cosine, 1)).Kept)
}

func TestDedupCountsItsProgress(t *testing.T) {
	s := newRanges(t, arrowidxtest.Rand(t, 1305), 600, 8, 1, arrowidx.BuildOptions{})
	p := near(s.metric, 0.9)
	p.Progress = &arrowidx.Progress{}
	dedup(t, s.ix, p)
	done, total := p.Progress.Done()
	require.Equal(t, []int64{600, 600}, []int64{done, total})
}

func requireDedupError(t testing.TB, err error, kind arrowidx.ErrorKind) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, arrowidx.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "dedup: ")
}

func TestDedupRefusesWhatItCannotDo(t *testing.T) {
	s := newRanges(t, arrowidxtest.Rand(t, 1306), 50, 8, 1, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Bits: 5})
	ask := func(p arrowidx.DedupParams, n int) error {
		out := dedupRoom(n)
		_, err := s.ix.Dedup(t.Context(), &p, &out)
		return err
	}
	requireDedupError(t, ask(near(arrowidx.L2, 1), 50), arrowidx.MetricError)
	requireDedupError(t, ask(near(arrowidx.Cosine, 2), 50), arrowidx.InvalidArgument)
	requireDedupError(t, ask(arrowidx.DedupParams{}, 50), arrowidx.InvalidArgument)
	requireDedupError(t, ask(near(arrowidx.Cosine, 0.9), 49), arrowidx.InvalidArgument)
	p := near(arrowidx.Cosine, 0.9)
	p.Groups = make([]uint32, 49)
	requireDedupError(t, ask(p, 50), arrowidx.InvalidArgument)
	s.ix.Detach()
	requireDedupError(t, ask(near(arrowidx.Cosine, 0.9), 50), arrowidx.InvalidArgument)
	_, err := s.ix.Delete(arrowidxtest.Positions(3), false)
	require.NoError(t, err)
	requireDedupError(t, ask(near(arrowidx.Cosine, 0.9), 50), arrowidx.InvalidArgument)
	s.ix.Close()
	requireDedupError(t, ask(near(arrowidx.Cosine, 0.9), 50), arrowidx.IndexClosed)
}

func TestDedupEndsWhenItIsCancelled(t *testing.T) {
	s := newRanges(t, arrowidxtest.Rand(t, 1307), 3000, 8, 1, arrowidx.BuildOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p, out := near(s.metric, 0.9), dedupRoom(3000)
	_, err := s.ix.Dedup(ctx, &p, &out)
	requireDedupError(t, err, arrowidx.Cancelled)
}
