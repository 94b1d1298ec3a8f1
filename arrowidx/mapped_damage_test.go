package arrowidx_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// verifiedMapped returns the error of mapping bytes of a file and verifying them.
func verifiedMapped(t testing.TB, file []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "forged.rvx")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	ix, err := arrowidx.Open(t.Context(), path, arrowidx.OpenOptions{Map: true})
	if err != nil {
		return err
	}
	defer ix.Close()
	return ix.Verify(t.Context(), 2, nil)
}

// Whatever bit is flipped: opening or Verify notices, and a search answers what it would have
// answered, or says what is damaged.
func TestEveryFlippedBitOfAMappedFileIsNoticed(t *testing.T) {
	path, step := filepath.Join(t.TempDir(), "flipped.rvx"), 5
	if arrowidxtest.Whole() {
		step = 1
	}
	for name, file := range smallFiles(t) {
		sound, err := arrowidx.Decode(t.Context(), file)
		require.NoError(t, err)
		p := anyQuery(t, sound)
		want, wantErr := ask(t, sound, p)
		sound.Close()
		for at := 0; at < len(file); at += step {
			bad := bytes.Clone(file)
			bad[at] ^= 1 << (at % 8)
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			ix, err := arrowidx.Open(t.Context(), path, arrowidx.OpenOptions{Map: true})
			if err == nil {
				got, err := ask(t, ix, p)
				if err == nil {
					require.NoError(t, wantErr)
					require.Empty(t, arrowidxtest.Unequal(want, got), "%s byte %d", name, at)
				} else if wantErr == nil {
					require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s byte %d", name, at)
				}
				err = ix.Verify(t.Context(), 1, nil)
				require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s byte %d", name, at)
				require.ErrorContains(t, err, "verify: "+path+": section ")
				ix.Close()
				continue
			}
			require.Contains(t, []arrowidx.ErrorKind{arrowidx.NotAnIndex, arrowidx.FormatTooNew,
				arrowidx.CorruptIndex}, arrowidx.KindOf(err), "%s byte %d: %v", name, at, err)
		}
	}
}

// anyQuery is a search for the 5 rows nearest to a query of ones.
func anyQuery(t testing.TB, ix *arrowidx.Index) arrowidx.SearchParams {
	t.Helper()
	p := arrowidx.SearchParams{NQ: 1, K: 5, Rerank: -1, Threads: 1}
	if ix.Metric().Binary() {
		p.Bits = bytes.Repeat([]byte{0xA5}, ix.Dim()/8)
		return p
	}
	p.Queries = make([]float32, ix.Dim())
	for i := range p.Queries {
		p.Queries[i] = 1
	}
	return p
}

func ask(t testing.TB, ix *arrowidx.Index, p arrowidx.SearchParams) (arrowidx.SearchOut, error) {
	t.Helper()
	out := arrowidx.SearchOut{Rows: make([]int64, p.NQ*p.K), Scores: make([]float32, p.NQ*p.K),
		Counts: make([]int64, p.NQ)}
	_, err := ix.Search(t.Context(), &p, &out)
	return out, err
}

// largeTask is an index whose sections have several blocks of checksums each.
func largeTask(t testing.TB, kind arrowidx.Kind) (*arrowidx.Index, []float32, int) {
	t.Helper()
	const n, d = 20_000, 48
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 881), n+64, d, 200)
	ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{Kind: kind, Bits: 5,
		Keep: arrowidx.KeepCopy, Metric: arrowidx.SqEuclidean}, false)
	return ix, rows[n*d:], d
}

// One damaged block fails the searches that need it, and no others.
func TestADamagedBlockFailsTheSearchesThatNeedIt(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, queries, d := largeTask(t, kind)
		file := arrowidxtest.Bytes(t, ix, true)
		secs := openForged(file)
		for _, section := range []int{blocksSection, extraSection, vectorsSection} {
			line := secs.lines[section]
			if line == nil {
				continue
			}
			part := secs.section(section)
			bad := bytes.Clone(file)
			at := len(file) - len(bytes.SplitN(file, part, 2)[1]) - len(part) + len(part)/2
			bad[at] ^= 16
			path := filepath.Join(t.TempDir(), "damaged.rvx")
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			damaged := openMapped(t, path)
			failed := 0
			for q := range len(queries) / d {
				p := arrowidx.SearchParams{Queries: queries[q*d : (q+1)*d], NQ: 1, K: 3, Rerank: -1}
				want, err := ask(t, ix, p)
				require.NoError(t, err)
				got, err := ask(t, damaged, p)
				if err != nil {
					failed++
					require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%v", err)
					require.ErrorContains(t, err, "search: "+path+": section ")
					block := at - at0(secs, section, at)
					require.ErrorContains(t, err, fmt.Sprintf("at offset %d: checksum", block))
					continue
				}
				require.Empty(t, arrowidxtest.Unequal(want, got))
			}
			require.Positive(t, failed, "%s: nobody met section %d", kind, section)
			if kind == arrowidx.IVF {
				require.Less(t, failed, len(queries)/d, "section %d", section)
			}
			damaged.Close()
		}
	}
}

