package lake_test

import (
	"context"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// What docs/lake.md works out by hand is what a lake writes.
func TestASavedLakeHasTheWitnessOfThePage(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	numbers := array.NewInt64Builder(memory.DefaultAllocator)
	numbers.AppendValues([]int64{700, 42}, nil)
	ids, err := arrowidx.NewIDs(numbers.NewArray())
	require.NoError(t, err)
	rows, err := arrowidx.MatrixColumn([]float32{1, -2, .5, 0}, 2, 2)
	require.NoError(t, err)
	local, err := store.NewLocal("b")
	require.NoError(t, err)
	require.NoError(t, local.Put(ctx, "c", ids, rows))
	l, err := lake.New(lake.Options{Metric: arrowidx.L2, RotationSeed: 42})
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, l.Register(local))
	key := backend.Key{Backend: "b", Collection: "c"}
	require.NoError(t, l.Target(key).Prime(ctx))
	_, err = l.Save(ctx, key, dir)
	require.NoError(t, err)

	saved, err := bundle.Read(dir)
	require.NoError(t, err)
	page, err := os.ReadFile("../docs/lake.md")
	require.NoError(t, err)
	assert.Contains(t, string(page), "SHA-256: "+saved.Content.Digest+"\n", "%+v", saved)
	assert.Contains(t, string(page), "SHAKE-256: "+saved.Witness+"\n", "%+v", saved)
}
