package search

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

func TestSeenTellsNewPositionsFromOld(t *testing.T) {
	var s seen
	r := rand.New(rand.NewPCG(1, 2))
	for range 3 { // its memory is used again
		s.reset()
		have := map[uint32]bool{}
		for range 5000 {
			pos := r.Uint32N(4000)
			require.Equal(t, have[pos], s.has(pos))
			require.Equal(t, !have[pos], s.add(pos))
			have[pos] = true
		}
		require.Equal(t, len(have), s.n)
		require.LessOrEqual(t, 2*s.n, len(s.slots), "it grows in time")
		require.False(t, s.has(4000))
	}
}

// Positions a table apart fall on one place.
func TestSeenKeepsPositionsThatCollide(t *testing.T) {
	var s seen
	s.reset()
	first := s.slot(0)
	collide := []uint32{0}
	for pos := uint32(1); len(collide) < 40; pos++ {
		if s.home(pos) == first {
			collide = append(collide, pos)
		}
	}
	for _, pos := range collide {
		require.False(t, s.has(pos))
		require.True(t, s.add(pos))
	}
	for _, pos := range collide {
		require.True(t, s.has(pos))
		require.False(t, s.add(pos))
	}
	require.True(t, s.add(1<<32-2), "the greatest position")
	require.True(t, s.has(1<<32-2))
}

// Searches for a tenth of the rows of a large index score hundreds of thousands: every one must be
// found within a few steps, or the search would not end.
func TestPositionsStayNearTheirHomesInLargeTables(t *testing.T) {
	for _, stride := range []uint32{1, 3, 32, 1 << 12} {
		var s seen
		s.reset()
		const n = 300_000
		for i := range uint32(n) {
			s.add(i * stride)
		}
		steps := 0
		for i := range uint32(n) {
			steps += (s.slot(i*stride) - s.home(i*stride)) & (len(s.slots) - 1)
		}
		require.Less(t, float64(steps)/n, 2.0, "stride %d", stride)
		s.reset()
		require.Len(t, s.slots, fewSeen, "the next query clears no more than it needs")
	}
}

func TestHiddenLanesAreInfinitelyFar(t *testing.T) {
	est := make([]float32, 96)
	hide([]uint32{1<<32 - 1, 5, 0}, est)
	for i, v := range est {
		require.Equal(t, i < 32 || i == 32 || i == 34, v == 0, "lane %d", i)
	}
	s := Searcher{masks: []uint32{7, 7}}
	s.dropDone(est[:64])
	require.Equal(t, []uint32{7, 5}, s.masks, "rows that are scored drop out")
}

func TestCopiesOfDeletedRowsAreInfinitelyFar(t *testing.T) {
	k := segment.NewCopies([]uint32{1, 3}, []uint32{2, 0, 1, 2})
	seg := &segment.Segment{Alive: []uint32{0b101}, Cells: &segment.Cells{Rows: []uint32{2, 1, 0}}}
	s := Searcher{Run: &Run{Seg: seg, twins: k}}
	est := make([]float32, 32)
	s.hideDeleted(1, est)
	require.Equal(t, []float32{0, mem.Infinity, 0}, est[:3], "row 1, at position 1, is deleted")
}
