package arrowidx_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// An index of codes alone answers with estimates; with the column that it was built from, which
// takes no memory of its own, answers are exact.
func ExampleIndex_Attach() {
	r := rand.New(rand.NewPCG(1, 1))
	values := make([]float32, 1000*64)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	column, err := arrowidx.MatrixColumn(values, 1000, 64)
	must(err)
	defer column.Release()
	ctx := context.Background()
	index, err := arrowidx.Build(ctx, column, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Keep: arrowidx.KeepNone})
	must(err)
	defer index.Close()
	search := func() {
		p := arrowidx.SearchParams{Queries: values[:64], NQ: 1, K: 1, Rerank: -1}
		out := arrowidx.SearchOut{
			Rows: make([]int64, 1), Scores: make([]float32, 1), Counts: make([]int64, 1)}
		plan, err := index.Search(ctx, &p, &out)
		must(err)
		fmt.Println("row", out.Rows[0], "exact", plan.Exact)
	}
	search()
	must(index.Attach(column))
	search()
	index.Detach()
	search()
	// Output:
	// row 0 exact false
	// row 0 exact true
	// row 0 exact false
}

// Queries that are unlike the rows need other settings for the same recall.
func ExampleIndex_Calibrate() {
	r := rand.New(rand.NewPCG(1, 1))
	values := make([]float32, 12_000*16)
	for i := range values {
		values[i] = float32(r.NormFloat64())
	}
	column, err := arrowidx.MatrixColumn(values[:10_000*16], 10_000, 16)
	must(err)
	defer column.Release()
	ctx := context.Background()
	index, err := arrowidx.Build(ctx, column, arrowidx.BuildOptions{Kind: arrowidx.IVF})
	must(err)
	defer index.Close()
	must(index.Calibrate(ctx, arrowidx.CalibrateParams{
		Queries: values[10_000*16:], NQ: 2000}))
	for _, point := range index.Info().Calibration {
		if point.Vectors && point.Target == 0.95 {
			fmt.Println("recall", point.Target, "met:", point.Recall >= 0.95)
		}
	}
	// Output: recall 0.95 met: true
}

// Answers of any length leave as Arrow record batches.
func ExampleIndex_WithinReader() {
	index := compass()
	defer index.Close()
	most := 1.5
	p := arrowidx.WithinParams{Queries: []float32{0.5, 1}, NQ: 1, MaxDistance: &most}
	reader, _, err := index.WithinReader(context.Background(), &p, memory.DefaultAllocator)
	must(err)
	defer reader.Release()
	for reader.Next() {
		batch := reader.RecordBatch()
		names, scores := batch.Column(1).(*array.LargeString), batch.Column(2).(*array.Float32)
		for i := range int(batch.NumRows()) {
			fmt.Printf("%s %.2f\n", names.Value(i), scores.Value(i))
		}
	}
	// Output:
	// north 0.50
	// east 1.12
}
