package arrowidx_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
)

// lent is a column whose memory its owner may write to.
type lent struct {
	col *arrowidx.Column
	row [][]byte // where each row lies
	was [][]byte // and what it held
}

// lend makes a column of arrays of n rows in all, each of fixed size or a list without gaps.
func lend(t testing.TB, n int, arrays ...arrow.Array) *lent {
	l := &lent{col: arrowidxtest.ColumnOf(t, arrays...)}
	for _, a := range arrays {
		data := a.Data()
		if len(data.Children()) > 0 {
			data = data.Children()[0].(*array.Data)
		}
		buffers := data.Buffers()
		b := buffers[len(buffers)-1].Bytes()
		each := int(l.col.Bytes()) / n
		for i := range a.Len() {
			l.row = append(l.row, b[i*each:(i+1)*each])
		}
	}
	for _, b := range l.row {
		l.was = append(l.was, slices.Clone(b))
	}
	return l
}

// change changes the lowest bit of a number of each of the rows.
func (l *lent) change(rows ...int) {
	for _, r := range rows {
		l.row[r][0] ^= 1
	}
}

func (l *lent) restore() {
	for i, b := range l.was {
		copy(l.row[i], b)
	}
}

func (l *lent) shuffle(r *rand.Rand) {
	for i, from := range r.Perm(len(l.was)) {
		copy(l.row[i], l.was[from])
	}
}

func everyRow(n, step int) []int {
	var rows []int
	for r := 0; r < n; r += step {
		rows = append(rows, r)
	}
	return rows
}

// halves are halves of n rows: both ends, the middle, every second row and random ones.
func halves(r *rand.Rand, n, random int) [][]int {
	all := everyRow(n, 1)
	out := [][]int{all[:n/2], all[n/2:], all[n/4 : n/4+n/2], everyRow(n, 2)}
	for range random {
		out = append(out, r.Perm(n)[:n/2])
	}
	return out
}

// borrowing are the rows of every kind of index that measures on memory of others.
func borrowing(t testing.TB, n, d int) map[string]map[string]*lent {
	r := arrowidxtest.Rand(t, 910)
	rows := make([]float32, n*d)
	for i := range rows {
		rows[i] = float32(r.IntN(128))
	}
	out := map[string]map[string]*lent{"numbers": {}, "bits": {}}
	for name, a := range arrowidxtest.Layouts(rows, d, nil) {
		out["numbers"][name] = lend(t, n, a)
		if strings.HasSuffix(name, "uint8") {
			out["bits"][name] = lend(t, n, a)
		}
	}
	for name, fixed := range arrowidxtest.Layouts(rows[:n/2*d], d, nil) {
		if name == "fixed float32" || name == "fixed float64" {
			rest := arrowidxtest.Layouts(rows[n/2*d:], d, nil)[name]
			out["numbers"][name+" in chunks"] = lend(t, n, fixed, rest)
		}
	}
	return out
}

func indexOf(
	t testing.TB, col *arrowidx.Column, kind arrowidx.Kind, metric arrowidx.Metric,
) *arrowidx.Index {
	t.Helper()
	ix, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{Kind: kind, Metric: metric})
	require.NoError(t, err)
	return ix
}

// ask is the error of one search for k rows with a row of the index's as it was.
func (l *lent) ask(t testing.TB, ix *arrowidx.Index, k int) error {
	p := arrowidx.SearchParams{NQ: 1, K: k, Rerank: -1}
	if ix.Metric().Binary() {
		p.Bits = l.was[0]
	} else {
		p.Queries = make([]float32, ix.Dim())
		for i := range p.Queries {
			p.Queries[i] = float32(i)
		}
	}
	out := arrowidxtest.Outputs(1, k)
	_, err := ix.Search(t.Context(), &p, &out)
	return err
}

