package parquet

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
	pq "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
)

// folder writes files of the rows, some row groups of uneven length in each.
func folder(t testing.TB, rows []row, files int, m made) []string {
	t.Helper()
	paths := make([]string, files)
	for i := range paths {
		part := rows[i*len(rows)/files : (i+1)*len(rows)/files]
		m.groups = nil
		for size := 100 * (i + 1); len(part) > 0; size += 70 {
			n := min(size, len(part))
			m.groups, part = append(m.groups, part[:n]), part[n:]
		}
		paths[i] = filepath.Join(t.TempDir(), fmt.Sprintf("part-%d.parquet", i))
		require.NoError(t, os.WriteFile(paths[i], m.bytes(t), 0o600))
	}
	return paths
}

// buffers wraps memory for an array; nil is no buffer.
func buffers(parts ...[]byte) []*arrowmemory.Buffer {
	out := make([]*arrowmemory.Buffer, len(parts))
	for i, b := range parts {
		if b != nil {
			out[i] = arrowmemory.NewBufferBytes(b)
		}
	}
	return out
}

// asColumn is the column of the same rows, in memory.
func asColumn(t testing.TB, e Element, dim int, rows []row) *column.Column {
	t.Helper()
	data, valid := inMemory(e, dim, rows)
	kinds := [...]arrow.DataType{arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Uint8}
	child := array.NewData(kinds[e], len(rows)*dim, buffers(nil, data), nil, 0, 0)
	nulls := len(rows)
	for i := range rows {
		nulls -= int(valid[i/8] >> (i % 8) & 1)
	}
	list := array.NewData(arrow.FixedSizeListOf(int32(dim), kinds[e]), len(rows),
		buffers(valid), []arrow.ArrayData{child}, nulls, 0)
	col, err := column.NewColumn([]arrow.Array{array.MakeFromData(list)})
	require.NoError(t, err)
	return col
}

// stored is the column of the files.
func stored(t testing.TB, paths []string) (*column.Column, *Pages) {
	t.Helper()
	col, pages, err := Column(t.Context(), paths, "v", Options{}, Limits{}, 2)
	require.NoError(t, err)
	return col, pages
}

func TestAnIndexOfFilesIsTheOneOfTheirVectorsByteForByte(t *testing.T) {
	const n, dim, k = 2600, 24, 7
	r := rand.New(rand.NewSource(21))
	optional, required := pq.Repetitions.Optional, pq.Repetitions.Required
	for name, m := range map[string]made{
		"plain":       {outer: required, inner: required, page: 1000},
		"nulls":       {outer: optional, inner: optional, page: 1000},
		"snappy v2":   {outer: optional, inner: optional, codec: compress.Codecs.Snappy, version2: true},
		"dictionary":  {outer: optional, inner: required, dictionary: true, index: true},
		"zstd double": {elem: Float64, outer: required, inner: optional, codec: compress.Codecs.Zstd},
		"bytes":       {elem: Int8, outer: optional, inner: optional},
		"unsigned":    {elem: Uint8, outer: required, inner: required, codec: compress.Codecs.Gzip},
	} {
		nulls := 0.0
		if strings.Contains(name, "nulls") || name == "bytes" {
			nulls = 0.1
		}
		rows := vectors(r, n, dim, nulls)
		near := asColumn(t, m.elem, dim, rows)
		far, pages := stored(t, folder(t, rows, 3, m))
		require.Equal(t, n, far.Len(), name)
		require.Equal(t, near.NullCount(), far.NullCount(), name)
		require.Equal(t, nulls > 0, far.NullCount() > 0, name)
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
			var files [2]strings.Builder
			var outs [2]arrowidx.SearchOut
			for i, col := range []*column.Column{near, far} {
				ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind, Cells: 15,
					Metric: arrowidx.L2, Nulls: arrowidx.SkipNulls})
				require.NoError(t, err, name)
				require.NoError(t, ix.Encode(t.Context(), &files[i], true), name)
				outs[i] = arrowidx.SearchOut{Rows: make([]int64, 3*k), Scores: make([]float32, 3*k),
					Counts: make([]int64, 3)}
				queries := make([]float32, 3*dim)
				for j := range queries {
					queries[j] = float32(j*37%113) + 0.5
				}
				_, err = ix.Search(t.Context(), &arrowidx.SearchParams{Queries: queries, NQ: 3, K: k,
					Rerank: -1}, &outs[i])
				require.NoError(t, err, name)
				ix.Close()
			}
			require.True(t, files[0].String() == files[1].String(), "%s %s", name, kind)
			require.Equal(t, outs[0].Rows, outs[1].Rows, "%s %s", name, kind)
			require.Equal(t, outs[0].Scores, outs[1].Scores, "%s %s", name, kind)
		}
		near.Release()
		far.Release()
		require.Nil(t, pages.parts[0].v, "the last use closes the files")
	}
}

