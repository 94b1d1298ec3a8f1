package arrowidx_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/simd"
)

var update = flag.Bool("update", false, "write what is measured to testdata instead of comparing")

// fingerprintFile holds the SHA-256 of the bytes of every index of ivfGoldens, by name.
const fingerprintFile = "testdata/ivf_fingerprints.json"

var ivfGoldens = []golden{
	{1100, 40, arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 1, Metric: arrowidx.L2},
		"positions", ""},
	{1200, 100, arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 5, Seed: 1}, "uint64", ""},
	{1050, 70, arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 8, Metric: arrowidx.Dot,
		Cells: 11, Seed: 2}, "string", ""},
	{1300, 64, arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 4, Copies: arrowidx.CopyAll,
		Cells: 24, Seed: 3}, "int64", ""},
}

// frozen reads a file of testdata into v; with -update it writes v instead.
func frozen(t *testing.T, path string, v any) {
	t.Helper()
	if *update {
		text, err := json.MarshalIndent(v, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, append(text, '\n'), 0o644))
		return
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, v))
}

// manyCores lets a test run on as many threads as it asks for, on any machine.
func manyCores(t *testing.T) {
	before := runtime.GOMAXPROCS(64)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	require.Equal(t, 64, arrowidx.Threads(64))
}

// The bytes hold the calibration too, so these are also the searches of every tier.
func TestBytesOfCellsAreFrozenOnEveryTierAndNumberOfThreads(t *testing.T) {
	manyCores(t)
	before := simd.Active()
	defer func() { require.NoError(t, simd.SetTier(before)) }()
	want := map[string]string{}
	if *update {
		for _, g := range ivfGoldens {
			want[g.name()] = g.fingerprint(t, 1, 1)
		}
	}
	frozen(t, fingerprintFile, &want)
	for i, tier := range simd.Available() {
		require.NoError(t, simd.SetTier(tier))
		threads := []int{1, 2, 7, 64}
		if i == 0 { // plain Go takes five times as long
			threads = []int{7}
		} else if !arrowidxtest.Whole() {
			threads = []int{1, 7}
		}
		for _, g := range ivfGoldens {
			for _, n := range threads {
				require.Equal(t, want[g.name()], g.fingerprint(t, n, n), "%s, %s, %d threads",
					g.name(), tier, n)
			}
		}
	}
}

func TestCellsKeepTheirBytesThroughAFile(t *testing.T) {
	for _, g := range ivfGoldens {
		col := arrowidxtest.Column(t, frozenRows(g.n*g.d), g.d, 3)
		g.o.IDs = arrowidxtest.EveryIDs(t, g.n)[g.ids]
		ix, err := arrowidx.Build(t.Context(), col, g.o)
		require.NoError(t, err)
		for _, vectors := range []bool{true, false} {
			file := arrowidxtest.Bytes(t, ix, vectors)
			path := t.TempDir() + "/cells.rvx"
			require.NoError(t, os.WriteFile(path, file, 0o600))
			for range 2 {
				again, err := arrowidx.Load(t.Context(), path)
				require.NoError(t, err)
				require.Equal(t, hash(file), hash(arrowidxtest.Bytes(t, again, vectors)),
					"%s, vectors %v", g.name(), vectors)
				require.Equal(t, ix.Info().Calibration, again.Info().Calibration)
				require.NoError(t, again.Save(t.Context(), path, vectors))
				again.Close()
			}
		}
		ix.Close()
		col.Release()
	}
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// A frozen name must be in use: a renamed golden would compare with nothing.
func TestEveryFrozenFingerprintIsCompared(t *testing.T) {
	have := map[string]string{}
	text, err := os.ReadFile(fingerprintFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &have))
	require.Len(t, have, len(ivfGoldens))
	seen := map[string]bool{}
	for _, g := range ivfGoldens {
		require.Len(t, have[g.name()], 64, g.name())
		require.False(t, seen[have[g.name()]], "two goldens are one index")
		seen[have[g.name()]] = true
	}
}
