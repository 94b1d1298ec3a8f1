package arrowidxtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/simd"
)

// Rand returns a generator for a test and prints the seed with the way to replay it.
func Rand(t testing.TB, seed uint64) *rand.Rand {
	t.Logf("seed %d (replay: go test -run '^%s$')", seed, t.Name())
	return rand.New(rand.NewPCG(seed, 0x9E3779B97F4A7C15))
}

// Gaussian returns n*d independent standard normal numbers.
func Gaussian(r *rand.Rand, n, d int) []float32 {
	x := make([]float32, n*d)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// Sphere returns a random direction.
func Sphere(r *rand.Rand, d int) []float32 {
	x := make([]float32, d)
	norm := 0.0
	for i := range x {
		v := r.NormFloat64()
		x[i], norm = float32(v), norm+v*v
	}
	simd.Scale(x, x, float32(1/math.Sqrt(norm)))
	return x
}

// Clustered returns n rows of d numbers that resemble text embeddings: clusters of unequal size, a
// spectrum that falls as a power law, a mean that is not zero, length one.
func Clustered(r *rand.Rand, n, d, clusters int) []float32 {
	centres := Gaussian(r, clusters, d)
	shift := Gaussian(r, 1, d)
	width := make([]float64, d)
	for j := range width {
		width[j] = math.Pow(float64(j+1), -0.35)
	}
	x := make([]float32, n*d)
	for i := range n {
		u := r.Float64()
		c := int(u * u * float64(clusters))
		row, norm := x[i*d:(i+1)*d], 0.0
		for j := range row {
			v := width[j]*(float64(centres[c*d+j])+0.6*r.NormFloat64()) + 0.3*float64(shift[j])
			row[j] = float32(v)
			norm += v * v
		}
		for j := range row {
			row[j] /= float32(math.Sqrt(norm))
		}
	}
	return x
}

// FixedSizeList wraps rows of d numbers as an Arrow array; valid may be nil.
func FixedSizeList(rows []float32, d int, valid []bool) *array.FixedSizeList {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, int32(d),
		arrow.PrimitiveTypes.Float32)
	defer b.Release()
	values := b.ValueBuilder().(*array.Float32Builder)
	for i := 0; i*d < len(rows); i++ {
		b.Append(valid == nil || valid[i])
		values.AppendValues(rows[i*d:(i+1)*d], nil)
	}
	return b.NewListArray()
}

// Column makes a column of rows of d numbers in the given number of chunks.
func Column(t testing.TB, rows []float32, d, chunks int) *arrowidx.Column {
	t.Helper()
	n := len(rows) / d
	var arrays []arrow.Array
	for i := range chunks {
		arrays = append(arrays, FixedSizeList(rows[i*n/chunks*d:(i+1)*n/chunks*d], d, nil))
	}
	col, err := arrowidx.NewColumn(arrays)
	if err != nil {
		t.Fatal(err)
	}
	return col
}

// Search runs one search with all outputs allocated and fails the test on an error.
func Search(
	t testing.TB, ix *arrowidx.Index, p arrowidx.SearchParams,
) (arrowidx.SearchOut, arrowidx.Plan) {
	t.Helper()
	out := Outputs(p.NQ, p.K)
	plan, err := ix.Search(t.Context(), &p, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out, plan
}

// Outputs allocates the arrays of a search.
func Outputs(nq, k int) arrowidx.SearchOut {
	return arrowidx.SearchOut{
		Rows: make([]int64, nq*k), Scores: make([]float32, nq*k), Counts: make([]int64, nq),
	}
}

// Differs compares query i's answer with the oracle's: the same rows in the same order, scores
// within float32 rounding. It returns "" when they agree.
func Differs(want []Hit, out arrowidx.SearchOut, i, k int) string {
	if int(out.Counts[i]) != len(want) {
		return fmt.Sprintf("%d rows found, want %d", out.Counts[i], len(want))
	}
	for j, h := range want {
		row, score := out.Rows[i*k+j], float64(out.Scores[i*k+j])
		if row != h.Row {
			return fmt.Sprintf("place %d: row %d (%v), want %d (%v)", j, row, score, h.Row, h.Score)
		}
		if math.Abs(score-h.Score) > 1e-6*(1+math.Abs(h.Score)) {
			return fmt.Sprintf("place %d: score %v, want %v", j, score, h.Score)
		}
	}
	return ""
}
