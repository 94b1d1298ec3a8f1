package arrowidx

import "github.com/ruvector/ruvector-arrow/simd"

// scanBits finds the rows of one shard for one group of queries of packed bits.
func (s *sweep) scanBits(worker, i int) error {
	shard, lo := i/s.groups, i%s.groups*s.group
	lists, err := s.lookBits(&s.bits[worker], lo, shard)
	for j := 0; err == nil && j < len(lists); j++ {
		err = s.keep(lists[j], (lo+j)*s.shards+shard)
	}
	return err
}

// lookBits returns the hits of queries of packed bits, from number lo of the round on, in a shard.
func (s *sweep) lookBits(w *bitsScan, lo, shard int) ([][]hit, error) {
	r, n := &s.run, min(s.group, s.n-lo)
	from := shard * rangeBlocks * simd.BlockRows
	end := min(from+rangeBlocks*simd.BlockRows, r.ix.rows)
	w.run, w.width, w.queries = r, r.ix.dim/8, w.queries[:0]
	all := make([]nearest, n)
	for i := range all {
		all[i].reset(end - from) // no row is dropped before it is compared with the threshold
		at := (s.from + lo + i) * w.width
		w.queries = append(w.queries, bitsQuery{r.p.Bits[at : at+w.width], &all[i]})
	}
	step := max(simd.BlockRows, min(bitsTile/w.width, bitsTileRows)&^(simd.BlockRows-1))
	w.read = grow(w.read, step*w.width)
	w.both, w.any = grow(w.both, step), grow(w.any, step)
	for from < end {
		if err := cancelled(s.ctx, "within"); err != nil {
			return nil, err
		}
		to := min(r.col.tileEnd(from, step-from%simd.BlockRows), end)
		w.tile(from, to)
		from = to
	}
	lists, p := make([][]hit, n), &probe{query: &query{unit: 1}}
	for i := range all {
		for _, h := range all[i].heap {
			lists[i] = s.add(lists[i], p, h.dist, int(h.row))
		}
	}
	return lists, nil
}
