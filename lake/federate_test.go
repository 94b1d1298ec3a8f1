package lake_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// idsOf makes n ids of a kind, shuffled, so that they are never positions.
func idsOf(t testing.TB, r *rand.Rand, kind arrowidx.IDKind, n int) arrow.Array {
	t.Helper()
	order := r.Perm(3 * n)[:n]
	switch kind {
	case arrowidx.IDString:
		b := array.NewStringBuilder(memory.DefaultAllocator)
		for _, v := range order {
			b.Append(fmt.Sprintf("r%d", v))
		}
		return b.NewArray()
	case arrowidx.IDUint64:
		b := array.NewUint64Builder(memory.DefaultAllocator)
		for _, v := range order {
			b.Append(math.MaxUint64 - uint64(v))
		}
		return b.NewArray()
	}
	b := array.NewInt64Builder(memory.DefaultAllocator)
	for _, v := range order {
		b.Append(int64(v) - int64(n))
	}
	return b.NewArray()
}

// put stores rows under ids in a local store.
func put(t testing.TB, s *store.Local, collection string, names arrow.Array, rows []float32) {
	t.Helper()
	ids, err := arrowidx.NewIDs(names)
	require.NoError(t, err)
	col, err := arrowidx.MatrixColumn(rows, ids.Len(), len(rows)/max(1, ids.Len()))
	require.NoError(t, err)
	defer col.Release()
	require.NoError(t, s.Put(context.Background(), collection, ids, col))
}

func localStore(t testing.TB, id string) *store.Local {
	t.Helper()
	s, err := store.NewLocal(id)
	require.NoError(t, err)
	return s
}

// federate asks collections for the k nearest of one query.
func federate(
	t testing.TB, l *lake.Lake, query []float32, k int, o lake.FederatedOptions,
) *lake.Federated {
	t.Helper()
	f, err := l.SearchFederated(context.Background(), federated(query, k), o)
	require.NoError(t, err)
	return f
}

func federated(query []float32, k int) *lake.Query {
	return &lake.Query{SearchParams: arrowidx.SearchParams{Queries: query, NQ: 1, K: k}}
}

// shardRow says which row of which target a row of the union is.
type shardRow struct {
	target int
	id     string
}

// At recall 1 the scores are those of one index over all rows, and so are the rows, up to those of
// one score, which come in the order of targets.
func TestAFederatedSearchIsOneOverTheUnion(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	kinds := []arrowidx.IDKind{arrowidx.IDInt64, arrowidx.IDUint64, arrowidx.IDString}
	for trial := range 60 {
		dim, shards := 1+r.IntN(9), 1+r.IntN(6)
		o := lake.Defaults()
		o.Recall = 1
		o.Metric = []arrowidx.Metric{arrowidx.L2, arrowidx.Cosine, arrowidx.Dot}[trial%3]
		o.Kind = []arrowidx.Kind{arrowidx.Auto, arrowidx.Flat}[trial/3%2]
		coarse := trial%4 == 0 // many rows of one score
		s := localStore(t, "s")
		l := open(t, o, s)
		var union []float32
		var rows []shardRow
		var targets []backend.Key
		for i := range shards {
			n := 1 + r.IntN(120)
			values := make([]float32, n*dim)
			for j := range values {
				if values[j] = float32(r.NormFloat64()); coarse {
					values[j] = 1 + float32(r.IntN(3))
				}
			}
			names := idsOf(t, r, kinds[r.IntN(3)], n)
			collection := fmt.Sprintf("c%d", i)
			put(t, s, collection, names, values)
			targets = append(targets, key("s", collection))
			for j := range n {
				rows = append(rows, shardRow{i, names.ValueStr(j)})
			}
			union = append(union, values...)
		}
		whole := unionIndex(t, union, dim, o)
		query := make([]float32, dim)
		for j := range query {
			query[j] = float32(r.NormFloat64())
		}
		k := 1 + r.IntN(len(rows)+3)
		want, _, err := whole.SearchOne(context.Background(), query, k)
		require.NoError(t, err)
		got := federate(t, l, query, k, lake.FederatedOptions{Targets: targets})
		requireUnion(t, want, rows, got)
		all := federate(t, l, query, k, lake.FederatedOptions{})
		require.Equal(t, got.Of(0), all.Of(0), "all collections are the targets")
	}
}

func unionIndex(t *testing.T, values []float32, dim int, o lake.Options) *arrowidx.Index {
	t.Helper()
	col, err := arrowidx.MatrixColumn(values, len(values)/dim, dim)
	require.NoError(t, err)
	defer col.Release()
	ix, err := arrowidx.Build(context.Background(), col, arrowidx.BuildOptions{
		Metric: o.Metric, Kind: arrowidx.Exact, Recall: 1, Seed: o.RotationSeed})
	require.NoError(t, err)
	t.Cleanup(ix.Close)
	return ix
}

