package arrowidx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// ranges is a set of rows, an index of them, and queries.
type ranges struct {
	t       *testing.T
	metric  arrowidx.Metric
	d       int
	rows    []float32
	queries []float32
	ix      *arrowidx.Index
}

func newRanges(
	t *testing.T, r *rand.Rand, n, d, nq int, o arrowidx.BuildOptions,
) *ranges {
	all := arrowidxtest.Clustered(r, n+nq, d, 20)
	s := &ranges{t: t, metric: o.Metric, d: d, rows: all[:n*d], queries: all[n*d:]}
	for range n / 10 { // rows that are equal
		copy(s.row(r.IntN(n)), s.row(r.IntN(n)))
	}
	clear(s.row(n / 2))
	copy(s.queries[:d], s.row(n/3))
	if nq > 2 {
		clear(s.queries[2*d : 3*d])
	}
	col := arrowidxtest.Column(t, s.rows, d, 3)
	defer col.Release()
	var err error
	s.ix, err = arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	t.Cleanup(s.ix.Close)
	return s
}

func (s *ranges) row(i int) []float32   { return s.rows[i*s.d : (i+1)*s.d] }
func (s *ranges) query(i int) []float32 { return s.queries[i*s.d : (i+1)*s.d] }
func (s *ranges) nq() int               { return len(s.queries) / s.d }

// params asks all queries for the rows within a threshold.
func (s *ranges) params(threshold float64) arrowidx.WithinParams {
	p := arrowidx.WithinParams{Queries: s.queries, NQ: s.nq()}
	if s.metric.Larger() {
		p.MinSimilarity = &threshold
	} else {
		p.MaxDistance = &threshold
	}
	return p
}

// found is what a range search answers, a list a query.
type found struct {
	rows   [][]int64
	scores [][]float32
	plan   arrowidx.Plan
}

func within(t testing.TB, ix *arrowidx.Index, p arrowidx.WithinParams) found {
	t.Helper()
	f := found{rows: make([][]int64, p.NQ), scores: make([][]float32, p.NQ)}
	var err error
	f.plan, err = ix.Within(t.Context(), &p, func(r arrowidx.Range) error {
		require.Len(t, f.rows[r.Query], r.First)
		require.Len(t, r.Scores, len(r.Rows))
		f.rows[r.Query] = append(f.rows[r.Query], r.Rows...)
		f.scores[r.Query] = append(f.scores[r.Query], r.Scores...)
		return nil
	})
	require.NoError(t, err)
	return f
}

// scoresOf are the scores that a search gives all rows of every query, best first.
func (s *ranges) scoresOf(i int) []float32 {
	n := len(s.rows) / s.d
	out := arrowidxtest.Outputs(1, n)
	_, err := s.ix.Search(s.t.Context(), &arrowidx.SearchParams{
		Queries: s.query(i), NQ: 1, K: n, Rerank: -1, Recall: 1}, &out)
	require.NoError(s.t, err)
	return out.Scores[:out.Counts[0]]
}

// thresholds match no row, one, some and all, and hit scores exactly.
func (s *ranges) thresholds(r *rand.Rand) []float64 {
	scores := s.scoresOf(0)
	last := len(scores) - 1
	best, worst, some := scores[0], scores[last], scores[r.IntN(last)]
	beyond := math.Nextafter32(best, float32(math.Inf(1)))
	all := math.Inf(1)
	if s.metric.Larger() {
		all = math.Inf(-1)
	} else {
		beyond = math.Nextafter32(best, float32(math.Inf(-1)))
	}
	if s.metric == arrowidx.Cosine { // beyond what a score can be is an error
		beyond = min(beyond, 1)
	} else if s.metric != arrowidx.Dot {
		beyond = max(beyond, 0)
	}
	return []float64{float64(beyond), float64(best), float64(scores[1]), float64(scores[last/50]),
		float64(some), float64(worst), all}
}

