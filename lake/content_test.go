package lake

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// Gigabytes are hashed for seconds: who asked for them can go.
func TestHashingContentEndsWithItsContext(t *testing.T) {
	ix := builtIndex(t, make([]float32, 5000), 1, arrowidx.BuildOptions{Metric: arrowidx.L2,
		Kind: arrowidx.Exact, Keep: arrowidx.KeepCopy})
	ctx, cancel := context.WithCancel(context.Background())
	whole, err := contentOf(ctx, ix)
	require.NoError(t, err)
	require.EqualValues(t, 5000, whole.Rows)
	cancel()
	_, err = contentOf(ctx, ix)
	assert.Equal(t, fault.Cancelled, fault.KindOf(err))
	err = proved(ctx, ix, &bundle.Bundle{FormatVersion: 3, Content: whole})
	assert.Equal(t, fault.Cancelled, fault.KindOf(err))
	dir := t.TempDir()
	_, err = writer{}.save(ctx, dir, ix, stateBundle(1))
	assert.Equal(t, fault.Cancelled, fault.KindOf(err))
}
