package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// wideRows puts n rows of 8,192 numbers, of which 32 are a piece, called "r0" and so on; all
// numbers of a row are its own.
func wideRows(t *testing.T, n int) *store.Local {
	const dim = 8192
	values, names := make([]float32, n*dim), make([]string, n)
	for i := range values {
		values[i] = float32(i / dim)
	}
	for i := range names {
		names[i] = fmt.Sprintf("r%d", i)
	}
	b := newLocal(t)
	require.NoError(t, b.Put(t.Context(), "a", idsOf(t, texts(names...)), matrix(t, values, dim)))
	return b
}

// requireRows compares a collection of wideRows with the rows that it must have, in one piece.
func requireRows(t *testing.T, b *store.Local, want []int) {
	p, err := b.Pull(t.Context(), "a")
	require.NoError(t, err)
	ids, col, err := backend.Read(t.Context(), p, backend.Limits{})
	require.NoError(t, err)
	defer col.Release()
	require.Equal(t, len(want), ids.Len())
	assert.Equal(t, 1, col.Chunks(), "they were put side by side")
	row := make([]float32, col.Dim())
	for i, n := range want {
		require.Equal(t, fmt.Sprintf("r%d", n), ids.Plain(int64(i)))
		x := col.Row(i, row)
		require.Equal(t, []float32{float32(n), float32(n)}, []float32{x[0], x[len(x)-1]})
	}
}

func TestAFewRowsDoNotHoldTheMemoryOfMany(t *testing.T) {
	const n = 700
	b := wideRows(t, n)
	before := residentMiB(t)
	var gone []string
	var left []int
	for i := range n { // all but the last piece
		if i < 32*21 {
			gone = append(gone, fmt.Sprintf("r%d", i))
		} else {
			left = append(left, i)
		}
	}
	deleted, err := b.Delete(t.Context(), "a", texts(gone...), false)
	require.NoError(t, err)
	require.Len(t, gone, deleted)
	requireRows(t, b, left)
	assert.Less(t, residentMiB(t), before-10, "22 MiB, of which one is used")
	// Ids are found where they are now.
	replaced, err := b.Upsert(t.Context(), "a", idsOf(t, texts("r680", "r1")),
		matrix(t, make([]float32, 2*8192), 8192))
	require.NoError(t, err)
	assert.Equal(t, 1, replaced)
	err = b.Append(t.Context(), "a", idsOf(t, texts("r699")), matrix(t, make([]float32, 8192), 8192))
	assert.Equal(t, fault.DuplicateID, fault.KindOf(err))
}

func TestManySmallPiecesBecomeOneAgain(t *testing.T) {
	const n = 70 * 32
	b := wideRows(t, n)
	var gone []string
	var left []int
	for i := range n {
		if i%32 == 7 {
			left = append(left, i)
		} else {
			gone = append(gone, fmt.Sprintf("r%d", i))
		}
	}
	_, err := b.Delete(t.Context(), "a", texts(gone...), false)
	require.NoError(t, err)
	requireRows(t, b, left)
	deleted, err := b.Delete(t.Context(), "a", texts("r7", "r2215"), false)
	require.NoError(t, err)
	assert.Equal(t, 2, deleted)
}

func TestAnUpsertMakesACollectionThatIsNotThere(t *testing.T) {
	b := newLocal(t)
	replaced, err := b.Upsert(t.Context(), "a", idsOf(t, int64s(5)), one(t))
	require.NoError(t, err)
	assert.Zero(t, replaced)
	two := matrix(t, []float32{1, 2, 3, 4}, 2)
	replaced, err = b.Upsert(t.Context(), "a", idsOf(t, int64s(5, 6)), two)
	require.NoError(t, err)
	assert.Equal(t, 1, replaced)
	_, err = b.Upsert(t.Context(), "../a", idsOf(t, int64s(5)), one(t))
	assert.Equal(t, fault.LakeError, fault.KindOf(err), "%v", err)
	_, err = b.Upsert(t.Context(), "b", arrowidx.PositionIDs(2), one(t))
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err), "%v", err)
	names, err := b.Collections(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, names)
}
