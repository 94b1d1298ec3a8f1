package arrowidx_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// bytesOf are n rows of d whole numbers from least on, as float32 and as an array.
func bytesOf(
	t testing.TB, number string, least, n, d int,
) ([]float32, arrow.Array) {
	r := arrowidxtest.Rand(t, 300)
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(least + r.IntN(256))
	}
	a := arrowidxtest.Layouts(rows, d, nil)["fixed "+number]
	require.NotNil(t, a)
	return rows, a
}

func TestColumnsOfBytesAnswerAndAreStoredLikeTheirNumbersInFloat32(t *testing.T) {
	const n, d, k = 1500, 33, 10
	for number, least := range map[string]int{"int8": -128, "uint8": 0} {
		rows, a := bytesOf(t, number, least, n, d)
		narrow, wide := arrowidxtest.ColumnOf(t, a), arrowidxtest.Column(t, rows, d, 1)
		queries := append(arrowidxtest.Gaussian(arrowidxtest.Rand(t, 301), 3, d), rows[7*d:9*d]...)
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
			for _, metric := range arrowidxtest.Metrics {
				var files [2][]byte
				var outs [2]arrowidx.SearchOut
				for i, col := range []*arrowidx.Column{narrow, wide} {
					ix, err := arrowidx.Build(t.Context(), col,
						arrowidx.BuildOptions{Kind: kind, Metric: metric})
					require.NoError(t, err)
					files[i] = arrowidxtest.Bytes(t, ix, true)
					outs[i], _ = arrowidxtest.Search(t, ix, arrowidx.SearchParams{
						Queries: queries, NQ: 5, K: k, Rerank: -1})
					ix.Close()
				}
				require.Equal(t, files[1], files[0], "%s %s %s", number, kind, metric)
				require.Empty(t, arrowidxtest.Unequal(outs[1], outs[0]), "%s %s", number, kind)
			}
		}
		narrow.Release()
		wide.Release()
	}
}

func TestColumnsOfBytesAreReadWhereTheyLie(t *testing.T) {
	const n, d = 40, 5
	for number, least := range map[string]int{"int8": -128, "uint8": 0} {
		rows, a := bytesOf(t, number, least, n, d)
		col := arrowidxtest.ColumnOf(t, a)
		require.Equal(t, "fixed_size_list<item: "+number+", nullable>[5]", col.DataType())
		require.EqualValues(t, n*d, col.Bytes(), "a byte a number")
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
			ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind})
			require.NoError(t, err)
			require.EqualValues(t, n*d, ix.Info().BorrowedBytes)
			row := make([]float32, d)
			require.NoError(t, ix.Row(3, row))
			require.Equal(t, rows[3*d:4*d], row)
			memory := a.(*array.FixedSizeList).ListValues().Data().Buffers()[1].Bytes()
			memory[3*d]++ // seen, for nothing was copied
			requireChanged(t, ix.Matrix(make([]float32, n*d), n))
			memory[3*d]--
			require.NoError(t, ix.Matrix(make([]float32, n*d), n))
			ix.Close()
		}
		col.Release()
	}
}

func TestNullBytesAreNamedOrTheirRowsSkipped(t *testing.T) {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Int8)
	for i := range 6 {
		b.Append(true)
		b.ValueBuilder().(*array.Int8Builder).AppendValues(
			[]int8{int8(i), -128}, []bool{true, i != 4})
	}
	col := arrowidxtest.ColumnOf(t, b.NewArray())
	defer col.Release()
	_, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{})
	require.Equal(t, arrowidx.InvalidVector, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "row 4, column 1 holds null")
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
		Metric: arrowidx.L2, Bad: arrowidx.SkipBad})
	require.NoError(t, err)
	defer ix.Close()
	out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
		Queries: []float32{4, -128}, NQ: 1, K: 6, Rerank: -1})
	require.Equal(t, []int64{3, 5, 2, 1, 0}, out.Rows[:out.Counts[0]])
}

// BenchmarkExactScanOfNumberTypes times kind exact on one thread over 100,000 rows of 384 whole
// numbers: one query, and 64 that share each tile of rows.
func BenchmarkExactScanOfNumberTypes(b *testing.B) {
	const n, d, k = 100_000, 384, 10
	r := arrowidxtest.Rand(b, 303)
	rows, queries := make([]float32, n*d), arrowidxtest.Gaussian(r, 64, d)
	for i := range rows {
		rows[i] = float32(r.IntN(128))
	}
	layouts := arrowidxtest.Layouts(rows, d, nil)
	for _, number := range []string{"float32", "float64", "float16", "int8", "uint8"} {
		col := arrowidxtest.ColumnOf(b, layouts["fixed "+number])
		for _, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.L2} {
			ix, err := arrowidx.Build(b.Context(), col,
				arrowidx.BuildOptions{Kind: arrowidx.Exact, Metric: metric})
			require.NoError(b, err)
			for name, nq := range map[string]int{"one": 1, "batch": 64} {
				out := arrowidxtest.Outputs(nq, k)
				b.Run(number+" "+metric.String()+" "+name, func(b *testing.B) {
					for b.Loop() {
						_, err := ix.Search(b.Context(), &arrowidx.SearchParams{
							Queries: queries[:nq*d], NQ: nq, K: k, Rerank: -1, Threads: 1}, &out)
						require.NoError(b, err)
					}
					b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*nq), "us/query")
				})
			}
			ix.Close()
		}
		col.Release()
	}
}
