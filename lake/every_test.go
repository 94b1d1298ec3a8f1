package lake_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

func TestAllCollectionsOfTheDimensionAreSearched(t *testing.T) {
	a, u := newFake("a"), &unknowing{newFake("u")}
	a.put("two", 2, 0, line(5, 0))
	a.put("three", 3, 0, []float32{1, 2, 3})
	u.put("two", 2, 10, line(5, 0))
	u.put("four", 4, 0, []float32{1, 2, 3, 4})
	l := open(t, lake.Defaults(), a, u)
	f := federate(t, l, []float32{0, 0}, 3, lake.FederatedOptions{})
	assert.Equal(t, []backend.Key{key("a", "two"), key("u", "two")}, f.Targets)
	assert.Equal(t, int64(1), a.pulls.Load(), "what has another dimension is not pulled")

	_, err := l.SearchFederated(context.Background(), federated(make([]float32, 7), 3),
		lake.FederatedOptions{})
	requireFault(t, err, fault.DimensionMismatch, "no collection has 7 dimensions", "[2 3 4]")
	none := open(t, lake.Defaults())
	_, err = none.SearchFederated(context.Background(), federated([]float32{0, 0}, 3),
		lake.FederatedOptions{})
	requireFault(t, err, fault.UnknownCollection, "no collection")
	f = federate(t, none, []float32{0, 0}, 3, lake.FederatedOptions{Targets: []backend.Key{}})
	assert.Empty(t, f.Of(0))
}

func TestUnderFrozenAllIsWhatIsInTheCache(t *testing.T) {
	a, u := newFake("a"), &unknowing{newFake("u")}
	a.put("two", 2, 0, line(5, 0))
	a.put("three", 3, 0, []float32{1, 2, 3})
	u.put("two", 2, 10, line(5, 0))
	l := open(t, frozen(), a, u)
	_, err := l.SearchFederated(context.Background(), federated([]float32{0, 0}, 3),
		lake.FederatedOptions{})
	requireFault(t, err, fault.CacheMiss, "nothing is in the cache")
	for _, k := range []backend.Key{key("a", "two"), key("a", "three"), key("u", "two")} {
		prime(t, l, k)
	}
	a.put("more", 2, 0, line(5, 0))
	asked := a.stamps.Load() + u.stamps.Load()
	want := []backend.Key{key("a", "two"), key("u", "two")}
	assert.Equal(t, want, federate(t, l, []float32{0, 0}, 3, lake.FederatedOptions{}).Targets)
	assert.Equal(t, asked, a.stamps.Load()+u.stamps.Load(), "no store is asked")
	_, err = l.SearchFederated(context.Background(), federated([]float32{0, 0}, 3),
		lake.FederatedOptions{Targets: []backend.Key{key("a", "two"), key("a", "more")}})
	requireFault(t, err, fault.CacheMiss, "a/more")

	dir := t.TempDir()
	save(t, l, key("a", "two"), dir)
	reader := open(t, frozen())
	warm(t, reader, key("a", "two"), dir)
	f := federate(t, reader, []float32{0, 0}, 3, lake.FederatedOptions{})
	assert.Equal(t, want[:1], f.Targets, "warmed without a store")
}

// silent is a store that does not say what it has, or of which dimension.
type silent struct {
	*fake
	lists bool
}

func (s *silent) Collections(ctx context.Context) ([]string, error) {
	if s.lists {
		return s.fake.Collections(ctx)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *silent) Stamp(ctx context.Context, _ string) (backend.Stamp, error) {
	<-ctx.Done()
	return backend.Stamp{}, ctx.Err()
}

func TestAStoreThatHangsLeavesTimeForTheOthers(t *testing.T) {
	for _, lists := range []bool{true, false} {
		a, b := newFake("a"), &silent{newFake("b"), lists}
		a.put("c", 2, 0, line(5, 0))
		b.put("c", 2, 0, line(5, 0))
		l := open(t, lake.Defaults(), a, b)
		ctx, cancel := context.WithTimeout(context.Background(), 900*time.Millisecond)
		f, err := l.SearchFederated(ctx, federated([]float32{0, 0}, 3),
			lake.FederatedOptions{Partial: true})
		cancel()
		require.NoError(t, err)
		assert.Equal(t, []backend.Key{key("a", "c")}, f.Targets)
		assert.Len(t, f.Of(0), 3)
		failed := key("b", "")
		if lists {
			failed = key("b", "c")
		}
		requireFault(t, f.Errors[failed], fault.Cancelled, "b")
	}
}
