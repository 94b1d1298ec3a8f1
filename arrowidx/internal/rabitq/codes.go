package rabitq

import (
	"encoding/binary"
	"math"

	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Codes holds the codes of all rows. Immutable once built.
//
// blocks: per 32 slots the transposed sign plane and three factors a row (see simd.Scan).
// extra: per position its extra bits and three factors of the whole code; empty for one bit.
// Without cells a row's slot and position are its number; see segment.Cells.
type Codes struct {
	Padded int
	Bits   int
	Rows   int // positions
	Count  int // blocks
	Blocks mem.Slab
	Extra  mem.Slab
	Stride int // bytes of a block
	Row    int // bytes of a row in extra
	Radius float32

	// Of codes in a mapped file: what verifies blocks and extra before their first use.
	LazyBlocks, LazyExtra *mem.Lazy

	room *Room // in which they lie; nil: in their own memory
}

// NewCodes makes room for the codes of so many rows, which lie in so many blocks.
func NewCodes(rows, blocks, dim, bits int) (*Codes, error) {
	f := &Codes{Padded: PaddedDim(dim), Bits: bits, Rows: rows, Count: blocks}
	f.Stride = simd.BlockStride(f.Padded)
	if bits > 1 {
		f.Row = simd.ExtraBytes(f.Padded, bits-1) + FactorsBytes
	}
	var err error
	if f.Blocks, err = mem.NewSlab("build", int64(blocks)*int64(f.Stride)); err != nil {
		return nil, err
	}
	if f.Extra, err = mem.NewSlab("build", int64(rows)*int64(f.Row)); err != nil {
		f.Blocks.Free()
		return nil, err
	}
	return f, nil
}

// BlocksOf returns how many blocks hold n rows that lie one after the other.
func BlocksOf(n int) int { return (n + simd.BlockRows - 1) / simd.BlockRows }

// Block returns block b: the signs of its rows, then their factors. Its capacity ends with it. What
// may lie in a mapped file is touched before it is read, see Span; so with ExtraOf.
func (f *Codes) Block(b int) []byte {
	return f.Blocks.Mem[b*f.Stride : (b+1)*f.Stride : (b+1)*f.Stride]
}

// Span returns blocks [from, to), to be read.
func (f *Codes) Span(from, to int) []byte {
	b := f.Blocks.Mem[from*f.Stride : to*f.Stride]
	f.LazyBlocks.Touch(b)
	return b
}

// Soon returns blocks [from, to), to be asked for but not read.
func (f *Codes) Soon(from, to int) []byte { return f.Blocks.Mem[from*f.Stride : to*f.Stride] }

// ExtraSpan returns the extra bits of positions [from, to), to be read.
func (f *Codes) ExtraSpan(from, to int) []byte {
	b := f.Extra.Mem[from*f.Row : to*f.Row]
	f.LazyExtra.Touch(b)
	return b
}

// ExtraOf returns the extra bits of a position and the factors of its whole code; of codes of one
// bit, nothing.
func (f *Codes) ExtraOf(row int) []byte {
	return f.Extra.Mem[row*f.Row : (row+1)*f.Row : (row+1)*f.Row]
}

// Bytes counts the memory of the codes, of a file too.
func (f *Codes) Bytes() int64 { return int64(len(f.Blocks.Mem) + len(f.Extra.Mem)) }

// Free gives the memory back, where it is not a view of a file. Nobody may read codes any more.
func (f *Codes) Free() {
	if f.room != nil {
		f.room.Release()
		f.room = nil
	}
	f.Blocks.Free()
	f.Extra.Free()
}

// PlaneFactors reads the factors of one row from its block.
func (f *Codes) PlaneFactors(block []byte, lane int) Factors {
	at := block[f.Stride-simd.FactorBytes:]
	get := func(i int) float32 {
		return math.Float32frombits(binary.LittleEndian.Uint32(at[4*(i*simd.BlockRows+lane):]))
	}
	return Factors{Add: get(0), Rescale: get(1), Err: get(2)}
}

// PutPlane writes the sign plane and its factors of the row at a slot. Rows of one block share
// cache lines but no bytes: workers may write to different slots of a block.
func (f *Codes) PutPlane(slot int, signs []byte, fs Factors) {
	block, lane := f.Block(slot/simd.BlockRows), slot%simd.BlockRows
	for j, s := range signs {
		block[j*simd.BlockRows+lane] = s
	}
	at := block[f.Stride-simd.FactorBytes:]
	for i, v := range [...]float32{fs.Add, fs.Rescale, fs.Err} {
		binary.LittleEndian.PutUint32(at[4*(i*simd.BlockRows+lane):], math.Float32bits(v))
	}
}
