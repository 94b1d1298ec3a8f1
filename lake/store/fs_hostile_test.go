package store_test

import (
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// old makes a file one that was left alone long ago.
func old(t testing.TB, path string) {
	when := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, when, when))
}

func put(t testing.TB, path string, data []byte) {
	require.NoError(t, os.WriteFile(path, data, 0o600))
}

// readWhole pulls a collection and reads it to its end.
func readWhole(t testing.TB, b backend.Backend, collection string) error {
	p, err := b.Pull(t.Context(), collection)
	if err != nil {
		return err
	}
	_, col, err := backend.Read(t.Context(), p, backend.Limits{})
	if err == nil {
		col.Release()
	}
	return err
}

func TestDamagedRuvecFilesAreRefusedBeforeMemoryIsTaken(t *testing.T) {
	good := ruvec1(2, 2, []uint64{1, 2}, []float32{1, 2, 3, 4})
	huge := ruvec1(2, 2, []uint64{1, 2}, []float32{1, 2, 3, 4})
	copy(huge[8:], []byte{0, 0, 0x64, 0xa7, 0xb3, 0xb6, 0xe0, 0x0d}) // 1e18
	wraps := ruvec1(1<<60, 2, []uint64{1}, []float32{1, 2})          // 16 bytes times 2^60 is 0
	for _, c := range []struct {
		name string
		data []byte
		kind fault.Kind
		says string
	}{
		{"nothing", nil, fault.BackendError, "no ruvec1 file"},
		{"half a header", good[:20], fault.BackendError, "no ruvec1 file"},
		{"other bytes", []byte(strings.Repeat("x", 100)), fault.BackendError, "no ruvec1 file"},
		{"a row too few", good[:len(good)-16], fault.BackendError, "2 rows of 2 dimensions"},
		{"a byte too few", good[:len(good)-1], fault.BackendError, "55 bytes"},
		{"a byte too many", append(good[:len(good):len(good)], 0), fault.BackendError, "57 bytes"},
		{"1e18 rows", huge, fault.BackendError, "1000000000000000000 rows"},
		{"a length that wraps", wraps, fault.BackendError, "1152921504606846976 rows"},
		{"no dimensions", ruvec1(2, 0, []uint64{1, 2}, nil), fault.BackendError, "no dimensions"},
		{"too many dimensions", ruvec1(1, 8193, []uint64{1}, make([]float32, 8193)),
			fault.LimitExceeded, "8193 dimensions"},
		{"an id twice", ruvec1(2, 1, []uint64{7, 7}, []float32{1, 2}), fault.BackendError, "id 7"},
		{"NaN", ruvec1(2, 1, []uint64{7, 8}, []float32{1, float32(math.NaN())}), fault.BackendError,
			"row 1, column 0 holds NaN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, dir := newFS(t)
			put(t, filepath.Join(dir, "ok.ruvec1"), good)
			put(t, filepath.Join(dir, "a.ruvec1"), c.data)
			old(t, filepath.Join(dir, "a.ruvec1"))
			err := readWhole(t, b, "a")
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			assert.Contains(t, err.Error(), c.says)
			if c.kind != fault.BackendError || !strings.Contains(c.says, "id 7") &&
				!strings.Contains(c.says, "NaN") { // these are seen by who reads the rows
				assert.Contains(t, err.Error(), filepath.Join(dir, "a.ruvec1"))
				_, again := b.Stamp(t.Context(), "a")
				assert.Equal(t, err.Error(), again.Error(), "one fault, one error")
			}
			assert.NoError(t, readWhole(t, b, "ok"), "other collections are unaffected")
		})
	}
}

func TestASparseFileOfManyRowsTakesNoMemoryForItsHeader(t *testing.T) {
	b, dir := newFS(t)
	path := filepath.Join(dir, "a.ruvec1")
	put(t, path, ruvec1(3_000_000, 2047, []uint64{1}, make([]float32, 2047)))
	require.NoError(t, os.Truncate(path, 24+3_000_000*(8+4*2047)))
	_, err := b.Pull(t.Context(), "a")
	require.Equal(t, fault.LimitExceeded, fault.KindOf(err), "%v", err)
	assert.Contains(t, err.Error(), "3000000 rows")
}

