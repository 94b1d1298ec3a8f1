package build

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// MaxTileRows is the most rows encoded in one go.
const MaxTileRows = 8 * simd.BlockRows

// TileRows is the number of rows encoded in one go: whole blocks, a few megabytes of them at most.
func TileRows(padded int) int {
	blocks := (1 << 20) / padded / simd.BlockRows
	return min(max(blocks, 1)*simd.BlockRows, MaxTileRows)
}

// Rotator reads rows and turns them into what is coded: scaled (for cosine at length one), minus
// the mean, rotated. One goroutine at a time.
type Rotator struct {
	Seg     *segment.Segment
	Padded  int
	skip    []bool
	read    []float32        // converted numbers of a tile
	Rotated []float32        // rows of a tile x padded
	row     []float32        // one scaled or normalised row
	wide    segment.WideRows // one row of float64
	Dots    [MaxTileRows]float32
}

// NewRotator makes a rotator of tiles of at most `rows` rows.
func NewRotator(seg *segment.Segment, skip []bool, rows int) *Rotator {
	padded := rabitq.PaddedDim(seg.Dim)
	rows = min(max(rows, 1), TileRows(padded))
	return &Rotator{
		Seg: seg, Padded: padded, skip: skip,
		read:    make([]float32, rows*seg.Dim),
		Rotated: make([]float32, rows*padded),
		row:     make([]float32, seg.Dim),
	}
}

// Of returns row i of the tile, rotated.
func (e *Rotator) Of(i int) []float32 { return e.Rotated[i*e.Padded : (i+1)*e.Padded] }

// Run makes rows [from, to) ready, at most TileRows of them; skipped rows are zeros.
func (e *Rotator) Run(col *column.Column, from, to int) {
	d := e.Seg.Dim
	for at := from; at < to; {
		if col.Wide() {
			e.put64(col, at, at-from, e.skipped(at))
			at++
			continue
		}
		end := min(col.TileEnd(at, MaxTileRows), to)
		rows := col.Tile(at, end-at, e.read)
		for r := at; r < end; r++ {
			e.center(rows[(r-at)*d:(r-at+1)*d], r-from, e.skipped(r))
		}
		at = end
	}
	if e.Seg.Rot == nil { // kind exact, whose rows are centred alone
		return
	}
	e.Seg.Rot.Apply(e.Rotated, to-from)
}

// List makes the listed rows ready, at most TileRows of them, none skipped.
func (e *Rotator) List(col *column.Column, rows []uint32) {
	for i, r := range rows {
		if ahead := i + column.FetchAhead; ahead < len(rows) {
			col.Fetch(int(rows[ahead]), math.MaxInt)
		}
		e.Take(col, int(r), i)
	}
	e.Seg.Rot.Apply(e.Rotated, len(rows))
}

// Take makes one row number i of the tile, not yet rotated.
func (e *Rotator) Take(col *column.Column, row, i int) {
	if col.Wide() {
		e.put64(col, row, i, false)
		return
	}
	e.center(col.Row(row, e.read), i, false)
}

func (e *Rotator) skipped(row int) bool { return e.skip != nil && e.skip[row] }

// center writes the scaled (for cosine: normalised) row minus the mean, padded with zeros, to row i
// of the tile and keeps the row's inner product with the mean.
func (e *Rotator) center(x []float32, i int, skipped bool) {
	dst := e.Of(i)
	clear(dst[len(x):])
	if skipped {
		clear(dst)
		return
	}
	seg, scale := e.Seg, e.Seg.Scale
	if seg.Metric == column.Cosine {
		Normalise(e.row, x, scale)
		x, scale = e.row, 1
	}
	simd.Center(dst[:len(x)], x, scale, seg.Mean)
	if seg.Metric.Larger() {
		e.Dots[i] = simd.Dot16(x, seg.Mean) * scale
	}
}

// put64 is center for a row of float64: the mean is subtracted before anything is rounded.
func (e *Rotator) put64(col *column.Column, row, i int, skipped bool) {
	dst, d := e.Of(i), e.Seg.Dim
	clear(dst)
	if skipped {
		return
	}
	l, factor := e.Seg.Lens(), float64(e.Seg.Scale)
	e.wide.Row, e.wide.Even = mem.Grow(e.wide.Row, d), mem.Grow(e.wide.Even, d)
	x := col.WideRow(row, e.wide.Row)
	if e.Seg.Metric == column.Cosine {
		y, length := column.Evened(x, e.wide.Even)
		x, factor = y, 0
		if length > 0 {
			factor = 1 / length
		}
	}
	simd.Narrow(dst[:d], x, factor, l.Mean)
	if e.Seg.Metric.Larger() {
		e.Dots[i] = float32(simd.WideDot(x, l.Mean) * factor)
	}
}

