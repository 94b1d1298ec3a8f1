package foreign

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
)

// The columns of the records of a pull.
const (
	IDColumn     = "id"
	VectorColumn = "vector"
)

// Rows is what a pull is answered with at once. Owned as of backend.Pulled.
type Rows struct {
	IDs        arrow.Array
	Vectors    *arrowidx.Column
	Generation bundle.Generation
	Owned      bool
}

// AnswerRows answers Pull with ids and vectors, whose memory is borrowed until they are read; the
// caller keeps its own references. Ids are read as arrowidx.NewIDs reads them, later.
//
// Errors: InvalidArgument for a question of another kind, or vectors that are not Arrow arrays.
func (b *Backend) AnswerRows(id uint64, rows Rows) (bool, error) {
	vectors, ok := rows.Vectors.Arrays()
	if !ok {
		return false, fault.New(fault.InvalidArgument, "answer", "vectors that are not in memory",
			"read them first")
	}
	return b.settle(id, Pull, func(q *asked) (any, error) {
		if n := rows.Vectors.Len(); n != rows.IDs.Len() {
			return nil, b.failure(fault.BackendError, q.Collection,
				fmt.Sprintf("%d ids for %d vectors", rows.IDs.Len(), n), "one id for each vector")
		}
		if err := b.checkGeneration(q, rows.Generation); err != nil {
			return nil, err
		}
		made, err := recordsOf(rows.IDs, vectors)
		if err != nil {
			return nil, err
		}
		return &backend.Pulled{Rows: made, Generation: rows.Generation, Owned: rows.Owned}, nil
	})
}

// recordsOf makes a record of each array of vectors, with its ids.
func recordsOf(ids arrow.Array, vectors []arrow.Array) (array.RecordReader, error) {
	var kind arrow.DataType = arrow.ListOf(arrow.PrimitiveTypes.Float32) // of no rows
	if len(vectors) > 0 {
		kind = vectors[0].DataType()
	}
	schema := SchemaOf(ids.DataType(), kind)
	var records []arrow.RecordBatch
	defer func() {
		for _, r := range records {
			r.Release()
		}
	}()
	from := int64(0)
	for _, v := range vectors {
		n := int64(v.Len())
		part := array.NewSlice(ids, from, from+n)
		records = append(records, array.NewRecordBatch(schema, []arrow.Array{part, v}, n))
		part.Release()
		from += n
	}
	return array.NewRecordReader(schema, records)
}

// SchemaOf is the schema of the records of a pull.
func SchemaOf(ids, vectors arrow.DataType) *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: IDColumn, Type: ids, Nullable: true},
		{Name: VectorColumn, Type: vectors, Nullable: true}}, nil)
}

// Stream is an answer to Pull in parts. One thread sends it; End must be called.
type Stream struct {
	b          *Backend
	ctx        context.Context // of the pull
	collection string
	schema     *arrow.Schema
	parts      chan arrow.RecordBatch // no room: what was sent is the reader's
	gone       chan struct{}          // closed when the reader was released
	ended      sync.Once
	failed     error // written before parts is closed
}

// Begin answers Pull with records of this schema that Send will send; nil when nobody waits.
//
// Errors: InvalidArgument for a question of another kind.
func (b *Backend) Begin(
	id uint64, schema *arrow.Schema, g bundle.Generation, owned bool,
) (*Stream, error) {
	var s *Stream
	_, err := b.settle(id, Pull, func(q *asked) (any, error) {
		if err := b.checkGeneration(q, g); err != nil {
			return nil, err
		}
		s = &Stream{b: b, ctx: q.ctx, collection: q.Collection, schema: schema,
			parts: make(chan arrow.RecordBatch), gone: make(chan struct{})}
		r := &reader{Stream: s}
		r.refs.Store(1)
		return &backend.Pulled{Rows: r, Generation: g, Owned: owned}, nil
	})
	return s, err
}

// Schema returns what Begin was given.
func (s *Stream) Schema() *arrow.Schema { return s.schema }

// Send gives one record to the reader, and waits until it takes it. The caller keeps its own
// reference. false: nobody reads any more.
func (s *Stream) Send(r arrow.RecordBatch) bool {
	r.Retain()
	select {
	case s.parts <- r:
		return true
	case <-s.gone:
	case <-s.ctx.Done():
	case <-s.b.done:
	}
	r.Release()
	return false
}

// End ends the stream: with f nil there are no more rows, else it broke.
func (s *Stream) End(f *Failure) {
	s.ended.Do(func() {
		if f != nil {
			s.failed = &fault.Error{Kind: fault.BackendError, Msg: s.b.named(s.collection) +
				": the stream of rows broke", Row: -1, Column: -1, Err: f}
		}
		close(s.parts)
	})
}

// reader is the side of a Stream that reads. One goroutine at a time.
type reader struct {
	*Stream
	refs atomic.Int64
	now  arrow.RecordBatch
	over bool
	err  error
}

func (r *reader) Retain() { r.refs.Add(1) }

func (r *reader) Release() {
	if r.refs.Add(-1) == 0 {
		r.drop()
		close(r.gone)
	}
}

func (r *reader) drop() {
	if r.now != nil {
		r.now.Release()
		r.now = nil
	}
}

func (r *reader) RecordBatch() arrow.RecordBatch { return r.now }

func (r *reader) Record() arrow.RecordBatch { return r.now }

func (r *reader) Err() error { return r.err }

func (r *reader) Next() bool {
	r.drop()
	if r.err == nil {
		r.err = fault.FromContext(r.ctx, r.b.named(r.collection))
	}
	if r.err != nil || r.over {
		return false
	}
	select {
	case part, more := <-r.parts:
		r.now = part
		if !more {
			r.err, r.over = r.failed, true
		}
		return more
	case <-r.ctx.Done():
		r.err = fault.FromContext(r.ctx, r.b.named(r.collection))
	case <-r.b.done:
		r.err = r.b.closedError(r.collection)
	}
	return false
}
