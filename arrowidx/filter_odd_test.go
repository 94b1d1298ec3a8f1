package arrowidx_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// listsAfterNulls is the rows as lists behind so many null rows, which take no room: in a chunk of
// their own, or in the first one.
func listsAfterNulls(rows []float32, d, nulls int, apart bool) []arrow.Array {
	var chunks []arrow.Array
	b := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
	for range nulls {
		b.AppendNull()
	}
	if apart {
		chunks = append(chunks, b.NewArray())
	}
	for i := 0; i < len(rows); i += d {
		b.Append(true)
		b.ValueBuilder().(*array.Float32Builder).AppendValues(rows[i:i+d], nil)
	}
	return append(chunks, b.NewArray())
}

// Null rows in front tell nothing about where rows lie: filters find what they find without them,
// before and after rows were deleted and the index compacted.
func TestFiltersFindRowsBehindNullRows(t *testing.T) {
	const n, d, k, nulls = 5000, 40, 5, 3
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 730), n, d, 30)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for _, metric := range arrowidxtest.Metrics {
			for _, apart := range []bool{false, true} {
				col, err := arrowidx.NewColumn(listsAfterNulls(rows, d, nulls, apart))
				require.NoError(t, err)
				ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
					Kind: kind, Metric: metric, Nulls: arrowidx.SkipNulls})
				require.NoError(t, err)
				col.Release()
				allowed := array.NewUint64Builder(memory.DefaultAllocator)
				for id := uint64(100); id < 300; id++ {
					allowed.Append(id)
				}
				ids := allowed.NewArray()
				query := rows[150*d : 151*d]
				want := arrowidxtest.Nearest(metric, rows, query, k, func(row int) bool {
					return row+nulls >= 100 && row+nulls < 300
				})
				for turn := range 2 {
					for range 3 {
						out, _ := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
							Queries: query, NQ: 1, K: k, Rerank: -1, IDs: ids})
						for i, h := range want {
							require.Equal(t, fmt.Sprint(h.Row+nulls), out.IDs.Name(out.Rows[i]),
								"%s %s, apart %v, compacted %v", kind, metric, apart, turn == 1)
						}
					}
					gone := array.NewUint64Builder(memory.DefaultAllocator)
					gone.Append(7)
					_, err = ix.Delete(gone.NewArray(), true)
					require.NoError(t, err)
					require.NoError(t, ix.Compact(t.Context(), 0))
				}
				ix.Close()
			}
		}
	}
}

// A filter that is a category leaves out all rows around some queries and none around others:
// recall is kept for both, for one neighbour and for ten.
func TestRecallIsKeptInAndOutsideACategory(t *testing.T) {
	t.Parallel()
	const n, d, clusters, nq, target = 60_000, 48, 600, 400, 0.95
	r := arrowidxtest.Rand(t, 731)
	rows, label := labelled(r, n+nq, d, clusters)
	queries := rows[n*d:]
	for _, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.Dot, arrowidx.L2} {
		ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{
			Kind: arrowidx.IVF, Metric: metric, Recall: target}, false)
		exact, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{
			Kind: arrowidx.Exact, Metric: metric}, false)
		for _, share := range []float64{0.5, 0.2} {
			mask := make([]byte, n)
			for i := range mask {
				if float64(label[i]) < share*clusters {
					mask[i] = 1
				}
			}
			for _, k := range []int{1, 10} {
				p := arrowidx.SearchParams{Queries: queries, NQ: nq, K: k, Rerank: -1, Mask: mask}
				want, _ := arrowidxtest.Search(t, exact, p)
				have, _ := arrowidxtest.Search(t, ix, p)
				var found, total [2]int
				for q := range nq {
					in := 0
					if float64(label[n+q]) < share*clusters {
						in = 1
					}
					total[in] += k
					found[in] += common(want.Rows[q*k:(q+1)*k], have.Rows[q*k:(q+1)*k])
				}
				for in, name := range []string{"outside", "inside"} {
					recall := float64(found[in]) / float64(total[in])
					t.Logf("%s, share %v, k %d, %s: %.3f", metric, share, k, name, recall)
					deviation := math.Sqrt(target * (1 - target) / float64(total[in]))
					require.GreaterOrEqual(t, recall, target-2*deviation, "%s, share %v, k %d, %s",
						metric, share, k, name)
				}
			}
		}
		ix.Close()
		exact.Close()
	}
}

// labelled is rows around centres whose neighbours outside their own cluster lie in all directions.
func labelled(r *rand.Rand, n, d, clusters int) (rows []float32, label []int) {
	centres := arrowidxtest.Gaussian(r, clusters, d)
	rows, label = arrowidxtest.Gaussian(r, n, d), make([]int, n)
	for i := range label {
		label[i] = r.IntN(clusters)
		for j := range d {
			rows[i*d+j] = centres[label[i]*d+j] + 0.8*rows[i*d+j]
		}
	}
	return rows, label
}

func common(a, b []int64) int {
	n := 0
	for _, x := range a {
		for _, y := range b {
			if x == y {
				n++
			}
		}
	}
	return n
}

// One row that is much longer than all others sets the scale: what is left of the distances between
// these lies below float32's normal numbers, and is found in order all the same.
func TestOneLongRowDoesNotBlurShortOnesUnderAFilter(t *testing.T) {
	const n, nq, k = 4000, 6, 5
	for _, d := range []int{8, 64} {
		for _, metric := range []arrowidx.Metric{arrowidx.L2, arrowidx.SqEuclidean} {
			r := arrowidxtest.Rand(t, 732)
			base, rows := arrowidxtest.Gaussian(r, 1, d), arrowidxtest.Gaussian(r, n+nq, d)
			for i := range rows {
				rows[i] = base[i%d]*1e-9 + rows[i]*1e-14
			}
			for j := range d {
				rows[j] = 5e8 / float32(d)
			}
			ix, _ := build(t, rows[:n*d], d, arrowidx.BuildOptions{
				Kind: arrowidx.Flat, Metric: metric}, false)
			mask := make([]byte, n)
			for i := 1; i <= 200; i++ {
				mask[i*19] = 1
			}
			for turn := range 3 {
				p := arrowidx.SearchParams{Queries: rows[n*d:], NQ: nq, K: k, Rerank: -1, Mask: mask}
				out, _ := arrowidxtest.Search(t, ix, p)
				for q := range nq {
					want := arrowidxtest.Nearest(metric, rows[:n*d], rows[(n+q)*d:(n+q+1)*d], k,
						func(row int) bool { return mask[row] != 0 })
					for i, h := range want {
						require.EqualValues(t, h.Row, out.Rows[q*k+i], "d %d, %s, query %d, use %d", d,
							metric, q, turn)
					}
				}
			}
			ix.Close()
		}
	}
}
