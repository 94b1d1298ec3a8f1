package arrowidx

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// filtersKept is how many filters a segment remembers, and filterBytes about the memory that
	// those before the newest may take.
	filtersKept = 4
	filterBytes = 64 << 20
	// rowsSeed sets the keys of lists of rows apart from those of masks.
	rowsSeed = 1
)

// filter is the rows that a search may find: those asked for that a segment has and that are not
// deleted or null. What making it and placing it have set never changes.
type filter struct {
	key      xxh3.Uint128 // of what was asked for
	read     xxh3.Uint128 // of what it was made of: another where that was written to meanwhile
	alive    []uint32     // the bits it was made with; held, so that their address stays theirs
	made     sync.Once
	words    []uint32 // in row order
	rows     []uint32 // the same as a rising list, if they are few; nil: they are not
	eligible int
	busy     int       // blocks of codes that hold some
	cells    placement // kind ivf: the same in the order of slots
	side     sideBySide
	bytes    atomic.Int64
}

// filters remembers the last filters of a segment and its copies, newest first. Safe for
// concurrent use.
type filters struct {
	mu     sync.Mutex
	kept   []*filter
	packed atomic.Int64 // filters made so far
	moved  atomic.Int64 // filters put in the order of slots so far
}

// filtersOf returns what is remembered of a segment and its copies.
func filtersOf(ix *segment) *filters {
	memory := &ix.held.memory
	if memory.Load() == nil {
		memory.CompareAndSwap(nil, &filters{})
	}
	return memory.Load().(*filters)
}

// setFilter finds the rows that may be found.
func (r *run) setFilter() error {
	ix, p := r.ix, r.p
	var key xxh3.Uint128
	switch {
	case p.Mask != nil:
		if len(p.Mask) != ix.rows {
			return newError(InvalidArgument, "search",
				fmt.Sprintf("a mask of %d for %d rows", len(p.Mask), ix.rows),
				"give one boolean a row")
		}
		key = xxh3.Hash128(p.Mask)
	case p.Rows != nil:
		for i, row := range p.Rows {
			if row < 0 || row >= int64(ix.rows) {
				return errorAt(UnknownID, "search", int64(i), -1,
					fmt.Sprintf("entry %d of the allowed rows is %d, rows are 0 to %d", i, row,
						ix.rows-1), "")
			}
		}
		key = xxh3.Hash128Seed(arrow.Int64Traits.CastToBytes(p.Rows), rowsSeed)
	}
	r.words, r.slots, r.eligible = ix.alive, ix.slots, ix.usable
	if p.Mask == nil && p.Rows == nil {
		return nil
	}
	f := filtersOf(ix).take(key, ix.alive)
	f.made.Do(func() { f.make(ix, p) })
	if f.read != key {
		filtersOf(ix).forget(f)
		f = &filter{key: key, alive: ix.alive}
		f.make(ix, p)
	}
	if f.eligible == ix.usable {
		return nil
	}
	r.uses = f.side.uses.Add(1)
	r.filter, r.words, r.eligible = f, f.words, f.eligible
	if ix.cells != nil && !r.vectorsAlone() {
		f.place(ix, r.reaches())
		r.slots = f.cells.slots
	}
	return nil
}

// vectorsAlone reports whether no codes are looked at, whatever the queries are: rows are so few
// that all are measured.
func (r *run) vectorsAlone() bool {
	return r.reaches() && r.col != nil && !r.p.Estimates && r.eligible <= r.fewest()
}

// take returns the filter of a key for the rows that are alive, a new one if it is not remembered.
// A filter of the same key for other bits is of a version before and forgotten.
func (c *filters) take(key xxh3.Uint128, alive []uint32) *filter {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.kept, func(f *filter) bool { return f.key == key })
	if i >= 0 && sameBits(c.kept[i].alive, alive) {
		f := c.kept[i]
		copy(c.kept[1:i+1], c.kept[:i])
		c.kept[0] = f
		return f
	}
	if i >= 0 {
		c.kept = slices.Delete(c.kept, i, i+1)
	}
	f := &filter{key: key, alive: alive}
	c.kept = slices.Insert(c.kept, 0, f)
	total := int64(0)
	for i, f := range c.kept {
		if total += f.bytes.Load(); i > 0 && (i >= filtersKept || total > filterBytes) {
			clear(c.kept[i:])
			c.kept = c.kept[:i]
			break
		}
	}
	return f
}

