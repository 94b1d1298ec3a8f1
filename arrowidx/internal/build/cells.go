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

// Rows that k-means does not see, for calibration: as many as heldOutRows from 65,536 rows on, and
// fewer where measuring them would take longer than the rest of the build.
const (
	heldOutRows  = 256
	fewestHeld   = 32
	heldOutShare = 256
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
	cells, err := b.Train(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.fill(ctx, cells); err != nil {
		cells.Free()
		return nil, err
	}
	return b.drawn[:b.held], nil
}

// plan fits the sample into the budget.
func (b *CellsBuild) plan() error {
	n := b.Seg.Usable
	b.held = min(heldOutRows, n/8, n-min(b.K, n)) // a cell needs a row of the sample
	b.Sampled = min(sampleRows*b.K, n-b.held)
	if b.O.Budget == 0 {
		return nil
	}
	row := int64(4 * b.Padded)
	fixed := int64(b.K)*(row*2+64) + int64(b.Threads)*int64(2*TileRows(b.Padded)+64)*row + 1<<20
	slots := int64(n) + int64(b.K)*simd.BlockRows/2
	codes := slots*int64(simd.BlockStride(b.Padded))/simd.BlockRows + 8*int64(b.Seg.Rows)
	if b.O.Bits > 1 {
		codes += int64(n) * int64(simd.ExtraBytes(b.Padded, b.O.Bits-1)+rabitq.FactorsBytes)
	}
	if b.O.Keep == segment.KeepCopy {
		codes += int64(b.Seg.Rows) * int64(4*b.Seg.Dim)
	}
	least := max(codes, int64(min(2*b.K, b.Sampled))*(row+8)) + fixed
	if b.O.Budget < least {
		return fault.New(fault.LimitExceeded, "build",
			fmt.Sprintf("a budget of %d bytes for %d rows in %d cells", b.O.Budget, n, b.K),
			fmt.Sprintf("the smallest that works is %d", least))
	}
	b.Sampled = int(min(int64(b.Sampled), (b.O.Budget-fixed)/(row+8)))
	return nil
}

// Draw picks the held-out rows and the sample, all different, in random order.
func (b *CellsBuild) Draw() {
	g := mem.Generator{State: b.Seg.Seed ^ 0x5ca1ab1e}
	want := b.held + b.Sampled
	b.drawn = make([]uint32, 0, want)
	left := b.Seg.Usable
	for r := 0; len(b.drawn) < want; r++ {
		if b.Skip != nil && b.Skip[r] {
			continue
		}
		if g.Below(uint64(left)) < uint64(want-len(b.drawn)) {
			b.drawn = append(b.drawn, uint32(r))
		}
		left--
	}
	for i := len(b.drawn) - 1; i > 0; i-- {
		j := g.Below(uint64(i + 1))
		b.drawn[i], b.drawn[j] = b.drawn[j], b.drawn[i]
	}
}

// Train runs k-means over the rotated sample.
func (b *CellsBuild) Train(ctx context.Context) (*segment.Cells, error) {
	rows := b.drawn[b.held:]
	sample, err := mem.NewSlab("build", int64(len(rows))*int64(b.Padded)*4)
	if err != nil {
		return nil, err
	}
	defer sample.Free()
	var rising []uint32
	if b.Col.Paged() {
		rising = risingOrder(rows)
	}
	step := TileRows(b.Padded)
	workers := make([]*Rotator, b.Threads)
	err = mem.Parallel(ctx, "build", b.Threads, (len(rows)+step-1)/step, func(w, i int) error {
		if workers[w] == nil {
			workers[w] = NewRotator(b.Seg, b.Skip, b.Seg.Rows)
		}
		from, to := i*step, min((i+1)*step, len(rows))
		if rising == nil {
			workers[w].List(b.Col, rows[from:to])
			copy(sample.Floats()[from*b.Padded:to*b.Padded], workers[w].Rotated)
			return nil
		}
		b.sampleRising(workers[w], rows, rising[from:to], sample.Floats())
		return nil
	})
	if err != nil {
		return nil, err
	}
	c := &segment.Cells{N: b.K, Padded: b.Padded}
	m := Kmeans{
		Sample: sample.Floats(), Rows: len(rows), Padded: b.Padded, K: b.K, Threads: b.Threads,
	}
	if b.Seg.Usable == 0 {
		c.Centroids = make([]float32, b.Padded)
		return c, nil
	}
	c.Centroids, err = m.Train(ctx, func(rounds, of int) {
		b.O.Progress.trained.Store(int64(b.Seg.Rows) * int64(rounds) / int64(of))
	})
	return c, err
}

// fill assigns the rows and codes them cell by cell.
func (b *CellsBuild) fill(ctx context.Context, c *segment.Cells) error {
	if err := b.Assign(ctx, c); err != nil {
		return err
	}
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

// Assign finds the nearest cell of every row.
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
	b.owner = make([]uint32, b.Seg.Rows)
	type worker struct {
		*Rotator
		*Finder
	}
	workers := make([]worker, b.Threads)
	step := TileRows(b.Padded)
	return mem.Parallel(ctx, "build", b.Threads, (b.Seg.Rows+step-1)/step, func(w, i int) error {
		if workers[w].Rotator == nil {
			workers[w] = worker{
				NewRotator(b.Seg, b.Skip, b.Seg.Rows), NewFinder(plane, c.Centroids, norm2),
			}
		}
		from, to := i*step, min((i+1)*step, b.Seg.Rows)
		workers[w].Run(b.Col, from, to)
		workers[w].Nearest(workers[w].Rotated, to-from, b.owner[from:to])
		for r := from; b.Skip != nil && r < to; r++ {
			if b.Skip[r] {
				b.owner[r] = NoCell
			}
		}
		b.O.Progress.assigned.Add(int64(to - from))
		return nil
	})
}

// Order lists the rows by cell.
func (b *CellsBuild) Order(c *segment.Cells) {
	c.Rows = make([]uint32, b.Seg.Usable)
	first := make([]uint32, c.N+1)
	GroupByCell(b.owner, first, c.Rows)
	if !b.Col.Paged() {
		b.owner = nil
	}
	sizes := make([]uint32, c.N)
	for i := range sizes {
		sizes[i] = first[i+1] - first[i]
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
