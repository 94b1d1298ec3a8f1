package arrowidx_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// grouping is a set of rows in groups, with queries.
type grouping struct {
	d, rows, nq int
	data        []float32
	queries     []float32
	groups      []uint32
	n           int
}

// newGrouping draws rows and puts them into n groups of unequal size, some into none.
func newGrouping(r *rand.Rand, rows, d, nq, n int) grouping {
	all := arrowidxtest.Clustered(r, rows+nq, d, 12)
	g := grouping{d: d, rows: rows, nq: nq, n: n, data: all[:rows*d], queries: all[rows*d:]}
	for range rows / 10 { // ties
		from, to := r.IntN(rows), r.IntN(rows)
		copy(g.data[to*d:(to+1)*d], g.data[from*d:(from+1)*d])
	}
	g.groups = make([]uint32, rows)
	for i := range g.groups {
		u := r.Float64()
		g.groups[i] = uint32(u * u * float64(n))
		if r.IntN(20) == 0 {
			g.groups[i] = arrowidx.NoGroup
		}
	}
	return g
}

func (g grouping) query(i int) []float32 { return g.queries[i*g.d : (i+1)*g.d] }

func (g grouping) build(
	t testing.TB, kind arrowidx.Kind, bits int, metric arrowidx.Metric,
) *arrowidx.Index {
	t.Helper()
	col := arrowidxtest.Column(t, g.data, g.d, 3)
	defer col.Release()
	ix, err := arrowidx.Build(t.Context(), col,
		arrowidx.BuildOptions{Kind: kind, Bits: bits, Metric: metric})
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix
}

func (g grouping) params(k int) arrowidx.SearchParams {
	return arrowidx.SearchParams{Queries: g.queries, NQ: g.nq, K: k, Rerank: -1,
		Epsilon0: arrowidxtest.Sure}
}

// search returns the answers, laid out as those of nq*n queries.
func (g grouping) search(
	t testing.TB, ix *arrowidx.Index, p arrowidx.SearchParams,
) (arrowidx.SearchOut, arrowidx.Plan) {
	t.Helper()
	out := arrowidxtest.Outputs(p.NQ*g.n, p.K)
	plan, err := ix.SearchGroups(t.Context(), &p, g.groups, g.n, &out)
	require.NoError(t, err)
	return out, plan
}

// check compares with brute force over every group's rows that admit lets through.
func (g grouping) check(
	t testing.TB, metric arrowidx.Metric, out arrowidx.SearchOut, k int, admit func(int) bool,
) {
	t.Helper()
	for i := range g.nq {
		for group := range g.n {
			want := arrowidxtest.Nearest(metric, g.data, g.query(i), k, func(row int) bool {
				return g.groups[row] == uint32(group) && (admit == nil || admit(row))
			})
			diff := arrowidxtest.Differs(want, out, i*g.n+group, k)
			require.Empty(t, diff, "%s: query %d, group %d of %d", metric, i, group, g.n)
		}
	}
}

// groupKinds are the kinds and bits that groups are tested with.
var groupKinds = []struct {
	kind arrowidx.Kind
	bits int
}{{arrowidx.Exact, 0}, {arrowidx.Flat, 1}, {arrowidx.Flat, 5}, {arrowidx.Flat, 8},
	{arrowidx.IVF, 1}, {arrowidx.IVF, 5}}

func eachGroupKind(t *testing.T, run func(t *testing.T, kind arrowidx.Kind, bits int)) {
	for _, c := range groupKinds {
		t.Run(fmt.Sprintf("%s of %d bits", c.kind, c.bits), func(t *testing.T) {
			run(t, c.kind, c.bits)
		})
	}
}

func TestEveryGroupGetsItsNearestRows(t *testing.T) {
	t.Parallel()
	eachGroupKind(t, func(t *testing.T, kind arrowidx.Kind, bits int) {
		r := arrowidxtest.Rand(t, 200)
		for _, metric := range arrowidxtest.Metrics {
			for i, n := range []int{1, 2, 7, 40, 400} {
				if !arrowidxtest.Whole() && (i+int(metric)+bits)%2 != 0 {
					continue
				}
				g := newGrouping(r, 2500, 17, 3, n)
				ix := g.build(t, kind, bits, metric)
				for _, k := range []int{1, 6} {
					out, plan := g.search(t, ix, g.params(k))
					g.check(t, metric, out, k, nil)
					require.True(t, plan.Exact)
					require.Equal(t, int64(g.nq), plan.Certified, "%d groups: %+v", n, plan)
				}
				ix.Close()
			}
		}
	})
}

