package nndescent

import (
	"context"
	"slices"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// listRows is how many rows of a cell are compared together, and listPiece with how many others
	// at a time.
	listRows, listPiece = 128, 256
	// listSlack is how many times longer than a list what was found for it grows before the
	// farthest are dropped.
	listSlack = 3
)

// offers are rows that may belong into a list: those offered whose estimate is at most tau.
type offers struct {
	tau  float32
	rows []uint32 // those that are new to the list marked
	near []float32
}

func (o *offers) reset() { o.tau, o.rows, o.near = mem.Infinity, o.rows[:0], o.near[:0] }

// keep drops all but the n of least estimates, of equals those offered last. tau becomes the n-th
// estimate, above which nothing is offered any more; what stays keeps its order, so that lists do
// not depend on when it was called. spare is scratch memory, which is returned.
func (o *offers) keep(n int, spare []float32) []float32 {
	if len(o.near) <= n {
		return spare
	}
	spare = mem.Grow(spare, len(o.near))
	copy(spare, o.near)
	o.tau = simd.SelectKth(spare, n-1)
	ties := n // places left for estimates equal to tau; SelectKth has put the n least first
	for _, v := range spare[:n] {
		if v < o.tau {
			ties--
		}
	}
	kept := 0
	for i, v := range o.near {
		if v > o.tau || v == o.tau && ties == 0 {
			continue
		}
		if v == o.tau {
			ties--
		}
		o.rows[kept], o.near[kept] = o.rows[i], v
		kept++
	}
	o.rows, o.near = o.rows[:kept], o.near[:kept]
	return spare
}

// sortTo writes what is left, at most a list, in order to a list and its estimates: of equals those
// offered first come first.
func (o *offers) sortTo(list []uint32, near []float32) {
	for i, v := range o.near {
		j := i
		for ; j > 0 && near[j-1] > v; j-- {
			list[j], near[j] = list[j-1], near[j-1]
		}
		list[j], near[j] = o.rows[i], v
	}
	for i := len(o.near); i < len(list); i++ {
		list[i], near[i] = nobody, mem.Infinity
	}
}

// begin takes over a list.
func (o *offers) begin(list []uint32, near []float32) {
	o.rows, o.near = append(o.rows[:0], list...), append(o.near[:0], near...)
	o.tau = near[len(near)-1]
	for len(o.rows) > 0 && o.rows[len(o.rows)-1] == nobody {
		o.rows, o.near = o.rows[:len(o.rows)-1], o.near[:len(o.near)-1]
	}
}

// widen compares every row with twice as many cells.
func (d *descent) widen(ctx context.Context) error {
	d.cells.before, d.cells.probes = d.cells.probes, 2*d.cells.probes
	return d.compareCells(ctx)
}

// compareCells compares every row with the rows of the cells nearest to it.
func (d *descent) compareCells(ctx context.Context) error {
	type tile struct{ cell, from, to int }
	var tiles []tile
	for cell := range d.cells.n {
		last := int(d.cells.first[cell+1])
		for from := int(d.cells.first[cell]); from < last; from += listRows {
			tiles = append(tiles, tile{cell, from, min(from+listRows, last)})
		}
	}
	return mem.Parallel(ctx, "neighbors", d.threads, len(tiles), func(worker, i int) error {
		t, w := &tiles[i], &d.workers[worker]
		w.compared.settle(&d.cells, t.cell)
		w.compared.choose(d, t.from, t.to)
		if err := w.compare(ctx, d, t.from, t.to); err != nil {
			return err
		}
		if d.cells.before == 0 {
			d.count(t.to/2 - t.from/2)
		}
		return nil
	})
}

// compare makes the lists of positions [from, to) from the cells that they chose.
func (w *descender) compare(ctx context.Context, d *descent, from, to int) error {
	c := &w.compared
	for len(c.lists) < to-from {
		c.lists = append(c.lists, offers{})
	}
	for i := range to - from {
		if c.lists[i].reset(); d.cells.before > 0 {
			c.lists[i].begin(d.list(from+i), d.near[(from+i)*d.wide:(from+i+1)*d.wide])
		}
	}
	for i, cell := range c.around {
		asking := c.asking[i]
		last := int(d.cells.first[cell+1])
		for at := int(d.cells.first[cell]); at < last && len(asking) > 0; at += listPiece {
			if err := fault.FromContext(ctx, "neighbors"); err != nil {
				return err
			}
			w.comparePiece(d, from, asking, at, min(at+listPiece, last))
		}
	}
	for i := range to - from {
		at, o := from+i, &c.lists[i]
		c.spare = o.keep(d.wide, c.spare)
		o.sortTo(d.list(at), d.near[at*d.wide:(at+1)*d.wide])
		d.moved[at] = slices.ContainsFunc(d.list(at), isFresh)
	}
	return nil
}

// comparePiece offers positions [at, end) to the rows that are asking, counted from `from`.
func (w *descender) comparePiece(d *descent, from int, asking []uint16, at, end int) {
	c, k, n, padded := &w.compared, d.sketch, end-at, d.sketch.Padded
	c.z, c.dots = mem.Grow(c.z, 4*padded), mem.Grow(c.dots, 4*n)
	c.values, c.places = mem.Grow(c.values, n), mem.Grow(c.places, n)
	w.scanned += int64(n * len(asking))
	for len(asking) > 0 {
		some := min(4, len(asking))
		for i, a := range asking[:some] {
			own := from + int(a)
			copy(c.z[i*padded:(i+1)*padded], k.Codes[own*padded:(own+1)*padded])
		}
		simd.DotInt8Tile(c.dots[:some*n], k.Codes[at*padded:end*padded], n, padded,
			c.z[:some*padded], some)
		for i, a := range asking[:some] {
			own, o := from+int(a), &c.lists[a]
			simd.ScaleAdd(c.values, c.dots[i*n:(i+1)*n], k.Step[at:end], k.Add[at:end],
				d.factor*k.Step[own])
			if own >= at && own < end {
				c.values[own-at] = mem.Infinity
			}
			for _, j := range c.places[:simd.SelectBelow(c.places, c.values, o.tau)] {
				row := uint32(at) + j
				if int(row) == own || d.cells.before > 0 && holds(d.list(own), row) {
					continue
				}
				o.rows, o.near = append(o.rows, row|fresh), append(o.near, c.values[j])
			}
			if len(o.near) > listSlack*d.wide {
				c.spare = o.keep(d.wide, c.spare)
			}
		}
		asking = asking[some:]
	}
}

func isFresh(entry uint32) bool { return entry&fresh != 0 }
