package score

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

func text(name string) schema.Node {
	return node(name, parquet.Repetitions.Optional, schema.StringLogicalType{},
		parquet.Types.ByteArray, -1)
}

// mixed are columns of the kinds that matter to levels: flat, optional, lists, and vectors.
func mixed() []made {
	return []made{
		required(node("n", parquet.Repetitions.Required, none, parquet.Types.Int64, -1),
			func(row int) int64 { return int64(row) * 3 }),
		optional(text("title"), func(row int) (parquet.ByteArray, bool) {
			return parquet.ByteArray(fmt.Sprintf("title %d", row)), row%5 != 0
		}),
		vectorsOf("emb", func(row int) []float32 {
			if row%7 == 3 {
				return nil
			}
			return vectorAt(row)
		}),
		listsOf("tags", node("element", parquet.Repetitions.Required, schema.StringLogicalType{},
			parquet.Types.ByteArray, -1), func(row int) []parquet.ByteArray {
			if row%4 == 1 {
				return nil
			}
			tags := []parquet.ByteArray{}
			for i := range row % 6 {
				tags = append(tags, parquet.ByteArray(fmt.Sprintf("%d/%d", row, i)))
			}
			return tags
		}),
	}
}

// expected is what must be written for rows [from, to) of mixed.
func expected(t *testing.T, ix *arrowidx.Index, from, to, k int) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	add := func(name, cell string) { out[name] = append(out[name], cell) }
	for row := from; row < to; row++ {
		if row%7 == 3 {
			continue
		}
		hits, _, err := ix.SearchOne(context.Background(), vectorAt(row), k)
		require.NoError(t, err)
		for i, h := range hits {
			add("n", fmt.Sprintf("(%d)", row*3))
			title := fmt.Sprintf("(%q)", fmt.Sprintf("title %d", row))
			if row%5 == 0 {
				title = "<0,0>"
			}
			add("title", title)
			tags := ""
			switch {
			case row%4 == 1:
				tags = "<0,0>"
			case row%6 == 0:
				tags = "<0,1>"
			}
			for i := range row % 6 {
				if row%4 != 1 {
					tags += fmt.Sprintf("(%q)", fmt.Sprintf("%d/%d", row, i))
				}
			}
			add("tags.list.element", tags)
			add("query_row", fmt.Sprintf("(%d)", row))
			add("rank", fmt.Sprintf("(%d)", i+1))
			add("id", fmt.Sprintf("(%d)", h.Row))
			add("cosine_similarity", fmt.Sprintf("(%v)", h.Score))
		}
	}
	return out
}

func TestEveryHitIsARow(t *testing.T) {
	ix := indexOf(t, 500, arrowidx.BuildOptions{})
	data := encode(t, mixed(), 100, 1, 0, 249)
	for _, batch := range []int{0, 1, 7, 64} {
		path, counts := scored(t, data, ix, Options{Batch: batch})
		names, cells := table(t, path)
		assert.Equal(t, []string{"n", "title", "tags.list.element", "query_row", "rank", "id",
			"cosine_similarity"}, names)
		assert.Equal(t, expected(t, ix, 0, 350, 3), cells)
		assert.Equal(t, int64(350), counts.RowsIn)
		assert.Equal(t, int64(len(cells["n"])), counts.RowsOut)
		assert.Equal(t, int64(50), counts.Nulls)
		assert.Equal(t, int64(300), counts.Queries)
		assert.Equal(t, int64(300*500), counts.Scanned, "every query reads every row")
		assert.GreaterOrEqual(t, counts.Reranked, int64(300*3))
		assert.Equal(t, int64(300), counts.Certified)
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, info.Size(), counts.Bytes)
	}
}

func TestAPartOfAFileCountsRowsOfTheFile(t *testing.T) {
	ix := indexOf(t, 50, arrowidx.BuildOptions{})
	data := encode(t, mixed(), 100, 40, 60)
	o := Options{First: 1, Groups: 1, K: 5}
	p := opened(t, data, ix, &o)
	assert.Equal(t, int64(40), p.Rows())
	assert.Equal(t, int64(100), p.FirstRow())
	require.NoError(t, p.Run(context.Background()))
	_, err := p.Finish()
	require.NoError(t, err)
	_, cells := table(t, o.Out)
	assert.Equal(t, expected(t, ix, 100, 140, 5), cells)
}

func TestBytesDoNotDependOnBatchesOrThreads(t *testing.T) {
	ix := indexOf(t, 300, arrowidx.BuildOptions{})
	data := encode(t, mixed(), 3000, 2000)
	var first []byte
	for i, o := range []Options{{K: 7}, {K: 7, Batch: 13}, {K: 7, Batch: 1000},
		{K: 7, Search: arrowidx.SearchParams{Threads: 1}}} {
		path, _ := scored(t, data, ix, o)
		bytes, err := os.ReadFile(path)
		require.NoError(t, err)
		if i == 0 {
			first = bytes
		}
		assert.True(t, slices.Equal(first, bytes), "options %d", i)
	}
}

func TestAnAbandonedPartLeavesNoFile(t *testing.T) {
	ix := indexOf(t, 50, arrowidx.BuildOptions{})
	o := Options{Out: filepath.Join(t.TempDir(), "x.parquet")}
	p := opened(t, encode(t, mixed(), 10), ix, &o)
	assert.FileExists(t, o.Out)
	p.Abandon()
	p.Abandon()
	assert.NoFileExists(t, o.Out)
}