func requireChanged(t testing.TB, err error, why ...any) {
	t.Helper()
	var e *arrowidx.Error
	require.ErrorAs(t, err, &e, why...)
	require.Equal(t, arrowidx.VectorsChanged, e.Kind, why...)
	require.GreaterOrEqual(t, e.Row, int64(0), why...)
}

func TestChangedRowsAreNoticedAtEveryKByEveryTypeKindAndMetric(t *testing.T) {
	const n, d = 600, 16
	r := arrowidxtest.Rand(t, 911)
	for held, layouts := range borrowing(t, n, d) {
		metrics, kinds := arrowidxtest.Metrics[:], []arrowidx.Kind{
			arrowidx.Exact, arrowidx.Flat, arrowidx.IVF}
		if held == "bits" {
			metrics = []arrowidx.Metric{arrowidx.Hamming, arrowidx.Jaccard}
			kinds = kinds[:1]
		}
		for name, l := range layouts {
			metric := metrics[r.IntN(len(metrics))]
			for _, kind := range kinds {
				ix := indexOf(t, l.col, kind, metric)
				for _, k := range []int{1, 3, 5, 10} {
					why := fmt.Sprintf("%s %s %s k=%d", name, kind, metric, k)
					require.NoError(t, l.ask(t, ix, k), why)
					l.change(everyRow(n, 1)...)
					requireChanged(t, l.ask(t, ix, k), why)
					l.restore()
					l.shuffle(r)
					requireChanged(t, l.ask(t, ix, k), why)
					l.restore()
					for i, half := range halves(r, n, 6) {
						l.change(half...)
						var err error
						for turn := 0; turn < 4 && err == nil; turn++ {
							err = l.ask(t, ix, k)
						}
						requireChanged(t, err, why, i)
						l.restore()
					}
					require.NoError(t, l.ask(t, ix, k), why)
				}
				ix.Close()
			}
			l.col.Release()
		}
	}
}

// verbs are all ways to read the vectors of an index of rows of d numbers.
func verbs(t testing.TB, l *lent, d int) map[string]func(ix *arrowidx.Index) error {
	ctx, q, n := t.Context(), make([]float32, 2*d), len(l.was)
	q[0], q[d+1] = 1, 1
	search := func(change func(p *arrowidx.SearchParams)) func(*arrowidx.Index) error {
		return func(ix *arrowidx.Index) error {
			p := arrowidx.SearchParams{Queries: q[:d], NQ: 1, K: 3, Rerank: -1}
			change(&p)
			out := arrowidxtest.Outputs(p.NQ, p.K)
			_, err := ix.Search(ctx, &p, &out)
			return err
		}
	}
	return map[string]func(ix *arrowidx.Index) error{
		"search": search(func(*arrowidx.SearchParams) {}),
		"batch":  search(func(p *arrowidx.SearchParams) { p.Queries, p.NQ = q, 2 }),
		"like": search(func(p *arrowidx.SearchParams) {
			p.Queries, p.Like = nil, arrowidxtest.Positions(3)
		}),
		"diversity": search(func(p *arrowidx.SearchParams) { p.Diversity = 0.5 }),
		"filter":    search(func(p *arrowidx.SearchParams) { p.Rows = []int64{1, 2, 3} }),
		"within": func(ix *arrowidx.Index) error {
			p := arrowidx.WithinParams{Queries: q[:d], NQ: 1}
			arrowidxtest.Threshold(&p, ix.Metric(), 0.5)
			_, err := ix.Within(ctx, &p, func(arrowidx.Range) error { return nil })
			return err
		},
		"groups": func(ix *arrowidx.Index) error {
			p := arrowidx.SearchParams{Queries: q[:d], NQ: 1, K: 3, Rerank: -1}
			out := arrowidxtest.Outputs(2, 3)
			groups := make([]uint32, n)
			groups[n-1] = 1
			_, err := ix.SearchGroups(ctx, &p, groups, 2, &out)
			return err
		},
		"neighbors": func(ix *arrowidx.Index) error {
			out := arrowidxtest.GraphOf(n, 3)
			_, err := ix.Neighbors(ctx, arrowidx.NeighborsParams{K: 3}, &out)
			return err
		},
		"recall": func(ix *arrowidx.Index) error {
			_, err := ix.MeasureRecall(ctx, arrowidx.RecallParams{K: 2, Sample: 5})
			return err
		},
		"calibrate": func(ix *arrowidx.Index) error {
			if ix.Kind() != arrowidx.IVF {
				return ix.Row(0, make([]float32, d))
			}
			return ix.Calibrate(ctx, arrowidx.CalibrateParams{Queries: q, NQ: 2})
		},
		"row": func(ix *arrowidx.Index) error { return ix.Row(0, make([]float32, d)) },
		"vectors": func(ix *arrowidx.Index) error {
			return ix.Vectors(arrowidxtest.Positions(1, 2), make([]float32, 2*d))
		},
		"matrix":    func(ix *arrowidx.Index) error { return ix.Matrix(make([]float32, n*d), n) },
		"save":      func(ix *arrowidx.Index) error { return ix.Encode(ctx, io.Discard, true) },
		"check":     (*arrowidx.Index).Unchanged,
		"bare":      func(ix *arrowidx.Index) error { return ix.Encode(ctx, io.Discard, false) },
		"estimates": search(func(p *arrowidx.SearchParams) { p.Estimates = true }),
	}
}

