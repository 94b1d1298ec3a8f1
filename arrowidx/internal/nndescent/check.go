package nndescent

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/topk"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// sampleRowsOfGraph is how many rows tell the recall of a graph, and sureErrors how many standard
	// errors of theirs it should be above the target.
	sampleRowsOfGraph, sureErrors = 512, 2
	// sampleGroup is how many of them share a pass over the sketches, samplePiece rows at a time.
	sampleGroup, samplePiece = 16, 512
	// sampleMost, or a share of all rows, is the most that bounds may leave for one of them.
	sampleMost, sampleShare = 4096, 64
)

// sampled is a row whose neighbours are known.
type sampled struct {
	at   int
	edge float64 // distance of the k-th
	zero bool    // a zero vector under cosine: all rows are as near
}

// drawSample finds the true neighbours of rows spread evenly over the cells: int8 products with all
// rows and certain bounds, then distances. It reports whether the bounds say enough.
func (d *descent) drawSample(ctx context.Context) (bool, error) {
	d.sample = make([]sampled, min(sampleRowsOfGraph, d.n))
	for i := range d.sample {
		at := i * (d.n / len(d.sample))
		d.sample[i] = sampled{at: at, zero: d.seg.Metric == column.Cosine && d.lengths[at] == 0}
	}
	groups := (len(d.sample) + sampleGroup - 1) / sampleGroup
	sure := make([]bool, groups)
	err := mem.Parallel(ctx, "neighbors", d.threads, groups, func(worker, i int) error {
		var err error
		some := d.sample[i*sampleGroup : min((i+1)*sampleGroup, len(d.sample))]
		sure[i], err = d.workers[worker].examine(ctx, d, some)
		return err
	})
	for _, ok := range sure {
		if !ok {
			return false, err
		}
	}
	return true, err
}

// examine finds the distance of the k-th neighbours of some rows.
func (w *descender) examine(ctx context.Context, d *descent, some []sampled) (bool, error) {
	k, padded, c := d.sketch, d.sketch.Padded, &w.compared
	most := max(sampleMost, d.n/sampleShare)
	z := make([]int8, len(some)*padded)
	found := make([]offers, len(some))
	width := make([]float32, len(some))
	for i, s := range some {
		found[i].reset()
		copy(z[i*padded:], k.Codes[s.at*padded:(s.at+1)*padded])
		width[i] = 2 * search.Width(k, d.seg, k.Lack, k.Longest)
	}
	if !(width[0] < mem.Infinity) {
		return false, nil
	}
	c.dots, c.values = mem.Grow(c.dots, len(some)*samplePiece), mem.Grow(c.values, samplePiece)
	c.places = mem.Grow(c.places, samplePiece)
	for at := 0; at < d.n; at += samplePiece {
		if err := fault.FromContext(ctx, "neighbors"); err != nil {
			return false, err
		}
		n := min(samplePiece, d.n-at)
		simd.DotInt8Tile(c.dots[:len(some)*n], k.Codes[at*padded:(at+n)*padded], n, padded, z,
			len(some))
		w.scanned += int64(n * len(some))
		for i, s := range some {
			if s.zero {
				continue
			}
			simd.ScaleAdd(c.values[:n], c.dots[i*n:(i+1)*n], k.Step[at:at+n], k.Add[at:at+n],
				d.factor*k.Step[s.at])
			if s.at >= at && s.at < at+n {
				c.values[s.at-at] = mem.Infinity
			}
			o := &found[i]
			for _, j := range c.places[:simd.SelectBelow(c.places, c.values[:n], o.tau)] {
				if v := c.values[j]; v < mem.Infinity {
					o.rows, o.near = append(o.rows, uint32(at)+j), append(o.near, v)
				}
			}
			if len(o.near) > most+samplePiece {
				c.spare = o.within(d.k, width[i], c.spare)
				if len(o.near) > most {
					return false, nil
				}
			}
		}
	}
	for i := range some {
		if some[i].zero {
			continue
		}
		c.spare = found[i].within(d.k, width[i], c.spare)
		w.edge(d, &some[i], found[i].rows)
	}
	return true, nil
}

// within drops the rows whose estimate is more than width above the n-th.
func (o *offers) within(n int, width float32, spare []float32) []float32 {
	spare = mem.Grow(spare, len(o.near))
	copy(spare, o.near)
	o.tau = mem.NextUp(simd.SelectKth(spare, n-1) + width)
	kept := 0
	for i, v := range o.near {
		if v <= o.tau {
			o.rows[kept], o.near[kept] = o.rows[i], v
			kept++
		}
	}
	o.rows, o.near = o.rows[:kept], o.near[:kept]
	return spare
}

// edge measures rows among which the k nearest are.
func (w *descender) edge(d *descent, s *sampled, rows []uint32) {
	var best topk.Heap
	best.Reset(d.k)
	w.ask(d, s.at)
	for _, row := range rows {
		best.Push(topk.Hit{Dist: w.distance(d, s.at, int(row)), Row: row})
	}
	s.edge = math.Inf(1)
	if best.Full() {
		s.edge = best.Worst()
	}
}

// measured is the recall of the lists of the sample, how many of the k rows wanted are as near as
// the true ones, and its standard error.
func (d *descent) measured() (recall, sigma float64) {
	found, squares, w := 0, 0, &d.workers[0]
	for i := range d.sample {
		s, right := &d.sample[i], 0
		if s.zero {
			right = d.k
		} else {
			w.ask(d, s.at)
			for _, entry := range d.list(s.at) {
				row := entry &^ fresh
				if row != nobody && w.distance(d, s.at, int(row)) <= s.edge {
					right++
				}
			}
			right = min(right, d.k)
		}
		found += right
		squares += right * right
	}
	n := float64(len(d.sample))
	mean := float64(found) / n
	variance := max(float64(squares)/n-float64(mean*mean), 0)
	return mean / float64(d.k), math.Sqrt(variance/n) / float64(d.k)
}
