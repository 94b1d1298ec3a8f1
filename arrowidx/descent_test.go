package arrowidx_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/simd"
)

// byDescent is the bits per dimension that a plan tells where no row was searched for.
const byDescent = 8

var descentKinds = []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF}

// kthScores are the scores of the k-th other neighbour of every step-th row, by brute force.
func kthScores(metric arrowidx.Metric, rows []float32, d, k, step int) (scores []float64) {
	for row := 0; row < len(rows)/d; row += step {
		nearest := arrowidxtest.Nearest(metric, rows, rows[row*d:(row+1)*d], k,
			func(other int) bool { return other != row })
		scores = append(scores, nearest[k-1].Score)
	}
	return scores
}

// graphRecall is the share of a graph's scores that are as good as the edges of their rows.
func graphRecall(
	metric arrowidx.Metric, edges []float64, k, step int, out arrowidx.NeighborsOut,
) float64 {
	found := 0
	for i, edge := range edges {
		row, slack := i*step, 1e-6*max(1, abs(edge))
		for _, score := range out.Scores[row*k : row*k+int(out.Counts[row])] {
			worse := float64(score) - edge
			if metric.Larger() {
				worse = -worse
			}
			if worse <= slack {
				found++
			}
		}
	}
	return float64(found) / float64(len(edges)*k)
}

func TestAGraphMeetsItsTargetWhicheverWayItIsMade(t *testing.T) {
	t.Parallel()
	const n, d, k, step = 9000, 64, 10, 97
	r := arrowidxtest.Rand(t, 700)
	for name, rows := range map[string][]float32{
		"clustered": arrowidxtest.Clustered(r, n, d, 60), "gaussian": arrowidxtest.Gaussian(r, n, d),
	} {
		col := arrowidxtest.Column(t, rows, d, 3)
		defer col.Release()
		for _, metric := range arrowidxtest.Metrics {
			want := kthScores(metric, rows, d, k, step)
			for i, kind := range descentKinds {
				if !arrowidxtest.Whole() && (i+int(metric)+len(name))%len(descentKinds) != 0 {
					continue
				}
				ix, err := arrowidx.Build(t.Context(), col,
					arrowidx.BuildOptions{Kind: kind, Metric: metric})
				require.NoError(t, err)
				targets := []float64{0.9, 0.99, 1}
				if at := len(name) % 2; !arrowidxtest.Whole() && metric != arrowidx.Cosine {
					targets = targets[at : at+1] // all of it takes long
				}
				for _, target := range targets {
					what := fmt.Sprint(name, kind, metric, target)
					progress := &arrowidx.Progress{}
					out, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{
						K: k, Recall: target, Progress: progress})
					require.GreaterOrEqual(t, graphRecall(metric, want, k, step, out),
						target-0.01, what)
					if name == "clustered" || target == 1 || metric == arrowidx.Dot {
						descends := metric != arrowidx.Dot && target < 1
						require.Equal(t, descends, plan.Plane == byDescent, what)
					}
					if name == "gaussian" && target == 0.99 {
						require.NotEqualValues(t, byDescent, plan.Plane, "%s is out of reach", what)
					}
					done, total := progress.Done()
					require.Equal(t, []int64{n, n}, []int64{done, total})
					require.EqualValues(t, n, plan.Queries)
					require.Positive(t, plan.Scanned+plan.Reranked)
				}
				ix.Close()
			}
		}
	}
}

// threadsAndTiers runs check with every number of threads and every set of kernels: each with each
// if tests are whole.
func threadsAndTiers(t *testing.T, check func(threads int)) {
	best := simd.Active()
	defer func() { require.NoError(t, simd.SetTier(best)) }()
	for _, tier := range simd.Available() {
		require.NoError(t, simd.SetTier(tier))
		for i, threads := range []int{2, 1, 5} {
			if i == 0 || tier == best || arrowidxtest.Whole() {
				check(threads)
			}
		}
	}
}

func TestAGraphIsTheSameOnAnyThreadsAndKernels(t *testing.T) {
	const n, d, k = 8500, 70, 6
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 701), n, d, 50)
	for i, kind := range descentKinds {
		metric := []arrowidx.Metric{arrowidx.Cosine, arrowidx.L2}[i]
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: kind, Metric: metric}, false)
		var want arrowidx.NeighborsOut
		threadsAndTiers(t, func(threads int) {
			got, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{
				K: k, Threads: threads})
			require.EqualValues(t, byDescent, plan.Plane)
			if want.Of == nil {
				want = got
			}
			require.Equal(t, want.Of, got.Of)
			require.Empty(t, arrowidxtest.Unequal(want.SearchOut, got.SearchOut),
				"%s, %d threads", simd.Active(), threads)
		})
	}
}