func TestFilesOfAColumnThatDifferAreNamed(t *testing.T) {
	r := rand.New(rand.NewSource(22))
	required := pq.Repetitions.Required
	plain := made{outer: required, inner: required}
	a := folder(t, vectors(r, 50, 4, 0), 1, plain)[0]
	b := folder(t, vectors(r, 50, 5, 0), 1, plain)[0]
	c := folder(t, vectors(r, 50, 4, 0), 1, made{elem: Float64, outer: required, inner: required})[0]
	none := folder(t, make([]row, 9), 1, made{outer: pq.Repetitions.Optional, inner: required})[0]
	for _, wrong := range []struct {
		kind  fault.Kind
		paths []string
		says  []string
	}{
		{fault.DimensionMismatch, []string{a, b}, []string{a, b, "4", "5"}},
		{fault.ColumnError, []string{a, c}, []string{a, c, "float32", "float64"}},
		{fault.FileMissing, []string{a, a + "x"}, []string{a + "x"}},
		{fault.InvalidArgument, nil, []string{"no files"}},
		{fault.InvalidArgument, []string{none}, []string{none, "dim="}},
		{fault.PersistError, []string{a, "/dev/null"}, []string{"/dev/null"}},
	} {
		_, _, err := Column(t.Context(), wrong.paths, "v", Options{}, Limits{}, 2)
		require.Equal(t, wrong.kind, fault.KindOf(err), "%v", err)
		for _, part := range wrong.says {
			require.ErrorContains(t, err, part)
		}
	}
	col, _ := stored(t, []string{a, none, a}) // rows of no file tell it, those of another do
	require.Equal(t, 109, col.Len())
	require.Equal(t, 9, col.NullCount())
	require.False(t, col.Valid(52))
	col.Release()
}

// changes are ways in which a file is no longer what it was.
var changes = map[string]func(t *testing.T, path string){
	"is gone": func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
	"was touched": func(t *testing.T, path string) {
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour)))
	},
	"was cut": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 100)) },
	"was replaced": func(t *testing.T, path string) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path+"2", data, 0o600))
		require.NoError(t, os.Rename(path+"2", path))
	},
}

func TestAFileThatChangedIsNamedAndTheIndexStaysUsable(t *testing.T) {
	const n, dim = 900, 6
	r := rand.New(rand.NewSource(23))
	rows := vectors(r, n, dim, 0)
	for how, change := range changes {
		paths := folder(t, rows, 2, made{outer: pq.Repetitions.Required, inner: pq.Repetitions.Required})
		col, _ := stored(t, paths)
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
		require.NoError(t, err)
		col.Release()
		change(t, paths[1])
		kind := fault.VectorsChanged
		if how == "is gone" {
			kind = fault.FileMissing
		}
		query := make([]float32, dim)
		query[1] = 1
		_, _, err = ix.SearchOne(t.Context(), query, 3)
		require.Equal(t, kind, fault.KindOf(err), "%s: %v", how, err)
		require.ErrorContains(t, err, paths[1], how)
		ix.Detach()
		hits, _, err := ix.SearchOne(t.Context(), query, 3)
		require.NoError(t, err, how)
		require.Len(t, hits, 3)
		ix.Close()
	}
}

