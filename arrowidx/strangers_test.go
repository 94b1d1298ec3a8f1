package arrowidx_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// strayed moves queries half the way to points that no row lies near.
func strayed(queries []float32, d int, r *rand.Rand) []float32 {
	moved := append([]float32(nil), queries...)
	for i := 0; i < len(moved); i += d {
		for j, v := range arrowidxtest.Gaussian(r, 1, d) {
			moved[i+j] += 1.5 * v
		}
	}
	return moved
}

// told counts the searches whose plan says that queries are unlike those of the calibration. Each
// search has so many queries.
func told(
	t *testing.T, ix *arrowidx.Index, queries []float32, d, each int, p arrowidx.SearchParams,
) (times int) {
	p.K = promisedK
	for at := 0; at < len(queries); at += each * d {
		p.Queries = queries[at:min(at+each*d, len(queries))]
		p.NQ = len(p.Queries) / d
		if _, plan := arrowidxtest.Search(t, ix, p); plan.Unlike {
			times++
		}
	}
	return times
}

func TestQueriesUnlikeThoseOfTheCalibrationAreToldOnce(t *testing.T) {
	for i, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.L2} {
		p := newPromise(t, metric, 32, 420+uint64(i), clustered)
		ix := p.build(t, 5)
		far := strayed(p.queries, p.d, arrowidxtest.Rand(t, 7))
		want := arrowidx.SearchParams{Recall: 0.95}
		assert.Zero(t, told(t, ix, p.queries, p.d, 1, want), "they are like the rows")
		assert.Zero(t, told(t, ix, p.queries, p.d, 400, want))
		assert.Zero(t, told(t, ix, far[:9*p.d], p.d, 1, want), "nine may be chance")
		fresh := p.build(t, 5)
		assert.Zero(t, told(t, fresh, far, p.d, 400, arrowidx.SearchParams{Probes: 9}),
			"the caller chose the cells")
		assert.Zero(t, told(t, fresh, far, p.d, 400, arrowidx.SearchParams{Recall: 1}))
		assert.Equal(t, 1, told(t, fresh, far, p.d, 1, want))
		require.NoError(t, fresh.Calibrate(t.Context(), arrowidx.CalibrateParams{Queries: far}))
		assert.Zero(t, told(t, fresh, far, p.d, 1, want))
		assert.Zero(t, told(t, fresh, p.queries, p.d, 400, want), "nearer is no harm")
	}
}

// What a search of strangers misses is what the plan warns of.
func TestStrangersFindLessThanTheTarget(t *testing.T) {
	p := newPromise(t, arrowidx.Cosine, 32, 430, clustered)
	ix := p.build(t, 5)
	far := strayed(p.queries, p.d, arrowidxtest.Rand(t, 7))
	truth := p.nearest(t, far)
	want := arrowidx.SearchParams{Recall: 0.95}
	before, plan := recall(t, ix, far, truth, want)
	assert.Less(t, before, 0.90)
	assert.True(t, plan.Unlike)
	assert.Contains(t, plan.String(), "unlike")
	half := len(far) / 2 / p.d * p.d
	require.NoError(t, ix.Calibrate(t.Context(), arrowidx.CalibrateParams{Queries: far[:half]}))
	unseen := p.nearest(t, far[half:])
	after, plan := recall(t, ix, far[half:], unseen, want)
	assert.GreaterOrEqual(t, after, 0.95-2*shortfall)
	assert.False(t, plan.Unlike)
}

func TestASavedIndexKnowsWhatItWasCalibratedWith(t *testing.T) {
	p := newPromise(t, arrowidx.L2, 32, 440, clustered)
	ix := p.build(t, 5)
	far := strayed(p.queries, p.d, arrowidxtest.Rand(t, 7))
	var file bytes.Buffer
	require.NoError(t, ix.Encode(t.Context(), &file, true))
	loaded, err := arrowidx.Decode(t.Context(), file.Bytes())
	require.NoError(t, err)
	defer loaded.Close()
	assert.Equal(t, ix.Info().Calibration, loaded.Info().Calibration)
	for _, point := range loaded.Info().Calibration {
		assert.Positive(t, point.Usual)
	}
	assert.Equal(t, 1, told(t, loaded, far, p.d, 50, arrowidx.SearchParams{Recall: 0.95,
		Estimates: true}))
}

// Of inner products cells have no distance; a filter asks for other cells than a calibration.
func TestWhereDistanceSaysNothingNobodyIsTold(t *testing.T) {
	p := newPromise(t, arrowidx.Dot, 32, 450, clustered)
	ix := p.build(t, 5)
	far := strayed(p.queries, p.d, arrowidxtest.Rand(t, 7))
	assert.Zero(t, told(t, ix, far, p.d, 400, arrowidx.SearchParams{Recall: 0.95}))
	p = newPromise(t, arrowidx.L2, 32, 460, clustered)
	ix = p.build(t, 5)
	half := make([]byte, len(p.rows)/p.d)
	for i := range half {
		half[i] = byte(i % 2)
	}
	far = strayed(p.queries, p.d, arrowidxtest.Rand(t, 7))
	assert.Zero(t, told(t, ix, far, p.d, 400, arrowidx.SearchParams{Recall: 0.95, Mask: half}))
	assert.Equal(t, 1, told(t, ix, far, p.d, 400, arrowidx.SearchParams{Recall: 0.95}))
}
