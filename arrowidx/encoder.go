package arrowidx

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// maxTileRows is the most rows encoded in one go.
const maxTileRows = 8 * simd.BlockRows

// tileRows is the number of rows encoded in one go: whole blocks, a few megabytes of them at most.
func tileRows(padded int) int {
	blocks := (1 << 20) / padded / simd.BlockRows
	return min(max(blocks, 1)*simd.BlockRows, maxTileRows)
}

// rotator reads rows and turns them into what is coded: scaled (for cosine at length one), minus
// the mean, rotated. One goroutine at a time.
type rotator struct {
	ix      *segment
	padded  int
	skip    []bool
	read    []float32 // converted numbers of a tile
	rotated []float32 // rows of a tile x padded
	row     []float32 // one scaled or normalised row
	wide    wideRows  // one row of float64
	dots    [maxTileRows]float32
}

// newRotator makes a rotator of tiles of at most `rows` rows.
func newRotator(ix *segment, skip []bool, rows int) *rotator {
	padded := paddedDim(ix.dim)
	rows = min(max(rows, 1), tileRows(padded))
	return &rotator{
		ix: ix, padded: padded, skip: skip,
		read:    make([]float32, rows*ix.dim),
		rotated: make([]float32, rows*padded),
		row:     make([]float32, ix.dim),
	}
}

// of returns row i of the tile, rotated.
func (e *rotator) of(i int) []float32 { return e.rotated[i*e.padded : (i+1)*e.padded] }

// run makes rows [from, to) ready, at most tileRows of them; skipped rows are zeros.
func (e *rotator) run(col *Column, from, to int) {
	d := e.ix.dim
	for at := from; at < to; {
		if col.wide {
			e.put64(col, at, at-from, e.skipped(at))
			at++
			continue
		}
		end := min(col.tileEnd(at, maxTileRows), to)
		rows := col.tile(at, end-at, e.read)
		for r := at; r < end; r++ {
			e.center(rows[(r-at)*d:(r-at+1)*d], r-from, e.skipped(r))
		}
		at = end
	}
	if e.ix.rot == nil { // kind exact, whose rows are centred alone
		return
	}
	e.ix.rot.apply(e.rotated, to-from)
}

// list makes the listed rows ready, at most tileRows of them, none skipped.
func (e *rotator) list(col *Column, rows []uint32) {
	for i, r := range rows {
		if ahead := i + fetchAhead; ahead < len(rows) {
			simd.Fetch(col.memory(int(rows[ahead])))
		}
		e.take(col, int(r), i)
	}
	e.ix.rot.apply(e.rotated, len(rows))
}

// take makes one row number i of the tile, not yet rotated.
func (e *rotator) take(col *Column, row, i int) {
	if col.wide {
		e.put64(col, row, i, false)
		return
	}
	e.center(col.Row(row, e.read), i, false)
}

func (e *rotator) skipped(row int) bool { return e.skip != nil && e.skip[row] }

// center writes the scaled (for cosine: normalised) row minus the mean, padded with zeros, to row i
// of the tile and keeps the row's inner product with the mean.
func (e *rotator) center(x []float32, i int, skipped bool) {
	dst := e.of(i)
	clear(dst[len(x):])
	if skipped {
		clear(dst)
		return
	}
	ix, scale := e.ix, e.ix.scale
	if ix.metric == Cosine {
		normalise(e.row, x, scale)
		x, scale = e.row, 1
	}
	simd.Center(dst[:len(x)], x, scale, ix.mean)
	if ix.metric.Larger() {
		e.dots[i] = simd.Dot16(x, ix.mean) * scale
	}
}

