package lake_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/foreign"
)

// outsideRows answers questions with three rows; asked counts them.
func outsideRows(t *testing.T) (b *foreign.Backend, asked *atomic.Int64, ended chan error) {
	b, err := foreign.New("outside")
	require.NoError(t, err)
	asked, ended = &atomic.Int64{}, make(chan error, 1)
	list := arrowRows(t)
	go func() {
		for {
			q, err := b.Next(context.Background())
			if err != nil {
				ended <- err
				return
			}
			asked.Add(1)
			if q.Op == foreign.Stamp {
				_, err = b.AnswerStamp(q.ID, backend.Stamp{DataRef: "at://c",
					Generation: bundle.Number(1)})
			} else {
				_, err = b.AnswerRows(q.ID, foreign.Rows{Generation: bundle.Number(1),
					IDs: arrowidx.PositionIDs(3).Array(memory.DefaultAllocator), Vectors: list})
			}
			assert.NoError(t, err)
		}
	}()
	return b, asked, ended
}

// arrowRows is a column of three rows of two numbers.
func arrowRows(t *testing.T) *arrowidx.Column {
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	defer b.Release()
	b.AppendValues([]bool{true, true, true})
	b.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{1, 0, 0, 1, 1, 1}, nil)
	a := b.NewArray()
	defer a.Release()
	c, err := arrowidx.NewColumn([]arrow.Array{a})
	require.NoError(t, err)
	return c
}

func TestWhoKnowsTheEntryWaitsForNobodyOutside(t *testing.T) {
	b, asked, ended := outsideRows(t)
	l, err := lake.New(lake.Options{})
	require.NoError(t, err)
	require.NoError(t, l.Register(b))
	target := l.Target(backend.Key{Backend: "outside", Collection: "c"})
	q, out := outsideQuery()
	_, err = target.Search(context.Background(), q, out)
	require.NoError(t, err)
	require.NotZero(t, q.Answer.Entry)
	assert.EqualValues(t, 1, out.Rows[0])

	before := asked.Load()
	_, found, err := target.SearchEntry(context.Background(), q, q.Answer.Entry, out)
	require.NoError(t, err)
	assert.False(t, found, "to be fresh it must be asked, which may take long")
	q.Consistency = &lake.Consistency{Mode: lake.Eventual, TTL: time.Hour}
	_, found, err = target.SearchEntry(context.Background(), q, q.Answer.Entry, out)
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, before, asked.Load())

	l.Close()
	assert.Equal(t, fault.BackendError, fault.KindOf(<-ended), "the lake was all it was for")
}

func outsideQuery() (*lake.Query, *arrowidx.SearchOut) {
	q := &lake.Query{Answer: &lake.Answer{}}
	q.Queries, q.NQ, q.K = []float32{0, 1}, 1, 1
	return q, &arrowidx.SearchOut{Rows: make([]int64, 1), Scores: make([]float32, 1),
		Counts: make([]int64, 1)}
}
