package arrowidx_test

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// A new file has the mode that the process gives new files; a replaced one keeps its own.
func TestSavedFilesHaveTheModeTheyShould(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 81), 20, 4)
	ix, _ := build(t, rows, 4, arrowidx.BuildOptions{}, false)
	path := filepath.Join(t.TempDir(), "a.rvx")
	mode := func() os.FileMode {
		require.NoError(t, ix.Save(t.Context(), path, false))
		st, err := os.Stat(path)
		require.NoError(t, err)
		return st.Mode().Perm()
	}
	old := syscall.Umask(0o077)
	first := mode()
	syscall.Umask(old)
	require.Equal(t, os.FileMode(0o600), first)
	require.Equal(t, os.FileMode(0o600), mode(), "the umask has changed, the file was there")
	require.NoError(t, os.Chmod(path, 0o640))
	require.Equal(t, os.FileMode(0o640), mode())
}

// A file whose ids name two rows alike answers searches, and look-ups with an error.
func TestLookupInAFileThatNamesTwoRowsAlikeIsAnError(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 82), 40, 5)
	_, file := build(t, rows, 5, arrowidx.BuildOptions{IDs: uintIDs(t, 40)}, true)
	forged := false
	for at := 0; at+16 <= len(file) && !forged; at += 8 {
		le := binary.LittleEndian
		if le.Uint64(file[at:]) == math.MaxUint64 && le.Uint64(file[at+8:]) == math.MaxUint64-1 {
			le.PutUint64(file[at+8:], math.MaxUint64)
			forged = true
		}
	}
	require.True(t, forged)
	repair(file)
	ix, err := arrowidx.Decode(t.Context(), file)
	require.NoError(t, err)
	defer ix.Close()
	_, err = ix.IDs().Lookup(uintIDs(t, 2).Array(memory.DefaultAllocator))
	require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err))
	out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
		Queries: rows[:5], NQ: 1, K: 1, Rerank: -1})
	require.Zero(t, out.Rows[0])
}

// The plan counts the rows that were looked at, not the padding of the last block.
func TestPlansCountRowsNotPadding(t *testing.T) {
	f := newFixture(t, 20_001, 16, 1, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	_, plan := arrowidxtest.Search(t, f.ix, arrowidx.SearchParams{
		Queries: f.queries, NQ: 1, K: 3, Rerank: -1})
	require.EqualValues(t, 20_001, plan.Scanned)
}
