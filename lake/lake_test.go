package lake_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// kindOf asserts that an error has a kind and says all of the words.
func requireFault(t testing.TB, err error, kind fault.Kind, words ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	for _, word := range words {
		require.ErrorContains(t, err, word)
	}
}

func TestALakeAnswersAsAnIndexOfTheSameRows(t *testing.T) {
	r := arrowidxtest.Rand(t, 1)
	const n, d, k = 3000, 16, 10
	for _, metric := range []arrowidx.Metric{arrowidx.L2, arrowidx.Cosine} {
		for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat} {
			for _, recall := range []float64{.95, 1} {
				o := lake.Defaults()
				o.Metric, o.Kind, o.Recall = metric, kind, recall
				f := newFake("b")
				f.put("c", d, 1<<40, arrowidxtest.Clustered(r, n, d, 20))
				l := open(t, o, f)
				state, err := f.table("c")
				require.NoError(t, err)
				ix, err := state.index(o)
				require.NoError(t, err)
				defer ix.Close()
				queries := arrowidxtest.Gaussian(r, 7, d)
				p := arrowidx.SearchParams{Queries: queries, NQ: 7, K: k}
				want, got := arrowidxtest.Outputs(7, k), arrowidxtest.Outputs(7, k)
				if recall < 1 {
					p.Rerank = 20 * k
				}
				_, err = ix.Search(t.Context(), &p, &want)
				require.NoError(t, err)
				q := lake.Query{SearchParams: arrowidx.SearchParams{Queries: queries, NQ: 7, K: k}}
				plan, err := l.Target(key("b", "c")).Search(t.Context(), &q, &got)
				require.NoError(t, err)
				require.Equal(t, int64(7), plan.Queries)
				require.Equal(t, want.Rows, got.Rows)
				require.Equal(t, want.Scores, got.Scores)
				require.Equal(t, strconvID(want, 0), strconvID(got, 0))
				require.Equal(t, 0, q.Rerank, "the query is the caller's")
			}
		}
	}
}

func strconvID(out arrowidx.SearchOut, i int) string { return out.IDs.Plain(out.Rows[i]) }

func TestRerankOfASearchIsTheFactorTimesK(t *testing.T) {
	o := lake.Defaults()
	o.Kind = arrowidx.Flat
	f := newFake("b")
	f.put("c", 16, 0, arrowidxtest.Clustered(arrowidxtest.Rand(t, 2), 4000, 16, 20))
	l := open(t, o, f)
	reranked := func(q lake.Query) int64 {
		q.SearchParams.Queries, q.NQ, q.K = make([]float32, 16), 1, 10
		out := arrowidxtest.Outputs(1, 10)
		plan, err := l.Target(key("b", "c")).Search(t.Context(), &q, &out)
		require.NoError(t, err)
		return plan.Reranked
	}
	assert.Equal(t, int64(200), reranked(lake.Query{}))
	assert.Equal(t, int64(30), reranked(lake.Query{RerankFactor: 3}))
	p := arrowidx.SearchParams{Rerank: 77}
	assert.Equal(t, int64(77), reranked(lake.Query{SearchParams: p}))
	p.Rerank = -1
	bounds := reranked(lake.Query{SearchParams: p})
	assert.NotEqual(t, int64(200), bounds)
	_, err := l.Target(key("b", "c")).Search(t.Context(), &lake.Query{RerankFactor: -1}, nil)
	requireFault(t, err, fault.InvalidArgument, "-1")
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	f := newFake("local")
	f.put("docs", 2, 0, line(3, 0))
	l := open(t, lake.Defaults(), f)
	_, err := ask(l, "other", "docs", []float32{0, 0}, 1)
	requireFault(t, err, fault.UnknownBackend, `"other"`, "local")
	_, err = ask(l, "local", "doc", []float32{0, 0}, 1)
	requireFault(t, err, fault.UnknownCollection, "local/doc")
	_, err = ask(l, "local", "docs", []float32{0, 0, 0}, 1)
	requireFault(t, err, fault.DimensionMismatch, "local/docs", "3", "2")
	empty := open(t, lake.Defaults(), f)
	_, err = askAs(t.Context(), empty, key("other", "docs"), one(1, in(lake.Frozen)))
	requireFault(t, err, fault.CacheMiss, "other/docs", "other")
	requireFault(t, l.Register(newFake("local")), fault.InvalidArgument, "local")
	requireFault(t, l.Register(nil), fault.InvalidArgument)
	requireFault(t, l.Register(newFake("a/b")), fault.LakeError, "a/b")
	l.Close()
	_, err = ask(l, "local", "docs", []float32{0, 0}, 1)
	requireFault(t, err, fault.LakeError, "closed")
	_, err = askAs(t.Context(), l, key("local", "docs"), one(1, in(lake.Frozen)))
	requireFault(t, err, fault.LakeError, "closed")
	requireFault(t, l.Register(newFake("new")), fault.LakeError, "closed")
}

