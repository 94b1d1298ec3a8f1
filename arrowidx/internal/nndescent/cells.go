package nndescent

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/build"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

const (
	// descentSample is the rows a cell that k-means sees when cells are made for a graph alone.
	descentSample = 16
	// cellsAround is how many cells around its own a row chooses from, mostProbes how many it may
	// choose.
	cellsAround, mostProbes = 64, 32
)

// descentCells are the cells by whose centroids rows find each other.
type descentCells struct {
	n      int
	probes int      // cells that a row is compared with
	before int      // how many of these it was compared with already, the nearest ones
	first  []uint32 // n+1 positions: cell c holds [first[c], first[c+1])
	coarse []int8   // centroids as int8 with a step each, and their square lengths
	step   []float32
	norm2  []float32
}

// setProbes chooses the number of cells from the target and the number of neighbours.
func (c *descentCells) setProbes(recall float64, k int) {
	switch {
	case recall > longFrom:
		c.probes = 8
	case recall > 0.93:
		c.probes = 5
	default:
		c.probes = 3
	}
	c.probes = min(c.probes+c.probes*max(k-descentWidth, 0)/descentWidth, mostProbes/2)
}

// divide takes the index's cells, or makes some for kind flat. It reports whether there are few
// enough.
func (d *descent) divide(ctx context.Context) (bool, error) {
	own := d.seg.Cells
	if own == nil {
		made, err := d.makeCells(ctx)
		if err != nil {
			return false, err
		}
		own = made
	}
	c := &d.cells
	if own.N > math.MaxUint16 || own.N < 2*mostProbes || len(own.Rows) != d.n {
		return false, nil
	}
	c.n, c.first, d.rows = own.N, own.First, own.Rows
	c.step, c.norm2 = make([]float32, c.n), make([]float32, c.n)
	c.coarse = make([]int8, c.n*own.Padded)
	for i := range c.n {
		x := own.Centroid(i)
		c.step[i] = simd.QuantizeInt8(c.coarse[i*own.Padded:(i+1)*own.Padded], x)
		c.norm2[i] = simd.Norm16(x)
	}
	d.owner = make([]uint16, d.n)
	for cell := range c.n {
		for at := c.first[cell]; at < c.first[cell+1]; at++ {
			d.owner[at] = uint16(cell)
		}
	}
	return true, nil
}

// makeCells divides the rows of kind flat into cells.
func (d *descent) makeCells(ctx context.Context) (*segment.Cells, error) {
	seg := d.seg
	b := &build.CellsBuild{
		Seg: seg, Col: d.col, O: &build.Options{Progress: &build.Progress{}}, Threads: d.threads,
		Padded: rabitq.PaddedDim(seg.Dim),
	}
	if seg.Usable < seg.Rows {
		b.Skip = make([]bool, seg.Rows)
		for r := range b.Skip {
			b.Skip[r] = !seg.IsAlive(r)
		}
	}
	b.K = segment.CellsFor(d.n, b.Padded)
	b.Sampled = min(descentSample*b.K, d.n)
	b.Draw()
	c, err := b.Train(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.Assign(ctx, c); err != nil {
		return nil, err
	}
	b.Order(c)
	return c, nil
}

// comparison is one worker's memory for comparing the rows of a cell with those of cells around it.
type comparison struct {
	dots   []int32
	values []float32
	spare  []float32
	places []uint32
	z      []int8 // four rows side by side

	around []uint32 // the cells around, nearest first, with their centroids side by side
	coarse []int8
	step   []float32
	norm2  []float32
	asking [][]uint16 // by cell around: the rows that chose it, counted from the first

	lists []offers // by row
}

// settle finds the cells around a cell, itself first.
func (w *comparison) settle(c *descentCells, cell int) {
	d := len(c.coarse) / c.n
	m := min(cellsAround, c.n)
	w.dots, w.values = mem.Grow(w.dots, c.n), mem.Grow(w.values, c.n)
	simd.DotInt8Tile(w.dots, c.coarse, c.n, d, c.coarse[cell*d:(cell+1)*d], 1)
	simd.ScaleAdd(w.values, w.dots, c.step, c.norm2, -2*c.step[cell])
	w.values[cell] = float32(math.Inf(-1))
	w.spare = mem.Grow(w.spare, c.n)
	copy(w.spare, w.values)
	w.places = mem.Grow(w.places, c.n)
	found := w.places[:simd.SelectBelow(w.places, w.values, simd.SelectKth(w.spare, m-1))]
	slices.SortFunc(found, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(w.values[a], w.values[b]), cmp.Compare(a, b))
	})
	w.around = append(w.around[:0], found[:m]...)
	w.coarse, w.step, w.norm2 = mem.Grow(w.coarse, m*d), mem.Grow(w.step, m), mem.Grow(w.norm2, m)
	for len(w.asking) < m {
		w.asking = append(w.asking, nil)
	}
	for i, other := range w.around {
		copy(w.coarse[i*d:(i+1)*d], c.coarse[int(other)*d:(int(other)+1)*d])
		w.step[i], w.norm2[i] = c.step[other], c.norm2[other]
		w.asking[i] = w.asking[i][:0]
	}
}

// choose lets the rows of positions [from, to) of a cell choose their nearest cells around it.
func (w *comparison) choose(d *descent, from, to int) {
	k, m, probes, padded := d.sketch, len(w.around), d.cells.probes, d.sketch.Padded
	w.dots, w.values, w.spare = mem.Grow(w.dots, 4*m), mem.Grow(w.values, m), mem.Grow(w.spare, m)
	for at := from; at < to; at += 4 {
		some := min(4, to-at)
		simd.DotInt8Tile(w.dots[:some*m], w.coarse, m, padded,
			k.Codes[at*padded:(at+some)*padded], some)
		for i := range some {
			simd.ScaleAdd(w.values, w.dots[i*m:(i+1)*m], w.step, w.norm2, -2*k.Step[at+i])
			w.values[0] = float32(math.Inf(-1))
			copy(w.spare, w.values)
			last, before := simd.SelectKth(w.spare, probes-1), float32(math.Inf(-1))
			if d.cells.before > 0 {
				before = simd.SelectKth(w.spare, d.cells.before-1)
			}
			to := d.chosenBy(at + i)
			for j, place := range w.places[:simd.SelectBelow(w.places, w.values, last)] {
				if j == probes {
					break
				}
				to[j] = uint16(w.around[place])
				if d.cells.before == 0 || w.values[place] > before {
					w.asking[place] = append(w.asking[place], uint16(at+i-from))
				}
			}
		}
	}
}

// chosenBy is where the cells are that a row is compared with.
func (d *descent) chosenBy(at int) []uint16 {
	return d.chosen[at*mostProbes : at*mostProbes+d.cells.probes]
}
