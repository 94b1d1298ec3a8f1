package backend_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
)

// stream is a reader that hands out batches and then an error.
type stream struct {
	schema   *arrow.Schema
	batches  [][]arrow.Array
	err      error
	panics   bool
	before   func() // called before every batch
	batch    arrow.RecordBatch
	released atomic.Int64
}

func (s *stream) Retain()                        {}
func (s *stream) Release()                       { s.released.Add(1) }
func (s *stream) Schema() *arrow.Schema          { return s.schema }
func (s *stream) RecordBatch() arrow.RecordBatch { return s.batch }
func (s *stream) Record() arrow.RecordBatch      { return s.batch }

func (s *stream) Err() error {
	if len(s.batches) > 0 {
		return nil
	}
	return s.err
}

func (s *stream) Next() bool {
	if s.before != nil {
		s.before()
	}
	if len(s.batches) == 0 {
		if s.panics {
			panic("the store is broken")
		}
		return false
	}
	columns := s.batches[0]
	s.batches = s.batches[1:]
	var fields []arrow.Field
	for i, c := range columns {
		fields = append(fields, arrow.Field{Name: s.schema.Field(i).Name, Type: c.DataType(),
			Nullable: true})
	}
	s.batch = array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, -1)
	return true
}

// names is a schema of these columns; the types are those of the batches.
func names(columns ...string) *arrow.Schema {
	var fields []arrow.Field
	for _, c := range columns {
		fields = append(fields, arrow.Field{Name: c, Type: arrow.Null})
	}
	return arrow.NewSchema(fields, nil)
}

// arrayOf makes an array of what JSON says.
func arrayOf(t *testing.T, kind arrow.DataType, json string) arrow.Array {
	a, _, err := array.FromJSON(memory.DefaultAllocator, kind, strings.NewReader(json))
	require.NoError(t, err)
	return a
}

func int64s(t *testing.T, json string) arrow.Array {
	return arrayOf(t, arrow.PrimitiveTypes.Int64, json)
}

// pairs are vectors of two numbers; a list may be ragged.
func pairs(t *testing.T, json string) arrow.Array {
	return arrayOf(t, arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), json)
}

func lists(t *testing.T, json string) arrow.Array {
	return arrayOf(t, arrow.ListOf(arrow.PrimitiveTypes.Float32), json)
}

// floats are vectors of two numbers that JSON has none for.
func floats(values ...float32) arrow.Array {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	for i, v := range values {
		if i%2 == 0 {
			b.Append(true)
		}
		b.ValueBuilder().(*array.Float32Builder).Append(v)
	}
	return b.NewArray()
}

func read(
	ctx context.Context, s *stream, l backend.Limits,
) (*arrowidx.IDs, *arrowidx.Column, error) {
	l.Key = backend.Key{Backend: "far", Collection: "docs"}
	return backend.Read(ctx, &backend.Pulled{Rows: s}, l)
}

func TestReadTakesEveryShapeThatIsRight(t *testing.T) {
	s := &stream{schema: names("more", "vector", "id"), batches: [][]arrow.Array{
		{int64s(t, "[0, 0]"), lists(t, "[[1, 2], [3, 4]]"), int64s(t, "[7, -7]")},
		{int64s(t, "[]"), lists(t, "[]"), int64s(t, "[]")},
		{int64s(t, "[0]"), lists(t, "[[5, 6]]"), int64s(t, "[0]")},
	}}
	ids, col, err := read(t.Context(), s, backend.Limits{Dim: 2})
	require.NoError(t, err)
	defer col.Release()
	assert.EqualValues(t, 1, s.released.Load())
	assert.Equal(t, "-7", ids.Name(1))
	got := make([]float32, 6)
	col.CopyTo(got)
	assert.Equal(t, []float32{1, 2, 3, 4, 5, 6}, got)
}

