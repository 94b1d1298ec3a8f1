package arrowidx_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// without leaves a row out of an answer of one query, the last place if it is not there.
func without(out arrowidx.SearchOut, row int64, k int) ([]int64, []float32) {
	var rows []int64
	var scores []float32
	for i := range out.Counts[0] {
		if out.Rows[i] != row && len(rows) < k {
			rows, scores = append(rows, out.Rows[i]), append(scores, out.Scores[i])
		}
	}
	return rows, scores
}

func TestNeighborsWithinGivenBoundsAreWhatASearchFindsForEachRowAlone(t *testing.T) {
	const n, d, k = 9000, 24, 7 // more rows than are asked for in one round
	r := arrowidxtest.Rand(t, 600)
	rows := arrowidxtest.Clustered(r, n, d, 40)
	for range n / 20 {
		copy(rows[r.IntN(n)*d:][:d], rows[r.IntN(n)*d:][:d])
	}
	col := arrowidxtest.Column(t, rows, d, 2)
	defer col.Release()
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		metric := arrowidxtest.Metrics[int(kind)%4]
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind, Metric: metric})
		require.NoError(t, err)
		want, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{
			K: k, Epsilon0: 1.9, Probes: 9, Threads: 1})
		require.EqualValues(t, n, plan.Queries)
		require.Positive(t, plan.Scanned)
		one := arrowidxtest.Outputs(1, k+1)
		for row := 0; row < n; row += 7 {
			_, err := ix.Search(t.Context(), &arrowidx.SearchParams{Queries: rows[row*d : (row+1)*d],
				NQ: 1, K: k + 1, Epsilon0: 1.9, Probes: 9, Rerank: -1, Threads: 1}, &one)
			require.NoError(t, err)
			ids, scores := without(one, int64(row), k)
			require.Equal(t, ids, want.Rows[row*k:(row+1)*k], "%s row %d", kind, row)
			require.Equal(t, scores, want.Scores[row*k:(row+1)*k], "%s row %d", kind, row)
		}
		for _, threads := range []int{2, 5} {
			got, _ := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{
				K: k, Epsilon0: 1.9, Probes: 9, Threads: threads})
			require.Empty(t, arrowidxtest.Unequal(want.SearchOut, got.SearchOut))
		}
		ix.Close()
	}
}

// checkGraph compares the graph of an index with the model: for every id the scores of the nearest
// others, whoever of equals they belong to.
func (m model) checkGraph(t testing.TB, ix *arrowidx.Index, k int) {
	t.Helper()
	out, _ := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{
		K: k, Epsilon0: arrowidxtest.Sure, Probes: 1 << 30})
	require.Equal(t, len(m.rows), out.N)
	idOf := func(row int64) (id int64) {
		name := strings.TrimPrefix(strings.Trim(out.IDs.Name(row), `"`), "id ")
		_, err := fmt.Sscan(name, &id)
		require.NoError(t, err)
		return id
	}
	ids := slices.Sorted(maps.Keys(m.rows))
	names, err := ix.IDArray(memory.DefaultAllocator)
	require.NoError(t, err)
	defer names.Release()
	asked := map[int64]bool{}
	for i, row := range out.Of {
		own := idOf(row)
		require.False(t, asked[own], "id %d twice", own)
		asked[own] = true
		require.Equal(t, names.ValueStr(i), strings.Trim(out.IDs.Name(row), `"`))
		var flat []float32
		for _, id := range ids {
			if id != own {
				flat = append(flat, m.rows[id]...)
			}
		}
		want := arrowidxtest.Nearest(ix.Metric(), flat, m.rows[own], k, nil)
		require.EqualValues(t, len(want), out.Counts[i])
		seen := map[int64]bool{own: true}
		for j, h := range want {
			id, score := idOf(out.Rows[i*k+j]), float64(out.Scores[i*k+j])
			require.False(t, seen[id], "id %d is itself, or there twice", id)
			seen[id] = true
			slack := 1e-5 * max(1, abs(h.Score))
			require.InDelta(t, h.Score, score, slack, "place %d of id %d", j, own)
			require.InDelta(t, arrowidxtest.Score(ix.Metric(), m.rows[id], m.rows[own]), score, slack)
		}
	}
}

