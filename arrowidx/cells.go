package arrowidx

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/ruvector/ruvector-arrow/simd"
)

// cells is the coarse structure of an index of kind ivf: centroids, and the order of rows by cell.
//
// A position counts the rows cell by cell, within a cell by row number; a slot counts the lanes of
// blocks, of which every cell has whole ones. Immutable once built.
type cells struct {
	n         int
	padded    int
	centroids []float32 // n x padded, rotated
	ahead     []byte    // the same memory, to ask for
	norm2     []float32 // square length of each
	radius    []float32 // largest residual length in each
	spread    []float32 // mean residual length in each
	first     []uint32  // n+1 positions: cell c holds [first[c], first[c+1])
	block     []uint32  // n+1 blocks: cell c has [block[c], block[c+1])
	rows      []uint32  // row of every position
	reach     float32   // no row is farther than this from the mean

	// For routing: the centroids as codes of one bit, and as int8 with a step each.
	plane  *centroidPlane
	coarse []int8
	step   []float32
	lean   []float32 // minus <centroid, mean> (cosine and dot): what the order by product lacks
}

// cellsFor is the number of cells of an index of n rows: the greatest power of two up to 4.2 times
// the square root, so between 2.1 and 4.2 times. With few dimensions a scan costs little beside the
// choice of cells: there it is 3 times.
func cellsFor(n, padded int) int {
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

// of returns the cell of a position.
func (c *cells) of(pos int) int {
	lo, hi := 0, c.n
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; int(c.first[mid]) <= pos {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

func (c *cells) centroid(i int) []float32 {
	return c.centroids[i*c.padded : (i+1)*c.padded : (i+1)*c.padded]
}

// blocks returns how many blocks the rows of all cells lie in.
func (c *cells) blocks() int { return int(c.block[c.n]) }

// size returns the number of rows in a cell.
func (c *cells) size(i int) int { return int(c.first[i+1] - c.first[i]) }

// sizes returns the number of rows in every cell.
func (c *cells) sizes() []uint32 {
	out := make([]uint32, c.n)
	for i := range out {
		out[i] = uint32(c.size(i))
	}
	return out
}

// extents returns the section of radius and spread, cell by cell.
func (c *cells) extents() []float32 {
	out := make([]float32, 0, 2*c.n)
	for i := range c.n {
		out = append(out, c.radius[i], c.spread[i])
	}
	return out
}

// place lays the cells out from the numbers of rows in each.
func (c *cells) place(sizes []uint32) {
	c.first, c.block = make([]uint32, c.n+1), make([]uint32, c.n+1)
	for i, s := range sizes {
		c.first[i+1] = c.first[i] + s
		c.block[i+1] = c.block[i] + (s+simd.BlockRows-1)/simd.BlockRows
	}
}

// occupied returns the slots that hold a row, a word a block.
func (c *cells) occupied() []uint32 {
	words := make([]uint32, c.block[c.n])
	for i := range c.n {
		size := c.size(i)
		for b := c.block[i]; b < c.block[i+1]; b++ {
			words[b] = lowBits(size)
			size -= simd.BlockRows
		}
	}
	return words
}

// lowBits has the lowest n bits set, all from 32 on.
func lowBits(n int) uint32 {
	if n >= simd.BlockRows {
		return math.MaxUint32
	}
	return 1<<n - 1
}

// admit returns the slots whose rows are set in words of row order.
func (c *cells) admit(words []uint32) []uint32 {
	slots := make([]uint32, c.block[c.n])
	for i := range c.n {
		c.admitCell(i, words, slots)
	}
	return slots
}

// admitCell is admit for one cell.
func (c *cells) admitCell(i int, words, slots []uint32) {
	at := int(c.block[i]) * simd.BlockRows
	for _, row := range c.rows[c.first[i]:c.first[i+1]] {
		if words[row/simd.BlockRows]>>(row%simd.BlockRows)&1 != 0 {
			slots[at/simd.BlockRows] |= 1 << (at % simd.BlockRows)
		}
		at++
	}
}

// routing makes what queries are routed by from the centroids. Dot orders cells by inner product,
// all other metrics by distance. mean is that of the index, not rotated.
func (c *cells) routing(metric Metric, mean []float32, rot *rotation) error {
	c.norm2 = make([]float32, c.n)
	c.ahead = arrow.Float32Traits.CastToBytes(c.centroids)
	c.step, c.lean = make([]float32, c.n), make([]float32, c.n)
	middle := make([]float32, c.padded)
	copy(middle, mean)
	rot.apply(middle, 1)
	c.coarse = make([]int8, c.n*c.padded)
	c.reach = 0
	order := L2
	if metric == Dot {
		order = Dot
	}
	var err error
	if c.plane, err = newCentroidPlane(c.centroids, c.n, c.padded, order); err != nil {
		return err
	}
	for i := range c.n {
		x := c.centroid(i)
		c.norm2[i] = simd.Norm16(x)
		c.step[i] = simd.QuantizeInt8(c.coarse[i*c.padded:(i+1)*c.padded], x)
		if metric.Larger() {
			c.lean[i] = -simd.Dot16(x, middle)
		}
		length := float32(math.Sqrt(float64(c.norm2[i])))
		c.reach = max(c.reach, length+c.radius[i])
	}
	return nil
}

// bytes counts the memory held for cells.
func (c *cells) bytes() int64 {
	floats := len(c.centroids) + len(c.norm2) + 2*len(c.radius) + 2*len(c.step)
	words := len(c.first) + len(c.block) + len(c.rows)
	return 4*int64(floats+words) + int64(len(c.coarse)) +
		int64(4*len(c.plane.alive)) + c.plane.bytes()
}

func (c *cells) free() {
	if c.plane != nil {
		c.plane.free()
	}
	c.centroids, c.ahead, c.rows = nil, nil, nil
}
