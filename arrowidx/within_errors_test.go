package arrowidx_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// refusedRange asks and returns the error, which must be of the kind and name the operation.
func refusedRange(
	t testing.TB, ix *arrowidx.Index, p arrowidx.WithinParams, kind arrowidx.ErrorKind,
) string {
	t.Helper()
	plan, err := ix.Within(t.Context(), &p, func(arrowidx.Range) error { return nil })
	require.Error(t, err)
	require.Equal(t, kind, arrowidx.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "within: ")
	require.Zero(t, plan)
	return err.Error()
}

func TestARangeNeedsTheThresholdOfItsMetric(t *testing.T) {
	r := arrowidxtest.Rand(t, 910)
	half, nan, up, down := 0.5, math.NaN(), math.Inf(1), math.Inf(-1)
	for _, metric := range arrowidxtest.Metrics {
		s := newRanges(t, r, 40, 4, 1, arrowidx.BuildOptions{Metric: metric})
		p := arrowidx.WithinParams{Queries: s.query(0), NQ: 1}
		own, other, none := &p.MaxDistance, &p.MinSimilarity, &down
		names := [2]string{"min_similarity = 0.5", "use max_distance"}
		if metric.Larger() {
			own, other, none = other, own, &up
			names = [2]string{"max_distance = 0.5", "use min_similarity"}
		}
		refusedRange(t, s.ix, p, arrowidx.InvalidArgument)
		*other = &half
		msg := refusedRange(t, s.ix, p, arrowidx.MetricError)
		require.Contains(t, msg, names[0])
		require.Contains(t, msg, names[1])
		*own = &half
		refusedRange(t, s.ix, p, arrowidx.MetricError)
		*other, *own = nil, &nan
		refusedRange(t, s.ix, p, arrowidx.InvalidArgument)
		*own = none
		refusedRange(t, s.ix, p, arrowidx.InvalidArgument)
		*own = &half
		p.Limit = -1
		refusedRange(t, s.ix, p, arrowidx.InvalidArgument)
		p.Limit, p.MaxBytes = 0, -1
		refusedRange(t, s.ix, p, arrowidx.InvalidArgument)
		p.MaxBytes, p.Counts = 0, []int64{}
		refusedRange(t, s.ix, p, arrowidx.InvalidArgument)
		p.Counts, p.Queries = nil, s.query(0)[:3]
		refusedRange(t, s.ix, p, arrowidx.DimensionMismatch)
		p.Queries = []float32{1, 2, float32(nan), 4}
		require.Contains(t, refusedRange(t, s.ix, p, arrowidx.InvalidVector), "column 2")
		p.Queries, p.Mask = s.query(0), make([]byte, 3)
		refusedRange(t, s.ix, p, arrowidx.InvalidArgument)
		p.Mask, p.Rows = nil, []int64{40}
		refusedRange(t, s.ix, p, arrowidx.UnknownID)
		p.Rows, p.IDs = nil, idArray(arrowidx.IDInt64, []int64{7, 77})
		require.Contains(t, refusedRange(t, s.ix, p, arrowidx.UnknownID), "77")
		s.ix.Close()
		p.IDs = nil
		_, err := s.ix.Within(t.Context(), &p, nil)
		require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(err))
	}
}

func TestThresholdsThatNoScoreCanBeAreRefused(t *testing.T) {
	r := arrowidxtest.Rand(t, 911)
	never := map[arrowidx.Metric][]float64{
		arrowidx.Cosine:      {1e300, 60, 1.001, -1.001},
		arrowidx.Dot:         {1e300, math.Inf(1)},
		arrowidx.L2:          {-0.5, -1e300},
		arrowidx.SqEuclidean: {-0.5, math.Inf(-1)},
	}
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		s := newRanges(t, r, 1100, 4, 3, o)
		for _, threshold := range never[o.Metric] {
			msg := refusedRange(t, s.ix, s.params(threshold), arrowidx.InvalidArgument)
			require.Contains(t, msg, fmt.Sprintf("those of %s are from", o.Metric))
		}
		zero := -1e-300 // zero as float32, but with its sign
		if !o.Metric.Larger() {
			s.check(within(t, s.ix, s.params(zero)), 0, 0, nil)
		} else {
			everything := s.params(-1e300)
			if o.Metric == arrowidx.Dot {
				everything = s.params(math.Inf(-1))
			}
			s.check(within(t, s.ix, everything), math.Inf(-1), 0, nil)
		}
	})
}