func TestEveryVerbNoticesThatAllRowsChanged(t *testing.T) {
	const n, d = 700, 24
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 912), n, d, 10)
	l := lend(t, n, arrowidxtest.FixedSizeList(rows, d, nil))
	defer l.col.Release()
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		for name, verb := range verbs(t, l, d) {
			ix := indexOf(t, l.col, kind, arrowidx.Cosine)
			require.NoError(t, verb(ix), "%s %s", kind, name)
			l.change(everyRow(n, 1)...)
			requireChanged(t, verb(ix), "%s %s", kind, name)
			l.restore()
			require.NoError(t, verb(ix), "%s %s", kind, name)
			ix.Close()
		}
	}
}

func TestEveryWayToBorrowIsWatched(t *testing.T) {
	const n, d = 500, 16
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 913), n, d, 10)
	l := lend(t, n, arrowidxtest.FixedSizeList(rows, d, nil))
	other := lend(t, n, arrowidxtest.FixedSizeList(slices.Clone(rows[d:]), d, nil),
		arrowidxtest.FixedSizeList(rows[:d], d, nil))
	bare, err := arrowidx.Build(t.Context(), l.col,
		arrowidx.BuildOptions{Kind: arrowidx.Flat, Keep: arrowidx.KeepNone})
	require.NoError(t, err)
	p := arrowidx.SearchParams{Queries: rows[:d], NQ: 1, K: 1, Rerank: -1, Source: l.col}
	out := arrowidxtest.Outputs(1, 1)
	with := func() error {
		_, err := bare.Search(t.Context(), &p, &out)
		return err
	}
	for range 3 {
		require.NoError(t, with())
		l.change(everyRow(n, 1)...)
		requireChanged(t, with(), "brought by a search")
		l.restore()
	}
	p.Source = other.col
	var e *arrowidx.Error
	require.ErrorAs(t, with(), &e)
	require.Equal(t, arrowidx.VectorsChanged, e.Kind, "rows of another order")
	require.NoError(t, bare.Attach(l.col))
	require.NoError(t, l.ask(t, bare, 1))
	l.change(everyRow(n, 1)...)
	requireChanged(t, l.ask(t, bare, 1), "attached")
	require.Error(t, bare.Attach(l.col))
	l.restore()

	grown := indexOf(t, l.col, arrowidx.Flat, arrowidx.L2)
	more := arrowidxtest.Column(t, rows[:20*d], d, 1)
	_, err = grown.Add(t.Context(), nil, more, arrowidx.AddOptions{})
	require.NoError(t, err)
	require.NoError(t, l.ask(t, grown, 1))
	l.change(everyRow(n, 1)...)
	requireChanged(t, l.ask(t, grown, 1), "rows were added")
	requireChanged(t, grown.Compact(t.Context(), 1), "to be joined")
	l.restore()
	require.NoError(t, grown.Compact(t.Context(), 1))
	require.NoError(t, l.ask(t, grown, 1))
	l.change(everyRow(n, 1)...)
	requireChanged(t, l.ask(t, grown, 1), "joined")
}

