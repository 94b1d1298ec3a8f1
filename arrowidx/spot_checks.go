package arrowidx

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// spots is how many rows of a column have a digest.
	spots = 128
	// spotGroup is how many rows a search looks at, if together they are at most spotBytes; else
	// it looks at two. Rows lie scattered, so that most of the time goes into waiting for memory.
	spotGroup = 4
	spotBytes = 16 << 10
	// golden is 2^64 over the golden ratio: its multiples modulo 2^64 are spread evenly, and so are
	// any few that follow each other.
	golden = 0x9E3779B97F4A7C15
)

// spotChecks are digests (XXH3) of the bytes of some rows of a column, taken when an index begins
// to measure on memory that it does not own. Every search compares a few in turn. Safe for
// concurrent use.
type spotChecks struct {
	rows []uint32
	sums []uint64
	each int // rows that one search looks at
	next atomic.Uint64
}

// newSpotChecks takes digests of up to `spots` rows of those that can be found, in an order in
// which any few that follow each other lie in different parts of the column.
func newSpotChecks(col *Column, alive []uint32) *spotChecks {
	s := &spotChecks{each: 2}
	if spotGroup*col.rowBytes() <= spotBytes {
		s.each = spotGroup
	}
	s.rows = spotRows(col.rows, alive)
	s.sums = make([]uint64, len(s.rows))
	for i, row := range s.rows {
		s.sums[i] = xxh3.Hash(col.memory(int(row)))
	}
	return s
}

// spotRows chooses among n rows: all that can be found if they are few, else spread ones, of which
// some may come twice.
func spotRows(n int, alive []uint32) []uint32 {
	usable := countBits(alive)
	rows := make([]uint32, min(usable, spots))
	if usable > spots {
		for i := range rows {
			at, _ := bits.Mul64(uint64(i+1)*golden, uint64(n))
			rows[i] = nextSet(alive, int(at))
		}
		return rows
	}
	all := appendRows(make([]uint32, 0, usable), alive, 0, len(alive))
	const step = 79 // about 128 over the golden ratio; a prime, so that every row has its turn
	for i := range rows {
		rows[i] = all[i*step%usable]
	}
	if usable == step {
		copy(rows, all)
	}
	return rows
}

// nextSet returns the first set bit from place `at` on, from the beginning again if there is none
// behind it. Some bit must be set.
func nextSet(words []uint32, at int) uint32 {
	i := at / simd.BlockRows
	w := words[i] >> (at % simd.BlockRows) << (at % simd.BlockRows)
	for w == 0 {
		if i++; i == len(words) {
			i = 0
		}
		w = words[i]
	}
	return uint32(i*simd.BlockRows + bits.TrailingZeros32(w))
}

// look compares n of the rows with their digests, those whose turn it is. Rows that cannot be found
// (any more) are passed over.
//
// Errors: VectorsChanged naming a row.
func (s *spotChecks) look(op string, col *Column, alive []uint32, n int) error {
	n = min(n, len(s.rows))
	if n == 0 {
		return nil
	}
	turn := s.next.Add(uint64(n)) - uint64(n)
	var memory [spotGroup][]byte
	for n > 0 {
		some := min(n, spotGroup)
		for i := range some {
			row := s.rows[(turn+uint64(i))%uint64(len(s.rows))]
			memory[i] = nil
			if alive[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0 {
				memory[i] = col.memory(int(row))
				simd.Fetch(memory[i])
			}
		}
		for i, b := range memory[:some] {
			at := (turn + uint64(i)) % uint64(len(s.rows))
			if b != nil && xxh3.Hash(b) != s.sums[at] {
				return otherVectors(op, s.rows[at])
			}
		}
		turn, n = turn+uint64(some), n-some
	}
	return nil
}

func otherVectors(op string, row uint32) error {
	return errorAt(VectorsChanged, op, int64(row), -1,
		fmt.Sprintf("row %d is not what it was when the index was built", row),
		"borrowed vectors must not change: build again, or build with keep='copy'")
}

// watch takes digests of rows of the column that the segment measures on, if that is borrowed.
func (ix *segment) watch() {
	ix.spots = nil
	if ix.keep == KeepBorrow && ix.source != nil && ix.usable > 0 {
		ix.spots = newSpotChecks(ix.source, ix.alive)
	}
}

// unchanged looks at all rows that have a digest, before the vectors are read as a whole.
func (ix *segment) unchanged(op string) error {
	if ix.spots == nil {
		return nil
	}
	return ix.spots.look(op, ix.source, ix.alive, spots)
}

// Unchanged compares rows of the borrowed vectors with what they were when they were borrowed: all
// of up to 128, else 128 that are spread over the column. Verbs that read vectors do the same,
// single searches for a few rows in turn.
//
// Errors: VectorsChanged naming a row, IndexClosed.
func (ix *Index) Unchanged() error {
	v, err := ix.enter("vectors")
	if err != nil {
		return err
	}
	defer ix.leave(v)
	return v.unchanged("vectors")
}

// unchanged looks at all rows that have a digest, in all parts.
func (v *version) unchanged(op string) error {
	for _, p := range v.parts {
		if err := p.unchanged(op); err != nil {
			return err
		}
	}
	return nil
}

// glance looks at the digests of a few rows, for every one of n rows that will be read.
func (v *version) glance(op string, n int) error {
	for _, p := range v.parts {
		if s := p.spots; s != nil {
			if err := s.look(op, p.source, p.alive, min(n, spots)*s.each); err != nil {
				return err
			}
		}
	}
	return nil
}

// brought is what is known of a column that searches bring along.
type brought struct {
	digest [sha256.Size]byte // of the index whose rows it has
	spots  *spotChecks
}

// spotCheck looks at a few rows of the column that the search measures on, for every query.
func (r *run) spotCheck() error {
	s, ix := r.ix.spots, r.ix
	if r.col == nil || ix.usable == 0 {
		return nil
	}
	if r.p.Source != nil && !r.p.known {
		var err error
		if s, err = ix.recognise("search", r.p.Source); err != nil {
			return err
		}
	}
	if s == nil || r.p.known {
		return nil
	}
	return s.look("search", r.col, ix.alive, max(min(r.p.NQ, spots), 1)*s.each)
}

// recognise returns the digests of a column that a search brings along; the first search of an
// index with it takes them, when it has found the index's rows there.
func (ix *segment) recognise(op string, col *Column) (*spotChecks, error) {
	if b := col.brought.Load(); b != nil && b.digest == ix.digest {
		return b.spots, nil
	}
	same := ix.hashed != nil && col.hashed.Load() != nil && *ix.hashed == *col.hashed.Load()
	if !same && sampleDigest(col, ix.alive) != ix.digest {
		return nil, newError(VectorsChanged, op, "these are not the vectors of this index",
			"bring the column that it was built from, or build again")
	}
	b := &brought{ix.digest, newSpotChecks(col, ix.alive)}
	col.brought.Store(b)
	return b.spots, nil
}
