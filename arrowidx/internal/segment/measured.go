package segment

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Measured is one worker's memory for measuring a row of the column in float64.
type Measured struct {
	WideRows
	One  []float32 // the row as float32, where it must be converted
	X    []float32 // the row, nil: not read yet
	Wide []float64
	At   int
	Ones []float32
}

// Length is that of a row of the column, not zero or infinite unless the row is.
func (m *Measured) Length(col *column.Column, row int) float32 {
	var length float64
	if !col.Wide() {
		m.One = mem.Grow(m.One, col.Dim())
		length = math.Sqrt(simd.Norm64(col.Row(row, m.One)))
	} else {
		m.Row, m.Even = mem.Grow(m.Row, col.Dim()), mem.Grow(m.Even, col.Dim())
		x := col.WideRow(row, m.Row)
		y, scaled := column.Evened(x, m.Even)
		if length = scaled; scaled > 0 && &y[0] != &x[0] {
			_, exp := math.Frexp(column.LargestOf(x))
			length = math.Ldexp(scaled, exp)
		}
	}
	if length == 0 {
		return 0
	}
	return max(float32(min(length, math.MaxFloat32)), math.SmallestNonzeroFloat32)
}
