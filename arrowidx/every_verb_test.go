package arrowidx_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// place is a row of an answer that is expected.
type place struct {
	at    int // in the list of rows
	score float64
}

// score compares two rows in float64, or bit by bit.
func (b *book) score(x, q entry) float64 {
	if b.metric.Binary() {
		return bitScore(b.metric, x.bits, q.bits)
	}
	return arrowidxtest.Score(b.metric, x.x, q.x)
}

// alike is the score, or minus a distance.
func (b *book) alike(x, q entry) float64 {
	if b.metric.Larger() {
		return b.score(x, q)
	}
	return -b.score(x, q)
}

// nearest lists the rows that may be found, best first, ties by their places.
func (b *book) nearest(q entry, admit func(at int) bool) []place {
	var all []place
	for at, row := range b.rows {
		if !row.null && (admit == nil || admit(at)) {
			all = append(all, place{at, b.score(row, q)})
		}
	}
	slices.SortStableFunc(all, func(x, y place) int {
		if b.metric.Larger() {
			x, y = y, x
		}
		return cmp.Compare(x.score, y.score)
	})
	return all
}

// estimated reports whether scores are estimates.
func (b *book) estimated() bool { return b.keep == arrowidx.KeepNone }

// idOf is the id of a row of an answer.
func (b *book) idOf(ids *arrowidx.IDs, row int64) int64 {
	var id int64
	_, err := fmt.Sscan(strings.TrimPrefix(strings.Trim(ids.Name(row), `"`), "id "), &id)
	require.NoError(b.t, err)
	return id
}

// legal refuses scores that the metric cannot have.
func (b *book) legal(score float32) {
	low, high := 0.0, math.MaxFloat32
	switch b.metric {
	case arrowidx.Cosine:
		low, high = -1, 1
	case arrowidx.Dot:
		low = -math.MaxFloat32
	case arrowidx.Jaccard:
		high = 1
	}
	require.False(b.t, !(float64(score) >= low && float64(score) <= high), "a score of %v", score)
}

// same compares one answer, whose rows must be the expected ones in their order. Estimates must be
// rows that may be found, each once and best first, with about their scores.
func (b *book) same(
	what string, want []place, ids *arrowidx.IDs, q entry, rows []int64, scores []float32,
) {
	t := b.t
	if len(want) != len(rows) {
		t.Fatalf("%s: %d rows found, want %d of %d", what, len(rows), len(want), len(b.rows))
	}
	seen := map[int64]bool{}
	for i, row := range rows {
		id := b.idOf(ids, row)
		b.legal(scores[i])
		expected := b.rows[want[i].at]
		if b.estimated() {
			at := slices.IndexFunc(b.rows, func(e entry) bool { return e.id == id })
			if at < 0 || seen[id] || b.rows[at].null {
				t.Fatalf("%s: place %d: row %d, which cannot be found (again)", what, i, id)
			}
			seen[id], expected = true, b.rows[at]
			require.False(t, i > 0 && b.better(scores[i], scores[i-1]), "%s: out of order", what)
		} else if id != expected.id && !b.rounded(id, want[i].score, q) {
			t.Fatalf("%s: place %d: row %d (%v), want %d (%v)", what, i, id, scores[i], expected.id,
				want[i].score)
		}
		b.close(what, b.score(expected, q), scores[i])
	}
}

// rounded reports whether a row's score differs from another one by no more than float64 rounds: of
// rows that are very far away, hardly anything but the distance is left.
func (b *book) rounded(id int64, other float64, q entry) bool {
	at := slices.IndexFunc(b.rows, func(e entry) bool { return e.id == id })
	own := b.score(b.rows[at], q)
	return (own != other || math.Abs(own) > 1e12) && math.Abs(own-other) <= 1e-13*math.Abs(other)
}

// better reports whether a score is better than another.
func (b *book) better(x, y float32) bool {
	if b.metric.Larger() {
		return x > y
	}
	return x < y
}

// close compares a score with the one of the rows: to float32, or to what 8 bits a number tell.
func (b *book) close(what string, want float64, got float32) {
	room := 2e-6 * (1 + math.Abs(want))
	if b.estimated() {
		reach := 2 * max(b.length, 1)
		room = 0.02
		switch b.metric {
		case arrowidx.Dot, arrowidx.SqEuclidean:
			room *= reach * reach
		case arrowidx.L2:
			room *= 5 * reach
		}
	}
	if !(math.Abs(float64(got)-want) <= room) {
		b.t.Fatalf("%s: score %v, want %v", what, got, want)
	}
}

// request is a search of queries for k rows, surely.
func (b *book) request(queries []entry, k int) arrowidx.SearchParams {
	p := arrowidx.SearchParams{NQ: len(queries), K: k, Rerank: -1, Epsilon0: arrowidxtest.Sure,
		Probes: 1 << 30, Threads: 1}
	for _, q := range queries {
		p.Queries, p.Bits = append(p.Queries, q.x...), append(p.Bits, q.bits...)
	}
	return p
}

