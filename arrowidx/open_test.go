package arrowidx_test

import (
	"bytes"
	"math"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// What opening a file and attaching a column promise, and what memory costs.

// heapGrowth is how much more Go memory is alive after f than before.
func heapGrowth(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return int64(after.HeapAlloc) - int64(before.HeapAlloc)
}

func TestOpeningTakesTheFileAndATenthAtMost(t *testing.T) {
	const n, d = 30_000, 32
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 270), n, d)
	for _, kind := range bothKinds {
		for _, ids := range []string{"positions", "uint64", "string"} {
			o := arrowidx.BuildOptions{Kind: kind, IDs: arrowidxtest.EveryIDs(t, n)[ids]}
			_, file := build(t, rows, d, o, true)
			var ix *arrowidx.Index
			grown := heapGrowth(func() {
				var err error
				ix, err = arrowidx.Decode(t.Context(), file)
				require.NoError(t, err)
			})
			// The file itself lies in one mapping outside the Go heap.
			require.LessOrEqual(t, grown, int64(len(file))/10, "%s with ids of %s", kind, ids)
			told := ix.Info().IndexBytes
			require.InEpsilon(t, len(file), told, 0.1, "%s with ids of %s: bytes told", kind, ids)
			ix.Close()
		}
	}
}

// A small file that claims to be large is refused before anything is allocated.
func TestAFileThatClaimsMuchTakesNothing(t *testing.T) {
	for _, claim := range []forgery{
		parameter("2^31 rows", 8, 0, 0, 0, 0x80, 0, 0, 0, 0),
		parameter("65,536 dimensions", 4, 0, 0, 1, 0),
		parameter("9 bits", 2, 9),
	} {
		f := openForged(forgedOf(t, arrowidx.Flat))
		claim.forge(f)
		repair(f.bytes)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := arrowidx.Decode(t.Context(), f.bytes)
		runtime.ReadMemStats(&after)
		require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), claim.field)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), claim.field)
	}
}

func TestCodesTakeTheBytesTheyAreSaidToTake(t *testing.T) {
	const n, d = 3200, 128
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 271), n, d)
	for bits := 1; bits <= 9; bits++ {
		o := arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: bits, Keep: arrowidx.KeepNone}
		ix, _ := build(t, rows, d, o, false)
		in := ix.Info()
		perRow := d/8 + 12 // signs and factors
		if bits > 1 {
			perRow += d*(bits-1)/8 + 12
		}
		fixed := int64(n/8 + 4*d + 16*d) // alive bits, mean, signs of the rotation
		require.Equal(t, int64(n*perRow)+fixed, in.IndexBytes, "%d bits", bits)
		require.Equal(t, d/8+12, in.RowBytes, "the plane is what every query reads")
		require.Zero(t, in.BorrowedBytes)
		ix.Close()
	}
}

func TestKeepingVectorsIsCounted(t *testing.T) {
	const n, d = 500, 16
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 272), n, d)
	base, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 4,
		Keep: arrowidx.KeepNone}, false)
	none := base.Info().IndexBytes
	for keep, want := range map[arrowidx.Keep][2]int64{
		arrowidx.KeepAuto:   {none, 4 * n * d},
		arrowidx.KeepBorrow: {none, 4 * n * d},
		arrowidx.KeepCopy:   {none + 4*n*d, 0},
	} {
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 4, Keep: keep},
			false)
		in := ix.Info()
		require.Equal(t, want, [2]int64{in.IndexBytes, in.BorrowedBytes}, keep)
		require.True(t, in.Vectors)
		ix.Detach()
		require.Equal(t, none, ix.Info().IndexBytes, "detached, only codes are left")
		require.False(t, ix.Info().Vectors)
	}
	col := arrowidxtest.ColumnOf(t, arrowidxtest.Layouts(rows, d, nil)["fixed float64"])
	defer col.Release()
	require.EqualValues(t, 8*n*d, col.Bytes(), "float64 is borrowed as float64")
}

func TestACopyOutlivesItsColumnAndABorrowedOneIsHeld(t *testing.T) {
	const n, d = 100, 4
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 273), n, d)
	a := arrowidxtest.FixedSizeList(rows, d, nil)
	values := a.ListValues().(*array.Float32).Float32Values()
	col := arrowidxtest.ColumnOf(t, a)
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
		Kind: arrowidx.Exact, Keep: arrowidx.KeepCopy, Metric: arrowidx.L2})
	require.NoError(t, err)
	defer ix.Close()
	col.Release()
	clear(values)
	got := make([]float32, d)
	for i := range n {
		require.NoError(t, ix.Row(int64(i), got))
		require.Equal(t, rows[i*d:(i+1)*d], got)
	}
}

