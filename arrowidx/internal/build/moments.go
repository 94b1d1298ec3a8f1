package build

import (
	"context"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Ways out of rows that have no vector; in Go they are Options.Nulls and Options.Bad.
const (
	skipNullRows = "drop null rows, or skip them: Index.build(..., nulls='skip')"
	skipBadRows  = "repair or drop the row, or skip such rows: rv.config(bad_vectors='skip')"
)

// shardRows is the number of rows whose sums are taken in one go. It is fixed, and shards are
// added in order, so that a mean does not depend on the number of threads.
const shardRows = 65_536

// lookBytes is about how many bytes of rows are read between two looks at the context.
const lookBytes = 256 << 10

// MaxSquareNorm keeps the squared distance of any two rows inside float32.
const MaxSquareNorm = math.MaxFloat32 / 8

// SmallestNormal is the least square norm (after scaling) of a row that is not zero.
const SmallestNormal = 1.17549435e-38

// Moments is what a build learns from one pass over the column.
type Moments struct {
	scale  float32   // power of two that brings the longest row to a norm in [1/2, 1)
	mean   []float32 // of the scaled rows (of the normalised rows for cosine), d numbers
	skip   []bool    // rows that are null or bad; nil when none is
	nulls  int       // rows skipped because null
	bad    int       // rows skipped because bad
	usable int       // rows that can be found
	// tooShort is the square norm that every row that is not zero must have, 0 when all have it.
	tooShort float64
	// Norms of the longest row and of the shortest that is not zero, and where that is.
	Longest, Shortest float64
	ShortestRow       int
}

// shardSums is one shard's share.
type shardSums struct {
	sum        []float64
	used       int
	nulls, bad int
	max, min   float64 // square norms; min over rows that are not zero
	minRow     int
	least      float64 // square norm below which a row that is not zero is bad
	skipped    []int
}

// Measure validates every row and finds scale and mean.
func Measure(ctx context.Context, col *column.Column, o *Options, threads int) (*Moments, error) {
	return measure(ctx, col, o, threads, true)
}

// MeasureAdded is Measure for rows that are added: they have the mean of the build.
func MeasureAdded(
	ctx context.Context, col *column.Column, o *Options, threads int,
) (*Moments, error) {
	return measure(ctx, col, o, threads, false)
}

func measure(
	ctx context.Context, col *column.Column, o *Options, threads int, mean bool,
) (*Moments, error) {
	if err := o.Metric.Fits("build", col); err != nil {
		return nil, err
	}
	if o.Metric.Binary() {
		return measureBits(ctx, col, o)
	}
	m, err := measureAbove(ctx, col, o, threads, 0, mean)
	if err != nil || m.tooShort == 0 {
		return m, err
	}
	// Rows too short beside the longest are known once all are read, and then left out.
	again := *o
	again.Progress = &Progress{}
	return measureAbove(ctx, col, &again, threads, m.tooShort, mean)
}

// measureAbove is measure where rows that are not zero and have a square norm below least are bad.
func measureAbove(
	ctx context.Context, col *column.Column, o *Options, threads int, least float64, mean bool,
) (*Moments, error) {
	m := &struct { // one object, for few rows
		Moments
		first [1]shardSums
	}{Moments: Moments{scale: 1}}
	shards := m.first[:]
	if n := (col.Len() + shardRows - 1) / shardRows; n != 1 {
		shards = make([]shardSums, n)
	}
	for i := range shards {
		if shards[i].least = least; mean {
			shards[i].sum = make([]float64, col.Dim())
		}
	}
	err := mem.Parallel(ctx, "build", threads, len(shards), func(_, i int) error {
		return shards[i].read(ctx, col, o, i*shardRows, min((i+1)*shardRows, col.Len()))
	})
	if err != nil {
		return nil, err
	}
	largest, smallest, smallestRow := 0.0, math.Inf(1), 0
	for i := range shards {
		s := &shards[i]
		m.usable += s.used
		m.nulls += s.nulls
		m.bad += s.bad
		largest = max(largest, s.max)
		if s.min < smallest {
			smallest, smallestRow = s.min, s.minRow
		}
		for _, r := range s.skipped {
			m.drop(col.Len(), r)
		}
	}
	m.Longest, m.Shortest, m.ShortestRow = math.Sqrt(largest), math.Sqrt(smallest), smallestRow
	m.setScale(largest)
	// Rows under cosine are scaled each by its own length.
	unit := float64(m.scale) * float64(m.scale)
	if o.Metric != column.Cosine && smallest*unit < SmallestNormal {
		if o.Bad == SkipBad {
			m.tooShort = SmallestNormal / unit
			return &m.Moments, nil
		}
		return nil, fault.At(fault.InvalidVector, "build", int64(smallestRow), -1,
			fmt.Sprintf("row %d has norm %.3g, too small beside the longest row's %.3g",
				smallestRow, math.Sqrt(smallest), math.Sqrt(largest)),
			"write zeros instead, or drop the row")
	}
	if mean {
		m.average(shards, col.Dim(), o.Metric)
	}
	return &m.Moments, nil
}

// average finds the mean from the sums of the shards, in their order.
func (m *Moments) average(shards []shardSums, dim int, metric column.Metric) {
	sum := make([]float64, dim)
	for i := range shards {
		for j, v := range shards[i].sum {
			sum[j] += v
		}
	}
	factor := float64(m.scale)
	if metric == column.Cosine {
		factor = 1
	}
	m.mean = make([]float32, dim)
	for j := range m.mean {
		if m.usable > 0 {
			m.mean[j] = float32(sum[j] / float64(m.usable) * factor)
		}
	}
}

func (m *Moments) drop(rows, r int) {
	if m.skip == nil {
		m.skip = make([]bool, rows)
	}
	m.skip[r] = true
}

// setScale picks the power of two from the largest square norm. Subnormal data are not scaled
// past what float32 can express.
func (m *Moments) setScale(largest float64) {
	if largest == 0 {
		return
	}
	_, exp := math.Frexp(math.Sqrt(largest))
	m.scale = float32(math.Ldexp(1, max(min(-exp, 126), -126)))
}

func (s *shardSums) read(ctx context.Context, col *column.Column, o *Options, from, to int) error {
	s.min = math.Inf(1)
	step := min(max(1, lookBytes/(4*col.Dim())), to-from)
	var buf []float32 // for numbers that do not lie there as float32
	if !col.Plain() {
		buf = make([]float32, step*col.Dim())
	}
	var wide segment.WideRows
	for from < to {
		if err := fault.FromContext(ctx, "build"); err != nil {
			return err
		}
		end := min(col.TileEnd(from, step), to)
		var rows []float32
		if !col.Wide() {
			rows = col.Tile(from, end-from, buf)
		}
		for r := from; r < end; r++ {
			var err error
			if !s.leftOut(col, o, r, &err) {
				if col.Wide() {
					err = s.readWide(col, o, r, &wide)
				} else {
					err = s.readRow(col, o, r, rows[(r-from)*col.Dim():(r-from+1)*col.Dim()], &wide)
				}
			}
			if err != nil {
				return err
			}
		}
		o.Progress.Scanned.Add(int64(end - from))
		from = end
	}
	return nil
}

// leftOut reports whether a row is null, which may be an error.
func (s *shardSums) leftOut(col *column.Column, o *Options, r int, err *error) bool {
	if col.NullCount() == 0 || col.Valid(r) {
		return false
	}
	if o.Nulls == RejectNulls {
		*err = fault.At(fault.InvalidVector, "build", int64(r), -1,
			fmt.Sprintf("row %d is null", r), skipNullRows)
	}
	s.nulls++
	s.skipped = append(s.skipped, r)
	return true
}

// readRow takes a row of float32 in.
func (s *shardSums) readRow(
	col *column.Column, o *Options, r int, x []float32, wide *segment.WideRows,
) error {
	norm := simd.Norm64(x)
	if ck := col.ChunkOf(r); !(norm <= MaxSquareNorm) || ck.BadElem != nil {
		wide.Row = mem.Grow(wide.Row, len(x))
		column.Widen(wide.Row, x)
		if bad, err := s.refuses(ck, o, r, wide.Row, norm); bad || err != nil {
			return err
		}
	}
	if s.add(o, r, norm) && s.sum != nil {
		simd.AddScaled(s.sum, x, s.factor(o, norm))
	}
	return nil
}

// readWide takes a row of float64 in.
func (s *shardSums) readWide(col *column.Column, o *Options, r int, wide *segment.WideRows) error {
	wide.Row, wide.Even = mem.Grow(wide.Row, col.Dim()), mem.Grow(wide.Even, col.Dim())
	x := col.WideRow(r, wide.Row)
	norm := simd.WideNorm(x)
	if ck := col.ChunkOf(r); !(norm <= MaxSquareNorm) || ck.BadElem != nil {
		if bad, err := s.refuses(ck, o, r, x, norm); bad || err != nil {
			return err
		}
	}
	if o.Metric == column.Cosine {
		y, length := column.Evened(x, wide.Even)
		x, norm = y, length*length
	} else if norm < 0x1p-900 && column.LargestOf(x) > 0 {
		norm = 0x1p-900 // too short for its square to be told, but no zeros
	}
	if !s.add(o, r, norm) || s.sum == nil {
		return nil
	}
	factor := s.factor(o, norm)
	for j, v := range x {
		s.sum[j] += float64(v * factor)
	}
	return nil
}

// refuses reports whether a row is bad, which may be an error.
func (s *shardSums) refuses(
	ck *column.Chunk, o *Options, r int, x []float64, norm float64,
) (bool, error) {
	err := BadRow("build", ck, o.Metric, r, x, norm)
	if err == nil {
		return false, nil
	}
	if o.Bad == RejectBad {
		return true, err
	}
	s.bad++
	s.skipped = append(s.skipped, r)
	return true, nil
}

// add counts a row with its square norm and reports whether it has a direction.
func (s *shardSums) add(o *Options, r int, norm float64) bool {
	if norm > 0 && norm < s.least {
		s.bad++
		s.skipped = append(s.skipped, r)
		return false
	}
	s.used++
	if norm == 0 {
		return false
	}
	s.max = max(s.max, norm)
	if norm < s.min {
		s.min, s.minRow = norm, r
	}
	return true
}

// factor is what a row is multiplied with in the sum.
func (s *shardSums) factor(o *Options, norm float64) float64 {
	if o.Metric == column.Cosine {
		return 1 / math.Sqrt(norm)
	}
	return 1
}

// BadRow explains what is wrong with a row, or returns nil if nothing is.
func BadRow(
	op string, ck *column.Chunk, metric column.Metric, row int, x []float64, norm float64,
) error {
	null := ck.NullElement(row-ck.Start, len(x))
	for j, v := range x {
		what := ""
		switch {
		case j == null:
			what = "null"
		case v != v:
			what = "NaN"
		case v-v != 0:
			what = "infinity"
		case math.Abs(v) > math.MaxFloat32 && metric != column.Cosine:
			what = "a number outside float32"
		default:
			continue
		}
		return fault.At(fault.InvalidVector, op, int64(row), int64(j),
			fmt.Sprintf("row %d, column %d holds %s", row, j, what),
			skipBadRows)
	}
	if norm <= MaxSquareNorm || metric == column.Cosine {
		return nil
	}
	return fault.At(fault.InvalidVector, op, int64(row), -1,
		fmt.Sprintf("row %d has norm %.3g, its square overflows float32 distances", row,
			math.Sqrt(norm)), "scale the vectors down")
}

// Holds reports whether the metric can work with a row of such a square norm: cosine with any that
// is finite.
func Holds(m column.Metric, x []float64, norm2 float64) bool {
	if norm2 <= MaxSquareNorm {
		return true
	}
	return m == column.Cosine && column.LargestOf(x) <= math.MaxFloat64
}