// Normalise writes x at length one to dst; a zero vector stays zero. scale is a power of two that
// keeps the square norms of most rows normal numbers; others have their own.
func Normalise(dst, x []float32, scale float32) {
	simd.Scale(dst, x, scale)
	norm2 := simd.Norm16(dst)
	if !(norm2 >= 0x1p-80 && norm2 <= 0x1p80) {
		norm := math.Sqrt(simd.Norm64(x))
		if norm == 0 {
			clear(dst)
			return
		}
		_, exp := math.Frexp(norm)
		simd.Scale(dst, x, float32(math.Ldexp(1, min(-exp, 126))))
		norm2 = simd.Norm16(dst)
	}
	simd.Scale(dst, dst, float32(1/math.Sqrt(float64(norm2))))
}

// Encoder is one worker's state of a build's last stage.
type Encoder struct {
	*Rotator
	Codes *rabitq.Codes
	Cells *segment.Cells // nil: one, of no centroid
	coder *rabitq.Coder
	diff  []float32 // a row minus its centroid
}

// NewEncoder makes an encoder into codes, of tiles of at most `rows` rows. cells nil codes
// residuals to the mean.
func NewEncoder(
	seg *segment.Segment, codes *rabitq.Codes, cells *segment.Cells, skip []bool, rows int,
) *Encoder {
	return &Encoder{
		Rotator: NewRotator(seg, skip, rows), Codes: codes, Cells: cells,
		coder: rabitq.NewCoder(codes.Padded, codes.Bits, seg.Metric),
		diff:  make([]float32, codes.Padded),
	}
}

// EncodeFlat codes all rows of the column. Tiles are independent, so the bytes do not depend on
// the number of threads.
func EncodeFlat(
	ctx context.Context, seg *segment.Segment, col *column.Column, skip []bool, o *Options,
	threads int,
) error {
	codes, err := rabitq.NewCodes(seg.Rows, rabitq.BlocksOf(seg.Rows), seg.Dim, o.Bits)
	if err != nil {
		return err
	}
	step := TileRows(codes.Padded)
	tiles := (seg.Rows + step - 1) / step
	workers := make([]*Encoder, max(1, min(threads, tiles)))
	radius, lengths := make([]float32, tiles), make([]float64, tiles)
	err = mem.Parallel(ctx, "build", threads, tiles, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = NewEncoder(seg, codes, nil, skip, seg.Rows)
		}
		to := min((i+1)*step, seg.Rows)
		radius[i], lengths[i] = workers[w].tile(col, i*step, to)
		o.Progress.encoded.Add(int64(to - i*step))
		return nil
	})
	if err != nil {
		codes.Free()
		return err
	}
	for i, r := range radius {
		codes.Radius = max(codes.Radius, r)
		seg.Lengths += lengths[i]
	}
	seg.Codes = codes
	return nil
}

// tile codes rows [from, to) of a flat index and returns the largest residual length and the sum of
// all.
func (e *Encoder) tile(col *column.Column, from, to int) (largest float32, sum float64) {
	e.Run(col, from, to)
	for r := from; r < to; r++ {
		if !e.skipped(r) {
			length := mem.Sqrt32(e.Put(r-from, r, r, nil))
			largest = max(largest, length)
			sum += float64(length)
		}
	}
	return largest, sum
}

// cell codes n rows of a cell, from its row number `from` on, and returns the largest residual
// length and the sum of all.
func (e *Encoder) cell(col *column.Column, c, from, n int) (largest float32, sum float64) {
	cells := e.Cells
	pos := int(cells.First[c]) + from
	slot := int(cells.Block[c])*simd.BlockRows + from
	e.List(col, cells.Rows[pos:pos+n])
	for i := range n {
		length := mem.Sqrt32(e.Put(i, pos+i, slot+i, cells.Centroid(c)))
		largest = max(largest, length)
		sum += float64(length)
	}
	return largest, sum
}

// Put codes row i of the tile as a residual to a centroid (nil: the origin) and returns its square
// length.
func (e *Encoder) Put(i, pos, slot int, centroid []float32) float32 {
	var extra []byte
	if e.Codes.Bits > 1 {
		extra = e.Codes.ExtraOf(pos)
	}
	residual := e.Of(i)
	if centroid != nil {
		simd.Center(e.diff, residual, 1, centroid)
		residual = e.diff
	}
	fs, norm2 := e.coder.Encode(residual, e.Dots[i], centroid, extra)
	e.Codes.PutPlane(slot, e.coder.Signs, fs)
	return norm2
}
