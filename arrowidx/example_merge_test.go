package arrowidx_test

import (
	"fmt"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// Two shards answer one query by cosine. Article 12 lies in both.
func ExampleMergeTopK() {
	europe := arrowidx.TopK[int64]{K: 3, IDs: []int64{12, 40, 7},
		Scores: []float32{0.9, 0.5, 0.25}, Counts: []int64{3}}
	asia := arrowidx.TopK[int64]{K: 3, IDs: []int64{31, 12, -1},
		Scores: []float32{0.75, 0.625, 0}, Counts: []int64{2}}
	both, err := arrowidx.MergeTopK(arrowidx.Cosine.Larger(), 3,
		[]arrowidx.TopK[int64]{europe, asia})
	if err != nil {
		panic(err)
	}
	for i := range both.Counts[0] {
		fmt.Println(both.IDs[i], both.Scores[i])
	}
	// Output:
	// 12 0.9
	// 31 0.75
	// 40 0.5
}

// Ids that are text are merged by the bytes of their UTF-8.
func ExampleMergeTopK_text() {
	parts := []arrowidx.TopK[string]{
		{K: 1, IDs: []string{"zebra"}, Scores: []float32{2}, Counts: []int64{1}},
		{K: 1, IDs: []string{"ape"}, Scores: []float32{2}, Counts: []int64{1}},
	}
	both, err := arrowidx.MergeTopK(arrowidx.L2.Larger(), 2, parts)
	fmt.Println(both.IDs, err)
	// Output: [ape zebra] <nil>
}
