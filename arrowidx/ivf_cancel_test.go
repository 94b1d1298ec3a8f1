package arrowidx_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

const cancelRows, cancelDim = 3000, 48

// countedColumn is a column whose memory is counted: check fails unless all of it was given back.
func countedColumn(t *testing.T, seed uint64) (col *arrowidx.Column, check func()) {
	counted := memory.NewCheckedAllocator(memory.DefaultAllocator)
	b := array.NewFixedSizeListBuilder(counted, cancelDim, arrow.PrimitiveTypes.Float32)
	defer b.Release()
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, seed), cancelRows, cancelDim, 30)
	for i := range cancelRows {
		b.Append(true)
		b.ValueBuilder().(*array.Float32Builder).AppendValues(
			rows[i*cancelDim:(i+1)*cancelDim], nil)
	}
	list := b.NewListArray()
	defer list.Release()
	col = arrowidxtest.ColumnOf(t, list)
	return col, func() { counted.AssertSize(t, 0) }
}

func cellsBuild(threads int, keep arrowidx.Keep) arrowidx.BuildOptions {
	return arrowidx.BuildOptions{Kind: arrowidx.IVF, Threads: threads, Keep: keep,
		Metric: arrowidx.L2, Progress: &arrowidx.Progress{}}
}

// stagedContext is cancelled once so many tenths of a build are done: two for each stage.
type stagedContext struct {
	context.Context
	progress *arrowidx.Progress
	tenths   int64
}

func (c *stagedContext) Err() error {
	if done, total := c.progress.Done(); total > 0 && 10*done >= c.tenths*total {
		return context.Canceled
	}
	return nil
}

// Reading, training, assigning, coding, calibrating and copying all stop where they are.
func TestACancelAtEveryStageOfCellsEndsTheBuild(t *testing.T) {
	col, check := countedColumn(t, 330)
	for _, threads := range []int{1, 2} {
		whole := lasting(t, endless)
		o := cellsBuild(threads, arrowidx.KeepCopy)
		ix, err := arrowidx.Build(whole, col, o)
		require.NoError(t, err)
		want := hash(arrowidxtest.Bytes(t, ix, true))
		ix.Close()
		all := whole.looks(endless)
		require.Greater(t, all, int64(40), "there are stages to stop in")
		for i := range int64(8) {
			at := i * (all - 1) / 7
			_, err := arrowidx.Build(lasting(t, at), col, cellsBuild(threads, arrowidx.KeepCopy))
			require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "look %d of %d: %v", at, all,
				err)
			require.ErrorIs(t, err, context.Canceled)
		}
		for tenth := range int64(10) {
			o := cellsBuild(threads, arrowidx.KeepCopy)
			_, err := arrowidx.Build(&stagedContext{t.Context(), o.Progress, tenth}, col, o)
			require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%d tenths done: %v", tenth,
				err)
			require.ErrorIs(t, err, context.Canceled)
			done, total := o.Progress.Done()
			require.EqualValues(t, cancelRows, total)
			require.LessOrEqual(t, done, total)
			require.GreaterOrEqual(t, 10*done, tenth*total)
		}
		ix, err = arrowidx.Build(t.Context(), col, cellsBuild(threads, arrowidx.KeepCopy))
		require.NoError(t, err, "a later build works")
		require.Equal(t, want, hash(arrowidxtest.Bytes(t, ix, true)))
		ix.Close()
	}
	col.Release()
	check()
}

func TestADeadlineDuringABuildOfCellsIsCancelled(t *testing.T) {
	col, check := countedColumn(t, 331)
	cancelled := 0
	for wait := time.Duration(0); wait < 20*time.Second; wait = wait*3/2 + 2*time.Millisecond {
		ctx, stop := context.WithTimeout(t.Context(), wait)
		ix, err := arrowidx.Build(ctx, col, cellsBuild(2, arrowidx.KeepBorrow))
		stop()
		if err == nil {
			ix.Close()
			break
		}
		require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "after %v: %v", wait, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		cancelled++
	}
	require.Greater(t, cancelled, 2)
	col.Release()
	check()
}