func TestWhatIsNoRegularFileInTheFolderIsNotRead(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(path string) error
		says string
	}{
		{"a fifo", func(path string) error { return syscall.Mkfifo(path, 0o600) }, "is a fifo"},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o700) }, "is a folder"},
		{"a socket", func(path string) error {
			l, err := net.Listen("unix", path)
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}, "is a socket"},
		{"a link to a device", func(path string) error { return os.Symlink("/dev/zero", path) },
			"cannot be read"},
		{"a link out of the folder", func(path string) error {
			secret := filepath.Join(filepath.Dir(filepath.Dir(path)), "secret.ruvec1")
			if err := os.WriteFile(secret, ruvec1(1, 1, []uint64{1}, []float32{1}), 0o600); err != nil {
				return err
			}
			return os.Symlink("../secret.ruvec1", path)
		}, "cannot be read"},
		{"a link to itself", func(path string) error { return os.Symlink(filepath.Base(path), path) },
			"cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(shortDir(t), "in")
			b, err := store.NewFS("files", dir)
			require.NoError(t, err)
			defer func() { require.NoError(t, b.Close()) }()
			require.NoError(t, c.make(filepath.Join(dir, "a.ruvec1")))
			done := make(chan error, 1)
			go func() { done <- readWhole(t, b, "a") }()
			select {
			case err = <-done:
			case <-time.After(10 * time.Second):
				t.Fatal("waits for another process")
			}
			require.Equal(t, fault.BackendError, fault.KindOf(err), "%v", err)
			assert.Contains(t, err.Error(), c.says)
			names, err := b.Collections(t.Context())
			require.NoError(t, err)
			assert.Empty(t, names)
		})
	}
}

// shortDir is a folder whose path leaves room for that of a socket.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "fs")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	dir, err = filepath.EvalSymlinks(dir)
	require.NoError(t, err)
	return dir
}

func TestALinkWithinTheFolderIsFollowed(t *testing.T) {
	b, dir := newFS(t)
	put(t, filepath.Join(dir, "a.ruvec1"), ruvec1(1, 1, []uint64{1}, []float32{1}))
	require.NoError(t, os.Symlink("a.ruvec1", filepath.Join(dir, "b.ruvec1")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "c.ruvec1")))
	names, err := b.Collections(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, names)
	assert.NoError(t, readWhole(t, b, "b"))
	assert.Equal(t, fault.UnknownCollection, fault.KindOf(readWhole(t, b, "c")))
}

func TestFilesOfOtherNamesAreNoCollections(t *testing.T) {
	b, dir := newFS(t)
	for _, name := range []string{"a.txt", "b.RVX", ".ruvec1", "con.ruvec1", "e\u0301.ruvec1",
		".a.ruvec1.1-2.tmp", "d..ruvec1"} {
		put(t, filepath.Join(dir, name), ruvec1(1, 1, []uint64{1}, []float32{1}))
	}
	names, err := b.Collections(t.Context())
	require.NoError(t, err)
	assert.Empty(t, names)
	put(t, filepath.Join(dir, "x.ruvec1"), nil)
	put(t, filepath.Join(dir, "x.rvx"), nil)
	names, err = b.Collections(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"x"}, names)
	err = readWhole(t, b, "x")
	require.Equal(t, fault.BackendError, fault.KindOf(err), "%v", err)
	assert.Contains(t, err.Error(), "x.ruvec1 and x.rvx")
	assert.Equal(t, fault.UnknownCollection,
		fault.KindOf(readWhole(t, b, strings.Repeat("n", 252))), "longer than a file's name")
}

// big is a file that is read in several batches.
func big(state float32) []byte {
	const rows, dim = 4000, 600
	ids, vectors := make([]uint64, rows), make([]float32, rows*dim)
	for i := range ids {
		ids[i] = uint64(i)
	}
	for i := range vectors {
		vectors[i] = state
	}
	return ruvec1(rows, dim, ids, vectors)
}

func TestAFileThatChangesWhileItIsReadIsAnError(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"written to": func(path string) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteAt([]byte{1}, 9000)
			}
			if err == nil {
				err = f.Close()
			}
			return err
		},
		"written anew": func(path string) error { return os.WriteFile(path, big(2), 0o600) },
		"cut":          func(path string) error { return os.Truncate(path, 1000) },
		"longer":       func(path string) error { return os.Truncate(path, 1<<30) },
	} {
		t.Run(name, func(t *testing.T) {
			b, dir := newFS(t)
			path := filepath.Join(dir, "a.ruvec1")
			put(t, path, big(1))
			old(t, path)
			p, err := b.Pull(t.Context(), "a")
			require.NoError(t, err)
			require.True(t, p.Rows.Next())
			require.NoError(t, change(path))
			_, _, err = backend.Read(t.Context(), p, backend.Limits{})
			require.Equal(t, fault.BackendError, fault.KindOf(err), "%v", err)
			assert.Contains(t, err.Error(), "while it was read")
		})
	}
}

func TestAFileThatIsReplacedWhileItIsReadIsReadWhole(t *testing.T) {
	b, dir := newFS(t)
	path := filepath.Join(dir, "a.ruvec1")
	put(t, path, big(1))
	before, err := b.Stamp(t.Context(), "a")
	require.NoError(t, err)
	p, err := b.Pull(t.Context(), "a")
	require.NoError(t, err)
	require.True(t, p.Rows.Next())
	put(t, path+".new", big(2))
	require.NoError(t, os.Rename(path+".new", path))
	assert.Equal(t, before.Generation, p.Generation)
	rows := p.Rows.RecordBatch().NumRows()
	for p.Rows.Next() {
		rows += p.Rows.RecordBatch().NumRows()
	}
	require.NoError(t, p.Rows.Err())
	p.Rows.Release()
	assert.EqualValues(t, 4000, rows)
}