func TestGroupsObeyFilters(t *testing.T) {
	eachGroupKind(t, func(t *testing.T, kind arrowidx.Kind, bits int) {
		r := arrowidxtest.Rand(t, 201)
		g := newGrouping(r, 4000, 12, 3, 9)
		ix := g.build(t, kind, bits, arrowidx.L2)
		for _, share := range []float64{0, 0.001, 0.1, 0.6, 1} {
			p := g.params(4)
			p.Mask = make([]byte, g.rows)
			rows := []int64{}
			for i := range p.Mask {
				if r.Float64() < share {
					p.Mask[i], rows = 1, append(rows, int64(i))
				}
			}
			byMask, plan := g.search(t, ix, p)
			g.check(t, arrowidx.L2, byMask, 4, func(row int) bool { return p.Mask[row] != 0 })
			eligible := 0
			for _, row := range rows {
				if g.groups[row] != arrowidx.NoGroup {
					eligible++
				}
			}
			require.Equal(t, int64(eligible), plan.Eligible)
			p.Mask, p.Rows = nil, rows
			byRows, _ := g.search(t, ix, p)
			require.Empty(t, arrowidxtest.Unequal(byMask, byRows))
			p.Rows, p.IDs = nil, idArray(arrowidx.IDInt64, rows)
			byIDs, _ := g.search(t, ix, p)
			require.Empty(t, arrowidxtest.Unequal(byMask, byIDs))
		}
	})
}

func TestEmptyGroupsAndGroupsSmallerThanKHaveWhatThereIs(t *testing.T) {
	eachGroupKind(t, func(t *testing.T, kind arrowidx.Kind, bits int) {
		r := arrowidxtest.Rand(t, 202)
		g := newGrouping(r, 900, 8, 3, 30)
		for i := range g.groups {
			if g.groups[i]%3 == 0 {
				g.groups[i] = arrowidx.NoGroup
			}
		}
		ix := g.build(t, kind, bits, arrowidx.Cosine)
		for _, k := range []int{0, 1, 50, 2000} {
			out, _ := g.search(t, ix, g.params(k))
			g.check(t, arrowidx.Cosine, out, k, nil)
			for cell, count := range out.Counts {
				for j := int(count); j < k; j++ {
					require.Equal(t, int64(-1), out.Rows[cell*k+j])
					require.True(t, math.IsNaN(float64(out.Scores[cell*k+j])))
				}
			}
		}
		for i := range g.groups {
			g.groups[i] = arrowidx.NoGroup
		}
		out, plan := g.search(t, ix, g.params(3))
		g.check(t, arrowidx.Cosine, out, 3, nil)
		require.Zero(t, plan.Eligible)
		g.n = 0
		_, _ = g.search(t, ix, g.params(3))
	})
}

// With estimates and narrow bounds the answers are those of chance, but always the same.
func TestAnswersInGroupsDoNotDependOnThreadsOrTheBatch(t *testing.T) {
	eachGroupKind(t, func(t *testing.T, kind arrowidx.Kind, bits int) {
		g := newGrouping(arrowidxtest.Rand(t, 203), 3000, 40, 37, 11)
		ix := g.build(t, kind, bits, arrowidx.Dot)
		for _, rerank := range []int{-1, 0, 12} {
			p := g.params(4)
			p.Rerank, p.Threads, p.Epsilon0 = rerank, 1, 1
			p.Estimates = rerank == 0
			want, _ := g.search(t, ix, p)
			for _, threads := range []int{2, 3} {
				p.Threads = threads
				got, _ := g.search(t, ix, p)
				require.Empty(t, arrowidxtest.Unequal(want, got), "%d threads", threads)
			}
			for _, size := range []int{1, 3, 4, 9} {
				for from := 0; from+size <= g.nq; from += size {
					part := p
					part.Queries, part.NQ = g.queries[from*g.d:(from+size)*g.d], size
					got, _ := g.search(t, ix, part)
					have := arrowidxtest.Part(want, from*g.n, size*g.n, 4)
					require.Empty(t, arrowidxtest.Unequal(have, got), "queries from %d", from)
				}
			}
		}
	})
}

func TestEstimatesInGroupsAreThoseOfSearchesAmongTheirRows(t *testing.T) {
	r := arrowidxtest.Rand(t, 204)
	for _, c := range groupKinds[1:] {
		g := newGrouping(r, 3000, 30, 3, 6)
		ix := g.build(t, c.kind, c.bits, arrowidx.Cosine)
		ix.Detach()
		const k = 5
		out, plan := g.search(t, ix, g.params(k))
		require.False(t, plan.Exact)
		for i := range g.nq {
			for group := range g.n {
				p := g.params(k)
				p.Queries, p.NQ, p.Probes = g.query(i), 1, math.MaxInt32
				p.Mask = make([]byte, g.rows)
				for row, in := range g.groups {
					if in == uint32(group) {
						p.Mask[row] = 1
					}
				}
				want, _ := arrowidxtest.Search(t, ix, p)
				require.Empty(t, arrowidxtest.Unequal(want,
					arrowidxtest.Part(out, i*g.n+group, 1, k)), "%s of %d bits", c.kind, c.bits)
			}
		}
	}
}

