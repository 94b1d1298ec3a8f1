package lake_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/arrowidx/arrowidxtest"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// table is one state of a collection.
type table struct {
	dim        int
	ids        []int64
	rows       []float32
	generation bundle.Generation
	ref        string
}

// fake is a store in memory whose failures are ours.
type fake struct {
	id            string
	stamps, pulls atomic.Int64
	// Called before the answer, with the name of the collection.
	onStamp func(ctx context.Context, collection string) error
	onPull  func(ctx context.Context, collection string) error
	before  func() // a pull takes the state that it is of
	// stream changes the batches that are handed over.
	stream func(t table, batches []arrow.RecordBatch) array.RecordReader
	lent   bool // the memory of what is pulled is written to afterwards

	mu     sync.Mutex
	tables map[string]table
}

func newFake(id string) *fake { return &fake{id: id, tables: map[string]table{}} }

// put replaces a collection by rows whose ids count from first.
func (f *fake) put(collection string, dim int, first int64, rows []float32) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	was, _ := f.tables[collection].generation.Number()
	t := table{dim: dim, rows: rows, generation: bundle.Number(was + 1),
		ref: "fake://" + f.id + "/" + collection}
	for i := range len(rows) / dim {
		t.ids = append(t.ids, first+int64(i))
	}
	f.tables[collection] = t
	return was + 1
}

// edit changes a collection as it likes.
func (f *fake) edit(collection string, change func(*table)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.tables[collection]
	change(&t)
	f.tables[collection] = t
}

func (f *fake) drop(collection string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.tables, collection)
}

func (f *fake) table(collection string) (table, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.tables[collection]
	if !ok {
		return t, fault.New(fault.UnknownCollection, "fake", "there is no "+collection, "")
	}
	return t, nil
}

func (f *fake) ID() string { return f.id }

func (f *fake) Collections(context.Context) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (f *fake) Stamp(ctx context.Context, collection string) (backend.Stamp, error) {
	f.stamps.Add(1)
	if f.onStamp != nil {
		if err := f.onStamp(ctx, collection); err != nil {
			return backend.Stamp{}, err
		}
	}
	t, err := f.table(collection)
	return backend.Stamp{DataRef: t.ref, Dim: t.dim, Generation: t.generation}, err
}

func (f *fake) Pull(ctx context.Context, collection string) (*backend.Pulled, error) {
	f.pulls.Add(1)
	if f.before != nil {
		f.before()
	}
	t, err := f.table(collection)
	if f.onPull != nil {
		if err := f.onPull(ctx, collection); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	p := &backend.Pulled{Generation: t.generation, Owned: !f.lent}
	batches := t.batches()
	if f.stream != nil {
		p.Rows = f.stream(t, batches)
		return p, nil
	}
	p.Rows, err = array.NewRecordReader(t.schema(), batches)
	return p, err
}

func (t table) schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "vector", Type: arrow.FixedSizeListOf(int32(t.width()), arrow.PrimitiveTypes.Float32)},
	}, nil)
}

func (t table) width() int {
	if len(t.ids) == 0 {
		return t.dim
	}
	return len(t.rows) / len(t.ids)
}

// batches are the rows in two parts, so that a stream can break in the middle.
func (t table) batches() []arrow.RecordBatch {
	var all []arrow.RecordBatch
	n := len(t.ids)
	for _, part := range [][2]int{{0, n / 2}, {n / 2, n}} {
		ids := array.NewInt64Builder(memory.DefaultAllocator)
		ids.AppendValues(t.ids[part[0]:part[1]], nil)
		d := t.width()
		all = append(all, array.NewRecordBatch(t.schema(), []arrow.Array{
			ids.NewArray(), arrowidxtest.FixedSizeList(t.rows[part[0]*d:part[1]*d], d, nil),
		}, int64(part[1]-part[0])))
	}
	return all
}

// broken is a stream that ends with an error after some batches.
type broken struct {
	array.RecordReader
	after int
}

func (b *broken) Next() bool {
	b.after--
	return b.after >= 0 && b.RecordReader.Next()
}

