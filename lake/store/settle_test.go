package store_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// writtenTo has a file written to every few milliseconds until the test ends.
func writtenTo(t *testing.T, path string) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
				if _, err := f.WriteAt([]byte{0}, 20); err != nil {
					t.Errorf("writing: %v", err)
					return
				}
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
		require.NoError(t, f.Close())
	})
}

// busy are stores whose collection "a" never comes to rest.
func busy(t *testing.T) map[string]backend.Backend {
	files, dir := newFS(t)
	put(t, filepath.Join(dir, "a.ruvec1"), ruvec1(1, 1, []uint64{1}, []float32{1}))
	writtenTo(t, filepath.Join(dir, "a.ruvec1"))
	tables, dir := newParquet(t, store.ParquetOptions{IDs: "key"})
	put(t, filepath.Join(dir, "a.parquet"),
		parquetBytes(t, int64s(1), vectorsOf([]float32{1, 2}, 2), 10))
	writtenTo(t, filepath.Join(dir, "a.parquet"))
	folders, dir := newParquet(t, store.ParquetOptions{IDs: "key"})
	many(t, filepath.Join(dir, "a"), 70)
	writtenTo(t, filepath.Join(dir, "a", "part-0007.parquet"))
	return map[string]backend.Backend{"ruvec1": files, "parquet": tables, "folder": folders}
}

// until tries again while a file was at rest after all: the machine may keep its writer waiting for
// longer than a pull waits for it.
func until(t *testing.T, try func() error) error {
	for range 50 {
		if err := try(); err != nil {
			return err
		}
	}
	t.Fatal("the writer never got its turn")
	return nil
}

func TestAFileThatNeverComesToRestIsAnError(t *testing.T) {
	for name, b := range busy(t) {
		var begun time.Time
		err := until(t, func() error {
			begun = time.Now()
			return readWhole(t, b, "a")
		})
		require.Equal(t, fault.BackendError, fault.KindOf(err), "%s: %v", name, err)
		assert.Contains(t, err.Error(), "while it was read", name)
		assert.Less(t, time.Since(begun), 30*time.Second, name)
	}
}

func TestWaitingForAFileEndsWithItsContext(t *testing.T) {
	for name, b := range busy(t) {
		err := until(t, func() error {
			ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer stop()
			p, err := b.Pull(ctx, "a")
			if err == nil {
				p.Rows.Release()
			}
			return err
		})
		require.Equal(t, fault.Cancelled, fault.KindOf(err), "%s: %v", name, err)
	}
}

// What a program makes at whole seconds, as file systems without finer times do.
func TestTimesOfWholeSecondsDoNotHideAChange(t *testing.T) {
	b, dir := newFS(t)
	path := filepath.Join(dir, "a.ruvec1")
	when := time.Now().Truncate(time.Second)
	var seen []backend.Stamp
	for state := range 5 {
		put(t, path, ruvec1(1, 1, []uint64{1}, []float32{float32(state)}))
		require.NoError(t, os.Chtimes(path, when, when))
		_, vectors := contents(t, b, "a")
		assert.Equal(t, []float32{float32(state)}, vectors)
		s, err := b.Stamp(t.Context(), "a")
		require.NoError(t, err)
		assert.NotContains(t, seen, s)
		seen = append(seen, s)
	}
}
