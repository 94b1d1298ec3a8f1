package segment

import (
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Layout says where what cells hold lies. A position counts what they hold, cell by cell; a slot
// counts the lanes of blocks, of which every cell has whole ones.
type Layout struct {
	First []uint32 // n+1 positions: cell c holds [First[c], First[c+1])
	Block []uint32 // n+1 blocks: cell c has [Block[c], Block[c+1])
}

// LayOut lays the cells out from how many each holds.
func (l *Layout) LayOut(sizes []uint32) {
	l.First, l.Block = make([]uint32, len(sizes)+1), make([]uint32, len(sizes)+1)
	for i, s := range sizes {
		l.First[i+1] = l.First[i] + s
		l.Block[i+1] = l.Block[i] + (s+simd.BlockRows-1)/simd.BlockRows
	}
}

// Blocks returns how many blocks all cells have.
func (l *Layout) Blocks() int { return int(l.Block[len(l.Block)-1]) }

// Size returns how many a cell holds.
func (l *Layout) Size(cell int) int { return int(l.First[cell+1] - l.First[cell]) }

// Sizes returns how many every cell holds.
func (l *Layout) Sizes() []uint32 {
	out := make([]uint32, len(l.First)-1)
	for i := range out {
		out[i] = uint32(l.Size(i))
	}
	return out
}

// Shift is slot minus position of what a cell holds.
func (l *Layout) Shift(cell int) int {
	return int(l.Block[cell])*simd.BlockRows - int(l.First[cell])
}

// Occupied returns the slots that hold something, a word a block.
func (l *Layout) Occupied() []uint32 {
	words := make([]uint32, l.Blocks())
	for i := range len(l.First) - 1 {
		size := l.Size(i)
		for b := l.Block[i]; b < l.Block[i+1]; b++ {
			words[b] = mem.LowBits(size)
			size -= simd.BlockRows
		}
	}
	return words
}
