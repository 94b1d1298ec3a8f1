package build

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// AwayIn is away for a row of a column.
func AwayIn(seg *segment.Segment, col *column.Column, row int, memory *segment.Measured) float64 {
	if !col.Wide() {
		memory.One = mem.Grow(memory.One, seg.Dim)
		return away(seg, col.Row(row, memory.One))
	}
	memory.Row, memory.Even = mem.Grow(memory.Row, seg.Dim), mem.Grow(memory.Even, seg.Dim)
	x, scale := col.WideRow(row, memory.Row), float64(seg.Scale)
	if seg.Metric == column.Cosine {
		var length float64
		x, length = column.Evened(x, memory.Even)
		if scale = 0; length > 0 {
			scale = 1 / length
		}
	}
	sum := 0.0
	for j, v := range x {
		gap := v*scale - float64(seg.Mean[j])
		sum += gap * gap
	}
	return math.Sqrt(sum)
}

// away returns how far a row is from the mean, in units of the build. Rows of kind exact may be so
// much longer than those of the build that only float64 holds it.
func away(seg *segment.Segment, x []float32) float64 {
	norm2, dot := simd.Norm64(x), simd.Dot64(x, seg.Mean)
	scale := float64(seg.Scale)
	if seg.Metric == column.Cosine {
		scale = 0
		if norm2 > 0 {
			scale = 1 / math.Sqrt(norm2)
		}
	}
	return math.Sqrt(max(scale*scale*norm2-2*scale*dot+simd.Norm64(seg.Mean), 0))
}

// Residual returns the mean residual norm of the rows that the segment was built of, from a sample
// of them where it is not stored, 0 where it cannot be known.
func Residual(seg *segment.Segment) float64 {
	if c := seg.Cells; c != nil {
		sum := 0.0
		for i, s := range c.MeanResidual {
			sum += float64(s) * float64(c.Size(i))
		}
		return sum / float64(max(len(c.Rows), 1))
	}
	if seg.Lengths > 0 {
		return seg.Lengths / float64(max(seg.Usable+seg.Deleted, 1))
	}
	if seg.Source == nil {
		return 0
	}
	const sample = 4096
	var memory segment.Measured
	sum, n := 0.0, 0
	for r := 0; r < seg.Rows; r += max(1, seg.Rows/sample) {
		if seg.IsAlive(r) {
			sum += AwayIn(seg, seg.Source, r, &memory)
			n++
		}
	}
	return sum / float64(max(n, 1))
}
