package compact

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Rows copied as blocks are what they are copied one by one, whatever lies in lanes of no row.
func TestBlocksAreCopiedAsTheirRowsAre(t *testing.T) {
	r := rand.New(rand.NewPCG(741, 1))
	for _, bits := range []int{1, 5} {
		for n := range 3*simd.BlockRows + 1 {
			from, err := rabitq.NewCodes(200, 8, 70, bits)
			require.NoError(t, err)
			for _, b := range [][]byte{from.Blocks.Mem, from.Extra.Mem} {
				for i := range b {
					b[i] = byte(r.Uint32())
				}
			}
			want, err := rabitq.NewCodes(200, 8, 70, bits)
			require.NoError(t, err)
			got, err := rabitq.NewCodes(200, 8, 70, bits)
			require.NoError(t, err)
			const fromPos, pos = 11, 90
			const fromSlot, slot = 2 * simd.BlockRows, 4 * simd.BlockRows
			for i := range n {
				copyRow(want, from, fromPos+i, fromSlot+i, pos+i, slot+i)
			}
			copyLaidOut(got, from, fromPos, fromSlot, pos, slot, n)
			require.Equal(t, want.Blocks.Mem, got.Blocks.Mem, "%d rows", n)
			require.Equal(t, want.Extra.Mem, got.Extra.Mem)
		}
	}
}

// Ids that are joined are those of the rows, whether they are copied as they lie or one by one.
func TestIDsAreJoinedInTheOrderOfRows(t *testing.T) {
	numbers := func(form column.IDKind, v ...uint64) *column.IDs {
		return &column.IDs{Form: form, N: len(v), Num: v}
	}
	positions := &column.IDs{N: 3, First: 3}
	for name, c := range map[string]struct {
		of   []idsOf
		want []uint64
		kind column.IDKind
	}{
		"numbers": {[]idsOf{{ids: numbers(column.IDInt64, 9, 4)}, {ids: numbers(column.IDInt64, 7)}},
			[]uint64{9, 4, 7}, column.IDInt64},
		"some": {[]idsOf{{numbers(column.IDUint64, 9, 4, 8), []uint32{0, 2}},
			{ids: numbers(column.IDUint64, 7)}}, []uint64{9, 8, 7}, column.IDUint64},
		"none": {[]idsOf{{numbers(column.IDInt64, 9), []uint32{}}, {ids: numbers(column.IDInt64, 5)}},
			[]uint64{5}, column.IDInt64},
		"counted": {[]idsOf{{positions, []uint32{0, 2}}, {ids: numbers(column.IDCounted, 11)}},
			[]uint64{3, 5, 11}, column.IDCounted},
		"counting on": {[]idsOf{{ids: positions}, {ids: &column.IDs{N: 1, First: 6}}},
			[]uint64{3, 4, 5, 6}, column.IDPositions},
	} {
		got := joinIDs(c.of)
		require.Equal(t, c.kind, got.Kind(), name)
		require.Equal(t, len(c.want), got.Len(), name)
		for i, id := range c.want {
			require.Equal(t, id, got.Number(int64(i)), name)
		}
	}
}
