package arrowidx_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

const nextSection = 20

// waysOn are ways to go on with an index; each returns the one to use from then on.
var waysOn = map[string]func(t *testing.T, ix *arrowidx.Index) *arrowidx.Index{
	"bytes": reread,
	"bytes twice": func(t *testing.T, ix *arrowidx.Index) *arrowidx.Index {
		return reread(t, reread(t, ix))
	},
	"a file": func(t *testing.T, ix *arrowidx.Index) *arrowidx.Index {
		path := filepath.Join(t.TempDir(), "a.rvx")
		require.NoError(t, ix.Save(t.Context(), path, true))
		ix.Close()
		next, err := arrowidx.Load(t.Context(), path)
		require.NoError(t, err)
		return next
	},
	"compaction": func(t *testing.T, ix *arrowidx.Index) *arrowidx.Index {
		require.NoError(t, ix.Compact(t.Context(), 1))
		return ix
	},
	"compaction and bytes": func(t *testing.T, ix *arrowidx.Index) *arrowidx.Index {
		require.NoError(t, ix.Compact(t.Context(), 1))
		return reread(t, ix)
	},
	"nothing": func(_ *testing.T, ix *arrowidx.Index) *arrowidx.Index { return ix },
}

// reread returns the index that its bytes hold, and closes it.
func reread(t *testing.T, ix *arrowidx.Index) *arrowidx.Index {
	t.Helper()
	file := arrowidxtest.Bytes(t, ix, true)
	ix.Close()
	next, err := arrowidx.Decode(t.Context(), file)
	require.NoError(t, err)
	return next
}

// countedIDs returns what the rows of an index are called.
func countedIDs(t *testing.T, ix *arrowidx.Index) []int64 {
	t.Helper()
	names, err := ix.IDArray(memory.DefaultAllocator)
	require.NoError(t, err)
	defer names.Release()
	return append([]int64{}, names.(*array.Int64).Int64Values()...)
}

// grown adds n rows without ids and returns the ids that they got.
func grown(t *testing.T, ix *arrowidx.Index, n int) []int64 {
	t.Helper()
	before := ix.Len()
	rows := make([]float32, 2*n)
	for i := range rows {
		rows[i] = float32(i%7) - 2.5
	}
	col := arrowidxtest.Column(t, rows, 2, 1)
	defer col.Release()
	_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
	require.NoError(t, err)
	return countedIDs(t, ix)[before:]
}

func TestTheIdOfADeletedRowIsNeverGivenAgain(t *testing.T) {
	deletions := map[string][]int64{
		"the first": {0}, "the last": {9}, "the last two": {8, 9}, "a middle one": {4},
		"all": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
	}
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for name, gone := range deletions {
			for way, on := range waysOn {
				ix, _ := build(t, arrowidxtest.Gaussian(arrowidxtest.Rand(t, 1), 10, 2), 2,
					arrowidx.BuildOptions{Kind: kind, Cells: 2, Threads: 1}, false)
				_, err := ix.Delete(idArray(arrowidx.IDInt64, gone), false)
				require.NoError(t, err)
				ix = on(t, ix)
				require.Equal(t, []int64{10, 11}, grown(t, ix, 2), "%s, %s deleted, through %s", kind,
					name, way)
				_, err = ix.Delete(idArray(arrowidx.IDInt64, []int64{10, 11}), false)
				require.NoError(t, err)
				ix = on(t, ix)
				require.Equal(t, []int64{12}, grown(t, ix, 1), "%s, again, through %s", kind, way)
				ix.Close()
			}
		}
	}
}

func TestRowsAfterALargeIdThatIsGoneGoOnFromIt(t *testing.T) {
	for way, on := range waysOn {
		ix, _ := build(t, []float32{1, 2, 3, 4}, 2, arrowidx.BuildOptions{}, false)
		col := arrowidxtest.Column(t, []float32{5, 6}, 2, 1)
		for _, id := range []int64{1000, math.MaxInt64} {
			_, err := ix.Add(t.Context(), namesOf(t, arrowidx.IDInt64, []int64{id}), col,
				arrowidx.AddOptions{})
			require.NoError(t, err)
			_, err = ix.Delete(idArray(arrowidx.IDInt64, []int64{id}), false)
			require.NoError(t, err)
			ix = on(t, ix)
			if id == 1000 {
				require.Equal(t, []int64{1001}, grown(t, ix, 1), way)
				continue
			}
			_, err = ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
			require.Equal(t, arrowidx.LimitExceeded, arrowidx.KindOf(err), "through %s: %v", way, err)
		}
		col.Release()
		ix.Close()
	}
}

func TestAnOlderFileContinuesAsItDid(t *testing.T) {
	file, err := os.ReadFile("testdata/format_0.3.rvx") // four rows, the first and the last deleted
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 3, 0}, file[8:12])
	ix, err := arrowidx.Decode(t.Context(), file)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 2}, countedIDs(t, ix))
	require.Equal(t, file, arrowidxtest.Bytes(t, ix, true), "it is written as it was")
	require.Equal(t, []int64{3}, grown(t, ix, 1))
	ix.Close()
}

func TestOnlyAFileThatNeedsItSaysTheNextId(t *testing.T) {
	ix, _ := build(t, []float32{1, 2, 3, 4, 5, 6}, 2, arrowidx.BuildOptions{}, false)
	require.Equal(t, []byte{0, 0, 2, 0}, arrowidxtest.Bytes(t, ix, true)[8:12])
	_, err := ix.Delete(idArray(arrowidx.IDInt64, []int64{0}), false)
	require.NoError(t, err)
	require.Equal(t, []byte{0, 0, 3, 0}, arrowidxtest.Bytes(t, ix, true)[8:12])
	_, err = ix.Delete(idArray(arrowidx.IDInt64, []int64{2}), false)
	require.NoError(t, err)
	file := arrowidxtest.Bytes(t, ix, true)
	require.Equal(t, []byte{0, 0, 4, 0}, file[8:12])
	require.Equal(t, []byte{3, 0, 0, 0, 0, 0, 0, 0}, openForged(file).section(nextSection))
	_, err = ix.Delete(idArray(arrowidx.IDInt64, []int64{1}), false)
	require.NoError(t, err)
	require.Equal(t, []byte{3, 0, 0, 0, 0, 0, 0, 0},
		openForged(arrowidxtest.Bytes(t, ix, true)).section(nextSection), "of no rows")
	ix.Close()
}

func TestAForgedNextIdIsRefused(t *testing.T) {
	ix, _ := build(t, []float32{1, 2, 3, 4, 5, 6}, 2, arrowidx.BuildOptions{}, false)
	_, err := ix.Delete(idArray(arrowidx.IDInt64, []int64{0, 2}), false)
	require.NoError(t, err)
	file := arrowidxtest.Bytes(t, ix, true)
	ix.Close()
	for _, next := range []uint64{0, 1, 2, 1<<63 + 1, math.MaxUint64} {
		bad := openForged(file)
		binary.LittleEndian.PutUint64(bad.section(nextSection), next)
		repair(bad.bytes)
		_, err := arrowidx.Decode(t.Context(), bad.bytes)
		require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%d: %v", next, err)
		require.ErrorContains(t, err, "section next id at offset")
	}
	bad := openForged(file)
	bad.section(parametersSection)[3] = byte(arrowidx.IDInt64) // such rows are not counted
	repair(bad.bytes)
	_, err = arrowidx.Decode(t.Context(), bad.bytes)
	require.ErrorContains(t, err, "section next id at offset")
}
