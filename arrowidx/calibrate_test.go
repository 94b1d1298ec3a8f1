package arrowidx_test

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// promised are the recall targets that are promised on queries that calibration never saw, and
// what they may fall short by.
var promised = []float64{0.90, 0.95, 0.99}

const shortfall = 0.01

// promise is an index of cells, queries that it never saw, and their true neighbours.
type promise struct {
	metric  arrowidx.Metric
	d       int
	rows    []float32
	queries []float32
	truth   arrowidx.SearchOut
}

const promisedRows, promisedQueries, promisedK = 20_000, 400, 10

// newPromise draws rows and queries together, so that they come from one distribution.
func newPromise(
	t *testing.T, metric arrowidx.Metric, d int, seed uint64,
	draw func(r *rand.Rand, n, d int) []float32,
) promise {
	rows := promisedRows
	if testing.Short() {
		rows = promisedRows / 4
	}
	all := draw(arrowidxtest.Rand(t, seed), rows+promisedQueries, d)
	p := promise{metric: metric, d: d, rows: all[:rows*d], queries: all[rows*d:]}
	p.truth = p.nearest(t, p.queries)
	return p
}

// nearest finds the true neighbours with an index of kind exact.
func (p promise) nearest(t *testing.T, queries []float32) arrowidx.SearchOut {
	ix, _ := build(t, p.rows, p.d, arrowidx.BuildOptions{
		Kind: arrowidx.Exact, Metric: p.metric}, false)
	defer ix.Close()
	truth, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
		Queries: queries, NQ: len(queries) / p.d, K: promisedK, Rerank: -1})
	return truth
}

func clustered(r *rand.Rand, n, d int) []float32 { return arrowidxtest.Clustered(r, n, d, 120) }

func (p promise) build(t *testing.T, bits int) *arrowidx.Index {
	ix, _ := build(t, p.rows, p.d, arrowidx.BuildOptions{
		Kind: arrowidx.IVF, Metric: p.metric, Bits: bits}, false)
	return ix
}

// recall is the share of the true neighbours found, and the plan.
func recall(
	t *testing.T, ix *arrowidx.Index, queries []float32, truth arrowidx.SearchOut,
	p arrowidx.SearchParams,
) (float64, arrowidx.Plan) {
	t.Helper()
	p.Queries, p.NQ, p.K = queries, len(truth.Counts), promisedK
	out, plan := arrowidxtest.Search(t, ix, p)
	found := 0
	for i := range p.NQ {
		own := map[int64]bool{}
		for _, row := range truth.Rows[i*promisedK : i*promisedK+int(truth.Counts[i])] {
			own[row] = true
		}
		for _, row := range out.Rows[i*promisedK : i*promisedK+int(out.Counts[i])] {
			if own[row] {
				found++
			}
		}
	}
	return float64(found) / float64(p.NQ*promisedK), plan
}

func TestRecallTargetsAreReachedOnQueriesThatCalibrationNeverSaw(t *testing.T) {
	for i, c := range []struct {
		name   string
		metric arrowidx.Metric
		d      int
		draw   func(r *rand.Rand, n, d int) []float32
	}{
		{"clustered", arrowidx.Cosine, 64, clustered},
		{"gaussian", arrowidx.L2, 24, arrowidxtest.Gaussian},
		{"clustered", arrowidx.Dot, 64, clustered},
	} {
		p := newPromise(t, c.metric, c.d, 350+uint64(i), c.draw)
		ix := p.build(t, 5)
		last := int64(0)
		for _, target := range promised {
			have, plan := recall(t, ix, p.queries, p.truth,
				arrowidx.SearchParams{Recall: target, Rerank: -1})
			t.Logf("%s by %s: target %v, recall %.4f, %.1f of %d cells, epsilon0 %v", c.name,
				c.metric, target, have, float64(plan.Probed)/promisedQueries, plan.Cells,
				plan.Epsilon0)
			require.GreaterOrEqual(t, have, target-shortfall, "%s by %s", c.name, c.metric)
			require.GreaterOrEqual(t, plan.Probed, last, "a higher target looks into more cells")
			require.Less(t, plan.Probed, plan.Cells*promisedQueries, "and never into all")
			last = plan.Probed
		}
		ix.Close()
	}
}

