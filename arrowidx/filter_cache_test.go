package arrowidx

import (
	rand "math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
)

// cachedFilters is an index with a way to search it by mask; work tells how many masks it packed
// and put in the order of slots.
type cachedFilters struct {
	ix      *Index
	queries []float32
	n, d    int
}

func newCachedFilters(t *testing.T, kind Kind, n int) cachedFilters {
	const d = 16
	rows := blobs(t, 620, n, d, 20)
	ix := recallIndex(t, rows, d, BuildOptions{
		Kind: kind, Metric: L2, Keep: KeepCopy, Cells: map[Kind]int{IVF: 40}[kind]}, nil)
	return cachedFilters{ix, rows[:4*d], n, d}
}

func (c cachedFilters) params(mask []byte) *SearchParams {
	return &SearchParams{Queries: c.queries, NQ: 4, K: 5, Rerank: -1, Mask: mask, Threads: 1}
}

func (c cachedFilters) search(t testing.TB, p *SearchParams) SearchOut {
	out := SearchOut{Rows: make([]int64, 20), Scores: make([]float32, 20), Counts: make([]int64, 4)}
	_, err := c.ix.Search(t.Context(), p, &out)
	require.NoError(t, err)
	return out
}

func (c cachedFilters) work() [2]int64 {
	f := search.FiltersOf(c.ix.base())
	return [2]int64{f.Packed.Load(), f.Moved.Load()}
}

func randomMask(seed uint64, n int, share float64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	mask := make([]byte, n)
	for i := range mask {
		if r.Float64() < share {
			mask[i] = byte(1 + r.IntN(255))
		}
	}
	return mask
}

func TestAMaskUsedTwiceIsPackedAndPermutedOnce(t *testing.T) {
	for _, kind := range []Kind{Exact, Flat, IVF} {
		c := newCachedFilters(t, kind, 16_000)
		moved := int64(0)
		if kind == IVF {
			moved = 1
		}
		mask := randomMask(621, c.n, 0.2)
		first := c.search(t, c.params(mask))
		require.Equal(t, [2]int64{1, moved}, c.work(), kind)
		require.Equal(t, first.Rows, c.search(t, c.params(slices.Clone(mask))).Rows)
		require.Equal(t, [2]int64{1, moved}, c.work(), "%s: equal bytes elsewhere are the same", kind)
		mask[slices.Index(mask, 0)] = 1
		c.search(t, c.params(mask))
		require.Equal(t, [2]int64{2, 2 * moved}, c.work(), "%s: one more row is another mask", kind)
		rows := []int64{7, 3, 3}
		p := c.params(nil)
		p.Rows = rows
		c.search(t, p)
		p.Rows = slices.Clone(rows)
		out := c.search(t, p)
		require.Equal(t, [2]int64{3, 2 * moved}, c.work(), "%s: few rows are not sought in cells", kind)
		require.EqualValues(t, 2, out.Counts[0])
	}
}

// Eight bytes of a mask of eight rows may be the bytes of a list of one row.
func TestAMaskIsNotTakenForAListOfRowsOfTheSameBytes(t *testing.T) {
	c := newCachedFilters(t, Flat, 8)
	mask := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	require.EqualValues(t, 0, c.search(t, c.params(mask)).Rows[0])
	p := c.params(nil)
	p.Rows = []int64{1}
	require.EqualValues(t, 1, c.search(t, p).Rows[0])
}

func TestTheBytesOfFiltersAreCountedAndBounded(t *testing.T) {
	c := newCachedFilters(t, IVF, 8000)
	before := c.ix.Info().IndexBytes
	for i := range uint64(20) {
		c.search(t, c.params(randomMask(630+i, c.n, 0.5)))
	}
	f := search.FiltersOf(c.ix.base())
	require.Len(t, f.Kept, search.FiltersKept)
	each := int64(4 * (c.n/32 + len(c.ix.base().Slots) + 40))
	grown := c.ix.Info().IndexBytes - before
	require.GreaterOrEqual(t, grown, search.FiltersKept*each)
	require.LessOrEqual(t, grown, search.FiltersKept*each+int64(4*c.n), "with the slot of every row")
	require.EqualValues(t, 20, f.Packed.Load())
}

