package arrowidx_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// build makes an index and its bytes.
func build(t testing.TB, rows []float32, d int, o arrowidx.BuildOptions, vectors bool) (
	*arrowidx.Index, []byte,
) {
	t.Helper()
	col := arrowidxtest.Column(t, rows, d, 1)
	t.Cleanup(col.Release)
	ix, err := arrowidx.Build(t.Context(), col, o)
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix, encode(t, ix, vectors)
}

func encode(t testing.TB, ix *arrowidx.Index, vectors bool) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, ix.Encode(t.Context(), &b, vectors))
	return b.Bytes()
}

func stringIDs(t testing.TB, n int) *arrowidx.IDs {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.Append(fmt.Sprintf("row-%d-é", i))
	}
	ids, err := arrowidx.NewIDs(b.NewArray())
	require.NoError(t, err)
	return ids
}

func uintIDs(t testing.TB, n int) *arrowidx.IDs {
	b := array.NewUint64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range n {
		b.Append(^uint64(0) - uint64(i))
	}
	ids, err := arrowidx.NewIDs(b.NewArray())
	require.NoError(t, err)
	return ids
}

func TestLoadedIndexAnswersLikeTheSavedOne(t *testing.T) {
	r := arrowidxtest.Rand(t, 40)
	const n, d, k = 3000, 40, 7
	rows := arrowidxtest.Clustered(r, n+5, d, 20)
	queries := rows[n*d:]
	rows = rows[:n*d]
	for i, metric := range metrics {
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
			for _, vectors := range []bool{false, true} {
				o := arrowidx.BuildOptions{
					Metric: metric, Kind: kind, Bits: 1 + 2*i, Seed: 9, Provenance: "made by a test",
				}
				switch i {
				case 1:
					o.IDs = stringIDs(t, n)
				case 2:
					o.IDs = uintIDs(t, n)
				}
				ix, b := build(t, rows, d, o, vectors)
				got, err := arrowidx.Decode(t.Context(), b)
				require.NoError(t, err)
				if !vectors {
					col := arrowidxtest.Column(t, rows, d, 3)
					require.NoError(t, got.Attach(col))
					col.Release()
				}
				p := arrowidx.SearchParams{Queries: queries, NQ: 5, K: k, Rerank: -1}
				want, _ := arrowidxtest.Search(t, ix, p)
				have, _ := arrowidxtest.Search(t, got, p)
				want.IDs, have.IDs = nil, nil
				require.Equal(t, want, have)
				require.Equal(t, "made by a test", got.Provenance())
				require.Equal(t, ix.IDs().Name(n-1), got.IDs().Name(n-1))
				require.Equal(t, b, encode(t, got, vectors), "saving again gives the same bytes")
				got.Close()
			}
		}
	}
}

func TestSameInputGivesTheSameBytes(t *testing.T) {
	r := arrowidxtest.Rand(t, 41)
	const n, d = 5000, 70
	rows := arrowidxtest.Clustered(r, n, d, 30)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		_, want := build(t, rows, d, arrowidx.BuildOptions{Kind: kind, Threads: 1}, true)
		for _, threads := range []int{2, 7, 64} {
			col := arrowidxtest.Column(t, rows, d, threads)
			ix, err := arrowidx.Build(t.Context(), col,
				arrowidx.BuildOptions{Kind: kind, Threads: threads})
			require.NoError(t, err)
			require.Equal(t, want, encode(t, ix, true), "%d threads and chunks", threads)
			ix.Close()
			col.Release()
		}
	}
}

// smallFiles returns files of every layout.
func smallFiles(t testing.TB) map[string][]byte {
	r := arrowidxtest.Rand(t, 42)
	rows := arrowidxtest.Gaussian(r, 40, 5)
	files := map[string][]byte{}
	_, files["flat"] = build(t, rows, 5, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 3}, true)
	_, files["flat 1 bit, strings"] = build(t, rows, 5, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Bits: 1, IDs: stringIDs(t, 40), Provenance: "p"}, false)
	_, files["ivf"] = build(t, rows, 5, arrowidx.BuildOptions{
		Kind: arrowidx.IVF, Bits: 3, Cells: 4, Metric: arrowidx.Dot}, true)
	_, files["ivf, copies"] = build(t, rows, 5, arrowidx.BuildOptions{
		Kind: arrowidx.IVF, Bits: 3, Cells: 4, Copies: arrowidx.CopyAll}, true)
	_, files["exact"] = build(t, rows, 5, arrowidx.BuildOptions{
		Kind: arrowidx.Exact, IDs: uintIDs(t, 40)}, true)
	bits := packed(bitRows(r, 40, 2), 2, nil)
	col, err := arrowidx.NewColumn([]arrow.Array{bits})
	require.NoError(t, err)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Metric: arrowidx.Jaccard})
	require.NoError(t, err)
	defer ix.Close()
	files["bits"] = encode(t, ix, true)
	gone, _ := build(t, rows, 5, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 1}, false)
	_, err = gone.Delete(arrowidxtest.Positions(0, 7, 39), false)
	require.NoError(t, err)
	files["flat, some deleted"] = encode(t, gone, true)
	_, files["empty"] = build(t, nil, 5, arrowidx.BuildOptions{}, false)
	return files
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	for name, file := range smallFiles(t) {
		for bit := range len(file) * 8 {
			bad := bytes.Clone(file)
			bad[bit/8] ^= 1 << (bit % 8)
			_, err := arrowidx.Decode(t.Context(), bad)
			if bit/8 >= 16 && bit/8 < 20 { // optional flags are covered by the header checksum too
				require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s bit %d", name, bit)
			}
			require.Error(t, err, "%s: bit %d", name, bit)
			require.Contains(t, []arrowidx.ErrorKind{arrowidx.NotAnIndex, arrowidx.FormatTooNew,
				arrowidx.CorruptIndex}, arrowidx.KindOf(err), "%s: bit %d: %v", name, bit, err)
		}
	}
}

