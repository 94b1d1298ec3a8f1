package column

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/zeebo/xxh3"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// spots is how many rows of a column have a digest.
	Spots = 128
	// spotGroup is how many rows a search looks at, if together they are at most spotBytes; else
	// it looks at two. Rows lie scattered, so that most of the time goes into waiting for memory.
	spotGroup = 4
	spotBytes = 16 << 10
	// golden is 2^64 over the golden ratio: its multiples modulo 2^64 are spread evenly, and so are
	// any few that follow each other.
	golden = 0x9E3779B97F4A7C15
)

// SpotChecks are digests (XXH3) of the bytes of some rows of a column, taken when an index begins
// to measure on memory that it does not own. Every search compares a few in turn. Safe for
// concurrent use.
type SpotChecks struct {
	rows []uint32
	sums []uint64
	Each int // rows that one search looks at
	next atomic.Uint64
	// Of a column that is not in memory: it is asked whether its places changed.
	col *Column
}

// NewSpotChecks takes digests of up to `spots` rows of those that can be found, in an order in
// which any few that follow each other lie in different parts of the column.
func NewSpotChecks(col *Column, alive []uint32) *SpotChecks {
	s := &SpotChecks{Each: 2}
	if col.Paged() {
		s.col, s.Each = col, 1
		return s
	}
	if spotGroup*col.RowBytes() <= spotBytes {
		s.Each = spotGroup
	}
	s.rows = spotRows(col.Rows, alive)
	s.sums = make([]uint64, len(s.rows))
	for i, row := range s.rows {
		s.sums[i] = xxh3.Hash(col.Memory(int(row)))
	}
	return s
}

// spotRows chooses among n rows: all that can be found if they are few, else spread ones, of which
// some may come twice.
func spotRows(n int, alive []uint32) []uint32 {
	usable := mem.CountBits(alive)
	rows := make([]uint32, min(usable, Spots))
	if usable > Spots {
		for i := range rows {
			at, _ := bits.Mul64(uint64(i+1)*golden, uint64(n))
			rows[i] = mem.NextSet(alive, int(at))
		}
		return rows
	}
	all := mem.AppendRows(make([]uint32, 0, usable), alive, 0, len(alive))
	const step = 79 // about 128 over the golden ratio; a prime, so that every row has its turn
	for i := range rows {
		rows[i] = all[i*step%usable]
	}
	if usable == step {
		copy(rows, all)
	}
	return rows
}

// Look compares n of the rows with their digests, those whose turn it is. Rows that cannot be found
// (any more) are passed over.
//
// Errors: VectorsChanged naming a row, and those of Pager.Unchanged.
func (s *SpotChecks) Look(op string, col *Column, alive []uint32, n int) error {
	if s.col != nil {
		if n == Spots {
			n = -1
		}
		return s.col.Unchanged(n)
	}
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
				memory[i] = col.Memory(int(row))
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
	return fault.At(fault.VectorsChanged, op, int64(row), -1,
		fmt.Sprintf("row %d is not what it was when the index was built", row),
		"borrowed vectors must not change: build again, or build with keep='copy'")
}

// Brought is what is known of a column that searches bring along.
type Brought struct {
	Digest [sha256.Size]byte // of the index whose rows it has
	Spots  *SpotChecks
}