func TestCalibrationHasACurveWithVectorsAndOneWithout(t *testing.T) {
	p := newPromise(t, arrowidx.Cosine, 32, 353, clustered)
	ix := p.build(t, 8)
	in := ix.Info()
	require.True(t, in.Calibrated)
	for _, vectors := range []bool{true, false} {
		var curve []arrowidx.CalibrationPoint
		for _, point := range in.Calibration {
			if point.Vectors == vectors {
				curve = append(curve, point)
			}
		}
		require.GreaterOrEqual(t, len(curve), len(promised), "vectors %v", vectors)
		for i, point := range curve {
			require.Positive(t, point.Probes)
			require.LessOrEqual(t, point.Probes, in.Cells)
			require.Positive(t, point.Epsilon0)
			require.Equal(t, vectors, point.Rerank > 0, "rows are measured on vectors only")
			if vectors {
				require.GreaterOrEqual(t, point.Recall, point.Target-shortfall)
			}
			if i > 0 {
				require.Greater(t, point.Target, curve[i-1].Target, "targets rise")
				require.GreaterOrEqual(t, point.Recall, curve[i-1].Recall-0.005)
			}
		}
	}
}

func TestCalibrationIsAFunctionOfItsInput(t *testing.T) {
	manyCores(t)
	p := newPromise(t, arrowidx.L2, 24, 354, clustered)
	p.rows = p.rows[:4000*p.d]
	one, two := p.build(t, 4), p.build(t, 4)
	require.Equal(t, one.Info().Calibration, two.Info().Calibration, "two builds are one")
	before := one.Info().Calibration
	for _, threads := range []int{1, 7, 64} {
		require.NoError(t, one.Calibrate(t.Context(), arrowidx.CalibrateParams{
			Queries: p.queries, NQ: promisedQueries, Threads: threads}))
		if threads == 1 {
			require.NoError(t, two.Calibrate(t.Context(), arrowidx.CalibrateParams{
				Queries: p.queries, NQ: promisedQueries, Threads: 1}))
		}
		require.Equal(t, two.Info().Calibration, one.Info().Calibration, "%d threads", threads)
	}
	require.NotEqual(t, before, one.Info().Calibration, "queries, not rows, were measured")
	again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, one, true))
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, one.Info().Calibration, again.Info().Calibration, "it is kept in files")
}

// Queries from elsewhere need more cells than rows do; calibrated on some, the targets hold for
// others.
func TestCalibrateReachesTheTargetsOnShiftedQueries(t *testing.T) {
	p := newPromise(t, arrowidx.L2, 32, 355, clustered)
	ix := p.build(t, 5)
	shifted := arrowidxtest.Clustered(arrowidxtest.Rand(t, 356), 2*promisedQueries, p.d, 7)
	own, others := shifted[:promisedQueries*p.d], shifted[promisedQueries*p.d:]
	truth := p.nearest(t, others)
	before := ix.Info().Calibration
	old, _ := recall(t, ix, others, truth, arrowidx.SearchParams{Recall: 0.95, Rerank: -1})
	require.NoError(t, ix.Calibrate(t.Context(), arrowidx.CalibrateParams{
		Queries: own, NQ: promisedQueries}))
	after := ix.Info().Calibration
	require.Len(t, after, len(before))
	changed := false
	for i := range after {
		require.Equal(t, before[i].Target, after[i].Target)
		changed = changed || before[i].Probes != after[i].Probes
	}
	require.True(t, changed, "other queries need other numbers of cells")
	for _, target := range promised {
		have, plan := recall(t, ix, others, truth,
			arrowidx.SearchParams{Recall: target, Rerank: -1})
		t.Logf("target %v: recall %.4f of %.1f cells (0.95 had %.4f before)", target, have,
			float64(plan.Probed)/promisedQueries, old)
		require.GreaterOrEqual(t, have, target-shortfall)
	}
}

