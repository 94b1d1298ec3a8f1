package arrowidx

import (
	"fmt"
	rand "math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
)

// unused forgets all scratch memory: the next search begins with none.
func unused() {
	*search.Workspaces = sync.Pool{New: search.Workspaces.New}
	*search.Joins = sync.Pool{New: search.Joins.New}
	*search.Groupings = sync.Pool{New: search.Groupings.New}
}

// sharing is indexes of all kinds, metrics and widths that search with the same scratch memory.
type sharing struct {
	indexes []*Index
	queries [][]float32
}

func newSharing(t *testing.T) *sharing {
	s := &sharing{}
	for i, d := range []int{3, 64, 130} {
		for _, metric := range []Metric{L2, Cosine, Dot} {
			for _, o := range []BuildOptions{
				{Kind: Exact}, {Kind: Flat, Bits: 1}, {Kind: Flat, Bits: 4}, {Kind: Flat, Bits: 8},
				{Kind: IVF, Bits: 5, Cells: 6},
			} {
				o.Metric, o.Keep = metric, KeepCopy
				rows := blobs(t, uint64(700+i), 700+i*500, d, 12)
				ix := recallIndex(t, rows, d, o, nil)
				if i == 1 {
					more := columnOf(t, rows[:9*d], d)
					_, err := ix.Add(t.Context(), nil, more, AddOptions{})
					require.NoError(t, err)
				}
				s.indexes, s.queries = append(s.indexes, ix), append(s.queries, rows[:40*d])
			}
		}
	}
	return s
}

// ask is one search, drawn at random: all it finds, as text.
func (s *sharing) ask(t *testing.T, r *rand.Rand) func() string {
	i := r.IntN(len(s.indexes))
	ix, d := s.indexes[i], s.indexes[i].Dim()
	nq, k := 1+r.IntN(6)*r.IntN(6), 1+r.IntN(20)
	p := SearchParams{Queries: s.queries[i][:nq*d], NQ: nq, K: k, Rerank: r.IntN(3)*20 - 1,
		Estimates: r.IntN(4) == 0, Threads: 1 + r.IntN(2)}
	if p.Estimates {
		p.Rerank = 0
	}
	n, changed := ix.Len(), ix.Info().Changed
	if r.IntN(5) == 0 { // a zero query
		p.Queries = append(make([]float32, d), p.Queries[d:]...)
	}
	if r.IntN(3) == 0 && !changed {
		p.Mask = randomMask(r.Uint64(), n, []float64{0.02, 0.3, 0.9}[r.IntN(3)])
	}
	switch r.IntN(4) {
	case 0:
		if changed {
			break
		}
		groups := make([]uint32, n)
		for row := range groups {
			groups[row] = uint32(row % 5)
		}
		return func() string {
			out := outputs(nq*5, k)
			_, err := ix.SearchGroups(t.Context(), &p, groups, 5, &out)
			return fmt.Sprint(out.Rows, out.Scores, out.Counts, err)
		}
	case 1:
		low := 0.5
		w := WithinParams{Queries: p.Queries, NQ: nq, Mask: p.Mask, Threads: p.Threads}
		if w.MaxDistance = &low; ix.Metric().Larger() {
			w.MinSimilarity, w.MaxDistance = &low, nil
		}
		return func() string {
			all := ""
			_, err := ix.Within(t.Context(), &w, func(found Range) error {
				all += fmt.Sprint(found.Query, found.Rows, found.Scores)
				return nil
			})
			return fmt.Sprint(all, err)
		}
	}
	return func() string {
		out := outputs(nq, k)
		_, err := ix.Search(t.Context(), &p, &out)
		return fmt.Sprint(out.Rows, out.Scores, out.Counts, err)
	}
}

func outputs(nq, k int) SearchOut {
	return SearchOut{Rows: make([]int64, nq*k), Scores: make([]float32, nq*k),
		Counts: make([]int64, nq)}
}

func TestScratchMemoryOfOtherIndexesChangesNoAnswer(t *testing.T) {
	const seed = 20261129
	s, r := newSharing(t), rand.New(rand.NewPCG(seed, 0))
	for i := range 1200 {
		again := s.ask(t, r)
		got := again() // with what searches of other indexes left
		if i%3 == 0 {
			unused()
			require.Equal(t, again(), got, "seed %d, search %d", seed, i)
		}
	}
}

func TestScratchMemoryHoldsNothingOfAnIndexThatIsGone(t *testing.T) {
	unused()
	s := newSharing(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		s.ask(t, r)()
	}
	w := search.Workspaces.Get().(*search.Workspace)
	require.Equal(t, search.Run{}, w.Run)
	require.Nil(t, w.Ctx)
	for _, q := range w.Queries[:cap(w.Queries)] {
		require.Nil(t, q.Vec)
	}
	g := search.Groupings.Get().(*search.Grouped)
	require.Equal(t, search.Run{}, g.Run)
	require.Nil(t, g.Groups)
	require.Nil(t, g.Of)
}

func TestScratchMemoryOfALargeSearchIsNotKept(t *testing.T) {
	unused()
	const n, d, nq = 3000, 8, 3000
	rows := blobs(t, 5, n, d, 4)
	ix := recallIndex(t, rows, d, BuildOptions{Kind: Flat, Metric: L2, Keep: KeepCopy}, nil)
	out := outputs(nq, n)
	_, err := ix.Search(t.Context(), &SearchParams{Queries: rows[:nq*d], NQ: nq, K: n, Rerank: -1,
		Threads: 1}, &out)
	require.NoError(t, err)
	if w := search.Workspaces.Get().(*search.Workspace); w.Peak != 0 {
		require.LessOrEqual(t, w.Settle(), int64(search.KeptBytes))
	}
	w := search.NewWorkspace()
	w.Queries = make([]search.Query, 1)
	w.Queries[0].Rotated = make([]float32, search.KeptBytes/4)
	require.Greater(t, w.Settle(), int64(search.KeptBytes))
	w.Queries = w.Queries[:0]
	require.Greater(t, w.Settle(), int64(search.KeptBytes), "what is not in use is there all the same")
}

// Pools of an index's own outlive it: the collector keeps what they held for two rounds, which
// makes the next round come later, and so on.
func TestIndexesThatComeAndGoLeaveNoHeapBehind(t *testing.T) {
	const d, most = 16, 4 << 20
	rows := blobs(t, 6, 300, d, 4)
	col := columnOf(t, rows, d)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	heap()
	before := heap()
	for i := range 500 {
		o := BuildOptions{Kind: []Kind{Exact, Flat, IVF}[i%3], Metric: L2}
		ix, err := Build(t.Context(), col, o)
		require.NoError(t, err)
		_, err = ix.Add(t.Context(), nil, col, AddOptions{})
		require.NoError(t, err)
		out := outputs(1, 3)
		p := SearchParams{Queries: rows[:d], NQ: 1, K: 3, Rerank: -1, Threads: 1}
		_, err = ix.Search(t.Context(), &p, &out)
		require.NoError(t, err)
		require.NoError(t, ix.Compact(t.Context(), 1))
		_, err = ix.Search(t.Context(), &p, &out)
		require.NoError(t, err)
		ix.Close()
	}
	require.Less(t, heap(), before+most)
}