func TestThresholdsOfBitsEndWithTheRow(t *testing.T) {
	rows := bitRows(arrowidxtest.Rand(t, 913), 40, 4)
	col := arrowidxtest.ColumnOf(t, packed(rows, 4, nil))
	for metric, never := range map[arrowidx.Metric][]float64{
		arrowidx.Hamming: {33, -1, 1000}, arrowidx.Jaccard: {1.5, -0.1},
	} {
		ix := buildBits(t, col, arrowidx.BuildOptions{Metric: metric})
		for _, threshold := range never {
			p := arrowidx.WithinParams{Bits: rows[:4], NQ: 1, MaxDistance: &threshold}
			require.Contains(t, refusedRange(t, ix, p, arrowidx.InvalidArgument), "is no score")
		}
		most := 32.0
		if metric == arrowidx.Jaccard {
			most = 1
		}
		p := arrowidx.WithinParams{Bits: rows[:4], NQ: 1, MaxDistance: &most}
		require.Len(t, within(t, ix, p).rows[0], 40)
		ix.Close()
	}
}

func TestARangeLargerThanItsMemoryIsRefusedWithTheWayOut(t *testing.T) {
	r := arrowidxtest.Rand(t, 912)
	everyKind(t, func(t *testing.T, o arrowidx.BuildOptions) {
		s := newRanges(t, r, 2000, 4, 3, o)
		everything := math.Inf(1)
		if o.Metric.Larger() {
			everything = math.Inf(-1)
		}
		p := s.params(everything)
		p.MaxBytes = 100_000
		msg := refusedRange(t, s.ix, p, arrowidx.LimitExceeded)
		require.Regexp(t, `\d{4,} rows found so far for 3 queries.*limit.*tighter.*max_bytes`, msg)
		p.Limit = 10
		require.Len(t, within(t, s.ix, p).rows[1], 10)
		p.Limit, p.MaxBytes = 0, 6000*32
		require.Len(t, within(t, s.ix, p).rows[1], 2000)
		p.MaxBytes--
		refusedRange(t, s.ix, p, arrowidx.LimitExceeded)
	})
}

func TestMemoryOfARangeIsFreedRoundByRoundUnlessItIsKept(t *testing.T) {
	r := arrowidxtest.Rand(t, 913)
	s := newRanges(t, r, 100, 4, 1100, arrowidx.BuildOptions{Metric: arrowidx.L2})
	p := s.params(math.Inf(1))
	p.MaxBytes = 512 * 100 * 32
	require.Len(t, within(t, s.ix, p).rows[1099], 100)
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	_, _, err := s.ix.WithinReader(t.Context(), &p, mem)
	require.Equal(t, arrowidx.LimitExceeded, arrowidx.KindOf(err))
}

func TestACancelledRangeEndsSoon(t *testing.T) {
	r := arrowidxtest.Rand(t, 914)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		s := newRanges(t, r, 60_000, 64, 200, arrowidx.BuildOptions{Kind: kind, Metric: arrowidx.L2})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(30*time.Millisecond, cancel)
		p := s.params(1.2)
		p.Threads = 1
		_, err := s.ix.Within(ctx, &p, func(arrowidx.Range) error { return nil })
		require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%v", err)
		_, err = s.ix.Within(ctx, &p, func(arrowidx.Range) error { return nil })
		require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
	}
}

func TestAnErrorOfTheReceiverEndsARange(t *testing.T) {
	r := arrowidxtest.Rand(t, 915)
	s := newRanges(t, r, 40_000, 3, 2, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	enough, pieces := errors.New("enough"), 0
	p := s.params(math.Inf(-1))
	_, err := s.ix.Within(t.Context(), &p, func(r arrowidx.Range) error {
		require.LessOrEqual(t, len(r.Rows), 16_384)
		if pieces++; pieces == 2 {
			return enough
		}
		return nil
	})
	require.Equal(t, enough, err)
	require.Equal(t, 2, pieces)
}

func TestFarQueriesAreMeasuredOrRefused(t *testing.T) {
	r := arrowidxtest.Rand(t, 916)
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
		s := newRanges(t, r, 1500, 8, 2, arrowidx.BuildOptions{Kind: kind, Metric: arrowidx.L2})
		for _, length := range []float32{100, 1e6} {
			far := *s
			far.queries = slicesScaled(s.queries, length)
			scores := far.scoresOf(0)
			f := within(t, s.ix, far.params(float64(scores[700])))
			require.GreaterOrEqual(t, len(f.rows[0]), 701)
			require.Equal(t, scores[:len(f.scores[0])], f.scores[0])
		}
		s.ix.Detach()
		p := s.params(1e7)
		p.Queries = slicesScaled(s.queries, 1e6)
		require.Contains(t, refusedRange(t, s.ix, p, arrowidx.InvalidVector), "too long")
	}
}

