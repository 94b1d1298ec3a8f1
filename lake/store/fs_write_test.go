package store_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

func TestAWrittenFileIsExactlyTheFormat(t *testing.T) {
	b, dir := newFS(t)
	path := filepath.Join(dir, "a.ruvec1")
	ids := idsOf(t, uint64s(3, 1<<63))
	require.NoError(t, b.Write(t.Context(), "a", ids, matrix(t, []float32{1, 2, 3, 4}, 2)))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, ruvec1(2, 2, []uint64{3, 1 << 63}, []float32{1, 2, 3, 4}), got)
	names, vectors := contents(t, b, "a")
	assert.Equal(t, []string{"3", "9223372036854775808"}, names)
	assert.Equal(t, []float32{1, 2, 3, 4}, vectors)
	require.NoError(t, os.Chmod(path, 0o640))
	none := matrix(t, nil, 2)
	require.NoError(t, b.Write(t.Context(), "a", arrowidx.PositionIDs(0), none))
	st, err := os.Stat(path)
	require.NoError(t, err)
	assert.EqualValues(t, 24, st.Size())
	assert.Equal(t, os.FileMode(0o640), st.Mode().Perm(), "the mode is kept")
	names, _ = contents(t, b, "a")
	assert.Empty(t, names)
	require.NoError(t, b.Write(t.Context(), "a", ids, wide(t, []float64{.1, 2, 3, 4}, 2)))
	_, vectors = contents(t, b, "a")
	assert.Equal(t, []float32{.1, 2, 3, 4}, vectors, "float64 is rounded")
	long := strings.Repeat("é", 124)
	require.NoError(t, b.Write(t.Context(), long, ids, matrix(t, []float32{1, 2, 3, 4}, 2)))
	assert.NoError(t, readWhole(t, b, long))
	assert.Len(t, listed(t, dir), 2, "nothing is left beside the files")
}

func listed(t testing.TB, dir string) []string {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestABadWriteChangesNothing(t *testing.T) {
	ctx := t.Context()
	ended, stop := context.WithCancel(ctx)
	stop()
	good := idsOf(t, uint64s(9))
	for _, c := range []struct {
		name string
		do   func(b *store.FS) error
		kind fault.Kind
		says string
	}{
		{"a name", func(b *store.FS) error { return b.Write(ctx, "../x", good, one(t)) },
			fault.LakeError, "../x"},
		{"a long name", func(b *store.FS) error {
			return b.Write(ctx, strings.Repeat("n", 250), good, one(t))
		}, fault.InvalidArgument, "257 bytes"},
		{"texts", func(b *store.FS) error { return b.Write(ctx, "a", idsOf(t, texts("x")), one(t)) },
			fault.InvalidArgument, "texts"},
		{"a negative id", func(b *store.FS) error {
			return b.Write(ctx, "a", idsOf(t, int64s(1, -5)), matrix(t, []float32{1, 2, 3, 4}, 2))
		}, fault.InvalidArgument, "id -5 of row 1"},
		{"bits", func(b *store.FS) error { return b.Write(ctx, "a", good, packed(t, "ab")) },
			fault.InvalidArgument, "packed bits"},
		{"float64", func(b *store.FS) error {
			return b.Write(ctx, "a", good, wide(t, []float64{.1, -1e39}, 2))
		}, fault.InvalidVector, "row 0, column 1 holds a number outside float32"},
		{"NaN", func(b *store.FS) error {
			return b.Write(ctx, "a", good, matrix(t, []float32{1, float32(math.NaN())}, 2))
		}, fault.InvalidVector, "row 0, column 1 holds NaN"},
		{"an ended context", func(b *store.FS) error { return b.Write(ended, "a", good, one(t)) },
			fault.Cancelled, ""},
		{"an index file", func(b *store.FS) error { return b.Write(ctx, "ix", good, one(t)) },
			fault.InvalidArgument, "ix.rvx"},
		{"a folder", func(b *store.FS) error { return b.Write(ctx, "folder", good, one(t)) },
			fault.InvalidArgument, "not a regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, dir := newFS(t)
			first := ruvec1(1, 2, []uint64{1}, []float32{7, 8})
			put(t, filepath.Join(dir, "a.ruvec1"), first)
			put(t, filepath.Join(dir, "ix.rvx"), nil)
			require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.ruvec1"), 0o700))
			err := c.do(b)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			assert.Contains(t, err.Error(), c.says)
			now, err := os.ReadFile(filepath.Join(dir, "a.ruvec1"))
			require.NoError(t, err)
			assert.Equal(t, first, now)
			assert.Len(t, listed(t, dir), 3)
		})
	}
}

