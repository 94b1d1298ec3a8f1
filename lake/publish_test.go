package lake_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
)

func frozen() lake.Options {
	o := lake.Defaults()
	o.Consistency.Mode = lake.Frozen
	return o
}

// namesOf asks for the k nearest rows of a collection and returns what they are called.
func namesOf(t testing.TB, l *lake.Lake, k backend.Key, query []float32, n int) []string {
	t.Helper()
	out := arrowidxtest.Outputs(1, n)
	_, err := l.Target(k).Search(context.Background(), federated(query, n), &out)
	require.NoError(t, err)
	names := []string{}
	for _, row := range out.Rows[:out.Counts[0]] {
		names = append(names, out.IDs.Plain(row))
	}
	return names
}

func prime(t testing.TB, l *lake.Lake, k backend.Key) {
	t.Helper()
	require.NoError(t, l.Target(k).Prime(context.Background()))
}

func save(t testing.TB, l *lake.Lake, k backend.Key, dir string) string {
	t.Helper()
	path, err := l.Save(context.Background(), k, dir)
	require.NoError(t, err)
	return path
}

func warm(t testing.TB, l *lake.Lake, k backend.Key, dir string) int64 {
	t.Helper()
	rows, err := l.Warm(context.Background(), k, dir)
	require.NoError(t, err)
	return rows
}

// The rows that a warm reader finds have the names that the publisher's have.
func TestNamesOfRowsSurviveAWarmRestart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	kinds := []arrowidx.IDKind{arrowidx.IDInt64, arrowidx.IDUint64, arrowidx.IDString}
	for _, kind := range kinds {
		s := localStore(t, "s")
		names := idsOf(t, r, kind, 40)
		put(t, s, "c", names, line(40, 0))
		publisher, reader := open(t, lake.Defaults(), s), open(t, frozen())
		prime(t, publisher, key("s", "c"))
		dir := t.TempDir()
		save(t, publisher, key("s", "c"), dir)
		assert.Equal(t, int64(40), warm(t, reader, key("s", "c"), dir))
		var want []string
		for i := range 40 {
			want = append(want, names.ValueStr(i))
		}
		assert.Equal(t, want, namesOf(t, reader, key("s", "c"), []float32{-1, 0}, 40))
		stats := reader.Stats()
		assert.Equal(t, int64(1), stats.WarmInstalls)
		assert.Zero(t, stats.Primes)
		entry, ok := reader.Target(key("s", "c")).Entry()
		require.True(t, ok)
		assert.Equal(t, kind, entry.IDs)
	}
}

// What is saved is one state, also when the store has gone on.
func TestWhatIsSavedIsOfOneState(t *testing.T) {
	f := newFake("f")
	f.put("c", 2, 100, line(5, 0))
	k := key("f", "c")
	publisher := open(t, lake.Defaults(), f)
	prime(t, publisher, k)
	f.put("c", 2, 200, line(6, 0))
	dir := t.TempDir()
	save(t, publisher, k, dir)
	b, err := bundle.Read(dir)
	require.NoError(t, err)
	assert.Equal(t, bundle.Number(1), b.Generation, "that of the index, not what the store has now")
	assert.Equal(t, int64(5), b.Content.Rows)

	reader := open(t, frozen())
	warm(t, reader, k, dir)
	assert.Equal(t, []string{"100"}, namesOf(t, reader, k, []float32{0, 0}, 1))
	pulls := f.pulls.Load()
	fresh := open(t, lake.Defaults(), f)
	warm(t, fresh, k, dir)
	assert.Equal(t, []string{"200"}, namesOf(t, fresh, k, []float32{0, 0}, 1), "old is not fresh")
	assert.Equal(t, pulls+1, f.pulls.Load())
	again := open(t, lake.Defaults(), f)
	save(t, fresh, k, dir)
	warm(t, again, k, dir)
	assert.Equal(t, []string{"200"}, namesOf(t, again, k, []float32{0, 0}, 1))
	assert.Equal(t, pulls+1, f.pulls.Load(), "what is warm and fresh is not pulled")
}