// check compares with brute force: every row clearly within is there, none clearly outside, best
// first, equal scores by row, and scores are within by their own rounding.
func (s *ranges) check(f found, threshold float64, limit int, admit func(int) bool) {
	s.t.Helper()
	for i := range s.nq() {
		all := arrowidxtest.Nearest(s.metric, s.rows, s.query(i), len(s.rows)/s.d, admit)
		sure, likely := 0, 0
		for _, h := range all {
			if inside(s.metric, h.Score, threshold, -1e-5) {
				sure++
			}
			if inside(s.metric, h.Score, threshold, 1e-5) {
				likely++
			}
		}
		if limit > 0 {
			sure, likely = min(sure, limit), min(likely, limit)
		}
		got := len(f.rows[i])
		require.True(s.t, sure <= got && got <= likely, "query %d at %v: %d rows, want %d to %d",
			i, threshold, got, sure, likely)
		for j, row := range f.rows[i] {
			score := float64(f.scores[i][j])
			own := arrowidxtest.Score(s.metric, s.row(int(row)), s.query(i))
			switch {
			case slices.Contains(f.rows[i][:j], row):
				s.t.Fatalf("query %d: row %d twice", i, row)
			case admit != nil && !admit(int(row)):
				s.t.Fatalf("query %d: row %d is not admitted", i, row)
			case max(math.Abs(own-score), math.Abs(all[j].Score-score)) > 2e-4:
				s.t.Fatalf("query %d, place %d: row %d scores %v, truly %v; the place is for %v", i,
					j, row, score, own, all[j].Score)
			case !inside(s.metric, score, float64(float32(threshold)), 0):
				s.t.Fatalf("query %d: score %v is not within %v", i, score, threshold)
			case j > 0 && better(s.metric, f.scores[i][j], f.scores[i][j-1]):
				s.t.Fatalf("query %d, place %d: %v after %v", i, j, score, f.scores[i][j-1])
			}
		}
	}
}

func inside(m arrowidx.Metric, score, threshold, slack float64) bool {
	if m.Larger() {
		return score >= threshold-slack
	}
	return score <= threshold+slack
}

func better(m arrowidx.Metric, a, b float32) bool {
	if m.Larger() {
		return a > b
	}
	return a < b
}

// everyKind calls f for all kinds of index and metrics.
func everyKind(t *testing.T, f func(t *testing.T, o arrowidx.BuildOptions)) {
	for _, o := range []arrowidx.BuildOptions{
		{Kind: arrowidx.Exact}, {Kind: arrowidx.Flat, Bits: 1}, {Kind: arrowidx.Flat, Bits: 5},
		{Kind: arrowidx.IVF, Bits: 1}, {Kind: arrowidx.IVF, Bits: 5},
	} {
		for _, metric := range arrowidxtest.Metrics {
			o.Metric = metric
			t.Run(fmt.Sprintf("%s of %d bits by %s", o.Kind, o.Bits, metric),
				func(t *testing.T) { f(t, o) })
		}
	}
}

func TestARangeIsWhatBruteForceFinds(t *testing.T) {
	t.Parallel()
	r := arrowidxtest.Rand(t, 900)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		for i, d := range []int{1, 24, 65} {
			if !arrowidxtest.Whole() && (i+int(o.Metric)+o.Bits)%3 != 0 {
				continue
			}
			s := newRanges(t, r, 1400, d, 4, o)
			for _, threshold := range s.thresholds(r) {
				f := within(t, s.ix, s.params(threshold))
				s.check(f, threshold, 0, nil)
				require.True(t, f.plan.Exact)
				require.EqualValues(t, s.nq(), f.plan.Certified)
				for _, limit := range []int{1, 7, 1399, 5000} {
					p := s.params(threshold)
					p.Limit = limit
					few := within(t, s.ix, p)
					for i := range few.rows {
						n := min(limit, len(f.rows[i]))
						require.Equal(t, f.rows[i][:n:n], few.rows[i][:n:n], "limit %d", limit)
						require.Len(t, few.rows[i], n)
					}
				}
			}
		}
	})
}

func TestTheScoreOfASearchIsAThresholdThatLetsTheRowIn(t *testing.T) {
	r := arrowidxtest.Rand(t, 901)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		s := newRanges(t, r, 1200, 31, 1, o)
		scores := s.scoresOf(0)
		for range 25 {
			k := r.IntN(len(scores))
			last := k
			for last+1 < len(scores) && scores[last+1] == scores[k] {
				last++
			}
			f := within(t, s.ix, s.params(float64(scores[k])))
			require.Equal(t, scores[:last+1], f.scores[0], "place %d", k)
		}
	})
}

