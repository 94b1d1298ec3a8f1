package arrowidx_test

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

var filterShares = []float64{0.5, 0.1, 0.01, 0.001, 0.0001}

func shareMask(r *rand.Rand, n int, share float64) []byte {
	mask := make([]byte, n)
	mask[r.IntN(n)] = 1 // never empty
	for i := range mask {
		if r.Float64() < share {
			mask[i] = 1
		}
	}
	return mask
}

// k means k: every kind finds the best eligible rows, or all there are, whatever a mask leaves.
func TestKEligibleRowsAreFoundAtEveryShare(t *testing.T) {
	const n, d, nq, k = 12_000, 24, 5, 10
	r := arrowidxtest.Rand(t, 670)
	all := arrowidxtest.Clustered(r, n+nq, d, 60)
	for i := range all { // lengths that differ
		all[i] *= 1 + float32(i/d%7)/4
	}
	f := fixture{rows: all[:n*d], queries: all[n*d:], n: n, d: d}
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for _, metric := range arrowidxtest.Metrics {
			ix, _ := build(t, f.rows, d, arrowidx.BuildOptions{Kind: kind, Metric: metric}, false)
			for _, share := range append([]float64{0.97}, filterShares...) {
				f.checkShare(t, ix, metric, shareMask(r, n, share), k,
					fmt.Sprintf("%s %s %v", kind, metric, share))
			}
			ix.Close()
		}
	}
}

func (f fixture) checkShare(
	t *testing.T, ix *arrowidx.Index, metric arrowidx.Metric, mask []byte, k int, name string,
) {
	t.Helper()
	nq := len(f.queries) / f.d
	p := arrowidx.SearchParams{Queries: f.queries, NQ: nq, K: k, Rerank: -1, Mask: mask}
	plain, plan := arrowidxtest.Search(t, ix, p)
	p.Epsilon0, p.Probes = arrowidxtest.Sure, f.n
	sure, _ := arrowidxtest.Search(t, ix, p)
	p.Queries, p.NQ = f.queries[f.d:2*f.d], 1
	alone, _ := arrowidxtest.Search(t, ix, p)
	require.Empty(t, arrowidxtest.Unequal(arrowidxtest.Part(sure, 1, 1, k), alone), name)
	admit := func(i int) bool { return mask[i] != 0 }
	for i := range nq {
		want := arrowidxtest.Nearest(metric, f.rows, f.queries[i*f.d:(i+1)*f.d], k, admit)
		require.Empty(t, arrowidxtest.Differs(want, sure, i, k), name)
		require.EqualValues(t, min(int64(k), plan.Eligible), plain.Counts[i], name)
		for _, row := range plain.Rows[i*k : i*k+int(plain.Counts[i])] {
			require.True(t, admit(int(row)), name)
		}
	}
}

// Lengths over fifty orders of magnitude leave float32's range: the bounds of gathered rows must
// know. Rows of length zero have cosine 0.
func TestGatheredRowsOfExtremeLengthsAreFoundInOrder(t *testing.T) {
	const n, d, nq, k = 4000, 12, 6, 10
	r := arrowidxtest.Rand(t, 671)
	for _, scale := range []float32{1e-18, 1e-9, 1, 1e9, 1e17} {
		rows, queries := arrowidxtest.Gaussian(r, n, d), arrowidxtest.Gaussian(r, nq, d)
		for i := range rows {
			rows[i] *= scale * []float32{1, 1e-2, 0, 1e-6}[i/d%4]
		}
		for i := range queries {
			queries[i] *= scale * []float32{1, 1e-4, 1e-8}[i/d%3]
		}
		f := fixture{rows: rows, queries: queries, n: n, d: d}
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
			for _, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.Dot, arrowidx.L2} {
				ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: kind, Metric: metric}, false)
				mask := shareMask(r, n, 0.03)
				p := arrowidx.SearchParams{Queries: queries, NQ: nq, K: k, Rerank: -1, Mask: mask}
				out, _ := arrowidxtest.Search(t, ix, p)
				for i := range nq {
					want := arrowidxtest.Nearest(metric, rows, f.queries[i*d:(i+1)*d], k,
						func(i int) bool { return mask[i] != 0 })
					for j, h := range want {
						require.Equal(t, h.Row, out.Rows[i*k+j], "%s %s, scale %v, query %d, place %d",
							kind, metric, scale, i, j)
					}
				}
				ix.Close()
			}
		}
	}
}