// A store that began anew is not at fault for what a file says.
func TestAStoreBehindWhatWasSavedIsPulledFrom(t *testing.T) {
	f, k := newFake("f"), key("f", "c")
	f.put("c", 2, 100, line(5, 0))
	f.put("c", 2, 200, line(5, 0))
	publisher := open(t, lake.Defaults(), f)
	prime(t, publisher, k)
	dir := t.TempDir()
	save(t, publisher, k, dir)
	begun := newFake("f")
	begun.put("c", 2, 300, line(5, 0))
	reader := open(t, lake.Defaults(), begun)
	warm(t, reader, k, dir)
	assert.Equal(t, []string{"300"}, namesOf(t, reader, k, []float32{0, 0}, 1))
}

// Estimates depend on the rotation: they are the same to the last bit, of every kind of index.
func TestAWarmReaderAnswersAsThePublisher(t *testing.T) {
	for _, kind := range []arrowidx.Kind{arrowidx.Exact, arrowidx.Flat, arrowidx.IVF} {
		o := lake.Defaults()
		o.Kind, o.RotationSeed = kind, 99
		f := newFake("f")
		f.put("c", 24, 7, arrowidxtest.Clustered(arrowidxtest.Rand(t, 3), 3000, 24, 9))
		k := key("f", "c")
		publisher := open(t, o, f)
		prime(t, publisher, k)
		dir := t.TempDir()
		save(t, publisher, k, dir)
		o.Consistency.Mode = lake.Frozen
		reader := open(t, o)
		warm(t, reader, k, dir)
		queries := arrowidxtest.Clustered(arrowidxtest.Rand(t, 4), 50, 24, 9)
		for _, estimates := range []bool{false, true} {
			q := federated(queries, 10)
			q.NQ, q.Estimates = 50, estimates
			want, got := arrowidxtest.Outputs(50, 10), arrowidxtest.Outputs(50, 10)
			_, err := publisher.Target(k).Search(context.Background(), q, &want)
			require.NoError(t, err)
			_, err = reader.Target(k).Search(context.Background(), q, &got)
			require.NoError(t, err)
			assert.Equal(t, want.Rows, got.Rows)
			assert.Equal(t, want.Scores, got.Scores)
		}
	}
}

// A bundle is bound to ids and vectors, and an index to its bundle.
func TestContentThatIsNotTheBundlesIsRefused(t *testing.T) {
	ctx, k := context.Background(), key("f", "c")
	dirs := []string{t.TempDir(), t.TempDir()}
	for i, dir := range dirs { // one witness of format 2, other rows
		f := newFake("f")
		f.put("c", 2, 100, line(5, float32(i)))
		l := open(t, lake.Defaults(), f)
		prime(t, l, k)
		save(t, l, k, dir)
	}
	a, err := bundle.Read(dirs[0])
	require.NoError(t, err)
	b, err := bundle.Read(dirs[1])
	require.NoError(t, err)
	assert.NotEqual(t, a.Witness, b.Witness)
	err = a.VerifyAgainst(b)
	requireFault(t, err, fault.WitnessMismatch, "content.digest")

	text, err := os.ReadFile(filepath.Join(dirs[1], bundle.FileName))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dirs[0], bundle.FileName), text, 0o666))
	reader := open(t, frozen())
	_, err = reader.Warm(ctx, k, dirs[0])
	requireFault(t, err, fault.WitnessMismatch, dirs[0])
	index := func(dir string) string {
		all, err := filepath.Glob(filepath.Join(dir, "index-*"))
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0]
	}
	named := filepath.Join(dirs[0], filepath.Base(index(dirs[1])))
	require.NoError(t, os.Rename(index(dirs[0]), named))
	_, err = reader.Warm(ctx, k, dirs[0])
	requireFault(t, err, fault.WitnessMismatch, "content", b.Content.Digest)
	assert.Zero(t, reader.Stats().Entries)
	_, err = reader.WarmWith(ctx, k, dirs[1], lake.WarmOptions{Content: true})
	require.NoError(t, err)
}

