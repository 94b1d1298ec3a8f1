// Package laketest checks that a backend keeps what a lake relies on. Every backend passes it.
package laketest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// Rows are the rows of a collection: IDs is an array of int64, uint64 or string, Vectors a matrix
// of as many rows.
type Rows struct {
	IDs     arrow.Array
	Vectors []float32
	Dim     int
}

// Harness is a backend without collections, and how it is given some.
type Harness struct {
	Backend backend.Backend
	// Put makes a collection of the rows, or replaces it. It is called by one goroutine at a time.
	Put func(t testing.TB, collection string, rows Rows)
	// IDs are the types of ids that the store keeps: some of INT64, UINT64 and STRING; nil: all.
	IDs []arrow.Type
	// Torn says that a pull may fail with BackendError when the collection is changed meanwhile.
	Torn bool
	// DataRef is what the data reference of collection "a" must be; "": anything but empty.
	DataRef string
}

// Run checks a backend; newHarness makes a new one for every check.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	for _, check := range []struct {
		name string
		run  func(t *testing.T, h Harness)
	}{
		{"names are checked first", namesAreChecked},
		{"unknown collections are named", unknownCollections},
		{"collections are listed in order", collectionsAreListed},
		{"a stamp is equal until something changes", stampsTellChanges},
		{"a pull is of the stamp's generation", pullsAreOfTheStamp},
		{"rows and ids are exact and in order", rowsAreExact},
		{"a pull that has begun is of one state", begunPullsStayWhole},
		{"an ended context ends everything", contextsEnd},
		{"a pull that is let go of harms nobody", abandonedPulls},
		{"pulls and changes at once never mix", neverAMix},
	} {
		t.Run(check.name, func(t *testing.T) { check.run(t, newHarness(t)) })
	}
}

// types are the types of ids that the store keeps.
func (h *Harness) types() []arrow.Type {
	if h.IDs == nil {
		return []arrow.Type{arrow.INT64, arrow.UINT64, arrow.STRING}
	}
	return h.IDs
}

// make returns n rows of a type of ids. Every number of them is state, but for the first, which is
// the row, so that rows of two states can be told apart.
func makeRows(kind arrow.Type, n, dim, state int) Rows {
	r := Rows{Dim: dim, Vectors: make([]float32, n*dim)}
	for i := range r.Vectors {
		if r.Vectors[i] = float32(state); i%dim == 0 {
			r.Vectors[i] = float32(i / dim)
		}
	}
	mem := memory.DefaultAllocator
	number := func(i int) int64 { return int64(i)*7 + 1 }
	switch kind {
	case arrow.UINT64:
		b := array.NewUint64Builder(mem)
		for i := range n {
			b.Append(uint64(number(i)) | 1<<63)
		}
		r.IDs = b.NewArray()
	case arrow.STRING:
		b := array.NewStringBuilder(mem)
		for i := range n {
			b.Append(fmt.Sprintf("né %d", number(i)))
		}
		r.IDs = b.NewArray()
	default:
		b := array.NewInt64Builder(mem)
		for i := range n {
			b.Append(number(i))
		}
		r.IDs = b.NewArray()
	}
	return r
}

// rows returns rows with the first type of ids that the store keeps.
func (h *Harness) rows(n, dim, state int) Rows { return makeRows(h.types()[0], n, dim, state) }

// pull reads a collection whole.
func pull(
	ctx context.Context, b backend.Backend, collection string,
) (names []string, vectors []float32, g bundle.Generation, err error) {
	p, err := b.Pull(ctx, collection)
	if err != nil {
		return nil, nil, g, err
	}
	ids, col, err := backend.Read(ctx, p, backend.Limits{Key: backend.Key{Backend: b.ID(),
		Collection: collection}})
	if err != nil {
		return nil, nil, g, err
	}
	defer col.Release()
	for i := range ids.Len() {
		names = append(names, ids.Plain(int64(i)))
	}
	vectors = make([]float32, col.Len()*col.Dim())
	col.CopyTo(vectors)
	return names, vectors, p.Generation, nil
}

func namesAreChecked(t *testing.T, h Harness) {
	h.Put(t, "a", h.rows(3, 4, 1))
	assert.NotEmpty(t, h.Backend.ID())
	for _, name := range []string{"", ".", "..", "../a", "../../etc/passwd", "./a", "/a", "x/a",
		`x\a`, "C:a", "a\x00", "a\n", "a.", "a ", "con", "NUL", "a\xff", "e\u0301",
		string(make([]byte, 300))} {
		want := fault.KindOf(bundle.CheckName(name))
		require.NotEqual(t, fault.OK, want, "%q", name)
		_, err := h.Backend.Stamp(t.Context(), name)
		assert.Equal(t, want, fault.KindOf(err), "stamp %q: %v", name, err)
		p, err := h.Backend.Pull(t.Context(), name)
		assert.Nil(t, p)
		assert.Equal(t, want, fault.KindOf(err), "pull %q: %v", name, err)
	}
}

