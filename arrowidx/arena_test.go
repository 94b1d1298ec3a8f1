package arrowidx

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"
)

// addRows adds rows of a matrix, so many a call.
func addRows(t *testing.T, ix *Index, rows []float32, d, step int) {
	t.Helper()
	for at := 0; at < len(rows)/d; at += step {
		end := min(at+step, len(rows)/d)
		col := columnOf(t, rows[at*d:end*d], d)
		_, err := ix.Add(t.Context(), nil, col, AddOptions{})
		require.NoError(t, err)
		col.Release()
	}
}

// Segments of rows that came one by one are joined without another copy of the vectors: these lie
// one behind the other, few pieces in all, and are counted once.
func TestRowsAddedOneByOneLieInALine(t *testing.T) {
	const n, d, more = 500, 24, 3000
	rows := blobs(t, 710, n+more, d, 10)
	for _, kind := range []Kind{Exact, Flat, IVF} {
		ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind, Keep: KeepCopy}, nil)
		before := ix.Info().IndexBytes
		addRows(t, ix, rows[n*d:(n+300)*d], d, 1)
		addRows(t, ix, rows[(n+300)*d:], d, 37)
		pieces, kept := 0, 0
		for _, p := range ix.now.Segments {
			pieces += len(p.Source.Pieces)
			require.Equal(t, KeepCopy, p.Keep)
			kept += p.Rows
		}
		require.Equal(t, n+more, kept)
		require.Less(t, pieces, 12, "%s: the logarithm of what was added", kind)
		grown := ix.Info().IndexBytes - before
		require.GreaterOrEqual(t, grown, int64(4*d*more), kind)
		require.Less(t, grown, int64(2*4*d*more+200*more), "%s: no vector is counted twice", kind)
		got := make([]float32, d)
		for i := range int64(n + more) {
			require.Equal(t, rows[int(i)*d:int(i+1)*d], append([]float32(nil), ix.vectorAt(t, i, got)...))
		}
	}
}

// vectorAt reads a row of the current version.
func (ix *Index) vectorAt(t *testing.T, row int64, dst []float32) []float32 {
	u, err := ix.enter("test")
	require.NoError(t, err)
	defer ix.leave(&u, &err)
	v := u.v
	i := v.SegmentOf(row)
	return v.Segments[i].Source.Row(int(row)-v.Starts[i], dst)
}

// Vectors of added rows that were deleted are given back by Compact, also where those of the build
// are the caller's.
func TestCompactGivesVectorsOfDeletedRowsBack(t *testing.T) {
	const n, d, more = 5000, 64, 4000
	rows := blobs(t, 711, n+more, d, 10)
	for _, kind := range []Kind{Exact, Flat, IVF} {
		for _, keep := range []Keep{KeepBorrow, KeepCopy} {
			ix := recallIndex(t, rows[:n*d], d, BuildOptions{Kind: kind, Keep: keep}, nil)
			built := ix.Info().IndexBytes
			addRows(t, ix, rows[n*d:], d, 100)
			ids := array.NewUint64Builder(memory.DefaultAllocator)
			for id := uint64(n + 100); id < n+more; id++ {
				ids.Append(id)
			}
			_, err := ix.Delete(ids.NewArray(), false)
			require.NoError(t, err)
			require.Greater(t, ix.Info().IndexBytes, built+4*d*more)
			require.NoError(t, ix.Compact(t.Context(), 0))
			after := ix.Info().IndexBytes
			require.Less(t, after, built+built/4+100*4*d+8*(n+100),
				"%s, %s: 100 rows and ids are left", kind, keep)
			require.Nil(t, ix.arena.Col, "no room is kept that nothing uses")
			require.Equal(t, n+100, ix.Len())
			for _, row := range []int64{0, n - 1, n, n + 99} {
				require.Equal(t, rows[row*d:(row+1)*d], ix.vectorAt(t, row, make([]float32, d)))
			}
		}
	}
}

// The last user of a reserve frees it, be it the index or a search of an old version.
func TestAReserveLivesAsLongAsItsRows(t *testing.T) {
	const d = 16
	rows := blobs(t, 712, 100, d, 5)
	ix := recallIndex(t, rows[:50*d], d, BuildOptions{Kind: Flat, Keep: KeepCopy}, nil)
	addRows(t, ix, rows[50*d:], d, 10)
	col := ix.arena.Col
	u, err := ix.enter("search")
	require.NoError(t, err)
	v := u.v
	require.NoError(t, ix.Compact(t.Context(), 0))
	require.Positive(t, col.Refs.Load(), "the version before is still searched")
	require.Equal(t, rows[99*d:], v.Segments[len(v.Segments)-1].Source.Row(
		v.Segments[len(v.Segments)-1].Rows-1, make([]float32, d)))
	ix.leave(&u, &err)
	require.Zero(t, col.Refs.Load())
}
