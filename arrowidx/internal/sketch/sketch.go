// Package sketch holds rows of a filter, or of a graph under way, as int8 with certain bounds:
// which few of them float32 must measure.
package sketch

import (
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// Uses is how often a filter is used before its rows are sketched: that costs what some
	// tens of searches cost, and every later one costs half.
	Uses = 8
	// LeastDim is the least dimension: below, int8 forms are not much shorter than the rows.
	LeastDim = 64
	// Low and High are between which products of lengths have the bounds below.
	Low, High = 1e-20, 1e36
)

// Sketch holds rows as int8, to tell which few of them float32 must measure. Rows and queries are
// taken as codes take them: scaled, minus the mean, rotated, which makes all numbers of a row about
// as large. Its bounds are certain: for the int8 forms x' and q' of a row and a query, the inner
// product <x, q> differs from <x', q'> by <x-x', q'> + <x, q-q'>, so by at most
// |x-x'| |q'| + |x| |q-q'| (Cauchy-Schwarz).
type Sketch struct {
	Padded  int
	Codes   []int8    // n x padded
	Step    []float32 // of each row's numbers
	Add     []float32 // l2: square length of each row; else minus its product with the mean
	Lack    float32   // largest |x-x'|
	Longest float32   // largest |x|
}

// New sketches the listed rows.
func New(seg *segment.Segment, col *column.Column, rows []uint32) *Sketch {
	n, e := len(rows), build.NewRotator(seg, nil, len(rows))
	k := &Sketch{Padded: e.Padded, Step: make([]float32, n), Add: make([]float32, n)}
	k.Codes = make([]int8, n*k.Padded)
	for from := 0; from < n; from += build.TileRows(e.Padded) {
		to := min(from+build.TileRows(e.Padded), n)
		e.List(col, rows[from:to])
		for i := from; i < to; i++ {
			lack, length := k.Put(i, e.Of(i-from), seg.Metric.Larger(), e.Dots[i-from])
			k.Lack, k.Longest = max(k.Lack, lack), max(k.Longest, length)
		}
	}
	return k
}

// Put sketches x as number i and returns upper bounds of |x-x'| and of |x|; product is that of the
// row with the mean.
func (k *Sketch) Put(
	i int, x []float32, larger bool, product float32,
) (lack, length float32) {
	norm2 := simd.Norm16(x)
	k.Add[i] = norm2
	if larger {
		k.Add[i] = -product
	}
	own := k.Codes[i*k.Padded : (i+1)*k.Padded]
	k.Step[i] = simd.QuantizeInt8(own, x)
	return Lacking(x, own, k.Step[i]), mem.Sqrt32(norm2)
}

// Lacking returns an upper bound of the length of x minus its int8 form.
func Lacking(x []float32, z []int8, step float32) float32 {
	var sums [4]float64
	z = z[:len(x)]
	for i := 0; i+4 <= len(x); i += 4 { // rows are padded to 64
		for j := range sums {
			gap := float64(x[i+j] - float32(z[i+j])*step)
			sums[j] += gap * gap
		}
	}
	length := math.Sqrt(sums[0] + sums[1] + sums[2] + sums[3])
	largest := float64(step) * 127 * math.Sqrt(float64(len(x)))
	return float32(length*(1+1e-6) + largest/(1<<23)) // and float32 rounding of each gap
}

// Bytes counts the memory of the sketch.
func (k *Sketch) Bytes() int64 { return int64(len(k.Codes) + 4*len(k.Step) + 4*len(k.Add)) }