// requireUnion compares an answer with that of an index over all rows. Scores are rounded, and the
// index orders rows before that: of one score, the rows are compared as a set.
func requireUnion(t *testing.T, want []arrowidx.Hit, rows []shardRow, got *lake.Federated) {
	t.Helper()
	hits := got.Of(0)
	require.Len(t, hits, len(want))
	for at := 0; at < len(want); {
		end := at
		for end < len(want) && want[end].Score == want[at].Score {
			require.Equal(t, want[end].Score, hits[end].Score)
			require.True(t, end == at || hits[end-1].Target <= hits[end].Target, "order of targets")
			end++
		}
		if end < len(want) { // of the last score, others may be as good
			var wanted, found []shardRow
			for i := at; i < end; i++ {
				wanted = append(wanted, rows[want[i].Row])
				found = append(found, shardRow{hits[i].Target, hits[i].ID.String()})
			}
			require.ElementsMatch(t, wanted, found)
		}
		at = end
	}
}

func TestAFederatedSearchOfOneTargetIsItsOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := localStore(t, "s")
	l := open(t, lake.Defaults(), s)
	values := make([]float32, 300*2)
	for i := range values {
		values[i] = float32(r.IntN(9)) // many ties
	}
	put(t, s, "c", idsOf(t, r, arrowidx.IDInt64, 300), values)
	for k := range 40 {
		want, err := ask(l, "s", "c", []float32{4, 4}, k)
		require.NoError(t, err)
		got := federate(t, l, []float32{4, 4}, k,
			lake.FederatedOptions{Targets: []backend.Key{key("s", "c")}})
		require.Len(t, got.Of(0), len(want.IDs))
		for i, h := range got.Of(0) {
			require.Equal(t, want.IDs[i], int64(h.ID.Number))
			require.Equal(t, want.Scores[i], h.Score)
		}
	}
}

func TestABatchIsItsQueriesOneByOne(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	s := localStore(t, "s")
	l := open(t, lake.Defaults(), s)
	for i := range 3 {
		values := make([]float32, 200*4)
		for j := range values {
			values[j] = float32(r.NormFloat64())
		}
		put(t, s, fmt.Sprint("c", i), idsOf(t, r, arrowidx.IDString, 200), values)
	}
	queries := make([]float32, 7*4)
	for i := range queries {
		queries[i] = float32(r.NormFloat64())
	}
	q := federated(queries, 5)
	q.NQ = 7
	batch, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	for i := range 7 {
		single := federate(t, l, queries[i*4:i*4+4], 5, lake.FederatedOptions{})
		assert.Equal(t, single.Of(0), batch.Of(i))
	}
	assert.Equal(t, int64(7), batch.Plan.Queries)
	assert.Equal(t, int64(600), batch.Plan.Rows)
	assert.Positive(t, batch.Plan.Total)
}

func TestIDsFilterEveryTarget(t *testing.T) {
	s := localStore(t, "s")
	l := open(t, lake.Defaults(), s)
	put(t, s, "c0", int64s(1, 2, 3, 4), line(4, 0))
	put(t, s, "c1", int64s(3, 4, 5, 6), line(4, .5))
	put(t, s, "text", idsOf(t, rand.New(rand.NewPCG(1, 1)), arrowidx.IDString, 4), line(4, 0))
	q := federated([]float32{0, 0}, 5)
	q.IDs = int64s(3, 6)
	f, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	var found []string
	for _, h := range f.Of(0) {
		found = append(found, fmt.Sprint(f.Targets[h.Target].Collection, " ", h.ID))
	}
	assert.Equal(t, []string{"c1 3", "c0 3", "c1 6"}, found)
	q.IDs = int64s(3, 9, 7)
	_, err = l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	requireFault(t, err, fault.UnknownID, "2 of 3 ids", "first 9")
	missing := []backend.Key{key("s", "c0"), key("s", "gone")}
	f, err = l.SearchFederated(context.Background(), q,
		lake.FederatedOptions{Targets: missing, Partial: true})
	require.NoError(t, err, "the collection that does not answer may have them")
	assert.Len(t, f.Of(0), 1)
	q.IDs = array.NewNull(2)
	_, err = l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	requireFault(t, err, fault.InvalidArgument, "null")
}

func TestCopiesOfACollectionAreAnsweredOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	a, b := localStore(t, "a"), localStore(t, "b")
	l := open(t, lake.Defaults(), a, b)
	names := idsOf(t, r, arrowidx.IDInt64, 30)
	for _, s := range []*store.Local{a, b} {
		put(t, s, "c", names, line(30, 0))
		put(t, s, "only-"+s.ID(), names, line(30, 0))
	}
	f := federate(t, l, []float32{0, 0}, 6, lake.FederatedOptions{})
	assert.Len(t, f.Of(0), 6)
	assert.Equal(t, []int{0, 1, 2, 3}, targetsOf(f.Of(0)[:4]), "four rows of one score")
	f = federate(t, l, []float32{0, 0}, 90, lake.FederatedOptions{Dedupe: true})
	assert.Len(t, f.Of(0), 90, "30 rows under three names")
	for _, h := range f.Of(0) {
		assert.NotEqual(t, key("b", "c"), f.Targets[h.Target], "the first copy answers")
	}
}

func targetsOf(hits []lake.Hit) []int {
	var all []int
	for _, h := range hits {
		all = append(all, h.Target)
	}
	return all
}

func TestAFailingTargetIsNamedAndTheOthersAnswer(t *testing.T) {
	a, b := newFake("a"), newFake("b")
	a.put("c", 2, 0, line(5, 0))
	b.put("c", 2, 10, line(5, 0))
	b.onStamp = func(context.Context, string) error { return errors.New("connection refused") }
	l := open(t, lake.Defaults(), a, b)
	targets := []backend.Key{key("a", "c"), key("b", "c"), key("z", "c"), key("a", "gone")}
	q := federated([]float32{0, 0}, 3)
	_, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{Targets: targets})
	require.Error(t, err)
	assert.NotEqual(t, fault.Cancelled, fault.KindOf(err), "the cause, not what was stopped by it")
	f := federate(t, l, []float32{0, 0}, 3, lake.FederatedOptions{Targets: targets, Partial: true})
	assert.Equal(t, []int{0, 0, 0}, targetsOf(f.Of(0)))
	require.Len(t, f.Errors, 3)
	requireFault(t, f.Errors[key("b", "c")], fault.BackendError, "b/c", "connection refused")
	requireFault(t, f.Errors[key("z", "c")], fault.UnknownBackend, `"z"`)
	requireFault(t, f.Errors[key("a", "gone")], fault.UnknownCollection, "gone")

	f = federate(t, l, []float32{0, 0}, 3, lake.FederatedOptions{Partial: true})
	assert.Equal(t, []backend.Key{key("a", "c")}, f.Targets)
	requireFault(t, f.Errors[key("b", "c")], fault.BackendError, "connection refused")
	_, err = l.SearchFederated(context.Background(), q,
		lake.FederatedOptions{Targets: targets[1:3], Partial: true})
	requireFault(t, err, fault.BackendError, "b/c") // none answers: the first says why
	a.edit("c", func(t *table) { t.rows[3] = float32(math.NaN()); t.generation = bundle.Number(9) })
	f, err = l.SearchFederated(context.Background(), q,
		lake.FederatedOptions{Targets: targets[:2], Partial: true})
	assert.Nil(t, f)
	requireFault(t, err, fault.BackendError, "a/c")
}

func TestADeadlineEndsWhatHangs(t *testing.T) {
	for _, notices := range []bool{true, false} {
		a, b := newFake("a"), newFake("b")
		a.put("c", 2, 0, line(5, 0))
		b.put("c", 2, 10, line(5, 0))
		release := make(chan struct{})
		b.onStamp = func(ctx context.Context, _ string) error {
			if notices {
				<-ctx.Done()
				return ctx.Err()
			}
			<-release
			return nil
		}
		l := open(t, lake.Defaults(), a, b)
		targets := []backend.Key{key("b", "c"), key("a", "c")}
		for _, partial := range []bool{true, false} {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			began := time.Now()
			f, err := l.SearchFederated(ctx, federated([]float32{0, 0}, 3),
				lake.FederatedOptions{Targets: targets, Partial: partial})
			assert.Less(t, time.Since(began), 5*time.Second)
			cancel()
			if !partial {
				requireFault(t, err, fault.Cancelled, "b/c")
				continue
			}
			require.NoError(t, err)
			assert.Equal(t, []int{1, 1, 1}, targetsOf(f.Of(0)))
			requireFault(t, f.Errors[key("b", "c")], fault.Cancelled, "b/c")
		}
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := l.SearchFederated(ctx, federated([]float32{0, 0}, 3),
			lake.FederatedOptions{Targets: targets, Partial: true})
		assert.ErrorIs(t, err, context.Canceled, "who cancels wants no answer")
		close(release)
	}
}