// forget takes a filter out that is not what its key says.
func (c *filters) forget(f *filter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.kept, f); i >= 0 {
		c.kept = slices.Delete(c.kept, i, i+1)
	}
}

// memory counts the bytes of all filters, for a segment whose rows are alive.
func (c *filters) memory(alive []uint32) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := int64(0)
	for _, f := range c.kept {
		total += f.bytes.Load()
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

// make sets what does not depend on cells. It reads the mask or the rows once.
func (f *filter) make(ix *segment, p *SearchParams) {
	f.words = make([]uint32, len(ix.alive))
	if p.Mask != nil {
		f.readMask(p.Mask)
	} else {
		rows := slices.Clone(p.Rows)
		f.read = xxh3.Hash128Seed(arrow.Int64Traits.CastToBytes(rows), rowsSeed)
		for _, row := range rows {
			if row >= 0 && row < int64(ix.rows) { // still: others may have written to them
				f.words[row/simd.BlockRows] |= 1 << (row % simd.BlockRows)
			}
		}
	}
	for i, w := range ix.alive {
		if f.words[i] &= w; f.words[i] != 0 {
			f.eligible += bits.OnesCount32(f.words[i])
			f.busy++
		}
	}
	if f.eligible <= len(f.words) {
		f.rows = appendRows(make([]uint32, 0, f.eligible), f.words, 0, len(f.words))
	}
	f.bytes.Add(4 * int64(len(f.words)+len(f.rows)))
	filtersOf(ix).packed.Add(1)
}

// maskPiece is how much of a mask is copied at a time: whole blocks that stay in the cache.
const maskPiece = 8192

// readMask packs a mask and says what it was. Its owner may write to it meanwhile: what is packed
// and what is hashed are the same copy.
func (f *filter) readMask(mask []byte) {
	var h xxh3.Hasher
	var piece [maskPiece]byte
	for at := 0; at < len(mask); at += maskPiece {
		n := copy(piece[:], mask[at:])
		_, _ = h.Write(piece[:n])
		packMask(f.words[at/simd.BlockRows:], piece[:n])
	}
	f.read = h.Sum128()
}

// packMask sets the bit of every row whose byte of the mask is not zero. words are zero.
func packMask(words []uint32, mask []byte) {
	const (
		low  = 0x7F7F7F7F7F7F7F7F
		ones = 0x0101010101010101
		// gather moves bit 8*i of a product's factor to bit 56+i; no two sums of exponents meet.
		gather = 0x0102040810204080
	)
	i := 0
	for ; i+simd.BlockRows <= len(mask); i += simd.BlockRows {
		block := mask[i : i+simd.BlockRows : i+simd.BlockRows]
		a, b := binary.LittleEndian.Uint64(block), binary.LittleEndian.Uint64(block[8:])
		c, d := binary.LittleEndian.Uint64(block[16:]), binary.LittleEndian.Uint64(block[24:])
		if a|b|c|d == 0 {
			continue
		}
		word := uint32(0)
		for at, x := range [...]uint64{a, b, c, d} {
			set := (x&low + low | x) >> 7 & ones
			word |= uint32(set*gather>>56) << (8 * at)
		}
		words[i/simd.BlockRows] = word
	}
	for ; i < len(mask); i++ {
		if mask[i] != 0 {
			words[i/simd.BlockRows] |= 1 << (i % simd.BlockRows)
		}
	}
}

// appendRows appends the rows set in blocks [from, to), rising.
func appendRows(rows, words []uint32, from, to int) []uint32 {
	for b := from; b < to; b++ {
		for w := words[b]; w != 0; w &= w - 1 {
			rows = append(rows, uint32(b*simd.BlockRows+bits.TrailingZeros32(w)))
		}
	}
	return rows
}

// pieceRows is how many rows are listed at once where a filter has no list.
const pieceRows = 1024

// piece lists rows that may be found from block `from` on, rising: about pieceRows of them, or all
// up to block `to`. It returns their place in the list of the filter, if it has one, and where the
// next piece begins.
func (s *searcher) piece(from, to int) (rows []uint32, at, next int) {
	r := s.run
	if r.filter != nil && r.filter.rows != nil {
		list := r.filter.rows
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
		s.rows = appendRows(s.rows, r.words, next, next+1)
	}
	return s.rows, 0, next
}