// More rows than one shard has, so that what shards found is joined.
func TestGroupsAreJoinedOverShards(t *testing.T) {
	t.Parallel()
	r := arrowidxtest.Rand(t, 205)
	g := newGrouping(r, 150_000, 3, 1, 5)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix := g.build(t, kind, 0, arrowidx.L2)
		out, _ := g.search(t, ix, g.params(7))
		g.check(t, arrowidx.L2, out, 7, nil)
		p := g.params(7)
		p.Recall, p.Epsilon0 = 1, 0 // every row is measured
		out, _ = g.search(t, ix, p)
		g.check(t, arrowidx.L2, out, 7, nil)
		ix.Close()
	}
}

func TestZeroAndFarQueriesFindTheirGroupsToo(t *testing.T) {
	eachGroupKind(t, func(t *testing.T, kind arrowidx.Kind, bits int) {
		g := newGrouping(arrowidxtest.Rand(t, 206), 2000, 9, 5, 4)
		clear(g.query(1))
		for j := range g.query(3) {
			g.query(3)[j] *= 1e5
		}
		for _, metric := range arrowidxtest.Metrics {
			ix := g.build(t, kind, bits, metric)
			out, _ := g.search(t, ix, g.params(3))
			g.check(t, metric, out, 3, nil)
			ix.Close()
		}
	})
}

func TestRowsWithoutAVectorAreInNoGroup(t *testing.T) {
	g := newGrouping(arrowidxtest.Rand(t, 207), 1500, 6, 3, 3)
	valid := make([]bool, g.rows)
	for i := range valid {
		valid[i] = i%4 != 1
	}
	for _, c := range groupKinds {
		col := arrowidxtest.ColumnOf(t, arrowidxtest.FixedSizeList(g.data, g.d, valid))
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: c.kind,
			Bits: c.bits, Metric: arrowidx.L2, Nulls: arrowidx.SkipNulls})
		require.NoError(t, err)
		col.Release()
		out, _ := g.search(t, ix, g.params(4))
		g.check(t, arrowidx.L2, out, 4, func(row int) bool { return valid[row] })
		ix.Close()
	}
}

func TestGroupsThatDoNotFitAreRefused(t *testing.T) {
	g := newGrouping(arrowidxtest.Rand(t, 208), 500, 5, 2, 3)
	ix := g.build(t, arrowidx.Flat, 0, arrowidx.Cosine)
	ask := func(p arrowidx.SearchParams, groups []uint32, n, room int) *arrowidx.Error {
		out := arrowidxtest.Outputs(room, p.K)
		_, err := ix.SearchGroups(t.Context(), &p, groups, n, &out)
		var e *arrowidx.Error
		require.ErrorAs(t, err, &e)
		return e
	}
	p := g.params(2)
	require.Equal(t, arrowidx.InvalidArgument, ask(p, g.groups[1:], 3, 6).Kind)
	require.Equal(t, arrowidx.InvalidArgument, ask(p, g.groups, -1, 6).Kind)
	require.Equal(t, arrowidx.InvalidArgument, ask(p, g.groups, 3, 5).Kind)
	wrong := append([]uint32{}, g.groups...)
	wrong[77] = 3
	e := ask(p, wrong, 3, 6)
	require.Equal(t, int64(77), e.Row)
	require.Contains(t, e.Error(), "row 77 is in group 3 of 3")
	large := p
	large.K = math.MaxInt / 90
	out := arrowidxtest.Outputs(0, 0)
	_, err := ix.SearchGroups(t.Context(), &large, g.groups, 3, &out)
	require.Equal(t, arrowidx.LimitExceeded, arrowidx.KindOf(err))
	like, diverse := p, p
	like.Like, diverse.Diversity = idArray(arrowidx.IDInt64, []int64{1, 2}), 0.5
	require.Equal(t, arrowidx.InvalidArgument, ask(like, g.groups, 3, 6).Kind)
	require.Equal(t, arrowidx.InvalidArgument, ask(diverse, g.groups, 3, 6).Kind)
	short := p
	short.Queries = p.Queries[1:]
	require.Equal(t, arrowidx.DimensionMismatch, ask(short, g.groups, 3, 6).Kind)
	bad := p
	bad.Queries = append([]float32{}, p.Queries...)
	bad.Queries[7] = float32(math.NaN())
	e = ask(bad, g.groups, 3, 6)
	require.Equal(t, [2]int64{1, 2}, [2]int64{e.Row, e.Column})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out = arrowidxtest.Outputs(6, 2)
	_, err = ix.SearchGroups(ctx, &p, g.groups, 3, &out)
	require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err))
	_, err = ix.Delete(idArray(arrowidx.IDInt64, []int64{5}), false)
	require.NoError(t, err)
	require.Contains(t, ask(p, g.groups, 3, 6).Error(), "rows were added or deleted")
	ix.Close()
	require.Equal(t, arrowidx.IndexClosed, ask(p, g.groups, 3, 6).Kind)
}
