package arrowidx

import (
	"encoding/binary"
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// codes holds the codes of all rows. Immutable once built.
//
// blocks: per 32 slots the transposed sign plane and three factors a row (see simd.Scan).
// extra: per position its extra bits and three factors of the whole code; empty for one bit.
// Without cells a row's slot and position are its number; see segment.cells.
type codes struct {
	padded int
	bits   int
	rows   int // positions
	count  int // blocks
	blocks slab
	extra  slab
	stride int // bytes of a block
	row    int // bytes of a row in extra
	radius float32
}

// newCodes makes room for the codes of so many rows, which lie in so many blocks.
func newCodes(rows, blocks, dim, bits int) (*codes, error) {
	f := &codes{padded: paddedDim(dim), bits: bits, rows: rows, count: blocks}
	f.stride = simd.BlockStride(f.padded)
	if bits > 1 {
		f.row = simd.ExtraBytes(f.padded, bits-1) + factorsBytes
	}
	var err error
	if f.blocks, err = newSlab("build", int64(blocks)*int64(f.stride)); err != nil {
		return nil, err
	}
	if f.extra, err = newSlab("build", int64(rows)*int64(f.row)); err != nil {
		f.blocks.free()
		return nil, err
	}
	return f, nil
}

// blocksOf returns how many blocks hold n rows that lie one after the other.
func blocksOf(n int) int { return (n + simd.BlockRows - 1) / simd.BlockRows }

// rowAt returns the row at a position.
func (ix *segment) rowAt(pos uint32) uint32 {
	if ix.cells != nil {
		return ix.cells.rows[pos]
	}
	return pos
}

func (f *codes) block(b int) []byte {
	return f.blocks.mem[b*f.stride : (b+1)*f.stride : (b+1)*f.stride]
}

func (f *codes) extraOf(row int) []byte {
	return f.extra.mem[row*f.row : (row+1)*f.row : (row+1)*f.row]
}

func (f *codes) bytes() int64 { return int64(len(f.blocks.mem) + len(f.extra.mem)) }

func (f *codes) free() {
	f.blocks.free()
	f.extra.free()
}

// planeFactors reads the factors of one row from its block.
func (f *codes) planeFactors(block []byte, lane int) factors {
	at := block[f.stride-simd.FactorBytes:]
	get := func(i int) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(at[4*(i*simd.BlockRows+lane):]))
	}
	return factors{add: get(0), rescale: get(1), err: get(2)}
}

func (f *codes) putPlane(slot int, signs []byte, fs factors) {
	block, lane := f.block(slot/simd.BlockRows), slot%simd.BlockRows
	for j, s := range signs {
		block[j*simd.BlockRows+lane] = s
	}
	at := block[f.stride-simd.FactorBytes:]
	for i, v := range [...]float32{fs.add, fs.rescale, fs.err} {
		binary.LittleEndian.PutUint32(at[4*(i*simd.BlockRows+lane):], math.Float32bits(v))
	}
}
