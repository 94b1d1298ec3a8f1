package segment

import (
	"math"
	"sort"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/internal/mem"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Cells is the coarse structure of an index of kind ivf: centroids, and the order of rows by cell.
//
// A position counts the rows cell by cell, within a cell by row number; a slot counts the lanes of
// blocks, of which every cell has whole ones. Immutable once built.
type Cells struct {
	N            int
	Padded       int
	Centroids    []float32 // n x padded, rotated
	Norm2        []float32 // square length of each
	Radius       []float32 // largest residual length in each
	MeanResidual []float32 // mean residual norm of each
	Layout                 // of rows
	Rows         []uint32  // row of every position
	RowBytes     []byte    // the same memory, to ask for
	Farthest     float32   // no row is farther than this from the mean
	Filed        bool      // centroids and rows are the memory of a file
	slab         mem.Slab  // holds the arrays that every query reads here and there

	// For routing: the centroids as codes of one bit, and as int8 with a step each.
	Plane  *CentroidPlane
	Coarse []int8
	Step   []float32
	Lean   []float32 // minus <centroid, mean> (cosine and dot): what the order by product lacks
}

// CellsFor is the number of cells of an index of n rows: the greatest power of two up to 4.2 times
// the square root, so between 2.1 and 4.2 times. With few dimensions a scan costs little beside the
// choice of cells: there it is 3 times.
func CellsFor(n, padded int) int {
	times := 4.2
	if padded < 256 {
		times = 3
	}
	want := times * math.Sqrt(float64(n))
	c := 1
	for float64(2*c) <= want {
		c *= 2
	}
	return max(1, min(c, n))
}

// Of returns the cell of a position.
func (c *Cells) Of(pos int) int {
	lo, hi := 0, c.N
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; int(c.First[mid]) <= pos {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// FirstFrom returns the first cell that begins at a block or behind it, N if none does.
func (c *Cells) FirstFrom(block int) int {
	return sort.Search(c.N, func(i int) bool { return int(c.Block[i]) >= block })
}

// Centroid returns the centroid of cell i, rotated and padded.
func (c *Cells) Centroid(i int) []float32 {
	return c.Centroids[i*c.Padded : (i+1)*c.Padded : (i+1)*c.Padded]
}

// Extents returns the section of radius and mean residual norm, cell by cell.
func (c *Cells) Extents() []float32 {
	out := make([]float32, 0, 2*c.N)
	for i := range c.N {
		out = append(out, c.Radius[i], c.MeanResidual[i])
	}
	return out
}

// Admit returns the slots whose rows are set in words of row order.
func (c *Cells) Admit(words []uint32) []uint32 {
	slots := make([]uint32, c.Block[c.N])
	for i := range c.N {
		c.AdmitCell(i, words, slots)
	}
	return slots
}

// AdmitCell is Admit for one cell.
func (c *Cells) AdmitCell(i int, words, slots []uint32) {
	at := int(c.Block[i]) * simd.BlockRows
	for _, row := range c.Rows[c.First[i]:c.First[i+1]] {
		if words[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0 {
			slots[at/simd.BlockRows] |= 1 << (at % simd.BlockRows)
		}
		at++
	}
}

// Routing makes what queries are routed by from the centroids. Dot orders cells by inner product,
// all other metrics by distance. mean is that of the index, not rotated.
//
// Errors: OutOfMemory.
func (c *Cells) Routing(metric column.Metric, mean []float32, rot *rabitq.Rotation) error {
	if err := c.gather(); err != nil {
		return err
	}
	c.RowBytes = arrow.Uint32Traits.CastToBytes(c.Rows)
	middle := make([]float32, c.Padded)
	copy(middle, mean)
	rot.Apply(middle, 1)
	c.Farthest = 0
	order := column.L2
	if metric == column.Dot {
		order = column.Dot
	}
	var err error
	if c.Plane, err = NewCentroidPlane(c.Centroids, c.N, c.Padded, order); err != nil {
		return err
	}
	for i := range c.N {
		x := c.Centroid(i)
		c.Norm2[i] = simd.Norm16(x)
		c.Step[i] = simd.QuantizeInt8(c.Coarse[i*c.Padded:(i+1)*c.Padded], x)
		if metric.Larger() {
			c.Lean[i] = -simd.Dot16(x, middle)
		}
		length := float32(math.Sqrt(float64(c.Norm2[i])))
		c.Farthest = max(c.Farthest, length+c.Radius[i])
	}
	return nil
}

// RoutingOf is Routing for cells of the same centroids as others, under the same metric and mean:
// what depends on these alone is copied.
//
// Errors: OutOfMemory.
func (c *Cells) RoutingOf(other *Cells) error {
	if err := c.gather(); err != nil {
		return err
	}
	c.RowBytes = arrow.Uint32Traits.CastToBytes(c.Rows)
	var err error
	if c.Plane, err = other.Plane.clone(); err != nil {
		c.slab.Free()
		return err
	}
	copy(c.Coarse, other.Coarse)
	copy(c.Norm2, other.Norm2)
	copy(c.Step, other.Step)
	copy(c.Lean, other.Lean)
	c.Farthest = 0
	for i, norm2 := range c.Norm2 {
		c.Farthest = max(c.Farthest, float32(math.Sqrt(float64(norm2)))+c.Radius[i])
	}
	return nil
}

// gather makes one slab, whose pages are large where they can be, for what is made here and for the
// centroids and rows where no file holds them: a query reads a few places in each.
func (c *Cells) gather() (err error) {
	size := c.N*c.Padded + 3*4*c.N
	if !c.Filed {
		size += 4 * (len(c.Centroids) + len(c.Rows))
	}
	if c.slab, err = mem.NewSlab("build", int64(size)); err != nil {
		return err
	}
	rest := c.slab.Mem
	take := func(n int) []byte {
		b := rest[:n:n]
		rest = rest[n:]
		return b
	}
	floats := func(n int) []float32 { return arrow.Float32Traits.CastFromBytes(take(4 * n)) }
	if !c.Filed {
		centroids := floats(len(c.Centroids))
		copy(centroids, c.Centroids)
		c.Centroids = centroids
	}
	c.Coarse = arrow.Int8Traits.CastFromBytes(take(c.N * c.Padded))
	c.Norm2, c.Step, c.Lean = floats(c.N), floats(c.N), floats(c.N)
	if !c.Filed {
		rows := arrow.Uint32Traits.CastFromBytes(take(4 * len(c.Rows)))
		copy(rows, c.Rows)
		c.Rows = rows
	}
	return nil
}

// Bytes counts the memory held for cells.
func (c *Cells) Bytes() int64 {
	floats := len(c.Centroids) + len(c.Norm2) + 2*len(c.Radius) + 2*len(c.Step)
	words := len(c.First) + len(c.Block) + len(c.Rows)
	return 4*int64(floats+words) + int64(len(c.Coarse)) +
		int64(4*len(c.Plane.Alive)) + c.Plane.Bytes()
}

// Free lets go of the memory, some of which may lie in a file that is about to go.
func (c *Cells) Free() {
	if c.Plane != nil {
		c.Plane.Free()
	}
	c.Centroids, c.Rows, c.RowBytes = nil, nil, nil
	c.Coarse, c.Norm2, c.Step, c.Lean = nil, nil, nil, nil
	c.slab.Free()
}