func slicesScaled(x []float32, by float32) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = v * by
	}
	return out
}

func TestVectorsThatChangedAreNoticedInARange(t *testing.T) {
	r := arrowidxtest.Rand(t, 917)
	s := newRanges(t, r, 3000, 32, 1, arrowidx.BuildOptions{Kind: arrowidx.Flat,
		Metric: arrowidx.L2, Keep: arrowidx.KeepNone})
	other := arrowidxtest.Column(t, arrowidxtest.Gaussian(r, 3000, 32), 32, 1)
	defer other.Release()
	p := s.params(2)
	p.Source = other
	refusedRange(t, s.ix, p, arrowidx.VectorsChanged)
}

func TestARangeLeavesAsArrowBatchesOfTheAllocatorsMemory(t *testing.T) {
	r := arrowidxtest.Rand(t, 918)
	for name, ids := range arrowidxtest.EveryIDs(t, 9000) {
		s := newRanges(t, r, 9000, 3, 5, arrowidx.BuildOptions{Kind: arrowidx.Flat, IDs: ids})
		p := s.params(-0.5)
		p.Counts = make([]int64, 5)
		want := within(t, s.ix, p)
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		reader, plan, err := s.ix.WithinReader(t.Context(), &p, mem)
		require.NoError(t, err)
		require.Equal(t, want.plan.Scanned, plan.Scanned)
		rows, at := make([]int, 5), 0
		for reader.Next() {
			b := reader.RecordBatch()
			require.LessOrEqual(t, b.NumRows(), int64(16_384))
			queries := b.Column(0).(*array.Int64)
			scores := b.Column(2).(*array.Float32)
			for i := range int(b.NumRows()) {
				q := int(queries.Value(i))
				place := rows[q]
				rows[q]++
				if scores.Value(i) != want.scores[q][place] ||
					b.Column(1).ValueStr(i) != nameOf(ids, want.rows[q][place]) {
					t.Fatalf("%s: row %d is %s", name, at+i, b.Column(1).ValueStr(i))
				}
			}
			at += int(b.NumRows())
		}
		require.Equal(t, []string{"query_row", "id", "score"}, []string{
			reader.Schema().Field(0).Name, reader.Schema().Field(1).Name,
			reader.Schema().Field(2).Name})
		for q := range rows {
			require.Len(t, want.rows[q], rows[q])
			require.EqualValues(t, rows[q], p.Counts[q])
		}
		require.Greater(t, at, 16_384, "several batches")
		reader.Release()
		mem.AssertSize(t, 0)
	}
}

// nameOf is what an Arrow array shows for an id.
func nameOf(ids *arrowidx.IDs, row int64) string {
	a := ids.Named([]int64{row}, memory.DefaultAllocator)
	defer a.Release()
	return a.ValueStr(0)
}

func TestARangeOfNothingIsEmpty(t *testing.T) {
	ix, err := arrowidx.Build(t.Context(), arrowidxtest.Column(t, nil, 4, 1),
		arrowidx.BuildOptions{})
	require.NoError(t, err)
	defer ix.Close()
	all := math.Inf(-1)
	p := arrowidx.WithinParams{Queries: make([]float32, 8), NQ: 2, MinSimilarity: &all}
	require.Equal(t, make([][]int64, 2), within(t, ix, p).rows)
	p.NQ, p.Queries = 0, nil
	require.Empty(t, within(t, ix, p).rows)
	reader, _, err := ix.WithinReader(t.Context(), &p, memory.DefaultAllocator)
	require.NoError(t, err)
	defer reader.Release()
	require.False(t, reader.Next())
}

// Four documents on a circle: which lie within 60 degrees of the first?
func ExampleIndex_Within() {
	rows := []float32{1, 0, 0.8, 0.6, 0, 1, -1, 0}
	col, _ := arrowidx.NewColumn([]arrow.Array{arrowidxtest.FixedSizeList(rows, 2, nil)})
	defer col.Release()
	ctx := context.Background()
	ix, err := arrowidx.Build(ctx, col, arrowidx.BuildOptions{Metric: arrowidx.Cosine})
	if err != nil {
		panic(err)
	}
	defer ix.Close()
	least := 0.5
	p := arrowidx.WithinParams{Queries: rows[:2], NQ: 1, MinSimilarity: &least}
	plan, err := ix.Within(ctx, &p, func(r arrowidx.Range) error {
		for i, row := range r.Rows {
			fmt.Println(r.IDs.Name(row), r.Scores[i])
		}
		return nil
	})
	fmt.Println(plan.Exact, err)
	// Output:
	// 0 1
	// 1 0.8
	// true <nil>
}