// One search on one thread, warmed up, leaves almost nothing to the collector.
func TestAWarmSearchAllocatesLittle(t *testing.T) {
	const n, d = 20_000, 64
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 274), n+1, d, 50)
	for _, kind := range bothKinds {
		ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: kind}, false)
		p := arrowidx.SearchParams{Queries: rows[n*d:], NQ: 1, K: 10, Rerank: -1, Threads: 1}
		out := arrowidxtest.Outputs(1, 10)
		count := testing.AllocsPerRun(50, func() {
			if _, err := ix.Search(t.Context(), &p, &out); err != nil {
				panic(err)
			}
		})
		require.LessOrEqual(t, count, 4.0, "allocations of a search of kind %s", kind)
	}
}

func TestTheDigestSeesFirstLastAndSampledRows(t *testing.T) {
	const n, d = 640, 3
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 275), n, d)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Flat}, false)
	sampled := map[int]bool{}
	for i := range 64 {
		sampled[(n-1)*i/63] = true
	}
	for row := range n {
		changed := append([]float32(nil), rows...)
		changed[row*d+1] = math.Nextafter32(changed[row*d+1], 9)
		col := arrowidxtest.Column(t, changed, d, 1)
		err := ix.Attach(col)
		col.Release()
		if sampled[row] {
			require.Equal(t, arrowidx.VectorsChanged, arrowidx.KindOf(err), "row %d", row)
		} else {
			require.NoError(t, err, "row %d is not sampled", row)
		}
	}
	for name, layout := range arrowidxtest.Layouts(rows, d, nil) {
		if name == "fixed float64" || name == "large float32" {
			col := arrowidxtest.ColumnOf(t, layout)
			require.NoError(t, ix.Attach(col), "%s holds the same numbers", name)
			col.Release()
		}
	}
}

func TestSkippedRowsDoNotCountForTheDigest(t *testing.T) {
	const n, d = 64, 2
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 276), n, d)
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = i%3 != 0
	}
	column := func() *arrowidx.Column {
		return arrowidxtest.ColumnOf(t, arrowidxtest.FixedSizeList(rows, d, valid))
	}
	col := column()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Nulls: arrowidx.SkipNulls})
	require.NoError(t, err)
	defer ix.Close()
	col.Release()
	rows[0], rows[6*d] = 99, float32(math.NaN()) // what lies under a null says nothing
	col = column()
	defer col.Release()
	require.NoError(t, ix.Attach(col))
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(ix.Row(0, make([]float32, d))))
	require.NoError(t, ix.Row(1, make([]float32, d)))
}

// A column of nulls alone has no dimension; its index is empty, saved, loaded and attached to.
func TestAColumnOfNullsAloneSurvivesTheWholePath(t *testing.T) {
	b := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
	b.AppendNulls(40)
	a := b.NewArray()
	col := arrowidxtest.ColumnOf(t, a)
	defer col.Release()
	require.Equal(t, []int{40, 0, 40}, []int{col.Len(), col.Dim(), col.NullCount()})
	_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{})
	require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err))
	for _, kind := range bothKinds {
		progress := &arrowidx.Progress{}
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
			Kind: kind, Nulls: arrowidx.SkipNulls, Progress: progress})
		require.NoError(t, err)
		done, total := progress.Done()
		require.Equal(t, []int64{40, 40}, []int64{done, total}, "progress ends at the total")
		path := filepath.Join(t.TempDir(), "nulls.rvx")
		require.NoError(t, ix.Save(t.Context(), path, false))
		again, err := arrowidx.Load(t.Context(), path)
		require.NoError(t, err)
		for _, ix := range []*arrowidx.Index{ix, again} {
			require.NoError(t, ix.Attach(col))
			out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{NQ: 2, K: 3, Rerank: -1})
			require.Equal(t, []int64{0, 0}, out.Counts)
			require.EqualValues(t, 40, plan.Nulls)
			require.NoError(t, ix.Encode(t.Context(), &bytes.Buffer{}, true))
			ix.Close()
		}
	}
}
