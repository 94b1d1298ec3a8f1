package foreign_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ruvector/ruvector-arrow/arrowidx"
	"github.com/ruvector/ruvector-arrow/fault"
	"github.com/ruvector/ruvector-arrow/lake/backend"
	"github.com/ruvector/ruvector-arrow/lake/bundle"
	"github.com/ruvector/ruvector-arrow/lake/foreign"
)

// answering runs f on every question of a new backend until the test ends, each on a goroutine of
// its own as threads outside would.
func answering(
	t *testing.T, f func(b *foreign.Backend, q foreign.Question),
) *foreign.Backend {
	t.Helper()
	b, err := foreign.New("outside")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Add(1)
	go func() {
		defer running.Done()
		for {
			q, err := b.Next(context.Background())
			if err != nil {
				return
			}
			running.Add(1)
			go func() { defer running.Done(); f(b, q) }()
		}
	}()
	t.Cleanup(func() { b.Close(); running.Wait() })
	return b
}

func ids(numbers ...int64) arrow.Array {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(numbers, nil)
	return b.NewArray()
}

// lists makes vectors of dim 2 of the numbers.
func lists(t *testing.T, numbers ...float32) (*arrowidx.Column, arrow.Array) {
	t.Helper()
	b := array.NewFixedSizeListBuilder(memory.DefaultAllocator, 2, arrow.PrimitiveTypes.Float32)
	defer b.Release()
	values := b.ValueBuilder().(*array.Float32Builder)
	for i := range len(numbers) / 2 {
		b.Append(true)
		values.AppendValues(numbers[2*i:2*i+2], nil)
	}
	a := b.NewArray()
	c, err := arrowidx.NewColumn([]arrow.Array{a})
	require.NoError(t, err)
	return c, a
}

// drain reads all ids and the first number of each vector.
func drain(t *testing.T, p *backend.Pulled) (ids []int64, firsts []float32, err error) {
	t.Helper()
	defer p.Rows.Release()
	for p.Rows.Next() {
		r := p.Rows.RecordBatch()
		assert.Equal(t, foreign.IDColumn, r.ColumnName(0))
		assert.Equal(t, foreign.VectorColumn, r.ColumnName(1))
		ids = append(ids, r.Column(0).(*array.Int64).Int64Values()...)
		v := r.Column(1).(*array.FixedSizeList)
		for i := range v.Len() {
			from, _ := v.ValueOffsets(i)
			firsts = append(firsts, v.ListValues().(*array.Float32).Value(int(from)))
		}
	}
	return ids, firsts, p.Rows.Err()
}

func TestQuestionsAreAnsweredFromOutside(t *testing.T) {
	vectors, _ := lists(t, 1, 2, 3, 4)
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		var wanted bool
		var err error
		switch q.Op {
		case foreign.Names:
			wanted, err = b.AnswerNames(q.ID, []string{"z", "a"})
		case foreign.Stamp:
			wanted, err = b.AnswerStamp(q.ID, backend.Stamp{DataRef: "at://" + q.Collection, Dim: 2,
				Generation: bundle.Opaque("v1")})
		case foreign.Pull:
			wanted, err = b.AnswerRows(q.ID, foreign.Rows{IDs: ids(7, 9), Vectors: vectors,
				Generation: bundle.Number(3), Owned: true})
		case foreign.Describe:
			wanted, err = b.AnswerBundle(q.ID, bundle.Bundle{LineageID: q.Collection,
				Generation: bundle.Number(3)})
		}
		assert.True(t, wanted)
		assert.NoError(t, err)
	})
	ctx := context.Background()
	assert.Equal(t, "outside", b.ID())
	names, err := b.Collections(ctx)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "z"}, names)
	stamp, err := b.Stamp(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, backend.Stamp{DataRef: "at://a", Dim: 2, Generation: bundle.Opaque("v1")}, stamp)
	pulled, err := b.Pull(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, bundle.Number(3), pulled.Generation)
	assert.True(t, pulled.Owned)
	got, firsts, err := drain(t, pulled)
	require.NoError(t, err)
	assert.Equal(t, []int64{7, 9}, got)
	assert.Equal(t, []float32{1, 3}, firsts)
	described, err := foreign.Describing{Backend: b}.Describe(ctx, "a")
	require.NoError(t, err)
	assert.Equal(t, "a", described.LineageID)
}

