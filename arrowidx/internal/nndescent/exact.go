package nndescent

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// answer measures the rows of every list and writes the nearest.
func (d *descent) answer(ctx context.Context) error {
	return d.shards(ctx, func(w *descender, from, to int) error {
		var best topk.Heap
		for at := from; at < to; at++ {
			if at%32 == 0 {
				if err := fault.FromContext(ctx, "neighbors"); err != nil {
					return err
				}
			}
			best.Reset(d.k)
			if d.seg.Metric == column.Cosine && d.lengths[at] == 0 {
				d.firstOthers(&best, d.rows[at])
			} else {
				w.measureList(d, at, &best)
			}
			d.put(int(d.rows[at]), best.Sorted())
		}
		d.count(to - from - (to/2 - from/2))
		return nil
	})
}

// measureList offers the rows of a list by their distances.
func (w *descender) measureList(d *descent, at int, best *topk.Heap) {
	list := d.list(at)
	w.ask(d, at)
	for i, entry := range list {
		row := entry &^ fresh
		if row == nobody {
			break
		}
		if ahead := i + column.FetchAhead; ahead < len(list) {
			if other := list[ahead] &^ fresh; other != nobody {
				d.col.Fetch(int(d.rows[other]), math.MaxInt)
			}
		}
		best.Push(topk.Hit{Dist: w.distance(d, at, int(row)), Row: d.rows[row]})
	}
}

// ask reads the vector of a position, whose distances are wanted.
func (w *descender) ask(d *descent, at int) {
	if d.col.Wide() {
		w.wideOwn, w.wideOther = mem.Grow(w.wideOwn, d.seg.Dim), mem.Grow(w.wideOther, d.seg.Dim)
		w.wideQuery = d.col.WideRow(int(d.rows[at]), w.wideOwn)
		return
	}
	w.own, w.other = mem.Grow(w.own, d.seg.Dim), mem.Grow(w.other, d.seg.Dim)
	w.query = d.col.Row(int(d.rows[at]), w.own)
}

// distance is that of the vectors of the position asked with and another, in float64.
func (w *descender) distance(d *descent, at, other int) float64 {
	var own, x search.Side
	if row := int(d.rows[other]); d.col.Wide() {
		own, x = search.Side{Wide: w.wideQuery}, search.Side{Wide: d.col.WideRow(row, w.wideOther)}
	} else {
		own, x = search.Side{X: w.query}, search.Side{X: d.col.Row(row, w.other)}
	}
	w.measured++
	if d.seg.Metric != column.Cosine {
		return x.Square(own)
	}
	if norm := d.lengths[other] * d.lengths[at]; norm != 0 {
		return -x.Dot(own) / norm
	}
	return 0
}

// length is that of a row's vector under cosine.
func (w *descender) length(d *descent, row int) float64 {
	var x search.Side
	if d.col.Wide() {
		w.wideOwn = mem.Grow(w.wideOwn, d.seg.Dim)
		x.Wide = d.col.WideRow(row, w.wideOwn)
	} else {
		w.own = mem.Grow(w.own, d.seg.Dim)
		x.X = d.col.Row(row, w.own)
	}
	length := x.Length(column.Cosine)
	if !segment.IsEven(length) || length == 0 && column.LargestOf(x.Wide) > 0 {
		d.uneven.Store(true)
	}
	return length
}

// firstOthers offers the first rows, all at distance zero from a zero vector.
func (d *descent) firstOthers(best *topk.Heap, own uint32) {
	for row := uint32(0); int(row) < d.seg.Rows && !best.Full(); row++ {
		if row != own && d.seg.IsAlive(int(row)) {
			best.Push(topk.Hit{Dist: 0, Row: row})
		}
	}
}

// put writes the neighbours of a row.
func (d *descent) put(row int, hits []topk.Hit) {
	out, q := d.out, search.Query{Unit: 1}
	for j, h := range hits {
		out.Rows[row*d.k+j] = int64(h.Row)
		out.Scores[row*d.k+j] = q.Score(d.seg.Metric, h.Dist)
	}
	out.Counts[row] = int64(len(hits))
}
