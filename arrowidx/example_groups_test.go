package arrowidx_test

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// The nearest article of every year. The last one has no year, so that it is never found.
func ExampleIndex_SearchGroups() {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	for _, v := range [][]float32{{1, 0}, {0, 1}, {3, 4}, {0.9, 0.1}, {1, 0}} {
		b.Append(true)
		b.ValueBuilder().(*array.Float32Builder).AppendValues(v, nil)
	}
	years := []string{"2024", "2025"}
	groups := []uint32{0, 1, 1, 0, arrowidx.NoGroup}

	ctx := context.Background()
	articles := b.NewArray()
	defer articles.Release()
	col, err := arrowidx.NewColumn([]arrow.Array{articles})
	if err != nil {
		panic(err)
	}
	defer col.Release()
	ix, err := arrowidx.Build(ctx, col, arrowidx.BuildOptions{})
	if err != nil {
		panic(err)
	}
	defer ix.Close()

	p := arrowidx.SearchParams{Queries: []float32{1, 0}, NQ: 1, K: 1, Rerank: -1}
	out := arrowidx.SearchOut{Rows: make([]int64, 2), Scores: make([]float32, 2),
		Counts: make([]int64, 2)}
	if _, err := ix.SearchGroups(ctx, &p, groups, len(years), &out); err != nil {
		panic(err)
	}
	for i, year := range years {
		fmt.Printf("%s: article %d, %.2f\n", year, out.Rows[i], out.Scores[i])
	}
	// Output:
	// 2024: article 0, 1.00
	// 2025: article 2, 0.60
}