func TestRowsOfManyArraysKeepTheirIDs(t *testing.T) {
	_, one := lists(t, 1, 1, 2, 2)
	_, two := lists(t, 3, 3)
	vectors, err := arrowidx.NewColumn([]arrow.Array{one, two})
	require.NoError(t, err)
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		_, err := b.AnswerRows(q.ID, foreign.Rows{IDs: ids(10, 20, 30), Vectors: vectors})
		assert.NoError(t, err)
	})
	pulled, err := b.Pull(context.Background(), "c")
	require.NoError(t, err)
	got, firsts, err := drain(t, pulled)
	require.NoError(t, err)
	assert.Equal(t, []int64{10, 20, 30}, got)
	assert.Equal(t, []float32{1, 2, 3}, firsts)
}

func TestNoRowsAreAnAnswer(t *testing.T) {
	vectors, err := arrowidx.NewColumn(nil)
	require.NoError(t, err)
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		_, err := b.AnswerRows(q.ID, foreign.Rows{IDs: ids(), Vectors: vectors})
		assert.NoError(t, err)
	})
	pulled, err := b.Pull(context.Background(), "c")
	require.NoError(t, err)
	got, _, err := drain(t, pulled)
	require.NoError(t, err)
	assert.Empty(t, got)
}

func TestUnequalNumbersOfIDsAndVectorsAreRefused(t *testing.T) {
	vectors, _ := lists(t, 1, 2, 3, 4)
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		wanted, err := b.AnswerRows(q.ID, foreign.Rows{IDs: ids(7), Vectors: vectors})
		assert.True(t, wanted)
		assert.NoError(t, err)
	})
	_, err := b.Pull(context.Background(), "c")
	assert.Equal(t, fault.BackendError, fault.KindOf(err))
	assert.ErrorContains(t, err, `backend "outside", collection "c": 1 ids for 2 vectors`)
}

func TestAFailureSaysWhereAndKeepsItsCode(t *testing.T) {
	kinds := map[string]fault.Kind{"gone": fault.UnknownCollection, "odd": fault.BackendError}
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		kind := kinds[q.Collection]
		if q.Collection == "odd" {
			kind = fault.Cancelled // nobody outside can make a call look interrupted
		}
		assert.True(t, b.Fail(q.ID, kind, foreign.Failure{Text: "it broke", Code: 17}))
	})
	for name, kind := range kinds {
		_, err := b.Stamp(context.Background(), name)
		assert.Equal(t, kind, fault.KindOf(err))
		assert.ErrorContains(t, err, fmt.Sprintf(`backend "outside", collection %q: it broke`, name))
		var f *foreign.Failure
		require.ErrorAs(t, err, &f)
		assert.EqualValues(t, 17, f.Code)
	}
	_, err := b.Collections(context.Background())
	assert.ErrorContains(t, err, `backend "outside": it broke`)
}

func TestAHangEndsWithTheCallersContext(t *testing.T) {
	taken := make(chan foreign.Question, 1)
	b := answering(t, func(_ *foreign.Backend, q foreign.Question) { taken <- q })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := b.Stamp(ctx, "c")
	assert.Equal(t, fault.Cancelled, fault.KindOf(err))
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	q := <-taken
	_, waiting := b.Waiting(q.ID)
	assert.False(t, waiting)
	wanted, err := b.AnswerStamp(q.ID, backend.Stamp{})
	assert.False(t, wanted)
	assert.NoError(t, err)
	assert.False(t, b.Fail(q.ID, fault.BackendError, foreign.Failure{}))
}

func TestAQuestionThatNobodyWaitsForIsNotGivenOut(t *testing.T) {
	b, err := foreign.New("outside")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { _, err := b.Stamp(ctx, "c"); ended <- err }()
	time.Sleep(5 * time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	soon, stop := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer stop()
	_, err = b.Next(soon)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = b.Stamp(ctx, "c") // cancelled before it was asked
	assert.ErrorIs(t, err, context.Canceled)
}

func TestCloseEndsEverything(t *testing.T) {
	b, err := foreign.New("outside")
	require.NoError(t, err)
	ended := make(chan error, 3)
	ask := func() { _, err := b.Stamp(context.Background(), "c"); ended <- err }
	go ask()
	q, err := b.Next(context.Background())
	require.NoError(t, err)
	go func() { _, err := b.Next(context.Background()); ended <- err }()
	b.Close()
	b.Close()
	ask()
	for range 3 {
		err := <-ended
		assert.Equal(t, fault.BackendError, fault.KindOf(err))
		assert.ErrorContains(t, err, `backend "outside"`)
		assert.ErrorContains(t, err, "closed")
	}
	assert.False(t, b.Fail(q.ID, fault.BackendError, foreign.Failure{}))
}

func TestAnswersOfAnotherKindAreRefused(t *testing.T) {
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		_, err := b.AnswerNames(q.ID, nil)
		assert.Equal(t, fault.InvalidArgument, fault.KindOf(err))
		assert.ErrorContains(t, err, "asks for stamp, not for collections")
		b.Fail(q.ID, fault.BackendError, foreign.Failure{Text: "so be it"})
	})
	_, err := b.Stamp(context.Background(), "c")
	assert.ErrorContains(t, err, "so be it")
}

