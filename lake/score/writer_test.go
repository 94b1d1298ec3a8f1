package score

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// groupsOf returns the rows of each row group of a file.
func groupsOf(t *testing.T, path string) (rows []int64, data []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	r, err := file.NewParquetReader(bytes.NewReader(data))
	require.NoError(t, err)
	for g := range r.NumRowGroups() {
		rows = append(rows, r.MetaData().RowGroup(g).NumRows())
	}
	return rows, data
}

// narrow is rows of vectors alone, and wide rows beside them.
func narrow() []made {
	v := vectorAt(1)
	return []made{vectorsOf("emb", func(int) []float32 { return v })}
}

func TestRowGroupsAreBoundedInRows(t *testing.T) {
	ix := indexOf(t, 200, arrowidx.BuildOptions{})
	data := encode(t, narrow(), 6000)
	var first []byte
	for _, batch := range []int{0, 999} {
		path, _ := scored(t, data, ix, Options{K: 200, Batch: batch})
		rows, written := groupsOf(t, path)
		assert.Equal(t, []int64{groupRows, 1_200_000 - groupRows}, rows)
		if first == nil {
			first = written
		}
		assert.True(t, slices.Equal(first, written))
	}
}

func TestRowGroupsAreBoundedInBytes(t *testing.T) {
	ix := indexOf(t, 50, arrowidx.BuildOptions{})
	long := parquet.ByteArray(strings.Repeat("x", 100_000))
	data := encode(t, append(narrow(), optional(text("long"),
		func(int) (parquet.ByteArray, bool) { return long, true })), 30)
	for _, batch := range []int{0, 4} {
		path, _ := scored(t, data, ix, Options{K: 50, Batch: batch})
		rows, _ := groupsOf(t, path)
		assert.Len(t, rows, 5) // 1,500 rows of 100,036 bytes, 335 fit into 32 MiB
		assert.Equal(t, int64(335), rows[0])
		assert.Equal(t, int64(1500-4*335), rows[4])
	}
}

func TestRowsOfUnevenMatchesFillGroups(t *testing.T) {
	ix := indexOf(t, 60, arrowidx.BuildOptions{})
	b := array.NewStringBuilder(memory.NewGoAllocator())
	for i := range 60 {
		b.Append(strings.Repeat("y", 1000+i*1000))
	}
	values := b.NewArray()
	defer values.Release()
	right, err := NewRight([]arrow.Field{{Name: "name", Type: values.DataType()}},
		[][]arrow.Array{{values}}, 60, nil)
	require.NoError(t, err)
	defer right.Close()
	data := encode(t, narrow(), 60)
	var first []byte
	for _, batch := range []int{0, 7, 8, 9, 10, 11} { // a list of two has its order by chance
		path, c := scored(t, data, ix, Options{K: 60, Batch: batch, Right: right})
		rows, written := groupsOf(t, path)
		assert.Equal(t, int64(3600), c.RowsOut)
		assert.Greater(t, len(rows), 3)
		if first == nil {
			first = written
		}
		assert.True(t, slices.Equal(first, written))
	}
}

func TestRecordsAreNeverCut(t *testing.T) {
	ix := indexOf(t, 2, arrowidx.BuildOptions{})
	long := make([]int32, 3*leafLevels)
	data := encode(t, append(narrow(), listsOf("list",
		node("element", parquet.Repetitions.Required, none, parquet.Types.Int32, -1),
		func(row int) []int32 { return long[:row*leafLevels] })), 4)
	path, _ := scored(t, data, ix, Options{K: 2})
	_, cells := table(t, path)
	for i, cell := range cells["list.list.element"] {
		assert.Equal(t, i/2*leafLevels, strings.Count(cell, "(0)"))
	}
}

func TestARoomHasAtLeastOneRow(t *testing.T) {
	w := &writer{}
	assert.Equal(t, 1, w.room(groupBytes*2, 10))
	assert.Equal(t, groupRows, w.room(0, groupRows+1))
	w.rows, w.bytes = 1, groupBytes
	assert.Equal(t, 0, w.room(1, 10))
	l := newLeaf[parquet.ByteArray](0, 0)
	assert.Equal(t, 1, l.room(leafBytes*2))
	assert.Equal(t, leafLevels, l.room(0))
}
