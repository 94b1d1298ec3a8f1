package build

import (
	"context"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// MeasureNorms stores the length of every row, which bounds the rounding error of a float32 inner
// product and, for cosine, divides it.
func MeasureNorms(
	ctx context.Context, seg *segment.Segment, col *column.Column, o *Options, threads int,
) error {
	o.Progress.encoded.Store(int64(col.Len()))
	if !seg.Metric.Larger() {
		return nil
	}
	var err error
	if seg.Norms, err = mem.NewSlab("build", 4*int64(col.Len())); err != nil {
		return err
	}
	norms := seg.Norms.Floats()
	shards := (col.Len() + shardRows - 1) / shardRows
	longest, uneven := make([]float32, shards), make([]bool, shards)
	err = mem.Parallel(ctx, "build", threads, shards, func(_, s int) error {
		step := max(1, lookBytes/(4*seg.Dim))
		var memory segment.Measured
		for r := s * shardRows; r < min((s+1)*shardRows, col.Len()); r++ {
			if r%step == 0 {
				if err := fault.FromContext(ctx, "build"); err != nil {
					return err
				}
			}
			if seg.IsAlive(r) {
				norms[r] = memory.Length(col, r)
				longest[s] = max(longest[s], norms[r])
				uneven[s] = uneven[s] || !segment.IsEven(float64(norms[r]))
			}
		}
		return nil
	})
	for i, v := range longest {
		seg.Longest = max(seg.Longest, v)
		seg.Uneven = seg.Uneven || uneven[i] && seg.Metric == column.Cosine
	}
	return err
}
