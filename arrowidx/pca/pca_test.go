package pca

import (
	"context"
	"math"
	rand "math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/column"
	"github.com/ruvector/ruvector-arrow/fault"
)

// pcaColumn makes a column of the rows; nil rows are null.
func pcaColumn(t *testing.T, dim int, rows [][]float32) *column.Column {
	t.Helper()
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, int32(dim),
		arrow.PrimitiveTypes.Float32)
	defer b.Release()
	values := b.ValueBuilder().(*array.Float32Builder)
	for _, row := range rows {
		if row == nil {
			b.AppendNull()
			continue
		}
		b.Append(true)
		values.AppendValues(row, nil)
	}
	a := b.NewArray()
	defer a.Release()
	c, err := column.NewColumn([]arrow.Array{a})
	require.NoError(t, err)
	t.Cleanup(c.Release)
	return c
}

// ellipse draws rows whose axes have the given lengths, turned by the Householder reflection of a
// random vector, about a centre far from zero.
func ellipse(r *rand.Rand, n int, axes []float64) [][]float32 {
	d := len(axes)
	u, norm := make([]float64, d), 0.0
	for i := range u {
		u[i] = r.NormFloat64()
		norm += u[i] * u[i]
	}
	rows := make([][]float32, n)
	for k := range rows {
		x, dot := make([]float64, d), 0.0
		for i := range x {
			x[i] = r.NormFloat64() * axes[i]
			dot += x[i] * u[i]
		}
		rows[k] = make([]float32, d)
		for i := range x {
			rows[k][i] = float32(x[i] - 2*u[i]*dot/norm + 10)
		}
	}
	return rows
}

func variances(out []float32, dims int) []float64 {
	n := len(out) / dims
	sum, square := make([]float64, dims), make([]float64, dims)
	for i, v := range out {
		sum[i%dims] += float64(v)
		square[i%dims] += float64(v) * float64(v)
	}
	for c := range sum {
		mean := sum[c] / float64(n)
		square[c] = square[c]/float64(n) - mean*mean
	}
	return square
}

func TestPCAFindsTheAxesInFallingOrder(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{4000, 7} { // more and fewer rows than dimensions
		rows := ellipse(r, n, []float64{1, 9, 0.1, 3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1})
		out := make([]float32, n*3)
		require.NoError(t, PCA(context.Background(), pcaColumn(t, 10, rows), 3, out))
		v := variances(out, 3)
		require.Greater(t, v[0], v[1], "seed %d", seed)
		require.Greater(t, v[1], v[2], "seed %d", seed)
		if n == 4000 {
			require.InEpsilon(t, 81, v[0], 0.1, "seed %d", seed)
			require.InEpsilon(t, 9, v[1], 0.1, "seed %d", seed)
			require.InEpsilon(t, 1, v[2], 0.1, "seed %d", seed)
		}
	}
}

func TestPCAKeepsDistancesWhenAllComponentsAreKept(t *testing.T) {
	const seed = 6
	r := rand.New(rand.NewPCG(seed, 0))
	rows := ellipse(r, 40, []float64{1, 2, 3, 4})
	out := make([]float32, 40*4)
	require.NoError(t, PCA(context.Background(), pcaColumn(t, 4, rows), 4, out))
	for i := range rows {
		for j := range i {
			a, b := 0.0, 0.0
			for c := range 4 {
				a += math.Pow(float64(rows[i][c]-rows[j][c]), 2)
				b += math.Pow(float64(out[i*4+c]-out[j*4+c]), 2)
			}
			require.InEpsilon(t, a, b, 1e-4, "seed %d", seed)
		}
	}
}

func TestPCAHasOneSignAndIsCentred(t *testing.T) {
	rows := [][]float32{{0, 0}, {1, 2}, {2, 4}, {3, 6}}
	out := make([]float32, 4)
	require.NoError(t, PCA(context.Background(), pcaColumn(t, 2, rows), 1, out))
	step := float32(math.Sqrt(5))
	require.InDeltaSlice(t, []float32{-1.5 * step, -0.5 * step, 0.5 * step, 1.5 * step}, out, 1e-5)
}

