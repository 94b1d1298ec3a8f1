package build

import (
	"context"
	"math"
	"sync"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Added is rows that are coded behind those that a segment has, in no cells.
type Added struct {
	Seg   *segment.Segment // its codes have room for the rows
	Col   *column.Column
	First int // row of Seg that is the first of the column
	// For kind ivf the cells of the rows are found: Owner has a place for each.
	Cells *segment.Cells
	Plane *segment.CentroidPlane
	Owner []uint32
	// Away is, afterwards, the sum of the residual norms: of distances from the mean, or from the
	// centroids.
	Away float64
	few  [1]coded // of a row that comes alone
}

// adder is one worker's memory. What it keeps between calls belongs to no index.
type adder struct {
	Encoder
	near Finder
}

// adders keeps the memory of few rows, so that a call that adds one row makes none.
var adders = sync.Pool{New: func() any { return &adder{} }}

// keptNumbers is the most numbers of rows whose memory is kept.
const keptNumbers = 1 << 16

// coded is what is learned of a row as it is coded.
type coded struct {
	length float32 // of its residual
	away   float64 // what Away counts
}

// Encode codes the rows. They are independent, and what Away counts is added in their order, in
// runs of a fixed length, so that the result does not depend on the number of threads.
func (a *Added) Encode(ctx context.Context, progress *Progress, threads int) error {
	codes, n := a.Seg.Codes, a.Col.Len()
	most := TileRows(codes.Padded)
	step := tileFor(n, threads, most)
	tiles := (n + step - 1) / step
	var first [1]*adder
	workers := first[:]
	if parts := min(threads, tiles); parts > 1 {
		workers = make([]*adder, parts)
	}
	rows := a.few[:]
	if n > len(a.few) {
		rows = make([]coded, n)
	}
	err := mem.Parallel(ctx, "add", threads, tiles, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = a.worker(min(n, step))
		}
		to := min((i+1)*step, n)
		workers[w].tile(a, i*step, to, rows)
		progress.encoded.Add(int64(to - i*step))
		return nil
	})
	for _, w := range workers {
		if w != nil && n*codes.Padded <= keptNumbers {
			w.letGo()
			adders.Put(w)
		}
	}
	for from := 0; from < n; from += most {
		sum := 0.0
		for _, r := range rows[from:min(from+most, n)] {
			codes.Radius = max(codes.Radius, r.length)
			sum += r.away
		}
		a.Away += sum
	}
	return err
}

// leastTile is the fewest rows that are worth another thread.
const leastTile = 16

// tileFor is the number of rows that a worker codes in one go: few rows are dealt to all threads,
// in fours, which the finder of cells takes together.
func tileFor(n, threads, most int) int {
	each := (n/(2*max(threads, 1)) + 3) / 4 * 4
	return min(max(each, leastTile), most)
}

// worker returns memory for tiles of so many rows.
func (a *Added) worker(rows int) *adder {
	w := adders.Get().(*adder)
	w.setUp(a.Seg, a.Seg.Codes, rows)
	if a.Plane != nil {
		w.near.setUp(a.Plane, a.Cells.Centroids, a.Cells.Norm2)
		w.near.useCodes(a.Cells)
	}
	return w
}

// letGo forgets what belongs to an index.
func (w *adder) letGo() {
	w.Seg, w.Codes = nil, nil
	w.near.setUp(nil, nil, nil)
}

// tile codes rows [from, to) of the column and finds their cells.
func (w *adder) tile(a *Added, from, to int, rows []coded) {
	w.Run(a.Col, from, to)
	if a.Plane != nil {
		w.near.Nearest(w.Rotated, to-from, a.Owner[from:to])
	}
	for r := from; r < to; r++ {
		at := a.First + r
		length := mem.Sqrt32(w.Put(r-from, at, at, nil))
		rows[r] = coded{length, float64(length)}
		if a.Plane != nil {
			simd.Center(w.diff, w.Of(r-from), 1, a.Cells.Centroid(int(a.Owner[r])))
			rows[r].away = math.Sqrt(float64(simd.Norm16(w.diff)))
		}
	}
}

// setUp makes an encoder one of the segment's codes to the mean, of tiles of at most `rows` rows,
// with the memory that it has.
func (e *Encoder) setUp(seg *segment.Segment, codes *rabitq.Codes, rows int) {
	if e.Rotator == nil {
		e.Rotator = &Rotator{}
	}
	r := e.Rotator
	r.Seg, r.Padded, r.skip = seg, codes.Padded, nil
	r.read = mem.Grow(r.read, rows*seg.Dim)
	r.Rotated = mem.Grow(r.Rotated, rows*codes.Padded)
	r.row = mem.Grow(r.row, seg.Dim)
	e.Codes, e.Cells = codes, nil
	e.diff = mem.Grow(e.diff, codes.Padded)
	if e.coder == nil || !e.coder.Fits(codes.Padded, codes.Bits, seg.Metric) {
		e.coder = rabitq.NewCoder(codes.Padded, codes.Bits, seg.Metric)
	}
}
