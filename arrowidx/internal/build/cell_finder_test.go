package build

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/segment"
)

// likeCells are k cells whose centroids lie around a few points, of one of several lengths.
func likeCells(t *testing.T, r *rand.Rand, k, d, points int, length float32) *segment.Cells {
	c := &segment.Cells{N: k, Padded: d, Radius: make([]float32, k), MeanResidual: make([]float32, k),
		Rows: make([]uint32, k)}
	middle := make([]float32, points*d)
	for i := range middle {
		middle[i] = float32(r.NormFloat64())
	}
	sizes := make([]uint32, k)
	for i := range k {
		sizes[i] = 1
		for j := range d {
			v := middle[i%points*d+j] + 0.2*float32(r.NormFloat64())
			c.Centroids = append(c.Centroids, length*v/float32(d))
		}
	}
	copy(c.Centroids[(k-1)*d:], c.Centroids[:d]) // two that are equal
	clear(c.Centroids[(k-2)*d : (k-1)*d])
	c.LayOut(sizes)
	require.NoError(t, c.Routing(column.L2, make([]float32, d), rabitq.NewRotation(d, 1)))
	return c
}

// The finder that multiplies codes lists every centroid that may be nearest, mostly far fewer than
// all, and chooses the same as the one that multiplies numbers.
func TestCodesOfCentroidsFindTheSameCells(t *testing.T) {
	r := rand.New(rand.NewPCG(750, 1))
	for _, d := range []int{64, 384} {
		for _, length := range []float32{1, 1e-6, 30} {
			const k, n = 600, 200
			c := likeCells(t, r, k, d, 3, length)
			rows := make([]float32, n*d)
			for i := range n {
				from := c.Centroid(r.IntN(k))
				scale := []float32{1, 1, 0.01, 2}[i%4]
				for j := range d {
					rows[i*d+j] = scale*from[j] + 0.1*length/float32(d)*float32(r.NormFloat64())
				}
			}
			clear(rows[:d])
			plain, coded := NewFinder(c.Plane, c.Centroids, c.Norm2), NewFinder(c.Plane, c.Centroids,
				c.Norm2)
			coded.useCodes(c)
			want, got := make([]uint32, n), make([]uint32, n)
			plain.Nearest(rows, n, want)
			coded.Nearest(rows, n, got)
			require.Equal(t, want, got)
			require.GreaterOrEqual(t, coded.longest, float32(0), "some rows were near to many")

			listed := 0
			for i := range n {
				x := rows[i*d : (i+1)*d]
				least := plain.measure(x, want[i])
				near := map[uint32]bool{}
				for _, cell := range coded.nearOfAll(x, least) {
					near[cell] = true
				}
				for cell := range uint32(k) {
					if coded.measure(x, cell) <= least {
						require.True(t, near[cell], "row %d, cell %d", i, cell)
					}
				}
				listed += len(near)
			}
			require.Less(t, listed, n*k/2, "d %d, length %v", d, length)
			c.Free()
		}
	}
}
