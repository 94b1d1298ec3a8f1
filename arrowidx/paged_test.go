package arrowidx_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
)

// countRows are clustered rows of whole numbers, which every type of numbers holds.
func countRows(t testing.TB, seed uint64, n, d int) []float32 {
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, seed), n, d, 12)
	for i, v := range rows {
		rows[i] = float32(min(max(int(v*60)+64, 0), 127))
	}
	return rows
}

// somewhereNull leaves out every 17th row.
func somewhereNull(n int) []bool {
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = i%17 != 3
	}
	return valid
}

func TestAnIndexOfRowsThatAreNotInMemoryIsTheSameByteForByte(t *testing.T) {
	t.Parallel()
	const n, d, k = 3000, 40, 10
	rows := countRows(t, 700, n, d)
	queries := append(arrowidxtest.Gaussian(arrowidxtest.Rand(t, 701), 6, d), rows[9*d:11*d]...)
	cases := 0
	for _, valid := range [][]bool{nil, somewhereNull(n)} {
		layouts := arrowidxtest.Layouts(rows, d, valid)
		for _, number := range []string{"float32", "float64", "float16", "int8", "uint8"} {
			for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
				for _, metric := range arrowidxtest.Metrics {
					if cases++; cases%5 != 0 && !arrowidxtest.Whole() {
						continue // 5 and the numbers of kinds, metrics have no common divisor
					}
					what := fmt.Sprintf("%s %s %s, nulls %v", number, kind, metric, valid != nil)
					a := layouts["fixed "+number]
					near := arrowidxtest.ColumnOf(t, a)
					far, pages := arrowidxtest.Paged(t, a)
					require.True(t, far.Paged())
					o := arrowidx.BuildOptions{Kind: kind, Metric: metric, Cells: 20,
						Nulls: arrowidx.SkipNulls}
					same(t, what, near, far, o, arrowidx.SearchParams{
						Queries: queries, NQ: 8, K: k, Rerank: -1})
					near.Release()
					far.Release()
					require.EqualValues(t, 1, pages.Closed.Load(), what)
				}
			}
		}
	}
}

// same builds an index of both columns and compares their files and answers.
func same(
	t *testing.T, what string, near, far *arrowidx.Column, o arrowidx.BuildOptions,
	p arrowidx.SearchParams,
) {
	t.Helper()
	var files [2][]byte
	var outs [3]arrowidx.SearchOut
	for i, col := range []*arrowidx.Column{near, far} {
		o.Threads = 2 - i
		ix, err := arrowidx.Build(t.Context(), col, o)
		require.NoError(t, err, what)
		files[i] = arrowidxtest.Bytes(t, ix, o.Keep != arrowidx.KeepNone)
		outs[i], _ = arrowidxtest.Search(t, ix, p)
		if i == 1 && p.NQ > 1 {
			outs[2] = arrowidxtest.Outputs(p.NQ, p.K)
			for q := range p.NQ {
				one := p
				one.NQ = 1
				one.Queries = p.Queries[q*ix.Dim() : (q+1)*ix.Dim()]
				part := arrowidxtest.Part(outs[2], q, 1, p.K)
				_, err := ix.Search(t.Context(), &one, &part)
				require.NoError(t, err, what)
			}
			require.Empty(t, arrowidxtest.Unequal(outs[0], outs[2]), what)
		}
		ix.Close()
	}
	require.True(t, string(files[0]) == string(files[1]), "%s: files differ", what)
	require.Empty(t, arrowidxtest.Unequal(outs[0], outs[1]), what)
}

func TestAnIndexOfCodesIsTheSameWhereverItsRowsWere(t *testing.T) {
	const n, d = 2500, 24
	a := arrowidxtest.FixedSizeList(countRows(t, 702, n, d), d, nil)
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
		near := arrowidxtest.ColumnOf(t, a)
		far, _ := arrowidxtest.Paged(t, a)
		same(t, kind.String(), near, far,
			arrowidx.BuildOptions{Kind: kind, Keep: arrowidx.KeepNone, Cells: 16},
			arrowidx.SearchParams{Queries: countRows(t, 703, 4, d), NQ: 4, K: 5})
		near.Release()
		far.Release()
	}
}

