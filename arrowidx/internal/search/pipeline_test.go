package search

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is a verb that notes what a pipeline asks of it.
type recorder struct {
	pipeline
	mu    sync.Mutex
	seen  map[string]int // a stage, query and shard or part: how often
	order []string       // stages in the order in which their tasks began
	fail  string
}

func (r *recorder) note(stage string, what ...int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := fmt.Sprint(stage, what)
	r.seen[at]++
	if len(r.order) == 0 || r.order[len(r.order)-1] != stage {
		r.order = append(r.order, stage)
	}
	if at == r.fail {
		return errors.New(at)
	}
	return nil
}

func (r *recorder) each(stage string, lo, hi int, more ...int) error {
	for i := lo; i < hi; i++ {
		if err := r.note(stage, append([]int{i}, more...)...); err != nil {
			return err
		}
	}
	return nil
}

func (r *recorder) prepare(_, lo, hi int) error { return r.each("prepare", lo, hi) }

func (r *recorder) route(_, lo, hi int) error { return r.each("route", lo, hi) }

func (r *recorder) scan(_, lo, hi, shard int) error { return r.each("scan", lo, hi, shard) }

func (r *recorder) join(_, i int) error { return r.note("join", i) }

func (r *recorder) finish(_, i int) error { return r.note("finish", i) }

func TestEveryStageSeesEveryQueryOnce(t *testing.T) {
	for _, threads := range []int{1, 3} {
		for _, count := range []int{1, 4, 5, 31} {
			r := &recorder{seen: map[string]int{}}
			r.span(100, 100+count, 5, 3)
			r.tasks[joining] = count
			var plan Plan
			require.NoError(t, r.drive(t.Context(), r, "search", threads, &plan))
			require.Equal(t, []string{"prepare", "route", "scan", "join", "finish"}, r.order)
			want := map[string]int{}
			for i := range count {
				for _, stage := range []string{"prepare", "route", "join", "finish"} {
					want[fmt.Sprint(stage, []int{i})] = 1
				}
				for shard := range 3 {
					want[fmt.Sprint("scan", []int{i, shard})] = 1
				}
			}
			require.Equal(t, want, r.seen, "%d queries, %d threads", count, threads)
			require.Positive(t, plan.Scan)
		}
	}
}

func TestStagesWithoutTasksAreLeftOut(t *testing.T) {
	r := &recorder{seen: map[string]int{}}
	r.span(0, 6, 4, 2)
	r.tasks[routing], r.tasks[finishing] = 0, 12
	require.NoError(t, r.drive(t.Context(), r, "search", 2, &Plan{}))
	require.Equal(t, []string{"prepare", "scan", "finish"}, r.order)
	require.Equal(t, 1, r.seen[fmt.Sprint("finish", []int{11})], "a query in parts")
	r.release()
	require.Nil(t, r.Ctx, "nothing of a caller is kept")
	require.Nil(t, r.verb, "nothing of a caller is kept")
}

// A round that begins to fail says the same whatever the number of threads, and goes no further.
func TestTheFirstErrorEndsARound(t *testing.T) {
	for _, threads := range []int{1, 4} {
		r := &recorder{seen: map[string]int{}, fail: "scan[5 1]"}
		r.span(0, 12, 4, 2)
		require.EqualError(t, r.drive(t.Context(), r, "search", threads, &Plan{}), "scan[5 1]")
		require.Equal(t, []string{"prepare", "route", "scan"}, r.order)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &recorder{seen: map[string]int{}}
	r.span(0, 12, 4, 2)
	require.ErrorContains(t, r.drive(ctx, r, "within", 1, &Plan{}), "within: ")
	require.Empty(t, r.seen)
}

// idle is a verb that does nothing.
type idle struct{ pipeline }

func (*idle) prepare(_, _, _ int) error { return nil }

func (*idle) route(_, _, _ int) error { return nil }

func (*idle) scan(_, _, _, _ int) error { return nil }

func (*idle) join(_, _ int) error { return nil }

func (*idle) finish(_, _ int) error { return nil }

func TestARoundAllocatesNothing(t *testing.T) {
	v, plan, ctx := &idle{}, &Plan{}, t.Context()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		v.span(0, 64, 32, 2)
		if v.drive(ctx, v, "search", 1, plan) != nil {
			t.Fail()
		}
	}))
}
