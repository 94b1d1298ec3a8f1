package foreign_test

import (
	"context"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/foreign"
	"github.com/ruvector/ruvector-arrow/lake/laketest"
	"github.com/ruvector/ruvector-arrow/lake/store"
)

// relay answers every question with what another store says.
func relay(t *testing.T, from backend.Backend, streams bool) *foreign.Backend {
	return answering(t, func(b *foreign.Backend, q foreign.Question) {
		_, err := relayed(b, q, from, streams)
		if err != nil {
			b.Fail(q.ID, fault.KindOf(err), foreign.Failure{Text: err.Error()})
		}
	})
}

func relayed(
	b *foreign.Backend, q foreign.Question, from backend.Backend, streams bool,
) (bool, error) {
	ctx := context.Background()
	switch q.Op {
	case foreign.Names:
		names, err := from.Collections(ctx)
		if err != nil {
			return false, err
		}
		return b.AnswerNames(q.ID, names)
	case foreign.Stamp:
		s, err := from.Stamp(ctx, q.Collection)
		if err != nil {
			return false, err
		}
		return b.AnswerStamp(q.ID, s)
	}
	p, err := from.Pull(ctx, q.Collection)
	if err != nil {
		return false, err
	}
	if streams {
		defer p.Rows.Release()
		return true, passOn(b, q, p)
	}
	ids, vectors, err := backend.Read(ctx, p, backend.Limits{})
	if err != nil {
		return false, err
	}
	defer vectors.Release()
	arrays, ok := vectors.Arrays()
	if !ok {
		return false, fault.New(fault.NativeError, "relay", "no arrays", "")
	}
	column, err := arrowidx.NewColumn(arrays)
	if err != nil {
		return false, err
	}
	return b.AnswerRows(q.ID, foreign.Rows{IDs: ids.Array(memory.DefaultAllocator), Vectors: column,
		Generation: p.Generation, Owned: p.Owned})
}

// passOn sends every record in pieces.
func passOn(b *foreign.Backend, q foreign.Question, p *backend.Pulled) error {
	fields := p.Rows.Schema().Fields()
	schema := foreign.SchemaOf(fields[0].Type, fields[1].Type)
	s, err := b.Begin(q.ID, schema, p.Generation, p.Owned)
	if s == nil {
		return err
	}
	defer s.End(nil)
	for p.Rows.Next() {
		r := p.Rows.RecordBatch()
		whole := array.NewRecordBatch(schema, r.Columns(), r.NumRows())
		for from := int64(0); from < r.NumRows(); from += 7000 {
			part := whole.NewSlice(from, min(from+7000, r.NumRows()))
			sent := s.Send(part)
			part.Release()
			if !sent {
				return nil
			}
		}
	}
	return p.Rows.Err()
}

func TestWhatIsAnsweredOutsideIsAStoreLikeAnyOther(t *testing.T) {
	for name, streams := range map[string]bool{"at once": false, "in parts": true} {
		t.Run(name, func(t *testing.T) {
			laketest.Run(t, func(t *testing.T) laketest.Harness {
				local, err := store.NewLocal("inside")
				require.NoError(t, err)
				return laketest.Harness{Backend: relay(t, local, streams),
					DataRef: "local://inside/a",
					Put: func(t testing.TB, collection string, rows laketest.Rows) {
						put(t, local, collection, rows)
					}}
			})
		})
	}
}

func put(t testing.TB, local *store.Local, collection string, rows laketest.Rows) {
	ids, err := arrowidx.NewIDs(rows.IDs)
	require.NoError(t, err)
	column, err := arrowidx.MatrixColumn(rows.Vectors, rows.IDs.Len(), rows.Dim)
	require.NoError(t, err)
	defer column.Release()
	assert.NoError(t, local.Put(context.Background(), collection, ids, column))
}