// Recall at 10 of kind ivf against the exact search of the eligible rows stays above the target,
// for random masks and for masks of the rows nearest to a row far from the queries.
func TestRecallIsKeptUnderFilters(t *testing.T) {
	t.Parallel()
	const nq, k, target = 300, 10, 0.95
	r := arrowidxtest.Rand(t, 672)
	for _, metric := range []arrowidx.Metric{arrowidx.Cosine, arrowidx.Dot, arrowidx.L2} {
		n, d := 20_000, 64
		if arrowidxtest.Whole() || metric == arrowidx.Cosine && !testing.Short() {
			n, d = 100_000, 384
		}
		all := arrowidxtest.Clustered(r, n+nq, d, 300)
		rows, queries := all[:n*d], all[n*d:]
		exact, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Exact, Metric: metric}, false)
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{
			Kind: arrowidx.IVF, Metric: metric, Recall: target}, false)
		p := arrowidx.SearchParams{Queries: queries, NQ: nq, K: k, Rerank: -1}
		plain, plan := recallBeside(t, exact, ix, p)
		t.Logf("%s: all %.4f (probed %d)", metric, plain, plan.Probed/nq)
		for _, share := range filterShares {
			p.Mask = shareMask(r, n, share)
			random, plan := recallBeside(t, exact, ix, p)
			requireSameAlone(t, ix, p)
			p.Mask = nearMask(t, exact, rows[:d], n, share)
			near, other := recallBeside(t, exact, ix, p)
			t.Logf("%s %v: random %.4f (probed %d), far away %.4f (probed %d)", metric, share, random,
				plan.Probed/nq, near, other.Probed/nq)
			require.GreaterOrEqual(t, random, target-0.01, "%s, random, %v", metric, share)
			if metric != arrowidx.Dot { // its cells are not left out by an angle
				require.Less(t, plan.Probed/nq, plan.Cells/8, "%s, random, %v", metric, share)
			}
			require.GreaterOrEqual(t, near, target-0.01, "%s, far away, %v", metric, share)
		}
		exact.Close()
		ix.Close()
	}
}

// requireSameAlone asks some queries alone and others three at a time, which share no pass.
func requireSameAlone(t *testing.T, ix *arrowidx.Index, p arrowidx.SearchParams) {
	t.Helper()
	all, _ := arrowidxtest.Search(t, ix, p)
	queries, d := p.Queries, len(p.Queries)/p.NQ
	for i := 0; i < 40; i += p.NQ {
		p.NQ = 1 + i%2*2
		p.Queries = queries[i*d : (i+p.NQ)*d]
		some, _ := arrowidxtest.Search(t, ix, p)
		require.Empty(t, arrowidxtest.Unequal(arrowidxtest.Part(all, i, p.NQ, p.K), some), "query %d", i)
	}
}

// nearMask admits the share of rows that are nearest to a row.
func nearMask(t *testing.T, exact *arrowidx.Index, row []float32, n int, share float64) []byte {
	k := max(1, int(share*float64(n)))
	out, _ := arrowidxtest.Search(t, exact, arrowidx.SearchParams{Queries: row, NQ: 1, K: k})
	mask := make([]byte, n)
	for _, row := range out.Rows {
		mask[row] = 1
	}
	return mask
}

func recallBeside(
	t *testing.T, exact, ix *arrowidx.Index, p arrowidx.SearchParams,
) (float64, arrowidx.Plan) {
	want, _ := arrowidxtest.Search(t, exact, p)
	have, plan := arrowidxtest.Search(t, ix, p)
	found, total := 0, 0
	for i := range p.NQ {
		require.Equal(t, want.Counts[i], have.Counts[i])
		truth := map[int64]bool{}
		for j := range int(want.Counts[i]) {
			truth[want.Rows[i*p.K+j]] = true
		}
		for j := range int(have.Counts[i]) {
			if truth[have.Rows[i*p.K+j]] {
				found++
			}
		}
		total += len(truth)
	}
	return float64(found) / float64(total), plan
}

func TestAWarmSearchWithAMaskAllocatesNothing(t *testing.T) {
	// A collection would empty the pool of workspaces, which then grow anew.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	const n, d, k = 20_000, 32, 10
	r := arrowidxtest.Rand(t, 673)
	all := arrowidxtest.Clustered(r, n+8, d, 40)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, _ := build(t, all[:n*d], d, arrowidx.BuildOptions{Kind: kind}, false)
		for _, share := range filterShares {
			for _, size := range []int{1, 8} {
				p := arrowidx.SearchParams{Queries: all[n*d : (n+size)*d], NQ: size, K: k,
					Rerank: -1, Threads: 1, Mask: shareMask(r, n, share)}
				out := arrowidxtest.Outputs(size, k)
				ctx := t.Context()
				allocs := testing.AllocsPerRun(20, func() {
					if _, err := ix.Search(ctx, &p, &out); err != nil {
						t.Fatal(err)
					}
				})
				require.Zero(t, allocs, "%s, %v, %d queries", kind, share, size)
			}
		}
		ix.Close()
	}
}

// Blocks without an eligible row are not scanned and cells without one not visited.
func TestOnlyCellsWithEligibleRowsAreVisited(t *testing.T) {
	const n, d = 20_000, 32
	r := arrowidxtest.Rand(t, 674)
	rows := arrowidxtest.Clustered(r, n, d, 40)
	exact, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.Exact}, false)
	ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: arrowidx.IVF}, false)
	p := arrowidx.SearchParams{Queries: rows[:d], NQ: 1, K: 10, Rerank: -1}
	p.Mask = nearMask(t, exact, rows[d:2*d], n, 0.1)
	_, plan := arrowidxtest.Search(t, ix, p)
	require.LessOrEqual(t, plan.Scanned, plan.Eligible, "other rows are not looked at")
	require.Less(t, plan.Probed, plan.Cells/2, "a tenth of the rows is in few cells")
}
