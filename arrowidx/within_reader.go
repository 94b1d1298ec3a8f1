package arrowidx

import (
	"context"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/ruvector/ruvector-arrow/arrowidx/internal/search"
	"github.com/ruvector/ruvector-arrow/fault"
)

// WithinReader is Within with the answer as Arrow record batches in memory of mem, at most 16,384
// rows each: query_row (int64, the number of the query), id (int64, uint64 or large_string) and
// score (float32), query after query, the rows of each best first. MaxBytes covers the batches too.
// The caller releases the reader.
func (ix *Index) WithinReader(
	ctx context.Context, p *WithinParams, mem memory.Allocator,
) (reader array.RecordReader, plan Plan, err error) {
	defer func() {
		if err != nil && reader != nil {
			reader.Release()
			reader = nil
		}
	}()
	defer fault.Caught(&err)
	u, err := ix.enter("within")
	if err != nil {
		return nil, Plan{}, err
	}
	defer ix.leave(&u, &err)
	v := u.v
	b := &batcher{mem: mem, ids: v.IDs, schema: arrow.NewSchema([]arrow.Field{
		{Name: "query_row", Type: arrow.PrimitiveTypes.Int64},
		{Name: "id", Type: dataType(v.IDs)},
		{Name: "score", Type: arrow.PrimitiveTypes.Float32},
	}, nil)}
	defer b.release()
	plan, err = search.Within(ctx, v, p, 12+width(v.IDs), b.take)
	if err != nil {
		return nil, Plan{}, err
	}
	b.flush()
	reader, err = array.NewRecordReader(b.schema, b.done)
	return reader, plan, err
}

// dataType is the type of the array that Named makes.
func dataType(ids *IDs) arrow.DataType {
	switch ids.Kind() {
	case IDString:
		return arrow.BinaryTypes.LargeString
	case IDUint64:
		return arrow.PrimitiveTypes.Uint64
	}
	return arrow.PrimitiveTypes.Int64
}

// width is about how many bytes of an Arrow array an id takes.
func width(ids *IDs) int64 {
	if ids.Kind() != IDString || ids.Len() == 0 {
		return 8
	}
	if ids.Parts == nil {
		return 8 + int64(math.Ceil(float64(len(ids.Text))/float64(ids.Len())))
	}
	widest := int64(8)
	for _, p := range ids.Parts {
		widest = max(widest, width(p))
	}
	return widest
}

// batcher gathers rows found into record batches.
type batcher struct {
	mem     memory.Allocator
	ids     *IDs
	schema  *arrow.Schema
	queries []int64
	rows    []int64
	scores  []float32
	done    []arrow.RecordBatch
}

// take adds the rows of one piece.
func (b *batcher) take(r Range) error {
	rows, scores := r.Rows, r.Scores
	for len(rows) > 0 {
		n := min(len(rows), search.RangePiece-len(b.rows))
		for range n {
			b.queries = append(b.queries, int64(r.Query))
		}
		b.rows, b.scores = append(b.rows, rows[:n]...), append(b.scores, scores[:n]...)
		if rows, scores = rows[n:], scores[n:]; len(b.rows) == search.RangePiece {
			b.flush()
		}
	}
	return nil
}

// flush makes a batch of what was taken.
func (b *batcher) flush() {
	if len(b.rows) == 0 {
		return
	}
	queries, scores := array.NewInt64Builder(b.mem), array.NewFloat32Builder(b.mem)
	defer queries.Release()
	defer scores.Release()
	queries.AppendValues(b.queries, nil)
	scores.AppendValues(b.scores, nil)
	columns := []arrow.Array{queries.NewArray(), b.ids.Named(b.rows, b.mem), scores.NewArray()}
	b.done = append(b.done, array.NewRecordBatch(b.schema, columns, int64(len(b.rows))))
	for _, column := range columns {
		column.Release()
	}
	b.queries, b.rows, b.scores = b.queries[:0], b.rows[:0], b.scores[:0]
}

// release gives the batches up; a reader of them holds its own references.
func (b *batcher) release() {
	for _, batch := range b.done {
		batch.Release()
	}
}