// changeSome deletes some rows and adds others to the index and the model, or compacts the index.
func (m model) changeSome(
	t testing.TB, ix *arrowidx.Index, r *rand.Rand, kind arrowidx.IDKind, step int,
) {
	kind = max(kind, arrowidx.IDInt64)
	if r.IntN(4) == 0 {
		require.NoError(t, ix.Compact(t.Context(), 1))
		return
	}
	var gone []int64
	for _, id := range slices.Sorted(maps.Keys(m.rows)) {
		if r.IntN(4) == 0 {
			gone = append(gone, id)
			delete(m.rows, id)
		}
	}
	_, err := ix.Delete(idArray(kind, gone), false)
	require.NoError(t, err)
	rows := arrowidxtest.Clustered(r, r.IntN(30), m.d, 3)
	ids := make([]int64, len(rows)/m.d)
	for i := range ids {
		ids[i] = int64(1000*(step+1) + i)
		m.rows[ids[i]] = rows[i*m.d : (i+1)*m.d]
	}
	col := arrowidxtest.Column(t, rows, m.d, 1)
	defer col.Release()
	_, err = ix.Add(t.Context(), namesOf(t, kind, ids), col, arrowidx.AddOptions{Threads: 1})
	require.NoError(t, err)
}

func TestTheGraphOfAChangedIndexIsThatOfItsRows(t *testing.T) {
	r := arrowidxtest.Rand(t, 601)
	for i := range 120 {
		kind := []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF}[i%3]
		idKind := arrowidx.IDKind(r.IntN(4))
		d, n := 1+r.IntN(9), r.IntN(70)
		m := model{d: d, rows: map[int64][]float32{}}
		rows := arrowidxtest.Clustered(r, n, d, 3)
		ids := make([]int64, n)
		for j := range ids {
			ids[j] = int64(j)
			m.rows[ids[j]] = rows[j*d : (j+1)*d]
		}
		o := arrowidx.BuildOptions{Kind: kind, Metric: arrowidxtest.Metrics[r.IntN(4)], Threads: 1}
		if idKind != arrowidx.IDPositions {
			o.IDs = namesOf(t, idKind, ids)
		}
		col := arrowidxtest.Column(t, rows, d, 1)
		ix, err := arrowidx.Build(t.Context(), col, o)
		col.Release()
		require.NoError(t, err)
		for step := range 1 + r.IntN(4) {
			m.changeSome(t, ix, r, idKind, step)
			m.checkGraph(t, ix, r.IntN(6))
		}
		ix.Close()
	}
}

func TestSkippedRowsHaveNoNeighborsAndAreNobodys(t *testing.T) {
	const n, d, k = 300, 5, 4
	r := arrowidxtest.Rand(t, 602)
	rows := arrowidxtest.Gaussian(r, n, d)
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = i%3 != 1
	}
	col := arrowidxtest.ColumnOf(t, arrowidxtest.FixedSizeList(rows, d, valid))
	defer col.Release()
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind,
			Metric: arrowidx.L2, Nulls: arrowidx.SkipNulls})
		require.NoError(t, err)
		out, plan := arrowidxtest.Neighbors(t, ix, arrowidx.NeighborsParams{K: k,
			Epsilon0: arrowidxtest.Sure, Probes: n})
		require.EqualValues(t, 200, plan.Queries)
		for i := range n {
			var want []arrowidxtest.Hit
			if valid[i] {
				want = arrowidxtest.Nearest(arrowidx.L2, rows, rows[i*d:(i+1)*d], k,
					func(j int) bool { return j != i && valid[j] })
			}
			require.Empty(t, arrowidxtest.Differs(want, out.SearchOut, i, k), "row %d", i)
		}
		ix.Close()
	}
}

func TestRoomBeyondTheRowsIsLeftBlank(t *testing.T) {
	ix, _ := build(t, []float32{0, 1, 3}, 1, arrowidx.BuildOptions{Metric: arrowidx.L2}, false)
	_, err := ix.Delete(arrowidxtest.Positions(1), false)
	require.NoError(t, err)
	out := arrowidxtest.GraphOf(4, 2)
	progress := &arrowidx.Progress{}
	_, err = ix.Neighbors(t.Context(), arrowidx.NeighborsParams{K: 2, Progress: progress}, &out)
	require.NoError(t, err)
	require.Equal(t, 2, out.N)
	require.Equal(t, []int64{0, 2, -1, -1}, out.Of)
	require.Equal(t, []int64{1, 1, 0, 0}, out.Counts)
	require.Equal(t, []int64{2, -1, 0, -1, -1, -1, -1, -1}, out.Rows)
	out.Places()
	require.Equal(t, []int64{1, -1, 0, -1, -1, -1, -1, -1}, out.Rows)
	require.Equal(t, float32(3), out.Scores[0])
	require.True(t, math.IsNaN(float64(out.Scores[7])))
	done, total := progress.Done()
	require.Equal(t, []int64{2, 2}, []int64{done, total})
}

