package segment

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/arrowidx/internal/rabitq"
	"github.com/ruvector/ruvector-arrow/internal/mem"
)

// someCells are n cells of one row each, the last row first.
func someCells(n, padded int) *Cells {
	c := &Cells{N: n, Padded: padded, Centroids: make([]float32, n*padded),
		Radius: make([]float32, n), MeanResidual: make([]float32, n)}
	sizes := make([]uint32, n)
	for i := range n {
		c.Centroids[i*padded+i%padded] = 1
		c.Rows = append(c.Rows, uint32(n-1-i))
		sizes[i] = 1
	}
	c.LayOut(sizes)
	return c
}

// What a query reads here and there lies off the Go heap, in one slab, unless it is a file's.
func TestRoutingGathersWhatQueriesReadInOneSlab(t *testing.T) {
	const n, padded = 300, 64
	for _, filed := range []bool{false, true} {
		c := someCells(n, padded)
		c.Filed = filed
		centroids, rows := c.Centroids, c.Rows
		require.NoError(t, c.Routing(column.Cosine, make([]float32, padded),
			rabitq.NewRotation(padded, 1)))
		require.Equal(t, centroids, c.Centroids)
		require.Equal(t, rows, c.Rows)
		require.Len(t, c.RowBytes, 4*n)
		require.EqualValues(t, 127, c.Coarse[padded+1])
		require.EqualValues(t, 1, c.Norm2[n-1])

		size := n*padded + 3*4*n
		if filed {
			require.Same(t, &centroids[0], &c.Centroids[0], "a file's memory stays")
			require.Same(t, &rows[0], &c.Rows[0])
		} else {
			size += 4*n*padded + 4*n
			centroids[0], rows[0] = 7, 7 // not read any more
			require.EqualValues(t, 1, c.Centroids[0])
			require.EqualValues(t, n-1, c.Rows[0])
		}
		require.Len(t, c.slab.Mem, size, "nothing else lies in it")
		require.EqualValues(t, n*(4*padded+padded+4*(1+2+2+1))+2*4*(n+1)+4*len(c.Plane.Alive),
			c.Bytes()-c.Plane.Bytes(), "all arrays are counted, once")
		c.Free()
		require.Nil(t, c.slab.Mem)
		require.Nil(t, c.Coarse)
	}
}

func TestRoutingWithoutRoomSaysSo(t *testing.T) {
	c := someCells(1, 64)
	c.N = 1 << 40
	require.Error(t, c.gather())
	require.Equal(t, mem.Slab{}, c.slab)
}

// Cells of the same centroids route as if what they route by were made anew, and share no memory.
func TestRoutingOfTheSameCentroidsIsCopied(t *testing.T) {
	const n, padded = 70, 64
	for _, metric := range []column.Metric{column.Cosine, column.Dot, column.L2} {
		mean, rot := make([]float32, padded), rabitq.NewRotation(padded, 1)
		mean[3] = 0.25
		old, want, got := someCells(n, padded), someCells(n, padded), someCells(n, padded)
		require.NoError(t, old.Routing(metric, mean, rot))
		for i := range n {
			want.Radius[i], got.Radius[i] = float32(i)/n, float32(i)/n
		}
		require.NoError(t, want.Routing(metric, mean, rot))
		require.NoError(t, got.RoutingOf(old))
		require.Equal(t, want.Plane.Blocks.Mem, got.Plane.Blocks.Mem)
		require.Equal(t, [2]float32{want.Plane.err, want.Plane.rescale},
			[2]float32{got.Plane.err, got.Plane.rescale})
		require.Equal(t, want.Plane.Alive, got.Plane.Alive)
		require.Equal(t, want.slab.Mem, got.slab.Mem)
		require.Equal(t, want.Farthest, got.Farthest)
		require.Equal(t, want.RowBytes, got.RowBytes)
		bytes := want.Bytes()
		old.Free()
		require.Equal(t, want.Norm2, got.Norm2)
		require.Equal(t, bytes, got.Bytes())
		got.Free()
		want.Free()
	}
}
