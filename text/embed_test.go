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
	tokens := Tokens{IDs: ids, Offsets: offsets}
	require.NoError(t, Embed(context.Background(), table, tokens, out, valid, threads))
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
	tokens := Tokens{IDs: []uint32{0, 1, 2}, Offsets: []int64{0, 1, 2, 3}}
	err := Embed(context.Background(), table, tokens, make([]float32, 3), make([]byte, 3), 1)
	require.Equal(t, fault.EmbedError, fault.KindOf(err))
	require.Equal(t, int64(2), err.(*fault.Error).Row)
}

func TestEmbedRefusesShapesThatDoNotFit(t *testing.T) {
	table := EmbedTable{Rows: 2, Dim: 2, Float32: make([]float32, 4)}
	short := EmbedTable{Rows: 3, Dim: 2, Float32: make([]float32, 4)}
	both := EmbedTable{Rows: 2, Dim: 2, Float32: make([]float32, 2), Int8: make([]int8, 2)}
	for name, c := range map[string]struct {
		table   EmbedTable
		offsets []int64
		out     int
		weights []float64
	}{
		"table":             {short, []int64{0, 1}, 2, nil},
		"two tables":        {both, []int64{0, 1}, 2, nil},
		"room":              {table, []int64{0, 1}, 3, nil},
		"shrinking offsets": {table, []int64{1, 0}, 2, nil},
		"negative offsets":  {table, []int64{-1, 1}, 2, nil},
		"offsets past ids":  {table, []int64{0, 3}, 2, nil},
		"no offsets":        {table, nil, 0, nil},
		"weights":           {table, []int64{0, 1}, 2, []float64{1}},
	} {
		tokens := Tokens{IDs: []uint32{0, 1}, Offsets: c.offsets, Weights: c.weights}
		err := Embed(context.Background(), c.table, tokens, make([]float32, c.out),
			make([]byte, max(len(c.offsets)-1, 0)), 1)
		require.Equal(t, fault.InvalidArgument, fault.KindOf(err), name)
	}
}

func TestEmbedTakesRowsTimesTheirWeightsOverTheNumberOfTokens(t *testing.T) {
	table := EmbedTable{Rows: 3, Dim: 2, Int8: []int8{1, -128, 0, 127, 4, 4}}
	tokens := Tokens{IDs: []uint32{0, 1, 2, 0}, Offsets: []int64{0, 2, 3, 4, 4},
		Weights: []float64{0.5, 2, 0, 1}}
	out, valid := make([]float32, 8), make([]byte, 4)
	require.NoError(t, Embed(context.Background(), table, tokens, out, valid, 2))
	require.Equal(t, []float32{0.25, 95, 0, 0, 1, -128, 0, 0}, out)
	require.Equal(t, []byte{1, 1, 1, 0}, valid, "a weight of 0 does not make a text empty")
}
