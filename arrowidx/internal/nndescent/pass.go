package nndescent

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// offering is one worker's memory for a pass.
type offering struct {
	seen     []uint64 // a bit for every position
	compared []bool   // by cell: the row was compared with all its rows
	rows     []uint32 // candidates
}

// pass offers to every row the neighbours of its neighbours and of the rows that have it as a
// neighbour, with these rows themselves, where the way to them is new since the pass before.
func (d *descent) pass(ctx context.Context, all bool) error {
	if err := d.turnRound(ctx); err != nil {
		return err
	}
	moves := make([]bool, d.n)
	err := d.shards(ctx, func(w *descender, from, to int) error {
		o := &w.offered
		if o.seen == nil {
			o.seen, o.compared = make([]uint64, (d.n+63)/64), make([]bool, d.cells.n)
		}
		for at := from; at < to; at++ {
			if at%64 == 0 {
				if err := fault.FromContext(ctx, "neighbors"); err != nil {
					return err
				}
			}
			o.propose(d, at, all)
			moves[at] = w.improve(d, at)
		}
		return nil
	})
	d.lists, d.next, d.moved = d.next, d.lists, moves
	return err
}

// turnRound lists for every row some of those that have it among their nearest, the first ones.
func (d *descent) turnRound(ctx context.Context) error {
	clear(d.behind)
	part := (d.n + d.threads - 1) / d.threads
	return mem.Parallel(ctx, "neighbors", d.threads, d.threads, func(_, i int) error {
		from, to := uint32(i*part), uint32(min((i+1)*part, d.n))
		for at := range d.n {
			if at%1024 == 0 {
				if err := fault.FromContext(ctx, "neighbors"); err != nil {
					return err
				}
			}
			for _, entry := range d.list(at)[:d.most] {
				row := entry &^ fresh
				if row >= from && row < to && int(d.behind[row]) < d.back {
					d.reverse[int(row)*d.back+int(d.behind[row])] =
						uint32(at) | entry&fresh
					d.behind[row]++
				}
			}
		}
		return nil
	})
}

// propose lists the candidates of a position, each once.
func (o *offering) propose(d *descent, at int, all bool) {
	chosen := d.chosenBy(at)
	for _, cell := range chosen {
		o.compared[cell] = true
	}
	o.rows = o.rows[:0]
	for _, entry := range d.list(at)[:d.most] {
		if row := entry &^ fresh; row != nobody {
			o.follow(d, row, all || entry&fresh != 0)
		}
	}
	first := at * d.back
	for _, entry := range d.reverse[first : first+int(d.behind[at])] {
		row := entry &^ fresh
		if entry&fresh != 0 {
			o.add(d, row)
		}
		o.follow(d, row, all || entry&fresh != 0)
	}
	for _, cell := range chosen {
		o.compared[cell] = false
	}
	for _, row := range o.rows {
		o.seen[row>>6] = 0
	}
}

// follow adds the nearest rows of a row's list: all of them where the way to the row is new.
func (o *offering) follow(d *descent, row uint32, whole bool) {
	if !whole && !d.moved[row] {
		return
	}
	for _, entry := range d.list(int(row))[:d.most] {
		if whole || entry&fresh != 0 {
			if other := entry &^ fresh; other != nobody {
				o.add(d, other)
			}
		}
	}
}

// add adds a candidate that was neither seen nor compared.
func (o *offering) add(d *descent, row uint32) {
	if o.compared[d.owner[row]] || o.seen[row>>6]>>(row&63)&1 != 0 {
		return
	}
	o.seen[row>>6] |= 1 << (row & 63)
	o.rows = append(o.rows, row)
}

// improve writes the next list of a position, the candidates among it, and reports whether one is.
func (w *descender) improve(d *descent, at int) bool {
	k, padded, wide := d.sketch, d.sketch.Padded, d.wide
	list, near := d.next[at*wide:(at+1)*wide], d.near[at*wide:(at+1)*wide]
	for i, entry := range d.list(at) {
		list[i] = entry &^ fresh
	}
	moved, rows := false, w.offered.rows
	own, scale := k.Codes[at*padded:(at+1)*padded], d.factor*k.Step[at]
	codes := arrow.Int8Traits.CastToBytes(k.Codes)
	var dot [1]int32
	w.scanned += int64(len(rows))
	for i, row := range rows {
		if ahead := i + column.FetchAhead; ahead < len(rows) {
			simd.Fetch(codes[int(rows[ahead])*padded : (int(rows[ahead])+1)*padded])
		}
		other := int(row) * padded
		simd.DotInt8Tile(dot[:], k.Codes[other:other+padded], 1, padded, own, 1)
		v := k.Add[row] + float32(float32(dot[0])*float32(k.Step[row]*scale))
		if v < near[wide-1] && int(row) != at && !holds(list, row) {
			j := wide - 1
			for ; j > 0 && near[j-1] > v; j-- {
				list[j], near[j] = list[j-1], near[j-1]
			}
			list[j], near[j] = row|fresh, v
			moved = true
		}
	}
	return moved
}

// holds reports whether a row is in a list.
func holds(list []uint32, row uint32) bool {
	for _, entry := range list {
		if entry&^fresh == row {
			return true
		}
	}
	return false
}