func unknownCollections(t *testing.T, h Harness) {
	h.Put(t, "a", h.rows(3, 4, 1))
	for _, name := range []string{"b", "A", "a.b", "né"} {
		_, err := h.Backend.Stamp(t.Context(), name)
		require.Equal(t, fault.UnknownCollection, fault.KindOf(err), "stamp %q: %v", name, err)
		assert.Contains(t, err.Error(), name)
		_, err = h.Backend.Pull(t.Context(), name)
		assert.Equal(t, fault.UnknownCollection, fault.KindOf(err), "pull %q: %v", name, err)
	}
}

func collectionsAreListed(t *testing.T, h Harness) {
	names, err := h.Backend.Collections(t.Context())
	require.NoError(t, err)
	assert.Empty(t, names)
	for _, name := range []string{"b", "né", "a", "c d"} {
		h.Put(t, name, h.rows(3, 4, 1))
	}
	h.Put(t, "a", h.rows(4, 4, 2))
	names, err = h.Backend.Collections(t.Context())
	require.NoError(t, err)
	want := []string{"a", "b", "c d", "né"}
	assert.Equal(t, want, names)
}

func stampsTellChanges(t *testing.T, h Harness) {
	h.Put(t, "a", h.rows(3, 4, 1))
	h.Put(t, "b", h.rows(3, 4, 1))
	stamp := func(name string) backend.Stamp {
		s, err := h.Backend.Stamp(t.Context(), name)
		require.NoError(t, err)
		return s
	}
	first, other := stamp("a"), stamp("b")
	assert.Equal(t, first, stamp("a"))
	assert.NotEqual(t, first.DataRef, other.DataRef)
	assert.NotEmpty(t, first.DataRef)
	if h.DataRef != "" {
		assert.Equal(t, h.DataRef, first.DataRef)
	}
	if first.Dim != 0 {
		assert.Equal(t, 4, first.Dim)
	}
	_, _, _, err := pull(t.Context(), h.Backend, "a")
	require.NoError(t, err)
	assert.Equal(t, first, stamp("a"), "a pull changes nothing")
	seen, last := map[bundle.Generation]bool{first.Generation: true}, first.Generation
	for state := 2; state < 30; state++ { // the same shape, at once
		h.Put(t, "a", h.rows(3, 4, state))
		now := stamp("a")
		require.False(t, seen[now.Generation], "change %d: %v was seen before", state, now.Generation)
		seen[now.Generation] = true
		if n, ok := now.Generation.Number(); ok {
			before, _ := last.Number()
			require.Greater(t, n, before, "a generation that counts goes up")
		}
		last = now.Generation
		assert.Equal(t, first.DataRef, now.DataRef)
	}
	h.Put(t, "a", h.rows(5, 8, 1))
	assert.False(t, seen[stamp("a").Generation])
	assert.Equal(t, other, stamp("b"), "other collections stay as they are")
}

func pullsAreOfTheStamp(t *testing.T, h Harness) {
	for state := range 5 {
		h.Put(t, "a", h.rows(10+state, 4, state))
		s, err := h.Backend.Stamp(t.Context(), "a")
		require.NoError(t, err)
		_, vectors, g, err := pull(t.Context(), h.Backend, "a")
		require.NoError(t, err)
		assert.Equal(t, s.Generation, g)
		assert.Len(t, vectors, 4*(10+state))
	}
}

func rowsAreExact(t *testing.T, h Harness) {
	for _, kind := range h.types() {
		for _, n := range []int{1, 31, 20_000} {
			rows := makeRows(kind, n, 33, 5)
			h.Put(t, "a", rows)
			names, vectors, _, err := pull(t.Context(), h.Backend, "a")
			require.NoError(t, err, "%s", kind)
			require.Len(t, names, n)
			for i := range names {
				require.Equal(t, rows.IDs.ValueStr(i), names[i], "%s, row %d", kind, i)
			}
			require.True(t, slices.Equal(rows.Vectors, vectors), "%s", kind)
		}
	}
}