func TestNeighborsSayWhatIsWrong(t *testing.T) {
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 603), 50, 4)
	ix, _ := build(t, rows, 4, arrowidx.BuildOptions{Kind: arrowidx.Flat}, false)
	for _, c := range []struct {
		p    arrowidx.NeighborsParams
		room int
		kind arrowidx.ErrorKind
		says string
	}{
		{arrowidx.NeighborsParams{K: -1}, 50, arrowidx.InvalidArgument, "k = -1"},
		{arrowidx.NeighborsParams{K: 2, Recall: 1.5}, 50, arrowidx.InvalidArgument, "1.5"},
		{arrowidx.NeighborsParams{K: 2, Recall: math.NaN()}, 50, arrowidx.InvalidArgument, "NaN"},
		{arrowidx.NeighborsParams{K: 2, Probes: -3}, 50, arrowidx.InvalidArgument, "probes = -3"},
		{arrowidx.NeighborsParams{K: 2}, 49, arrowidx.LimitExceeded, "2 neighbours of 50 rows"},
		{arrowidx.NeighborsParams{K: math.MaxInt / 64}, 0, arrowidx.LimitExceeded, "50 rows"},
	} {
		out := arrowidxtest.GraphOf(c.room, min(max(c.p.K, 0), 2))
		_, err := ix.Neighbors(t.Context(), c.p, &out)
		require.Equal(t, c.kind, arrowidx.KindOf(err), "%v", err)
		require.ErrorContains(t, err, c.says)
		require.ErrorContains(t, err, "neighbors")
		if c.kind == arrowidx.LimitExceeded {
			require.Equal(t, 50, out.N, "the caller learns how much room there must be")
		}
	}
	ix.Detach()
	out := arrowidxtest.GraphOf(50, 2)
	_, err := ix.Neighbors(t.Context(), arrowidx.NeighborsParams{K: 2}, &out)
	require.Equal(t, arrowidx.InvalidArgument, arrowidx.KindOf(err))
	require.ErrorContains(t, err, "attach the column")
	ix.Close()
	_, err = ix.Neighbors(t.Context(), arrowidx.NeighborsParams{K: 2}, &out)
	require.Equal(t, arrowidx.IndexClosed, arrowidx.KindOf(err))
}

func TestNeighborsCanBeCancelledAtAnyPoint(t *testing.T) {
	const n, d = 6000, 16
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 604), n, d)
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, _ := build(t, rows, d, arrowidx.BuildOptions{Kind: kind}, false)
		out := arrowidxtest.GraphOf(n, 3)
		ctx := lasting(t, endless)
		_, err := ix.Neighbors(ctx, arrowidx.NeighborsParams{K: 3, Threads: 1}, &out)
		require.NoError(t, err)
		looks := ctx.looks(endless)
		require.Greater(t, looks, int64(100), "%s looks at the context often", kind)
		for _, share := range []float64{0, 0.1, 0.5, 0.99} {
			_, err := ix.Neighbors(lasting(t, int64(share*float64(looks))),
				arrowidx.NeighborsParams{K: 3, Threads: 1}, &out)
			require.Equal(t, arrowidx.Cancelled, arrowidx.KindOf(err), "%v", err)
			require.ErrorIs(t, err, context.Canceled)
		}
	}
}

func ExampleIndex_Neighbors() {
	ix := line(0, 1, 3, 3)
	defer ix.Close()
	const k = 2
	n := ix.Len()
	out := arrowidx.NeighborsOut{Of: make([]int64, n), SearchOut: arrowidx.SearchOut{
		Rows: make([]int64, n*k), Scores: make([]float32, n*k), Counts: make([]int64, n)}}
	_, err := ix.Neighbors(context.Background(), arrowidx.NeighborsParams{K: k}, &out)
	if err != nil {
		panic(err)
	}
	for i, row := range out.Of {
		fmt.Println(row, "is near", out.Rows[i*k:(i+1)*k], out.Scores[i*k:(i+1)*k])
	}
	// Output:
	// 0 is near [1 2] [1 3]
	// 1 is near [0 2] [1 2]
	// 2 is near [3 1] [0 2]
	// 3 is near [2 1] [0 2]
}
