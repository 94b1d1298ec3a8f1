package lake_test

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/lake"
)

// Packed bits are cached, saved, warmed and searched among many collections as numbers are.
func TestPackedBitsAreCollectionsLikeOthers(t *testing.T) {
	b := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator,
		&arrow.FixedSizeBinaryType{ByteWidth: 4})
	for i := range 50 {
		b.Append([]byte{byte(i), byte(i >> 1), 0, 1})
	}
	col, err := arrowidx.NewColumn([]arrow.Array{b.NewArray()})
	require.NoError(t, err)
	defer col.Release()
	s, o := localStore(t, "s"), lake.Defaults()
	o.Metric = arrowidx.Hamming
	require.NoError(t, s.Put(context.Background(), "c", arrowidx.PositionIDs(50), col))
	l := open(t, o, s)
	q := &lake.Query{SearchParams: arrowidx.SearchParams{Bits: []byte{7, 3, 0, 1}, NQ: 1, K: 2}}
	k := key("s", "c")
	nearest := func(l *lake.Lake) int64 {
		t.Helper()
		out := arrowidxtest.Outputs(1, 2)
		_, err := l.Target(k).Search(context.Background(), q, &out)
		require.NoError(t, err)
		return out.Rows[0]
	}
	for range 3 {
		assert.Equal(t, int64(7), nearest(l))
	}
	assert.Equal(t, int64(1), l.Stats().Misses)
	assert.Equal(t, int64(2), l.Stats().Hits)
	f, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	assert.Equal(t, "7", f.Of(0)[0].ID.String())

	dir := t.TempDir()
	save(t, l, k, dir)
	o.Consistency.Mode = lake.Frozen
	reader := open(t, o)
	warm(t, reader, k, dir)
	assert.Equal(t, int64(7), nearest(reader))
	f, err = reader.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	assert.Equal(t, "7", f.Of(0)[0].ID.String())
	fresh := open(t, lake.Options{Metric: arrowidx.Hamming, RotationSeed: 42}, s)
	warm(t, fresh, k, dir)
	assert.Equal(t, int64(7), nearest(fresh))
	assert.Zero(t, fresh.Stats().Primes, "what is warm is fresh")
	for _, format := range []int{2, 3} {
		said, err := fresh.Publish(context.Background(), k, dir, format)
		require.NoError(t, err)
		assert.Equal(t, 4, said.Dim, "the dimension of packed bits is that of their store: bytes")
		warm(t, reader, k, dir)
	}
}
