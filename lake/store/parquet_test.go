package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/laketest"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// vectorsOf is an array of lists of float32.
func vectorsOf(values []float32, dim int) arrow.Array {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, int32(dim),
		arrow.PrimitiveTypes.Float32)
	for i, v := range values {
		if i%dim == 0 {
			b.Append(true)
		}
		b.ValueBuilder().(*array.Float32Builder).Append(v)
	}
	return b.NewArray()
}

// replace puts a file in the place of another at once, with a time that it never had.
func replace(t testing.TB, path string, data []byte) {
	temporary := path + ".new"
	require.NoError(t, os.WriteFile(temporary, data, 0o600))
	now := time.Now()
	require.NoError(t, os.Chtimes(temporary, now, now))
	require.NoError(t, os.Rename(temporary, path))
}

func newParquet(t testing.TB, o store.ParquetOptions) (*store.Parquet, string) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	b, err := store.NewParquet("files", dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b, dir
}

func TestParquetFilesConform(t *testing.T) {
	laketest.Run(t, func(t *testing.T) laketest.Harness {
		b, dir := newParquet(t, store.ParquetOptions{Column: "v", IDs: "key"})
		return laketest.Harness{
			Backend: b, DataRef: "file://" + dir + "/a.parquet",
			Put: func(t testing.TB, collection string, r laketest.Rows) {
				replace(t, filepath.Join(dir, collection+".parquet"),
					parquetBytes(t, r.IDs, vectorsOf(r.Vectors, r.Dim), 1500))
			},
		}
	})
}

func TestFoldersOfParquetFilesConform(t *testing.T) {
	laketest.Run(t, func(t *testing.T) laketest.Harness {
		b, dir := newParquet(t, store.ParquetOptions{IDs: "key"})
		return laketest.Harness{
			Backend: b, DataRef: "file://" + dir + "/a", Torn: true,
			Put: func(t testing.TB, collection string, r laketest.Rows) {
				folder := filepath.Join(dir, collection)
				require.NoError(t, os.MkdirAll(folder, 0o700))
				none := array.NewSlice(r.IDs, 0, 0)
				empty := parquetBytes(t, none, vectorsOf(nil, r.Dim), 10)
				for _, name := range []string{"part-0.parquet", "part-2.parquet"} {
					path := filepath.Join(folder, name)
					if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, empty) {
						replace(t, path, empty)
					}
				}
				replace(t, filepath.Join(folder, "part-1.parquet"),
					parquetBytes(t, r.IDs, vectorsOf(r.Vectors, r.Dim), 1500))
			},
		}
	})
}

// many puts so many files of one row each into a folder, named so that their order is known.
func many(t testing.TB, folder string, n int) {
	require.NoError(t, os.MkdirAll(folder, 0o700))
	for i := range n {
		data := parquetBytes(t, int64s(int64(i)*3), vectorsOf([]float32{float32(i), 1}, 2), 10)
		put(t, filepath.Join(folder, fmt.Sprintf("part-%04d.parquet", i)), data)
	}
	time.Sleep(40 * time.Millisecond)
}

func TestRowsOfManyFilesComeInTheOrderOfTheirNames(t *testing.T) {
	for _, n := range []int{3, 200} { // of the second not all stay open
		b, dir := newParquet(t, store.ParquetOptions{IDs: "key"})
		many(t, filepath.Join(dir, "a"), n)
		put(t, filepath.Join(dir, "a", "_SUCCESS"), nil)
		put(t, filepath.Join(dir, "a", ".part.parquet.crc"), nil)
		put(t, filepath.Join(dir, "a", "notes.txt"), nil)
		names, vectors := contents(t, b, "a")
		require.Len(t, names, n)
		for i := range names {
			require.Equal(t, fmt.Sprint(3*i), names[i])
			require.Equal(t, []float32{float32(i), 1}, vectors[2*i:2*i+2])
		}
		before, err := b.Stamp(t.Context(), "a")
		require.NoError(t, err)
		assert.Equal(t, 2, before.Dim)
		require.NoError(t, os.Rename(filepath.Join(dir, "a", "part-0001.parquet"),
			filepath.Join(dir, "a", "z.parquet")))
		after, err := b.Stamp(t.Context(), "a")
		require.NoError(t, err)
		assert.NotEqual(t, before, after, "rows have another order")
	}
}

