package arrowidx_test

import (
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Ids of a loaded index lie in its file: they stay while anybody has them.
func TestIDsOutliveTheirIndex(t *testing.T) {
	const n = 20_000
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 280), n, 2)
	for name, want := range arrowidxtest.EveryIDs(t, n) {
		_, file := build(t, rows, 2, arrowidx.BuildOptions{IDs: want}, true)
		ix, err := arrowidx.Decode(t.Context(), file)
		require.NoError(t, err)
		ids := ix.IDs()
		ix.Close()
		ix = nil
		for range 3 {
			runtime.GC()
		}
		a := ids.Array(memory.DefaultAllocator)
		found, err := ids.Lookup(a)
		require.NoError(t, err)
		for i := range int64(n) {
			require.Equal(t, want.Name(i), ids.Name(i), name)
			require.Equal(t, i, found[i], name)
		}
		numbers := []int64{n - 1}
		ids.Numbers(numbers, 0)
		wanted := []int64{n - 1}
		want.Numbers(wanted, 0)
		require.Equal(t, wanted, numbers)
	}
}