func TestRowsOfAGraphAreTheNearestOfEqualsByNumber(t *testing.T) {
	const n, d, k, equals = 9000, 64, 15, 400
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 702), n, d, 40)
	for i := range equals {
		copy(rows[(i*20+3)*d:][:d], rows[3*d:4*d])
		clear(rows[(i*20+4)*d:][:d])
	}
	for _, kind := range descentKinds {
		for _, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.SqEuclidean} {
			ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: kind, Metric: metric}, false)
			out, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{K: k})
			require.EqualValues(t, byDescent, plan.Plane)
			for i := range equals {
				for own := i*20 + 3; own <= i*20+4; own++ {
					want := make([]int64, 0, k)
					for other := own % 20; len(want) < k; other += 20 {
						if other != own {
							want = append(want, int64(other))
						}
					}
					if own%20 == 4 && metric == arrowidx.Cosine { // all rows are as near
						want = firstOthers(own, k)
					}
					require.Equal(t, want, out.Rows[own*k:(own+1)*k], "%s %s %d", kind, metric, own)
				}
			}
		}
	}
}

func firstOthers(own, k int) []int64 {
	var rows []int64
	for other := 0; len(rows) < k; other++ {
		if other != own {
			rows = append(rows, int64(other))
		}
	}
	return rows
}

func TestTheGraphOfManyRowsLeavesSkippedOnesOut(t *testing.T) {
	const n, d, k = 13_000, 64, 8
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 703), n, d, 40)
	valid := make([]bool, n)
	var left []float32
	place := make([]int, n)
	for i := range valid {
		if valid[i] = i%3 != 1; valid[i] {
			place[i] = len(left) / d
			left = append(left, rows[i*d:(i+1)*d]...)
		}
	}
	col := arrowidxtest.ColumnOf(t, arrowidxtest.FixedSizeList(rows, d, valid))
	defer col.Release()
	for _, kind := range descentKinds {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind,
			Metric: arrowidx.L2, Nulls: arrowidx.SkipNulls})
		require.NoError(t, err)
		defer ix.Close()
		out, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{K: k})
		require.EqualValues(t, byDescent, plan.Plane)
		require.EqualValues(t, len(left)/d, plan.Queries)
		packed := arrowidxtest.GraphOf(len(left)/d, k)
		for i := range n {
			found := out.Rows[i*k : (i+1)*k]
			if !valid[i] {
				require.Zero(t, out.Counts[i])
				require.Equal(t, slices.Repeat([]int64{-1}, k), found)
				continue
			}
			for _, row := range found {
				require.True(t, valid[row])
			}
			copy(packed.Scores[place[i]*k:], out.Scores[i*k:(i+1)*k])
			packed.Counts[place[i]] = out.Counts[i]
		}
		require.GreaterOrEqual(t, graphRecall(arrowidx.L2,
			kthScores(arrowidx.L2, left, d, k, 61), k, 61, packed), 0.94)
	}
}

func TestAGraphOfOtherNumbersIsThatOfTheirValues(t *testing.T) {
	t.Parallel()
	const n, d, k = 8500, 64, 5
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 704), n, d, 40)
	for i, v := range rows {
		rows[i] = float32(int(v * 300)) // what every type of number holds
	}
	var want [2]arrowidx.NeighborsOut
	for name, numbers := range arrowidxtest.Layouts(rows, d, nil) {
		list, ok := numbers.DataType().(arrow.ListLikeType)
		if !ok || list.Elem().ID() == arrow.INT8 || list.Elem().ID() == arrow.UINT8 {
			continue
		}
		for i, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
			if kind == arrowidx.IVF && list.Elem().ID() == arrow.FLOAT64 {
				continue // its cosines are rounded later, so that ties calibrate it otherwise
			}
			col := arrowidxtest.ColumnOf(t, numbers)
			ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
			require.NoError(t, err)
			got, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{K: k})
			require.EqualValues(t, byDescent, plan.Plane)
			if want[i].Of == nil {
				want[i] = got
			}
			require.Empty(t, arrowidxtest.Unequal(want[i].SearchOut, got.SearchOut), name)
			ix.Close()
			col.Release()
		}
	}
}

func TestADescentCanBeCancelledAtAnyPointAndLeavesNothing(t *testing.T) {
	const n, d, k = 9000, 64, 5
	times := int64(30)
	if arrowidxtest.Whole() {
		times = 90
	}
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 705), n, d, 40)
	for _, kind := range descentKinds {
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: kind}, false)
		out := arrowidxtest.GraphOf(n, k)
		ctx := lasting(t, endless)
		plan, err := ix.Neighbors(ctx, arrowidx.NeighborsParams{K: k, Threads: 1}, &out)
		require.NoError(t, err)
		require.EqualValues(t, byDescent, plan.Plane)
		looks := ctx.looks(endless)
		require.Greater(t, looks, int64(500), "%s looks at the context often", kind)
		before := mapped(t)
		for i := range times {
			_, err := ix.Neighbors(lasting(t, looks*i/times),
				arrowidx.NeighborsParams{K: k, Threads: 1}, &out)
			require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%v", err)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorContains(t, err, "neighbors")
		}
		require.Less(t, mapped(t), before+20*n*d, "beside sketches of %d bytes, %d times", n*d, times)
	}
}
