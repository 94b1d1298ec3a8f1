package arrowidx

import (
	"context"

	"github.com/ruvector/ruvector-arrow/simd"
)

// answer measures the rows of every list and writes the nearest.
func (d *descent) answer(ctx context.Context) error {
	return d.shards(ctx, func(w *descender, from, to int) error {
		var best nearest
		for at := from; at < to; at++ {
			if at%32 == 0 {
				if err := cancelled(ctx, "neighbors"); err != nil {
					return err
				}
			}
			best.reset(d.k)
			if d.ix.metric == Cosine && d.lengths[at] == 0 {
				d.firstOthers(&best, d.rows[at])
			} else {
				w.measureList(d, at, &best)
			}
			d.put(int(d.rows[at]), best.sorted())
		}
		d.count(to - from - (to/2 - from/2))
		return nil
	})
}

// measureList offers the rows of a list by their distances.
func (w *descender) measureList(d *descent, at int, best *nearest) {
	list := d.list(at)
	w.ask(d, at)
	for i, entry := range list {
		row := entry &^ fresh
		if row == nobody {
			break
		}
		if ahead := i + fetchAhead; ahead < len(list) {
			if other := list[ahead] &^ fresh; other != nobody {
				simd.Fetch(d.col.memory(int(d.rows[other])))
			}
		}
		best.push(hit{w.distance(d, at, int(row)), d.rows[row]})
	}
}

// ask reads the vector of a position, whose distances are wanted.
func (w *descender) ask(d *descent, at int) {
	w.own, w.other = grow(w.own, d.ix.dim), grow(w.other, d.ix.dim)
	w.query = d.col.Row(int(d.rows[at]), w.own)
}

// distance is that of the vectors of the position asked with and another, in float64.
func (w *descender) distance(d *descent, at, other int) float64 {
	x := d.col.Row(int(d.rows[other]), w.other)
	w.measured++
	if d.ix.metric != Cosine {
		return simd.L2Sq64(x, w.query)
	}
	if norm := d.lengths[other] * d.lengths[at]; norm != 0 {
		return -simd.Dot64(x, w.query) / norm
	}
	return 0
}

// firstOthers offers the first rows, all at distance zero from a zero vector.
func (d *descent) firstOthers(best *nearest, own uint32) {
	for row := uint32(0); int(row) < d.ix.rows && !best.full(); row++ {
		if row != own && d.ix.isAlive(int(row)) {
			best.push(hit{0, row})
		}
	}
}

// put writes the neighbours of a row.
func (d *descent) put(row int, hits []hit) {
	out, q := d.g.out, query{unit: 1}
	for j, h := range hits {
		out.Rows[row*d.k+j] = int64(h.row)
		out.Scores[row*d.k+j] = q.score(d.ix.metric, h.dist)
	}
	out.Counts[row] = int64(len(hits))
}
