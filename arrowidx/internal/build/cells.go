package build

import (
	"context"
	"fmt"
	"math"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// NoCell marks a row that is in no cell because it cannot be found.
const NoCell = math.MaxUint32

// Rows that k-means does not see, for calibration: one in heldOutShare, at least fewestHeld and at
// most mostHeld; of more than smallSet rows at least severalHeld, since the recall of 128 to 384
// queries is uncertain by more than a target may be missed by. Of fewer rows a search reads so
// little that the greater caution of few queries costs nothing. What more would cost is in
// docs/decisions/0045.
const (
	mostHeld     = 2048
	severalHeld  = 384
	smallSet     = 6_000
	fewestHeld   = 64
	heldOutShare = 48
)

// CellsBuild is a build of kind ivf under way.
type CellsBuild struct {
	Seg     *segment.Segment
	Col     *column.Column
	Skip    []bool
	O       *Options
	Threads int
	K       int // cells
	Padded  int
	Sampled int      // rows that k-means sees
	drawn   []uint32 // held-out rows, then the sample, each in random order
	held    int
	owner   []uint32 // cell of every row
}

// buildCells trains cells on a sample, assigns every row and codes residuals. It returns rows that
// the sample left out, to calibrate with.
func buildCells(
	ctx context.Context, seg *segment.Segment, col *column.Column, skip []bool, o *Options,
	threads int,
) (held []uint32, err error) {
	b := &CellsBuild{Seg: seg, Col: col, Skip: skip, O: o, Threads: threads}
	b.Padded = rabitq.PaddedDim(seg.Dim)
	b.K = max(1, min(o.Cells, seg.Usable))
	if o.Cells == 0 {
		b.K = segment.CellsFor(seg.Usable, b.Padded)
	}
	if err := b.plan(); err != nil {
		return nil, err
	}
	b.Draw()
	var cells *segment.Cells
	err = segment.Timed(&seg.Stages.Train, func() (err error) {
		cells, err = b.Train(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = segment.Timed(&seg.Stages.Assign, func() error { return b.Assign(ctx, cells) })
	if err == nil {
		err = segment.Timed(&seg.Stages.Encode, func() error { return b.fill(ctx, cells) })
	}
	if err != nil {
		cells.Free()
		return nil, err
	}
	return b.drawn[:b.held], nil
}

// plan fits the sample into the budget.
func (b *CellsBuild) plan() error {
	n := b.Seg.Usable
	b.held = min(max(n/heldOutShare, fewestHeld), mostHeld)
	if n > smallSet {
		b.held = max(b.held, severalHeld)
	}
	b.held = min(b.held, n/8, n-min(b.K, n)) // a cell needs a row of the sample
	b.Sampled = min(sampleRows*b.K, n-b.held)
	if b.O.Budget == 0 {
		return nil
	}
	row, sampled := int64(4*b.Padded), sampleBytes(b.Padded)
	fixed := int64(b.K)*(2*row+coarseBytes(b.Padded, b.Threads)) +
		int64(b.Threads)*int64(2*TileRows(b.Padded)+64)*row + 1<<20
	slots := int64(n) + int64(b.K)*simd.BlockRows/2
	codes := slots*int64(simd.BlockStride(b.Padded))/simd.BlockRows + 8*int64(b.Seg.Rows)
	if b.O.Bits > 1 {
		codes += int64(n) * int64(simd.ExtraBytes(b.Padded, b.O.Bits-1)+rabitq.FactorsBytes)
	}
	if b.O.Keep == segment.KeepCopy {
		codes += int64(b.Seg.Rows) * int64(4*b.Seg.Dim)
	}
	least := max(codes, int64(min(2*b.K, b.Sampled))*sampled) + fixed
	if b.O.Budget < least {
		return fault.New(fault.LimitExceeded, "build",
			fmt.Sprintf("a budget of %d bytes for %d rows in %d cells", b.O.Budget, n, b.K),
			fmt.Sprintf("the smallest that works is %d", least))
	}
	b.Sampled = int(min(int64(b.Sampled), (b.O.Budget-fixed)/sampled))
	return nil
}

// Draw picks the held-out rows and the sample, all different, in random order. The held-out ones
// are the same for every seed, so that indexes of other seeds are calibrated by the same queries.
func (b *CellsBuild) Draw() {
	g := mem.Generator{State: 0x5ca1ab1e}
	held := make([]bool, b.Seg.Rows)
	b.drawn = b.draw(&g, make([]uint32, 0, b.held+b.Sampled), b.held, held)
	for _, r := range b.drawn {
		held[r] = true
	}
	g.State ^= b.Seg.Seed
	b.drawn = b.draw(&g, b.drawn, b.Sampled, held)
}

// draw appends n rows that can be found and are not taken, in random order.
func (b *CellsBuild) draw(g *mem.Generator, drawn []uint32, n int, taken []bool) []uint32 {
	from, left := len(drawn), b.Seg.Usable-len(drawn)
	for r := 0; len(drawn) < from+n; r++ {
		if taken[r] || b.Skip != nil && b.Skip[r] {
			continue
		}
		if g.Below(uint64(left)) < uint64(from+n-len(drawn)) {
			drawn = append(drawn, uint32(r))
		}
		left--
	}
	for i := len(drawn) - 1; i > from; i-- {
		j := from + int(g.Below(uint64(i-from+1)))
		drawn[i], drawn[j] = drawn[j], drawn[i]
	}
	return drawn
}

// Train runs k-means over the sample and keeps the cells of its rows.
func (b *CellsBuild) Train(ctx context.Context) (*segment.Cells, error) {
	b.owner = make([]uint32, b.Seg.Rows)
	for r := range b.owner {
		b.owner[r] = NoCell
	}
	c := &segment.Cells{N: b.K, Padded: b.Padded}
	if b.Seg.Usable == 0 {
		c.Centroids = make([]float32, b.Padded)
		return c, nil
	}
	rows := b.drawn[b.held:]
	memory, err := mem.NewSlab("build", int64(len(rows))*int64(b.Padded))
	if err != nil {
		return nil, err
	}
	defer memory.Free()
	s, err := b.sample(ctx, memory.Mem)
	if err != nil {
		return nil, err
	}
	m := Kmeans{Sample: s, K: b.K, Threads: b.Threads}
	c.Centroids, err = m.Train(ctx, func(rounds, of int) {
		b.O.Progress.trained.Store(int64(b.Seg.Rows) * int64(rounds) / int64(of))
	})
	if err != nil {
		return nil, err
	}
	for i, r := range rows[:KmeansUses(len(rows), b.K)] {
		b.owner[r] = m.Owner[i]
	}
	return c, nil
}

// fill codes the rows cell by cell.
func (b *CellsBuild) fill(ctx context.Context, c *segment.Cells) error {
	b.Order(c)
	codes, err := rabitq.NewCodes(b.Seg.Usable, c.Blocks(), b.Seg.Dim, b.O.Bits)
	if err != nil {
		return err
	}
	if b.Col.Paged() {
		err = b.encodeRising(ctx, codes, c)
	} else {
		err = b.encode(ctx, codes, c)
	}
	if err == nil {
		err = c.Routing(b.Seg.Metric, b.Seg.Mean, b.Seg.Rot)
	}
	if err != nil {
		codes.Free()
		return err
	}
	codes.Radius = min(c.Farthest, 4)
	b.Seg.Codes, b.Seg.Cells, b.Seg.Slots = codes, c, c.Occupied()
	return nil
}

// Assign finds the nearest cell of every row that training did not see.
func (b *CellsBuild) Assign(ctx context.Context, c *segment.Cells) error {
	plane, err := segment.NewCentroidPlane(c.Centroids, c.N, c.Padded, column.L2)
	if err != nil {
		return err
	}
	defer plane.Free()
	norm2 := make([]float32, c.N)
	for i := range norm2 {
		norm2[i] = simd.Norm16(c.Centroid(i))
	}
	type worker struct {
		*Rotator
		*Finder
		rows, cells []uint32
	}
	workers := make([]worker, b.Threads)
	step := TileRows(b.Padded)
	return mem.Parallel(ctx, "build", b.Threads, (b.Seg.Rows+step-1)/step, func(i, t int) error {
		w := &workers[i]
		if w.Rotator == nil {
			w.Rotator = NewRotator(b.Seg, b.Skip, b.Seg.Rows)
			w.Finder, w.cells = NewFinder(plane, c.Centroids, norm2), make([]uint32, step)
		}
		from, to := t*step, min((t+1)*step, b.Seg.Rows)
		w.rows = w.rows[:0]
		for r := from; r < to; r++ {
			if b.owner[r] == NoCell && (b.Skip == nil || !b.Skip[r]) {
				w.rows = append(w.rows, uint32(r))
			}
		}
		w.List(b.Col, w.rows)
		w.Nearest(w.Rotated, len(w.rows), w.cells)
		for i, r := range w.rows {
			b.owner[r] = w.cells[i]
		}
		b.O.Progress.assigned.Add(int64(to - from))
		return nil
	})
}

// Order lists the rows by cell.
func (b *CellsBuild) Order(c *segment.Cells) {
	var sizes []uint32
	sizes, c.Rows = listByCell(b.owner, c.N, b.Seg.Usable)
	if !b.Col.Paged() {
		b.owner = nil
	}
	c.LayOut(sizes)
}

// encode codes every cell's rows as residuals to its centroid, a tile at a time.
func (b *CellsBuild) encode(ctx context.Context, f *rabitq.Codes, c *segment.Cells) error {
	type tile struct {
		cell, from int
		radius     float32
		sum        float64
	}
	var tiles []tile
	step := TileRows(b.Padded)
	for i := range c.N {
		for from := 0; from < c.Size(i); from += step {
			tiles = append(tiles, tile{cell: i, from: from})
		}
	}
	workers := make([]*Encoder, b.Threads)
	err := mem.Parallel(ctx, "build", b.Threads, len(tiles), func(w, i int) error {
		if workers[w] == nil {
			workers[w] = NewEncoder(b.Seg, f, c, b.Skip, b.Seg.Rows)
		}
		t := &tiles[i]
		n := min(step, c.Size(t.cell)-t.from)
		t.radius, t.sum = workers[w].cell(b.Col, t.cell, t.from, n)
		b.O.Progress.encoded.Add(int64(n))
		return nil
	})
	c.Radius, c.MeanResidual = make([]float32, c.N), make([]float32, c.N)
	sums := make([]float64, c.N)
	for _, t := range tiles {
		c.Radius[t.cell] = max(c.Radius[t.cell], t.radius)
		sums[t.cell] += t.sum
	}
	for i, s := range sums {
		c.MeanResidual[i] = min(float32(s/float64(max(c.Size(i), 1))), c.Radius[i])
	}
	return err
}
