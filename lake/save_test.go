package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// states of a made collection: every number of a vector, and every id, says the generation.
const (
	stateRows = 200
	stateDim  = 8
)

// stateBundle is the bundle of a generation.
func stateBundle(generation uint64) bundle.Bundle {
	return bundle.Bundle{FormatVersion: 2, DataRef: "local://b/c", Dim: stateDim, RotationSeed: 42,
		RerankFactor: 20, Generation: bundle.Number(generation), MemoryClass: "hot"}
}

func stateValue(generation uint64, i int) float32 {
	return float32(generation%100_000) + float32(i%97)/128
}

// stateIndex builds the index of a generation.
func stateIndex(t testing.TB, generation uint64, kind arrowidx.IDKind) *arrowidx.Index {
	t.Helper()
	values := make([]float32, stateRows*stateDim)
	for i := range values {
		values[i] = stateValue(generation, i)
	}
	b := stateBundle(generation)
	return builtIndex(t, values, stateDim, arrowidx.BuildOptions{Metric: arrowidx.L2,
		Kind: arrowidx.Flat, Keep: arrowidx.KeepCopy, Seed: 42, Provenance: provenanceOf(&b),
		IDs: madeIDs(t, kind, int(generation)*1000, stateRows)})
}

func builtIndex(
	t testing.TB, values []float32, dim int, o arrowidx.BuildOptions,
) *arrowidx.Index {
	t.Helper()
	col, err := arrowidx.MatrixColumn(values, len(values)/dim, dim)
	require.NoError(t, err)
	ix, err := arrowidx.Build(context.Background(), col, o)
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix
}

// requireState fails unless an index is, in all its parts, that of the generation of its bundle.
func requireState(t testing.TB, ix *arrowidx.Index, b bundle.Bundle) uint64 {
	t.Helper()
	generation, ok := b.Generation.Number()
	require.True(t, ok)
	require.Equal(t, stateRows, ix.Len())
	row := make([]float32, stateDim)
	for i := range stateRows {
		require.Equal(t, fmt.Sprint(int(generation)*1000+i), ix.IDs().Plain(int64(i)))
		require.NoError(t, ix.Row(int64(i), row))
		for j, v := range row {
			require.Equal(t, stateValue(generation, i*stateDim+j), v, "a mix of two states")
		}
	}
	hits, _, err := ix.SearchOne(context.Background(), row, 1)
	require.NoError(t, err)
	require.Len(t, hits, 1)
	return generation
}

// warmState opens a folder and says which generation it holds.
func warmState(t testing.TB, dir string) uint64 {
	t.Helper()
	ix, b, err := openSaved(context.Background(), dir, WarmOptions{})
	require.NoError(t, err)
	defer ix.Close()
	return requireState(t, ix, b)
}

func saveState(t testing.TB, w writer, dir string, generation uint64) error {
	t.Helper()
	ix := stateIndex(t, generation, arrowidx.IDInt64)
	defer ix.Close()
	_, err := w.save(context.Background(), dir, ix, stateBundle(generation))
	return err
}

// filesOf returns the names of a folder's files, indexes shortened to "index".
func filesOf(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		name := e.Name()
		if indexName.MatchString(name) {
			name = "index"
		}
		names = append(names, name)
	}
	return names
}

func TestIDsOfEveryKindSurviveSavingAndWarming(t *testing.T) {
	for _, kind := range []arrowidx.IDKind{
		arrowidx.IDInt64, arrowidx.IDUint64, arrowidx.IDString,
	} {
		dir := t.TempDir()
		ix := stateIndex(t, 7, kind)
		path, err := writer{}.save(context.Background(), dir, ix, stateBundle(7))
		require.NoError(t, err)
		assert.FileExists(t, path)
		warm, b, err := openSaved(context.Background(), dir, WarmOptions{})
		require.NoError(t, err)
		defer warm.Close()
		assert.Equal(t, kind, warm.IDs().Kind())
		assert.Equal(t, uint64(7), requireState(t, warm, b))
		assert.Equal(t, "hot", b.MemoryClass)
		assert.Equal(t, 3, b.FormatVersion)
	}
}