func TestAFolderThatChangesWhileItIsReadIsAnErrorOrOneState(t *testing.T) {
	for _, n := range []int{3, 100} {
		for name, change := range map[string]func(folder string) error{
			"a file less": func(folder string) error {
				return os.Remove(filepath.Join(folder, "part-0002.parquet"))
			},
			"a file more": func(folder string) error {
				data := parquetBytes(t, int64s(-1), vectorsOf([]float32{1, 2}, 2), 10)
				return os.WriteFile(filepath.Join(folder, "part-9.parquet"), data, 0o600)
			},
			"a file written to": func(folder string) error {
				f, err := os.OpenFile(filepath.Join(folder, "part-0002.parquet"), os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				_, err = f.WriteAt([]byte("PAR1"), 0)
				return err
			},
		} {
			t.Run(fmt.Sprintf("%s of %d", name, n), func(t *testing.T) {
				b, dir := newParquet(t, store.ParquetOptions{IDs: "key"})
				many(t, filepath.Join(dir, "a"), n)
				p, err := b.Pull(t.Context(), "a")
				require.NoError(t, err)
				require.True(t, p.Rows.Next())
				require.NoError(t, change(filepath.Join(dir, "a")))
				rows := int64(1)
				for p.Rows.Next() {
					rows += p.Rows.RecordBatch().NumRows()
				}
				err = p.Rows.Err()
				p.Rows.Release()
				if n <= 64 && name != "a file written to" { // all were open
					require.NoError(t, err)
					assert.EqualValues(t, n, rows)
					return
				}
				require.Contains(t, []fault.Kind{fault.BackendError, fault.UnknownCollection},
					fault.KindOf(err), "%v", err)
			})
		}
	}
}

func TestRowsWithoutIdsAreCalledByTheirNumbers(t *testing.T) {
	b, dir := newParquet(t, store.ParquetOptions{})
	many(t, filepath.Join(dir, "a"), 3)
	names, _ := contents(t, b, "a")
	assert.Equal(t, []string{"0", "1", "2"}, names)
}

func TestParquetFilesThatCannotBeACollectionAreNamed(t *testing.T) {
	good := parquetBytes(t, int64s(1), vectorsOf([]float32{1, 2}, 2), 10)
	null := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	null.AppendNull()
	nulls := null.NewArray()
	for _, c := range []struct {
		name  string
		files map[string][]byte
		kind  fault.Kind
		says  string
	}{
		{"no parquet file", map[string][]byte{"a.parquet": []byte("hello, this is text")},
			fault.BackendError, "a.parquet"},
		{"cut", map[string][]byte{"a.parquet": good[:len(good)-9]}, fault.BackendError, "a.parquet"},
		{"an empty file", map[string][]byte{"a/x.parquet": good, "a/y.parquet": nil},
			fault.BackendError, "a/y.parquet"},
		{"both", map[string][]byte{"a.parquet": good, "a/x.parquet": good}, fault.BackendError,
			"both a.parquet and a folder"},
		{"folders within", map[string][]byte{"a/x.parquet": good, "a/y/z.parquet": good},
			fault.BackendError, "a/y"},
		{"nothing", map[string][]byte{"a/x.txt": good}, fault.UnknownCollection, `"a"`},
		{"hidden", map[string][]byte{"a/_x.parquet": good}, fault.UnknownCollection, `"a"`},
		{"two dimensions", map[string][]byte{"a/x.parquet": good,
			"a/y.parquet": parquetBytes(t, int64s(1), vectorsOf([]float32{1, 2, 3}, 3), 10)},
			fault.BackendError, "vectors of 3 numbers"},
		{"two types of ids", map[string][]byte{"a/x.parquet": good,
			"a/y.parquet": parquetBytes(t, texts("x"), vectorsOf([]float32{1, 2}, 2), 10)},
			fault.BackendError, "large_utf8, in files before int64"},
		{"an id in two files", map[string][]byte{"a/x.parquet": good, "a/y.parquet": good},
			fault.BackendError, "id 1 of row 1"},
		{"a null vector", map[string][]byte{"a/x.parquet": good, "a/y.parquet": parquetBytes(t,
			int64s(4), nulls, 10)}, fault.BackendError, "a/y.parquet"},
		{"null vectors alone", map[string][]byte{"a.parquet": parquetBytes(t, int64s(4), nulls, 10)},
			fault.BackendError, "a.parquet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, dir := newParquet(t, store.ParquetOptions{Column: "v", IDs: "key"})
			put(t, filepath.Join(dir, "ok.parquet"), good)
			for name, data := range c.files {
				path := filepath.Join(dir, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				put(t, path, data)
			}
			err := readWhole(t, b, "a")
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			assert.Contains(t, err.Error(), c.says)
			assert.NoError(t, readWhole(t, b, "ok"))
			names, err := b.Collections(t.Context())
			require.NoError(t, err)
			assert.Contains(t, names, "ok")
		})
	}
}

func TestColumnsThatAreNotThereAreNamed(t *testing.T) {
	for _, o := range []store.ParquetOptions{{Column: "w"}, {IDs: "w"}, {Column: "key"}, {IDs: "v"},
		{Dim: 3}} {
		b, dir := newParquet(t, o)
		put(t, filepath.Join(dir, "a.parquet"),
			parquetBytes(t, int64s(1), vectorsOf([]float32{1, 2}, 2), 10))
		err := readWhole(t, b, "a")
		require.Equal(t, fault.BackendError, fault.KindOf(err), "%+v: %v", o, err)
		assert.Contains(t, err.Error(), filepath.Join(dir, "a.parquet"))
	}
	_, err := store.NewParquet("files", t.TempDir(), store.ParquetOptions{Dim: -1})
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
	_, err = store.NewParquet("files", filepath.Join(t.TempDir(), "nowhere"), store.ParquetOptions{})
	assert.Equal(t, fault.BackendError, fault.KindOf(err), "a folder to read is not made")
}

func TestNumbersOfParquetFilesKeepTheirType(t *testing.T) {
	b, dir := newParquet(t, store.ParquetOptions{})
	wide := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 1, arrow.PrimitiveTypes.Float64)
	wide.Append(true)
	wide.ValueBuilder().(*array.Float64Builder).Append(.1)
	put(t, filepath.Join(dir, "a.parquet"), parquetBytes(t, int64s(1), wide.NewArray(), 10))
	p, err := b.Pull(t.Context(), "a")
	require.NoError(t, err)
	_, col, err := backend.Read(t.Context(), p, backend.Limits{})
	require.NoError(t, err)
	defer col.Release()
	row := make([]float64, 1)
	assert.Equal(t, []float64{.1}, col.WideRow(0, row))
}

func TestLinksOfParquetFilesStayInTheFolderOfTheStore(t *testing.T) {
	b, dir := newParquet(t, store.ParquetOptions{IDs: "key"})
	data := parquetBytes(t, int64s(1), vectorsOf([]float32{1, 2}, 2), 10)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a"), 0o700))
	put(t, filepath.Join(dir, "shared.parquet"), data)
	link := filepath.Join(dir, "a", "x.parquet")
	require.NoError(t, os.Symlink("../shared.parquet", link))
	assert.NoError(t, readWhole(t, b, "a"))
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "b")))
	assert.NoError(t, readWhole(t, b, "b"), "a link to a folder")
	names, err := b.Collections(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "shared"}, names)
	outside := filepath.Join(t.TempDir(), "x.parquet")
	put(t, outside, data)
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(outside, link))
	err = readWhole(t, b, "a")
	require.Equal(t, fault.BackendError, fault.KindOf(err), "%v", err)
	assert.Contains(t, err.Error(), link)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "c.parquet"), 0o600))
	err = readWhole(t, b, "c")
	require.Equal(t, fault.BackendError, fault.KindOf(err), "%v", err)
	assert.Contains(t, err.Error(), "is a fifo")
}