// A delete leaves the codes where they are and changes which rows are alive: a list of rows used
// before and after must not find the deleted one, nor may the version before lose it.
func TestADeleteBetweenTwoEqualFiltersIsSeen(t *testing.T) {
	for _, kind := range []Kind{Exact, Flat, IVF} {
		c := newCachedFilters(t, kind, 3000)
		u, err := c.ix.enter("search")
		require.NoError(t, err)
		old := u.v
		mask := randomMask(640, c.n, 0.3)
		mask[0] = 1
		p := c.params(nil)
		for i, m := range mask {
			if m != 0 {
				p.Rows = append(p.Rows, int64(i))
			}
		}
		want := c.search(t, p)
		require.EqualValues(t, 0, want.Rows[0], "a query finds itself")
		ids := array.NewUint64Builder(memory.DefaultAllocator)
		ids.Append(0)
		_, err = c.ix.Delete(ids.NewArray(), false)
		require.NoError(t, err)
		for range 2 {
			require.NotContains(t, c.search(t, p).Rows[:5], int64(0), "%s: it is deleted", kind)
			out := SearchOut{Rows: make([]int64, 20), Scores: make([]float32, 20),
				Counts: make([]int64, 4)}
			_, err = search.SearchSegment(t.Context(), old.Segments[0], p, &out)
			require.NoError(t, err)
			require.Equal(t, want.Rows, out.Rows, "%s: not in the version before", kind)
		}
		c.ix.leave(&u, &err)
	}
}

func TestManySearchesWithMasksAtOnceFindWhatEachFindsAlone(t *testing.T) {
	for _, kind := range []Kind{Exact, Flat, IVF} {
		c := newCachedFilters(t, kind, 9000)
		masks, want := make([][]byte, 6), make([]SearchOut, 6)
		for i := range masks {
			masks[i] = randomMask(650+uint64(i), c.n, []float64{0.5, 0.1, 0.03, 0.3, 0.7, 0.01}[i])
			want[i] = c.search(t, c.params(masks[i]))
		}
		var wait sync.WaitGroup
		for g := range 12 {
			wait.Go(func() {
				for i := range 40 {
					which := (g + i*(1+g%3)) % len(masks)
					out := c.search(t, c.params(masks[which]))
					if !slices.Equal(out.Rows, want[which].Rows) {
						t.Errorf("%s: mask %d finds %v, want %v", kind, which, out.Rows, want[which].Rows)
						return
					}
					_ = c.ix.Info()
				}
			})
		}
		wait.Wait()
	}
}

// Rows that are put in the order of slots cell by cell are those that are put there at once.
func TestCellsThatAreVisitedHoldTheRowsThatAllCellsHold(t *testing.T) {
	c := newCachedFilters(t, IVF, 9000)
	for i, share := range []float64{0.02, 0.3, 0.6, 0.99} {
		p := c.params(randomMask(661+uint64(i), c.n, share))
		c.search(t, p)
		seg := c.ix.base()
		f := search.FiltersOf(seg).Kept[0]
		f.Place(seg, true)
		some := 0
		for cell := range f.Cells.Known {
			if cell%3 == 0 {
				some += f.Cells.Hold(f.Words, seg.Cells, cell)
			}
		}
		require.Equal(t, share > 0.1, some > 0, "few rows are placed at once")
		f.Place(seg, false)
		require.Equal(t, seg.Cells.Admit(f.Words), f.Cells.Slots)
		held, blocks := 0, 0
		for cell := range f.Cells.InCell {
			held += f.Cells.Hold(f.Words, seg.Cells, cell)
		}
		for _, w := range f.Cells.Slots {
			if w != 0 {
				blocks++
			}
		}
		require.Equal(t, f.Eligible, held)
		require.Equal(t, blocks, f.Busy)
	}
}