func (b *broken) Err() error {
	if b.after < 0 {
		return errors.New("connection reset")
	}
	return b.RecordReader.Err()
}

// searcher is a fake that can search, by an index of its own.
type searcher struct {
	*fake
	searches atomic.Int64
}

func (s *searcher) Search(
	ctx context.Context, collection string, p *arrowidx.SearchParams, out *arrowidx.SearchOut,
) error {
	s.searches.Add(1)
	t, err := s.table(collection)
	if err != nil {
		return err
	}
	ix, err := t.index(lake.Defaults())
	if err != nil {
		return err
	}
	defer ix.Close()
	_, err = ix.Search(ctx, p, out)
	return err
}

// index is what a lake must build of a table.
func (t table) index(o lake.Options) (*arrowidx.Index, error) {
	col, err := arrowidx.MatrixColumn(t.rows, len(t.ids), t.dim)
	if err != nil {
		return nil, err
	}
	defer col.Release()
	b := array.NewInt64Builder(memory.DefaultAllocator)
	b.AppendValues(t.ids, nil)
	ids, err := arrowidx.NewIDs(b.NewArray())
	if err != nil {
		return nil, err
	}
	return arrowidx.Build(context.Background(), col, arrowidx.BuildOptions{
		Metric: o.Metric, Kind: o.Kind, Recall: o.Recall, Seed: o.RotationSeed, IDs: ids})
}

// open makes a lake over backends; it is closed with the test, and then no index is left open.
func open(t testing.TB, o lake.Options, backends ...backend.Backend) *lake.Lake {
	l, err := lake.New(o)
	require.NoError(t, err)
	t.Cleanup(func() {
		l.Close()
		for i := 0; l.Stats().ResidentBytes != 0; i++ { // pulls that were under way end now
			if time.Sleep(time.Millisecond); i == 5000 {
				t.Errorf("%d bytes are held for nobody", l.Stats().ResidentBytes)
				return
			}
		}
	})
	for _, b := range backends {
		require.NoError(t, l.Register(b))
	}
	return l
}

// answer is what one query found.
type answer struct {
	IDs    []int64
	Scores []float32
}

// ask searches for the k nearest of one query.
func ask(l *lake.Lake, b, collection string, query []float32, k int) (answer, error) {
	return askAs(context.Background(), l, key(b, collection),
		&lake.Query{SearchParams: arrowidx.SearchParams{Queries: query, NQ: 1, K: k, Threads: 1}})
}

func askAs(ctx context.Context, l *lake.Lake, k backend.Key, q *lake.Query) (answer, error) {
	out := arrowidxtest.Outputs(q.NQ, q.K)
	if _, err := l.Target(k).Search(ctx, q, &out); err != nil {
		return answer{}, err
	}
	n := out.Counts[0]
	out.IDs.Numbers(out.Rows[:n], 0)
	return answer{out.Rows[:n], out.Scores[:n]}, nil
}

func key(b, collection string) backend.Key {
	return backend.Key{Backend: b, Collection: collection}
}

// in is a consistency for one call.
func in(m lake.Mode) *lake.Consistency { return &lake.Consistency{Mode: m} }

// one is a query of two dimensions for the k nearest.
func one(k int, c *lake.Consistency) *lake.Query {
	return &lake.Query{Consistency: c, SearchParams: arrowidx.SearchParams{
		Queries: []float32{0, 0}, NQ: 1, K: k, Threads: 1}}
}

// line makes n rows of two dimensions: row i is (at+i, 0).
func line(n int, at float32) []float32 {
	rows := make([]float32, 2*n)
	for i := range n {
		rows[2*i] = at + float32(i)
	}
	return rows
}

// unknowing is a store that knows the dimension of a collection only once it has read it.
type unknowing struct{ *fake }

func (u *unknowing) Stamp(ctx context.Context, collection string) (backend.Stamp, error) {
	s, err := u.fake.Stamp(ctx, collection)
	s.Dim = 0
	return s, err
}