func begunPullsStayWhole(t *testing.T, h Harness) {
	const dim = 64
	h.Put(t, "a", h.rows(20_000, dim, 1))
	was, err := h.Backend.Stamp(t.Context(), "a")
	require.NoError(t, err)
	p, err := h.Backend.Pull(t.Context(), "a")
	require.NoError(t, err)
	h.Put(t, "a", h.rows(19_000, dim, 2))
	ids, col, err := backend.Read(t.Context(), p, backend.Limits{})
	if err != nil {
		require.True(t, h.Torn, "%v", err)
		require.Equal(t, fault.BackendError, fault.KindOf(err), "%v", err)
		return
	}
	defer col.Release()
	vectors := make([]float32, col.Len()*dim)
	col.CopyTo(vectors)
	state := stateOf(t, vectors, dim)
	assert.Equal(t, map[int]int{1: 20_000, 2: 19_000}[state], ids.Len())
	assert.Equal(t, state == 1, was.Generation == p.Generation)
}

func contextsEnd(t *testing.T, h Harness) {
	const n = 30_000
	h.Put(t, "a", h.rows(n, 64, 1))
	ended, stop := context.WithCancel(t.Context())
	stop()
	_, err := h.Backend.Collections(ended)
	assert.Equal(t, fault.Cancelled, fault.KindOf(err), "collections: %v", err)
	_, err = h.Backend.Stamp(ended, "a")
	assert.Equal(t, fault.Cancelled, fault.KindOf(err), "stamp: %v", err)
	_, err = h.Backend.Pull(ended, "a")
	assert.Equal(t, fault.Cancelled, fault.KindOf(err), "pull: %v", err)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	p, err := h.Backend.Pull(ctx, "a")
	require.NoError(t, err)
	defer p.Rows.Release()
	require.True(t, p.Rows.Next(), "%v", p.Rows.Err())
	rows := p.Rows.RecordBatch().NumRows()
	stop()
	if p.Rows.Next() {
		t.Fatal("a batch after the end of the context")
	}
	if p.Rows.Err() == nil {
		assert.EqualValues(t, n, rows, "the stream ended early without an error")
	} else {
		assert.Equal(t, fault.Cancelled, fault.KindOf(p.Rows.Err()), "%v", p.Rows.Err())
	}
	_, _, _, err = pull(t.Context(), h.Backend, "a")
	assert.NoError(t, err, "the next pull is not affected")
}

func abandonedPulls(t *testing.T, h Harness) {
	h.Put(t, "a", h.rows(20_000, 64, 1))
	for range 20 {
		p, err := h.Backend.Pull(t.Context(), "a")
		require.NoError(t, err)
		p.Rows.Next()
		p.Rows.Release()
	}
	_, vectors, _, err := pull(t.Context(), h.Backend, "a")
	require.NoError(t, err)
	assert.Equal(t, 1, stateOf(t, vectors, 64))
}

// neverAMix pulls on several goroutines while another replaces the collection.
func neverAMix(t *testing.T, h Harness) {
	const dim, pullers, least = 16, 4, 12
	size := func(state int) int { return 3000 + state%7 }
	h.Put(t, "a", h.rows(size(1), dim, 1))
	var (
		wg     sync.WaitGroup
		whole  atomic.Int64
		mu     sync.Mutex
		states = map[bundle.Generation]int{}
	)
	failed := func() bool { return t.Failed() }
	for range pullers {
		wg.Go(func() {
			for try := 0; whole.Load() < pullers*least && !failed() && try < 2000; try++ {
				_, vectors, g, err := pull(t.Context(), h.Backend, "a")
				if err != nil {
					if !h.Torn || fault.KindOf(err) != fault.BackendError {
						t.Errorf("a pull beside changes: %v", err)
					}
					continue
				}
				state := stateOf(t, vectors, dim)
				mu.Lock()
				if before, ok := states[g]; ok && before != state {
					t.Errorf("generation %v is of states %d and %d", g, before, state)
				}
				states[g] = state
				mu.Unlock()
				if len(vectors) != size(state)*dim {
					t.Errorf("state %d has %d numbers", state, len(vectors))
				}
				whole.Add(1)
			}
		})
	}
	for state := 2; whole.Load() < pullers*least && !failed() && state < 5000; state++ {
		h.Put(t, "a", h.rows(size(state), dim, state))
		if h.Torn { // it never comes to rest otherwise
			time.Sleep(time.Duration(state%4) * 25 * time.Millisecond)
		}
	}
	wg.Wait()
	assert.GreaterOrEqual(t, whole.Load(), int64(pullers*least), "too few pulls came through")
}

// stateOf returns the state that all rows are of; -1, and the test has failed, where there are two.
func stateOf(t *testing.T, vectors []float32, dim int) int {
	if len(vectors) < dim {
		t.Errorf("%d numbers", len(vectors))
		return -1
	}
	state := vectors[1]
	for i, v := range vectors {
		if i%dim != 0 && v != state || i%dim == 0 && v != float32(i/dim) {
			t.Errorf("row %d of state %v is of another: %v", i/dim, state, v)
			return -1
		}
	}
	return int(state)
}
