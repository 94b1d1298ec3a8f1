package arrowidx

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/ruvector/ruvector-arrow/simd"
)

// denseCells is how many rows a cell must hold on average for cells to be looked at one by one, as
// they are visited: most cells never are.
const denseCells = 16

// placement is the rows of a filter in the order of slots: which they are and how many a cell
// holds. It is made at once, or where rows are many cell by cell. Safe for concurrent use.
type placement struct {
	made   sync.Once
	whole  sync.Once // all cells are known, and how many blocks hold rows
	slots  []uint32
	inCell []uint32
	mu     sync.Mutex
	known  []uint32 // cells that are known, atomic; nil: all are
}

// place puts the rows in the order of slots; with visited, those of a cell when it is asked for.
func (f *filter) place(ix *segment, visited bool) {
	p, c := &f.cells, ix.cells
	p.made.Do(func() {
		p.slots, p.inCell = make([]uint32, c.block[c.n]), make([]uint32, c.n)
		f.bytes.Add(4 * int64(len(p.slots)+len(p.inCell)))
		filtersOf(ix).moved.Add(1)
		if f.eligible >= denseCells*c.n {
			p.known = make([]uint32, c.n)
			f.bytes.Add(4 * int64(c.n))
			return
		}
		slotOf := ix.held.slotsOf(ix)
		for b, w := range f.words {
			for ; w != 0; w &= w - 1 {
				slot := slotOf[b*simd.BlockRows+bits.TrailingZeros32(w)]
				p.slots[slot/simd.BlockRows] |= 1 << (slot % simd.BlockRows)
			}
		}
		for i := range c.n {
			p.inCell[i] = uint32(countBits(p.slots[c.block[i]:c.block[i+1]]))
		}
	})
	if visited {
		return
	}
	p.whole.Do(func() {
		for i := range c.n {
			p.hold(f.words, c, i)
		}
		f.busy = 0
		for _, w := range p.slots {
			if w != 0 {
				f.busy++
			}
		}
	})
}

// hold counts the rows of a cell.
func (p *placement) hold(words []uint32, c *cells, cell int) int {
	if p.known == nil || atomic.LoadUint32(&p.known[cell]) != 0 {
		return int(p.inCell[cell])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[cell] == 0 {
		c.admitCell(cell, words, p.slots)
		p.inCell[cell] = uint32(countBits(p.slots[c.block[cell]:c.block[cell+1]]))
		atomic.StoreUint32(&p.known[cell], 1)
	}
	return int(p.inCell[cell])
}

// inCell counts the rows of a cell that may be found.
func (r *run) inCell(cell int) int {
	c := r.ix.cells
	if r.filter != nil {
		return r.filter.cells.hold(r.filter.words, c, cell)
	}
	return c.size(cell)
}