// put64 is center for a row of float64: the mean is subtracted before anything is rounded.
func (e *rotator) put64(col *Column, row, i int, skipped bool) {
	dst, d := e.of(i), e.ix.dim
	clear(dst)
	if skipped {
		return
	}
	l, factor := e.ix.lens(), float64(e.ix.scale)
	e.wide.row, e.wide.even = grow(e.wide.row, d), grow(e.wide.even, d)
	x := col.wideRow(row, e.wide.row)
	if e.ix.metric == Cosine {
		y, length := evened(x, e.wide.even)
		x, factor = y, 0
		if length > 0 {
			factor = 1 / length
		}
	}
	simd.Narrow(dst[:d], x, factor, l.mean)
	if e.ix.metric.Larger() {
		e.dots[i] = float32(simd.WideDot(x, l.mean) * factor)
	}
}

// normalise writes x at length one to dst; a zero vector stays zero. scale is a power of two that
// keeps the square norms of most rows normal numbers; others have their own.
func normalise(dst, x []float32, scale float32) {
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

// encoder is one worker's state of a build's last stage.
type encoder struct {
	*rotator
	codes *codes
	cells *cells // nil: one, of no centroid
	coder *coder
	diff  []float32 // a row minus its centroid
}

func newEncoder(
	ix *segment, codes *codes, cells *cells, skip []bool, rows int,
) *encoder {
	return &encoder{
		rotator: newRotator(ix, skip, rows), codes: codes, cells: cells,
		coder: newCoder(codes.padded, codes.bits, ix.metric),
		diff:  make([]float32, codes.padded),
	}
}

// encodeFlat codes all rows of the column. Tiles are independent, so the bytes do not depend on
// the number of threads.
func encodeFlat(
	ctx context.Context, ix *segment, col *Column, skip []bool, o *BuildOptions, threads int,
) error {
	codes, err := newCodes(ix.rows, blocksOf(ix.rows), ix.dim, o.Bits)
	if err != nil {
		return err
	}
	step := tileRows(codes.padded)
	tiles := (ix.rows + step - 1) / step
	workers := make([]*encoder, max(1, min(threads, tiles)))
	radius, lengths := make([]float32, tiles), make([]float64, tiles)
	err = parallel(ctx, "build", threads, tiles, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = newEncoder(ix, codes, nil, skip, ix.rows)
		}
		to := min((i+1)*step, ix.rows)
		radius[i], lengths[i] = workers[w].tile(col, i*step, to)
		o.Progress.encoded.Add(int64(to - i*step))
		return nil
	})
	if err != nil {
		codes.free()
		return err
	}
	for i, r := range radius {
		codes.radius = max(codes.radius, r)
		ix.lengths += lengths[i]
	}
	ix.codes = codes
	return nil
}

// tile codes rows [from, to) of a flat index and returns the largest residual length and the sum of
// all.
func (e *encoder) tile(col *Column, from, to int) (largest float32, sum float64) {
	e.run(col, from, to)
	for r := from; r < to; r++ {
		if !e.skipped(r) {
			length := sqrt32(e.put(r-from, r, r, nil))
			largest = max(largest, length)
			sum += float64(length)
		}
	}
	return largest, sum
}

// cell codes n rows of a cell, from its row number `from` on, and returns the largest residual
// length and the sum of all.
func (e *encoder) cell(col *Column, c, from, n int) (largest float32, sum float64) {
	cells := e.cells
	pos := int(cells.first[c]) + from
	slot := int(cells.block[c])*simd.BlockRows + from
	e.list(col, cells.rows[pos:pos+n])
	for i := range n {
		length := sqrt32(e.put(i, pos+i, slot+i, cells.centroid(c)))
		largest = max(largest, length)
		sum += float64(length)
	}
	return largest, sum
}

// put codes row i of the tile as a residual to a centroid (nil: the origin) and returns its square
// length.
func (e *encoder) put(i, pos, slot int, centroid []float32) float32 {
	var extra []byte
	if e.codes.bits > 1 {
		extra = e.codes.extraOf(pos)
	}
	residual := e.of(i)
	if centroid != nil {
		simd.Center(e.diff, residual, 1, centroid)
		residual = e.diff
	}
	fs, norm2 := e.coder.encode(residual, e.dots[i], centroid, extra)
	e.codes.putPlane(slot, e.coder.signs, fs)
	return norm2
}