func TestOptionsThatCannotBeAreRefused(t *testing.T) {
	for name, change := range map[string]func(*lake.Options){
		"rerank": func(o *lake.Options) { o.RerankFactor = -1 },
		"bytes":  func(o *lake.Options) { o.CacheBytes = -1 },
		"-2":     func(o *lake.Options) { o.CacheEntries = -2 },
		"recall": func(o *lake.Options) { o.Recall = 1.5 },
		"thread": func(o *lake.Options) { o.Threads = -1 },
		"mode":   func(o *lake.Options) { o.Consistency.Mode = 9 },
		"live":   func(o *lake.Options) { o.Consistency.TTL = -time.Second },
		"metric": func(o *lake.Options) { o.Metric = 99 },
		"kind":   func(o *lake.Options) { o.Kind = 99 },
	} {
		o := lake.Defaults()
		change(&o)
		_, err := lake.New(o)
		require.ErrorContains(t, err, name)
	}
	l := open(t, lake.Options{})
	assert.Equal(t, 20, l.Options().RerankFactor)
	assert.Equal(t, .95, l.Options().Recall)
	requireFault(t, l.SetConsistency(key("b", "c"), &lake.Consistency{Mode: 7}), fault.InvalidArgument)
}

func TestAnOmittedBackendMustBeTheOnlyOne(t *testing.T) {
	a, b := newFake("a"), newFake("b")
	a.put("both", 2, 0, line(1, 0))
	b.put("both", 2, 0, line(1, 0))
	b.put("mine", 2, 0, line(1, 0))
	l := open(t, lake.Defaults(), a, b)
	got, err := l.Resolve(t.Context(), "mine")
	require.NoError(t, err)
	assert.Equal(t, key("b", "mine"), got)
	_, err = l.Resolve(t.Context(), "both")
	requireFault(t, err, fault.InvalidArgument, "a, b")
	_, err = l.Resolve(t.Context(), "none")
	requireFault(t, err, fault.UnknownCollection, "none")
	keys, err := l.Collections(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"a/both", "b/both", "b/mine"},
		[]string{keys[0].String(), keys[1].String(), keys[2].String()})
	assert.Equal(t, []string{"a", "b"}, l.Backends())
}

func TestTheWitnessIsThatOfTheDocument(t *testing.T) {
	f := newFake("b")
	f.put("c", 2, 0, line(4, 0))
	l := open(t, lake.Defaults(), f)
	target := l.Target(key("b", "c"))
	_, has := target.Witness()
	assert.False(t, has)
	require.NoError(t, target.Prime(context.Background()))
	witness, _ := target.Witness()
	assert.Equal(t, bundle.Witness2("fake://b/c", 2, 42, 20, bundle.Number(1)), witness)
	e, _ := target.Entry()
	assert.Equal(t, 4, e.Rows)
	assert.Equal(t, 2, e.Dim)
	assert.Equal(t, arrowidx.Exact, e.Kind)
	assert.Equal(t, arrowidx.IDInt64, e.IDs)
	assert.Positive(t, e.ResidentBytes)
}