func TestPackedBitsThatAreNotInMemoryAnswerTheSame(t *testing.T) {
	const n, width, k = 700, 12, 9
	b := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator,
		&arrow.FixedSizeBinaryType{ByteWidth: width})
	r := arrowidxtest.Rand(t, 704)
	row := make([]byte, width)
	for i := range n {
		for j := range row {
			row[j] = byte(r.IntN(256))
		}
		if i%11 == 2 {
			b.AppendNull()
		} else {
			b.Append(row)
		}
	}
	a := b.NewArray()
	for _, metric := range []arrowidx.Metric{arrowidx.Hamming, arrowidx.Jaccard} {
		var files [2][]byte
		var outs [2]arrowidx.SearchOut
		for i := range files {
			col := arrowidxtest.ColumnOf(t, a)
			if i == 1 {
				col, _ = arrowidxtest.Paged(t, a)
			}
			ix, err := arrowidx.Build(t.Context(), col,
				arrowidx.BuildOptions{Metric: metric, Nulls: arrowidx.SkipNulls})
			require.NoError(t, err)
			col.Release()
			files[i] = arrowidxtest.Bytes(t, ix, true)
			outs[i], _ = arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Bits: append(row, row...), NQ: 2, K: k})
			bits := make([]byte, width)
			require.NoError(t, ix.PackedRow(5, bits))
			require.Equal(t, a.(*array.FixedSizeBinary).Value(5), bits)
			ix.Close()
		}
		require.True(t, string(files[0]) == string(files[1]))
		require.Empty(t, arrowidxtest.Unequal(outs[0], outs[1]))
	}
}

func TestABuildReadsRowsInOrderAndEachPassOnce(t *testing.T) {
	const n, d = 20_000, 16
	a := arrowidxtest.FixedSizeList(countRows(t, 705, n, d), d, nil)
	for kind, passes := range map[arrowidx.Kind]int{arrowidx.Flat: 2, arrowidx.IVF: 3} {
		col, pages := arrowidxtest.Paged(t, a)
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
			Kind: kind, Threads: 1, Keep: arrowidx.KeepNone, Cells: 40})
		require.NoError(t, err)
		sampled := 40*64 + 64
		if kind == arrowidx.Flat {
			sampled = 64
			require.LessOrEqual(t, int(pages.Steps.Load()), 4, "begins again for every pass")
		}
		measured := 256 * 64 // rows of calibration
		require.LessOrEqual(t, int(pages.Read.Load()), passes*n+sampled+measured, kind)
		ix.Close()
		col.Release()
	}
}

var errGone = fault.New(fault.FileMissing, "read", "the file a.parquet is gone", "put it back")

// pagedIndex is an index of rows that are not in memory.
func pagedIndex(
	t *testing.T, kind arrowidx.Kind,
) (*arrowidx.Index, *arrowidxtest.Pages, []float32) {
	const n, d = 2000, 16
	rows := countRows(t, 706, n, d)
	col, pages := arrowidxtest.Paged(t, arrowidxtest.FixedSizeList(rows, d, nil))
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind, Cells: 10,
		Metric: arrowidx.L2})
	require.NoError(t, err)
	col.Release()
	t.Cleanup(ix.Close)
	return ix, pages, rows
}

// unread is the same index with a column of which nothing was read yet.
func unread(
	t *testing.T, ix *arrowidx.Index, rows []float32,
) (*arrowidx.Index, *arrowidxtest.Pages) {
	col, pages := arrowidxtest.Paged(t, arrowidxtest.FixedSizeList(rows, ix.Dim(), nil))
	other, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, false))
	require.NoError(t, err)
	require.NoError(t, other.Attach(col))
	col.Release()
	t.Cleanup(other.Close)
	return other, pages
}

// readingVerbs are the calls that read vectors.
func readingVerbs(t *testing.T, ix *arrowidx.Index, rows []float32) map[string]func() error {
	ctx, d := t.Context(), ix.Dim()
	query := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 707), 40, d)
	search := func(p arrowidx.SearchParams) func() error {
		return func() error {
			out := arrowidxtest.Outputs(p.NQ, p.K)
			_, err := ix.Search(ctx, &p, &out)
			return err
		}
	}
	groups := make([]uint32, ix.Len())
	for i := range groups {
		groups[i] = uint32(i % 3)
	}
	some := arrowidxtest.Positions(5, 900, 1800)
	return map[string]func() error{
		"search":    search(arrowidx.SearchParams{Queries: query[:d], NQ: 1, K: 5, Rerank: -1}),
		"batch":     search(arrowidx.SearchParams{Queries: query, NQ: 40, K: 5, Rerank: -1}),
		"diversity": search(arrowidx.SearchParams{Queries: query[:d], NQ: 1, K: 5, Diversity: 0.5}),
		"one": func() error {
			_, _, err := ix.SearchOne(ctx, query[:d], 3)
			return err
		},
		"groups": func() error {
			out := arrowidxtest.Outputs(3, 4)
			_, err := ix.SearchGroups(ctx, &arrowidx.SearchParams{Queries: query[:d], NQ: 1, K: 4,
				Rerank: -1}, groups, 3, &out)
			return err
		},
		"within": func() error {
			near := 20.0
			_, err := ix.Within(ctx, &arrowidx.WithinParams{Queries: rows[:d], NQ: 1,
				MaxDistance: &near}, func(arrowidx.Range) error { return nil })
			return err
		},
		"recall": func() error {
			_, err := ix.MeasureRecall(ctx, arrowidx.RecallParams{K: 3, Sample: 10})
			return err
		},
		"row":     func() error { return ix.Row(77, make([]float32, d)) },
		"vectors": func() error { return ix.Vectors(some, make([]float32, 3*d)) },
		"matrix":  func() error { return ix.Matrix(make([]float32, ix.Len()*d), ix.Len()) },
		"save": func() error {
			return ix.Encode(ctx, &strings.Builder{}, true)
		},
		"dedup": func() error {
			near := 1.0
			out := dedupRoom(ix.Len())
			_, err := ix.Dedup(ctx, &arrowidx.DedupParams{MaxDistance: &near}, &out)
			return err
		},
	}
}

