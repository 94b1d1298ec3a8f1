package arrowidx

import (
	"context"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/simd"
)

// noCell marks a row that is in no cell because it cannot be found.
const noCell = math.MaxUint32

// Rows that k-means does not see, for calibration: as many as heldOutRows from 65,536 rows on, and
// fewer where measuring them would take longer than the rest of the build.
const (
	heldOutRows  = 256
	fewestHeld   = 32
	heldOutShare = 256
)

// cellsBuild is a build of kind ivf under way.
type cellsBuild struct {
	ix      *segment
	col     *Column
	skip    []bool
	o       *BuildOptions
	threads int
	k       int // cells
	padded  int
	sampled int      // rows that k-means sees
	drawn   []uint32 // held-out rows, then the sample, each in random order
	held    int
	owner   []uint32 // cell of every row
}

// buildCells trains cells on a sample, assigns every row and codes residuals. It returns rows that
// the sample left out, to calibrate with.
func buildCells(
	ctx context.Context, ix *segment, col *Column, skip []bool, o *BuildOptions, threads int,
) (held []uint32, err error) {
	b := &cellsBuild{ix: ix, col: col, skip: skip, o: o, threads: threads}
	b.padded = paddedDim(ix.dim)
	b.k = max(1, min(o.Cells, ix.usable))
	if o.Cells == 0 {
		b.k = cellsFor(ix.usable, b.padded)
	}
	if err := b.plan(); err != nil {
		return nil, err
	}
	b.draw()
	cells, err := b.train(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.fill(ctx, cells); err != nil {
		cells.free()
		return nil, err
	}
	return b.drawn[:b.held], nil
}

// plan fits the sample into the budget.
func (b *cellsBuild) plan() error {
	n := b.ix.usable
	b.held = min(heldOutRows, n/8, n-min(b.k, n)) // a cell needs a row of the sample
	b.sampled = min(sampleRows*b.k, n-b.held)
	if b.o.Budget == 0 {
		return nil
	}
	row := int64(4 * b.padded)
	fixed := int64(b.k)*(row*2+64) + int64(b.threads)*int64(2*tileRows(b.padded)+64)*row + 1<<20
	slots := int64(n) + int64(b.k)*simd.BlockRows/2
	codes := slots*int64(simd.BlockStride(b.padded))/simd.BlockRows + 8*int64(b.ix.rows)
	if b.o.Bits > 1 {
		codes += int64(n) * int64(simd.ExtraBytes(b.padded, b.o.Bits-1)+factorsBytes)
	}
	if b.o.Keep == KeepCopy {
		codes += int64(b.ix.rows) * int64(4*b.ix.dim)
	}
	least := max(codes, int64(min(2*b.k, b.sampled))*(row+8)) + fixed
	if b.o.Budget < least {
		return newError(LimitExceeded, "build",
			fmt.Sprintf("a budget of %d bytes for %d rows in %d cells", b.o.Budget, n, b.k),
			fmt.Sprintf("the smallest that works is %d", least))
	}
	b.sampled = int(min(int64(b.sampled), (b.o.Budget-fixed)/(row+8)))
	return nil
}

// draw picks the held-out rows and the sample, all different, in random order.
func (b *cellsBuild) draw() {
	g := generator{b.ix.seed ^ 0x5ca1ab1e}
	want := b.held + b.sampled
	b.drawn = make([]uint32, 0, want)
	left := b.ix.usable
	for r := 0; len(b.drawn) < want; r++ {
		if b.skip != nil && b.skip[r] {
			continue
		}
		if g.below(uint64(left)) < uint64(want-len(b.drawn)) {
			b.drawn = append(b.drawn, uint32(r))
		}
		left--
	}
	for i := len(b.drawn) - 1; i > 0; i-- {
		j := g.below(uint64(i + 1))
		b.drawn[i], b.drawn[j] = b.drawn[j], b.drawn[i]
	}
}

// train runs k-means over the rotated sample.
func (b *cellsBuild) train(ctx context.Context) (*cells, error) {
	rows := b.drawn[b.held:]
	sample, err := newSlab("build", int64(len(rows))*int64(b.padded)*4)
	if err != nil {
		return nil, err
	}
	defer sample.free()
	step := tileRows(b.padded)
	workers := make([]*rotator, b.threads)
	err = parallel(ctx, "build", b.threads, (len(rows)+step-1)/step, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = newRotator(b.ix, b.skip, b.ix.rows)
		}
		from, to := i*step, min((i+1)*step, len(rows))
		workers[w].list(b.col, rows[from:to])
		copy(sample.floats()[from*b.padded:to*b.padded], workers[w].rotated)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c := &cells{n: b.k, padded: b.padded}
	m := kmeans{
		sample: sample.floats(), rows: len(rows), padded: b.padded, k: b.k, threads: b.threads,
	}
	if b.ix.usable == 0 {
		c.centroids = make([]float32, b.padded)
		return c, nil
	}
	c.centroids, err = m.train(ctx, func(rounds, of int) {
		b.o.Progress.trained.Store(int64(b.ix.rows) * int64(rounds) / int64(of))
	})
	return c, err
}

// fill assigns the rows and codes them cell by cell.
func (b *cellsBuild) fill(ctx context.Context, c *cells) error {
	if err := b.assign(ctx, c); err != nil {
		return err
	}
	b.order(c)
	codes, err := newCodes(b.ix.usable, c.blocks(), b.ix.dim, b.o.Bits)
	if err != nil {
		return err
	}
	if err = b.encode(ctx, codes, c); err == nil {
		err = c.routing(b.ix.metric, b.ix.mean, b.ix.rot)
	}
	if err != nil {
		codes.free()
		return err
	}
	codes.radius = min(c.reach, 4)
	b.ix.codes, b.ix.cells, b.ix.slots = codes, c, c.occupied()
	return nil
}

// assign finds the nearest cell of every row.
func (b *cellsBuild) assign(ctx context.Context, c *cells) error {
	plane, err := newCentroidPlane(c.centroids, c.n, c.padded, L2)
	if err != nil {
		return err
	}
	defer plane.free()
	norm2 := make([]float32, c.n)
	for i := range norm2 {
		norm2[i] = simd.Norm16(c.centroid(i))
	}
	b.owner = make([]uint32, b.ix.rows)
	type worker struct {
		*rotator
		*finder
	}
	workers := make([]worker, b.threads)
	step := tileRows(b.padded)
	return parallel(ctx, "build", b.threads, (b.ix.rows+step-1)/step, func(w, i int) error {
		if workers[w].rotator == nil {
			workers[w] = worker{
				newRotator(b.ix, b.skip, b.ix.rows), newFinder(plane, c.centroids, norm2),
			}
		}
		from, to := i*step, min((i+1)*step, b.ix.rows)
		workers[w].run(b.col, from, to)
		workers[w].nearest(workers[w].rotated, to-from, b.owner[from:to])
		for r := from; b.skip != nil && r < to; r++ {
			if b.skip[r] {
				b.owner[r] = noCell
			}
		}
		b.o.Progress.assigned.Add(int64(to - from))
		return nil
	})
}

// order lists the rows by cell.
func (b *cellsBuild) order(c *cells) {
	c.rows = make([]uint32, b.ix.usable)
	first := make([]uint32, c.n+1)
	groupByCell(b.owner, first, c.rows)
	b.owner = nil
	sizes := make([]uint32, c.n)
	for i := range sizes {
		sizes[i] = first[i+1] - first[i]
	}
	c.place(sizes)
}

// encode codes every cell's rows as residuals to its centroid, a tile at a time.
func (b *cellsBuild) encode(ctx context.Context, f *codes, c *cells) error {
	type tile struct {
		cell, from int
		radius     float32
		sum        float64
	}
	var tiles []tile
	step := tileRows(b.padded)
	for i := range c.n {
		for from := 0; from < c.size(i); from += step {
			tiles = append(tiles, tile{cell: i, from: from})
		}
	}
	workers := make([]*encoder, b.threads)
	err := parallel(ctx, "build", b.threads, len(tiles), func(w, i int) error {
		if workers[w] == nil {
			workers[w] = newEncoder(b.ix, f, c, b.skip, b.ix.rows)
		}
		t := &tiles[i]
		n := min(step, c.size(t.cell)-t.from)
		t.radius, t.sum = workers[w].cell(b.col, t.cell, t.from, n)
		b.o.Progress.encoded.Add(int64(n))
		return nil
	})
	c.radius, c.spread = make([]float32, c.n), make([]float32, c.n)
	sums := make([]float64, c.n)
	for _, t := range tiles {
		c.radius[t.cell] = max(c.radius[t.cell], t.radius)
		sums[t.cell] += t.sum
	}
	for i, s := range sums {
		c.spread[i] = min(float32(s/float64(max(c.size(i), 1))), c.radius[i])
	}
	return err
}