func TestEveryTruncationAndExtensionIsNoticed(t *testing.T) {
	for name, file := range smallFiles(t) {
		for n := range file {
			_, err := arrowidx.Decode(t.Context(), file[:n])
			require.Error(t, err, "%s cut to %d", name, n)
		}
		for n := 1; n <= 64; n++ {
			_, err := arrowidx.Decode(t.Context(), append(bytes.Clone(file), make([]byte, n)...))
			require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err), "%s and %d", name, n)
		}
	}
}

// repair makes all checksums right again after bytes of a small file were changed.
func repair(b []byte) {
	table := crc32.MakeTable(crc32.Castagnoli)
	le := binary.LittleEndian
	n := int(le.Uint32(b[40:]))
	for i := range n {
		line := b[64+48*i:]
		off, length := le.Uint64(line[8:]), le.Uint64(line[16:])
		if off+length <= uint64(len(b)) && off+length >= off {
			le.PutUint32(line[36:], crc32.Checksum(b[off:off+length], table))
		}
	}
	le.PutUint32(b[44:], crc32.Checksum(b[64:64+48*n], table))
	le.PutUint32(b[60:], crc32.Checksum(b[:60], table))
}

// Damage with right checksums is an error, or an index that answers without crashing.
func TestFilesWithForgedChecksumsNeverCrash(t *testing.T) {
	r := arrowidxtest.Rand(t, 43)
	for name, file := range smallFiles(t) {
		opened := 0
		for range 20_000 {
			bad := bytes.Clone(file)
			for range 1 + r.IntN(3) {
				at := 64 + r.IntN(len(bad)-64)
				bad[at] = byte(r.Uint32())
			}
			repair(bad)
			ix, err := arrowidx.Decode(t.Context(), bad)
			if err != nil {
				require.NotEqual(t, arrowidx.NativeError, arrowidx.KindOf(err), "%s: %v", name, err)
				continue
			}
			opened++
			out := arrowidxtest.Outputs(1, 3)
			_, err = ix.Search(t.Context(), &arrowidx.SearchParams{
				Queries: make([]float32, ix.Dim()), NQ: 1, K: 3, Rerank: -1}, &out)
			require.NotEqual(t, arrowidx.NativeError, arrowidx.KindOf(err))
			ix.Close()
		}
		t.Logf("%s: %d of 20000 opened", name, opened)
	}
}

func TestFailedSaveLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.rvx")
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 44), 100, 8)
	ix, want := build(t, rows, 8, arrowidx.BuildOptions{Kind: arrowidx.Flat}, true)
	require.NoError(t, ix.Save(t.Context(), path, true))
	ix.Detach()
	err := ix.Save(t.Context(), path, true)
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file stays")
	_, err = arrowidx.Load(t.Context(), dir)
	require.Equal(t, arrowidx.PersistError, arrowidx.KindOf(err))
	_, err = arrowidx.Load(t.Context(), filepath.Join(dir, "none"))
	require.True(t, errors.Is(err, os.ErrNotExist))
}

func TestAttachRefusesAnotherColumn(t *testing.T) {
	r := arrowidxtest.Rand(t, 45)
	rows := arrowidxtest.Gaussian(r, 100, 8)
	_, b := build(t, rows, 8, arrowidx.BuildOptions{Kind: arrowidx.Flat}, false)
	ix, err := arrowidx.Decode(t.Context(), b)
	require.NoError(t, err)
	defer ix.Close()
	for kind, other := range map[arrowidx.ErrorKind]*arrowidx.Column{
		arrowidx.VectorsChanged:    arrowidxtest.Column(t, arrowidxtest.Gaussian(r, 100, 8), 8, 1),
		arrowidx.DimensionMismatch: arrowidxtest.Column(t, rows[:80*8], 8, 1),
	} {
		require.Equal(t, kind, arrowidx.KindOf(ix.Attach(other)))
		other.Release()
	}
}

// A section longer than one checksum block is covered block by block.
func TestDamageInALongSectionNamesItsPlace(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 46), 4000, 64)
	_, b := build(t, rows, 64, arrowidx.BuildOptions{Kind: arrowidx.Flat, Bits: 9}, true)
	for _, at := range []int{len(b) - 200_000, len(b) / 2} {
		bad := bytes.Clone(b)
		bad[at] ^= 4
		_, err := arrowidx.Decode(t.Context(), bad)
		require.Equal(t, arrowidx.CorruptIndex, arrowidx.KindOf(err))
		var e *arrowidx.Error
		require.ErrorAs(t, err, &e)
		var name string
		var offset int
		_, err = fmt.Sscanf(e.Msg, "section %s at offset %d:", &name, &offset)
		require.NoError(t, err, e.Msg)
		require.LessOrEqual(t, offset, at)
		require.Less(t, at-offset, 256<<10)
	}
}
