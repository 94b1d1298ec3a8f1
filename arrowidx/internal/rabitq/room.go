package rabitq

import (
	"bytes"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Room is memory for the codes of rows that come one after the other. Its one writer codes them
// into Codes, each slot at the position of the same number, and hands them out as codes that never
// change: whole blocks where they lie, and a copy of the block that is not yet full. What lies
// behind the rows that were handed out nobody else reads. Codes that were handed out use the room;
// the last user frees it.
type Room struct {
	Codes
	refs atomic.Int64
}

// NewRoom makes room for the codes of so many blocks, with one user.
func NewRoom(blocks, dim, bits int) (*Room, error) {
	codes, err := NewCodes(blocks*simd.BlockRows, blocks, dim, bits)
	if err != nil {
		return nil, err
	}
	r := &Room{Codes: *codes}
	r.refs.Store(1)
	return r, nil
}

// Take copies the codes of the first rows of another room.
func (r *Room) Take(from *Room, rows int) {
	copy(r.Blocks.Mem, from.Blocks.Mem[:BlocksOf(rows)*from.Stride])
	copy(r.Extra.Mem, from.Extra.Mem[:rows*from.Row])
	r.Radius = from.Radius
}

// Whole makes c the codes of the first blocks, all of which are full.
func (r *Room) Whole(c *Codes, blocks int) {
	r.show(c, 0, blocks*simd.BlockRows)
	end := blocks * r.Stride
	c.Blocks = mem.Slab{Mem: r.Blocks.Mem[:end:end], View: true}
}

// Rest makes c the codes of the rows of one block that is not full.
func (r *Room) Rest(c *Codes, block, rows int) {
	r.show(c, block*simd.BlockRows, rows)
	c.Blocks = mem.Slab{Mem: bytes.Clone(r.Block(block)), View: true}
}

// show makes c what it is but for the blocks.
func (r *Room) show(c *Codes, from, rows int) {
	r.refs.Add(1)
	*c = Codes{
		Padded: r.Padded, Bits: r.Bits, Rows: rows, Count: BlocksOf(rows), Stride: r.Stride, Row: r.Row,
		Radius: r.Radius, room: r,
	}
	end := (from + rows) * r.Row
	c.Extra = mem.Slab{Mem: r.Extra.Mem[from*r.Row : end : end], View: true}
}

// Release ends a use; the last one frees the memory.
func (r *Room) Release() {
	if r.refs.Add(-1) == 0 {
		r.Codes.Free()
	}
}
