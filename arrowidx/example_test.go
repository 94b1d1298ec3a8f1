package arrowidx_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// vectors makes a column of rows of equal length.
func vectors(rows ...[]float32) *arrowidx.Column {
	d := int32(len(rows[0]))
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, d, arrow.PrimitiveTypes.Float32)
	for _, row := range rows {
		b.Append(true)
		b.ValueBuilder().(*array.Float32Builder).AppendValues(row, nil)
	}
	column, err := arrowidx.NewColumn([]arrow.Array{b.NewArray()})
	must(err)
	return column
}

// texts makes an Arrow array of strings.
func texts(values ...string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues(values, nil)
	return b.NewArray()
}

// called names rows.
func called(values ...string) *arrowidx.IDs {
	ids, err := arrowidx.NewIDs(texts(values...))
	must(err)
	return ids
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// compass is an index of the four directions.
func compass() *arrowidx.Index {
	column := vectors([]float32{0, 1}, []float32{1, 0}, []float32{0, -1}, []float32{-1, 0})
	defer column.Release() // the index keeps a reference of its own
	index, err := arrowidx.Build(context.Background(), column, arrowidx.BuildOptions{
		Metric: arrowidx.L2, IDs: called("north", "east", "south", "west"),
	})
	must(err)
	return index
}

// show prints the rows nearest to a point.
func show(index *arrowidx.Index, x, y float32, p arrowidx.SearchParams) {
	p.Queries = []float32{x, y}
	out := arrowidx.SearchOut{
		Rows: make([]int64, p.K), Scores: make([]float32, p.K), Counts: make([]int64, 1),
	}
	_, err := index.Search(context.Background(), &p, &out)
	must(err)
	for i, row := range out.Rows[:out.Counts[0]] {
		fmt.Printf("%s %.2f\n", out.IDs.Name(row), out.Scores[i])
	}
}

func ExampleBuild() {
	column := vectors([]float32{1, 0}, []float32{0, 1}, []float32{3, 4})
	defer column.Release()
	index, err := arrowidx.Build(context.Background(), column, arrowidx.BuildOptions{})
	must(err)
	defer index.Close()
	fmt.Println(index.Len(), "rows of", index.Dim(), "by", index.Metric(), "in kind", index.Kind())
	// Output: 3 rows of 2 by cosine in kind exact
}

func ExampleIndex_Search() {
	index := compass()
	defer index.Close()
	show(index, 0.5, 2, arrowidx.SearchParams{K: 2})
	// Output:
	// "north" 1.12
	// "east" 2.06
}

func ExampleIndex_SearchOne() {
	index := compass()
	defer index.Close()
	hits, plan, err := index.SearchOne(context.Background(), []float32{0.5, 2}, 2)
	must(err)
	for _, hit := range hits {
		fmt.Printf("%s %.2f\n", hit.ID, hit.Score)
	}
	fmt.Println(strings.HasPrefix(plan.String(), "Searched 4 rows of kind exact for 1 query"))
	// Output:
	// north 1.12
	// east 2.06
	// true
}

// A filter decides before the search: k rows come back if k may be found.
func ExampleIndex_Search_filter() {
	index := compass()
	defer index.Close()
	show(index, 0.5, 2, arrowidx.SearchParams{K: 1, IDs: texts("west", "south")})
	show(index, 0.5, 2, arrowidx.SearchParams{K: 1, Mask: []byte{0, 1, 1, 1}})
	// Output:
	// "west" 2.50
	// "east" 2.06
}

func ExampleIndex_Add() {
	index := compass()
	defer index.Close()
	rows := vectors([]float32{0.5, 0.5})
	defer rows.Release()
	_, err := index.Add(context.Background(), called("northeast"), rows, arrowidx.AddOptions{})
	must(err)
	show(index, 0.5, 2, arrowidx.SearchParams{K: 2})
	_, err = index.Add(context.Background(), called("northeast"), rows, arrowidx.AddOptions{})
	fmt.Println(arrowidx.KindOf(err) == arrowidx.DuplicateID)
	// Output:
	// "north" 1.12
	// "northeast" 1.50
	// true
}

func ExampleIndex_Upsert() {
	index := compass()
	defer index.Close()
	rows := vectors([]float32{0, 5}, []float32{0.5, 1})
	defer rows.Release()
	replaced, err := index.Upsert(context.Background(), called("north", "here"), rows,
		arrowidx.AddOptions{})
	must(err)
	fmt.Println(replaced, "replaced,", index.Len(), "rows")
	show(index, 0.5, 2, arrowidx.SearchParams{K: 2})
	// Output:
	// 1 replaced, 5 rows
	// "here" 1.00
	// "east" 2.06
}

func ExampleIndex_Delete() {
	index := compass()
	defer index.Close()
	n, err := index.Delete(texts("north", "up"), true)
	must(err)
	fmt.Println(n, "deleted,", index.Len(), "left")
	_, err = index.Delete(texts("south", "up"), false)
	fmt.Println(err)
	fmt.Println(index.Len(), "left")
	// Output:
	// 1 deleted, 3 left
	// delete: 1 of 2 ids are not in the index, first up
	// 3 left
}

func ExampleIndex_Compact() {
	index := compass()
	defer index.Close()
	_, err := index.Delete(texts("north", "south"), false)
	must(err)
	fmt.Println(index.Info().Advice)
	must(index.Compact(context.Background(), 0))
	fmt.Println(index.Info().Deleted, "deleted rows are held")
	// Output:
	// 2 of 4 rows are deleted: compact() gives their memory back
	// 0 deleted rows are held
}

func ExampleIndex_MeasureRecall() {
	index := compass()
	defer index.Close()
	report, err := index.MeasureRecall(context.Background(), arrowidx.RecallParams{K: 1})
	must(err)
	fmt.Println(report.Mean)
	// Output: 1
}

func ExampleLoad() {
	folder, err := os.MkdirTemp("", "")
	must(err)
	defer func() { must(os.RemoveAll(folder)) }()
	index := compass()
	defer index.Close()
	path := filepath.Join(folder, "compass.rvx")
	must(index.Save(context.Background(), path, true)) // with the vectors
	again, err := arrowidx.Load(context.Background(), path)
	must(err)
	defer again.Close()
	show(again, -1, 0, arrowidx.SearchParams{K: 1})
	// Output: "west" 0.00
}