func TestMoreFilesThanAreKeptOpenAreReadByManyAtOnce(t *testing.T) {
	const files, dim = mostOpen + 30, 3
	r := rand.New(rand.NewSource(24))
	rows := vectors(r, files*4, dim, 0)
	m := made{outer: pq.Repetitions.Required, inner: pq.Repetitions.Required}
	paths := folder(t, rows, files, m)
	col, pages := stored(t, paths)
	defer col.Release()
	want, _ := inMemory(Float32, dim, rows)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for w := range errs {
		wg.Go(func() {
			r := rand.New(rand.NewSource(int64(w)))
			for range 400 {
				from := r.Intn(len(rows))
				n := 1 + r.Intn(min(9, len(rows)-from))
				got := make([]byte, n*dim*4)
				err := pages.ReadRows(from, n, got)
				if err == nil && string(got) != string(want[from*dim*4:(from+n)*dim*4]) {
					err = errors.New("other rows")
				}
				if err != nil {
					errs[w] = err
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, make([]error, 4), errs)
	open := 0
	for _, of := range pages.parts {
		if of.v != nil {
			open++
		}
	}
	require.LessOrEqual(t, open, mostOpen+4)
	require.NoError(t, pages.Unchanged(-1))
	require.Contains(t, pages.Where(), "94 parquet files")
}

func TestARowThatIsRefusedIsNamedWithItsFile(t *testing.T) {
	r := rand.New(rand.NewSource(25))
	rows := vectors(r, 300, 4, 0)
	rows[250] = nil
	paths := folder(t, rows, 2, made{outer: pq.Repetitions.Optional, inner: pq.Repetitions.Required})
	col, pages := stored(t, paths)
	defer col.Release()
	_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: arrowidx.Flat})
	err = pages.Explain(err)
	require.Equal(t, fault.InvalidVector, fault.KindOf(err))
	require.ErrorContains(t, err, "row 250 is null (row 100 of "+paths[1]+")")
	require.NoError(t, pages.Explain(nil))
}

// named writes files with ids of a type.
func named(t testing.TB, node schema.Node, write func(w file.ColumnChunkWriter) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ids.parquet")
	out, err := os.Create(path)
	require.NoError(t, err)
	v := (&made{outer: pq.Repetitions.Required, inner: pq.Repetitions.Required}).tree().Field(1)
	root := schema.MustGroup(schema.NewGroupNode("schema", pq.Repetitions.Required,
		schema.FieldList{node, v}, -1))
	w := file.NewParquetWriter(out, root)
	g, err := w.AppendRowGroupChecked()
	require.NoError(t, err)
	c, err := g.NextColumn()
	require.NoError(t, err)
	require.NoError(t, write(c))
	require.NoError(t, c.Close())
	c, err = g.NextColumn()
	require.NoError(t, err)
	_, err = c.(*file.Float32ColumnChunkWriter).WriteBatch([]float32{1, 2, 3, 4, 5, 6},
		[]int16{1, 1, 1, 1, 1, 1}, []int16{0, 1, 0, 1, 0, 1})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, w.Close())
	return path
}

// idCase is a column and what is read of it, or the kind of its error and what that says.
type idCase struct {
	node  schema.Node
	write func(w file.ColumnChunkWriter) error
	kind  fault.Kind
	want  []string
}

// idCases are columns of ids with what is read of them, or is wrong with them.
func idCases() []idCase {
	required, optional := pq.Repetitions.Required, pq.Repetitions.Optional
	whole := func(bits int8, signed bool, physical pq.Type) schema.Node {
		return schema.MustPrimitive(schema.NewPrimitiveNodeLogical("key", required,
			schema.NewIntLogicalType(bits, signed), physical, -1, -1))
	}
	text := schema.MustPrimitive(schema.NewPrimitiveNodeLogical("key", optional,
		schema.StringLogicalType{}, pq.Types.ByteArray, -1, -1))
	longs := func(w file.ColumnChunkWriter) error {
		_, err := w.(*file.Int64ColumnChunkWriter).WriteBatch([]int64{-1, 7, 5}, nil, nil)
		return err
	}
	ints := func(w file.ColumnChunkWriter) error {
		_, err := w.(*file.Int32ColumnChunkWriter).WriteBatch([]int32{-1, 7, 5}, nil, nil)
		return err
	}
	texts := func(def ...int16) func(w file.ColumnChunkWriter) error {
		return func(w file.ColumnChunkWriter) error {
			words := []pq.ByteArray{pq.ByteArray("é"), pq.ByteArray(""), pq.ByteArray("c")}
			_, err := w.(*file.ByteArrayColumnChunkWriter).WriteBatch(words, def, nil)
			return err
		}
	}
	return []idCase{
		{schema.NewInt64Node("key", required, -1), longs, fault.OK, []string{"-1", "7", "5"}},
		{whole(64, false, pq.Types.Int64), longs, fault.OK,
			[]string{"18446744073709551615", "7", "5"}},
		{schema.NewInt32Node("key", required, -1), ints, fault.OK, []string{"-1", "7", "5"}},
		{whole(32, false, pq.Types.Int32), ints, fault.OK, []string{"4294967295", "7", "5"}},
		{text, texts(1, 1, 1), fault.OK, []string{`"é"`, `""`, `"c"`}},
		{text, texts(1, 1, 0), fault.InvalidArgument, []string{"row 2 is null"}},
		{schema.NewFloat64Node("key", required, -1), func(w file.ColumnChunkWriter) error {
			_, err := w.(*file.Float64ColumnChunkWriter).WriteBatch([]float64{1, 2, 3}, nil, nil)
			return err
		}, fault.ColumnError, []string{"holds no ids"}},
		{schema.NewInt64Node("other", required, -1), longs, fault.ColumnError,
			[]string{`no column "key"`, "other"}},
	}
}

func TestIDsOfEveryTypeAreRead(t *testing.T) {
	for _, c := range idCases() {
		path := named(t, c.node, c.write)
		col, pages := stored(t, []string{path})
		ids, err := pages.IDs(context.Background(), "key")
		require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
		if err != nil {
			require.ErrorContains(t, err, path)
			for _, part := range c.want {
				require.ErrorContains(t, err, part)
			}
			col.Release()
			continue
		}
		var got []string
		for i := range ids.Len() {
			got = append(got, ids.Name(int64(i)))
		}
		require.True(t, slices.Equal(c.want, got), "%v, not %v", got, c.want)
		col.Release()
		twice, pages := stored(t, []string{path, path})
		_, err = pages.IDs(context.Background(), "key")
		require.Equal(t, fault.DuplicateID, fault.KindOf(err))
		twice.Release()
	}
}