func TestALakeOfOtherOptionsRefusesWhatWasSaved(t *testing.T) {
	f, k := newFake("f"), key("f", "c")
	f.put("c", 2, 100, line(5, 0))
	l := open(t, lake.Defaults(), f)
	_, err := l.Save(context.Background(), k, t.TempDir())
	requireFault(t, err, fault.CacheMiss, "f/c", "no entry")
	prime(t, l, k)
	dir := t.TempDir()
	save(t, l, k, dir)
	for says, change := range map[string]func(*lake.Options){
		"metric l2, this one has cosine":   func(o *lake.Options) { o.Metric = arrowidx.Cosine },
		"rotation seed 42, this one has 1": func(o *lake.Options) { o.RotationSeed = 1 },
		"rerank factor 20, this one has 7": func(o *lake.Options) { o.RerankFactor = 7 },
	} {
		o := frozen()
		change(&o)
		_, err := open(t, o).Warm(context.Background(), k, dir)
		requireFault(t, err, fault.WitnessMismatch, dir, says)
	}
	o := lake.Defaults()
	o.CacheEntries = 1
	small := open(t, o, f)
	f.put("d", 2, 100, line(5, 0))
	prime(t, small, key("f", "d"))
	require.NoError(t, small.Target(key("f", "d")).Pin())
	_, err = small.Warm(context.Background(), k, dir)
	requireFault(t, err, fault.LimitExceeded, "f/c", "pinned")
	l.Close()
	for _, call := range []func() error{
		func() error { _, err := l.Save(context.Background(), k, dir); return err },
		func() error { _, err := l.Warm(context.Background(), k, dir); return err },
		func() error { _, err := l.Refresh(k, dir); return err },
		func() error { _, err := l.Publish(context.Background(), k, dir, 2); return err },
	} {
		requireFault(t, call(), fault.LakeError, "closed")
	}
}

func TestTwoKeysOfOneWitnessShareAWarmEntry(t *testing.T) {
	f := newFake("f")
	f.put("c", 2, 100, line(5, 0))
	l := open(t, lake.Defaults(), f)
	prime(t, l, key("f", "c"))
	dir := t.TempDir()
	save(t, l, key("f", "c"), dir)
	warm(t, l, key("f", "c"), dir)
	warm(t, l, key("g", "c"), dir)
	stats := l.Stats()
	assert.Equal(t, 1, stats.Entries)
	assert.Equal(t, int64(1), stats.Primes)
	assert.Zero(t, stats.WarmInstalls)
}

// telling is a store that describes its collections.
type telling struct {
	*fake
	ref string
}

func (s *telling) Describe(context.Context, string) (bundle.Bundle, error) {
	return bundle.Bundle{DataRef: s.ref, MemoryClass: "semantic", PIIPolicy: "none",
		LineageID: "run-7"}, nil
}

// A data reference of the store's own words is that of bundles, and what is warm is found by it.
func TestADescribedReferenceIsKept(t *testing.T) {
	f, k := newFake("f"), key("f", "c")
	f.put("c", 2, 100, line(5, 0))
	l := open(t, lake.Defaults(), &telling{f, "iceberg://catalog/t"})
	prime(t, l, k)
	dir := t.TempDir()
	save(t, l, k, dir)
	b, err := l.Publish(context.Background(), k, dir, 2)
	require.NoError(t, err)
	assert.Equal(t, "iceberg://catalog/t", b.DataRef)
	now, err := l.Refresh(k, dir)
	require.NoError(t, err)
	assert.Equal(t, lake.UpToDate, now)
	reader := open(t, lake.Defaults(), &telling{f, "iceberg://catalog/t"})
	warm(t, reader, k, dir)
	pulls := f.pulls.Load()
	assert.Equal(t, []string{"100"}, namesOf(t, reader, k, []float32{0, 0}, 1))
	assert.Equal(t, pulls, f.pulls.Load(), "what is warm is not pulled")
}