func TestACancelledSearchOrCalibrationOfCellsIsHarmless(t *testing.T) {
	const nq, k = 60, 5
	col, check := countedColumn(t, 332)
	ix, err := arrowidx.Build(t.Context(), col, cellsBuild(2, arrowidx.KeepBorrow))
	require.NoError(t, err)
	p := arrowidx.SearchParams{NQ: nq, K: k, Rerank: -1, Threads: 2,
		Queries: arrowidxtest.Clustered(arrowidxtest.Rand(t, 333), nq, cancelDim, 30)}
	want, _ := arrowidxtest.Search(t, ix, p)
	tuned := ix.Info().Calibration
	for name, run := range map[string]func(ctx context.Context) error{
		"search": func(ctx context.Context) error {
			out := arrowidxtest.Outputs(nq, k)
			_, err := ix.Search(ctx, &p, &out)
			return err
		},
		"calibrate": func(ctx context.Context) error {
			return ix.Calibrate(ctx, arrowidx.CalibrateParams{Queries: p.Queries, NQ: nq, Threads: 2})
		},
	} {
		// Counted on a copy, whose calibration may change.
		again, err := arrowidx.Decode(t.Context(), arrowidxtest.Bytes(t, ix, true))
		require.NoError(t, err)
		whole := lasting(t, endless)
		if name == "search" {
			require.NoError(t, run(whole))
		} else {
			require.NoError(t, again.Calibrate(whole, arrowidx.CalibrateParams{
				Queries: p.Queries, NQ: nq, Threads: 2}))
		}
		again.Close()
		all := whole.looks(endless)
		for i := range int64(10) {
			err := run(lasting(t, i*(all-1)/12))
			require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%s: %v", name, err)
		}
		require.Equal(t, tuned, ix.Info().Calibration, "%s: settings are whole or unchanged", name)
		got, _ := arrowidxtest.Search(t, ix, p)
		require.Empty(t, arrowidxtest.Unequal(want, got), name)
	}
	ix.Close()
	col.Release()
	check()
}

// mapped returns the bytes of address space in use, without what the runtimes of Go and C keep.
func mapped(t *testing.T) int64 {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("the system does not tell")
	}
	var sum int64
	for line := range strings.Lines(string(maps)) {
		from, rest, _ := strings.Cut(line, "-")
		to, rest, _ := strings.Cut(rest, " ")
		start, err := strconv.ParseUint(from, 16, 64)
		require.NoError(t, err)
		end, err := strconv.ParseUint(to, 16, 64)
		require.NoError(t, err)
		size, high := int64(end-start), start>>36
		own := high != 0xc && high != 0x4 && size != 8<<20 // Go's heap, the stack of a thread
		if own && !strings.HasPrefix(rest, "---") {        // what malloc reserves for a thread
			sum += size
		}
	}
	return sum
}

// A build whose last stage is cancelled holds the most memory that there is to lose.
func TestCancelledBuildsOfCellsKeepNoMemory(t *testing.T) {
	const n, d, builds = 100, 8192, 30
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 334), n, d)
	col := arrowidxtest.Column(t, rows, d, 1)
	defer col.Release()
	o := arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 9, Cells: 8, Keep: arrowidx.KeepCopy}
	whole := lasting(t, endless)
	ix, err := arrowidx.Build(whole, col, o)
	require.NoError(t, err)
	lost := ix.Info().IndexBytes
	ix.Close()
	before := mapped(t)
	for i := range int64(builds) {
		_, err := arrowidx.Build(lasting(t, whole.looks(endless)-2-i%4), col, o)
		require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%v", err)
	}
	require.Less(t, mapped(t)-before, lost*builds*2/3, "%d bytes an index", lost)
}