func TestAnOlderFileIsAnotherGeneration(t *testing.T) {
	b, dir := newFS(t)
	path := filepath.Join(dir, "a.ruvec1")
	one := ruvec1(1, 1, []uint64{1}, []float32{1})
	two := ruvec1(1, 1, []uint64{1}, []float32{2})
	put(t, path, one)
	old(t, path)
	st, err := os.Stat(path)
	require.NoError(t, err)
	first, err := b.Stamp(t.Context(), "a")
	require.NoError(t, err)
	put(t, path, two)
	second, err := b.Stamp(t.Context(), "a")
	require.NoError(t, err)
	put(t, path, one) // restored with its time
	require.NoError(t, os.Chtimes(path, st.ModTime(), st.ModTime()))
	third, err := b.Stamp(t.Context(), "a")
	require.NoError(t, err)
	assert.Equal(t, first, third, "the same file again")
	assert.NotEqual(t, first, second)
	put(t, path, two) // of the size and the time of another
	require.NoError(t, os.Chtimes(path, st.ModTime(), st.ModTime()))
	fourth, err := b.Stamp(t.Context(), "a")
	require.NoError(t, err)
	assert.NotEqual(t, first, fourth, "the content tells")
}

func TestIndexFilesTellAllThatTheyStore(t *testing.T) {
	b, dir := newFS(t)
	path := func(name string) string { return filepath.Join(dir, name+".rvx") }
	saveRvx(t, path("wide"), idsOf(t, texts("x", "y")), wide(t, []float64{.1, 2, 3, 4}, 2),
		arrowidx.BuildOptions{Metric: arrowidx.L2}, true)
	saveRvx(t, path("bits"), nil, packed(t, "abcd", "efgh"),
		arrowidx.BuildOptions{Metric: arrowidx.Hamming}, true)
	nan := float32(math.NaN())
	saveRvx(t, path("gaps"), idsOf(t, uint64s(5, 6, 7)), matrix(t, []float32{1, 2, nan, 4, 5, 6}, 2),
		arrowidx.BuildOptions{Metric: arrowidx.L2, Bad: arrowidx.SkipBad}, true)
	saveRvx(t, path("none"), idsOf(t, int64s(5)), matrix(t, []float32{1, 2}, 2),
		arrowidx.BuildOptions{Metric: arrowidx.L2, Kind: arrowidx.Flat}, false)

	p, err := b.Pull(t.Context(), "wide")
	require.NoError(t, err)
	ids, col, err := backend.Read(t.Context(), p, backend.Limits{})
	require.NoError(t, err)
	assert.Equal(t, "y", ids.Plain(1))
	numbers := make([]float64, 4)
	col.CopyWide(numbers)
	assert.Equal(t, []float64{.1, 2, 3, 4}, numbers)
	col.Release()

	p, err = b.Pull(t.Context(), "bits")
	require.NoError(t, err)
	_, col, err = backend.Read(t.Context(), p, backend.Limits{})
	require.NoError(t, err)
	assert.Equal(t, "efgh", string(col.PackedRow(1)))
	col.Release()
	s, err := b.Stamp(t.Context(), "bits")
	require.NoError(t, err)
	assert.Equal(t, 4, s.Dim, "bytes, as of a column")

	names, vectors := contents(t, b, "gaps")
	assert.Equal(t, []string{"5", "7"}, names)
	assert.Equal(t, []float32{1, 2, 5, 6}, vectors)

	err = readWhole(t, b, "none")
	require.Equal(t, fault.BackendError, fault.KindOf(err), "%v", err)
	assert.Contains(t, err.Error(), "stores no vectors")
}

func TestDamagedIndexFilesAreErrorsOfTheStore(t *testing.T) {
	b, dir := newFS(t)
	path := filepath.Join(dir, "a.rvx")
	saveRvx(t, path, idsOf(t, int64s(5, 6)), matrix(t, []float32{1, 2, 3, 4}, 2),
		arrowidx.BuildOptions{Metric: arrowidx.L2}, true)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := 0; at < len(whole); at += 1 + at/80 {
		broken := append([]byte(nil), whole...)
		broken[at] ^= 0x10
		put(t, path, broken)
		old(t, path)
		err := readWhole(t, b, "a")
		require.Equal(t, fault.BackendError, fault.KindOf(err), "byte %d: %v", at, err)
		require.Contains(t, err.Error(), path, "byte %d", at)
	}
	for n := 0; n < len(whole); n += 1 + n/10 {
		put(t, path, whole[:n])
		old(t, path)
		require.Equal(t, fault.BackendError, fault.KindOf(readWhole(t, b, "a")), "%d bytes", n)
	}
}

func TestAFolderThatCannotBeOpenedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, nil)
	for _, dir := range []string{"", file, filepath.Join(file, "x"), "a\x00b"} {
		_, err := store.NewFS("files", dir)
		assert.Equal(t, fault.BackendError, fault.KindOf(err), "%q: %v", dir, err)
		assert.Contains(t, err.Error(), fmt.Sprintf("%q", dir))
	}
	_, err := store.NewFS("a/b", t.TempDir())
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
}