func TestNamesAreChecked(t *testing.T) {
	for _, id := range []string{"", "a/b", ".."} {
		_, err := foreign.New(id)
		assert.Error(t, err, id)
	}
	lists := map[string][]string{"no collection can have": {"ok", "../x"}, "twice": {"a", "b", "a"}}
	for why, names := range lists {
		b := answering(t, func(b *foreign.Backend, q foreign.Question) {
			wanted, err := b.AnswerNames(q.ID, names)
			assert.True(t, wanted)
			assert.NoError(t, err)
		})
		_, err := b.Collections(context.Background())
		assert.Equal(t, fault.BackendError, fault.KindOf(err))
		assert.ErrorContains(t, err, why)
		_, err = b.Stamp(context.Background(), "../x")
		assert.Error(t, err)
		_, err = b.Pull(context.Background(), "")
		assert.Error(t, err)
		_, err = foreign.Describing{Backend: b}.Describe(context.Background(), "a\x00")
		assert.Error(t, err)
	}
}

func TestGenerationsDoNotGoBack(t *testing.T) {
	next := make(chan bundle.Generation, 1)
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		_, err := b.AnswerStamp(q.ID, backend.Stamp{Generation: <-next})
		assert.NoError(t, err)
	})
	stamp := func(collection string, g bundle.Generation) error {
		next <- g
		_, err := b.Stamp(context.Background(), collection)
		return err
	}
	require.NoError(t, stamp("c", bundle.Number(7)))
	err := stamp("c", bundle.Number(3))
	assert.Equal(t, fault.BackendError, fault.KindOf(err))
	assert.ErrorContains(t, err, "went back from 7 to 3")
	assert.NoError(t, stamp("other", bundle.Number(3)))
	assert.NoError(t, stamp("c", bundle.Opaque("b")))
	assert.NoError(t, stamp("c", bundle.Opaque("a")), "texts have no order")
	assert.NoError(t, stamp("c", bundle.Number(7)))
}

// Two callers ask; the later answer comes first. The earlier one was true when it was asked for.
func TestAnswersThatOvertakeEachOtherAreNotBackwards(t *testing.T) {
	b, err := foreign.New("outside")
	require.NoError(t, err)
	defer b.Close()
	var ended sync.WaitGroup
	for range 2 {
		ended.Add(1)
		go func() {
			defer ended.Done()
			_, err := b.Stamp(context.Background(), "c")
			assert.NoError(t, err)
		}()
	}
	one, err := b.Next(context.Background())
	require.NoError(t, err)
	two, err := b.Next(context.Background())
	require.NoError(t, err)
	for i, q := range []foreign.Question{two, one} {
		_, err := b.AnswerStamp(q.ID, backend.Stamp{Generation: bundle.Number(uint64(9 - i))})
		require.NoError(t, err)
	}
	ended.Wait()
}

func TestWhatCannotBeInABundleIsRefused(t *testing.T) {
	long := string(slices.Repeat([]byte("x"), 5000))
	for why, s := range map[string]backend.Stamp{
		"a data reference of 5000 bytes": {DataRef: long},
		"a generation of 5000 bytes":     {Generation: bundle.Opaque(long)},
		"vectors of 9000 dimensions":     {Dim: 9000},
		"vectors of -1 dimensions":       {Dim: -1},
	} {
		b := answering(t, func(b *foreign.Backend, q foreign.Question) {
			_, err := b.AnswerStamp(q.ID, s)
			assert.NoError(t, err)
		})
		_, err := b.Stamp(context.Background(), "c")
		assert.Equal(t, fault.BackendError, fault.KindOf(err))
		assert.ErrorContains(t, err, why)
	}
}

func TestThousandsOfCallersGetTheirOwnAnswers(t *testing.T) {
	b := answering(t, func(b *foreign.Backend, q foreign.Question) {
		_, err := b.AnswerStamp(q.ID, backend.Stamp{DataRef: q.Collection})
		assert.NoError(t, err)
	})
	var ended sync.WaitGroup
	for i := range 2000 {
		ended.Add(1)
		go func() {
			defer ended.Done()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if i%3 == 0 {
				go cancel()
			}
			name := fmt.Sprintf("c%d", i)
			s, err := b.Stamp(ctx, name)
			if !errors.Is(err, context.Canceled) && assert.NoError(t, err) {
				assert.Equal(t, name, s.DataRef)
			}
		}()
	}
	ended.Wait()
}
