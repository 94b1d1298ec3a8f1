package store_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// int64s, uint64s and texts are arrays of ids.
func int64s(ids ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(ids, nil)
	return b.NewArray()
}

func uint64s(ids ...uint64) arrow.Array {
	b := array.NewUint64Builder(memory.DefaultAllocator)
	b.AppendValues(ids, nil)
	return b.NewArray()
}

func texts(ids ...string) arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues(ids, nil)
	return b.NewArray()
}

// wide makes a column of float64.
func wide(t testing.TB, values []float64, dim int) *arrowidx.Column {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, int32(dim),
		arrow.PrimitiveTypes.Float64)
	for i, v := range values {
		if i%dim == 0 {
			b.Append(true)
		}
		b.ValueBuilder().(*array.Float64Builder).Append(v)
	}
	return columnOf(t, b.NewArray())
}

func columnOf(t testing.TB, a arrow.Array) *arrowidx.Column {
	col, err := arrowidx.NewColumn([]arrow.Array{a})
	require.NoError(t, err)
	return col
}

// packed makes a column of rows of bytes.
func packed(t testing.TB, rows ...string) *arrowidx.Column {
	b := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator,
		&arrow.FixedSizeBinaryType{ByteWidth: len(rows[0])})
	for _, r := range rows {
		b.Append([]byte(r))
	}
	return columnOf(t, b.NewArray())
}

// contents returns ids and vectors of a collection.
func contents(t testing.TB, b backend.Backend, collection string) ([]string, []float32) {
	p, err := b.Pull(t.Context(), collection)
	require.NoError(t, err)
	ids, col, err := backend.Read(t.Context(), p, backend.Limits{})
	require.NoError(t, err)
	defer col.Release()
	names := make([]string, ids.Len())
	for i := range names {
		names[i] = ids.Plain(int64(i))
	}
	vectors := make([]float32, col.Len()*col.Dim())
	col.CopyTo(vectors)
	return names, vectors
}

func generationOf(t testing.TB, b backend.Backend, collection string) uint64 {
	s, err := b.Stamp(t.Context(), collection)
	require.NoError(t, err)
	n, ok := s.Generation.Number()
	require.True(t, ok)
	return n
}

// model is a collection as a plain list.
type model struct {
	ids     []int64
	vectors map[int64][]float32
}

func (m *model) check(t *testing.T, b *store.Local) {
	names, vectors := contents(t, b, "a")
	require.Len(t, names, len(m.ids))
	dim := 0
	if len(names) > 0 {
		dim = len(vectors) / len(names)
	}
	for i, id := range m.ids {
		require.Equal(t, fmt.Sprint(id), names[i], "row %d", i)
		require.Equal(t, m.vectors[id], vectors[i*dim:(i+1)*dim], "row %d", i)
	}
}

// change does something to both.
func (m *model) change(t *testing.T, b *store.Local, r *rand.Rand, dim int) {
	n := 1 + r.IntN(1+r.IntN(300))
	var ids []int64
	var vectors []float32
	for range n {
		id := r.Int64N(4000) - 2000
		if slices.Contains(ids, id) {
			continue
		}
		ids = append(ids, id)
		for range dim {
			vectors = append(vectors, r.Float32())
		}
	}
	known := slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return m.vectors[id] == nil })
	col := matrix(t, vectors, dim)
	switch r.IntN(4) {
	case 0:
		err := b.Append(t.Context(), "a", idsOf(t, int64s(ids...)), col)
		if len(known) > 0 {
			require.Equal(t, fault.DuplicateID, fault.KindOf(err), "%v", err)
			return
		}
		require.NoError(t, err)
	case 1:
		replaced, err := b.Upsert(t.Context(), "a", idsOf(t, int64s(ids...)), col)
		require.NoError(t, err)
		require.Equal(t, len(known), replaced)
	default:
		gone, err := b.Delete(t.Context(), "a", int64s(ids...), true)
		require.NoError(t, err)
		require.Equal(t, len(known), gone)
		m.ids = slices.DeleteFunc(m.ids, func(id int64) bool { return slices.Contains(known, id) })
		for _, id := range known {
			delete(m.vectors, id)
		}
		return
	}
	for i, id := range ids {
		if m.vectors[id] == nil {
			m.ids = append(m.ids, id)
		}
		m.vectors[id] = vectors[i*dim : (i+1)*dim]
	}
}

