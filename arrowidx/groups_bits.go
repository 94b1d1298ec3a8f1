package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/simd"
)

// prepareBits makes a query of packed bits ready: every row is compared.
func (q *query) prepareBits() { q.vec, q.unit, q.way = nil, 1, wayMeasure }

// compareGroups pushes the rows [from, to) with their distances in bits from the queries of the
// list.
func (s *groupSearcher) compareGroups(ctx context.Context, from, to int) error {
	g := s.g
	w := g.ix.dim / 8
	step := max(simd.BlockRows, min(bitsTile/w, bitsTileRows))
	s.packed = grow(s.packed, step*w)
	s.both, s.any = grow(s.both, step), grow(s.any, step)
	for from < to {
		if err := cancelled(ctx, "search"); err != nil {
			return err
		}
		end := min(g.col.tileEnd(from, step), to)
		n := end - from
		rows := g.col.packedRows(from, n, s.packed)
		for i := range s.list {
			at := (g.from + s.which[i]) * w
			s.compareTile(i, rows, g.p.Bits[at:at+w], from, n)
		}
		s.counts.scanned += int64(n * len(s.list))
		from = end
	}
	return nil
}

// compareTile pushes n rows, the first of which is number from, for one query of the list.
func (s *groupSearcher) compareTile(i int, rows, bits []byte, from, n int) {
	g, jaccard := s.g, s.g.ix.metric == Jaccard
	if jaccard {
		simd.AndOrPopcount(s.both, s.any, rows, n, len(bits), bits)
	} else {
		simd.XorPopcount(s.both, rows, n, len(bits), bits)
	}
	for j, v := range s.both[:n] {
		row := from + j
		if !g.admits(row) {
			continue
		}
		dist := float64(v)
		if jaccard {
			if dist = 0; s.any[j] > 0 {
				dist = 1 - float64(v)/float64(s.any[j])
			}
		}
		s.finds[i].push(g, int(g.groups[row]), hit{dist, uint32(row)})
	}
}