func TestReadMakesOneOfWhatLiesSideBySide(t *testing.T) {
	for _, whole := range []arrow.Array{
		pairs(t, "[[0, 1], [2, 3], [4, 5], [6, 7]]"),
		arrayOf(t, &arrow.FixedSizeBinaryType{ByteWidth: 2}, `["AAA=", "AAE=", "AAI=", "AAM="]`),
	} {
		s := &stream{schema: names("id", "vector"), batches: [][]arrow.Array{
			{int64s(t, "[1]"), array.NewSlice(whole, 0, 1)},
			{int64s(t, "[2, 3]"), array.NewSlice(whole, 1, 3)},
			{int64s(t, "[4]"), array.NewSlice(whole, 3, 4)},
			{int64s(t, "[5]"), array.NewSlice(whole, 0, 1)},
		}}
		ids, col, err := read(t.Context(), s, backend.Limits{})
		require.NoError(t, err)
		assert.Equal(t, 2, col.Chunks(), "%s", whole.DataType())
		require.Equal(t, 5, ids.Len())
		for row := range 4 {
			want := columnOf(t, whole).Memory(row)
			assert.Equal(t, want, col.Memory(row), "%s row %d", whole.DataType(), row)
		}
		col.Release()
	}
}

func columnOf(t *testing.T, a arrow.Array) *arrowidx.Column {
	col, err := arrowidx.NewColumn([]arrow.Array{a})
	require.NoError(t, err)
	return col
}

func TestReadOfNoRowsIsNoError(t *testing.T) {
	ids, col, err := read(t.Context(), &stream{schema: names("id", "vector")}, backend.Limits{})
	require.NoError(t, err)
	assert.Zero(t, ids.Len()+col.Len())
}

// distrusted is a stream that must be refused, and how.
type distrusted struct {
	name   string
	s      *stream
	limits backend.Limits
	kind   fault.Kind
	row    int64
	says   string
}

func TestWhatAStoreHandsOverIsDistrusted(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	for _, c := range slices.Concat(badRows(t), badShapes(t), badStreams(t, stop)) {
		t.Run(c.name, func(t *testing.T) {
			in := t.Context()
			if c.kind == fault.Cancelled {
				in = ctx
			}
			_, _, err := read(in, c.s, c.limits)
			require.Equal(t, c.kind, fault.KindOf(err), "%v", err)
			assert.Contains(t, err.Error(), c.says)
			assert.Contains(t, err.Error(), "far/docs")
			var e *fault.Error
			require.ErrorAs(t, err, &e)
			assert.Equal(t, c.row, e.Row, "%v", err)
			assert.EqualValues(t, 1, c.s.released.Load(), "the reader is released")
		})
	}
	_, _, err := backend.Read(t.Context(), nil, backend.Limits{})
	assert.Equal(t, fault.BackendError, fault.KindOf(err))
}

var both = names("id", "vector")

// right is a batch that nothing is wrong with.
func right(t *testing.T) []arrow.Array {
	return []arrow.Array{int64s(t, "[8, 9]"), pairs(t, "[[1, 2], [3, 4]]")}
}

func badRows(t *testing.T) []distrusted {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	ids, ok := int64s(t, "[1, 2]"), right(t)
	return []distrusted{
		{"duplicate ids", &stream{schema: both, batches: [][]arrow.Array{ok,
			{int64s(t, "[7, 9]"), ok[1]}}}, backend.Limits{}, fault.BackendError, 3, "id 9 of row 3"},
		{"a null id", &stream{schema: both, batches: [][]arrow.Array{ok,
			{int64s(t, "[7, null]"), ok[1]}}}, backend.Limits{}, fault.BackendError, 3, "id of row 3"},
		{"two types of ids", &stream{schema: both, batches: [][]arrow.Array{ok,
			{arrayOf(t, arrow.BinaryTypes.String, `["x", "y"]`), ok[1]}}},
			backend.Limits{}, fault.BackendError, 2, "utf8"},
		{"ids of no type", &stream{schema: both, batches: [][]arrow.Array{
			{arrayOf(t, arrow.PrimitiveTypes.Float64, "[1, 2]"), ok[1]}}},
			backend.Limits{}, fault.BackendError, -1, "float64"},
		{"text that is none", &stream{schema: both, batches: [][]arrow.Array{
			{badText(), ok[1]}}}, backend.Limits{}, fault.BackendError, 1, "UTF-8"},
		{"NaN", &stream{schema: both, batches: [][]arrow.Array{ok, {ids, floats(1, 2, 3, nan)}}},
			backend.Limits{}, fault.BackendError, 3, "row 3, column 1 holds NaN"},
		{"infinity", &stream{schema: both, batches: [][]arrow.Array{{ids, floats(inf, 2, 3, 4)}}},
			backend.Limits{}, fault.BackendError, 0, "row 0, column 0 holds infinity"},
		{"a null number", &stream{schema: both, batches: [][]arrow.Array{
			{ids, pairs(t, "[[1, 2], [null, 2]]")}}}, backend.Limits{}, fault.BackendError, 1,
			"row 1, column 0 holds null"},
		{"a null vector", &stream{schema: both, batches: [][]arrow.Array{
			{ids, pairs(t, "[[1, 2], null]")}}}, backend.Limits{}, fault.BackendError, 1, "row 1 is null"},
	}
}

