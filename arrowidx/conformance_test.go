package arrowidx_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// builderOf builds an index of the given kind and bits. Where loaded is set, what is tested is its
// copy from a file.
func builderOf(kind arrowidx.Kind, bits int, loaded bool) arrowidxtest.Builder {
	return func(
		t testing.TB, col *arrowidx.Column, o arrowidx.BuildOptions,
	) *arrowidx.Index {
		t.Helper()
		o.Kind, o.Bits = kind, bits
		ix, err := arrowidx.Build(t.Context(), col, o)
		require.NoError(t, err)
		if !loaded {
			return ix
		}
		defer ix.Close()
		copied, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
		require.NoError(t, err)
		return copied
	}
}

func TestEveryKindConforms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   arrowidx.Kind
		bits   int
		loaded bool
	}{
		{arrowidx.Auto, 0, false},
		{arrowidx.Exact, 0, true},
		{arrowidx.Flat, 1, false},
		{arrowidx.Flat, 3, true},
		{arrowidx.Flat, 5, false},
		{arrowidx.Flat, 9, false},
		{arrowidx.IVF, 1, true},
		{arrowidx.IVF, 5, false},
	} {
		name := fmt.Sprintf("%s of %d bits", c.kind, c.bits)
		if c.loaded {
			name += " from a file"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrowidxtest.Conform(t, builderOf(c.kind, c.bits, c.loaded))
		})
	}
}