func TestAWarmIndexAnswersToTheLastBit(t *testing.T) {
	dir := t.TempDir()
	ix := stateIndex(t, 7, arrowidx.IDString)
	_, err := writer{}.save(context.Background(), dir, ix, stateBundle(7))
	require.NoError(t, err)
	warm, _, err := openSaved(context.Background(), dir, WarmOptions{})
	require.NoError(t, err)
	defer warm.Close()
	for q := range 50 {
		query := make([]float32, stateDim)
		for j := range query {
			query[j] = 7 + float32((q*31+j*17)%97)/100
		}
		for _, estimates := range []bool{false, true} {
			p := arrowidx.SearchParams{Queries: query, NQ: 1, K: 9, Estimates: estimates}
			var want, got arrowidx.SearchOut
			for _, side := range []struct {
				ix  *arrowidx.Index
				out *arrowidx.SearchOut
			}{{ix, &want}, {warm, &got}} {
				*side.out = arrowidx.SearchOut{Rows: make([]int64, 9), Scores: make([]float32, 9),
					Counts: make([]int64, 1)}
				_, err := side.ix.Search(context.Background(), &p, side.out)
				require.NoError(t, err)
			}
			assert.Equal(t, want.Rows, got.Rows)
			assert.Equal(t, want.Scores, got.Scores)
		}
	}
}

func TestSavingTwiceKeepsTheIndexBeforeAndNoOther(t *testing.T) {
	dir := t.TempDir()
	for g := range uint64(4) {
		require.NoError(t, saveState(t, writer{}, dir, g))
		assert.Equal(t, g, warmState(t, dir))
	}
	assert.Equal(t, []string{"index", "index", bundle.FileName}, filesOf(t, dir))
	require.NoError(t, saveState(t, writer{}, dir, 3))
	assert.Equal(t, uint64(3), warmState(t, dir))
}

func TestAReaderKeepsWhatItMappedWhenItsFileGoes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 1))
	ix, b, err := openSaved(context.Background(), dir, WarmOptions{})
	require.NoError(t, err)
	defer ix.Close()
	for g := range uint64(3) {
		require.NoError(t, saveState(t, writer{}, dir, g+2))
	}
	assert.Equal(t, uint64(1), requireState(t, ix, b))
}

func TestABundleOfAnotherStateIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 7))
	_, err := writer{}.publish(context.Background(), dir, stateBundle(8))
	require.NoError(t, err)
	_, _, err = openSaved(context.Background(), dir, WarmOptions{})
	require.Equal(t, fault.WitnessMismatch, fault.KindOf(err))
	assert.ErrorContains(t, err, "generation 8")

	_, err = writer{}.publish(context.Background(), dir, stateBundle(7))
	require.NoError(t, err)
	assert.Equal(t, uint64(7), warmState(t, dir), "a bundle of format 2 names its index, too")

	empty := t.TempDir()
	_, err = writer{}.publish(context.Background(), empty, stateBundle(7))
	require.NoError(t, err)
	_, _, err = openSaved(context.Background(), empty, WarmOptions{})
	assert.Equal(t, fault.FileMissing, fault.KindOf(err))
	_, _, err = openSaved(context.Background(), filepath.Join(empty, "none"), WarmOptions{})
	assert.Equal(t, fault.FileMissing, fault.KindOf(err))
}

// swapIndex puts an index in the place of the one that a folder's bundle names, with what the
// right one would say of itself, and returns that bundle.
func swapIndex(t *testing.T, dir string, ix *arrowidx.Index, provenance string) bundle.Bundle {
	t.Helper()
	b, err := bundle.Read(dir)
	require.NoError(t, err)
	name, err := indexOf(dir, &b)
	require.NoError(t, err)
	if provenance == "" {
		provenance = provenanceOf(&b)
	}
	o := arrowidx.SaveOptions{Vectors: true, Provenance: provenance}
	require.NoError(t, ix.SaveAs(context.Background(), filepath.Join(dir, name), o))
	return b
}

