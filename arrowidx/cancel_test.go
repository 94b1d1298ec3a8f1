package arrowidx_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// lastingContext is cancelled when it was asked for the given number of times.
type lastingContext struct {
	context.Context
	left atomic.Int64
}

func lasting(t *testing.T, looks int64) *lastingContext {
	c := &lastingContext{Context: t.Context()}
	c.left.Store(looks)
	return c
}

func (c *lastingContext) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// looks is how often the context was asked.
func (c *lastingContext) looks(begun int64) int64 { return begun - c.left.Load() }

const endless = 1 << 40

// operation is one that can be cancelled.
type operation struct {
	name string
	run  func(ctx context.Context) error
	mega int64 // megabytes read or written, at least
}

func operations(t *testing.T) []operation {
	const n, d, nq = 40_000, 64, 40
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 260), n+nq, d)
	queries := rows[n*d:]
	col := arrowidxtest.Column(t, rows[:n*d], d, 3)
	t.Cleanup(col.Release)
	flat, file := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: arrowidx.Flat}, true)
	exact, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: arrowidx.Exact}, false)
	path := filepath.Join(t.TempDir(), "index.rvx")
	require.NoError(t, flat.Save(t.Context(), path, true))
	building := func(kind arrowidx.Kind, threads int) func(context.Context) error {
		return func(ctx context.Context) error {
			ix, err := arrowidx.Build(ctx, col, arrowidx.BuildOptions{Kind: kind, Threads: threads})
			if err == nil {
				ix.Close()
			}
			return err
		}
	}
	searching := func(ix *arrowidx.Index, p arrowidx.SearchParams) func(context.Context) error {
		p.Queries, p.NQ, p.K = queries, nq, 5
		return func(ctx context.Context) error {
			out := arrowidxtest.Outputs(nq, 5)
			_, err := ix.Search(ctx, &p, &out)
			return err
		}
	}
	loading := func(
		load func(ctx context.Context) (*arrowidx.Index, error),
	) func(context.Context) error {
		return func(ctx context.Context) error {
			ix, err := load(ctx)
			if err == nil {
				ix.Close()
			}
			return err
		}
	}
	return []operation{
		{"build of kind exact", building(arrowidx.Exact, 1), 20},
		{"build of kind flat", building(arrowidx.Flat, 1), 20},
		{"build of kind flat on 2 threads", building(arrowidx.Flat, 2), 20},
		{"search of kind exact", searching(exact, arrowidx.SearchParams{Threads: 1}), 20},
		{"search of kind flat", searching(flat, arrowidx.SearchParams{Rerank: -1, Threads: 2}), 2},
		{"search of all vectors", searching(flat, arrowidx.SearchParams{Rerank: -1, Recall: 1}), 20},
		{"save", func(ctx context.Context) error { return flat.Save(ctx, path, true) }, 24},
		{"load", loading(func(ctx context.Context) (*arrowidx.Index, error) {
			return arrowidx.Load(ctx, path)
		}), 12},
		{"decode", loading(func(ctx context.Context) (*arrowidx.Index, error) {
			return arrowidx.Decode(ctx, file)
		}), 12},
	}
}

// The way to the next look at the context is short: at most a megabyte of data, whatever the size
// of the operation.
func TestTheContextIsLookedAtOften(t *testing.T) {
	for _, o := range operations(t) {
		ctx := lasting(t, endless)
		require.NoError(t, o.run(ctx), o.name)
		require.GreaterOrEqual(t, ctx.looks(endless), o.mega, o.name)
	}
}

func TestACancelAnywhereEndsTheOperation(t *testing.T) {
	for _, o := range operations(t) {
		whole := lasting(t, endless)
		require.NoError(t, o.run(whole), o.name)
		all := whole.looks(endless)
		for _, at := range []int64{0, 1, all / 4, all / 2, all - 1} {
			ctx := lasting(t, at)
			err := o.run(ctx)
			require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%s at look %d of %d: %v",
				o.name, at, all, err)
			require.ErrorIs(t, err, context.Canceled)
			// Workers may each look once more; nobody begins again.
			require.LessOrEqual(t, ctx.looks(at), at+2*int64(runtime.GOMAXPROCS(0))+2, o.name)
		}
		require.NoError(t, o.run(t.Context()), "%s works after it was cancelled", o.name)
	}
}

func TestACancelledSaveLeavesTheOldFileAlone(t *testing.T) {
	const n, d = 20_000, 32
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 261), n, d)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Flat}, false)
	dir := t.TempDir()
	path := filepath.Join(dir, "index.rvx")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	for at := range int64(12) {
		require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(ix.Save(lasting(t, at), path, true)))
		have, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, "old", string(have))
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, left, 1, "no temporary file stays")
	}
	require.NoError(t, ix.Save(t.Context(), path, true))
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), st.Mode().Perm(), "a saved file keeps its mode")
}

// brokenWriter fails after some bytes.
type brokenWriter struct{ left int }

var errFull = errors.New("the disk is full")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		n := w.left
		w.left = 0
		return n, errFull
	}
	w.left -= len(p)
	return len(p), nil
}

func TestAFailingWriterIsAPersistErrorWithItsCause(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 262), 200, 8)
	ix, file := build(t, rows, 8, arrowidx.BuildOptions{Kind: arrowidx.Flat}, true)
	for _, room := range []int{0, 1, 63, 64, 100, 1000, len(file) / 2, len(file) - 1} {
		err := ix.Encode(t.Context(), &brokenWriter{room}, true)
		require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err), "room for %d", room)
		require.ErrorIs(t, err, errFull)
		require.ErrorContains(t, err, "save: ")
	}
	require.NoError(t, ix.Encode(t.Context(), &brokenWriter{len(file)}, true))
	err := ix.Save(t.Context(), filepath.Join(t.TempDir(), "none", "index.rvx"), true)
	require.Equal(t, arrowidx.FileMissing, arrowidx.KindOf(err))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestProgressRisesToTheNumberOfRows(t *testing.T) {
	const n, d = 150_000, 8
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 263), n, d)
	col := arrowidxtest.Column(t, rows, d, 4)
	defer col.Release()
	for _, kind := range bothKinds {
		progress := &arrowidx.Progress{}
		stop, seen := make(chan bool), make(chan error)
		go func() { seen <- watch(progress, stop) }()
		ix, err := arrowidx.Build(t.Context(), col,
			arrowidx.BuildOptions{Kind: kind, Progress: progress})
		close(stop)
		require.NoError(t, err)
		require.NoError(t, <-seen)
		done, total := progress.Done()
		require.Equal(t, []int64{n, n}, []int64{done, total}, kind)
		ix.Close()
	}
	cancelled := &arrowidx.Progress{}
	_, err := arrowidx.Build(lasting(t, 5), col, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Progress: cancelled, Threads: 1})
	require.Error(t, err)
	done, total := cancelled.Done()
	require.Less(t, done, total)
	require.EqualValues(t, n, total)
}

// watch reads a progress until told to stop: it never falls and never passes the total.
func watch(p *arrowidx.Progress, stop chan bool) error {
	last := int64(0)
	for {
		done, total := p.Done()
		if done < last || done > total && total > 0 {
			return errors.New("progress fell or passed its total")
		}
		last = done
		select {
		case <-stop:
			return nil
		default:
			runtime.Gosched()
		}
	}
}
