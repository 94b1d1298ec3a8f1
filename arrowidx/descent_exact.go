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
	if d.col.wide {
		w.wideOwn, w.wideOther = grow(w.wideOwn, d.ix.dim), grow(w.wideOther, d.ix.dim)
		w.wideQuery = d.col.wideRow(int(d.rows[at]), w.wideOwn)
		return
	}
	w.own, w.other = grow(w.own, d.ix.dim), grow(w.other, d.ix.dim)
	w.query = d.col.Row(int(d.rows[at]), w.own)
}

// distance is that of the vectors of the position asked with and another, in float64.
func (w *descender) distance(d *descent, at, other int) float64 {
	var own, x side
	if row := int(d.rows[other]); d.col.wide {
		own, x = side{wide: w.wideQuery}, side{wide: d.col.wideRow(row, w.wideOther)}
	} else {
		own, x = side{x: w.query}, side{x: d.col.Row(row, w.other)}
	}
	w.measured++
	if d.ix.metric != Cosine {
		return x.square(own)
	}
	if norm := d.lengths[other] * d.lengths[at]; norm != 0 {
		return -x.dot(own) / norm
	}
	return 0
}

// length is that of a row's vector under cosine.
func (w *descender) length(d *descent, row int) float64 {
	var x side
	if d.col.wide {
		w.wideOwn = grow(w.wideOwn, d.ix.dim)
		x.wide = d.col.wideRow(row, w.wideOwn)
	} else {
		w.own = grow(w.own, d.ix.dim)
		x.x = d.col.Row(row, w.own)
	}
	length := x.length(Cosine)
	if !isEven(length) || length == 0 && largestOf(x.wide) > 0 {
		d.uneven.Store(true)
	}
	return length
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
	out, q := d.out, query{unit: 1}
	for j, h := range hits {
		out.Rows[row*d.k+j] = int64(h.row)
		out.Scores[row*d.k+j] = q.score(d.ix.metric, h.dist)
	}
	out.Counts[row] = int64(len(hits))
}
