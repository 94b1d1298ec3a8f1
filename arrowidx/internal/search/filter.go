package search

import (
	"fmt"
	"math/bits"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// FiltersKept is how many filters a segment remembers, and filterBytes about the memory that
	// those before the newest may take.
	FiltersKept = 4
	filterBytes = 64 << 20
	// rowsSeed sets the keys of lists of rows apart from those of masks.
	rowsSeed = 1
)

// Filter is the rows that a search may find: those asked for that a segment has and that are not
// deleted or null. What making it and placing it have set never changes.
type Filter struct {
	Key      xxh3.Uint128 // of what was asked for
	Read     xxh3.Uint128 // of what it was made of: another where that was written to meanwhile
	alive    []uint32     // the bits it was made with; held, so that their address stays theirs
	Made     sync.Once
	Words    []uint32 // in row order
	Rows     []uint32 // the same as a rising list, if they are few; nil: they are not
	Eligible int
	Busy     int       // blocks of codes that hold some
	Cells    Placement // kind ivf: the same in the order of slots
	Side     sideBySide
	Bytes    atomic.Int64
}

// filters remembers the last filters of a segment and its copies, newest first. Safe for
// concurrent use.
type filters struct {
	mu     sync.Mutex
	Kept   []*Filter
	Packed atomic.Int64 // filters made so far
	Moved  atomic.Int64 // filters put in the order of slots so far
}

// FiltersOf returns what is remembered of a segment and its copies.
func FiltersOf(seg *segment.Segment) *filters {
	memory := &seg.Held.Memory
	if memory.Load() == nil {
		memory.CompareAndSwap(nil, &filters{})
	}
	return memory.Load().(*filters)
}

// SetFilter finds the rows that may be found.
func (r *Run) SetFilter() error {
	seg, p := r.Seg, r.P
	var key xxh3.Uint128
	switch {
	case p.Mask != nil:
		if len(p.Mask) != seg.Rows {
			return fault.New(fault.InvalidArgument, "search",
				fmt.Sprintf("a mask of %d for %d rows", len(p.Mask), seg.Rows),
				"give one boolean a row")
		}
		key = xxh3.Hash128(p.Mask)
	case p.Rows != nil:
		for i, row := range p.Rows {
			if row < 0 || row >= int64(seg.Rows) {
				return fault.At(fault.UnknownID, "search", int64(i), -1,
					fmt.Sprintf("entry %d of the allowed rows is %d, rows are 0 to %d", i, row,
						seg.Rows-1), "")
			}
		}
		key = xxh3.Hash128Seed(arrow.Int64Traits.CastToBytes(p.Rows), rowsSeed)
	}
	r.words, r.slots, r.Eligible = seg.Alive, seg.Slots, seg.Usable
	if p.Mask == nil && p.Rows == nil {
		return nil
	}
	f := FiltersOf(seg).Take(key, seg.Alive, seg.Share)
	f.Made.Do(func() { f.Fill(seg, p) })
	if f.Read != key {
		FiltersOf(seg).forget(f)
		f = &Filter{Key: key, alive: seg.Alive}
		f.Fill(seg, p)
	}
	if f.Eligible == seg.Usable {
		return nil
	}
	r.uses = f.Side.uses.Add(1)
	r.Filter, r.words, r.Eligible = f, f.Words, f.Eligible
	if seg.Cells != nil && !r.vectorsAlone() {
		f.Place(seg, r.reaches())
		r.slots = f.Cells.Slots
	}
	return nil
}

// vectorsAlone reports whether no codes are looked at, whatever the queries are: rows are so few
// that all are measured.
func (r *Run) vectorsAlone() bool {
	return r.reaches() && r.Col != nil && !r.P.Estimates && r.Eligible <= r.fewest()
}

// Take returns the filter of a key for the rows that are alive, a new one if it is not remembered.
// A filter of the same key for other bits is of a version before and forgotten. Those before the
// newest are forgotten when they take more than most bytes, 0 for as many as is usual.
func (c *filters) Take(key xxh3.Uint128, alive []uint32, most int64) *Filter {
	if most == 0 || most > filterBytes {
		most = filterBytes
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.Kept, func(f *Filter) bool { return f.Key == key })
	if i >= 0 && sameBits(c.Kept[i].alive, alive) {
		f := c.Kept[i]
		copy(c.Kept[1:i+1], c.Kept[:i])
		c.Kept[0] = f
		return f
	}
	if i >= 0 {
		c.Kept = slices.Delete(c.Kept, i, i+1)
	}
	f := &Filter{Key: key, alive: alive}
	c.Kept = slices.Insert(c.Kept, 0, f)
	total := int64(0)
	for i, f := range c.Kept {
		if total += f.Bytes.Load(); i > 0 && (i >= FiltersKept || total > most) {
			clear(c.Kept[i:])
			c.Kept = c.Kept[:i]
			break
		}
	}
	return f
}

// forget takes a filter out that is not what its key says.
func (c *filters) forget(f *Filter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.Kept, f); i >= 0 {
		c.Kept = slices.Delete(c.Kept, i, i+1)
	}
}

// Size counts the bytes of all filters, for a segment whose rows are alive.
func (c *filters) Size(alive []uint32) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := int64(0)
	for _, f := range c.Kept {
		total += f.Bytes.Load()
		if !sameBits(f.alive, alive) {
			total += 4 * int64(len(f.alive))
		}
	}
	return total
}

