package arrowidx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// recallsFile holds recall@10 by data, metric, kind, bits and way of asking. -update writes it.
const recallsFile = "testdata/recalls.json"

// loss is how far a recall may fall below the file's: 0.2 points.
const loss = 0.002

// recallShapes are generated data sets of fixed seeds.
var recallShapes = []struct {
	name   string
	metric arrowidx.Metric
	n, d   int
	seed   uint64
	draw   func(r *rand.Rand, n, d int) []float32
}{
	{"clustered", arrowidx.Cosine, 6000, 64, 700, clustered},
	{"gaussian", arrowidx.L2, 4000, 24, 701, arrowidxtest.Gaussian},
	{"long tailed", arrowidx.Dot, 5000, 100, 702, longTailed},
}

// longTailed are clustered rows whose lengths differ by a factor of a few.
func longTailed(r *rand.Rand, n, d int) []float32 {
	x := arrowidxtest.Clustered(r, n, d, 60)
	for i := range n {
		length := float32(math.Exp(0.4 * r.NormFloat64()))
		for j := range d {
			x[i*d+j] *= length
		}
	}
	return x
}

// measured are the recalls of today.
func measured(t *testing.T) map[string]float64 {
	const nq, k = 300, 10
	out := map[string]float64{}
	shapes := recallShapes
	if testing.Short() && !*update {
		shapes = shapes[1:2]
	}
	for _, c := range shapes {
		all := c.draw(arrowidxtest.Rand(t, c.seed), c.n+nq, c.d)
		rows, queries := all[:c.n*c.d], all[c.n*c.d:]
		p := promise{metric: c.metric, d: c.d, rows: rows, queries: queries}
		truth := p.nearest(t, queries)
		for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
			for _, bits := range []int{1, 2, 4, 5, 8} {
				ix, _ := build(t, rows, c.d, arrowidx.BuildOptions{
					Kind: kind, Bits: bits, Metric: c.metric, Seed: c.seed}, false)
				for way, ask := range map[string]arrowidx.SearchParams{
					"codes":   {Estimates: true},
					"vectors": {Rerank: -1},
					"top 30":  {Rerank: 30},
				} {
					share, _ := recall(t, ix, queries, truth, ask)
					name := fmt.Sprintf("%s %s %s %d bits %s", c.name, c.metric, kind, bits, way)
					out[name] = math.Round(share*1e6) / 1e6
				}
				ix.Close()
			}
		}
	}
	return out
}

func TestRecallsDoNotFall(t *testing.T) {
	t.Parallel()
	have, want := measured(t), map[string]float64{}
	if *update {
		want = have
	}
	frozen(t, recallsFile, &want)
	if !testing.Short() {
		require.Len(t, want, len(have), "every recall is compared")
	}
	for name, r := range have {
		least, known := want[name]
		require.True(t, known, "%s is not in the file: -update", name)
		if r < least-loss {
			t.Errorf("%s: recall %.4f, was %.4f", name, r, least)
		}
	}
}