func TestAnIndexThatIsNotTheBundlesIsRefused(t *testing.T) {
	b8 := stateBundle(8)
	own := make([]float32, stateRows*stateDim)
	for i := range own {
		own[i] = stateValue(7, i)
	}
	o := arrowidx.BuildOptions{Metric: arrowidx.L2, Kind: arrowidx.Flat, Keep: arrowidx.KeepCopy}
	cosine, exact := o, o
	cosine.Metric, exact.Kind = arrowidx.Cosine, arrowidx.Exact
	for _, c := range []struct {
		says       string
		ix         *arrowidx.Index
		provenance string
	}{
		{"carries witness", stateIndex(t, 8, arrowidx.IDInt64), provenanceOf(&b8)},
		{"no witness", stateIndex(t, 7, arrowidx.IDInt64), "{}"},
		{"no witness", stateIndex(t, 7, arrowidx.IDInt64), "text"},
		{"rows 199", builtIndex(t, own[stateDim:], stateDim, o), ""},
		{"metric cosine", builtIndex(t, own, stateDim, cosine), ""},
		{"kind exact", builtIndex(t, own, stateDim, exact), ""},
		{"dim 16", builtIndex(t, own, 2*stateDim, o), ""},
		{"content", stateIndex(t, 7, arrowidx.IDInt64),
			`{"witness":"` + witnessOf(7) + `","digest":"` + strings.Repeat("0", 64) + `"}`},
	} {
		dir := t.TempDir()
		require.NoError(t, saveState(t, writer{}, dir, 7))
		swapIndex(t, dir, c.ix, c.provenance)
		_, _, err := openSaved(context.Background(), dir, WarmOptions{})
		assert.Equal(t, fault.WitnessMismatch, fault.KindOf(err), c.says)
		assert.ErrorContains(t, err, c.says)
		assert.ErrorContains(t, err, dir)
	}
}

func witnessOf(generation uint64) string {
	b := stateBundle(generation)
	return witness2(&b)
}

// Who forges what an index says of itself is found out when the content is hashed.
func TestForgedContentIsFoundWhereItIsHashed(t *testing.T) {
	hashed := WarmOptions{Content: true}
	for _, forged := range []*arrowidx.Index{
		stateIndex(t, 8, arrowidx.IDInt64), stateIndex(t, 7, arrowidx.IDString),
	} {
		dir := t.TempDir()
		require.NoError(t, saveState(t, writer{}, dir, 7))
		ix, b, err := openSaved(context.Background(), dir, hashed)
		require.NoError(t, err)
		requireState(t, ix, b)
		ix.Close()
		swapIndex(t, dir, forged, "")
		_, _, err = openSaved(context.Background(), dir, hashed)
		assert.Equal(t, fault.WitnessMismatch, fault.KindOf(err))
		assert.ErrorContains(t, err, "the bundle says "+b.Content.Digest)
	}
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 7))
	_, err := writer{}.publish(context.Background(), dir, stateBundle(7))
	require.NoError(t, err)
	_, _, err = openSaved(context.Background(), dir, hashed)
	assert.Equal(t, fault.WitnessMismatch, fault.KindOf(err))
	assert.ErrorContains(t, err, "no digest")
}

func TestADamagedIndexIsRefusedAndTheNextSaveMendsIt(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 7))
	found, err := filepath.Glob(filepath.Join(dir, "index-*.rvx"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	text, err := os.ReadFile(found[0])
	require.NoError(t, err)
	for _, at := range []int{70, len(text) / 2, len(text) - 200} {
		bad := append([]byte(nil), text...)
		bad[at] ^= 4
		require.NoError(t, os.WriteFile(found[0], bad, 0o666))
		_, _, err = openSaved(context.Background(), dir, WarmOptions{})
		assert.Contains(t, []fault.Kind{fault.CorruptIndex, fault.WitnessMismatch}, fault.KindOf(err))
	}
	require.NoError(t, saveState(t, writer{}, dir, 7))
	assert.Equal(t, uint64(7), warmState(t, dir))
}

func TestLinksOutOfTheFolderAreRefused(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 7))
	found, err := filepath.Glob(filepath.Join(dir, "index-*.rvx"))
	require.NoError(t, err)
	to := filepath.Join(elsewhere, "x.rvx")
	require.NoError(t, os.Rename(found[0], to))
	require.NoError(t, os.Symlink(to, found[0]))
	_, _, err = openSaved(context.Background(), dir, WarmOptions{})
	assert.Equal(t, fault.LakeError, fault.KindOf(err))
	assert.ErrorContains(t, err, "symbolic link")
}

func TestAFolderOfOtherDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 7))
	other := stateBundle(7)
	other.DataRef = "local://b/d"
	ix := stateIndex(t, 7, arrowidx.IDInt64)
	_, err := writer{}.save(context.Background(), dir, ix, other)
	assert.Equal(t, fault.LakeError, fault.KindOf(err))
	assert.ErrorContains(t, err, "holds local://b/c, not local://b/d")
	_, err = writer{}.publish(context.Background(), dir, other)
	assert.Equal(t, fault.LakeError, fault.KindOf(err))
	assert.Equal(t, uint64(7), warmState(t, dir))
}