// at0 is how far a byte lies behind the beginning of its block.
func at0(f forgedFile, section, at int) int {
	begin := len(f.bytes) - len(bytes.SplitN(f.bytes, f.section(section), 2)[1]) -
		len(f.section(section))
	return (at - begin) % (256 << 10)
}

// cutTrials is how often a file is cut under eight threads.
const cutTrials = 25

// A file that is cut while threads search it is an error of each of them, and nothing else breaks.
func TestACutFileIsAnErrorOfEverySearch(t *testing.T) {
	trials := cutTrials
	if arrowidxtest.Whole() {
		trials = 1000
	}
	ix, queries, d := largeTask(t, arrowidx.IVF)
	file := arrowidxtest.Bytes(t, ix, true)
	path := filepath.Join(t.TempDir(), "cut.rvx")
	r := arrowidxtest.Rand(t, 882)
	var wants []arrowidx.SearchOut
	var asked []arrowidx.SearchParams
	for q := range len(queries) / d {
		p := arrowidx.SearchParams{Queries: queries[q*d : (q+1)*d], NQ: 1, K: 3, Rerank: -1, Threads: 2}
		want, err := ask(t, ix, p)
		require.NoError(t, err)
		wants, asked = append(wants, want), append(asked, p)
	}
	for trial := range trials {
		require.NoError(t, os.WriteFile(path, file, 0o600))
		cut, err := arrowidx.Open(t.Context(), path, arrowidx.OpenOptions{Map: true})
		require.NoError(t, err)
		var wg sync.WaitGroup
		var wrong atomic.Pointer[string]
		for w := range 8 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				untilCut(t, cut, asked, wants, w*7, &wrong)
			}()
		}
		time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
		require.NoError(t, os.Truncate(path, int64(r.IntN(len(file)))))
		wg.Wait()
		if wrong.Load() != nil {
			t.Fatalf("trial %d: %s", trial, *wrong.Load())
		}
		err = cut.Verify(t.Context(), 2, nil)
		require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err), "%v", err)
		cut.Close()
		got, err := ask(t, ix, asked[0])
		require.NoError(t, err, "other indexes go on")
		require.Empty(t, arrowidxtest.Unequal(wants[0], got))
	}
}

// untilCut searches until that is an error, and notes what must not happen.
func untilCut(
	t testing.TB, ix *arrowidx.Index, asked []arrowidx.SearchParams, wants []arrowidx.SearchOut,
	from int, wrong *atomic.Pointer[string],
) {
	for i := from; ; i++ {
		got, err := ask(t, ix, asked[i%len(asked)])
		diff := ""
		switch {
		case err == nil:
			diff = arrowidxtest.Unequal(wants[i%len(asked)], got)
		case arrowidx.KindOf(err) != arrowidx.PersistError ||
			!strings.Contains(err.Error(), "the file shrank from"):
			diff = err.Error()
		}
		if diff != "" {
			wrong.Store(&diff)
		}
		if err != nil {
			return
		}
	}
}

// What another program writes into a mapped file is noticed, also where its length stays.
func TestAFileThatIsWrittenToIsAnError(t *testing.T) {
	ix, queries, d := largeTask(t, arrowidx.Flat)
	p := arrowidx.SearchParams{Queries: queries[:d], NQ: 1, K: 3, Rerank: -1}
	for name, change := range map[string]func(path string) error{
		"written to": func(path string) error {
			file, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, make([]byte, len(file)), 0o600)
			}
			return err
		},
		"longer": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("more")
				err = errors.Join(err, f.Close())
			}
			return err
		},
	} {
		same, path := savedAndMapped(t, ix, true)
		_, err := ask(t, same, p)
		require.NoError(t, err)
		time.Sleep(20 * time.Millisecond) // clocks of file systems tick every few milliseconds
		require.NoError(t, change(path), name)
		_, err = ask(t, same, p)
		require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, "the file was written to")
		require.ErrorContains(t, err, path)
		require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(same.Compact(t.Context(), 1)))
	}
}
