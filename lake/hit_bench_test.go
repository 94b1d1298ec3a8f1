package lake_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// hot is a collection of a lake that is in the cache, and a direct index of the same rows.
type hot struct {
	target  *lake.Target
	direct  *arrowidx.Index
	queries []float32
	d       int
}

func newHot(t testing.TB, n, d int) *hot {
	rows := arrowidxtest.Clustered(arrowidxtest.Rand(t, 9), n+200, d, 100)
	col := arrowidxtest.Column(t, rows[:n*d], d, 1)
	b := array.NewInt64Builder(memory.DefaultAllocator)
	for i := range n {
		b.Append(int64(3*i + 1))
	}
	ids, err := arrowidx.NewIDs(b.NewArray())
	require.NoError(t, err)
	local, err := store.NewLocal("local")
	require.NoError(t, err)
	require.NoError(t, local.Put(t.Context(), "docs", ids, col))
	l := open(t, lake.Defaults(), local)
	o := l.Options()
	direct, err := arrowidx.Build(t.Context(), col, arrowidx.BuildOptions{
		Metric: o.Metric, Recall: o.Recall, Seed: o.RotationSeed, IDs: ids})
	require.NoError(t, err)
	t.Cleanup(direct.Close)
	target := l.Target(key("local", "docs"))
	require.NoError(t, target.Prime(t.Context()))
	return &hot{target, direct, rows[n*d:], d}
}

func (h *hot) params(i int) arrowidx.SearchParams {
	at := i % 200 * h.d
	return arrowidx.SearchParams{Queries: h.queries[at : at+h.d], NQ: 1, K: 10, Threads: 1}
}

// search is one query by way of the lake.
func (h *hot) search(t testing.TB, i int, out *arrowidx.SearchOut) {
	q := lake.Query{SearchParams: h.params(i)}
	if _, err := h.target.Search(t.Context(), &q, out); err != nil {
		t.Fatal(err)
	}
}

// ask is the same query of the index.
func (h *hot) ask(t testing.TB, i int, out *arrowidx.SearchOut) {
	p := h.params(i)
	p.Rerank = 200
	if _, err := h.direct.Search(t.Context(), &p, out); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkHit times single queries of a lake and of an index directly, in turns: the ratio of the
// medians.
func BenchmarkHit(b *testing.B) {
	for _, size := range []struct {
		name string
		n, d int
	}{
		{"exact-1000x64", 1000, 64}, {"flat-20000x128", 20_000, 128},
		{"flat-100000x128", 100_000, 128},
	} {
		b.Run(size.name, func(b *testing.B) {
			h := newHot(b, size.n, size.d)
			out := arrowidxtest.Outputs(1, 10)
			var took [2][]time.Duration
			for i := 0; b.Loop(); i++ {
				for turn := range 2 {
					which := (turn + i) % 2
					begun := time.Now()
					if which == 0 {
						h.search(b, i, &out)
					} else {
						h.ask(b, i, &out)
					}
					took[which] = append(took[which], time.Since(begun))
				}
			}
			lakes, direct := median(took[0]), median(took[1])
			b.ReportMetric(float64(lakes.Nanoseconds())/1e3, "lake-us")
			b.ReportMetric(float64(direct.Nanoseconds())/1e3, "direct-us")
			b.ReportMetric(float64(lakes)/float64(direct), "ratio")
			b.ReportMetric(float64((lakes - direct).Nanoseconds()), "more-ns")
		})
	}
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}

// BenchmarkClients times queries of one client and of eight at once, in turns.
func BenchmarkClients(b *testing.B) {
	h := newHot(b, 20_000, 128)
	const queries = 400
	run := func(clients int) time.Duration {
		begun := time.Now()
		var wait sync.WaitGroup
		for c := range clients {
			wait.Go(func() {
				out := arrowidxtest.Outputs(1, 10)
				for i := range queries / clients {
					h.search(b, c+i, &out)
				}
			})
		}
		wait.Wait()
		return time.Since(begun)
	}
	var took [2][]time.Duration
	for b.Loop() {
		took[0] = append(took[0], run(1))
		took[1] = append(took[1], run(8))
	}
	b.ReportMetric(float64(median(took[0]))/float64(median(took[1])), "x-of-one-client")
}

func TestAHitAllocatesNothing(t *testing.T) {
	h := newHot(t, 1000, 16)
	out := arrowidxtest.Outputs(1, 10)
	q, p := lake.Query{SearchParams: h.params(1)}, h.params(1)
	p.Rerank = 200
	ctx := t.Context()
	runs := 500
	direct := testing.AllocsPerRun(runs, func() { _, _ = h.direct.Search(ctx, &p, &out) })
	lakes := testing.AllocsPerRun(runs, func() { _, _ = h.target.Search(ctx, &q, &out) })
	if !raced { // the race detector has pools forget things
		assert.Equal(t, direct, lakes)
	}
}