func TestRowsThatNobodyCanFindMayChange(t *testing.T) {
	const n, d, searches = 180, 8, 80
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 914), n, d)
	valid := make([]bool, n)
	var null, gone []int
	ids := []int64{}
	for i := range valid {
		valid[i] = i%3 != 0
		if !valid[i] {
			null = append(null, i)
		} else if i%3 == 1 {
			gone, ids = append(gone, i), append(ids, int64(i))
		}
	}
	l := lend(t, n, arrowidxtest.FixedSizeList(rows, d, valid))
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		ix, err := arrowidx.Build(t.Context(), l.col, arrowidx.BuildOptions{
			Kind: kind, Nulls: arrowidx.SkipNulls})
		require.NoError(t, err)
		_, err = ix.Delete(arrowidxtest.Positions(ids...), false)
		require.NoError(t, err)
		l.change(append(null, gone...)...)
		for range searches {
			require.NoError(t, l.ask(t, ix, 5), kind)
		}
		l.restore()
		l.change(2)
		noticed := false
		for range searches {
			noticed = noticed || l.ask(t, ix, 5) != nil
		}
		require.True(t, noticed, "the few rows that are left all have their turn")
		l.restore()
		ix.Close()
	}
}

func TestCopiesNeedNoWatch(t *testing.T) {
	const n, d = 400, 8
	rows := arrowidxtest.Gaussian(arrowidxtest.Rand(t, 915), n, d)
	l := lend(t, n, arrowidxtest.FixedSizeList(rows, d, nil))
	ix, err := arrowidx.Build(t.Context(), l.col, arrowidx.BuildOptions{
		Kind: arrowidx.Flat, Keep: arrowidx.KeepCopy})
	require.NoError(t, err)
	defer ix.Close()
	l.change(everyRow(n, 1)...)
	for range 40 {
		require.NoError(t, l.ask(t, ix, 3))
	}
}

func TestManyThreadsNoticeAndAnswersDoNotDependOnTurns(t *testing.T) {
	const n, d, threads = 5000, 32, 6
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 916), n, d, 50)
	l := lend(t, n, arrowidxtest.FixedSizeList(rows, d, nil))
	ix := indexOf(t, l.col, arrowidx.Flat, arrowidx.Cosine)
	defer ix.Close()
	run := func(check func(out arrowidx.SearchOut, err error)) {
		var wait sync.WaitGroup
		for range threads {
			wait.Go(func() {
				for range 50 {
					out := arrowidxtest.Outputs(1, 5)
					_, err := ix.Search(t.Context(), &arrowidx.SearchParams{
						Queries: rows[:d], NQ: 1, K: 5, Rerank: -1}, &out)
					check(out, err)
				}
			})
		}
		wait.Wait()
	}
	first, _ := arrowidxtest.Search(t, ix,
		arrowidx.SearchParams{Queries: rows[:d], NQ: 1, K: 5, Rerank: -1})
	var mu sync.Mutex
	wrong, silent := 0, 0
	run(func(out arrowidx.SearchOut, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil || arrowidxtest.Unequal(first, out) != "" {
			wrong++
		}
	})
	l.change(everyRow(n, 1)...)
	run(func(_ arrowidx.SearchOut, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			silent++
		}
	})
	require.Zero(t, wrong)
	require.Zero(t, silent)
}