func TestARangeDoesNotDependOnThreadsOrBatch(t *testing.T) {
	t.Parallel()
	r := arrowidxtest.Rand(t, 902)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		if o.Metric == arrowidx.Dot || o.Metric == arrowidx.SqEuclidean {
			return // like the others but for their scores
		}
		s := newRanges(t, r, 40_000, 8, 70, o)
		p := s.params(s.thresholds(r)[3])
		p.Threads = 1
		want := within(t, s.ix, p)
		for _, threads := range []int{2, 7} {
			p.Threads = threads
			got := within(t, s.ix, p)
			require.Equal(t, want.rows, got.rows)
			require.Equal(t, want.scores, got.scores)
			require.Equal(t, want.plan.Scanned, got.plan.Scanned)
		}
		for _, i := range []int{0, 2, 33, 69} {
			p.Queries, p.NQ = s.query(i), 1
			got := within(t, s.ix, p)
			require.Equal(t, want.rows[i], got.rows[0])
			require.Equal(t, want.scores[i], got.scores[0])
		}
	})
}

func TestARangeHoldsOnlyRowsThatAFilterAdmits(t *testing.T) {
	r := arrowidxtest.Rand(t, 903)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		s := newRanges(t, r, 1500, 16, 3, o)
		for _, share := range []float64{0, 0.01, 0.5} {
			p := s.params(s.thresholds(r)[3])
			p.Mask = make([]byte, 1500)
			rows := []int64{}
			for i := range p.Mask {
				if r.Float64() < share {
					p.Mask[i] = 1
					rows = append(rows, int64(i))
				}
			}
			byMask := within(t, s.ix, p)
			threshold := p.MinSimilarity
			if threshold == nil {
				threshold = p.MaxDistance
			}
			s.check(byMask, *threshold, 0, func(i int) bool { return p.Mask[i] != 0 })
			byRows := p
			byRows.Mask, byRows.Rows = nil, rows
			require.Equal(t, byMask.rows, within(t, s.ix, byRows).rows)
			byRows.Rows, byRows.IDs = nil, idArray(arrowidx.IDInt64, rows)
			require.Equal(t, byMask.rows, within(t, s.ix, byRows).rows)
		}
	})
}

func TestARangeFollowsRowsThatWereAddedAndDeleted(t *testing.T) {
	r := arrowidxtest.Rand(t, 904)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		s := newRanges(t, r, 1500, 12, 3, o)
		more := arrowidxtest.Clustered(r, 1500, s.d, 9)
		for i := range 50 { // equal to rows of the first segment
			copy(more[i*s.d:(i+1)*s.d], s.row(i))
		}
		for _, piece := range [][2]int{{0, 1300}, {1300, 1500}} {
			col := arrowidxtest.Column(t, more[piece[0]*s.d:piece[1]*s.d], s.d, 1)
			_, err := s.ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
			col.Release()
			require.NoError(t, err)
		}
		s.rows = append(s.rows, more...)
		gone := map[int64]bool{}
		for range 300 {
			gone[int64(r.IntN(3000))] = true
		}
		ids := []int64{}
		for id := range gone {
			ids = append(ids, id)
		}
		_, err := s.ix.Delete(idArray(arrowidx.IDInt64, ids), false)
		require.NoError(t, err)
		admit := func(i int) bool { return !gone[int64(i)] }
		for _, threshold := range s.thresholds(r) {
			f := within(t, s.ix, s.params(threshold))
			s.check(f, threshold, 0, admit)
			p := s.params(threshold)
			p.Limit = 40
			few := within(t, s.ix, p)
			for i := range few.rows {
				n := min(40, len(f.rows[i]))
				require.Equal(t, f.rows[i][:n:n], few.rows[i][:n:n])
			}
		}
		p := s.params(s.thresholds(r)[3])
		p.Rows = []int64{3, 1600, 2000, 3}
		s.check(within(t, s.ix, p), s.thresholds(r)[3], 3, func(i int) bool {
			return admit(i) && slices.Contains(p.Rows, int64(i))
		})
	})
}

