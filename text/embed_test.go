package text

import (
	"context"
	"math"
	rand "math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
)

func embedAll(t *testing.T, table EmbedTable, ids []uint32, offsets []int64, threads int) (
	[]float32, []byte,
) {
	t.Helper()
	out := make([]float32, (len(offsets)-1)*table.Dim)
	valid := make([]byte, len(offsets)-1)
	require.NoError(t, Embed(context.Background(), table, ids, offsets, out, valid, threads))
	return out, valid
}

func TestEmbedIsTheMeanOfTheTokenRows(t *testing.T) {
	table := EmbedTable{Rows: 3, Dim: 2, Float32: []float32{1, 0, 0, 2, 4, 4}}
	out, valid := embedAll(t, table, []uint32{0, 1, 2, 2}, []int64{0, 2, 2, 4}, 1)
	require.Equal(t, []float32{0.5, 1, 0, 0, 4, 4}, out)
	require.Equal(t, []byte{1, 0, 1}, valid, "a text without tokens is null")
}

func TestEmbedNormalizesToLengthOneAndLeavesZeroAlone(t *testing.T) {
	table := EmbedTable{Rows: 2, Dim: 2, Float32: []float32{3, 4, -3, -4}, Normalize: true}
	out, valid := embedAll(t, table, []uint32{0, 0, 1}, []int64{0, 1, 3}, 1)
	require.Equal(t, []float32{0.6, 0.8, 0, 0}, out)
	require.Equal(t, []byte{1, 1}, valid)
}

func TestEmbedReadsHalfAndSinglePrecisionAlike(t *testing.T) {
	seed := uint64(3)
	r := rand.New(rand.NewPCG(seed, 0))
	const rows, dim = 50, 37
	half, single := make([]uint16, rows*dim), make([]float32, rows*dim)
	for i := range half {
		h := float16.New(float32(r.NormFloat64()))
		half[i], single[i] = h.Uint16(), h.Float32()
	}
	var ids []uint32
	offsets := []int64{0}
	for range 300 {
		for range r.IntN(9) {
			ids = append(ids, uint32(r.IntN(rows)))
		}
		offsets = append(offsets, int64(len(ids)))
	}
	a, av := embedAll(t, EmbedTable{Rows: rows, Dim: dim, Float16: half}, ids, offsets, 1)
	b, bv := embedAll(t, EmbedTable{Rows: rows, Dim: dim, Float32: single}, ids, offsets, 2)
	require.Equal(t, a, b, "seed %d", seed)
	require.Equal(t, av, bv)
	for i := range 300 {
		tokens := ids[offsets[i]:offsets[i+1]]
		for j := range dim {
			want := 0.0
			for _, id := range tokens {
				want += float64(single[int(id)*dim+j])
			}
			want /= math.Max(float64(len(tokens)), 1)
			require.InDelta(t, want, float64(a[i*dim+j]), 1e-6, "seed %d text %d", seed, i)
		}
	}
}

func TestEmbedNamesTheTextOfATokenOutsideTheTable(t *testing.T) {
	table := EmbedTable{Rows: 2, Dim: 1, Float32: []float32{1, 2}}
	err := Embed(context.Background(), table, []uint32{0, 1, 2}, []int64{0, 1, 2, 3},
		make([]float32, 3), make([]byte, 3), 1)
	require.Equal(t, fault.EmbedError, fault.KindOf(err))
	require.Equal(t, int64(2), err.(*fault.Error).Row)
}

func TestEmbedRefusesShapesThatDoNotFit(t *testing.T) {
	table := EmbedTable{Rows: 2, Dim: 2, Float32: make([]float32, 4)}
	short := EmbedTable{Rows: 3, Dim: 2, Float32: make([]float32, 4)}
	for name, c := range map[string]struct {
		table   EmbedTable
		offsets []int64
		out     int
	}{
		"table":             {short, []int64{0, 1}, 2},
		"room":              {table, []int64{0, 1}, 3},
		"shrinking offsets": {table, []int64{1, 0}, 2},
		"negative offsets":  {table, []int64{-1, 1}, 2},
		"offsets past ids":  {table, []int64{0, 3}, 2},
		"no offsets":        {table, nil, 0},
	} {
		err := Embed(context.Background(), c.table, []uint32{0, 1}, c.offsets,
			make([]float32, c.out), make([]byte, max(len(c.offsets)-1, 0)), 1)
		require.Equal(t, fault.InvalidArgument, fault.KindOf(err), name)
	}
}