func TestPCAOfNullRowsIsNaN(t *testing.T) {
	out := make([]float32, 6)
	col := pcaColumn(t, 2, [][]float32{{0, 1}, nil, {0, 3}})
	require.NoError(t, PCA(context.Background(), col, 2, out))
	require.True(t, math.IsNaN(float64(out[2])) && math.IsNaN(float64(out[3])))
	require.Equal(t, []float32{-1, 0}, out[:2])
	require.Equal(t, []float32{1, 0}, out[4:])
}

func TestPCARefusesWhatItCannotDraw(t *testing.T) {
	col := pcaColumn(t, 2, [][]float32{{0, 1}, {float32(math.NaN()), 1}})
	require.Equal(t, fault.InvalidArgument,
		fault.KindOf(PCA(t.Context(), col, 3, make([]float32, 6))))
	require.Equal(t, fault.InvalidArgument,
		fault.KindOf(PCA(t.Context(), col, 1, make([]float32, 3))))
	err := PCA(context.Background(), col, 1, make([]float32, 2))
	require.Equal(t, fault.InvalidVector, fault.KindOf(err))
	require.Equal(t, int64(1), err.(*fault.Error).Row)
	null := pcaColumn(t, 2, [][]float32{nil})
	require.Equal(t, fault.EmptyIndex,
		fault.KindOf(PCA(t.Context(), null, 1, make([]float32, 1))))
}

// largeEllipse has more dimensions than are decomposed whole, and a few long axes.
func largeEllipse(r *rand.Rand, n int) [][]float32 {
	axes := make([]float64, 400)
	for i := range axes {
		axes[i] = 0.2
	}
	axes[7], axes[300], axes[31] = 5, 3, 2
	return ellipse(r, n, axes)
}

func TestPCAOfManyDimensionsFindsWhatTheWholeDecompositionFinds(t *testing.T) {
	const seed = 8
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{900, 300} { // more and fewer rows than dimensions
		rows := largeEllipse(r, n)
		col := pcaColumn(t, 400, rows)
		mean, centred, err := centredRows(context.Background(), col)
		require.NoError(t, err)
		require.Len(t, mean, 400)
		whole, part := make([]float64, 3*400), make([]float64, 3*400)
		require.NoError(t, principal(context.Background(), centred, 3, whole))
		require.NoError(t, leading(context.Background(), centred, 3, part))
		for i := range whole {
			require.InDelta(t, whole[i], part[i], 1e-3, "seed %d, %d rows", seed, n)
		}
		again := make([]float64, 3*400)
		require.NoError(t, leading(context.Background(), centred, 3, again))
		require.Equal(t, part, again)
		out := make([]float32, n*3)
		require.NoError(t, PCA(context.Background(), col, 3, out))
		require.InEpsilon(t, 25, variances(out, 3)[0], 0.3, "seed %d", seed)
	}
}

func TestPCAOfFlatDataHasZeroComponentsLeft(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 0))
	axes := make([]float64, 300)
	axes[5] = 1
	rows := ellipse(r, 280, axes)
	for i := range rows {
		for j := range rows[i] {
			rows[i][j] = float32(i) // one direction, exactly
		}
	}
	out := make([]float32, 280*3)
	require.NoError(t, PCA(context.Background(), pcaColumn(t, 300, rows), 3, out))
	v := variances(out, 3)
	require.Greater(t, v[0], 1.0)
	require.Less(t, v[1]+v[2], 1e-6)
}

func TestPCAStopsWhenItIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rows := largeEllipse(rand.New(rand.NewPCG(10, 0)), 300)
	for _, dim := range []int{400, 200} { // both ways to decompose
		for i := range rows {
			rows[i] = rows[i][:dim]
		}
		err := PCA(ctx, pcaColumn(t, dim, rows), 2, make([]float32, 600))
		require.Equal(t, fault.Cancelled, fault.KindOf(err))
	}
}