func TestWithoutVectorsARangeComparesEstimates(t *testing.T) {
	r := arrowidxtest.Rand(t, 905)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		if o.Kind == arrowidx.Exact {
			return
		}
		o.Keep = arrowidx.KeepNone
		s := newRanges(t, r, 1300, 32, 3, o)
		for i := range s.nq() {
			n := len(s.rows) / s.d
			out := arrowidxtest.Outputs(1, n)
			_, err := s.ix.Search(t.Context(), &arrowidx.SearchParams{Queries: s.query(i), NQ: 1,
				K: n, Recall: 1}, &out)
			require.NoError(t, err)
			for _, k := range []int{0, 1, 30, 700, n - 1} {
				last := k
				for last+1 < n && out.Scores[last+1] == out.Scores[k] {
					last++
				}
				p := s.params(float64(out.Scores[k]))
				p.Queries, p.NQ = s.query(i), 1
				f := within(t, s.ix, p)
				s.checkEstimates(i, out.Rows[:last+1], out.Scores[:last+1], f)
				require.False(t, f.plan.Exact)
				zero := s.metric.Larger() && i == 2
				require.Equal(t, zero, f.plan.Certified == 1)
			}
		}
	})
}

// checkEstimates compares with what a search answers. Only a row that lies in a cell too far away
// may be missing: its estimate is within the threshold, it is not.
func (s *ranges) checkEstimates(i int, rows []int64, scores []float32, f found) {
	s.t.Helper()
	at := 0
	for j, row := range rows {
		if at < len(f.rows[0]) && f.rows[0][at] == row {
			require.Equal(s.t, scores[j], f.scores[0][at])
			at++
			continue
		}
		require.Equal(s.t, arrowidx.IVF, f.plan.Kind, "row %d is missing", row)
		truth := arrowidxtest.Score(s.metric, s.row(int(row)), s.query(i))
		require.False(s.t, inside(s.metric, truth, float64(scores[len(scores)-1]), 0),
			"row %d is missing", row)
	}
	require.Len(s.t, f.rows[0], at)
}

func TestARangeOfBitsIsWhatBruteForceFinds(t *testing.T) {
	r := arrowidxtest.Rand(t, 906)
	const n, w, nq = 40_000, 4, 35
	rows, queries := bitRows(r, n, w), bitRows(r, nq, w)
	col := arrowidxtest.ColumnOf(t, packed(rows, w, nil))
	defer col.Release()
	for metric, thresholds := range map[arrowidx.Metric][]float64{
		arrowidx.Hamming: {0, 2, 9.5}, arrowidx.Jaccard: {0, 0.25, 0.5, 0.9},
	} {
		ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
		gone := idArray(arrowidx.IDInt64, []int64{5, 6, 7, 39_999})
		_, err := ix.Delete(gone, false)
		require.NoError(t, err)
		admit := func(row int) bool { return (row < 5 || row > 7) && row != 39_999 }
		for _, threshold := range thresholds {
			p := arrowidx.WithinParams{Bits: queries, NQ: nq, MaxDistance: &threshold}
			f := within(t, ix, p)
			for i := 0; i < nq; i += 8 {
				want := nearestBits(metric, rows, queries[i*w:(i+1)*w], n, admit)
				last := 0
				for last < len(want) && float32(want[last].Score) <= float32(threshold) {
					last++
				}
				require.Len(t, f.rows[i], last, "query %d at %v", i, threshold)
				for j, h := range want[:last] {
					if f.rows[i][j] != h.Row || f.scores[i][j] != float32(h.Score) {
						t.Fatalf("query %d at %v, place %d: row %d", i, threshold, j, f.rows[i][j])
					}
				}
			}
			require.True(t, f.plan.Exact)
			require.EqualValues(t, nq, f.plan.Certified)
			p.Limit, p.Threads = 3, 1
			for i, few := range within(t, ix, p).rows {
				require.Equal(t, f.rows[i][:len(few):len(few)], few)
				require.Len(t, few, min(3, len(f.rows[i])))
			}
		}
		ix.Close()
	}
}