func TestWhatCannotBeCalibratedIsNamed(t *testing.T) {
	const n, d = 2000, 8
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 357), n+4, d)
	queries := rows[n*d:]
	ctx, good := t.Context(), arrowidx.CalibrateParams{Queries: queries, NQ: 4}
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: kind}, false)
		err := ix.Calibrate(ctx, good)
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%s: %v", kind, err)
		require.ErrorContains(t, err, kind.String())
	}
	ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: arrowidx.IVF}, false)
	before := ix.Info().Calibration
	broken := append([]float32{}, queries...)
	broken[2*d+3] = float32(math.NaN())
	for name, c := range map[string]struct {
		p    arrowidx.CalibrateParams
		want arrowidx.ErrorKind
	}{
		"no queries":     {arrowidx.CalibrateParams{}, arrowidx.InvalidArgument},
		"less than none": {arrowidx.CalibrateParams{NQ: -1}, arrowidx.InvalidArgument},
		"a NaN": {arrowidx.CalibrateParams{Queries: broken, NQ: 4},
			arrowidx.InvalidVector},
		"too few numbers": {arrowidx.CalibrateParams{Queries: queries[1:], NQ: 4},
			arrowidx.DimensionMismatch},
	} {
		err := ix.Calibrate(ctx, c.p)
		require.Equal(t, c.want, arrowidx.KindOf(err), "%s: %v", name, err)
		require.Equal(t, before, ix.Info().Calibration, "%s changes nothing", name)
	}
	ix.Detach()
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(ix.Calibrate(ctx, good)))
	ix.Close()
	require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(ix.Calibrate(ctx, good)))
}

func TestCalibrationOfFewOrOddQueriesIsSound(t *testing.T) {
	const n, d = 3000, 8
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 358), n, d)
	zero := make([]float32, 3*d)
	for _, metric := range arrowidxtest.Metrics {
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.IVF, Metric: metric}, false)
		for _, queries := range [][]float32{rows[:d], rows[:3*d], zero, scaled(rows[:9*d], 1e4)} {
			require.NoError(t, ix.Calibrate(t.Context(), arrowidx.CalibrateParams{
				Queries: queries, NQ: len(queries) / d}))
			for _, p := range ix.Info().Calibration {
				require.True(t, p.Probes >= 1 && p.Probes <= ix.Info().Cells, "%+v", p)
				require.True(t, p.Recall >= 0 && p.Recall <= 1 && p.Epsilon0 > 0, "%+v", p)
			}
			again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, false))
			require.NoError(t, err, "%s: what was calibrated is a sound file", metric)
			again.Close()
		}
		ix.Close()
	}
}

// Searches see the old settings or the new ones, never half of each.
func TestCalibrateWhileSearchesRun(t *testing.T) {
	const n, d, nq, k = 3000, 16, 20, 5
	all := arrowidxtest.Clustered(arrowidxtest.Rand(t, 359), n+nq, d, 20)
	queries := all[n*d:]
	ix, _ := build(t, all[:n*d], d, arrowidx.BuildOptions{Kind: arrowidx.IVF}, false)
	p := arrowidx.SearchParams{Queries: queries, NQ: nq, K: k, Rerank: -1, Threads: 1}
	before, _ := arrowidxtest.Search(t, ix, p)
	copied, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
	require.NoError(t, err)
	defer copied.Close()
	c := arrowidx.CalibrateParams{Queries: queries, NQ: nq}
	require.NoError(t, copied.Calibrate(t.Context(), c))
	after, _ := arrowidxtest.Search(t, copied, p)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			out := arrowidxtest.Outputs(nq, k)
			for {
				select {
				case <-stop:
					return
				default:
				}
				_, err := ix.Search(context.Background(), &p, &out)
				if err != nil || !equal(before, out) && !equal(after, out) {
					t.Errorf("an answer of neither settings, error %v", err)
					return
				}
				ix.Info()
			}
		})
	}
	for range 5 {
		require.NoError(t, ix.Calibrate(t.Context(), c))
	}
	close(stop)
	wg.Wait()
	last, _ := arrowidxtest.Search(t, ix, p)
	require.True(t, equal(after, last))
}