func TestLocalChangesAsAPlainListDoes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, dim := range []int{1, 17, 1024} { // the last: pieces of 256 rows
		b, m := newLocal(t), &model{vectors: map[int64][]float32{}}
		first := matrix(t, make([]float32, dim), dim)
		require.NoError(t, b.Put(t.Context(), "a", idsOf(t, int64s(5)), first))
		m.ids, m.vectors[5] = []int64{5}, make([]float32, dim)
		steps := 150
		if testing.Short() {
			steps = 40
		}
		for step := range steps {
			before := generationOf(t, b, "a")
			m.change(t, b, r, dim)
			require.LessOrEqual(t, generationOf(t, b, "a")-before, uint64(1))
			if step%10 == 0 {
				m.check(t, b)
			}
		}
		m.check(t, b)
	}
}

func TestAppendedRowsAreWrittenOnceAndOldStatesStay(t *testing.T) {
	b := newLocal(t)
	const dim, rows = 256, 8192
	big := make([]float32, rows*dim)
	ids := make([]int64, rows)
	for i := range ids {
		ids[i] = int64(i)
	}
	require.NoError(t, b.Put(t.Context(), "a", idsOf(t, int64s(ids...)), matrix(t, big, dim)))
	p, err := b.Pull(t.Context(), "a")
	require.NoError(t, err)
	row := matrix(t, make([]float32, dim), dim)
	// The look-up of ids is made by the first change.
	require.NoError(t, b.Append(t.Context(), "a", idsOf(t, int64s(-1)), row))
	next := int64(-2)
	bytes := testing.Benchmark(func(bench *testing.B) {
		bench.ReportAllocs()
		for bench.Loop() {
			require.NoError(bench, b.Append(bench.Context(), "a", idsOf(bench, int64s(next)), row))
			next--
		}
	}).AllocedBytesPerOp()
	assert.Less(t, bytes, int64(len(big)*4/100), "an append does not copy the collection")
	old, col, err := backend.Read(t.Context(), p, backend.Limits{})
	require.NoError(t, err)
	defer col.Release()
	assert.Equal(t, rows, old.Len())
	assert.Equal(t, 1, col.Chunks(), "what was put lies side by side")
	names, _ := contents(t, b, "a")
	assert.Len(t, names, rows-int(next)-1)
}

func TestWhatIsPutIsCopied(t *testing.T) {
	b := newLocal(t)
	values := []float32{1, 2, 3, 4}
	require.NoError(t, b.Put(t.Context(), "a", idsOf(t, texts("x", "y")), matrix(t, values, 2)))
	clear(values)
	names, vectors := contents(t, b, "a")
	assert.Equal(t, []string{"x", "y"}, names)
	assert.Equal(t, []float32{1, 2, 3, 4}, vectors)
}

func TestNumbersKeepTheirTypeUntilOthersNeedAWiderOne(t *testing.T) {
	b := newLocal(t)
	typeOf := func() string {
		p, err := b.Pull(t.Context(), "a")
		require.NoError(t, err)
		defer p.Rows.Release()
		return p.Rows.Schema().Field(1).Type.String()
	}
	bytes := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Uint8)
	bytes.Append(true)
	bytes.ValueBuilder().(*array.Uint8Builder).AppendValues([]uint8{200, 3}, nil)
	ctx := t.Context()
	require.NoError(t, b.Put(ctx, "a", idsOf(t, uint64s(1)), columnOf(t, bytes.NewArray())))
	assert.Contains(t, typeOf(), "uint8")
	require.NoError(t, b.Append(ctx, "a", idsOf(t, uint64s(2)), matrix(t, []float32{.5, -1}, 2)))
	assert.Contains(t, typeOf(), "float32")
	require.NoError(t, b.Append(ctx, "a", idsOf(t, uint64s(3)), wide(t, []float64{.25, 7}, 2)))
	assert.Contains(t, typeOf(), "float32", "float32 holds these, too")
	require.NoError(t, b.Append(ctx, "a", idsOf(t, uint64s(4)), wide(t, []float64{.1, 7}, 2)))
	assert.Contains(t, typeOf(), "float64")
	require.NoError(t, b.Append(ctx, "a", idsOf(t, int64s(5)), matrix(t, []float32{8, 9}, 2)))
	p, err := b.Pull(ctx, "a")
	require.NoError(t, err)
	ids, col, err := backend.Read(ctx, p, backend.Limits{})
	require.NoError(t, err)
	defer col.Release()
	assert.Equal(t, arrowidx.IDUint64, ids.Kind())
	all := make([]float64, 10)
	col.CopyWide(all)
	assert.Equal(t, []float64{200, 3, .5, -1, .25, 7, .1, 7, 8, 9}, all)

	require.NoError(t, b.Put(ctx, "bits", idsOf(t, texts("x", "y")), packed(t, "ab", "cd")))
	replaced, err := b.Upsert(ctx, "bits", idsOf(t, texts("y", "z")), packed(t, "ef", "gh"))
	require.NoError(t, err)
	assert.Equal(t, 1, replaced)
	gone, err := b.Delete(ctx, "bits", texts("x"), false)
	require.NoError(t, err)
	assert.Equal(t, 1, gone)
	p, err = b.Pull(ctx, "bits")
	require.NoError(t, err)
	_, col, err = backend.Read(ctx, p, backend.Limits{})
	require.NoError(t, err)
	defer col.Release()
	require.True(t, col.Binary())
	assert.Equal(t, "efgh", string(col.PackedRow(0))+string(col.PackedRow(1)))
}