// fullFolder is the variable that tells a child of a test to write to a folder under a limit.
const fullFolder = "RUVECTOR_TEST_FULL_FOLDER"

// The system refuses to make files longer than a limit, as it does on a disk that is full.
func TestAFullDiskIsNamedAndTheOldFileStays(t *testing.T) {
	if dir := os.Getenv(fullFolder); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
		b, err := store.NewFS("files", dir)
		require.NoError(t, err)
		ids := arrowidx.PositionIDs(20_000)
		err = b.Write(t.Context(), "a", ids, matrix(t, make([]float32, 20_000*32), 32))
		fmt.Printf("kind %v: %v\n", fault.KindOf(err), err)
		return
	}
	dir := t.TempDir()
	first := ruvec1(1, 2, []uint64{1}, []float32{7, 8})
	put(t, filepath.Join(dir, "a.ruvec1"), first)
	child := exec.Command(os.Args[0], "-test.run", "TestAFullDiskIsNamedAndTheOldFileStays$")
	child.Env = append(os.Environ(), fullFolder+"="+dir)
	said, err := child.CombinedOutput()
	require.NoError(t, err, "%s", said)
	assert.Contains(t, string(said), "kind BackendError: ")
	assert.Contains(t, string(said), "make room on the disk")
	assert.NotContains(t, string(said), ".tmp")
	now, err := os.ReadFile(filepath.Join(dir, "a.ruvec1"))
	require.NoError(t, err)
	assert.Equal(t, first, now)
	assert.Equal(t, []string{"a.ruvec1"}, listed(t, dir))
}

func TestWhatKilledWritersLeaveGoesAndThatOfLivingOnesStays(t *testing.T) {
	b, dir := newFS(t)
	left := filepath.Join(dir, ".a.ruvec1.4711-17c.tmp")
	held := filepath.Join(dir, ".a.ruvec1.4712-17d.tmp")
	other := filepath.Join(dir, ".b.ruvec1.4711-17c.tmp")
	for _, path := range []string{left, held, other} {
		put(t, path, []byte("half a file"))
	}
	f, err := os.Open(held)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	require.NoError(t, b.Write(t.Context(), "a", idsOf(t, uint64s(9)), one(t)))
	assert.Equal(t, []string{filepath.Base(held), filepath.Base(other), "a.ruvec1"}, listed(t, dir))
}

func TestWritersOfOneFileDoNotMix(t *testing.T) {
	b, dir := newFS(t)
	second, err := store.NewFS("files", dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, second.Close()) }()
	const rows, dim = 500, 8
	var wg sync.WaitGroup
	for w, fs := range []*store.FS{b, second, b} {
		wg.Go(func() {
			values := make([]float32, rows*dim)
			for i := range values {
				values[i] = float32(w)
			}
			for range 20 {
				if err := fs.Write(t.Context(), "a", arrowidx.PositionIDs(rows),
					matrix(t, values, dim)); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	wg.Wait()
	_, vectors := contents(t, b, "a")
	require.Len(t, vectors, rows*dim)
	for _, v := range vectors {
		require.Equal(t, vectors[0], v)
	}
	assert.Equal(t, []string{"a.ruvec1"}, listed(t, dir))
}

func TestAWriteIsSeenHoweverTheClockStands(t *testing.T) {
	b, dir := newFS(t)
	path := filepath.Join(dir, "a.ruvec1")
	require.NoError(t, b.Write(t.Context(), "a", idsOf(t, uint64s(9)), one(t)))
	future := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(path, future, future))
	before, err := b.Stamp(t.Context(), "a")
	require.NoError(t, err)
	require.NoError(t, b.Write(t.Context(), "a", idsOf(t, uint64s(9)), one(t)))
	after, err := b.Stamp(t.Context(), "a")
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
	st, err := os.Stat(path)
	require.NoError(t, err)
	assert.True(t, st.ModTime().After(future), "the time of a file never goes back")
}
