package arrowidx_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/simd"
)

// The bytes of an index are a function of its input: these fingerprints are those of every kernel
// tier, every number of threads, every machine. They change only with docs/format.md.

// frozenRows draws whole numbers over 512 from a linear congruential generator (Knuth's MMIX), so
// that they are the same in every language and float library.
func frozenRows(n int) []float32 {
	x, state := make([]float32, n), uint64(2026)
	for i := range x {
		state = state*6364136223846793005 + 1442695040888963407
		x[i] = float32(int(state>>54)-512) / 512
	}
	return x
}

type golden struct {
	n, d   int
	o      arrowidx.BuildOptions
	ids    string
	sha256 string
}

func (g golden) name() string {
	return fmt.Sprintf("%s %s %d bits %dx%d %s", g.o.Kind, g.o.Metric, g.o.Bits, g.n, g.d, g.ids)
}

var goldens = []golden{
	{300, 20, arrowidx.BuildOptions{Kind: arrowidx.Exact}, "int64",
		"c528ce2ca18b5266973f29df38844914e337ed4e3f291fad9874312906322dd2"},
	{300, 20, arrowidx.BuildOptions{Kind: arrowidx.Exact, Metric: arrowidx.SqEuclidean}, "string",
		"d730c9fdd6b69f48feedfcabd6b45fe4383c6b16de7d0fddb647818b67ee0f4a"},
	{1000, 64, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 1}, "positions",
		"2b540ebf96fce020c8a223c2a51d9878af52cd687c5da5bab96f2abf2e46b071"},
	{1000, 100, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 5, Metric: arrowidx.L2, Seed: 1},
		"uint64",
		"a542ab201347f4094301872a16f809e2d39da425693b2b9500a61db9b31c1afd"},
	{777, 200, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 8, Metric: arrowidx.Dot, Seed: 2},
		"positions",
		"64a3fa0b73823ad09188be2c2d574a98d4828dc79d5492b1e15ac32699543c0f"},
	{33, 1000, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 9, Seed: 3}, "positions",
		"cc416fbec048bf5e074231851a092f1950dcd19d4c5fe587e41b1712cab92509"},
	{4097, 3, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 4, Metric: arrowidx.SqEuclidean},
		"positions",
		"6ca0ae71d512679349017f40cc923d4856c268e446ca9279a692bab29b9256cd"},
}

func (g golden) fingerprint(t *testing.T, threads, chunks int) string {
	t.Helper()
	col := arrowidxtest.Column(t, frozenRows(g.n*g.d), g.d, chunks)
	defer col.Release()
	o := g.o
	o.Threads, o.Provenance = threads, "golden"
	o.IDs = arrowidxtest.EveryIDs(t, g.n)[g.ids]
	ix, err := arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	defer ix.Close()
	sum := sha256.Sum256(arrowidxtest.Bytes(t, ix, true))
	return hex.EncodeToString(sum[:])
}

func TestIndexBytesAreFrozen(t *testing.T) {
	tier := simd.Active()
	defer func() { require.NoError(t, simd.SetTier(tier)) }()
	for _, tier := range simd.Available() {
		require.NoError(t, simd.SetTier(tier))
		for _, g := range goldens {
			for _, threads := range []int{1, 2, 7, 64} {
				require.Equal(t, g.sha256, g.fingerprint(t, threads, min(threads, g.n)),
					"%s, %s, %d threads", g.name(), tier, threads)
			}
		}
	}
}

// Estimates come from integers and fixed orders of additions: they too are equal on every tier.
func TestEstimatesAreEqualOnEveryTier(t *testing.T) {
	before := simd.Active()
	defer func() { require.NoError(t, simd.SetTier(before)) }()
	const n, d, nq, k = 5000, 70, 9, 20
	rows := frozenRows((n + nq) * d)
	for _, metric := range arrowidxtest.Metrics {
		for _, bits := range []int{1, 2, 5, 9} {
			ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{
				Kind: arrowidx.Flat, Bits: bits, Metric: metric}, false)
			var want arrowidx.SearchOut
			for i, tier := range simd.Available() {
				require.NoError(t, simd.SetTier(tier))
				out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
					Queries: rows[n*d:], NQ: nq, K: k})
				require.Equal(t, tier, plan.Tier)
				if i == 0 {
					want = out
				}
				require.Empty(t, arrowidxtest.Unequal(want, out), "%s, %d bits, %s", metric, bits,
					tier)
			}
			ix.Close()
		}
	}
}