func TestATargetThatPanicsIsOneThatFails(t *testing.T) {
	a := newFake("a")
	a.put("c", 2, 0, line(5, 0))
	a.put("d", 2, 0, line(5, 0))
	a.onStamp = func(_ context.Context, collection string) error {
		if collection == "d" {
			panic("boom")
		}
		return nil
	}
	l := open(t, lake.Defaults(), a)
	f := federate(t, l, []float32{0, 0}, 3, lake.FederatedOptions{Partial: true})
	assert.Len(t, f.Of(0), 3)
	requireFault(t, f.Errors[key("a", "d")], fault.BackendError, "a/d", "boom")
}

func TestManyTargetsAreOneSearch(t *testing.T) {
	a := newFake("a")
	for i := range 300 {
		a.put(fmt.Sprintf("c%03d", i), 2, int64(1000*i), line(3, float32(i)))
	}
	l := open(t, lake.Defaults(), a)
	f := federate(t, l, []float32{0, 0}, 4, lake.FederatedOptions{})
	require.Len(t, f.Targets, 300)
	scores := []float32{}
	for _, h := range f.Of(0) {
		scores = append(scores, h.Score)
	}
	assert.Equal(t, []float32{0, 1, 1, 2}, scores)
	assert.Equal(t, int64(300), a.pulls.Load())
}

func TestQueriesThatNoSeveralCollectionsAnswerAreRefused(t *testing.T) {
	a := newFake("a")
	a.put("c", 2, 0, line(5, 0))
	l := open(t, lake.Defaults(), a)
	twice := []backend.Key{key("a", "c"), key("a", "c")}
	for says, change := range map[string]func(q *lake.Query, o *lake.FederatedOptions){
		"Mask":          func(q *lake.Query, _ *lake.FederatedOptions) { q.Mask = []byte{1} },
		"Rows":          func(q *lake.Query, _ *lake.FederatedOptions) { q.Rows = []int64{1} },
		"Diversity":     func(q *lake.Query, _ *lake.FederatedOptions) { q.Diversity = .5 },
		"Estimates":     func(q *lake.Query, _ *lake.FederatedOptions) { q.Estimates = true },
		"k = -1":        func(q *lake.Query, _ *lake.FederatedOptions) { q.K = -1 },
		"rerank factor": func(q *lake.Query, _ *lake.FederatedOptions) { q.RerankFactor = -1 },
		"NQ":            func(q *lake.Query, _ *lake.FederatedOptions) { q.NQ = 0 },
		"second time":   func(_ *lake.Query, o *lake.FederatedOptions) { o.Targets = twice },
	} {
		q, o := federated([]float32{0, 0}, 3), lake.FederatedOptions{}
		change(q, &o)
		_, err := l.SearchFederated(context.Background(), q, o)
		requireFault(t, err, fault.InvalidArgument, says)
	}
	q := federated([]float32{0, 0, 1}, 3)
	q.NQ = 2
	_, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	requireFault(t, err, fault.DimensionMismatch, "3 numbers")
	_, err = l.SearchFederated(context.Background(), federated([]float32{0, 0, 1}, 3),
		lake.FederatedOptions{Targets: twice[:1]})
	requireFault(t, err, fault.DimensionMismatch, "a/c")
	f := federate(t, l, []float32{0, 0}, math.MaxInt, lake.FederatedOptions{})
	assert.Len(t, f.Of(0), 5, "more than all rows are all rows")
	assert.Equal(t, 5, f.K)
	f = federate(t, l, []float32{0, 0}, 0, lake.FederatedOptions{})
	assert.Empty(t, f.Of(0))
	l.Close()
	_, err = l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.Error(t, err)
}

// Each target measures k' rows times its factor, as the plan says.
func TestTargetsMeasureTheirShare(t *testing.T) {
	s := newFake("s")
	o := lake.Defaults()
	o.Kind = arrowidx.Flat
	l := open(t, o, s)
	for i := range 4 {
		s.put(fmt.Sprint("c", i), 16, 0, arrowidxtest.Clustered(arrowidxtest.Rand(t, 2), 4000, 16, 20))
	}
	query := make([]float32, 16)
	f := federate(t, l, query, 10, lake.FederatedOptions{})
	assert.Equal(t, int64(4*14*5), f.Plan.Reranked)
	q := federated(query, 10)
	q.RerankFactor = 40
	f, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	assert.Equal(t, int64(4*14*10), f.Plan.Reranked)
	q.RerankFactor = 2
	f, err = l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	assert.Equal(t, int64(4*14*2), f.Plan.Reranked)
	q.Recall, q.RerankFactor = 1, 0
	f, err = l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	assert.True(t, slices.IsSortedFunc(f.Of(0), func(a, b lake.Hit) int {
		return int(math.Copysign(1, float64(a.Score-b.Score)))
	}))
}
