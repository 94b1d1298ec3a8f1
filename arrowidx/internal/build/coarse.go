package build

import (
	"context"
	"math"

	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// coarse are centroids rounded to int8, each with those around it.
type coarse struct {
	k, padded int
	codes     []int8
	step      []float32
	norm2     []float32 // square lengths before rounding
	m         int
	around    []uint32 // k x m: rising
}

func newCoarse(k, padded int) *coarse {
	return &coarse{
		k: k, padded: padded, codes: make([]int8, k*padded),
		step: make([]float32, k), norm2: make([]float32, k),
	}
}

// coarseBytes is what training and its workers need for a centroid.
func coarseBytes(padded, threads int) int64 {
	return int64(2*padded + 4*2*mostAround + 64 + 32*threads)
}

// of returns the code of centroid c.
func (n *coarse) of(c uint32) []int8 { return n.codes[int(c)*n.padded : (int(c)+1)*n.padded] }

// measure rounds centroids and finds the m around each: the nearest, itself among them.
func (n *coarse) measure(ctx context.Context, centroids []float32, m, threads int) error {
	d := n.padded
	for c := range n.k {
		x := centroids[c*d : (c+1)*d]
		n.norm2[c] = simd.Norm16(x)
		n.step[c] = simd.QuantizeInt8(n.of(uint32(c)), x)
	}
	n.m = min(m, n.k)
	n.around = mem.Grow(n.around, n.k*n.m)
	workers := make([]mover, threads)
	return mem.Parallel(ctx, "build", threads, (n.k+3)/4, func(i, t int) error {
		w := &workers[i]
		w.dots, w.values = mem.Grow(w.dots, 4*n.k), mem.Grow(w.values, n.k)
		w.spare, w.places = mem.Grow(w.spare, n.k), mem.Grow(w.places, n.k)
		some := min(4, n.k-4*t)
		simd.DotInt8Tile(w.dots, n.codes, n.k, d, n.codes[4*t*d:(4*t+some)*d], some)
		for j := range some {
			c := 4*t + j
			simd.ScaleAdd(w.values, w.dots[j*n.k:(j+1)*n.k], n.step, n.norm2, -2*n.step[c])
			w.values[c] = float32(math.Inf(-1))
			w.least(n.around[c*n.m : (c+1)*n.m])
		}
		return nil
	})
}

// mover is one worker's memory for moving rows to cells.
type mover struct {
	dots   []int32
	values []float32
	spare  []float32
	places []uint32
	chosen []uint32 // groups of four rows

	z           []int8 // four rows side by side
	codes       []int8 // the centroids around a cell side by side
	step, norm2 []float32
	row         []float32
	sum         []float64
}

// least writes the places of the least values to out, rising; of equal ones the first.
func (w *mover) least(out []uint32) {
	copy(w.spare, w.values)
	last := simd.SelectKth(w.spare[:len(w.values)], len(out)-1)
	found := w.places[:simd.SelectBelow(w.places, w.values, last)]
	equal := len(out)
	for _, at := range found {
		if w.values[at] < last {
			equal--
		}
	}
	n := 0
	for _, at := range found {
		if w.values[at] == last {
			if equal == 0 {
				continue
			}
			equal--
		}
		out[n] = at
		n++
	}
}

// stay lets the rows of cell c move to the cells around it.
func (w *mover) stay(n *coarse, s *Sample, c int, rows, owner []uint32) {
	if len(rows) == 0 {
		return
	}
	d, m := n.padded, n.m
	w.codes, w.step, w.norm2 = mem.Grow(w.codes, m*d), mem.Grow(w.step, m), mem.Grow(w.norm2, m)
	w.dots, w.values, w.z = mem.Grow(w.dots, 4*m), mem.Grow(w.values, m), mem.Grow(w.z, 4*d)
	around := n.around[c*m : (c+1)*m]
	for i, o := range around {
		copy(w.codes[i*d:(i+1)*d], n.of(o))
		w.step[i], w.norm2[i] = n.step[o], n.norm2[o]
	}
	for at := 0; at < len(rows); at += 4 {
		some := min(4, len(rows)-at)
		for _, r := range rows[at+some : min(at+8, len(rows))] {
			s.Fetch(r)
		}
		for j := range some {
			copy(w.z[j*d:(j+1)*d], s.Of(int(rows[at+j])))
		}
		simd.DotInt8Tile(w.dots, w.codes, m, d, w.z, some)
		for j := range some {
			r := rows[at+j]
			simd.ScaleAdd(w.values, w.dots[j*m:(j+1)*m], w.step, w.norm2, -2*s.Step[r])
			owner[r] = around[max(simd.ArgMin(w.values), 0)]
		}
	}
}

// mean writes the mean of rows to x, unless there are none.
func (w *mover) mean(s *Sample, rows []uint32, x []float32) {
	if len(rows) == 0 {
		return
	}
	w.sum, w.row = mem.Grow(w.sum, s.Padded), mem.Grow(w.row, s.Padded)
	clear(w.sum)
	for i, r := range rows {
		if ahead := i + 4; ahead < len(rows) {
			s.Fetch(rows[ahead])
		}
		simd.Int8ToF32(w.row, s.Of(int(r)))
		simd.AddScaled(w.sum, w.row, float64(s.Step[r]))
	}
	for j, v := range w.sum {
		x[j] = float32(v / float64(len(rows)))
	}
}
