package arrowidx

import (
	"context"
	"encoding/binary"
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

// flatCodes holds the codes of all rows of a flat index. Immutable once built.
//
// blocks: per 32 rows the transposed sign plane and three factors a row (see simd.Scan).
// extra: per row its extra bits and three factors of the whole code; empty for one bit.
type flatCodes struct {
	padded int
	bits   int
	rows   int
	blocks slab
	extra  slab
	stride int // bytes of a block
	row    int // bytes of a row in extra
	radius float32
}

func newFlatCodes(rows, dim, bits int) (*flatCodes, error) {
	f := &flatCodes{padded: paddedDim(dim), bits: bits, rows: rows}
	f.stride = simd.BlockStride(f.padded)
	if bits > 1 {
		f.row = simd.ExtraBytes(f.padded, bits-1) + factorsBytes
	}
	var err error
	if f.blocks, err = newSlab("build", int64(f.count())*int64(f.stride)); err != nil {
		return nil, err
	}
	if f.extra, err = newSlab("build", int64(rows)*int64(f.row)); err != nil {
		f.blocks.free()
		return nil, err
	}
	return f, nil
}

// count returns the number of blocks.
func (f *flatCodes) count() int { return (f.rows + simd.BlockRows - 1) / simd.BlockRows }

func (f *flatCodes) block(b int) []byte {
	return f.blocks.mem[b*f.stride : (b+1)*f.stride : (b+1)*f.stride]
}

func (f *flatCodes) extraOf(row int) []byte {
	return f.extra.mem[row*f.row : (row+1)*f.row : (row+1)*f.row]
}

func (f *flatCodes) bytes() int64 { return int64(len(f.blocks.mem) + len(f.extra.mem)) }

func (f *flatCodes) free() {
	f.blocks.free()
	f.extra.free()
}

// planeFactors reads the factors of one row from its block.
func (f *flatCodes) planeFactors(block []byte, lane int) factors {
	at := block[f.stride-simd.FactorBytes:]
	get := func(i int) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(at[4*(i*simd.BlockRows+lane):]))
	}
	return factors{add: get(0), rescale: get(1), err: get(2)}
}

func (f *flatCodes) putPlane(row int, signs []byte, fs factors) {
	block, lane := f.block(row/simd.BlockRows), row%simd.BlockRows
	for j, s := range signs {
		block[j*simd.BlockRows+lane] = s
	}
	at := block[f.stride-simd.FactorBytes:]
	for i, v := range [...]float32{fs.add, fs.rescale, fs.err} {
		binary.LittleEndian.PutUint32(at[4*(i*simd.BlockRows+lane):], math.Float32bits(v))
	}
}

// encoder is one worker's state of a flat build.
type encoder struct {
	ix      *Index
	codes   *flatCodes
	skip    []bool
	coder   *coder
	read    []float32 // converted numbers of a tile
	rotated []float32 // rows of a tile x padded
	row     []float32 // one scaled or normalised row
	dots    [maxTileRows]float32
}

func newEncoder(ix *Index, codes *flatCodes, skip []bool) *encoder {
	return &encoder{
		ix: ix, codes: codes, skip: skip,
		coder:   newCoder(codes.padded, codes.bits, ix.metric),
		read:    make([]float32, tileRows(codes.padded)*ix.dim),
		rotated: make([]float32, tileRows(codes.padded)*codes.padded),
		row:     make([]float32, ix.dim),
	}
}

// encodeFlat codes all rows of the column. Tiles are independent, so the bytes do not depend on
// the number of threads.
func encodeFlat(
	ctx context.Context, ix *Index, col *Column, skip []bool, o *BuildOptions, threads int,
) error {
	codes, err := newFlatCodes(ix.rows, ix.dim, o.Bits)
	if err != nil {
		return err
	}
	step := tileRows(codes.padded)
	tiles := (ix.rows + step - 1) / step
	workers := make([]*encoder, max(1, min(threads, tiles)))
	radius := make([]float32, tiles)
	err = parallel(ctx, "build", threads, tiles, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = newEncoder(ix, codes, skip)
		}
		to := min((i+1)*step, ix.rows)
		radius[i] = workers[w].tile(col, i*step, to)
		o.Progress.encoded.Add(int64(to - i*step))
		return nil
	})
	if err != nil {
		codes.free()
		return err
	}
	for _, r := range radius {
		codes.radius = max(codes.radius, r)
	}
	ix.codes = codes
	return nil
}

// tile codes rows [from, to) and returns the largest residual norm.
func (e *encoder) tile(col *Column, from, to int) float32 {
	d, padded := e.ix.dim, e.codes.padded
	for at := from; at < to; {
		end := min(col.tileEnd(at, maxTileRows), to)
		rows := col.tile(at, end-at, e.read)
		for r := at; r < end; r++ {
			x := rows[(r-at)*d : (r-at+1)*d]
			e.center(e.rotated[(r-from)*padded:(r-from+1)*padded], x, r-from, e.skipped(r))
		}
		at = end
	}
	e.ix.rot.apply(e.rotated, to-from)
	largest := float32(0)
	for r := from; r < to; r++ {
		if e.skipped(r) {
			continue
		}
		var extra []byte
		if e.codes.bits > 1 {
			extra = e.codes.extraOf(r)
		}
		residual := e.rotated[(r-from)*padded : (r-from+1)*padded]
		fs, norm2 := e.coder.encode(residual, e.dots[r-from], extra)
		e.codes.putPlane(r, e.coder.signs, fs)
		largest = max(largest, norm2)
	}
	return float32(math.Sqrt(float64(largest)))
}

func (e *encoder) skipped(row int) bool { return e.skip != nil && e.skip[row] }

// center writes the scaled (for cosine: normalised) row minus the mean, padded with zeros, and
// keeps the row's inner product with the mean.
func (e *encoder) center(dst, x []float32, i int, skipped bool) {
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

// normalise writes x at length one to dst; a zero vector stays zero. scale is a power of two that
// keeps the square norm a normal number.
func normalise(dst, x []float32, scale float32) {
	simd.Scale(dst, x, scale)
	norm2 := simd.Norm16(dst)
	if norm2 == 0 {
		return
	}
	simd.Scale(dst, dst, float32(1/math.Sqrt(float64(norm2))))
}
