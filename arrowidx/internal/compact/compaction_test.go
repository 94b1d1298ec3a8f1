package compact

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

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
