package arrowidx_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// savedAndMapped saves an index to a file of its own and maps it.
func savedAndMapped(t testing.TB, ix *arrowidx.Index, vectors bool) (*arrowidx.Index, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "index.rvx")
	require.NoError(t, ix.Save(t.Context(), path, vectors))
	return openMapped(t, path), path
}

func openMapped(t testing.TB, path string) *arrowidx.Index {
	t.Helper()
	ix, err := arrowidx.Open(t.Context(), path, arrowidx.OpenOptions{Map: true})
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix
}

func TestEveryMappedKindConforms(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		name string
		kind arrowidx.Kind
		bits int
	}{
		{"exact", arrowidx.Exact, 0}, {"flat of 7 bits", arrowidx.Flat, 7},
		{"ivf of 5 bits", arrowidx.IVF, 5}, {"flat of 1 bit", arrowidx.Flat, 1},
		{"ivf of 1 bit", arrowidx.IVF, 1},
	} {
		if i > 1 && !arrowidxtest.Whole() {
			break // kind ivf takes long; that its answers are the same has tests of its own
		}
		t.Run(c.name, func(t *testing.T) {
			made := builderOf(c.kind, c.bits, false)
			arrowidxtest.Conform(t, func(
				t testing.TB, col *arrowidx.Column, o arrowidx.BuildOptions,
			) *arrowidx.Index {
				t.Helper()
				ix := made(t, col, o)
				defer ix.Close()
				path := filepath.Join(t.TempDir(), "index.rvx")
				require.NoError(t, ix.Save(t.Context(), path, true))
				same, err := arrowidx.Open(t.Context(), path, arrowidx.OpenOptions{Map: true})
				require.NoError(t, err)
				require.NoError(t, os.Remove(path), "the bytes stay until the index is closed")
				return same
			})
		})
	}
}
