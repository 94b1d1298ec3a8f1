package arrowidx_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

func saved(t *testing.T) (*arrowidx.Index, []byte) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 83), 500, 16)
	return build(t, rows, 16, arrowidx.BuildOptions{Kind: arrowidx.Flat}, true)
}

func listed(t *testing.T, dir string) (names []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A fifo without a writer would keep a plain open waiting for ever.
func TestSpecialFilesAreNeitherReplacedNorOpened(t *testing.T) {
	ix, _ := saved(t)
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("fifo", link))
	for path, what := range map[string]string{
		fifo: "a fifo", link: "a fifo", "/dev/null": "a device", dir: "a folder",
		dir + "/new/": "a folder",
	} {
		err := ix.Save(t.Context(), path, true)
		require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err), path)
		require.ErrorContains(t, err, path)
		if !strings.HasSuffix(path, "/") {
			require.ErrorContains(t, err, what)
			_, err = arrowidx.Load(t.Context(), path)
			require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err), path)
			require.ErrorContains(t, err, what)
		}
	}
	require.Equal(t, []string{"fifo", "link"}, listed(t, dir))
	st, err := os.Lstat(fifo)
	require.NoError(t, err)
	require.NotZero(t, st.Mode()&os.ModeNamedPipe)
}

func TestALinkIsFollowedToTheFileItNames(t *testing.T) {
	ix, want := saved(t)
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700))
	link, real := filepath.Join(dir, "a", "link"), filepath.Join(dir, "a", "b", "real")
	require.NoError(t, os.Symlink("b/real", link))
	for range 2 { // first it names nothing
		require.NoError(t, ix.Save(t.Context(), link, true))
		got, err := os.ReadFile(real)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = os.Readlink(link)
		require.NoError(t, err)
		require.Equal(t, []string{"b", "link"}, listed(t, filepath.Join(dir, "a")))
		require.Equal(t, []string{"real"}, listed(t, filepath.Join(dir, "a", "b")))
	}
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	require.ErrorIs(t, ix.Save(t.Context(), loop, true), syscall.ELOOP)
}

func TestASaveSweepsWhatNoWriterHolds(t *testing.T) {
	ix, _ := saved(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	names := []string{".x.1-a.tmp", ".x.2-b.tmp", ".y.1-a.tmp", ".x.1-a.tmp~"}
	for _, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	held, err := os.OpenFile(filepath.Join(dir, names[1]), os.O_RDWR, 0)
	require.NoError(t, err)
	require.NoError(t, syscall.Flock(int(held.Fd()), syscall.LOCK_EX))
	require.NoError(t, ix.Save(t.Context(), path, true))
	require.Equal(t, []string{".x.1-a.tmp~", ".x.2-b.tmp", ".y.1-a.tmp", "x"}, listed(t, dir))
	require.NoError(t, held.Close())
	require.NoError(t, ix.Save(t.Context(), path, true))
	require.Equal(t, []string{".x.1-a.tmp~", ".y.1-a.tmp", "x"}, listed(t, dir))
}

func TestErrorsNameThePathAndNoTemporary(t *testing.T) {
	ix, _ := saved(t)
	dir := t.TempDir()
	for path, want := range map[string]error{
		filepath.Join(dir, "none", "x"):              syscall.ENOENT,
		filepath.Join(dir, strings.Repeat("x", 256)): syscall.ENAMETOOLONG,
	} {
		err := ix.Save(t.Context(), path, true)
		require.ErrorIs(t, err, want)
		require.Equal(t, errors.Is(want, os.ErrNotExist),
			arrowidx.KindOf(err) == arrowidx.FileMissing)
		require.ErrorContains(t, err, path)
		require.NotContains(t, err.Error(), ".tmp")
	}
	require.NoError(t, ix.Save(t.Context(), filepath.Join(dir, strings.Repeat("x", 255)), true))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, arrowidx.Cancelled,
		arrowidx.KindOf(ix.Save(ended, filepath.Join(dir, "y"), true)))
	require.Len(t, listed(t, dir), 1)
}

// What is wrong with a header is known from 64 bytes, with a block when it is reached.
func TestAFileIsRefusedBeforeItIsRead(t *testing.T) {
	_, file := saved(t)
	path := filepath.Join(t.TempDir(), "x")
	const large = 1 << 40 // no memory has room for it
	for name, head := range map[string][]byte{
		"nothing": nil, "magic": file[:8], "header": file[:64], "all": file,
	} {
		require.NoError(t, os.WriteFile(path, head, 0o600))
		require.NoError(t, os.Truncate(path, large))
		_, err := arrowidx.Load(t.Context(), path)
		kind := arrowidx.CorruptIndex
		if name == "nothing" {
			kind = arrowidx.NotAnIndex
		}
		require.Equal(t, kind, arrowidx.KindOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, path)
	}
}

// The section of checksums is as long as the table says that it must be, whatever it says itself.
func TestTooManyChecksumsAreRefusedUnread(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 84), 4000, 64)
	_, file := build(t, rows, 64, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 9}, true)
	le := binary.LittleEndian
	line := file[64:]
	require.EqualValues(t, 1, le.Uint32(line), "checksums come first")
	for _, by := range []int64{-4, 4} {
		bad := append([]byte(nil), file...)
		line := bad[64:]
		le.PutUint64(line[16:], uint64(int64(le.Uint64(line[16:]))+by))
		le.PutUint64(line[24:], le.Uint64(line[16:])/4)
		repair(bad)
		_, err := arrowidx.Decode(t.Context(), bad)
		require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err))
	}
}
