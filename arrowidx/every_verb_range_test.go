package arrowidx_test

import (
	"math"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// askWithin asks for the rows up to one in the middle.
func (b *book) askWithin(queries []entry) {
	want := b.nearest(queries[0], nil)
	if len(want) == 0 {
		return
	}
	last := len(want) / 2
	for !b.metric.Binary() && last+1 < len(want) &&
		math.Abs(want[last].score-want[last+1].score) < 1e-5*(1+math.Abs(want[last].score)) {
		last++
	}
	threshold := want[last].score
	if last+1 < len(want) && !b.metric.Binary() {
		threshold = (threshold + want[last+1].score) / 2
	}
	p := arrowidx.WithinParams{Queries: queries[0].x, Bits: queries[0].bits, NQ: 1, Threads: 1}
	if b.metric.Larger() {
		if last+1 == len(want) {
			threshold = math.Inf(-1)
		}
		p.MinSimilarity = &threshold
	} else {
		if last+1 == len(want) {
			threshold = math.Inf(1)
		}
		p.MaxDistance = &threshold
	}
	got := within(b.t, b.ix, p)
	last = 0
	for last < len(want) && b.admits(threshold, float32(want[last].score)) {
		last++
	}
	if b.estimated() {
		for _, score := range got.scores[0] {
			require.True(b.t, b.admits(threshold, score))
		}
		if last = len(got.rows[0]); last > len(want) {
			b.t.Fatalf("%d rows of %d are within", last, len(want))
		}
	}
	b.same("within", want[:last], b.ix.IDs(), queries[0], got.rows[0], got.scores[0])
}

// admits reports whether a score is within a threshold.
func (b *book) admits(threshold float64, score float32) bool {
	if b.metric.Larger() {
		return score >= float32(threshold)
	}
	return score <= float32(threshold)
}

// askGroups asks for the best rows of three groups, if rows have an order.
func (b *book) askGroups(queries []entry) {
	const n, k = 3, 2
	groups := make([]uint32, len(b.rows))
	for i := range groups {
		groups[i] = uint32(i * 7 % n)
	}
	p := b.request(queries, k)
	out := arrowidxtest.Outputs(len(queries)*n, k)
	_, err := b.ix.SearchGroups(b.t.Context(), &p, groups, n, &out)
	if b.ix.Info().Changed {
		require.Equal(b.t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%v", err)
		return
	}
	require.NoError(b.t, err)
	for i, q := range queries {
		for g := range n {
			want := b.nearest(q, func(at int) bool { return groups[at] == uint32(g) })
			cell := i*n + g
			b.same("groups", want[:min(len(want), k)], out.IDs, q,
				out.Rows[cell*k:cell*k+int(out.Counts[cell])], out.Scores[cell*k:])
		}
	}
}

// askLike asks for the rows like the first and the last of the index.
func (b *book) askLike() {
	var asked []int
	for _, at := range []int{0, len(b.rows) - 1} {
		if at >= 0 && at < len(b.rows) && !b.rows[at].null {
			asked = append(asked, at)
		}
	}
	ids := make([]int64, len(asked))
	for i, at := range asked {
		ids[i] = b.rows[at].id
	}
	const k = 4
	p := b.request(nil, k)
	p.NQ, p.Like = len(ids), idArray(max(b.idKind, arrowidx.IDInt64), ids)
	out := arrowidxtest.Outputs(p.NQ, k)
	_, err := b.ix.Search(b.t.Context(), &p, &out)
	if b.estimated() && len(ids) > 0 {
		require.Equal(b.t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%v", err)
		return
	}
	if !b.estimated() {
		require.NoError(b.t, err)
	}
	for i, at := range asked {
		want := b.nearest(b.rows[at], func(other int) bool { return other != at })
		b.same("like", want[:min(len(want), k)], out.IDs, b.rows[at],
			out.Rows[i*k:i*k+int(out.Counts[i])], out.Scores[i*k:])
	}
}

// askDiverse compares with the choice of maximal marginal relevance among all candidates.
func (b *book) askDiverse(queries []entry) {
	const k, diversity = 3, 0.4
	p := b.request(queries[:1], k)
	p.Diversity = diversity
	out := arrowidxtest.Outputs(1, k)
	_, err := b.ix.Search(b.t.Context(), &p, &out)
	if b.estimated() && b.ix.Info().Usable > 0 {
		require.Equal(b.t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%v", err)
		return
	}
	require.NoError(b.t, err)
	all := b.nearest(queries[0], nil)
	all = all[:min(len(all), 64)]
	require.Equal(b.t, min(len(all), k), int(out.Counts[0]))
	var chosen []place
	for i := range int(out.Counts[0]) {
		id, best, most := b.idOf(out.IDs, out.Rows[i]), 0, math.Inf(-1)
		values := make([]float64, len(all))
		for j, c := range all {
			near := math.Inf(-1)
			for _, other := range chosen {
				near = max(near, b.alike(b.rows[c.at], b.rows[other.at]))
			}
			values[j] = b.alike(b.rows[c.at], queries[0])
			if i > 0 {
				values[j] = (1-diversity)*values[j] - diversity*near
			}
			most = max(most, values[j])
			if b.rows[c.at].id == id {
				best = j
			}
		}
		// Sums that would be equal may differ in their last bits.
		require.GreaterOrEqual(b.t, values[best], most-1e-9*(1+math.Abs(most)), "place %d", i)
		chosen, all = append(chosen, all[best]), slices.Delete(all, best, best+1)
	}
	b.same("diversity", chosen, out.IDs, queries[0], out.Rows[:out.Counts[0]], out.Scores)
}

// askNeighbors asks for the graph of neighbours.
func (b *book) askNeighbors() {
	const k = 2
	n := len(b.rows)
	out := arrowidx.NeighborsOut{SearchOut: arrowidxtest.Outputs(n, k), Of: make([]int64, n)}
	_, err := b.ix.Neighbors(b.t.Context(), arrowidx.NeighborsParams{
		K: k, Epsilon0: arrowidxtest.Sure, Probes: 1 << 30, Threads: 1}, &out)
	if b.estimated() && b.ix.Info().Usable > 0 {
		require.Equal(b.t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%v", err)
		return
	}
	require.NoError(b.t, err)
	require.Equal(b.t, n, out.N)
	step := 1 + n/200*97 // of many rows some
	for at := 0; at < n; at += step {
		row := b.rows[at]
		require.Equal(b.t, row.id, b.idOf(out.IDs, out.Of[at]))
		var want []place
		if !row.null {
			want = b.nearest(row, func(other int) bool { return other != at })
		}
		b.same("neighbors", want[:min(len(want), k)], out.IDs, row,
			out.Rows[at*k:at*k+int(out.Counts[at])], out.Scores[at*k:])
	}
}

// askFile compares an index with the one that its bytes hold.
func (b *book) askFile(queries []entry) {
	file := b.bytes()
	again, err := arrowidx.Decode(b.t.Context(), file)
	require.NoError(b.t, err)
	own := b.ix
	b.ix = again
	b.askNames()
	b.askVectors()
	b.search("from a file", queries, b.request(queries, 5), nil)
	require.Equal(b.t, file, b.bytes(), "the same bytes again")
	b.ix = own
	again.Close()
}