// badChange is a change that must fail, of what kind, and what the error says.
type badChange struct {
	name string
	do   func(b *store.Local) error
	kind fault.Kind
	says string
}

func TestABadChangeChangesNothing(t *testing.T) {
	for _, c := range append(changesThatDoNotFit(t), changesOfBadRows(t)...) {
		t.Run(c.name, func(t *testing.T) {
			b := newLocal(t)
			old := matrix(t, []float32{1, 2, 3, 4}, 2)
			require.NoError(t, b.Put(t.Context(), "a", idsOf(t, int64s(1, -2)), old))
			err := c.do(b)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			assert.Contains(t, err.Error(), c.says)
			assert.EqualValues(t, 1, generationOf(t, b, "a"))
			names, vectors := contents(t, b, "a")
			assert.Equal(t, []string{"1", "-2"}, names)
			assert.Equal(t, []float32{1, 2, 3, 4}, vectors)
		})
	}
}

// one is a vector that fits.
func one(t *testing.T) *arrowidx.Column { return matrix(t, []float32{1, 2}, 2) }

func changesThatDoNotFit(t *testing.T) []badChange {
	ctx := t.Context()
	return []badChange{
		{"no collection", func(b *store.Local) error {
			return b.Append(ctx, "nowhere", idsOf(t, int64s(9)), one(t))
		}, fault.UnknownCollection, `"nowhere"`},
		{"a name", func(b *store.Local) error {
			return b.Put(ctx, "../x", idsOf(t, int64s(9)), one(t))
		}, fault.LakeError, "../x"},
		{"an id that is there", func(b *store.Local) error {
			return b.Append(ctx, "a", idsOf(t, int64s(9, 1)), matrix(t, []float32{1, 2, 3, 4}, 2))
		}, fault.DuplicateID, "id 1 (row 1)"},
		{"another dimension", func(b *store.Local) error {
			return b.Append(ctx, "a", idsOf(t, int64s(9)), matrix(t, []float32{1, 2, 3}, 3))
		}, fault.DimensionMismatch, "3 numbers"},
		{"ids as texts", func(b *store.Local) error {
			_, err := b.Upsert(ctx, "a", idsOf(t, texts("x")), one(t))
			return err
		}, fault.InvalidArgument, "string"},
		{"an id beyond int64", func(b *store.Local) error {
			return b.Append(ctx, "a", idsOf(t, uint64s(3, 1<<63)), matrix(t, []float32{1, 2, 3, 4}, 2))
		}, fault.InvalidArgument, "9223372036854775808 (row 1)"},
	}
}

