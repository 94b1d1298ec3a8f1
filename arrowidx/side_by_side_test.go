package arrowidx

import (
	"fmt"
	"math"
	rand "math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/sketch"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// The first search under a mask reads rows where they lie, later ones a copy in a line: the numbers
// are the same and so are the answers, to the last bit.
func TestAnswersDoNotTellWhetherVectorsLieSideBySide(t *testing.T) {
	const n, d, k = 6000, 72, 10
	rows := blobs(t, 680, n+1, d, 30)
	for i := range rows {
		rows[i] *= 1 + float32(i/d%5)/4
	}
	for _, kind := range []Kind{Exact, Flat, IVF} {
		for _, metric := range []Metric{Cosine, Dot, L2} {
			ix := recallIndex(t, rows[:n*d], d, BuildOptions{
				Kind: kind, Metric: metric, Keep: KeepCopy}, nil)
			for i, share := range []float64{0.03, 0.02, 0.002} {
				name := fmt.Sprintf("%s %s %v", kind, metric, share)
				p := &SearchParams{Queries: rows[n*d:], NQ: 1, K: k, Rerank: -1, Threads: 1,
					Mask: randomMask(681+uint64(i), n, share)}
				var first SearchOut
				for turn := range sketch.Uses + 2 {
					out := SearchOut{Rows: make([]int64, k), Scores: make([]float32, k),
						Counts: make([]int64, 1)}
					plan, err := ix.Search(t.Context(), p, &out)
					require.NoError(t, err)
					f := search.FiltersOf(ix.base()).Kept[0]
					if turn == 0 {
						first = out
						require.Nil(t, f.Side.Vectors, "%s: used once", name)
						continue
					}
					if plan.Eligible > max(k, search.FewRows) {
						require.Len(t, f.Side.Vectors, int(plan.Eligible)*d, name)
					}
					sketched := kind != Exact && share > 0.01 && turn >= sketch.Uses-1
					require.Equal(t, sketched, f.Side.Sketch != nil, "%s, use %d", name, turn+1)
					require.Equal(t, first.Rows, out.Rows, name)
					for j := range out.Scores {
						require.Equal(t, math.Float32bits(first.Scores[j]),
							math.Float32bits(out.Scores[j]), name)
					}
				}
			}
		}
	}
}

// A copy answers for the column that it was made from and for no other.
func TestACopyOfOneColumnIsNotTakenForAnother(t *testing.T) {
	const n, d = 5000, 16
	rows := blobs(t, 684, n, d, 20)
	other := slices.Clone(rows)
	sampled := map[int]bool{} // by these a column is recognised
	for i := range 64 {
		sampled[(n-1)*i/63] = true
	}
	for i := range other {
		if !sampled[i/d] {
			other[i] *= 2
		}
	}
	ix := recallIndex(t, rows, d, BuildOptions{Kind: Exact, Metric: L2, Keep: KeepCopy}, nil)
	source := recallIndex(t, other, d, BuildOptions{Kind: Exact, Metric: L2, Keep: KeepCopy}, nil)
	mask := randomMask(685, n, 0.02)
	at := 0
	for mask[at] == 0 || sampled[at] {
		at++
	}
	query := other[at*d : (at+1)*d]
	for range 3 {
		for _, from := range []*Column{nil, source.base().Source} {
			out := SearchOut{Rows: make([]int64, 1), Scores: make([]float32, 1),
				Counts: make([]int64, 1)}
			_, err := ix.Search(t.Context(), &SearchParams{Queries: query, NQ: 1, K: 1,
				Rerank: -1, Mask: mask, Source: from}, &out)
			require.NoError(t, err)
			if from != nil {
				require.EqualValues(t, at, out.Rows[0])
			}
			require.Equal(t, from != nil, out.Scores[0] == 0, "the query is a row of the source")
		}
	}
}

func TestCopiesOfVectorsAreCountedAndBounded(t *testing.T) {
	const d = 16
	c := newCachedFilters(t, Exact, 8000)
	mask := randomMask(686, c.n, 0.02)
	c.search(t, c.params(mask)) // four queries at once are reason enough
	before := c.ix.Info().IndexBytes
	f := search.FiltersOf(c.ix.base()).Kept[0]
	require.NotEmpty(t, f.Side.Vectors)
	require.GreaterOrEqual(t, f.Bytes.Load(), int64(4*d*f.Eligible))
	for i := range uint64(2 * search.FiltersKept) {
		c.search(t, c.params(randomMask(687+i, c.n, 0.01)))
	}
	require.NotContains(t, search.FiltersOf(c.ix.base()).Kept, f, "the oldest are forgotten")
	require.Less(t, c.ix.Info().IndexBytes, before+int64(search.FiltersKept*4*d*c.n/50))

	r := &search.Run{Seg: &segment.Segment{Dim: search.CopyBytes},
		Filter: &search.Filter{Rows: make([]uint32, 1)},
		P:      &SearchParams{NQ: 9}}
	require.Nil(t, r.SideBySide(), "a row of more bytes than a copy may have")
}

// What is listed holds enough rows, and no cell that is left out is nearer than one that is listed.
func TestTheNearestCellsThatHoldEnoughRowsAreListed(t *testing.T) {
	r := rand.New(rand.NewPCG(690, 1))
	t.Log("seed 690")
	for range 300 {
		n := 1 + r.IntN(600)
		f := &search.Filter{Cells: search.Placement{InCell: make([]uint32, n)}}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(r.IntN(200))
			if f.Cells.InCell[i] = uint32(max(0, r.IntN(8)-4)); f.Cells.InCell[i] == 0 {
				values[i] = mem.Infinity
			}
			f.Eligible += int(f.Cells.InCell[i])
		}
		if f.Eligible == 0 {
			continue
		}
		enough := 1 + r.IntN(f.Eligible)
		router := &search.Router{}
		r := &search.Run{Filter: f, Eligible: f.Eligible, Seg: &segment.Segment{Codes: &rabitq.Codes{}}}
		listed := router.Holding(r, values, enough)
		held, farthest := 0, float32(0)
		in := map[uint32]bool{}
		for i, cell := range listed {
			require.True(t, i == 0 || listed[i-1] < cell, "rising")
			in[cell] = true
			held += int(f.Cells.InCell[cell])
			farthest = max(farthest, values[cell])
		}
		require.GreaterOrEqual(t, held, enough)
		require.Less(t, farthest, mem.Infinity, "no cell without rows")
		for i, v := range values {
			require.True(t, in[uint32(i)] || v >= farthest)
		}
	}
}

// A column that is brought along, another one each time, is not copied for nothing.
func TestVectorsThatASearchBringsAreNotCopied(t *testing.T) {
	const n, d = 6000, 64
	rows := blobs(t, 688, n, d, 20)
	ix := recallIndex(t, rows, d, BuildOptions{Kind: Flat, Metric: L2, Keep: KeepNone}, nil)
	mask := randomMask(689, n, 0.03)
	for range sketch.Uses + 2 {
		col := columnOf(t, rows, d)
		out := SearchOut{Rows: make([]int64, 3), Scores: make([]float32, 3), Counts: make([]int64, 1)}
		_, err := ix.Search(t.Context(), &SearchParams{Queries: rows[:d], NQ: 1, K: 3, Rerank: -1,
			Mask: mask, Source: col}, &out)
		require.NoError(t, err)
		col.Release()
		require.Nil(t, search.FiltersOf(ix.base()).Kept[0].Side.Vectors)
	}
}
