package calibrate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

func TestANeighbourIsHeldByTheBetterOfItsCells(t *testing.T) {
	s := surveyed{
		cells: []listed{{5, 0, 10, -mem.Infinity}, {6, 2, 20, 0.25}, {8, 1, 40, 0.125}},
		homes: []int32{1, 1, -1, -1},
	}
	s.seconds = s.find([]int64{3, 1, 2, 0}, []uint32{build.NoCell, 7, 5, 8})
	require.Equal(t, []int32{2, -1, 0, -1}, s.seconds, "cells that are not considered are none")
	inf := mem.Infinity
	l := ledgerOf([]surveyed{s})
	require.Equal(t, []float32{0.125, 0.25, -inf, inf}, l.scores)
	require.Equal(t, []float32{-inf, 0.125, 0.25, inf}, l.sorted)
	require.Equal(t, l.scores, l.considering(9))
	require.Equal(t, []float32{0.125, inf, -inf, inf}, l.considering(2))
	require.Equal(t, []float32{1, 2, 0, inf}, l.places)
	s.keep(2)
	require.Equal(t, []int32{1, -1, 0, -1}, s.seconds, "they are those that they were")
	require.Equal(t, []int32{-1, -1, -1, -1}, s.homes)
}

// halves are two queries with two neighbours each, one in the nearest cell and one in the farthest
// of eight, whose second cell is the nearest.
func halves() *calibration {
	c := &calibration{
		seg: &segment.Segment{Cells: &segment.Cells{N: 8, Padded: 64},
			Codes: &rabitq.Codes{Stride: 640}},
		nq: 2, exact: [][]int64{{0, 1}, {1, 0}}, seen: make([]surveyed, 2),
		bounds: []bounds{{epsilon: 1.9, coded: 10}},
	}
	for q := range c.seen {
		for i := range 8 {
			c.seen[q].cells = append(c.seen[q].cells,
				listed{uint32(i), uint32(i), 10_000, search.Rule{Weight: weight}.Score(float32(i)/8, i)})
		}
	}
	c.seen[0].homes, c.seen[1].homes = []int32{0, 7}, []int32{7, 0}
	return c
}

func TestCopiesAreModelledByTheirSecondCells(t *testing.T) {
	c := halves()
	with := *c
	with.twice, with.seen = true, nil
	for q := range c.seen {
		with.seen = append(with.seen, c.seen[q].likely(c.exact[q], []uint32{build.NoCell, 0}))
	}
	require.EqualValues(t, 16_600, with.seen[0].cells[3].rows, "cells hold copies, too")
	require.EqualValues(t, 10_000, c.seen[0].cells[3].rows, "of the model alone")
	require.Equal(t, 8, c.enough(c.cells(), 0.9))
	require.Equal(t, 1, with.enough(with.cells(), 0.9))
	require.Less(t, with.time(0.99), c.time(0.99)/2)

	// Second cells that hold no neighbour cost and save nothing.
	for q := range with.seen {
		with.seen[q].seconds = with.seen[q].find(c.exact[q], []uint32{build.NoCell, 7})
	}
	with.ledger = nil
	require.Greater(t, with.time(0.99), c.time(0.99)*1.5)
	b := c.bounds[0]
	b.coded = 1000
	with.bounds = []bounds{b}
	require.InDelta(t, 990*(900+0.5*3400), with.time(0.99)-(&calibration{
		seg: c.seg, nq: 2, exact: c.exact, seen: with.seen, bounds: c.bounds, twice: true,
	}).time(0.99), 1, "rows found by their copies cost more")
}

func TestMissedAreNeighboursThatACellShouldHaveShown(t *testing.T) {
	c := halves()
	c.k = 2
	c.out = search.SearchOut{Rows: []int64{0, 5, 1, 0}, Counts: []int64{2, 2}}
	all := settings{8, search.Rule{Cut: cutMost}}
	require.Equal(t, 0.25, c.missed(all), "row 1 was not found for the first query")
	require.Zero(t, c.missed(settings{1, search.Rule{Cut: cutMost}}), "its cell was not looked into")
	c.out.Rows[1] = 1
	require.Zero(t, c.missed(all))
	require.Equal(t, []int64{0, 1}, c.neighbours())
}