func TestARowThatCannotBeReadEndsEveryVerbWithItsErrorAndDamagesNothing(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, _, rows := pagedIndex(t, kind)
		before := arrowidxtest.Bytes(t, ix, true)
		for name := range readingVerbs(t, ix, rows) {
			// A build leaves rows that it read in memory: every verb has an index that read none.
			ix, pages := unread(t, ix, rows)
			verb := readingVerbs(t, ix, rows)[name]
			pages.Fail = func(from, n int) error {
				if from+n > 1000 { // the rest may be kept from before
					return fmt.Errorf("wrapped: %w", errGone)
				}
				return nil
			}
			err := verb()
			pages.Fail = nil
			if err == nil { // everything it asks for may be at hand
				require.Contains(t, []string{"search", "one", "within", "groups", "diversity", "vectors",
					"recall", "batch", "row"}, name, "%s %s", kind, name)
				continue
			}
			require.Equal(t, arrowidx.FileMissing, arrowidx.KindOf(err), "%s %s: %v", kind, name, err)
			require.ErrorContains(t, err, "a.parquet", "%s %s", kind, name)
			require.Equal(t, before, arrowidxtest.Bytes(t, ix, true), "the index is as it was")
		}
	}
}

func TestAPlaceThatChangedEndsEveryVerbThatReadsVectors(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, pages, rows := pagedIndex(t, kind)
		for name, verb := range readingVerbs(t, ix, rows) {
			pages.Changed = func() error {
				return fault.New(fault.VectorsChanged, "read", "a.parquet was changed", "build again")
			}
			err := verb()
			pages.Changed = nil
			require.Equal(t, arrowidx.VectorsChanged, arrowidx.KindOf(err), "%s %s", kind, name)
			require.ErrorContains(t, err, "a.parquet", "%s %s", kind, name)
		}
	}
}

func TestAForeignErrorOfReadingIsAPersistError(t *testing.T) {
	ix, pages, _ := pagedIndex(t, arrowidx.Flat)
	pages.Fail = func(int, int) error { return errors.New("input/output error") }
	err := ix.Row(1234, make([]float32, ix.Dim()))
	require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "input/output error")
}

func TestEveryVerbWorksOnRowsThatAreNotInMemory(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, _, rows := pagedIndex(t, kind)
		for name, verb := range readingVerbs(t, ix, rows) {
			require.NoError(t, verb(), "%s %s", kind, name)
		}
		added := arrowidxtest.Column(t, rows[:3*ix.Dim()], ix.Dim(), 1)
		_, err := ix.Add(t.Context(), nil, added, arrowidx.AddOptions{})
		require.NoError(t, err, kind)
		_, err = ix.Delete(arrowidxtest.Positions(7, 8, 1999), false)
		require.NoError(t, err, kind)
		require.NoError(t, ix.Compact(t.Context(), 0), kind)
		info := ix.Info()
		require.Equal(t, "a test", info.Where)
		require.Less(t, info.BorrowedBytes+info.IndexBytes, int64(2*4*len(rows)), kind)
		row := make([]float32, ix.Dim())
		require.NoError(t, ix.Row(3, row))
		require.Equal(t, rows[3*ix.Dim():4*ix.Dim()], row)
	}
}

func TestRowsThatNeedAllOthersCodedAnewAreRefusedWhereTheseAreNotInMemory(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Flat, arrowidx.IVF} {
		ix, pages, _ := pagedIndex(t, kind)
		long := make([]float32, ix.Dim())
		long[0] = 1e5
		col := arrowidxtest.Column(t, long, ix.Dim(), 1)
		before := pages.Read.Load()
		_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
		col.Release()
		require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err))
		require.ErrorContains(t, err, "no vectors in memory")
		require.Equal(t, before, pages.Read.Load())
	}
}