func TestPublishingWritesWhatTheCollectionIsNow(t *testing.T) {
	f, k := newFake("f"), key("f", "c")
	f.put("c", 2, 100, line(5, 0))
	l := open(t, frozen(), &telling{fake: f})
	dir := t.TempDir()
	for _, format := range []int{0, 2} {
		b, err := l.Publish(context.Background(), k, dir, format)
		require.NoError(t, err)
		assert.Equal(t, 2, b.FormatVersion)
		assert.Equal(t, bundle.Witness2("fake://f/c", 2, 42, 20, bundle.Number(1)), b.Witness)
		assert.Equal(t, "semantic none run-7",
			strings.Join([]string{b.MemoryClass, b.PIIPolicy, b.LineageID}, " "))
		read, err := bundle.Read(dir)
		require.NoError(t, err)
		assert.Equal(t, b, read)
	}
	assert.Zero(t, f.pulls.Load(), "a bundle of format 2 needs no rows")

	v3, err := l.Publish(context.Background(), k, dir, 3)
	require.NoError(t, err)
	digest := bundle.NewDigest()
	col, err := arrowidx.MatrixColumn(line(5, 0), 5, 2)
	require.NoError(t, err)
	ids, err := arrowidx.NewIDs(int64s(100, 101, 102, 103, 104))
	require.NoError(t, err)
	require.NoError(t, digest.Add(ids, col))
	assert.Equal(t, digest.Sum(), v3.Content.Digest)
	assert.Equal(t, int64(5), v3.Content.Rows)
	assert.Equal(t, "semantic", v3.MemoryClass)
	f.put("c", 2, 100, line(6, 0))
	v3, err = l.Publish(context.Background(), k, dir, 3)
	require.NoError(t, err)
	assert.Equal(t, int64(6), v3.Content.Rows, "publishing asks the store, Frozen or not")
	save(t, l, k, dir)
	saved, err := bundle.Read(dir)
	require.NoError(t, err)
	assert.Equal(t, v3, saved, "what is saved is what is published, policies included")
}

func int64s(v ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(v, nil)
	return b.NewArray()
}

func TestPublishingSaysWhatIsWrong(t *testing.T) {
	f, u := newFake("f"), &unknowing{newFake("u")}
	f.put("c", 2, 100, line(5, 0))
	u.put("c", 2, 100, line(5, 0))
	l := open(t, lake.Defaults(), f, u)
	dir, ctx := t.TempDir(), context.Background()
	_, err := l.Publish(ctx, key("f", "c"), dir, 1)
	requireFault(t, err, fault.InvalidArgument, "format 1")
	_, err = l.Publish(ctx, key("f", "gone"), dir, 2)
	requireFault(t, err, fault.UnknownCollection, "gone")
	_, err = l.Publish(ctx, key("z", "c"), dir, 3)
	requireFault(t, err, fault.UnknownBackend, "z")
	b, err := l.Publish(ctx, key("u", "c"), dir, 2)
	require.NoError(t, err)
	assert.Equal(t, 2, b.Dim, "a store that does not know the dimension is pulled from")
	_, err = l.Publish(ctx, key("f", "c"), dir, 2)
	requireFault(t, err, fault.LakeError, dir, "fake://u/c")
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o666))
	_, err = l.Publish(ctx, key("f", "c"), file, 2)
	requireFault(t, err, fault.PersistError, file)
	f.onStamp = func(context.Context, string) error { return errors.New("no route to host") }
	_, err = l.Publish(ctx, key("f", "c"), t.TempDir(), 2)
	requireFault(t, err, fault.BackendError, "f/c", "no route to host")
}

