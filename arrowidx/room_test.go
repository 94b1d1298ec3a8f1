package arrowidx_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// Places for answers that are too short are named, not written past.
func TestTooLittleRoomForAnswersIsAnError(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 80), 40, 4)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		ix, _ := build(t, rows, 4, arrowidx.BuildOptions{Kind: kind}, false)
		p := arrowidx.SearchParams{Queries: rows[:8], NQ: 2, K: 3, Rerank: -1}
		for name, out := range map[string]arrowidx.SearchOut{
			"rows":    {Rows: make([]int64, 5), Scores: make([]float32, 6), Counts: make([]int64, 2)},
			"scores":  {Rows: make([]int64, 6), Scores: make([]float32, 5), Counts: make([]int64, 2)},
			"counts":  {Rows: make([]int64, 6), Scores: make([]float32, 6), Counts: make([]int64, 1)},
			"nothing": {},
		} {
			_, err := ix.Search(t.Context(), &p, &out)
			require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), name)
		}
	}
}