// search compares the answers of a search with the rows that may be found.
func (b *book) search(
	what string, queries []entry, p arrowidx.SearchParams, admit func(at int) bool,
) {
	out, plan := arrowidxtest.Search(b.t, b.ix, p)
	for i, q := range queries {
		want := b.nearest(q, admit)
		require.Equal(b.t, int64(len(want)), plan.Eligible, what)
		want = want[:min(len(want), p.K)]
		b.same(what, want, out.IDs, q, out.Rows[i*p.K:i*p.K+int(out.Counts[i])],
			out.Scores[i*p.K:])
	}
}

// askAll compares all that the index answers with the list.
func (b *book) askAll() {
	b.askNames()
	b.askVectors()
	queries := b.fresh(3, 1)
	b.next -= 3
	if len(b.rows) > 0 && !b.rows[0].null {
		queries[1] = b.rows[0] // a row itself
	}
	for _, k := range []int{1, 7} {
		b.search("one query", queries[:1], b.request(queries[:1], k), nil)
	}
	b.search("a batch", queries, b.request(queries, 5), nil)
	b.askFiltered(queries)
	b.askEstimates(queries)
	b.askWithin(queries)
	b.askGroups(queries)
	b.askLike()
	b.askDiverse(queries)
	b.askNeighbors()
	b.askFile(queries)
}

// askNames compares names, look-ups, counts, and what the index tells about itself.
func (b *book) askNames() {
	t, nulls := b.t, 0
	for _, row := range b.rows {
		if row.null {
			nulls++
		}
	}
	require.Equal(t, len(b.rows), b.ix.Len())
	names, err := b.ix.IDArray(memory.DefaultAllocator)
	require.NoError(t, err)
	kind, ids := max(b.idKind, arrowidx.IDInt64), idsIn(b.rows)
	want := idArray(kind, ids)
	require.Equal(t, len(ids), names.Len())
	for i := range ids {
		require.Equal(t, want.ValueStr(i), names.ValueStr(i), "name %d", i)
	}
	rows, err := b.ix.Lookup(want)
	require.NoError(t, err)
	for i, row := range rows {
		require.Equal(t, ids[i], b.idOf(b.ix.IDs(), row))
	}
	left := slices.DeleteFunc(slices.Clone(b.gone), func(id int64) bool {
		return slices.Contains(ids, id)
	})
	rows, err = b.ix.Lookup(idArray(kind, left))
	require.NoError(t, err)
	for i, row := range rows {
		require.Equal(t, int64(-1), row, "id %d was deleted", left[i])
	}
	in := b.ix.Info()
	require.Equal(t, []int{len(ids), len(ids) - nulls}, []int{in.Rows, in.Usable}, "%+v", in)
	_, err = json.Marshal(in)
	require.NoError(t, err)
}

// askVectors compares the rows themselves.
func (b *book) askVectors() {
	t, n := b.t, len(b.rows)
	if b.ix.Dim() == 0 {
		return
	}
	ids := idArray(max(b.idKind, arrowidx.IDInt64), idsIn(slices.DeleteFunc(slices.Clone(b.rows),
		func(e entry) bool { return e.null })))
	var numbers []float32
	var bits []byte
	for _, row := range b.rows {
		if row.null {
			row.bits = make([]byte, len(row.bits))
			row.x = slices.Repeat([]float32{float32(math.NaN())}, len(row.x))
		}
		numbers, bits = append(numbers, row.x...), append(bits, row.bits...)
	}
	if b.metric.Binary() {
		got := make([]byte, n*b.d)
		require.NoError(t, b.ix.PackedMatrix(got, n))
		require.Equal(t, append([]byte{}, bits...), got)
		require.NoError(t, b.ix.PackedVectors(ids, got))
		return
	}
	got := make([]float32, n*b.d)
	err := b.ix.Matrix(got, n)
	if b.estimated() && b.ix.Info().Usable > 0 {
		require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%v", err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(numbers), fmt.Sprint(got), "NaN is equal to itself as text")
	require.NoError(t, b.ix.Vectors(ids, got))
}

// askFiltered limits searches to some rows, by ids, and by a mask if rows have an order.
func (b *book) askFiltered(queries []entry) {
	some := func(at int) bool { return at%3 == 1 }
	var ids []int64
	mask := make([]byte, len(b.rows))
	for i, row := range b.rows {
		if some(i) {
			ids, mask[i] = append(ids, row.id), 1
		}
	}
	p := b.request(queries, 4)
	p.IDs = idArray(max(b.idKind, arrowidx.IDInt64), ids)
	b.search("ids", queries, p, some)
	p = b.request(queries, 4)
	p.Mask = mask
	if !b.ix.Info().Changed {
		b.search("a mask", queries, p, some)
		return
	}
	out := arrowidxtest.Outputs(p.NQ, p.K)
	_, err := b.ix.Search(b.t.Context(), &p, &out)
	require.Equal(b.t, arrowidx.InvalidArgument, arrowidx.KindOf(err), "%v", err)
}

// askEstimates asks for scores that are not measured.
func (b *book) askEstimates(queries []entry) {
	exact := b.keep
	if b.kind != arrowidx.Exact {
		b.keep = arrowidx.KeepNone
	}
	p := b.request(queries, 6)
	p.Estimates = true
	b.search("estimates", queries, p, nil)
	b.keep = exact
}