// A failure between any two steps leaves the folder as it was or as it was to be, and nothing else.
func TestAFailureBetweenTwoStepsLeavesOldOrNew(t *testing.T) {
	broken := errors.New("broken")
	for _, first := range []bool{true, false} {
		for _, at := range []string{"locked", "index", "bundle"} {
			dir := t.TempDir()
			if !first {
				require.NoError(t, saveState(t, writer{}, dir, 1))
			}
			w := writer{after: func(step string) error {
				if step == at {
					return broken
				}
				return nil
			}}
			require.ErrorIs(t, saveState(t, w, dir, 2), broken)
			switch {
			case at == "bundle":
				assert.Equal(t, uint64(2), warmState(t, dir))
			case first:
				_, _, err := openSaved(context.Background(), dir, WarmOptions{})
				assert.Equal(t, fault.FileMissing, fault.KindOf(err))
				assert.Empty(t, filesOf(t, dir))
			default:
				assert.Equal(t, uint64(1), warmState(t, dir))
				assert.Equal(t, []string{"index", bundle.FileName}, filesOf(t, dir))
			}
			require.NoError(t, saveState(t, writer{}, dir, 3))
			assert.Equal(t, uint64(3), warmState(t, dir))
		}
	}
}

// What a folder is at any step is what a crash would leave of it.
func TestTheFolderAtEveryStepIsOldOrNew(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 1))
	seen := []uint64{}
	w := writer{after: func(string) error {
		left := filepath.Join(t.TempDir(), "left")
		require.NoError(t, os.CopyFS(left, os.DirFS(dir)))
		seen = append(seen, warmState(t, left))
		require.NoError(t, saveState(t, writer{}, left, 5))
		assert.Equal(t, uint64(5), warmState(t, left))
		return nil
	}}
	require.NoError(t, saveState(t, w, dir, 2))
	assert.Equal(t, []uint64{1, 1, 2}, seen)
}

func TestWhatKilledWritersLeftGoesAtTheNextSave(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 1))
	b := stateBundle(9)
	name := indexFile(witness2(&b), strings.Repeat("a", 64))
	for _, left := range []string{"." + name + ".123-18ab.tmp", name} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, left), []byte("half"), 0o666))
	}
	for _, foreign := range []string{"index-mine.rvx", "notes.txt", ".index.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, foreign), nil, 0o666))
	}
	half := filepath.Join(dir, "."+bundle.FileName+".77-18ab.tmp")
	require.NoError(t, os.WriteFile(half, nil, 0o666))
	require.NoError(t, saveState(t, writer{}, dir, 2))
	assert.Equal(t, []string{".index.tmp", "index", "index", "index-mine.rvx", "notes.txt",
		bundle.FileName}, filesOf(t, dir))
}

func TestTwoWritersAtOnceLeaveOneOfTheirStates(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, saveState(t, writer{}, dir, 1))
	var writers sync.WaitGroup
	for w := range 2 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for i := range 20 {
				assert.NoError(t, saveState(t, writer{}, dir, uint64(2+2*i+w)))
			}
		}()
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	reads := 0
	for open := true; open; reads++ {
		warmState(t, dir)
		select {
		case <-done:
			open = false
		default:
		}
	}
	assert.Positive(t, reads)
	assert.Contains(t, []uint64{40, 41}, warmState(t, dir))
	assert.Equal(t, []string{"index", "index", bundle.FileName}, filesOf(t, dir))
}

func TestAWriterWaitsForAnotherUntilItIsCancelled(t *testing.T) {
	dir := t.TempDir()
	f, err := writeTo(context.Background(), "save", dir)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	_, err = writeTo(ctx, "save", dir)
	assert.Equal(t, fault.Cancelled, fault.KindOf(err))
	f.done()
	require.NoError(t, saveState(t, writer{}, dir, 1))
}

func TestAFolderThatCannotBeWrittenSaysSo(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	err := saveState(t, writer{}, file, 1)
	assert.Equal(t, fault.PersistError, fault.KindOf(err))
	assert.ErrorContains(t, err, file)
	err = saveState(t, writer{}, filepath.Join(file, "below"), 1)
	assert.Equal(t, fault.PersistError, fault.KindOf(err))
	assert.Equal(t, fault.FileMissing,
		fault.KindOf(folderError("save", "x", fs.ErrNotExist)))
}
