package segment

import (
	"github.com/ruvector/ruvector-arrow/simd"
)

// SlotsOf returns the slot of every row that is in a cell. It is made when first asked for; where
// a change and a search ask at once, both make the same.
func (h *held) SlotsOf(seg *Segment) []uint32 {
	if p := h.Slots.Load(); p != nil {
		return *p
	}
	c, slots := seg.Cells, make([]uint32, seg.Rows)
	for i := range c.N {
		at := c.Block[i] * simd.BlockRows
		for _, row := range c.Rows[c.First[i]:c.First[i+1]] {
			slots[row] = at
			at++
		}
	}
	h.Slots.Store(&slots)
	return slots
}