func TestRefreshingSaysWhatAFolderMeans(t *testing.T) {
	f, k := newFake("f"), key("f", "c")
	f.put("c", 2, 100, line(5, 0))
	daemon, reader := open(t, lake.Defaults(), f), open(t, frozen(), f)
	dir := t.TempDir()
	refresh := func() lake.RefreshResult {
		t.Helper()
		r, err := reader.Refresh(k, dir)
		require.NoError(t, err)
		return r
	}
	publish := func(format int) {
		t.Helper()
		_, err := daemon.Publish(context.Background(), k, dir, format)
		require.NoError(t, err)
	}
	assert.Equal(t, lake.BundleMissing, refresh())
	publish(2)
	assert.Equal(t, lake.UpToDate, refresh(), "without an entry there is nothing to do")
	prime(t, reader, k)
	assert.Equal(t, lake.UpToDate, refresh())
	publish(3)
	assert.Equal(t, lake.UpToDate, refresh(), "of another format, and the same data")
	f.put("c", 2, 200, line(5, 0))
	publish(2)
	assert.Equal(t, lake.Invalidated, refresh())
	assert.Equal(t, lake.UpToDate, refresh())
	_, err := ask(reader, "f", "c", []float32{0, 0}, 1)
	requireFault(t, err, fault.CacheMiss, "f/c")
	prime(t, reader, k)
	assert.Equal(t, []string{"200"}, namesOf(t, reader, k, []float32{0, 0}, 1))
	path := filepath.Join(dir, bundle.FileName)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	bad := strings.Replace(string(text), `"dim": 2`, `"dim": 3`, 1)
	require.NotEqual(t, string(text), bad)
	require.NoError(t, os.WriteFile(path, []byte(bad), 0o666))
	_, err = reader.Refresh(k, dir)
	requireFault(t, err, fault.WitnessMismatch, dir)
	assert.Equal(t, "UP_TO_DATE INVALIDATED BUNDLE_MISSING RefreshResult(9)",
		fmt.Sprint(lake.UpToDate, " ", lake.Invalidated, " ", lake.BundleMissing, " ",
			lake.RefreshResult(9)))
}

func TestASessionSeesOneState(t *testing.T) {
	f, k := newFake("f"), key("f", "c")
	f.put("c", 2, 100, line(5, 0))
	l := open(t, lake.Defaults(), f)
	s := l.NewSession()
	defer s.Drop()
	found := func(s *lake.Session) string {
		t.Helper()
		q := federated([]float32{0, 0}, 1)
		q.Session = s
		got, err := askAs(context.Background(), l, k, q)
		require.NoError(t, err)
		return fmt.Sprint(got.IDs)
	}
	assert.Equal(t, "[100]", found(s))
	stamps := f.stamps.Load()
	f.put("c", 2, 200, line(5, 0))
	for range 3 {
		assert.Equal(t, "[100]", found(s))
	}
	assert.Equal(t, stamps, f.stamps.Load(), "the store is asked once")
	assert.Equal(t, "[200]", found(nil))
	assert.Equal(t, "[100]", found(s), "whatever others have seen meanwhile")
	q := federated([]float32{0, 0}, 1)
	q.Session = s
	all, err := l.SearchFederated(context.Background(), q, lake.FederatedOptions{})
	require.NoError(t, err)
	assert.Equal(t, "100", all.Of(0)[0].ID.String())
	l.Target(k).Invalidate()
	assert.Equal(t, "[100]", found(s))
	other := l.NewSession()
	assert.Equal(t, "[200]", found(other))
	other.Drop()
	s.Drop()
	assert.Equal(t, "[200]", found(s), "a session that has ended sees what everybody sees")
}

func TestASessionPublishesWhenItIsCommitted(t *testing.T) {
	f, k := newFake("f"), key("f", "c")
	f.put("c", 2, 100, line(5, 0))
	l := open(t, lake.Defaults(), f)
	prime(t, l, k)
	dir, ctx := filepath.Join(t.TempDir(), "d"), context.Background()
	s := l.NewSession()
	require.NoError(t, s.Publish(key("f", "gone"), dir, 2))
	require.NoError(t, s.Publish(k, dir, 2))
	require.NoError(t, s.Invalidate(k))
	assert.NoDirExists(t, dir)
	_, there := l.Target(k).Witness()
	assert.True(t, there)
	requireFault(t, s.Commit(ctx), fault.UnknownCollection, "gone")
	_, err := bundle.Read(dir)
	require.NoError(t, err, "what fails does not keep the rest from being done")
	_, there = l.Target(k).Witness()
	assert.False(t, there)
	requireFault(t, s.Commit(ctx), fault.LakeError, "ended")
	requireFault(t, s.Publish(k, dir, 2), fault.LakeError, "ended")
	requireFault(t, s.Invalidate(k), fault.LakeError, "ended")

	dropped := l.NewSession()
	require.NoError(t, dropped.Publish(k, filepath.Join(dir, "never"), 2))
	dropped.Drop()
	dropped.Drop()
	assert.NoDirExists(t, filepath.Join(dir, "never"))
}
