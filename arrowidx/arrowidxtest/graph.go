package arrowidxtest

import (
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx"
)

// GraphOf makes room for k neighbours of n rows.
func GraphOf(n, k int) arrowidx.NeighborsOut {
	return arrowidx.NeighborsOut{SearchOut: Outputs(n, k), Of: make([]int64, n)}
}

// Neighbors asks the index for the k neighbours of all its rows and fails the test on an error.
func Neighbors(
	t testing.TB, ix *arrowidx.Index, p arrowidx.NeighborsParams,
) (arrowidx.NeighborsOut, arrowidx.Plan) {
	t.Helper()
	out := GraphOf(ix.Len(), p.K)
	plan, err := ix.Neighbors(t.Context(), p, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out, plan
}

// Positions makes an Arrow array of row numbers.
func Positions(rows ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(rows, nil)
	return b.NewArray()
}

func (s suite) neighbors(t *testing.T) {
	r := Rand(t, 110)
	for _, n := range []int{0, 1, 2, 3, 33, 600} {
		k := newTask(r, n, 7, 0)
		for _, metric := range Metrics {
			ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: metric})
			for _, most := range []int{0, 1, 6, n, n + 3} {
				if n == 600 && most >= n && metric != arrowidx.Cosine {
					continue
				}
				out, plan := Neighbors(t, ix, arrowidx.NeighborsParams{K: most, Epsilon0: Sure,
					Probes: math.MaxInt32})
				if out.N != n || most > 0 && plan.Queries != int64(n) {
					t.Fatalf("%d rows, %d queries, want %d", out.N, plan.Queries, n)
				}
				k.checkGraph(t, metric, out, most)
			}
			ix.Close()
		}
	}
}

// checkGraph compares a graph of all rows with brute force.
func (k task) checkGraph(
	t testing.TB, metric arrowidx.Metric, out arrowidx.NeighborsOut, most int,
) {
	t.Helper()
	for i := range k.n {
		want := Nearest(metric, k.rows, k.row(i), most, func(row int) bool { return row != i })
		if diff := Differs(want, out.SearchOut, i, most); diff != "" || out.Of[i] != int64(i) {
			t.Fatalf("%s n=%d k=%d row %d, said to be %d: %s", metric, k.n, most, i, out.Of[i], diff)
		}
	}
}

// like asks with rows, some of them twice, with and without a filter that leaves them out.
func (s suite) like(t *testing.T) {
	r := Rand(t, 111)
	k := newTask(r, 2100, 9, 0)
	mask := make([]byte, k.n)
	for i := range mask {
		mask[i] = byte(r.IntN(2))
	}
	asked := []int64{5, 0, 2099, 5, 77, 78}
	for _, metric := range Metrics {
		ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: metric})
		for _, most := range []int{0, 1, 8, k.n, k.n + 1} {
			p := k.params(most)
			p.Queries, p.NQ, p.Like = nil, len(asked), Positions(asked...)
			for _, filter := range [][]byte{nil, mask} {
				p.Mask = filter
				out, _ := Search(t, ix, p)
				for i, row := range asked {
					want := Nearest(metric, k.rows, k.row(int(row)), most, func(j int) bool {
						return j != int(row) && (filter == nil || filter[j] != 0)
					})
					if diff := Differs(want, out, i, most); diff != "" {
						t.Fatalf("%s k=%d row %d: %s", metric, most, row, diff)
					}
				}
			}
		}
		ix.Close()
	}
}

func (s suite) diverse(t *testing.T) {
	r := Rand(t, 112)
	k := newTask(r, 1900, 10, 5)
	for _, metric := range Metrics {
		ix := s.index(t, k, 1, arrowidx.BuildOptions{Metric: metric})
		for _, most := range []int{0, 1, 7, 30} {
			for _, diversity := range []float64{1e-9, 0.3, 0.5, 1} {
				p := k.params(most)
				p.Diversity = diversity
				out, _ := Search(t, ix, p)
				for i := range k.nq {
					near := Nearest(metric, k.rows, k.query(i), max(4*most, 64), nil)
					want := Diverse(metric, k.rows, k.query(i), near, most, diversity)
					if diff := Differs(want, out, i, most); diff != "" {
						t.Fatalf("%s k=%d diversity %v query %d: %s", metric, most, diversity, i, diff)
					}
				}
			}
		}
		ix.Close()
	}
}

// Diverse chooses k of the hits by maximal marginal relevance (Carbonell and Goldstein 1998).
func Diverse(
	metric arrowidx.Metric, rows, q []float32, near []Hit, k int, diversity float64,
) []Hit {
	row := func(i int64) []float32 { return rows[int(i)*len(q) : int(i+1)*len(q)] }
	sign := -1.0
	if metric.Larger() {
		sign = 1
	}
	return DiverseBy(near, k, diversity,
		func(a int64) float64 { return sign * Score(metric, row(a), q) },
		func(a, b int64) float64 { return sign * Score(metric, row(a), row(b)) })
}

// DiverseBy is Diverse for any similarity, of a row to the query and of two rows.
func DiverseBy(
	near []Hit, k int, diversity float64, asked func(int64) float64, alike func(a, b int64) float64,
) []Hit {
	var chosen []Hit
	left := append([]Hit(nil), near...)
	for len(chosen) < k && len(left) > 0 {
		best, most := 0, math.Inf(-1)
		for i, h := range left {
			if len(chosen) == 0 {
				break // the nearest is the first
			}
			nearest := math.Inf(-1)
			for _, c := range chosen {
				nearest = max(nearest, alike(h.Row, c.Row))
			}
			if v := (1-diversity)*asked(h.Row) - diversity*nearest; v > most {
				best, most = i, v
			}
		}
		chosen = append(chosen, left[best])
		left = append(left[:best], left[best+1:]...)
	}
	return chosen
}
