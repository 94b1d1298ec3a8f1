package arrowidx_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// loadedAndMapped are the same file, read into memory and mapped.
func loadedAndMapped(
	t testing.TB, rows []float32, d int, o arrowidx.BuildOptions,
) (loaded, same *arrowidx.Index) {
	t.Helper()
	ix, _ := build(t, rows, d, o, false)
	same, path := savedAndMapped(t, ix, true)
	loaded, err := arrowidx.Load(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(loaded.Close)
	return loaded, same
}

// Both answer alike, and are the same bytes, after every change.
func TestAMappedIndexChangesLikeALoadedOne(t *testing.T) {
	const n, d = 3000, 24
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 884), n+900, d, 30)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		loaded, same := loadedAndMapped(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: kind, Bits: 4})
		queries := arrowidx.SearchParams{Queries: rows[n*d : (n+20)*d], NQ: 20, K: 7, Rerank: -1}
		both := func(what string, do func(ix *arrowidx.Index) error) {
			t.Helper()
			require.NoError(t, do(loaded), "%s: %s", kind, what)
			require.NoError(t, do(same), "%s: %s", kind, what)
			want, _ := ask(t, loaded, queries)
			got, err := ask(t, same, queries)
			require.NoError(t, err, "%s: %s", kind, what)
			require.Empty(t, arrowidxtest.Unequal(want, got), "%s: %s", kind, what)
			require.Equal(t, arrowidxtest.Bytes(t, loaded, true), arrowidxtest.Bytes(t, same, true),
				"%s: %s", kind, what)
		}
		add := func(from, to int) func(ix *arrowidx.Index) error {
			return func(ix *arrowidx.Index) error {
				col := arrowidxtest.Column(t, rows[from*d:to*d], d, 1)
				defer col.Release()
				_, err := ix.Add(t.Context(), nil, col, arrowidx.AddOptions{})
				return err
			}
		}
		both("nothing", func(*arrowidx.Index) error { return nil })
		both("add", add(n, n+400))
		both("delete", func(ix *arrowidx.Index) error {
			_, err := ix.Delete(arrowidxtest.Positions(0, 7, 1500, n+3), false)
			return err
		})
		both("verify", func(ix *arrowidx.Index) error { return ix.Verify(t.Context(), 0, nil) })
		both("add more", add(n+400, n+900))
		both("compact", func(ix *arrowidx.Index) error { return ix.Compact(t.Context(), 2) })
		both("delete again", func(ix *arrowidx.Index) error {
			_, err := ix.Delete(arrowidxtest.Positions(1, 2), false)
			return err
		})
	}
}

// Saving to the path of a mapped file replaces it; the index goes on with the bytes it had.
func TestSavingOverAMappedFileKeepsItsAnswers(t *testing.T) {
	const n, d = 2000, 16
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 885), n+10, d, 30)
	ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 3}, false)
	same, path := savedAndMapped(t, ix, true)
	queries := arrowidx.SearchParams{Queries: rows[n*d:], NQ: 10, K: 7, Rerank: -1}
	want, err := ask(t, ix, queries)
	require.NoError(t, err)
	other, _ := build(t, rows[:n*d/2], d, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 2}, false)
	require.NoError(t, other.Save(t.Context(), path, true))
	require.NoError(t, same.Verify(t.Context(), 0, nil))
	got, err := ask(t, same, queries)
	require.NoError(t, err)
	require.Empty(t, arrowidxtest.Unequal(want, got))
	require.NoError(t, same.Save(t.Context(), path, true), "over itself, too")
	again := openMapped(t, path)
	got, err = ask(t, again, queries)
	require.NoError(t, err)
	require.Empty(t, arrowidxtest.Unequal(want, got))
}

// The vectors that a file left out are attached to a mapped index like to a loaded one.
func TestVectorsAreAttachedToAMappedIndex(t *testing.T) {
	const n, d = 2000, 16
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 886), n+10, d, 30)
	ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: arrowidx.IVF, Bits: 3}, false)
	same, _ := savedAndMapped(t, ix, false)
	queries := arrowidx.SearchParams{Queries: rows[n*d:], NQ: 10, K: 7, Rerank: -1}
	col := arrowidxtest.Column(t, rows[:n*d], d, 2)
	defer col.Release()
	require.NoError(t, same.Attach(col))
	want, err := ask(t, ix, queries)
	require.NoError(t, err)
	got, err := ask(t, same, queries)
	require.NoError(t, err)
	require.Empty(t, arrowidxtest.Unequal(want, got))
	wrong := arrowidxtest.Column(t, rows[d:(n+1)*d], d, 1)
	defer wrong.Release()
	require.Equal(t, arrowidx.VectorsChanged, arrowidx.KindOf(same.Attach(wrong)))
	same.Detach()
	_, err = same.Search(t.Context(), &queries, &got)
	require.NoError(t, err, "estimates")
}

// mappedNow counts the mappings of a file in this process.
func mappedNow(t *testing.T, path string) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip("the system does not tell what is mapped")
	}
	n := 0
	for line := range strings.Lines(string(maps)) {
		if strings.HasSuffix(strings.TrimSpace(line), path) {
			n++
		}
	}
	return n
}

// Close waits for the searches that run and unmaps once; so do errors of opening, and Compact.
func TestAFileIsUnmappedOnce(t *testing.T) {
	const n, d = 4000, 32
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 887), n, d, 30)
	ix, file := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 3,
		IDs: stringIDs(t, n)}, true)
	path := filepath.Join(t.TempDir(), "index.rvx")
	for round := range 20 {
		require.NoError(t, ix.Save(t.Context(), path, true))
		same := openMapped(t, path)
		require.Positive(t, mappedNow(t, path))
		names, row := same.IDs(), int64(n-1)
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					p := arrowidx.SearchParams{Queries: rows[:d], NQ: 1, K: 1, Rerank: -1}
					got, err := ask(t, same, p)
					if err != nil {
						if arrowidx.KindOf(err) != arrowidx.IndexClosed {
							t.Error(err)
						}
						return
					}
					if got.Rows[0] != 0 {
						t.Errorf("row %d", got.Rows[0])
					}
				}
			}()
		}
		if round%2 == 1 {
			gone := names.Named([]int64{row}, memory.DefaultAllocator)
			_, err := same.Delete(gone, false)
			gone.Release()
			require.NoError(t, err)
			require.NoError(t, same.Compact(t.Context(), 1))
		}
		same.Close()
		wg.Wait()
		same.Close()
		require.Zero(t, mappedNow(t, path))
		require.Equal(t, fmt.Sprintf("%q", string(stringIDs(t, n).At(row))), names.Name(row),
			"names may be used after the index is closed")
	}
	bad := append([]byte(nil), file...)
	bad[len(bad)/2] ^= 1
	bad[70] ^= 1
	require.NoError(t, os.WriteFile(path, bad, 0o600))
	_, err := arrowidx.Open(t.Context(), path, arrowidx.OpenOptions{Map: true})
	require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err))
	require.Zero(t, mappedNow(t, path))
}
