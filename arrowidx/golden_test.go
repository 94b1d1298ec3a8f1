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
		"1c2e7c00a11690012a02817e544ba35bad485d97bbaf9efa8a5ed50c60ab42fb"},
	{300, 20, arrowidx.BuildOptions{Kind: arrowidx.Exact, Metric: arrowidx.SqEuclidean}, "string",
		"822bd24744a712d78868afa23ab0d2130473a995d25037b1e551a71b014cfe14"},
	{1000, 64, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 1}, "positions",
		"e780a5e925aa1c39bc165f2d97c6414aa6337f058cbdec8af32f6f040a96e3e5"},
	{1000, 100, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 5, Metric: arrowidx.L2, Seed: 1},
		"uint64",
		"7df6475cf1b8d723ddf776e94a7e8ae3283147010598b4007b403b870bbc0439"},
	{777, 200, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 8, Metric: arrowidx.Dot, Seed: 2},
		"positions",
		"7f905d5a8e759ee1b01254325d9b3bb329ff1ed3fc8fcc0521a3c0c92dbe9d01"},
	{33, 1000, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 9, Seed: 3}, "positions",
		"457e6bc0e82f465b73a1c6660fa4f45b3ab443567348568b5b5013988423c765"},
	{4097, 3, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 4, Metric: arrowidx.SqEuclidean},
		"positions",
		"a17f41966fdae85b8210180ca5ec41c0b1f843ffbfc2d706f5845af9ef9cc562"},
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
					Queries: rows[n*d:], NQ: nq, K: k, Estimates: true})
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
