package arrowidx_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

func TestOneRowOutsideItsCodesBoundIsNamedAtOnce(t *testing.T) {
	const n, d = 4000, 48
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 917), n, d, 40)
	for i := range rows {
		rows[i] *= 3
	}
	l := lend(t, n, arrowidxtest.FixedSizeList(rows, d, nil))
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
		for _, metric := range arrowidxtest.Metrics {
			for _, row := range []int{7, 1234, n - 1} {
				ix := indexOf(t, l.col, kind, metric)
				query := slices.Clone(rows[row*d : (row+1)*d])
				for i := range d { // to where it was opposite
					at := l.row[row][4*i : 4*i+4]
					at[3] ^= 0x80
				}
				out := arrowidxtest.Outputs(1, 1)
				p := arrowidx.SearchParams{Queries: query, NQ: 1, K: 1, Rerank: -1}
				if metric == arrowidx.Dot { // cells that may hold longer rows come first
					p.Probes = ix.Info().Cells
				}
				_, err := ix.Search(t.Context(), &p, &out)
				requireChanged(t, err, "%s %s %d", kind, metric, row)
				var e *arrowidx.Error
				require.ErrorAs(t, err, &e)
				require.EqualValues(t, row, e.Row)
				l.restore()
				ix.Close()
			}
		}
	}
}

// Healthy vectors stay within the bounds of their codes whatever they look like.
func TestNoHealthyRowIsTakenForAChangedOne(t *testing.T) {
	t.Parallel()
	r := arrowidxtest.Rand(t, 918)
	for round := range 120 {
		n, d := 1+r.IntN(1500), 1+r.IntN(90)
		if r.IntN(20) == 0 {
			d = 200 + r.IntN(1400)
			n = min(n, 400)
		}
		rows := odd(r, n, d)
		col := arrowidxtest.Column(t, rows, d, 1)
		kind := []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF}[r.IntN(3)]
		metric := arrowidxtest.Metrics[r.IntN(len(arrowidxtest.Metrics))]
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
			Kind: kind, Metric: metric, Bits: 1 + r.IntN(9), Bad: arrowidx.SkipBad,
			Seed: r.Uint64()})
		require.NoError(t, err)
		nq, k := 1+r.IntN(6), 1+r.IntN(12)
		queries := odd(r, nq, d)
		for i := range queries {
			if r.IntN(2) == 0 {
				queries[i] = rows[(i*31)%len(rows)]
			}
			if queries[i]-queries[i] != 0 || math.Abs(float64(queries[i])) > 1e17 {
				queries[i] = 0
			}
		}
		p := arrowidx.SearchParams{Queries: queries, NQ: nq, K: k, Rerank: []int{-1, 20}[r.IntN(2)],
			Epsilon0: []float64{0, 0.1, 1, 4}[r.IntN(4)]}
		if r.IntN(3) == 0 {
			p.Mask = make([]byte, n)
			for i := range p.Mask {
				p.Mask[i] = byte(r.IntN(2))
			}
		}
		for range 1 + r.IntN(9) {
			out := arrowidxtest.Outputs(nq, k)
			_, err = ix.Search(t.Context(), &p, &out)
			require.NoError(t, err, "round %d: %d x %d %s %s", round, n, d, kind, metric)
		}
		w := arrowidx.WithinParams{Queries: queries, NQ: nq, Mask: p.Mask}
		arrowidxtest.Threshold(&w, metric, float64(r.Float32()))
		_, err = ix.Within(t.Context(), &w, func(arrowidx.Range) error { return nil })
		require.NoError(t, err, "round %d: %d x %d %s %s", round, n, d, kind, metric)
		ix.Close()
		col.Release()
	}
}

// odd are rows that are hard to code: one-hot, equal, far from the origin, of very different
// lengths, nearly parallel, or of extreme scale.
func odd(r *rand.Rand, n, d int) []float32 {
	rows := arrowidxtest.Gaussian(r, n, d)
	scale := float32(math.Pow(10, r.Float64()*36-20))
	switch r.IntN(7) {
	case 0:
		clear(rows)
		for i := range n {
			rows[i*d+r.IntN(d)] = 1
		}
	case 1:
		for i := range rows {
			rows[i] = rows[i%d]
		}
	case 2:
		for i := range rows {
			rows[i] = 1000 + rows[i]/1000
		}
	case 3:
		for i := range n {
			length := float32(math.Pow(10, -8*r.Float64()))
			for j := range d {
				rows[i*d+j] *= length
			}
		}
	case 4:
		for i := range rows {
			rows[i] = rows[i%d] + rows[i]*1e-6
		}
	case 5:
		for i := range rows {
			rows[i] = float32(math.Round(float64(rows[i])))
		}
	}
	if r.IntN(2) == 0 {
		for i := range rows {
			rows[i] *= scale
		}
	}
	return rows
}