func badShapes(t *testing.T) []distrusted {
	ids, ok := int64s(t, "[1, 2]"), right(t)
	return []distrusted{
		{"a ragged list", &stream{schema: both, batches: [][]arrow.Array{
			{ok[0], lists(t, "[[1,2],[3,4]]")}, {ids, lists(t, "[[1, 2], [3]]")}}},
			backend.Limits{}, fault.BackendError, 3, "batch from row 2 on"},
		{"another dimension later", &stream{schema: both, batches: [][]arrow.Array{ok,
			{ids, lists(t, "[[1, 2, 3], [3, 4, 5]]")}}}, backend.Limits{}, fault.BackendError, 2,
			"3 dimensions from row 2 on"},
		{"another dimension than the stamp's", &stream{schema: both, batches: [][]arrow.Array{ok}},
			backend.Limits{Dim: 3}, fault.BackendError, 0, "the store says 3"},
		{"no vectors", &stream{schema: both, batches: [][]arrow.Array{{ids, ids}}},
			backend.Limits{}, fault.BackendError, -1, "int64"},
		{"ids without vectors", &stream{schema: both, batches: [][]arrow.Array{
			{ids, nil}}}, backend.Limits{}, fault.BackendError, -1, ""},
		{"no column of ids", &stream{schema: names("vector")}, backend.Limits{}, fault.BackendError, -1,
			`0 columns "id"`},
		{"two columns of vectors", &stream{schema: names("id", "vector", "vector")},
			backend.Limits{}, fault.BackendError, -1, `2 columns "vector"`},
		{"no schema", &stream{}, backend.Limits{}, fault.BackendError, -1, `0 columns "id"`},
		{"a batch of one column", &stream{schema: both, batches: [][]arrow.Array{{ids}}},
			backend.Limits{}, fault.BackendError, -1, "lacks columns"},
	}
}

func badStreams(t *testing.T, stop func()) []distrusted {
	ok := right(t)
	return []distrusted{
		{"a stream that breaks", &stream{schema: both, batches: [][]arrow.Array{ok},
			err: errors.New("connection lost")}, backend.Limits{}, fault.BackendError, -1,
			"broke after 2 rows: connection lost"},
		{"a store that knows why", &stream{schema: both,
			err: fault.At(fault.PersistError, "x", 5, 6, "a bad disk", "buy one")},
			backend.Limits{}, fault.BackendError, 5, "a bad disk; buy one"},
		{"a store whose memory ends", &stream{schema: both,
			err: fault.New(fault.OutOfMemory, "x", "no room", "")}, backend.Limits{}, fault.OutOfMemory,
			-1, "no room"},
		{"a store that panics", &stream{schema: both, panics: true}, backend.Limits{},
			fault.BackendError, -1, "the store is broken"},
		{"too many rows", &stream{schema: both, batches: [][]arrow.Array{ok, ok}},
			backend.Limits{Rows: 3}, fault.LimitExceeded, -1, "4 rows, at most 3"},
		{"too many dimensions", &stream{schema: both, batches: [][]arrow.Array{ok}},
			backend.Limits{MaxDim: 1}, fault.LimitExceeded, -1, "2 dimensions"},
		{"too many bytes", &stream{schema: both, batches: [][]arrow.Array{ok}},
			backend.Limits{Bytes: 15}, fault.LimitExceeded, -1, "16 bytes"},
		{"an end of the context", &stream{schema: both, batches: [][]arrow.Array{ok}, before: stop},
			backend.Limits{}, fault.Cancelled, -1, ""},
	}
}

// badText is an array of texts of which one is not UTF-8.
func badText() arrow.Array {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	b.AppendValues([]string{"a", "\xff"}, nil)
	return b.NewArray()
}