func changesOfBadRows(t *testing.T) []badChange {
	ctx, nan := t.Context(), float32(math.NaN())
	ended, stop := context.WithCancel(ctx)
	stop()
	two := idsOf(t, int64s(7, 8))
	return []badChange{
		{"NaN", func(b *store.Local) error {
			return b.Put(ctx, "a", two, matrix(t, []float32{1, 2, 3, nan}, 2))
		}, fault.InvalidVector, "row 1, column 1 holds NaN"},
		{"infinity in float64", func(b *store.Local) error {
			return b.Put(ctx, "a", two, wide(t, []float64{1, math.Inf(-1), 3, 4}, 2))
		}, fault.InvalidVector, "row 0, column 1 holds infinity"},
		{"bits to numbers", func(b *store.Local) error {
			return b.Append(ctx, "a", idsOf(t, int64s(9)), packed(t, "ab"))
		}, fault.InvalidArgument, "packed bits"},
		{"ids without vectors", func(b *store.Local) error {
			return b.Put(ctx, "a", two, one(t))
		}, fault.InvalidArgument, "2 ids for 1 vectors"},
		{"nothing", func(b *store.Local) error { return b.Put(ctx, "a", nil, nil) },
			fault.InvalidArgument, "missing"},
		{"no dimension", func(b *store.Local) error {
			col, err := arrowidx.NewColumn(nil)
			require.NoError(t, err)
			return b.Put(ctx, "a", arrowidx.PositionIDs(0), col)
		}, fault.InvalidArgument, "dimension"},
		{"too many dimensions", func(b *store.Local) error {
			return b.Put(ctx, "a", idsOf(t, int64s(9)), matrix(t, make([]float32, 8193), 8193))
		}, fault.LimitExceeded, "8193"},
		{"an id of no row", func(b *store.Local) error {
			_, err := b.Delete(ctx, "a", int64s(1, 77), false)
			return err
		}, fault.UnknownID, "77"},
		{"deleting texts", func(b *store.Local) error {
			_, err := b.Delete(ctx, "a", texts("1"), true)
			return err
		}, fault.InvalidArgument, "string"},
		{"an ended context", func(b *store.Local) error { return b.Put(ended, "a", two, one(t)) },
			fault.InvalidArgument, ""},
		{"an ended context, vectors", func(b *store.Local) error {
			return b.Put(ended, "a", idsOf(t, int64s(9)), one(t))
		}, fault.Cancelled, ""},
	}
}

func TestIdsOfBothSignsAreNotMixedUp(t *testing.T) {
	b, ctx := newLocal(t), t.Context()
	require.NoError(t, b.Put(ctx, "a", idsOf(t, int64s(-1, 1)), matrix(t, []float32{1, 2}, 1)))
	gone, err := b.Delete(ctx, "a", uint64s(math.MaxUint64), true)
	require.NoError(t, err)
	assert.Zero(t, gone, "-1 is another id")
	gone, err = b.Delete(ctx, "a", uint64s(1), true)
	require.NoError(t, err)
	assert.Equal(t, 1, gone)
}

func TestACollectionCanBecomeEmptyAndGrowAgain(t *testing.T) {
	b, ctx := newLocal(t), t.Context()
	require.NoError(t, b.Put(ctx, "a", arrowidx.PositionIDs(2), matrix(t, []float32{1, 2, 3, 4}, 2)))
	gone, err := b.Delete(ctx, "a", int64s(0, 1, 1), false)
	require.NoError(t, err)
	assert.Equal(t, 2, gone)
	names, _ := contents(t, b, "a")
	assert.Empty(t, names)
	s, err := b.Stamp(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, 2, s.Dim)
	require.NoError(t, b.Append(ctx, "a", idsOf(t, int64s(1)), matrix(t, []float32{5, 6}, 2)))
	names, vectors := contents(t, b, "a")
	assert.Equal(t, []string{"1"}, names)
	assert.Equal(t, []float32{5, 6}, vectors)
	gone, err = b.Delete(ctx, "a", int64s(), false)
	require.NoError(t, err)
	assert.Zero(t, gone)
	assert.EqualValues(t, 3, generationOf(t, b, "a"), "what changes nothing is no change")
}

func TestNamesOfLocalBackendsAreChecked(t *testing.T) {
	_, err := store.NewLocal("a/b")
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
	_, err = store.NewLocal(strings.Repeat("x", 300))
	assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
}

func TestAStampCostsNoMemory(t *testing.T) {
	b, ctx := newLocal(t), t.Context()
	require.NoError(t, b.Put(ctx, "a", arrowidx.PositionIDs(1), matrix(t, []float32{1}, 1)))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = b.Stamp(ctx, "a") }))
}

func TestUpsertMakesACollectionOnce(t *testing.T) {
	b := newLocal(t)
	replaced, err := b.Upsert(t.Context(), "a", idsOf(t, int64s(1)), one(t))
	require.NoError(t, err)
	assert.Zero(t, replaced)
	assert.EqualValues(t, 1, generationOf(t, b, "a"))
	ids := make([]*arrowidx.IDs, 32)
	for i := range ids {
		ids[i] = idsOf(t, int64s(int64(i)))
	}
	var all sync.WaitGroup
	column := one(t)
	for _, id := range ids {
		all.Go(func() {
			_, err := b.Upsert(context.Background(), "b", id, column)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	names, _ := contents(t, b, "b")
	assert.Len(t, names, len(ids), "none of those that came first together is lost")
	_, err = b.Upsert(t.Context(), "../x", ids[0], column)
	require.Error(t, err)
}
