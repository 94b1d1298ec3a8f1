package dedup

import (
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// nearest is a kept row that is within the score of another.
type nearest struct {
	row   int64 // -1: none
	score float32
	dist  float64
}

// before reports whether a row is nearer than another, ties by the smaller row.
func (a nearest) before(b nearest) bool {
	return b.row < 0 || a.dist < b.dist || a.dist == b.dist && a.row < b.row
}

// pair is a row of the block that is within the score of another.
type pair struct {
	place uint32
	score float32
	dist  float64
}

// block is the rows of a round, called by their places in it.
type block struct {
	rows   []int64
	groups []uint32
	best   []nearest
	pairs  [][]pair // of each row: earlier ones within the score, nearest first
	place  []uint32 // of every row of the index; those of other blocks are not read
	asked  []int64
}

func (b *block) init(rows int) { b.place = make([]uint32, rows) }

// begin takes the rows of the next round.
func (b *block) begin(f *finder, rows []int64) {
	b.rows = rows
	b.groups, b.best = mem.Grow(b.groups, len(rows)), mem.Grow(b.best, len(rows))
	b.pairs = mem.Grow(b.pairs, len(rows))
	for i, row := range rows {
		b.place[row] = uint32(i)
		b.groups[i] = f.group(row)
		b.best[i] = nearest{row: -1}
		b.pairs[i] = b.pairs[i][:0]
	}
}

// sameGroup is how many rows, from the first on, are of its group.
func (b *block) sameGroup() int {
	n := 1
	for n < len(b.groups) && b.groups[n] == b.groups[0] {
		n++
	}
	return n
}

// found notes the nearest row kept before the block.
func (b *block) found(i int, row int64, score float32, dist float64) {
	b.best[i] = nearest{row, score, dist}
}

// undecided lists the rows that no row kept before is near to: they alone may be kept.
func (b *block) undecided() []int64 {
	b.asked = b.asked[:0]
	for i, best := range b.best {
		if best.row < 0 {
			b.asked = append(b.asked, b.rows[i])
		}
	}
	return b.asked
}

// add notes rows of the block that are within the score of one of its rows.
func (b *block) add(r search.Range) {
	i := r.Query
	for j, row := range r.Rows {
		at := b.place[row]
		if int(at) >= i || b.groups[at] != b.groups[i] {
			continue
		}
		hit := nearest{row, r.Scores[j], r.Dists[j]}
		if !hit.before(b.best[i]) {
			return
		}
		b.pairs[i] = append(b.pairs[i], pair{at, hit.score, hit.dist})
	}
}

// decide goes through the rows: one that is within the score of a kept row is dropped for the
// nearest of them.
func (b *block) decide(out *Out) {
	for i, row := range b.rows {
		for _, p := range b.pairs[i] {
			if other := b.rows[p.place]; out.Kept[other] < 0 {
				b.best[i] = nearest{other, p.score, p.dist}
				break
			}
		}
		if b.best[i].row >= 0 {
			out.Kept[row], out.Scores[row] = b.best[i].row, b.best[i].score
		}
	}
}
