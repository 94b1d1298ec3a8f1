package bundle

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

func TestAFolderHoldsTheBundleThatWasWrittenLast(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for format := 1; format <= 3; format++ {
		want := sample(t, format)
		path, err := want.Write(dir)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(dir, "table.rulake.json"), path)
		read, err := Read(dir)
		require.NoError(t, err)
		assert.Equal(t, want, read)
	}
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, found, 1, "nothing is left beside it")
}

func TestTheModeOfABundleIsKept(t *testing.T) {
	dir := t.TempDir()
	path, err := sample(t, 2).Write(dir)
	require.NoError(t, err)
	require.NoError(t, os.Chmod(path, 0o640))
	_, err = sample(t, 3).Write(dir)
	require.NoError(t, err)
	st, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o640), st.Mode().Perm())
}

func TestAFolderWithoutABundleIsNoDamage(t *testing.T) {
	_, err := Read(t.TempDir())
	requireKind(t, err, fault.FileMissing, FileName, "publish")
	_, err = Read(filepath.Join(t.TempDir(), "no", "folder"))
	requireKind(t, err, fault.FileMissing)
	_, err = Read("")
	requireKind(t, err, fault.LakeError, "no folder")
	_, err = sample(t, 2).Write("")
	requireKind(t, err, fault.LakeError, "no folder")
}

func TestWhatIsReadIsVerified(t *testing.T) {
	dir := t.TempDir()
	for format := 1; format <= 3; format++ {
		b := sample(t, format)
		path, err := b.Write(dir)
		require.NoError(t, err)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := strings.Replace(string(text), `"dim": 128`, `"dim": 127`, 1)
		require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
		_, err = Read(dir)
		requireKind(t, err, fault.WitnessMismatch, path, b.Witness)
		upper := strings.Replace(string(text), b.Witness, strings.ToUpper(b.Witness), 1)
		require.NoError(t, os.WriteFile(path, []byte(upper), 0o600))
		_, err = Read(dir)
		requireKind(t, err, fault.LakeError, path, "lower-case")
	}
}

func TestWhatWouldNotBeReadIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	b := sample(t, 2)
	b.Dim++
	_, err := b.Write(dir)
	requireKind(t, err, fault.WitnessMismatch)
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, found)
}

func TestLinksOfTheBundlesNameAreNotFollowed(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	secret, err := sample(t, 2).Write(elsewhere)
	require.NoError(t, err)
	path := filepath.Join(dir, FileName)
	for _, to := range []string{secret, filepath.Join(dir, "beside"), FileName, "/etc/passwd"} {
		require.NoError(t, os.Symlink(to, path))
		_, err = Read(dir)
		requireKind(t, err, fault.LakeError, "symbolic link", path)
		require.NoError(t, os.Remove(path))
	}
	before, err := os.ReadFile(secret)
	require.NoError(t, err)
	require.NoError(t, os.Symlink(secret, path))
	_, err = sample(t, 3).Write(dir)
	require.NoError(t, err)
	after, err := os.ReadFile(secret)
	require.NoError(t, err)
	assert.Equal(t, before, after, "what a link points to is not written to")
	read, err := Read(dir)
	require.NoError(t, err)
	assert.Equal(t, 3, read.FormatVersion)
}

func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := Read(dir)
	requireKind(t, err, fault.LakeError, "no regular file")
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	_, err = Read(dir)
	requireKind(t, err, fault.LakeError, "no regular file")
	_, err = sample(t, 2).Write(dir)
	requireKind(t, err, fault.LakeError, "renaming", path)
	assert.NotContains(t, err.Error(), ".tmp")
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, found, 1, "a write that failed leaves nothing")

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = sample(t, 2).Write(file)
	requireKind(t, err, fault.LakeError, "folder")
	_, err = Read(file)
	requireKind(t, err, fault.LakeError, "file")
}

func TestALargeFileIsNotRead(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, FileName))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(1<<40)) // holes: it takes no room
	require.NoError(t, f.Close())
	_, err = Read(dir)
	requireKind(t, err, fault.LakeError, "1099511627776", dir)
}

func TestLeftTemporariesDoNotMatterAndGo(t *testing.T) {
	dir := t.TempDir()
	left, elsewhere := ".table.rulake.json.1-1.tmp", filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(elsewhere, nil, 0o600))
	foreign := []string{".table.rulake.json.tmp.77", ".table.rulake.json.x-1.tmp", "other.1-1.tmp",
		".table.rulake.json.2-2.tmp.bak"}
	for _, name := range append(foreign, left) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("{"), 0o600))
	}
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, ".table.rulake.json.3-3.tmp")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".table.rulake.json.4-4.tmp"), 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, ".table.rulake.json.5-5.tmp"), 0o600))
	_, err := Read(dir)
	requireKind(t, err, fault.FileMissing)

	living, err := createTemporary(dir)
	require.NoError(t, err)
	_, err = sample(t, 2).Write(dir)
	require.NoError(t, err)
	_, err = Read(dir)
	require.NoError(t, err)
	require.NoFileExists(t, filepath.Join(dir, left))
	require.FileExists(t, living.Name(), "its writer is at work")
	for _, name := range foreign {
		require.FileExists(t, filepath.Join(dir, name), "none of ours")
	}
	require.FileExists(t, elsewhere)

	require.NoError(t, living.Close())
	_, err = sample(t, 2).Write(dir)
	require.NoError(t, err)
	require.NoFileExists(t, living.Name())
}

// The limit is the process's own, and the test's files come under it too: so there is another one.
func TestAFullDiskIsNamedAndLeavesTheOldBundle(t *testing.T) {
	if dir := os.Getenv("RUVECTOR_TEST_FULL"); dir != "" {
		var was syscall.Rlimit
		require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
		small := syscall.Rlimit{Cur: 100, Max: was.Max}
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
		_, err := sample(t, 3).Write(dir)
		requireKind(t, err, fault.LakeError, "writing", FileName, "make room")
		require.True(t, errors.Is(err, syscall.EFBIG), "the system's reason is kept: %v", err)
		return
	}
	dir := t.TempDir()
	_, err := sample(t, 2).Write(dir)
	require.NoError(t, err)
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "RUVECTOR_TEST_FULL="+dir)
	said, err := child.CombinedOutput()
	require.NoError(t, err, string(said))
	read, err := Read(dir)
	require.NoError(t, err)
	assert.Equal(t, sample(t, 2), read)
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// Two writers and readers at once: a reader finds one of the bundles, whole.
func TestWritersDoNotMix(t *testing.T) {
	dir := t.TempDir()
	want := map[string]Bundle{}
	for i := range 4 {
		b := sample(t, 2+i%2)
		b.Generation, b.LineageID = Number(uint64(i)), strings.Repeat(fmt.Sprint(i), 1000*i)
		require.NoError(t, b.Seal())
		want[b.Witness] = b
		_, err := b.Write(dir)
		require.NoError(t, err)
	}
	var group sync.WaitGroup
	end := time.Now().Add(300 * time.Millisecond)
	for _, b := range want {
		group.Go(func() {
			for time.Now().Before(end) {
				if _, err := b.Write(dir); !assert.NoError(t, err) {
					return
				}
				read, err := Read(dir)
				if !assert.NoError(t, err) || !assert.Equal(t, want[read.Witness], read) {
					return
				}
			}
		})
	}
	group.Wait()
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, found, 1)
}