// sameBits reports whether two slices are the same memory.
func sameBits(a, b []uint32) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// Fill sets what does not depend on cells. It reads the mask or the rows once.
func (f *Filter) Fill(seg *segment.Segment, p *SearchParams) {
	f.Words = make([]uint32, len(seg.Alive))
	if p.Mask != nil {
		f.ReadMask(p.Mask)
	} else {
		rows := slices.Clone(p.Rows)
		f.Read = xxh3.Hash128Seed(arrow.Int64Traits.CastToBytes(rows), rowsSeed)
		for _, row := range rows {
			if row >= 0 && row < int64(seg.Rows) { // still: others may have written to them
				f.Words[row/simd.BlockRows] |= 1 << (row % simd.BlockRows)
			}
		}
	}
	for i, w := range seg.Alive {
		if f.Words[i] &= w; f.Words[i] != 0 {
			f.Eligible += bits.OnesCount32(f.Words[i])
			f.Busy++
		}
	}
	if f.Eligible <= len(f.Words) {
		f.Rows = mem.AppendRows(make([]uint32, 0, f.Eligible), f.Words, 0, len(f.Words))
	}
	f.Bytes.Add(4 * int64(len(f.Words)+len(f.Rows)))
	FiltersOf(seg).Packed.Add(1)
}

// maskPiece is how much of a mask is copied at a time: whole blocks that stay in the cache.
const maskPiece = 8192

// ReadMask packs a mask and says what it was. Its owner may write to it meanwhile: what is packed
// and what is hashed are the same copy.
func (f *Filter) ReadMask(mask []byte) {
	var h xxh3.Hasher
	var piece [maskPiece]byte
	for at := 0; at < len(mask); at += maskPiece {
		n := copy(piece[:], mask[at:])
		_, _ = h.Write(piece[:n])
		simd.PackFlags(f.Words[at/simd.BlockRows:], piece[:n])
	}
	f.Read = h.Sum128()
}

// pieceRows is how many rows are listed at once where a filter has no list.
const pieceRows = 1024

// piece lists rows that may be found from block `from` on, rising: about pieceRows of them, or all
// up to block `to`. It returns their place in the list of the filter, if it has one, and where the
// next piece begins.
func (s *Searcher) piece(from, to int) (rows []uint32, at, next int) {
	r := s.Run
	if r.Filter != nil && r.Filter.Rows != nil {
		list := r.Filter.Rows
		begin := sort.Search(len(list), func(i int) bool {
			return int(list[i]) >= from*simd.BlockRows
		})
		n := sort.Search(len(list)-begin, func(i int) bool {
			return int(list[begin+i]) >= to*simd.BlockRows
		})
		return list[begin : begin+n], begin, to
	}
	s.rows = s.rows[:0]
	for next = from; next < to && len(s.rows) < pieceRows; next++ {
		s.rows = mem.AppendRows(s.rows, r.words, next, next+1)
	}
	return s.rows, 0, next
}

// denseCells is how many rows a cell must hold on average for cells to be looked at one by one, as
// they are visited: most cells never are.
const denseCells = 16

// Placement is the rows of a filter in the order of slots: which they are and how many a cell
// holds. It is made at once, or where rows are many cell by cell. Safe for concurrent use.
type Placement struct {
	made   sync.Once
	whole  sync.Once // all cells are known, and how many blocks hold rows
	Slots  []uint32
	InCell []uint32
	mu     sync.Mutex
	Known  []uint32 // cells that are known, atomic; nil: all are
}

// Place puts the rows in the order of slots; with visited, those of a cell when it is asked for.
func (f *Filter) Place(seg *segment.Segment, visited bool) {
	p, c := &f.Cells, seg.Cells
	p.made.Do(func() {
		p.Slots, p.InCell = make([]uint32, c.Block[c.N]), make([]uint32, c.N)
		f.Bytes.Add(4 * int64(len(p.Slots)+len(p.InCell)))
		FiltersOf(seg).Moved.Add(1)
		if f.Eligible >= denseCells*c.N || seg.Share > 0 { // there is no table of slots
			p.Known = make([]uint32, c.N)
			f.Bytes.Add(4 * int64(c.N))
			return
		}
		slotOf := seg.Held.SlotsOf(seg)
		for b, w := range f.Words {
			for ; w != 0; w &= w - 1 {
				slot := slotOf[b*simd.BlockRows+bits.TrailingZeros32(w)]
				p.Slots[slot/simd.BlockRows] |= 1 << (slot % simd.BlockRows)
			}
		}
		for i := range c.N {
			p.InCell[i] = uint32(mem.CountBits(p.Slots[c.Block[i]:c.Block[i+1]]))
		}
	})
	if visited {
		return
	}
	p.whole.Do(func() {
		for i := range c.N {
			p.Hold(f.Words, c, i)
		}
		f.Busy = 0
		for _, w := range p.Slots {
			if w != 0 {
				f.Busy++
			}
		}
	})
}

// Hold counts the rows of a cell.
func (p *Placement) Hold(words []uint32, c *segment.Cells, cell int) int {
	if p.Known == nil || atomic.LoadUint32(&p.Known[cell]) != 0 {
		return int(p.InCell[cell])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Known[cell] == 0 {
		c.AdmitCell(cell, words, p.Slots)
		p.InCell[cell] = uint32(mem.CountBits(p.Slots[c.Block[cell]:c.Block[cell+1]]))
		atomic.StoreUint32(&p.Known[cell], 1)
	}
	return int(p.InCell[cell])
}

// placeCell makes the slots of a cell known: a filter of many rows is put in the order of slots
// cell by cell, as they are counted.
func (r *Run) placeCell(cell int) { r.InCell(cell) }

// InCell counts the rows of a cell that may be found.
func (r *Run) InCell(cell int) int {
	c := r.Seg.Cells
	if r.Filter != nil {
		return r.Filter.Cells.Hold(r.Filter.Words, c, cell)
	}
	return c.Size(cell)
}
