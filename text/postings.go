package text

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// A posting says that a term stands in a row, and how often: tf times. The postings of a term lie
// one after the other, rows rising, each as a uvarint of (row - row before) << 1 | (tf > 1), the
// row before the first being 0; if tf > 1 a uvarint of tf follows.

// mostPosting is the most bytes of a posting.
const mostPosting = 2 * binary.MaxVarintLen64

// appendPosting writes a posting whose row lies gap behind the one before.
func appendPosting(b []byte, gap, tf uint32) []byte {
	if tf == 1 {
		return binary.AppendUvarint(b, uint64(gap)<<1)
	}
	return binary.AppendUvarint(binary.AppendUvarint(b, uint64(gap)<<1|1), uint64(tf))
}

// readPosting returns a posting and the bytes behind it. The bytes were written by appendPosting.
func readPosting(b []byte) (gap, tf uint32, rest []byte) {
	head, n := uint64(b[0]), 1
	if head >= 0x80 {
		head, n = binary.Uvarint(b)
	}
	if head&1 == 0 {
		return uint32(head >> 1), 1, b[n:]
	}
	times, more := binary.Uvarint(b[n:])
	return uint32(head >> 1), uint32(times), b[n+more:]
}

// piece is a range of the terms of an index, in the order of their bytes. Its arrays are one slab.
type piece struct {
	slab     mem.Slab
	ends     []int64 // of each term in text
	stops    []int64 // of each term's postings
	rows     []uint32
	text     []byte
	postings []byte
}

// newPiece makes room for n terms of so many bytes, and their postings.
func newPiece(n int, text, postings int64) (piece, error) {
	const each = 8 + 8 + 4
	slab, err := mem.NewSlab("words", each*int64(n)+text+postings)
	if err != nil {
		return piece{}, err
	}
	b := slab.Mem
	numbers := arrow.Int64Traits.CastFromBytes(b[:16*n])
	return piece{slab: slab, ends: numbers[:n:n], stops: numbers[n:],
		rows: arrow.Uint32Traits.CastFromBytes(b[16*n : each*n]),
		text: b[each*n : int64(each*n)+text], postings: b[int64(each*n)+text:]}, nil
}

// term returns the bytes of a term.
func (p *piece) term(i int) []byte { return p.text[before(p.ends, i):p.ends[i]] }

// of returns the postings of a term.
func (p *piece) of(i int) []byte { return p.postings[before(p.stops, i):p.stops[i]] }

// above reports whether the piece begins with a term above this one.
func (p *piece) above(term []byte) bool {
	return len(p.ends) > 0 && bytes.Compare(p.term(0), term) > 0
}

// find returns the number of a term in the piece, -1 if it has not got it.
func (p *piece) find(term []byte) int {
	i := sort.Search(len(p.ends), func(i int) bool { return bytes.Compare(p.term(i), term) >= 0 })
	if i == len(p.ends) || !bytes.Equal(p.term(i), term) {
		return -1
	}
	return i
}

// before returns where number i of things that end there begins.
func before[T int | int64](ends []T, i int) T {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// seed is another one in each process, so that nobody can make terms that collide. Numbers do not
// depend on it.
var seed = maphash.MakeSeed()

// vocabulary numbers terms in the order in which they are met.
type vocabulary struct {
	slots  []uint32 // number + 1, 0 free; a power of two of them, at most half taken
	hashes []uint64
	ends   []int
	text   []byte
}

// reset forgets all terms and keeps the memory.
func (v *vocabulary) reset() {
	clear(v.slots)
	v.hashes, v.ends, v.text = v.hashes[:0], v.ends[:0], v.text[:0]
}

func (v *vocabulary) len() int { return len(v.ends) }

func (v *vocabulary) term(i int) []byte { return v.text[before(v.ends, i):v.ends[i]] }

// number returns the number of a term, a new one if it was not met before.
func (v *vocabulary) number(term []byte) uint32 {
	if 2*(len(v.ends)+1) > len(v.slots) {
		v.grow()
	}
	hash := maphash.Bytes(seed, term)
	mask := uint64(len(v.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		taken := v.slots[i]
		if taken == 0 {
			v.text = append(v.text, term...)
			v.ends = append(v.ends, len(v.text))
			v.hashes = append(v.hashes, hash)
			v.slots[i] = uint32(len(v.ends))
			return v.slots[i] - 1
		}
		if v.hashes[taken-1] == hash && bytes.Equal(v.term(int(taken-1)), term) {
			return taken - 1
		}
	}
}

func (v *vocabulary) grow() {
	v.slots = make([]uint32, max(1024, 2*len(v.slots)))
	mask := uint64(len(v.slots) - 1)
	for n, hash := range v.hashes {
		i := hash & mask
		for v.slots[i] != 0 {
			i = (i + 1) & mask
		}
		v.slots[i] = uint32(n + 1)
	}
}

// sorted returns the numbers of the terms in the order of their bytes.
func (v *vocabulary) sorted(ctx context.Context, order []uint32) ([]uint32, error) {
	order = mem.Grow(order, v.len())
	for i := range order {
		order[i] = uint32(i)
	}
	var ended error
	compared := 0
	slices.SortFunc(order, func(a, b uint32) int {
		if compared++; compared%looksAfter == 0 && ended == nil {
			ended = fault.FromContext(ctx, "words")
		}
		if ended != nil { // all are equal from here on, and sorted soon
			return 0
		}
		return bytes.Compare(v.term(int(a)), v.term(int(b)))
	})
	return order, ended
}
