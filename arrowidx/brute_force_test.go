package arrowidx_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

var metrics = []arrowidx.Metric{
	arrowidx.Cosine, arrowidx.Dot, arrowidx.L2, arrowidx.SqEuclidean,
}

// problem is a small random task: dimensions 1 to 200, clusters, duplicates and zero rows.
type problem struct {
	d, n, k int
	rows    []float32
	query   []float32
	mask    []byte
}

func randomProblem(r *rand.Rand) problem {
	p := problem{d: 1 + r.IntN(200), n: 1 + r.IntN(120), k: 1 + r.IntN(20)}
	if r.IntN(4) == 0 {
		p.d = 1 + r.IntN(4)
	}
	p.rows = arrowidxtest.Gaussian(r, p.n, p.d)
	if r.IntN(2) == 0 { // integers: many exact ties
		for i := range p.rows {
			p.rows[i] = float32(r.IntN(5) - 2)
		}
	}
	for range r.IntN(p.n) {
		from, to := r.IntN(p.n), r.IntN(p.n)
		copy(p.rows[to*p.d:(to+1)*p.d], p.rows[from*p.d:(from+1)*p.d])
	}
	p.query = arrowidxtest.Gaussian(r, 1, p.d)
	if r.IntN(2) == 0 {
		copy(p.query, p.rows[r.IntN(p.n)*p.d:])
	}
	if r.IntN(3) == 0 {
		p.mask = make([]byte, p.n)
		for i := range p.mask {
			p.mask[i] = byte(r.IntN(2))
		}
	}
	return p
}

func (p problem) admit() func(int) bool {
	if p.mask == nil {
		return nil
	}
	return func(i int) bool { return p.mask[i] != 0 }
}

// With enough candidates measured, ids and order are those of brute force.
func TestAnswersEqualBruteForceOnSmallProblems(t *testing.T) {
	r := arrowidxtest.Rand(t, 1)
	problems := 5000
	if arrowidxtest.Whole() {
		problems = 20_000
	}
	for i := range problems {
		p := randomProblem(r)
		metric := metrics[i%4]
		kind := []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat}[i/4%2]
		col := arrowidxtest.Column(t, p.rows, p.d, 1+r.IntN(3))
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
			Metric: metric, Kind: kind, Bits: 1 + i%9, Seed: uint64(i), Threads: 1,
		})
		require.NoError(t, err)
		out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
			Queries: p.query, NQ: 1, K: p.k, Rerank: -1, Mask: p.mask, Threads: 1,
		})
		want := arrowidxtest.Nearest(metric, p.rows, p.query, p.k, p.admit())
		if diff := arrowidxtest.Differs(want, out, 0, p.k); diff != "" {
			t.Fatalf("problem %d (%s, %s, n=%d, d=%d): %s\n%+v", i, kind, metric, p.n, p.d, diff, plan)
		}
		ix.Close()
		col.Release()
	}
}

// The same on problems large enough that the flat kind scans planes and prunes by bounds.
func TestPrunedScansEqualBruteForce(t *testing.T) {
	r := arrowidxtest.Rand(t, 2)
	for i, d := range []int{8, 40, 100, 128, 200} {
		const n, nq, k = 20_000, 12, 10
		rows := arrowidxtest.Clustered(r, n+nq, d, 50)
		queries := rows[n*d:]
		rows = rows[:n*d]
		copy(rows[100*d:], rows[:50*d]) // duplicates
		col := arrowidxtest.Column(t, rows, d, 2)
		for _, metric := range metrics {
			ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
				Metric: metric, Kind: arrowidx.Flat, Bits: 1 + 2*i, Seed: 7,
			})
			require.NoError(t, err)
			out, plan := arrowidxtest.Search(t, ix, arrowidx.SearchParams{
				Queries: queries, NQ: nq, K: k, Rerank: -1, Epsilon0: 6,
			})
			require.Positive(t, plan.Scanned)
			require.Less(t, plan.Reranked, int64(n*nq/2), "bounds prune")
			for j := range nq {
				q := queries[j*d : (j+1)*d]
				want := arrowidxtest.Nearest(metric, rows, q, k, nil)
				if diff := arrowidxtest.Differs(want, out, j, k); diff != "" {
					t.Fatalf("d=%d %s query %d: %s", d, metric, j, diff)
				}
			}
			ix.Close()
		}
		col.Release()
	}
}

func TestCancelledBuildStops(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 3), 1000, 64)
	col := arrowidxtest.Column(t, rows, 64, 1)
	defer col.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
		_, err := arrowidx.Build(ctx, col, arrowidx.BuildOptions{Kind: kind})
		require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
	}
}
