package foreign_test

import (
	"context"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/foreign"
)

// record makes a record of one row.
func record(t *testing.T, id int64, first float32) arrow.RecordBatch {
	t.Helper()
	_, vectors := lists(t, first, 0)
	numbers := ids(id)
	defer numbers.Release()
	return array.NewRecordBatch(foreign.SchemaOf(numbers.DataType(), vectors.DataType()),
		[]arrow.Array{numbers, vectors}, 1)
}

// streaming answers pulls with parts records, then ends them; sent receives how many were taken.
func streaming(t *testing.T, parts int, end *foreign.Failure) (*foreign.Backend, chan int) {
	t.Helper()
	sent := make(chan int, 1)
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		one := record(t, 0, 0)
		s, err := b.Begin(q.ID, one.Schema(), bundle.Number(5), true)
		if !assert.NoError(t, err) || !assert.NotNil(t, s) {
			return
		}
		n := 0
		for n < parts && s.Send(record(t, int64(n), float32(n))) {
			n++
		}
		s.End(end)
		sent <- n
	})
	return b, sent
}

func TestRowsComeInParts(t *testing.T) {
	b, sent := streaming(t, 100, nil)
	pulled, err := b.Pull(context.Background(), "c")
	require.NoError(t, err)
	assert.Equal(t, bundle.Number(5), pulled.Generation)
	assert.Equal(t, foreign.IDColumn, pulled.Rows.Schema().Field(0).Name)
	got, firsts, err := drain(t, pulled)
	require.NoError(t, err)
	require.Len(t, got, 100)
	assert.EqualValues(t, 99, got[99])
	assert.EqualValues(t, 99, firsts[99])
	assert.Equal(t, 100, <-sent)
}

func TestAStreamThatBreaksInTheMiddleIsAnError(t *testing.T) {
	b, _ := streaming(t, 3, &foreign.Failure{Text: "disk on fire", Code: 4})
	pulled, err := b.Pull(context.Background(), "c")
	require.NoError(t, err)
	got, _, err := drain(t, pulled)
	assert.Len(t, got, 3)
	assert.Equal(t, fault.BackendError, fault.KindOf(err))
	assert.ErrorContains(t, err, `backend "outside", collection "c": the stream of rows broke: disk`)
	var f *foreign.Failure
	require.ErrorAs(t, err, &f)
	assert.EqualValues(t, 4, f.Code)
}

func TestAReaderThatLeavesStopsTheSender(t *testing.T) {
	b, sent := streaming(t, 1000, nil)
	pulled, err := b.Pull(context.Background(), "c")
	require.NoError(t, err)
	require.True(t, pulled.Rows.Next())
	pulled.Rows.Retain()
	pulled.Rows.Release()
	require.True(t, pulled.Rows.Next())
	pulled.Rows.Release()
	assert.LessOrEqual(t, <-sent, 3)
}

func TestReadingEndsWithTheContextOfThePull(t *testing.T) {
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		s, err := b.Begin(q.ID, record(t, 0, 0).Schema(), bundle.Number(1), false)
		if assert.NoError(t, err) {
			assert.True(t, s.Send(record(t, 1, 1)))
			time.Sleep(30 * time.Millisecond) // a store that hangs in the middle
			assert.False(t, s.Send(record(t, 2, 2)))
			s.End(nil)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Millisecond)
	defer cancel()
	pulled, err := b.Pull(ctx, "c")
	require.NoError(t, err)
	_, _, err = drain(t, pulled)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.False(t, pulled.Rows.Next())
}

func TestReadingEndsWhenTheBackendIsClosed(t *testing.T) {
	b, _ := streaming(t, 10, nil)
	pulled, err := b.Pull(context.Background(), "c")
	require.NoError(t, err)
	require.True(t, pulled.Rows.Next())
	b.Close()
	for pulled.Rows.Next() {
		continue // what was on its way
	}
	assert.Equal(t, fault.BackendError, fault.KindOf(pulled.Rows.Err()))
	pulled.Rows.Release()
}

func TestAStreamOfAnotherQuestionIsRefused(t *testing.T) {
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		if q.Op == foreign.Pull { // a generation that went back
			s, err := b.Begin(q.ID, record(t, 0, 0).Schema(), bundle.Number(1), false)
			assert.NoError(t, err)
			assert.Nil(t, s)
			return
		}
		s, err := b.Begin(q.ID, record(t, 0, 0).Schema(), bundle.Number(1), false)
		assert.Nil(t, s)
		assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
		_, err = b.AnswerStamp(q.ID, backend.Stamp{Generation: bundle.Number(2)})
		assert.NoError(t, err)
	})
	_, err := b.Stamp(context.Background(), "c")
	require.NoError(t, err)
	_, err = b.Pull(context.Background(), "c")
	assert.ErrorContains(t, err, "went back from 2 to 1")
}