func TestNeighborsOfRowsThatAreNotInMemoryAreRefusedWithTheWayOut(t *testing.T) {
	ix, _, _ := pagedIndex(t, arrowidx.Flat)
	out := arrowidx.NeighborsOut{SearchOut: arrowidxtest.Outputs(ix.Len(), 3),
		Of: make([]int64, ix.Len())}
	_, err := ix.Neighbors(t.Context(), arrowidx.NeighborsParams{K: 3}, &out)
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "read_vectors")
}

func TestABuildOfRowsThatCannotBeReadOrAreCancelledLeavesNothing(t *testing.T) {
	const n, d = 9000, 8
	a := arrowidxtest.FixedSizeList(countRows(t, 708, n, d), d, nil)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for _, threads := range []int{1, 2} {
			col, pages := arrowidxtest.Paged(t, a)
			pages.Fail = func(from, n int) error {
				if from+n > 8000 {
					return errGone
				}
				return nil
			}
			_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind, Threads: threads})
			require.Equal(t, arrowidx.FileMissing, arrowidx.KindOf(err), err)
			ctx, cancel := context.WithCancel(t.Context())
			pages.Fail = func(int, int) error {
				cancel()
				return nil
			}
			_, err = arrowidx.Build(ctx, col, arrowidx.BuildOptions{Kind: kind, Threads: threads})
			require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
			col.Release()
			require.EqualValues(t, 1, pages.Closed.Load())
		}
	}
}

func TestTheColumnThatWasLeftOnDiskIsRecognised(t *testing.T) {
	const n, d = 1500, 12
	rows := countRows(t, 709, n, d)
	a := arrowidxtest.FixedSizeList(rows, d, nil)
	near := arrowidxtest.ColumnOf(t, a)
	defer near.Release()
	ix, err := arrowidx.Build(t.Context(), near, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	require.NoError(t, err)
	defer ix.Close()
	want, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: rows[:d], NQ: 1, K: 4})
	ix.Detach()
	far, _ := arrowidxtest.Paged(t, a)
	require.NoError(t, ix.Attach(far))
	far.Release()
	got, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{Queries: rows[:d], NQ: 1, K: 4})
	require.Empty(t, arrowidxtest.Unequal(want, got))
	other, _ := arrowidxtest.Paged(t, arrowidxtest.FixedSizeList(countRows(t, 710, n, d), d, nil))
	defer other.Release()
	require.Equal(t, arrowidx.VectorsChanged, arrowidx.KindOf(ix.Attach(other)))
}

func TestColumnsThatCannotBeAreRefusedAndThePagerIsClosed(t *testing.T) {
	for kind, is := range map[fault.Kind]arrowidx.Paged{
		fault.ColumnError:   {Rows: 3, Dim: 2, Number: arrow.INT32},
		fault.InvalidVector: {Rows: 3, Dim: 0, Number: arrow.FLOAT32},
		fault.LimitExceeded: {Rows: 3, Dim: arrowidx.MaxDim + 1, Number: arrow.FLOAT32},
	} {
		p := &arrowidxtest.Pages{}
		_, err := arrowidx.NewPagedColumn(p, is)
		require.Equal(t, kind, arrowidx.KindOf(err))
		require.EqualValues(t, 1, p.Closed.Load())
	}
}

func TestRowsHashToTheSameWhereverTheyAre(t *testing.T) {
	const n, d = 9000, 40
	for _, valid := range [][]bool{nil, somewhereNull(n)} {
		for name, a := range arrowidxtest.Layouts(countRows(t, 711, n, d), d, valid) {
			if !strings.HasPrefix(name, "fixed") {
				continue
			}
			near := arrowidxtest.ColumnOf(t, a)
			far, pages := arrowidxtest.Paged(t, a)
			want, err := near.Hash(t.Context(), 2)
			require.NoError(t, err)
			got, err := far.Hash(t.Context(), 2)
			require.NoError(t, err)
			require.Equal(t, want, got, "%s, nulls %v", name, valid != nil)
			pages.Fail = func(int, int) error { return errGone }
			_, err = far.Hash(t.Context(), 2)
			require.Equal(t, arrowidx.FileMissing, arrowidx.KindOf(err))
			near.Release()
			far.Release()
		}
	}
}

func TestABuildOfAPlaceThatChangesMeanwhileIsRefused(t *testing.T) {
	a := arrowidxtest.FixedSizeList(countRows(t, 712, 500, 8), 8, nil)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		col, pages := arrowidxtest.Paged(t, a)
		pages.Changed = func() error { return fault.New(fault.VectorsChanged, "read", "changed", "") }
		_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
		require.Equal(t, arrowidx.VectorsChanged, arrowidx.KindOf(err))
		col.Release()
		require.EqualValues(t, 1, pages.Closed.Load())
	}
}
